//! Reads the tables of `src/facts/tables`: tab-separated values below a header line that names the columns.
//!
//! A line that starts with `#` is a comment. Tables are part of the program, so a broken one is our fault: each table has a
//! unit test that reads it.

/// Where a table is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the table: {why}")]
pub struct Broken {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// Reads a table whose columns are these; `make` turns the cells of one row into a value.
pub fn read<T, const N: usize>(
    text: &'static str,
    columns: [&str; N],
    mut make: impl FnMut([&'static str; N]) -> Result<T, String>,
) -> Result<Vec<T>, Broken> {
    let mut header = false;
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.starts_with('#')) {
        let broken = |why: String| Broken { line: index + 1, why };
        let mut cells = [""; N];
        let mut count = 0;
        for cell in line.split('\t') {
            *cells.get_mut(count).ok_or_else(|| broken(format!("more than {N} cells")))? = cell;
            count += 1;
        }
        if count != N {
            return Err(broken(format!("{count} cells instead of {N}")));
        }
        if header {
            rows.push(make(cells).map_err(broken)?);
        } else if cells == columns {
            header = true;
        } else {
            return Err(broken(format!("the header is {cells:?} instead of {columns:?}")));
        }
    }
    Ok(rows)
}

/// Reads a table that is part of the program; a unit test must have read it.
pub fn built_in<T, const N: usize>(
    text: &'static str,
    columns: [&str; N],
    make: impl FnMut([&'static str; N]) -> Result<T, String>,
) -> Vec<T> {
    read(text, columns, make).expect("a unit test reads every table")
}

/// Returns nothing for an empty cell.
pub fn optional(cell: &'static str) -> Option<&'static str> {
    (!cell.is_empty()).then_some(cell)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_and_a_broken_one_says_where() {
        let check = |text, expect| {
            let rows = read(text, ["a", "b"], |[a, b]| match b {
                "bad" => Err("bad b".to_owned()),
                _ => Ok(format!("{a}-{b}")),
            });
            assert_eq!(rows.map_err(|broken| broken.to_string()), expect, "{text:?}");
        };
        let ok = |rows: &[&str]| Ok(rows.iter().map(|&row| row.to_owned()).collect());
        let err = |text: &str| Err(text.to_owned());
        check("# c\na\tb\n1\t2\n# c\n3\t\n", ok(&["1-2", "3-"]));
        check("a\tb\n1\t2\t3\n", err("line 2 of the table: more than 2 cells"));
        check("a\tb\n1\n", err("line 2 of the table: 1 cells instead of 2"));
        check("a\tb\n\n", err("line 2 of the table: 1 cells instead of 2"));
        check("a\tc\n1\t2\n", err("line 1 of the table: the header is [\"a\", \"c\"] instead of [\"a\", \"b\"]"));
        check("a\tb\n1\tbad\n", err("line 2 of the table: bad b"));
        assert_eq!(optional(""), None);
        assert_eq!(optional("x"), Some("x"));
    }
}
