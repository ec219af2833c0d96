//! What HAProxy of a version says to a haproxy.cfg.
//!
//! Input: the text and the version. Output: its proxies, and every problem. Must not: judge what depends on the machine: users,
//! files, names to resolve, addresses in use.

mod lines;
mod outline;
mod proxy;
mod values;
mod whole;
mod words;

pub use self::outline::outline;
use super::{Problem, Verdict};
use crate::facts::haproxy::Proxy as Section;
use crate::facts::version::Version;

/// What is wrong with a haproxy.cfg.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each kind is one rule, which says what it is")]
pub enum Kind {
    BadName,
    BadPort,
    BadTime,
    BadValue,
    BrokenLine,
    DeprecatedKeyword,
    DroppedWords,
    EnvironmentVariable,
    FutureKeyword,
    GluedComment,
    HiddenHeaders,
    InlineAddress,
    LiteralQuote,
    MisplacedKeyword,
    MissingBackend,
    MissingNewline,
    MissingTimeout,
    NeedsHttpMode,
    NoBind,
    NoListener,
    NoLog,
    OpenAdmin,
    OpenSocket,
    PasswordWithoutColon,
    PlainPassword,
    RemovedKeyword,
    RepeatedBind,
    RepeatedProxy,
    RepeatedServer,
    RepeatedTimeout,
    TimeWithoutUnit,
    Unchecked,
    UnknownKeyword,
    UnknownParameter,
}

/// What a haproxy.cfg says, and what is wrong with it.
#[derive(Debug)]
pub struct Judged {
    /// The proxies, in order.
    pub proxies: Vec<Proxy>,
    /// The problems, by line.
    pub problems: Vec<Problem<Kind>>,
}

/// A `frontend`, `listen` or `backend`.
#[derive(Debug)]
pub struct Proxy {
    /// Its kind.
    pub kind: Section,
    /// Its name.
    pub name: String,
    /// The line that begins it.
    pub line: u32,
    /// Where it listens: line and address.
    pub binds: Vec<(u32, String)>,
    /// Its servers.
    pub servers: Vec<Server>,
    settings: Settings,
    default_server: bool,
    backends: Vec<(u32, String)>,
}

/// A `server` line.
#[derive(Debug)]
pub struct Server {
    /// The line.
    pub line: u32,
    /// Its name.
    pub name: String,
    /// Its address, such as `10.0.0.1:5672`.
    pub address: String,
    /// Whether its health is checked.
    pub checked: bool,
}

/// What `defaults` hands down.
#[derive(Debug, Clone, Default)]
struct Settings {
    mode: Mode,
    /// In milliseconds: client, connect, server, tunnel.
    timeouts: [Option<u64>; 4],
    log: bool,
    /// The lines of what needs something else.
    format: Option<(u32, Format)>,
    stats: Option<u32>,
    forwardfor: Option<u32>,
    monitor_uri: Option<u32>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Tcp,
    Http,
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Tcp,
    Http,
}

/// Where in the text the judge is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Before the first section.
    Nowhere,
    Global,
    Defaults,
    /// In the last proxy.
    Proxy,
    /// In a section that is not judged.
    Other,
}

/// Predicts what HAProxy of a version says to a text.
pub fn judge(text: &str, version: Version) -> Judged {
    let mut judge = Judge {
        version,
        at: At::Nowhere,
        number: 0,
        proxies: Vec::new(),
        problems: Vec::new(),
        defaults: Settings::default(),
        environment: Vec::new(),
        listens: false,
    };
    let mut line = words::Line::default();
    let quotes = version >= Version::new(1, 6, 0);
    for (index, text) in text.split_terminator('\n').enumerate() {
        judge.number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        line.split(text, quotes);
        judge.line(text, &line);
    }
    judge.whole(text);
    judge.problems.sort_by_key(|problem| problem.line);
    Judged { proxies: judge.proxies, problems: judge.problems }
}

/// Splits an address with a port, such as that of a bind or a server; `None` is one without an IP port.
pub fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let address = values::address(address)?;
    Some((address.host, address.port?.parse().ok()?))
}

struct Judge {
    version: Version,
    at: At,
    /// The number of the line.
    number: u32,
    proxies: Vec<Proxy>,
    problems: Vec<Problem<Kind>>,
    defaults: Settings,
    /// The variables that the text itself sets.
    environment: Vec<String>,
    /// Whether a section that is not judged listens somewhere.
    listens: bool,
}

impl Judge {
    /// Adds a problem of the present line.
    fn add(&mut self, kind: Kind, verdict: Verdict, word: &str, more: impl Into<String>) {
        self.add_at(self.number, kind, verdict, word, more);
    }

    fn add_at(&mut self, line: u32, kind: Kind, verdict: Verdict, word: &str, more: impl Into<String>) {
        let section = match self.at {
            At::Nowhere | At::Other => String::new(),
            At::Global => "global".to_owned(),
            At::Defaults => "defaults".to_owned(),
            At::Proxy => self.proxies.last().map(describe).unwrap_or_default(),
        };
        self.problems.push(Problem { line, kind, verdict, word: word.to_owned(), section, more: more.into() });
    }

    /// Tells whether the version is at least this one.
    fn since(&self, major: u16, minor: u16) -> bool {
        self.version >= Version::new(major, minor, 0)
    }

    /// Returns the one verdict from a version on, the other one before.
    fn verdict(&self, from: (u16, u16), then: Verdict, before: Verdict) -> Verdict {
        if self.since(from.0, from.1) { then } else { before }
    }
}

fn describe(proxy: &Proxy) -> String {
    let kind = match proxy.kind {
        Section::Defaults => "defaults",
        Section::Frontend => "frontend",
        Section::Listen => "listen",
        Section::Backend => "backend",
    };
    format!("{kind} {}", proxy.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the problems of a text as `line kind verdict word (more)`.
    fn problems(version: &str, text: &str) -> Vec<String> {
        let judged = judge(text, version.parse().expect("a version"));
        let show = |problem: &Problem<Kind>| {
            format!("{} {:?} {:?} {} ({})", problem.line, problem.kind, problem.verdict, problem.word, problem.more)
        };
        judged.problems.iter().map(show).collect()
    }

    #[track_caller]
    fn check(version: &str, body: &str, expect: &[&str]) {
        let text = format!(
            "defaults\n    timeout connect 5s\n    timeout client 3h\n    timeout server 3h\nlisten l\n    bind *:5673\n{body}\n"
        );
        assert_eq!(problems(version, &text), expect, "{version}: {body}");
    }

    #[test]
    fn what_the_probes_do_not_ask() {
        check("2.6", "server s1 10.0.0.1:5672 check", &[]);
        check("2.6", "server s1 10.0.0.1:5672", &["7 Unchecked Silent s1 ()"]);
        check("2.6", "default-server check\nserver s1 10.0.0.1:5672\nno log", &[]);
        check("2.6", "option tcp-chek", &["7 UnknownKeyword Refused option tcp-chek (option tcp-check)"]);
        check("2.6", "use_backend nope if TRUE", &["7 MissingBackend Refused nope ()"]);
        check("2.6", "mode http\nstats admin if TRUE", &["8 OpenAdmin Silent stats admin if TRUE ()"]);
        check("2.6", "mode http\nstats auth a:b", &["8 PlainPassword Silent a ()"]);
        check("2.6", "mode http\nstats auth a:\u{e000}", &[]);
        check("2.6", "bind *:5673", &["7 RepeatedBind Silent *:5673 (6)"]);
        check("2.6", "frontend f\nbind *:1\nbalance roundrobin", &["9 MisplacedKeyword Warned balance ()"]);
    }
}
