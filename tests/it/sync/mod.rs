//! `rmqgit sync` and `rmqgit status` against a root directory and a repository on this machine.

mod basics;
mod site;
