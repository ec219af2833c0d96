//! The only doors to the outside: files, processes, Git, remotes, the clock.

pub mod workspace;
