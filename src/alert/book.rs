//! What is kept between runs: the ledger and the outbox, in one document.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ledger::{self, Ledger};
use super::outbox::{self, Outbox};
use super::route::Route;
use super::rules::Rules;
use super::sighting::Sighting;

/// The version of the document that this program writes and the only one it reads.
const FORMAT: u32 = 1;

/// The ledger and the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Book {
    /// The version of this document.
    format: u32,
    /// What is wrong.
    pub ledger: Ledger,
    /// What waits for targets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outbox: Outbox,
}

/// Says why the document is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    /// It is not what this program writes.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Another version of this program wrote it.
    #[error("it has format {0}, and this rmqgit reads format {FORMAT}")]
    Format(u32),
}

impl Default for Book {
    fn default() -> Self {
        Self { format: FORMAT, ledger: Ledger::default(), outbox: Outbox::new() }
    }
}

impl Book {
    /// Reads the document; where there is none, nothing is known.
    pub fn read(bytes: Option<&[u8]>) -> Result<Self, BookError> {
        let Some(bytes) = bytes else { return Ok(Self::default()) };
        let book: Self = serde_json::from_slice(bytes).map_err(|error| BookError::Damaged(error.to_string()))?;
        if book.format == FORMAT { Ok(book) } else { Err(BookError::Format(book.format)) }
    }

    /// Writes the document.
    pub fn write(&self) -> String {
        let mut text = serde_json::to_string(self).expect("the book has string keys and finite numbers");
        text.push('\n');
        text
    }

    /// Takes in what a run saw, and puts what that means before the targets.
    #[must_use]
    pub fn record(&self, seen: &Sighting, now: Timestamp, rules: &Rules, routes: &BTreeMap<String, Route>) -> Self {
        let (ledger, events) = ledger::advance(&self.ledger, seen, now, rules);
        let outbox = outbox::post(&self.outbox, routes, &ledger, &events, now);
        Self { format: FORMAT, ledger, outbox }
    }
}
