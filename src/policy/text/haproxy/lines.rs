//! One line after another: sections, `global`, and what any line may have.

use super::words::{Fault, Line, MOST};
use super::{At, Format, Judge, Kind, Mode, Proxy, Settings, values};
use crate::facts::haproxy::{self as facts, Life, Proxy as Section};
use crate::policy::text::Verdict;

/// The longest line that HAProxy 1.5 reads.
const LONGEST_15: usize = 2047;

impl Judge {
    /// Judges one line.
    pub(super) fn line(&mut self, text: &str, line: &Line<'_>) {
        if text.len() > LONGEST_15 && !self.since(1, 6) {
            let word: String = text.trim_start().chars().take(20).collect();
            self.add(Kind::BrokenLine, Verdict::Refused, &word, format!("more than {LONGEST_15} bytes"));
        }
        if let Some(fault) = line.fault {
            self.fault(fault, line);
        }
        if line.words.is_empty() {
            return;
        }
        self.any(line);
        match line.word(0) {
            "global" => self.at = At::Global,
            "defaults" => self.defaults(line),
            "frontend" => self.proxy(Section::Frontend, line),
            "listen" => self.proxy(Section::Listen, line),
            "backend" => self.proxy(Section::Backend, line),
            word if is_other_section(word) && self.at != At::Other => self.at = At::Other,
            word => match self.at {
                At::Nowhere => self.add(Kind::UnknownKeyword, Verdict::Refused, word, ""),
                At::Global => self.global(line),
                At::Defaults | At::Proxy => self.keyword(line),
                At::Other if is_other_section(word) => {}
                At::Other => self.listens |= word == "bind",
            },
        }
    }

    fn fault(&mut self, fault: Fault, line: &Line<'_>) {
        let what = match fault {
            Fault::Escape => "`\\x` is not followed by two hexadecimal digits".to_owned(),
            Fault::Quote => "a quote is not closed".to_owned(),
            Fault::Brace => "`${` is not closed".to_owned(),
            Fault::Variable => "`$` between double quotes is not followed by a name".to_owned(),
            Fault::TooMany => format!("more than {MOST} words"),
        };
        let word = line.words.last().map_or("", |word| word).to_owned();
        self.add(Kind::BrokenLine, Verdict::Refused, &word, what);
    }

    /// Judges what any line may have.
    fn any(&mut self, line: &Line<'_>) {
        let last = line.words.last().map_or("", |word| word);
        if line.glued {
            self.add(Kind::GluedComment, Verdict::Silent, last, "");
        }
        if line.literal_quotes {
            self.add(Kind::LiteralQuote, Verdict::Silent, &line.words.join(" "), "");
        }
        for name in &line.variables {
            let known =
                name.starts_with("HAPROXY_") || name.starts_with('.') || self.environment.iter().any(|set| set == name);
            if !known {
                self.add(Kind::EnvironmentVariable, Verdict::Silent, name, "");
            }
        }
    }

    fn defaults(&mut self, line: &Line<'_>) {
        self.at = At::Defaults;
        self.defaults = Settings::default();
        if line.words.len() > 2 && line.word(2) != "from" {
            self.add(Kind::BrokenLine, Verdict::Refused, line.word(2), "a name is one word");
        }
    }

    fn proxy(&mut self, kind: Section, line: &Line<'_>) {
        self.at = At::Proxy;
        let name = line.word(1).to_owned();
        let proxy = Proxy {
            kind,
            name,
            line: self.number,
            binds: Vec::new(),
            servers: Vec::new(),
            settings: self.defaults.clone(),
            default_server: false,
            backends: Vec::new(),
        };
        self.proxies.push(proxy);
        let name = line.word(1);
        // 3.4 prints the alert and starts all the same.
        if let Some(bad) = values::bad_character(name) {
            let verdict = self.verdict((3, 4), Verdict::Warned, Verdict::Refused);
            self.add(Kind::BadName, verdict, name, bad);
        } else if name.is_empty() {
            self.add(Kind::BadName, Verdict::Refused, line.word(0), "");
        }
        self.inline_address(kind, line);
    }

