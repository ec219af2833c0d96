//! What Keepalived of a version says to a keepalived.conf.
//!
//! Input: the text and the version. Output: its VRRP instances and scripts, and every problem. Must not: judge what depends on
//! the machine (interfaces, users, the script's file), or virtual servers and BFD, which are only recognised.

mod blocks;
mod instance;
mod outline;
mod whole;
mod words;

pub use self::outline::outline;
use super::{Problem, Verdict};
use crate::facts::keepalived::{self as facts, ROOT};
use crate::facts::version::Version;
use words::{Fault, Node};

/// What is wrong with a keepalived.conf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each kind is one rule, which says what it is")]
pub enum Kind {
    AddressOwner,
    Advert,
    AuthIgnored,
    BadAddress,
    BadNumber,
    BadState,
    BrokenLine,
    DroppedWords,
    FutureKeyword,
    GluedComment,
    LongPassword,
    MasterWaits,
    MissingValue,
    NoAddress,
    NoScriptUser,
    NoSecurity,
    PlainPassword,
    RelativeScript,
    RepeatedAddress,
    RepeatedInstance,
    RepeatedKeyword,
    RepeatedRouterId,
    StrictMode,
    UnbalancedBrace,
    UnicastNoPeer,
    UnicastSelf,
    UnknownKeyword,
    UnknownScript,
    UnusedScript,
}

/// What a keepalived.conf says, and what is wrong with it.
#[derive(Debug)]
pub struct Judged {
    /// The VRRP instances, in order.
    pub instances: Vec<Instance>,
    /// The scripts that watch something, in order.
    pub scripts: Vec<Script>,
    /// The problems, by line.
    pub problems: Vec<Problem<Kind>>,
}

/// A `vrrp_instance`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// The line that begins it.
    pub line: u32,
    /// `state`, in the text's spelling.
    pub state: String,
    /// `interface`, and its line.
    pub interface: Option<(u32, String)>,
    /// `virtual_router_id`, and its line.
    pub virtual_router_id: Option<(u32, u64)>,
    /// `priority`, and its line.
    pub priority: Option<(u32, u64)>,
    /// `advert_int`, and its line.
    pub advert_int: Option<(u32, String)>,
    /// `auth_type` and `auth_pass`, and the line of the latter.
    pub auth: Option<(u32, String)>,
    /// The virtual addresses, with their lines.
    pub addresses: Vec<(u32, String)>,
    /// `unicast_src_ip`, and its line.
    pub source: Option<(u32, String)>,
    /// `mcast_src_ip`, and its line.
    pub multicast_source: Option<(u32, String)>,
    /// The addresses of `unicast_peer`, with their lines.
    pub peers: Vec<(u32, String)>,
    /// The scripts that it tracks: line, name, and the weight if the line has one.
    pub scripts: Vec<(u32, String, Option<i64>)>,
    version3: bool,
    strict: Option<bool>,
    nopreempt: Option<u32>,
    preempt_delay: Option<u32>,
}

/// A `vrrp_script`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// Its name.
    pub name: String,
    /// The line that begins it.
    pub line: u32,
    /// The command, and its line.
    pub command: Option<(u32, String)>,
    /// Its weight; 0 is none.
    pub weight: i64,
    /// Whether it names the user that runs it.
    user: bool,
}

/// Predicts what Keepalived of a version says to a text.
pub fn judge(text: &str, version: Version) -> Judged {
    let tree = words::read(text);
    let mut judge = Judge {
        version,
        global: false,
        section: String::new(),
        instances: Vec::new(),
        scripts: Vec::new(),
        problems: Vec::new(),
        security: None,
        script_user: false,
        version3: false,
        strict: false,
        defines: text.contains("\n$") || text.starts_with('$'),
    };
    for (line, fault) in &tree.faults {
        judge.fault(*line, fault);
    }
    for node in &tree.nodes {
        judge.root(node);
    }
    judge.whole();
    judge.problems.sort_by_key(|problem| problem.line);
    Judged { instances: judge.instances, scripts: judge.scripts, problems: judge.problems }
}

#[expect(clippy::struct_excessive_bools, reason = "they are what the text has said so far")]
struct Judge {
    version: Version,
    /// Inside `global_defs`.
    global: bool,
    section: String,
    instances: Vec<Instance>,
    scripts: Vec<Script>,
    problems: Vec<Problem<Kind>>,
    /// The line of `enable_script_security`.
    security: Option<u32>,
    script_user: bool,
    version3: bool,
    strict: bool,
    /// The text defines parameters, so that a line can be anything.
    defines: bool,
}

impl Judge {
    fn add(&mut self, line: u32, kind: Kind, verdict: Verdict, word: &str, more: impl Into<String>) {
        // The parent process of 2.0 reads `global_defs` and forgets its errors.
        let forgotten = self.global && self.version < Version::new(2, 1, 0);
        let verdict = if forgotten { verdict.min(Verdict::Warned) } else { verdict };
        let (word, section) = (word.to_owned(), self.section.clone());
        self.problems.push(Problem { line, kind, verdict, word, section, more: more.into() });
    }

