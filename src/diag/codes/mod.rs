//! What each code means, for `rmqgit explain CODE`.
//!
//! Every code that a `Diagnostic::error` or `Diagnostic::warning` of `src` names stands in one of the tables once, in
//! alphabetical order; `tests/it/codes.rs` holds both directions. A code is never reused for something else. The codes of
//! rules stand in their files (see [`crate::policy`]).

mod rules;
mod secret;
mod signers;
mod spec;
mod yaml;

/// The explanation of one code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The code: a kebab-case noun of the fault.
    pub code: &'static str,
    /// What it says, in a few words without a final period.
    pub title: &'static str,
    /// Why it is refused or warned about.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
    /// A spec, or a part of one, that has the fault.
    pub example: &'static str,
}

const TABLES: [&[Code]; 5] = [rules::CODES, secret::CODES, signers::CODES, spec::CODES, yaml::CODES];

/// Returns the explanation of a code.
pub fn find(code: &str) -> Option<&'static Code> {
    TABLES.iter().find_map(|table| {
        let index = table.binary_search_by(|known| known.code.cmp(code)).ok()?;
        Some(&table[index])
    })
}

/// Returns all codes, in alphabetical order.
pub fn all() -> Vec<&'static Code> {
    let mut codes: Vec<_> = TABLES.iter().flat_map(|table| table.iter()).collect();
    codes.sort_by_key(|code| code.code);
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted() {
        for table in TABLES {
            assert!(table.is_sorted_by(|a, b| a.code < b.code));
        }
    }
}
