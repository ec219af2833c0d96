//! The only doors to the outside: files, processes, Git, remotes, the clock.

pub mod accounts;
pub mod addresses;
pub mod broker;
pub mod clock;
pub mod editor;
pub mod files;
pub mod git;
pub mod guarded;
pub mod pager;
pub mod person;
pub mod post;
pub mod process;
pub mod program;
pub mod random;
pub mod remote;
pub mod secret;
pub mod shell;
pub mod signer;
pub mod statedir;
pub mod store;
pub mod terminal;
pub mod textfile;
pub mod tree;
pub mod units;
pub mod web;
pub mod workspace;
