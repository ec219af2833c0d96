//! Mail: plain text and HTML, one thread for an incident.

use super::super::ledger::Stage;
use super::super::markup::{self, HTML, PLAIN};
use super::{Post, cut, letter};
use crate::alert::target::Email;

/// The longest subject, in characters.
const SUBJECT: usize = 200;
/// The longest text, in bytes.
const LONGEST: usize = 60_000;

/// One mail, before it has the format of the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Who it is from.
    pub from: String,
    /// Who it is to.
    pub to: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// Its text.
    pub text: String,
    /// Its text as HTML.
    pub html: String,
    /// Its own name, the same whenever the same is sent.
    pub id: String,
    /// The name of the first mail of the incident, if this is not the first.
    pub answers: Option<String>,
}

pub(super) fn mail(email: &Email, post: &Post<'_>) -> Mail {
    let letter = letter(post).fit(|letter| markup::whole(letter, &HTML).len() <= LONGEST);
    let domain = email.from.rsplit_once('@').map_or("localhost", |(_, domain)| domain.trim_end_matches('>'));
    let sender = post.sender;
    let name = |id: &str| format!("<rmqgit.{}.{}.{id}@{domain}>", sender.cluster, sender.host);
    let mut answers = None;
    let mut id = name(&super::webhook::id(post));
    if let [entry] = post.batch.entries.as_slice() {
        let first = name(&format!("{}.{}", entry.case.number, entry.case.first_seen.as_second()));
        if matches!(entry.stage, Stage::Opened | Stage::Flapping | Stage::Passed) {
            id = first;
        } else {
            answers = Some(first);
        }
    }
    Mail {
        from: email.from.clone(),
        to: email.to.clone(),
        subject: cut(&letter.title, SUBJECT, |text| text.chars().count()),
        text: markup::whole(&letter, &PLAIN),
        html: format!("<html><body>{}</body></html>", markup::whole(&letter, &HTML)),
        id,
        answers,
    }
}
