//! The only doors to the outside: files, processes, Git, remotes, the clock.

pub mod git;
pub mod remote;
pub mod store;
pub mod workspace;
