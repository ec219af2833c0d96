//! Reads and moves refs: each with compare-and-swap, many of them in one rewrite of `packed-refs`.
//!
//! The formats are those of git-pack-refs(1) and gitrepository-layout(5). A ref that has a loose file is what the file
//! says, whatever `packed-refs` says. No reflog is written: every release is the parent of the next one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use super::lock::Lock;
use super::{GitError, Oid};

const PACKED: &str = "packed-refs";
const HEADER: &str = "# pack-refs with: peeled fully-peeled sorted \n";

/// So many refs at a time are written as loose files; more of them, or a removal, rewrite `packed-refs`.
const FEW: usize = 8;

/// One ref to move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Its full name.
    pub name: String,
    /// Where it must be now; `None`: it must not exist.
    pub old: Option<Oid>,
    /// Where it shall be, a commit; `None`: it shall not exist.
    pub new: Option<Oid>,
}

/// Returns the refs below a prefix such as `refs/heads`, by full name.
pub fn read(repository: &Path, prefix: &str) -> Result<BTreeMap<String, Oid>, GitError> {
    let below = format!("{prefix}/");
    let packed = read_file(repository, PACKED)?.unwrap_or_default();
    let mut refs: BTreeMap<String, Oid> = parse(&packed)
        .filter(|line| line.name.starts_with(&below))
        .filter_map(|line| Some((line.name.to_owned(), line.text.get(..40)?.parse().ok()?)))
        .collect();
    let mut open = vec![prefix.to_owned()];
    while let Some(dir) = open.pop() {
        let path = repository.join(&dir);
        let failed = |source| GitError::File { doing: "read", path: path.clone(), source };
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => continue,
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = format!("{dir}/{}", entry.file_name().to_string_lossy());
            if entry.file_type().map_err(failed)?.is_dir() {
                open.push(name);
            } else if let Some(id) = loose(repository, &name)? {
                refs.insert(name, id);
            }
        }
    }
    Ok(refs)
}

/// Moves refs. Each is checked against `old` under its lock; a ref that was moved meanwhile is an error, and the edits
/// before it may stand.
pub fn apply(repository: &Path, mut edits: Vec<Edit>) -> Result<(), GitError> {
    if edits.len() <= FEW && edits.iter().all(|edit| edit.new.is_some()) {
        return edits.iter().try_for_each(|edit| write_loose(repository, edit));
    }
    edits.sort_by(|a, b| a.name.cmp(&b.name));
    write_packed(repository, &edits)
}

fn write_loose(repository: &Path, edit: &Edit) -> Result<(), GitError> {
    let lock = Lock::take(repository, &edit.name)?;
    let mut current = loose(repository, &edit.name)?;
    if current.is_none() {
        let packed = read_file(repository, PACKED)?.unwrap_or_default();
        current = parse(&packed).find(|line| line.name == edit.name).and_then(|line| line.text.get(..40)?.parse().ok());
    }
    if current != edit.old {
        return Err(GitError::Moved { name: edit.name.clone() });
    }
    lock.replace(format!("{}\n", edit.new.expect("a removal rewrites packed-refs")).as_bytes())
}

fn write_packed(repository: &Path, edits: &[Edit]) -> Result<(), GitError> {
    let lock = Lock::take(repository, PACKED)?;
    let old = read_file(repository, PACKED)?.unwrap_or_default();
    let mut shadowed = Vec::new();
    let text = merge(&old, edits, |edit, packed| {
        let loose = loose(repository, &edit.name)?;
        if loose.is_some() {
            shadowed.push(edit);
        }
        if loose.or(packed) == edit.old { Ok(()) } else { Err(GitError::Moved { name: edit.name.clone() }) }
    })?;
    lock.replace(text.as_bytes())?;
    // The loose file goes last: without it, the packed line is the ref.
    for edit in shadowed {
        let lock = Lock::take(repository, &edit.name)?;
        if loose(repository, &edit.name)? != edit.old {
            return Err(GitError::Moved { name: edit.name.clone() });
        }
        lock.remove()?;
    }
    Ok(())
}

