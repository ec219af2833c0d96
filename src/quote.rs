//! Quotes values for each target syntax, so that no value can break out of its place.
//!
//! Input: any text. Output: the text as it must stand in the file, or a refusal. Must not: know which file is written.
//! FACTS: HAProxy configuration manual 2.2 (quoting and escaping), keepalived.conf(5) "Quoted strings",
//! rabbitmq.com/docs/configure#value-escaping, POSIX shell 2.2.2, Erlang reference manual 2.14.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Syntax {
    /// The whole content of a file, or text that is its own syntax: unchanged.
    Raw,
    /// A part of one word of haproxy.cfg.
    Haproxy,
    /// One word of keepalived.conf.
    Keepalived,
    /// A value of rabbitmq.conf.
    RabbitmqConf,
    /// A word of a POSIX shell script.
    Shell,
    /// An Erlang string, with its quotes.
    ErlangString,
    /// A comment that runs to the end of its line.
    Comment,
}

/// Says why a value cannot stand in its place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QuoteError(pub &'static str);
