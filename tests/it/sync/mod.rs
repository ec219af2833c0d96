//! `rmqgit sync` and `rmqgit status` against a root directory and a repository on this machine.

mod agent;
mod basics;
mod edges;
mod kill;
mod machine;
mod pause;
mod property;
mod secrets;
pub(crate) mod site;
mod trust;