/// Returns the new text of `packed-refs`; `check` is asked about every edit with the packed value.
fn merge<'e>(
    old: &str,
    edits: &'e [Edit],
    mut check: impl FnMut(&'e Edit, Option<Oid>) -> Result<(), GitError>,
) -> Result<String, GitError> {
    let mut lines: Vec<Line<'_>> = parse(old).collect();
    lines.sort_unstable_by_key(|line| line.name);
    let mut text = String::with_capacity(old.len() + edits.len() * 80 + HEADER.len());
    text.push_str(&header(old));
    let mut lines = lines.into_iter().peekable();
    for edit in edits {
        while let Some(line) = lines.next_if(|line| *line.name < *edit.name) {
            text.push_str(line.text);
        }
        let replaced = lines.next_if(|line| *line.name == *edit.name);
        check(edit, replaced.and_then(|line| line.text.get(..40)?.parse().ok()))?;
        if let Some(id) = edit.new {
            writeln!(text, "{id} {}", edit.name).expect("a string takes any text");
        }
    }
    lines.for_each(|line| text.push_str(line.text));
    Ok(text)
}

/// An older header may promise less about peeled tags than we may claim; what it lacks is only the order.
fn header(old: &str) -> String {
    match old.lines().next() {
        Some(line) if line.starts_with("# pack-refs with:") => {
            let sorted = line.split(' ').any(|word| word == "sorted");
            format!("{}{} \n", line.trim_end(), if sorted { "" } else { " sorted" })
        }
        Some(_) => "# pack-refs with: sorted \n".to_owned(),
        None => HEADER.to_owned(),
    }
}

/// One ref of `packed-refs`: its name, and its line with the line of the peeled tag if there is one.
#[derive(Clone, Copy)]
struct Line<'a> {
    name: &'a str,
    text: &'a str,
}

fn parse(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let end = rest.find('\n').map_or(rest.len(), |n| n + 1);
            let line = &rest[..end];
            if line.is_empty() {
                return None;
            }
            let peeled = if rest[end..].starts_with('^') {
                rest[end..].find('\n').map_or(rest.len() - end, |n| n + 1)
            } else {
                0
            };
            let text = &rest[..end + peeled];
            rest = &rest[end + peeled..];
            if let Some((_, name)) = line.trim_end_matches('\n').split_once(' ').filter(|_| !line.starts_with('#')) {
                return Some(Line { name, text });
            }
        }
    })
}

/// Returns where the loose file of a ref points; `None` for no file, and for a lock or a symbolic ref, which are not ours.
fn loose(repository: &Path, name: &str) -> Result<Option<Oid>, GitError> {
    Ok(read_file(repository, name)?.and_then(|text| text.trim_end().parse().ok()))
}

fn read_file(repository: &Path, name: &str) -> Result<Option<String>, GitError> {
    let path = repository.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => Ok(None),
            _ => Err(GitError::File { doing: "read", path, source: error }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> Oid {
        Oid::from_bytes(&[n; 20]).expect("20 bytes")
    }

    fn line(n: u8, name: &str) -> String {
        format!("{} {name}\n", id(n))
    }

    #[test]
    fn merges_into_packed_refs() {
        let edit = |name: &str, new: Option<u8>| Edit { name: name.to_owned(), old: None, new: new.map(id) };
        let edits = [edit("refs/a/b", Some(9)), edit("refs/b", None), edit("refs/c", Some(8))];
        let tag = format!("{}^{}\n", line(3, "refs/tags/t"), id(4));
        let check = |old: &str, expect: &str| {
            assert_eq!(merge(old, &edits, |_, _| Ok(())).expect("every edit is allowed"), expect);
        };
        let ours = [line(9, "refs/a/b"), line(8, "refs/c")].concat();
        check("", &format!("{HEADER}{ours}"));
        check(
            &format!("{HEADER}{}{}{}{tag}", line(1, "refs/a/a"), line(2, "refs/b"), line(3, "refs/c")),
            &format!("{HEADER}{}{ours}{tag}", line(1, "refs/a/a")),
        );
        check(
            &format!("# pack-refs with: peeled \n{tag}{}", line(1, "refs/a/a")),
            &format!("# pack-refs with: peeled sorted \n{}{ours}{tag}", line(1, "refs/a/a")),
        );
        check(&tag, &format!("# pack-refs with: sorted \n{ours}{tag}"));
    }
}
