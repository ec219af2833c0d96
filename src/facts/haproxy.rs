//! HAProxy's keywords, by the kind of section and by version, and how long each series is maintained.

use std::collections::HashMap;
use std::sync::LazyLock;

use jiff::civil::Date;

use super::table::{self, optional};
use super::version::Version;

/// A version that stands for one that the spec does not name: what the newest Debian ships.
pub const ASSUMED: Version = Version::new(3, 0, 0);

/// A kind of section with proxy keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proxy {
    /// `defaults`.
    Defaults,
    /// `frontend`.
    Frontend,
    /// `listen`.
    Listen,
    /// `backend`.
    Backend,
}

/// The life of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// The first version that has it; 1.5 also means before.
    pub from: Version,
    /// From which version on HAProxy warns of it.
    pub warned: Option<Version>,
    /// From which version on HAProxy refuses it.
    pub refused: Option<Version>,
    /// What to write instead.
    pub instead: Option<&'static str>,
    /// Where that is written.
    pub source: &'static str,
}

impl Life {
    /// Tells whether HAProxy of a version says anything about it.
    pub fn troubles(&self, version: Version) -> bool {
        let past = |end: Option<Version>| end.is_some_and(|end| version >= end);
        version < self.from || past(self.warned) || past(self.refused)
    }
}

/// A keyword of a proxy: its life, and the first version that takes it in each kind of section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyKeyword {
    /// Its life anywhere.
    pub life: Life,
    sections: [Option<Version>; 4],
}

impl ProxyKeyword {
    /// Tells whether a kind of section takes it in a version.
    pub fn stands_in(&self, section: Proxy, version: Version) -> bool {
        self.sections[section as usize].is_some_and(|from| version >= from)
    }
}

/// A word behind the address of a `bind` or `server` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    /// How many words follow it; `None` where that varies.
    pub words: Option<u8>,
    /// Its life.
    pub life: Life,
}

/// A line that has parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Line {
    /// `bind`.
    Bind,
    /// `server`, `default-server` and `server-template`.
    Server,
}

/// A series, such as 2.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series {
    /// Its first version.
    pub version: Version,
    /// The day of its first release.
    pub released: Date,
    /// Whether it is maintained for years.
    pub long: bool,
    /// The first day of the quarter in which it is fixed no longer.
    pub end: Date,
}

struct Tables {
    global: HashMap<&'static str, Life>,
    proxy: HashMap<&'static str, Words>,
    bind: HashMap<&'static str, Param>,
    server: HashMap<&'static str, Param>,
    series: Vec<Series>,
}

/// A keyword of one word, and those of two that begin with it, by the second.
#[derive(Default)]
struct Words {
    alone: Option<ProxyKeyword>,
    with: HashMap<&'static str, ProxyKeyword>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let mut proxy: HashMap<_, Words> = HashMap::new();
    for ((first, second), keyword) in proxy_rows() {
        let words = proxy.entry(first).or_default();
        if second.is_empty() {
            words.alone = Some(keyword);
        } else {
            words.with.insert(second, keyword);
        }
    }
    let params = |of: Line| param_rows().into_iter().filter(move |(line, ..)| *line == of);
    let params = |of| params(of).map(|(_, name, param)| (name, param)).collect();
    Tables {
        global: global_rows().into_iter().collect(),
        proxy,
        bind: params(Line::Bind),
        server: params(Line::Server),
        series: series_rows(),
    }
});

/// Finds a keyword of `global`.
pub fn global(word: &str) -> Option<&'static Life> {
    TABLES.global.get(word)
}

/// Finds a keyword of a proxy; the second word counts where the first one needs it, such as that of `option`.
pub fn proxy(first: &str, second: &str) -> Option<&'static ProxyKeyword> {
    let words = TABLES.proxy.get(first)?;
    words.alone.as_ref().or_else(|| words.with.get(second))
}

/// Tells whether a first word needs a second one from the table.
pub fn has_second(first: &str) -> bool {
    TABLES.proxy.get(first).is_some_and(|words| words.alone.is_none())
}

/// Finds a parameter of a line; `name(...)` is found by its name.
pub fn param(line: Line, word: &str) -> Option<&'static Param> {
    let name = word.split_once('(').map_or(word, |(name, _)| name);
    match line {
        Line::Bind => TABLES.bind.get(name),
        Line::Server => TABLES.server.get(name),
    }
}

/// Returns the keyword of `global` that looks most like a word.
pub fn nearest_global(word: &str) -> Option<&'static str> {
    nearest(TABLES.global.keys().copied(), word)
}

/// Returns the keyword of a proxy that looks most like these words.
pub fn nearest_proxy(first: &str, second: &str) -> Option<String> {
    match TABLES.proxy.get(first) {
        Some(words) => nearest(words.with.keys().copied(), second).map(|near| format!("{first} {near}")),
        None => nearest(TABLES.proxy.keys().copied(), first).map(str::to_owned),
    }
}

/// Returns the parameter that looks most like a word.
pub fn nearest_param(line: Line, word: &str) -> Option<&'static str> {
    let table = if line == Line::Bind { &TABLES.bind } else { &TABLES.server };
    nearest(table.keys().copied(), word)
}

