//! Sends what waits, target by target, until the time is over.

use std::thread;
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
use super::mask::mask;
use super::{AlertError, change, keys};

/// The name of the lock that who sends holds.
const LOCK: &str = "delivery";
/// The seconds that all deliveries of a run may take together, unless somebody says otherwise.
const DEADLINE: u32 = 20;
/// The most that somebody can say.
const LONGEST_DEADLINE: u32 = 120;

/// Sends what waits. What does not get there waits for the next run. Where nothing waits, nothing is asked or written.
pub fn deliver(settings: &Settings, report: Option<&Report>) -> Result<(), AlertError> {
    let Some(alerts) = settings.alerts.as_ref().filter(|_| settings.mode != Mode::DryRun) else { return Ok(()) };
    let targets = alerts.targets(&settings.cluster);
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
    let way = Way::new(settings, alerts, sender(settings, alerts, report));
    let way = &way.map_err(|error| error.to_string());
    // All at once: one that never answers keeps nobody else waiting.
    thread::scope(|scope| {
        let mut served = Vec::new();
        for (name, target) in &targets {
            served.push(scope.spawn(move || serve(way, settings, name, target)));
        }
        let ended = served.into_iter().map(|served| served.join().unwrap_or(Err(AlertError::Broke)));
        // Each has come to its end before the first failure is said.
        ended.collect::<Vec<_>>().into_iter().collect()
    })
}

