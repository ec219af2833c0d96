//! The rules: what is knowably wrong with a cluster although every reference in its spec holds.
//!
//! Input: the catalogue ([`Rules`]: the built-in files of `policies/` and a repository's own), and one [`Subject`]. Output:
//! diagnostics, each with the level that the rule or the spec gives it, and what a waiver holds back. Must not: read files
//! or the clock, or judge two clusters together (see [`crate::model::fleet`]).
//!
//! A rule is data: what it is asked of, an expression or the name of a built-in check, what to say, why, and examples.
//! [`checks`] holds the built-in checks, one subject a file; [`view`] is the model as expressions see it.

mod catalogue;
mod checker;
pub(crate) mod checks;
mod example;
mod expression;
mod level;
mod place;
mod rule;
mod subject;
mod subjects;
#[cfg(test)]
mod tests;
pub mod text;
pub mod view;

pub use catalogue::{RuleFile, Rules};
pub use checker::Checker;
pub use checks::patterns::{Combination, combinations, name_beyond};
pub use example::{Case, Example};
pub use level::Waived;
pub use rule::{Kind, Program, Rule};
pub use subject::{Finding, Subject, Where};
