//! Sealed secrets: from the person who types one to the host that opens it.

mod hosts;
mod leaks;
mod readers;
mod releases;
mod shelf;
mod verbs;

pub(crate) use shelf::Shelf;