/// Sends what waits for one target until the time is over. After a failure the target rests.
fn serve(way: &Result<Way, String>, settings: &Settings, name: &str, target: &Target) -> Result<(), AlertError> {
    let mut keys = None;
    while way.as_ref().map_or(true, |way| way.postman.has_time()) {
        let book = super::book(&settings.state)?;
        let now = clock::now();
        let Some(queue) = book.outbox.get(name) else { break };
        let Some(batch) = take(queue, target, now) else { break };
        super::prepare(&settings.state, &book)?;
        let keys = keys.get_or_insert_with(|| keys::read(settings, &target.service));
        let fate = match (way, &*keys) {
            (Ok(way), Ok(keys)) => way.tell(&target.service, keys, &book, queue, &batch),
            (Err(why), _) | (_, Err(why)) => Fate::Delayed { why: why.clone(), wait: None },
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
        let time = Duration::from_secs(u64::from(alerts.deadline.unwrap_or(DEADLINE).clamp(1, LONGEST_DEADLINE)));
        Ok(Self { postman: Postman::new(&route, time)?, sender })
    }

    /// Sends one message about what waits for a target.
    fn tell(&self, service: &Service, keys: &Keys, book: &Book, queue: &Queue, batch: &Batch) -> Fate {
        let told = queue.told();
        let sent = |case: &Case| batch.entries.iter().any(|entry| entry.case.number == case.number);
        let known = |case: &&Case| told.contains(&case.number) || sent(case);
        let open = book.ledger.incidents.iter().filter(|incident| incident.is_open()).map(|incident| &incident.case);
        let open: Vec<Case> = open.filter(known).cloned().collect();
        let thread = match batch.entries.as_slice() {
            [entry] => queue.thread(entry.case.number),
            _ => None,
        };
        self.send(service, keys, &Post { sender: &self.sender, batch, thread, open: &open, now: clock::now() })
    }

    /// Sends one message.
    pub(super) fn send(&self, service: &Service, keys: &Keys, post: &Post<'_>) -> Fate {
        let outgoing = match alert::outgoing(service, keys, post) {
            Ok(outgoing) => outgoing,
            Err(why) => return Fate::Refused(why),
        };
        match (outgoing, service) {
            (Outgoing::Http(request), _) => self.http(service, keys, &request),
            (Outgoing::Mail(mail), Service::Email(email)) => self.mail(email, keys, &mail),
            (Outgoing::Mail(_), _) => Fate::Refused("only mail goes by mail".to_owned()),
        }
    }

    fn http(&self, service: &Service, keys: &Keys, request: &Request) -> Fate {
        let Request { put, url, headers, body, bare } = request;
        match self.postman.send(&Parcel { put: *put, url, headers, body, bare: *bare }) {
            Ok(Receipt { status, retry_after, body }) => {
                let body = mask(&String::from_utf8_lossy(&body), keys).into_bytes();
                alert::judge(service, &Answer { status, retry_after, body })
            }
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
            Err(error @ (PostError::Refused(_) | PostError::Mail(_))) => Fate::Refused(mask(&error.to_string(), keys)),
            Err(error) => Fate::Delayed { why: mask(&error.to_string(), keys), wait: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{AlertsFile, Blind, Identity, Kind, Problem, Sighting};

    /// A book in which one problem waits for the target `t`.
    fn waiting(severity: Severity, now: Timestamp) -> Book {
        let identity = Identity::new(Kind::Drift, "/a");
        let problem = Problem {
            identity: identity.clone(),
            severity: Some(severity),
            cause: String::new(),
            summary: "it is wrong".to_owned(),
            help: String::new(),
            diff: None,
            print: String::new(),
            since: None,
        };
        let seen = Sighting { problems: [(identity, problem)].into(), blind: Blind::default(), ..Sighting::default() };
        let routes = [("t".to_owned(), crate::alert::Route::default())].into();
        Book::default().record(&seen, now, &crate::alert::Rules::default(), &routes)
    }

    fn target(settings: &str) -> Target {
        let text = format!("{{\"targets\": {{\"t\": {settings}}}}}");
        let file: AlertsFile = serde_json::from_str(&text).expect("settings");
        let cluster = crate::name::ClusterName::parse("orders").expect("a name");
        file.targets(&cluster).remove("t").expect("it is there")
    }

    fn quiet(zone: &str, days: &str, from: &str, to: &str) -> Target {
        target(&format!(
            r#"{{"teams": {{"url-file": "/f"}}, "quiet": {{"timezone": "{zone}", "windows": [{{"days": [{days}], "from": "{from}", "to": "{to}"}}]}}}}"#
        ))
    }

    #[test]
    fn quiet_hours_are_those_of_the_clock_on_the_wall() {
        let all = r#""mon", "tue", "wed", "thu", "fri", "sat", "sun""#;
        let night = quiet("Europe/Berlin", all, "20:00", "07:00");
        let friday = quiet("Europe/Berlin", "\"fri\"", "22:00", "06:00");
        let (spring, autumn) =
            (quiet("Europe/Berlin", all, "02:30", "04:00"), quiet("Europe/Berlin", all, "02:30", "03:00"));
        let unknown = quiet("Mars/Base", all, "00:00", "00:00");
        for (target, now, spared) in [
            // Over midnight, in winter and in summer.
            (&night, "2026-01-15T18:59:00Z", false),
            (&night, "2026-01-15T19:00:00Z", true),
            (&night, "2026-01-16T05:59:00Z", true),
            (&night, "2026-01-16T06:00:00Z", false),
            (&night, "2026-07-15T17:59:00Z", false),
            (&night, "2026-07-15T18:00:00Z", true),
            (&night, "2026-07-16T05:00:00Z", false),
            // A day is that on which the window begins.
            (&friday, "2026-01-16T22:00:00Z", true),
            (&friday, "2026-01-17T04:59:00Z", true),
            (&friday, "2026-01-17T22:00:00Z", false),
            // The night in which 02:30 is skipped, and the one in which it comes twice.
            (&spring, "2026-03-29T00:59:00Z", false),
            (&spring, "2026-03-29T01:00:00Z", true),
            (&spring, "2026-03-29T02:00:00Z", false),
            (&autumn, "2026-10-25T00:29:00Z", false),
            (&autumn, "2026-10-25T00:30:00Z", true),
            (&autumn, "2026-10-25T01:59:00Z", true),
            (&autumn, "2026-10-25T02:00:00Z", false),
            // Where the host does not know the zone, nobody is spared.
            (&unknown, "2026-01-15T19:00:00Z", false),
        ] {
            let now: Timestamp = now.parse().expect("a time");
            let taken = |severity| take(&waiting(severity, now).outbox["t"], target, now).is_some();
            assert_eq!(taken(Severity::Warning), !spared, "{now} {:?}", target.quiet);
            assert!(taken(Severity::Critical), "what is critical breaks through at {now}");
        }
    }

    #[test]
    fn an_alertmanager_is_spared_too() {
        let target = target(
            r#"{"alertmanager": {"server": "http://127.0.0.1:9093"}, "quiet": {"timezone": "UTC", "windows": [{"days": ["thu"], "from": "20:00", "to": "22:00"}]}}"#,
        );
        let at = |text: &str| -> Timestamp { text.parse().expect("a time") };
        let now = at("2026-01-15T20:30:00Z");
        let mut queue = waiting(Severity::Warning, now).outbox["t"].clone();
        assert_eq!(take(&queue, &target, now), None);
        let batch = take(&queue, &target, at("2026-01-15T22:00:00Z")).expect("it is told then");
        assert_eq!(batch.entries.len(), 1);
        queue.settle(&batch, &Fate::Accepted(None), at("2026-01-15T22:00:00Z"));
        // What it knows is repeated in quiet hours too, or it would end there.
        let repeated = take(&queue, &target, at("2026-01-22T20:30:00Z")).expect("it is repeated");
        assert_eq!((repeated.entries.len(), queue.told().len()), (0, 1));
    }
}
