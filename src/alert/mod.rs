//! Incidents: what is wrong on a host, as something with a life, and who is told of it.
//!
//! Input: the [report](crate::report) of a run, what was known before, rules and targets, the time. Output: the book of incidents
//! with its outbox; messages in the formats of the services; text for people. Must not: send anything, read a clock or a
//! file, or print a secret.

mod book;
mod check;
mod format;
mod kind;
mod lapse;
mod ledger;
mod letter;
mod markup;
mod metrics;
mod outbox;
mod quiet;
mod route;
mod rules;
mod settings;
mod sighting;
mod target;
mod text;
mod view;

pub use book::{Book, BookError};
pub use check::{Mistake, check};
pub use format::{Answer, Mail, Outgoing, Post, Request, judge, outgoing};
pub use kind::{Identity, Kind, Severity};
pub use lapse::{Lapse, LapseError};
pub use ledger::{Case, Event, Incident, Ledger, Moment, Past, Stage, State, advance};
pub use letter::Sender;
pub use metrics::{Known, Measured, metrics, metrics_of_failed_run};
pub use outbox::{Attempt, Batch, Entry, Fate, Outbox, Queue, Thread, post};
pub use quiet::{Quiet, QuietWindow};
pub use route::Route;
pub use rules::Rules;
pub use settings::AlertsFile;
pub use sighting::{Blind, Problem, Sighting};
pub use target::{
    Alertmanager, Chat, Custom, Discord, Email, Encryption, Key, Keys, Matrix, Robot, Service, Target, TargetFile,
    Telegram, Webhook,
};
pub use text::text;
pub use view::view;

#[cfg(test)]
mod property;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod unseen;
#[cfg(test)]
mod world;
