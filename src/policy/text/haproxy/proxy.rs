//! The lines of `defaults`, `frontend`, `listen` and `backend`.

use std::borrow::Cow;

use super::values::{self, Time};
use super::words::Line;
use super::{At, Format, Judge, Kind, Mode, Server};
use crate::facts::haproxy::{self as facts, Proxy as Section};
use crate::policy::text::{SECRET, Verdict};

/// Returns how many words a `no` or `default` before the keyword takes, and whether it is `no`.
pub(super) fn modifier(line: &Line<'_>) -> (usize, bool) {
    match line.word(0) {
        "no" => (1, true),
        "default" if line.words.len() > 1 => (1, false),
        _ => (0, false),
    }
}

/// The timeouts that a proxy needs, in the order of their values, and `tunnel`.
pub(super) const TIMEOUTS: [&str; 4] = ["client", "connect", "server", "tunnel"];

/// A time below this, without a unit, is hardly meant in milliseconds; HAProxy 3.1 thinks so too.
const SUSPICIOUS: u64 = 100;

impl Judge {
    /// Judges a keyword line.
    pub(super) fn keyword(&mut self, line: &Line<'_>) {
        let (skip, negated) = modifier(line);
        let (first, second) = (line.word(skip), line.word(skip + 1));
        let name = || {
            if facts::has_second(first) { Cow::Owned(format!("{first} {second}")) } else { Cow::Borrowed(first) }
        };
        let Some(keyword) = facts::proxy(first, second) else {
            let more = facts::nearest_proxy(first, second).unwrap_or_default();
            self.add(Kind::UnknownKeyword, Verdict::Refused, &name(), more);
            return;
        };
        if keyword.life.troubles(self.version) {
            self.life(&name(), &keyword.life);
        }
        let lives = self.version >= keyword.life.from && keyword.life.refused.is_none_or(|end| self.version < end);
        let section = if self.at == At::Defaults { Section::Defaults } else { self.last().kind };
        if lives && !keyword.stands_in(section, self.version) {
            let verdict = if section == Section::Defaults { Verdict::Refused } else { Verdict::Warned };
            self.add(Kind::MisplacedKeyword, verdict, &name(), "");
        }
        if !negated {
            self.set(line, first, second);
        }
    }

    /// Notes what a line sets, and judges its values.
    fn set(&mut self, line: &Line<'_>, first: &str, second: &str) {
        let number = self.number;
        match first {
            "mode" => self.mode(second),
            "timeout" => self.timeout(line.word(0), second, line.word(2)),
            "contimeout" => self.timeout(first, "connect", second),
            "clitimeout" => self.timeout(first, "client", second),
            "srvtimeout" => self.timeout(first, "server", second),
            "log" => self.settings().log = true,
            "option" => self.option(line, second),
            "stats" => self.stats(line, second),
            "monitor-uri" => self.settings().monitor_uri = Some(number),
            "bind" if self.at == At::Proxy => self.bind(line),
            "server" if self.at == At::Proxy => self.server(line),
            "default-server" => {
                let words = line.words.get(1..).unwrap_or_default();
                self.params(facts::Line::Server, words);
                let checked = words.iter().any(|word| word == "check");
                if self.at == At::Proxy {
                    self.last().default_server |= checked;
                }
            }
            "default_backend" | "use_backend" if self.at == At::Proxy && !second.contains('%') => {
                let name = second.to_owned();
                self.last().backends.push((number, name));
            }
            _ => {}
        }
    }

    fn mode(&mut self, mode: &str) {
        self.settings().mode = match mode {
            "tcp" => Mode::Tcp,
            "http" => Mode::Http,
            _ => Mode::Other,
        };
        if mode == "health" && self.since(2, 3) {
            self.add(Kind::RemovedKeyword, Verdict::Refused, "mode health", "http-request return status 200");
        }
    }

    fn timeout(&mut self, keyword: &str, name: &str, value: &str) {
        let word =
            || if keyword == "timeout" { format!("timeout {name} {value}") } else { format!("{keyword} {value}") };
        let millis = match values::time(value) {
            Time::Wrong => {
                return self.add(Kind::BadTime, Verdict::Refused, &word(), "units are us, ms, s, m, h and d");
            }
            Time::TooLong => {
                let verdict = self.verdict((2, 0), Verdict::Refused, Verdict::Silent);
                self.add(Kind::BadTime, verdict, &word(), "the longest time is 24 days");
                u64::MAX
            }
            Time::Is { millis, unit } => {
                if !unit && millis > 0 && millis < SUSPICIOUS {
                    let verdict = self.verdict((3, 1), Verdict::Warned, Verdict::Silent);
                    self.add(Kind::TimeWithoutUnit, verdict, &word(), format!("{value}s"));
                }
                millis
            }
        };
        let Some(index) = TIMEOUTS.iter().position(|known| *known == name) else { return };
        let inherited = self.defaults.timeouts[index];
        let set = self.settings().timeouts[index].replace(millis);
        if self.at == At::Proxy && set.is_some() && set != inherited {
            self.add(Kind::RepeatedTimeout, Verdict::Warned, &word(), "");
        }
    }

    fn option(&mut self, line: &Line<'_>, name: &str) {
        let number = self.number;
        match name {
            "tcplog" => self.settings().format = Some((number, Format::Tcp)),
            "httplog" => self.settings().format = Some((number, Format::Http)),
            "forwardfor" => self.settings().forwardfor = Some(number),
            "httpchk" if line.words.iter().skip(2).any(|word| word.contains(['\r', '\n'])) && self.since(2, 2) => {
                let verdict = self.verdict((2, 7), Verdict::Refused, Verdict::Warned);
                self.add(Kind::HiddenHeaders, verdict, "option httpchk", "");
            }
            _ => {}
        }
    }

