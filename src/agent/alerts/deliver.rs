//! Sends what waits, target by target, until the time is over.

use std::time::Duration;

use jiff::Timestamp;

use crate::alert::{
    self, AlertsFile, Answer, Batch, Book, Case, Email, Encryption, Fate, Keys, Mail, Outgoing, Post, Queue, Request,
    Sender, Service, Severity, Target,
};
use crate::plan;
use crate::report::{Mode, Report};
use crate::sys::clock;
use crate::sys::post::{Letter, MailTls, Parcel, PostError, Postman, Receipt, Route};
use crate::sys::statedir;

use super::super::Settings;
use super::{AlertError, change, keys};

/// The name of the lock that who sends holds.
const LOCK: &str = "delivery";
/// The seconds that all deliveries of a run may take together, unless somebody says otherwise.
const DEADLINE: u32 = 20;

/// Sends what waits. What does not get there waits for the next run. Where nothing waits, nothing is asked or written.
pub fn deliver(settings: &Settings, report: Option<&Report>) -> Result<(), AlertError> {
    let Some(alerts) = settings.alerts.as_ref().filter(|_| settings.mode != Mode::DryRun) else { return Ok(()) };
    let targets = alerts.targets(&settings.cluster)?;
    let waits = |book: &Book| {
        let due = |(name, target): (&String, &Target)| {
            book.outbox.get(name).and_then(|queue| take(queue, target, clock::now())).is_some()
        };
        targets.iter().any(due)
    };
    if !waits(&super::book(&settings.state)?) {
        return Ok(());
    }
    // Whoever sends already sends this too, or the next run does.
    let Some(_sending) = statedir::try_hold(&settings.state, LOCK)? else { return Ok(()) };
    let way = Way::new(settings, alerts, sender(settings, alerts, report))?;
    for (name, target) in &targets {
        way.serve(settings, name, target)?;
    }
    Ok(())
}

/// Returns what is to be sent to a target now.
fn take(queue: &Queue, target: &Target, now: Timestamp) -> Option<Batch> {
    let zone = target.quiet.as_ref().and_then(|quiet| clock::zone(&quiet.timezone));
    // Where the host does not know the time zone, nobody is spared.
    let quiet = target.quiet.as_ref().is_some_and(|quiet| plan::window(Some(quiet), zone.as_ref(), now).is_open());
    let hush = quiet.then_some(Severity::Critical);
    match target.service {
        Service::Alertmanager(_) => queue.take_all(now, hush),
        _ => queue.take(now, hush),
    }
}

pub(super) fn sender(settings: &Settings, alerts: &AlertsFile, report: Option<&Report>) -> Sender {
    let (release_link, runbook) = (alerts.release_link.clone(), alerts.runbook.clone());
    if let Some(report) = report {
        return Sender::of(report, release_link, runbook);
    }
    let (cluster, host) = (settings.cluster.clone(), settings.host.clone());
    Sender { cluster, host, release: None, release_link, runbook, test: false }
}

/// The way to the services, for one run.
pub(super) struct Way {
    postman: Postman,
    sender: Sender,
}

impl Way {
    pub(super) fn new(settings: &Settings, alerts: &AlertsFile, sender: Sender) -> Result<Self, PostError> {
        let route = Route {
            proxy: alerts.proxy.clone(),
            ca_file: alerts.ca_file.as_deref().map(|path| keys::below(&settings.root, path)),
        };
        let time = Duration::from_secs(u64::from(alerts.deadline.unwrap_or(DEADLINE)));
        Ok(Self { postman: Postman::new(&route, time)?, sender })
    }

    /// Sends what waits for one target. After a failure the target rests.
    fn serve(&self, settings: &Settings, name: &str, target: &Target) -> Result<(), AlertError> {
        let mut keys = None;
        while self.postman.has_time() {
            let book = super::book(&settings.state)?;
            let now = clock::now();
            let Some(queue) = book.outbox.get(name) else { break };
            let Some(batch) = take(queue, target, now) else { break };
            let known = |case: &&Case| queue.known.contains(&case.number);
            let open =
                book.ledger.incidents.iter().filter(|incident| incident.is_open()).map(|incident| &incident.case);
            let open: Vec<Case> = open.filter(known).cloned().collect();
            let thread = match batch.entries.as_slice() {
                [entry] => queue.thread(entry.case.number),
                _ => None,
            };
            let post = Post { sender: &self.sender, batch: &batch, thread, open: &open, now };
            let keys = keys.get_or_insert_with(|| keys::read(settings, &target.service));
            let fate = match keys {
                Ok(keys) => self.send(&target.service, keys, &post),
                Err(why) => Fate::Delayed { why: why.clone(), wait: None },
            };
            let settled = clock::now();
            change(&settings.state, |book| {
                let mut next = book.clone();
                if let Some(queue) = next.outbox.get_mut(name) {
                    queue.settle(&batch, &fate, settled);
                }
                next
            })?;
            if !matches!(fate, Fate::Accepted(_)) {
                break;
            }
        }
        Ok(())
    }

    /// Sends one message.
    pub(super) fn send(&self, service: &Service, keys: &Keys, post: &Post<'_>) -> Fate {
        let outgoing = match alert::outgoing(service, keys, post) {
            Ok(outgoing) => outgoing,
            Err(why) => return Fate::Refused(why),
        };
        match (outgoing, service) {
            (Outgoing::Http(request), _) => self.http(service, &request),
            (Outgoing::Mail(mail), Service::Email(email)) => self.mail(email, keys, &mail),
            (Outgoing::Mail(_), _) => Fate::Refused("only mail goes by mail".to_owned()),
        }
    }

    fn http(&self, service: &Service, request: &Request) -> Fate {
        let Request { put, url, headers, body, bare } = request;
        match self.postman.send(&Parcel { put: *put, url, headers, body, bare: *bare }) {
            Ok(Receipt { status, retry_after, body }) => alert::judge(service, &Answer { status, retry_after, body }),
            Err(error) => Fate::Delayed { why: error.to_string(), wait: None },
        }
    }

    fn mail(&self, email: &Email, keys: &Keys, mail: &Mail) -> Fate {
        let (tls, port) = match email.encryption {
            Encryption::Starttls => (MailTls::Starttls, 587),
            Encryption::Tls => (MailTls::Wrapped, 465),
            Encryption::None => (MailTls::None, 25),
        };
        let letter = Letter {
            server: &email.server,
            port: email.port.unwrap_or(port),
            tls,
            login: email.user.as_deref().zip(keys.token.as_ref()),
            hello: self.sender.host.as_str(),
            from: &mail.from,
            to: &mail.to,
            subject: &mail.subject,
            text: &mail.text,
            html: &mail.html,
            id: &mail.id,
            answers: mail.answers.as_deref(),
        };
        match self.postman.mail(&letter) {
            Ok(()) => Fate::Accepted(None),
            Err(error @ (PostError::Refused(_) | PostError::Mail(_))) => Fate::Refused(error.to_string()),
            Err(error) => Fate::Delayed { why: error.to_string(), wait: None },
        }
    }
}
