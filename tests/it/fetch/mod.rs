//! Fetching from real repositories: on this machine, through a real sshd, through a real web server.

mod floods;
mod hostile;
mod https;
mod local;
pub(crate) mod origin;
mod packs;
mod script;
pub(crate) mod server;
mod ssh;
mod sshd;
pub(crate) mod web;