    fn fault(&mut self, line: u32, fault: &Fault) {
        match fault {
            Fault::Brace => self.add(line, Kind::UnbalancedBrace, Verdict::Refused, "", ""),
            Fault::Quote => self.add(line, Kind::BrokenLine, Verdict::Refused, "", "a quote is not closed"),
            Fault::TooLong => self.add(line, Kind::BrokenLine, Verdict::Refused, "", "more than 1022 bytes"),
            Fault::Glued(word) => self.add(line, Kind::GluedComment, Verdict::Silent, word, ""),
        }
    }

    /// Judges what stands outside of every block.
    fn root(&mut self, node: &Node<'_>) {
        let word = node.word(0);
        if self.is_parameter(word) {
            return;
        }
        self.section = String::new();
        if !self.known(ROOT, node) {
            return;
        }
        self.section = node.words.join(" ");
        match word {
            "global_defs" => {
                self.global = true;
                self.global_defs(node);
                self.global = false;
            }
            "vrrp_script" => self.script(node),
            "vrrp_instance" => self.instance(node),
            block if facts::is_complete(block) => self.plain(block, node),
            _ => {}
        }
        self.section = String::new();
    }

    /// Judges whether a block has a keyword.
    fn known(&mut self, block: &str, node: &Node<'_>) -> bool {
        let word = node.word(0);
        // `include` is the parser's own word.
        if word.starts_with("include") || self.is_parameter(word) {
            return false;
        }
        match facts::keyword(block, word) {
            Some(life) if self.version < life.from => {
                self.add(node.line, Kind::FutureKeyword, Verdict::Refused, word, life.from.to_string());
                false
            }
            Some(life) if life.until.is_some_and(|until| self.version >= until) => {
                self.add(node.line, Kind::UnknownKeyword, Verdict::Refused, word, "");
                false
            }
            Some(_) => true,
            None => {
                let near = facts::nearest(block, word).unwrap_or_default();
                self.add(node.line, Kind::UnknownKeyword, Verdict::Refused, word, near);
                false
            }
        }
    }

    /// Judges a block of which only the keywords are known.
    fn plain(&mut self, block: &str, node: &Node<'_>) {
        for line in node.inside() {
            self.known(block, line);
        }
    }

    /// Judges whether a keyword that has one value stands twice in a block: the last one counts.
    fn once(&mut self, block: &Node<'_>, keywords: &[&str]) {
        for (index, line) in block.inside().iter().enumerate() {
            let word = line.word(0);
            let earlier = |other: &&Node<'_>| other.word(0) == word;
            if let Some(other) = block.inside()[..index].iter().find(earlier).filter(|_| keywords.contains(&word)) {
                self.add(line.line, Kind::RepeatedKeyword, Verdict::Silent, word, other.word(1));
            }
        }
    }

    /// Tells whether a line is a parameter, a condition on the host, or made from a parameter.
    fn is_parameter(&self, word: &str) -> bool {
        word.starts_with(['$', '@', '~']) || (self.defines && word.contains('$'))
    }

    fn since(&self, major: u16, minor: u16, patch: u16) -> bool {
        self.version >= Version::new(major, minor, patch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(version: &str, extra: &str, expect: &[&str]) {
        let text = format!(
            "global_defs {{\n enable_script_security\n script_user root\n}}\nvrrp_script chk {{\n script /x\n weight -20\n}}\n\
             vrrp_instance i {{\n interface eth0\n virtual_router_id 5\n virtual_ipaddress {{\n  10.0.0.1\n }}\n track_script {{\n  chk\n }}\n{extra}\n}}\n"
        );
        let judged = judge(&text, version.parse().expect("a version"));
        let show = |problem: &Problem<Kind>| {
            format!("{} {:?} {:?} {} ({})", problem.line, problem.kind, problem.verdict, problem.word, problem.more)
        };
        assert_eq!(judged.problems.iter().map(show).collect::<Vec<_>>(), expect, "{version}: {extra}");
    }

    #[test]
    fn what_the_probes_do_not_ask() {
        check("2.2.7", "", &[]);
        check("2.2.7", "prority 5", &["18 UnknownKeyword Refused prority (priority)"]);
        check("2.2.7", "auth_hmac {\n}", &["18 FutureKeyword Refused auth_hmac (2.4.0)"]);
        check("2.4.3", "auth_hmac {\n}", &[]);
        check("2.2.7", "priority ten", &["18 BadNumber Refused priority ten (1 to 255)"]);
        check(
            "2.2.7",
            "authentication {\n auth_type PASS\n auth_pass secret\n}",
            &["20 PlainPassword Silent auth_pass ()"],
        );
        check("2.2.7", "authentication {\n auth_type PASS\n auth_pass \u{e000}\n}", &[]);
        check("2.2.7", "track_script {\n other\n}", &["19 UnknownScript Refused other (chk)"]);
        check("2.2.7", "}\nvrrp_script unused {\n script \"/x\"", &["19 UnusedScript Silent unused ()"]);
        check(
            "2.2.7",
            "}\nvrrp_script chk {\n script check",
            &["19 RepeatedInstance Refused chk ()", "20 RelativeScript Silent check ()"],
        );
        check("2.2.7", "}\nvirtual_server 10.0.0.1 80 {\n anything goes {\n }", &[]);
        check("2.2.7", "}\n$X=1\nvrrp_instance $Y {\n interface $Z\n virtual_router_id $V\n", &[]);
    }
}