    fn inline_address(&mut self, kind: Section, line: &Line<'_>) {
        let Some(address) = line.words.get(2).filter(|word| *word != "from") else { return };
        if self.since(1, 6) || kind == Section::Backend {
            self.add(Kind::InlineAddress, Verdict::Refused, address, "");
        } else {
            let (number, address) = (self.number, address.to_string());
            self.last().binds.push((number, address));
        }
    }

    /// Returns the proxy that the text is in.
    pub(super) fn last(&mut self) -> &mut Proxy {
        self.proxies.last_mut().expect("`At::Proxy` begins with a proxy")
    }

    /// Returns what the present section sets.
    pub(super) fn settings(&mut self) -> &mut Settings {
        if self.at == At::Defaults { &mut self.defaults } else { &mut self.last().settings }
    }

    fn global(&mut self, line: &Line<'_>) {
        let (skip, _) = super::proxy::modifier(line);
        let word = line.word(skip);
        let Some(known) = facts::global(word) else {
            let more = facts::nearest_global(word).unwrap_or_default();
            self.add(Kind::UnknownKeyword, Verdict::Refused, word, more);
            return;
        };
        match (word, line.word(1)) {
            ("setenv" | "presetenv", name) => self.environment.push(name.to_owned()),
            // One process is what there is without the keyword.
            ("nbproc", "1") if !self.since(2, 5) => return,
            ("stats", "socket") => self.socket(line),
            _ => {}
        }
        self.life(word, known);
    }

    /// Judges a keyword's version.
    pub(super) fn life(&mut self, word: &str, life: &'static Life) {
        let instead = life.instead.unwrap_or_default();
        if self.version < life.from {
            self.add(Kind::FutureKeyword, Verdict::Refused, word, series(life.from));
        } else if life.refused.is_some_and(|refused| self.version >= refused) {
            self.add(Kind::RemovedKeyword, Verdict::Refused, word, instead);
        } else if life.warned.is_some_and(|warned| self.version >= warned) {
            self.add(Kind::DeprecatedKeyword, Verdict::Warned, word, instead);
        }
    }

    /// Judges a runtime socket: whoever reaches it with the level `admin` commands HAProxy.
    fn socket(&mut self, line: &Line<'_>) {
        let words = line.words.get(3..).unwrap_or_default();
        self.params(facts::Line::Bind, words);
        let admin = words.windows(2).any(|pair| pair[0] == "level" && pair[1] == "admin");
        let address = values::address(line.word(2));
        let local = |host: &str| matches!(host, "127.0.0.1" | "::1" | "localhost");
        if admin && address.is_some_and(|address| !local(address.host)) {
            self.add(Kind::OpenSocket, Verdict::Silent, line.word(2), "");
        }
    }
}

/// Spells a series.
pub(super) fn series(version: crate::facts::version::Version) -> String {
    format!("{}.{}", version.major, version.minor)
}

/// Tells whether a word begins a section that is not judged.
fn is_other_section(word: &str) -> bool {
    matches!(
        word,
        "peers"
            | "resolvers"
            | "mailers"
            | "userlist"
            | "cache"
            | "program"
            | "http-errors"
            | "ring"
            | "log-forward"
            | "log-profile"
            | "fcgi-app"
            | "crt-store"
            | "traces"
            | "acme"
            | "dynamic-update"
            | "ruleset"
            | "healthcheck"
    )
}

impl Settings {
    /// Tells whether it logs in a format that needs a place to log to.
    pub(super) fn logs_nowhere(&self) -> Option<u32> {
        self.format.filter(|_| !self.log).map(|(line, _)| line)
    }

    /// Returns the lines that only do something in mode `http`, with their keywords.
    pub(super) fn http_only(&self) -> impl Iterator<Item = (u32, &'static str)> {
        let tcp = self.mode == Mode::Tcp;
        let httplog = self.format.filter(|(_, format)| *format == Format::Http).map(|(line, _)| line);
        let all = [
            (self.stats, "stats"),
            (self.forwardfor, "option forwardfor"),
            (self.monitor_uri, "monitor-uri"),
            (httplog, "option httplog"),
        ];
        all.into_iter().filter_map(move |(line, keyword)| Some((line.filter(|_| tcp)?, keyword)))
    }
}
