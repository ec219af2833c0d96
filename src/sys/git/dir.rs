//! A directory in memory, named as Git names it before anything is written.

use std::collections::BTreeMap;

use super::object::{self, Kind};
use super::pack::Packer;
use super::tree::{self, Entry, Mode};
use super::{GitError, Objects, Oid};

/// A directory with the names of everything in it.
#[derive(Debug)]
pub struct Dir {
    id: Oid,
    bytes: Vec<u8>,
    children: BTreeMap<String, Child>,
}

#[derive(Debug)]
enum Child {
    File(Oid, Vec<u8>),
    Dir(Dir),
}

impl Dir {
    /// Makes a directory of files, which are named by their paths in it.
    pub fn new(files: BTreeMap<String, Vec<u8>>) -> Self {
        Self::below(files.into_iter().collect(), 0)
    }

    /// Makes the directory that all these sorted paths share, which ends at a byte of each.
    fn below(files: Vec<(String, Vec<u8>)>, start: usize) -> Self {
        let mut children = BTreeMap::new();
        let mut files = files.into_iter().peekable();
        while let Some((path, bytes)) = files.next() {
            match path[start..].split_once('/') {
                None => {
                    let id = object::id(Kind::Blob, &bytes);
                    children.insert(path[start..].to_owned(), Child::File(id, bytes));
                }
                Some((name, _)) => {
                    let (name, end) = (name.to_owned(), start + name.len() + 1);
                    let prefix = path[..end].to_owned();
                    let mut group = vec![(path, bytes)];
                    while let Some(next) = files.next_if(|(path, _)| path.starts_with(&prefix)) {
                        group.push(next);
                    }
                    children.insert(name, Child::Dir(Self::below(group, end)));
                }
            }
        }
        Self::of(children)
    }

    fn of(children: BTreeMap<String, Child>) -> Self {
        let entry = |(name, child): (&String, &Child)| match child {
            Child::File(id, _) => Entry::file(name, *id),
            Child::Dir(dir) => Entry::tree(name, dir.id),
        };
        let mut entries: Vec<_> = children.iter().map(entry).collect();
        let bytes = tree::bytes(&mut entries);
        Self { id: object::id(Kind::Tree, &bytes), bytes, children }
    }

    /// Returns the directory's name as an object.
    pub fn id(&self) -> Oid {
        self.id
    }

    /// Returns the names of the directories in it as objects.
    pub fn dirs(&self) -> impl Iterator<Item = (&str, Oid)> {
        self.children.iter().filter_map(|(name, child)| match child {
            Child::File(..) => None,
            Child::Dir(dir) => Some((name.as_str(), dir.id)),
        })
    }

    /// Packs what is not already in `old`, a tree that the repository has and keeps.
    pub fn pack(&self, packer: &mut Packer<'_>, objects: &Objects<'_>, old: Option<Oid>) -> Result<(), GitError> {
        if old == Some(self.id) {
            return Ok(());
        }
        let mut before = BTreeMap::new();
        if let Some(old) = old {
            before.extend(objects.tree(old)?.into_iter().map(|entry| (entry.name, (entry.mode, entry.id))));
        }
        packer.put(self.id, Kind::Tree, &self.bytes);
        for (name, child) in &self.children {
            match (child, before.get(name)) {
                (Child::File(id, bytes), old) => {
                    if old.is_none_or(|(_, old)| old != id) {
                        packer.put(*id, Kind::Blob, bytes);
                    }
                }
                (Child::Dir(dir), Some((Mode::Tree, old))) => dir.pack(packer, objects, Some(*old))?,
                (Child::Dir(dir), _) => dir.pack(packer, objects, None)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_git() {
        let files = ["a/b/c", "a/b.d", "a-b/c", "z"].map(|path| (path.to_owned(), path.as_bytes().to_vec()));
        let dir = Dir::new(BTreeMap::from(files));
        // printf per file, then `git add . && git write-tree`.
        assert_eq!(dir.id().to_string(), "2856855d76614a4facd10f0963d28c6b427b6b40");
        assert_eq!(dir.dirs().map(|(name, _)| name).collect::<Vec<_>>(), ["a", "a-b"]);
    }
}