fn nearest(known: impl Iterator<Item = &'static str>, word: &str) -> Option<&'static str> {
    let scored = known.map(|known| (strsim::jaro_winkler(known, word), known)).filter(|(score, _)| *score > 0.85);
    scored.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1))).map(|(_, known)| known)
}

/// Finds the series of a version.
pub fn series(version: Version) -> Option<&'static Series> {
    TABLES.series.iter().find(|series| (series.version.major, series.version.minor) == (version.major, version.minor))
}

fn version(cell: &'static str) -> Result<Version, String> {
    cell.parse().map_err(|why| format!("`{cell}`: {why}"))
}

fn maybe(cell: &'static str) -> Result<Option<Version>, String> {
    optional(cell).map(version).transpose()
}

fn global_rows() -> Vec<(&'static str, Life)> {
    let columns = ["keyword", "from", "warned", "refused", "instead", "source"];
    table::built_in(
        include_str!("tables/haproxy_global.tsv"),
        columns,
        |[name, from, warned, refused, instead, source]| {
            let (warned, refused) = (maybe(warned)?, maybe(refused)?);
            Ok((name, Life { from: version(from)?, warned, refused, instead: optional(instead), source }))
        },
    )
}

fn proxy_rows() -> Vec<((&'static str, &'static str), ProxyKeyword)> {
    let columns = ["keyword", "defaults", "frontend", "listen", "backend", "warned", "refused", "instead", "source"];
    table::built_in(include_str!("tables/haproxy_proxy.tsv"), columns, |cells| {
        let [name, defaults, frontend, listen, backend, warned, refused, instead, source] = cells;
        let sections = [maybe(defaults)?, maybe(frontend)?, maybe(listen)?, maybe(backend)?];
        let from = sections.iter().flatten().min().ok_or("it stands nowhere")?;
        let (warned, refused) = (maybe(warned)?, maybe(refused)?);
        let life = Life { from: *from, warned, refused, instead: optional(instead), source };
        Ok((name.split_once(' ').unwrap_or((name, "")), ProxyKeyword { life, sections }))
    })
}

fn param_rows() -> Vec<(Line, &'static str, Param)> {
    let columns = ["line", "keyword", "words", "from", "refused", "instead", "source"];
    table::built_in(include_str!("tables/haproxy_params.tsv"), columns, |cells| {
        let [of, name, words, from, refused, instead, source] = cells;
        let of = match of {
            "bind" => Line::Bind,
            "server" => Line::Server,
            _ => return Err(format!("`{of}` has no parameters")),
        };
        let words = if words == "*" { None } else { Some(words.parse().map_err(|_| format!("`{words}` words"))?) };
        let life =
            Life { from: version(from)?, warned: None, refused: maybe(refused)?, instead: optional(instead), source };
        Ok((of, name, Param { words, life }))
    })
}

fn series_rows() -> Vec<Series> {
    let columns = ["series", "released", "support", "end", "source"];
    table::built_in(include_str!("tables/haproxy_series.tsv"), columns, |[name, released, support, end, _]| {
        let date = |text: &str| text.parse::<Date>().map_err(|error| error.to_string());
        Ok(Series { version: version(name)?, released: date(released)?, long: support == "long", end: date(end)? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_live_where_and_when_the_manuals_say() {
        let version = |text: &str| text.parse::<Version>().expect("a version");
        assert_eq!(global("nbproc").and_then(|life| life.refused), Some(version("2.5")));
        assert_eq!(global("nbthread").map(|life| life.from), Some(version("1.8")));
        assert_eq!(global("nbthreads"), None);
        assert_eq!(nearest_global("nbthreads"), Some("nbthread"));
        let httplog = proxy("option", "httplog").expect("in the table");
        assert!(httplog.stands_in(Proxy::Defaults, version("2.6")));
        let balance = proxy("balance", "leastconn").expect("in the table");
        assert!(balance.stands_in(Proxy::Listen, version("2.6")));
        assert!(!balance.stands_in(Proxy::Frontend, version("2.6")));
        let acl = proxy("acl", "x").expect("in the table");
        assert!(!acl.stands_in(Proxy::Defaults, version("2.4")) && acl.stands_in(Proxy::Defaults, version("2.5")));
        assert!(has_second("option") && !has_second("balance"));
        assert_eq!(nearest_proxy("balanse", "x").as_deref(), Some("balance"));
        assert_eq!(nearest_proxy("option", "tcploog").as_deref(), Some("option tcplog"));
        assert_eq!(param(Line::Server, "inter").and_then(|param| param.words), Some(1));
        assert_eq!(param(Line::Server, "set-proxy-v2-tlv-fmt(0x20)").and_then(|param| param.words), Some(1));
        assert_eq!(param(Line::Bind, "inter"), None);
    }

    #[test]
    fn series_are_in_order() {
        assert!(TABLES.series.is_sorted_by_key(|series| (series.version, series.released)));
        assert!(series(ASSUMED).is_some_and(|series| series.long));
        assert_eq!(series(Version::new(2, 6, 12)).map(|series| series.end.to_string()).as_deref(), Some("2027-04-01"));
        assert_eq!(series(Version::new(9, 9, 0)), None);
    }
}