    fn stats(&mut self, line: &Line<'_>, name: &str) {
        let number = self.number;
        self.settings().stats = Some(number);
        match name {
            "realm" if line.words.len() > 3 => {
                self.add(Kind::DroppedWords, Verdict::Silent, line.word(2), line.words[3..].join(" "));
            }
            "auth" if !line.word(2).contains(':') => {
                self.add(Kind::PasswordWithoutColon, Verdict::Silent, line.word(2), "");
            }
            "auth" if !line.word(2).contains(SECRET) && line.variables.is_empty() => {
                let user = line.word(2).split(':').next().unwrap_or_default().to_owned();
                self.add(Kind::PlainPassword, Verdict::Silent, &user, "");
            }
            "admin" if line.word(2) == "if" && line.word(3) == "TRUE" => {
                self.add(Kind::OpenAdmin, Verdict::Silent, "stats admin if TRUE", "");
            }
            _ => {}
        }
    }

    fn bind(&mut self, line: &Line<'_>) {
        let number = self.number;
        let Some(addresses) = line.words.get(1) else { return };
        for one in addresses.split(',') {
            let too_high = values::address(one).and_then(|address| address.port).is_some_and(is_too_high);
            if too_high {
                self.add(Kind::BadPort, Verdict::Refused, one, "");
            }
            self.last().binds.push((number, one.to_owned()));
        }
        self.params(facts::Line::Bind, &line.words[2..]);
    }

    fn server(&mut self, line: &Line<'_>) {
        let [_, name, address, params @ ..] = &line.words[..] else {
            return self.add(Kind::BadValue, Verdict::Refused, line.word(0), "a server has a name and an address");
        };
        if let Some(bad) = values::bad_character(name) {
            self.add(Kind::BadName, Verdict::Refused, name, bad);
        }
        let parsed = values::address(address);
        if parsed.and_then(|address| address.port).is_some_and(is_too_high) {
            let verdict = self.verdict((2, 3), Verdict::Refused, Verdict::Silent);
            self.add(Kind::BadPort, verdict, address, "");
        }
        self.params(facts::Line::Server, params);
        let has = |word: &str| params.iter().any(|param| param == word);
        let inherits = self.proxies.last().is_some_and(|proxy| proxy.default_server);
        let checked = (has("check") || inherits) && !has("no-check");
        if has("check") && !has("port") && parsed.is_some_and(|address| address.port.is_none()) {
            self.check_without_port(name);
        }
        if !checked && !has("track") && !has("disabled") {
            self.add(Kind::Unchecked, Verdict::Silent, name, "");
        }
        let server = Server { line: self.number, name: name.to_string(), address: address.to_string(), checked };
        self.last().servers.push(server);
    }

    /// 1.7 refuses, 1.8 to 2.1 print an alert and go on without the check, later ones refuse again.
    fn check_without_port(&mut self, name: &str) {
        let verdict = match (self.since(2, 2), self.since(1, 8), self.since(1, 7)) {
            (true, ..) | (false, false, true) => Verdict::Refused,
            (false, true, _) => Verdict::Warned,
            _ => return,
        };
        self.add(Kind::BadValue, verdict, name, "its check has no port");
    }

    /// Judges the words behind an address.
    pub(super) fn params(&mut self, of: facts::Line, words: &[Cow<'_, str>]) {
        let mut rest = words;
        while let Some((word, more)) = rest.split_first() {
            let Some(param) = facts::param(of, word) else {
                let near = facts::nearest_param(of, word).unwrap_or_default();
                return self.add(Kind::UnknownParameter, Verdict::Refused, word, near);
            };
            self.life(word, &param.life);
            if of == facts::Line::Server {
                self.value(word, more.first().map_or("", |value| value));
            }
            let Some(taken) = param.words else { return };
            rest = more.get(usize::from(taken)..).unwrap_or_default();
        }
    }

    fn value(&mut self, name: &str, value: &str) {
        let word = || format!("{name} {value}");
        let wrong = match name {
            "weight" => value.parse::<u64>().is_ok_and(|weight| weight > 256).then_some("a weight is 0 to 256"),
            "rise" | "fall" => (value.parse::<u64>() == Ok(0)).then_some("it is at least 1"),
            "inter" | "fastinter" | "downinter" => match values::time(value) {
                Time::Is { millis: 0, .. } => Some("it is more than 0"),
                Time::Wrong => Some("units are us, ms, s, m, h and d"),
                Time::TooLong => Some("the longest time is 24 days"),
                Time::Is { millis, unit: false } if millis < SUSPICIOUS => {
                    let verdict = self.verdict((3, 1), Verdict::Warned, Verdict::Silent);
                    return self.add(Kind::TimeWithoutUnit, verdict, &word(), format!("{value}s"));
                }
                Time::Is { .. } => None,
            },
            _ => None,
        };
        if let Some(wrong) = wrong {
            self.add(Kind::BadValue, Verdict::Refused, &word(), wrong);
        }
    }
}

/// Tells whether a port, or the end of a range of ports, is above 65535.
fn is_too_high(port: &str) -> bool {
    let last = port.rsplit('-').next().unwrap_or(port);
    let digits = last.trim_start_matches('+');
    digits.parse::<u64>().is_ok_and(|port| port > 65535)
}
