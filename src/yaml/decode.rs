//! Decodes a tree into a type, and finds all faults although serde stops at the first one.
//!
//! A pass that fails reports its fault and notes how far it came: which children of which collection are done. The next
//! pass goes on behind them, so that many faults cost little more than one pass. A struct cannot be left without its
//! fields: those that failed, or are missing and reported, get a stand-in value that nobody ever sees.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use serde::de::DeserializeOwned;

use super::tree::Node;
use super::walk::Walk;
use crate::diag::{Diagnostic, Diagnostics};

/// The errors of one value after which decoding stops.
const MOST_ERRORS: usize = 50;
/// The passes after which decoding stops: far more than 50 errors in 64 levels need.
const MOST_PASSES: usize = 4000;

/// Decodes a tree into a type.
///
/// Returns nothing when there was a fault; every fault of the structure is in `diags` then, up to fifty.
pub fn decode<T: DeserializeOwned>(node: &Node, diags: &mut Diagnostics) -> Option<T> {
    let notes = Notes::default();
    let mut found = 0;
    for _ in 0..MOST_PASSES {
        let fault = match T::deserialize(Walk::new(node, &notes)) {
            Ok(value) => return notes.clean.get().then_some(value),
            Err(fault) => fault,
        };
        notes.clean.set(false);
        let settled = fault.settled;
        if let Some(draft) = fault.draft {
            diags.push(draft.finish(node.place()));
            found += 1;
        }
        if !settled {
            return None;
        }
        if found >= MOST_ERRORS {
            let message = format!("more than {} errors", MOST_ERRORS - 1);
            diags.push(
                Diagnostic::error("too-many-errors", message)
                    .at(node.place(), "in this value")
                    .help("fix those above, then check again"),
            );
            return None;
        }
    }
    None
}

/// What the passes so far have found, by collection.
pub(super) struct Notes {
    /// Whether no pass has failed, so that nothing needs to be looked up.
    clean: Cell<bool>,
    values: RefCell<HashMap<usize, Note>>,
}

/// What is known of one collection; that there is a note says that a fault was found in it.
#[derive(Debug, Default)]
struct Note {
    /// This many first children are done with: decoded, or reported.
    done: usize,
    /// The fields of a struct that do not exist, by index.
    unknown: Vec<usize>,
    /// The fields of a struct that are faulty or missing, each with the stand-in to try.
    stand_ins: Vec<(String, usize)>,
}

impl Default for Notes {
    fn default() -> Self {
        Self { clean: Cell::new(true), values: RefCell::default() }
    }
}

impl Notes {
    fn read<T: Default>(&self, node: &Node, read: impl FnOnce(&Note) -> T) -> T {
        if self.clean.get() {
            return T::default();
        }
        self.values.borrow().get(&node.identity()).map(read).unwrap_or_default()
    }

    fn write<T>(&self, node: &Node, write: impl FnOnce(&mut Note) -> T) -> T {
        self.clean.set(false);
        write(self.values.borrow_mut().entry(node.identity()).or_default())
    }

    /// Notes that a fault was found somewhere in a value.
    pub(super) fn taint(&self, node: &Node) {
        self.write(node, |_| ());
    }

    /// Tells whether a fault of a value as a whole may follow from one in it that is reported already.
    pub(super) fn is_tainted(&self, node: &Node) -> bool {
        self.read(node, |_| true)
    }

    /// Returns how many first children of a list or mapping are done with.
    pub(super) fn done(&self, node: &Node) -> usize {
        self.read(node, |note| note.done)
    }

    pub(super) fn set_done(&self, node: &Node, done: usize) {
        self.write(node, |note| note.done = note.done.max(done));
    }

    /// Tells whether a field is reported as one that does not exist.
    pub(super) fn is_unknown(&self, node: &Node, index: usize) -> bool {
        self.read(node, |note| note.unknown.contains(&index))
    }

    pub(super) fn set_unknown(&self, node: &Node, index: usize) {
        self.write(node, |note| note.unknown.push(index));
    }

    /// Returns which stand-in a field gets, if it is reported as faulty or missing.
    pub(super) fn stand_in(&self, node: &Node, field: &str) -> Option<usize> {
        self.read(node, |note| note.stand_ins.iter().find(|(name, _)| name == field).map(|(_, choice)| *choice))
    }

    /// Returns the `index`th field that gets a stand-in.
    pub(super) fn stand_in_field(&self, node: &Node, index: usize) -> Option<String> {
        self.read(node, |note| note.stand_ins.get(index).map(|(name, _)| name.clone()))
    }

    /// Notes that a field needs a stand-in, or another one than last time, and returns which.
    pub(super) fn next_stand_in(&self, node: &Node, field: &str) -> usize {
        self.write(node, |note| {
            if let Some((_, choice)) = note.stand_ins.iter_mut().find(|(name, _)| name == field) {
                *choice += 1;
                return *choice;
            }
            note.stand_ins.push((field.to_owned(), 0));
            0
        })
    }
}
