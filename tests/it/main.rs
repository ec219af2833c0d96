//! Integration tests: the real binary, real Git repositories, real programs.
#![allow(missing_docs, reason = "a test crate exports nothing")]
