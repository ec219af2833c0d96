//! Questions about all names that patterns match, decided on their automata.
//!
//! A pattern is not anchored: the automaton is that of `.*pattern.*`, over the bytes that a name can hold. Two of them are
//! run side by side until a name answers the question, or until none is left.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};

use regex_automata::dfa::{Automaton as _, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::{start, syntax as parser};
use regex_automata::{Anchored, MatchKind};

use super::syntax::{Reading, read};

/// What came of a question about all names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// There is no such name.
    No,
    /// There is one: the shortest, and the most readable of those.
    Yes(String),
    /// It cannot be decided, for this reason.
    Unknown(&'static str),
}

/// The most memory of one automaton, and of making it.
const LARGEST: usize = 1 << 20;
/// The most pairs of states that are looked at.
const MOST_PAIRS: usize = 50_000;
/// The longest name that AMQP has.
pub(super) const LONGEST_NAME: usize = 255;
/// The most answers that are kept.
const MOST_KEPT: usize = 4096;

pub(super) const TOO_LARGE: &str = "it is too large";

/// A question about two patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    /// Is there a name that both match?
    Common,
    /// Is there a name that the first matches and the second does not?
    Beyond,
}

thread_local! {
    /// The answers so far: thousands of clusters share the policies of a profile. Nothing depends on what is kept.
    static KEPT: RefCell<BTreeMap<(Question, String, String), Answer>> = const { RefCell::new(BTreeMap::new()) };
}

/// Finds a name that both patterns match.
pub(super) fn common(a: &str, b: &str) -> Answer {
    if starts_apart(a, b) { Answer::No } else { kept(Question::Common, a, b) }
}

/// Finds a name that the first pattern matches and the second does not.
pub(super) fn beyond(a: &str, b: &str) -> Answer {
    kept(Question::Beyond, a, b)
}

/// Finds a name that a pattern matches.
pub(super) fn any(pattern: &str) -> Answer {
    common(pattern, "")
}

fn kept(question: Question, a: &str, b: &str) -> Answer {
    let key = (question, a.to_owned(), b.to_owned());
    if let Some(answer) = KEPT.with_borrow(|kept| kept.get(&key).cloned()) {
        return answer;
    }
    let answer = match (Names::of(a), Names::of(b)) {
        (Ok(a), Ok(b)) => a.beside(&b, |a, b| a && (b == (question == Question::Common))),
        (Err(why), _) | (_, Err(why)) => Answer::Unknown(why),
    };
    KEPT.with_borrow_mut(|kept| {
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(key, answer.clone());
    });
    answer
}

/// Tells at a glance that no name begins as both patterns want.
fn starts_apart(a: &str, b: &str) -> bool {
    let (Some(a), Some(b)) = (beginning(a), beginning(b)) else { return false };
    a.bytes().zip(b.bytes()).any(|(a, b)| a != b)
}

/// Returns plain text that every name begins with, if the pattern says so without a doubt.
fn beginning(pattern: &str) -> Option<&str> {
    let body = pattern.strip_prefix('^')?;
    if body.contains('|') || !pattern.is_ascii() {
        return None;
    }
    let plain = body.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || b"-_:/".contains(byte)).count();
    let quantified = matches!(body.as_bytes().get(plain), Some(b'*' | b'?' | b'{'));
    Some(&body[..plain.saturating_sub(usize::from(quantified))])
}

/// The names that a pattern matches.
pub(super) struct Names(dense::DFA<Vec<u32>>);

impl Names {
    pub(super) fn of(pattern: &str) -> Result<Self, &'static str> {
        match read(pattern) {
            Reading::Regular => {}
            Reading::Foreign(why) => return Err(why),
            Reading::Invalid { .. } => return Err("it is invalid"),
        }
        let config = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(StartKind::Unanchored)
            .accelerate(false)
            .dfa_size_limit(Some(LARGEST))
            .determinize_size_limit(Some(LARGEST));
        let made = dense::Builder::new()
            .configure(config)
            .syntax(parser::Config::new().unicode(false).utf8(false))
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(LARGEST)))
            .build(pattern);
        made.map(Self).map_err(|_| TOO_LARGE)
    }

    pub(super) fn start(&self) -> Option<State> {
        let id = self.0.start_state(&start::Config::new().anchored(Anchored::No)).ok()?;
        Some(State { id, matched: false })
    }

    /// Moves on by a byte. A match is seen one byte late, and stays one.
    pub(super) fn next(&self, state: State, byte: u8) -> State {
        let id = self.0.next_state(state.id, byte);
        State { id, matched: state.matched || self.0.is_match_state(id) }
    }

    pub(super) fn matches(&self, state: State) -> bool {
        state.matched || self.0.is_match_state(self.0.next_eoi_state(state.id))
    }

    /// Runs both automata on all names at once, shortest first, until one is `wanted`.
    fn beside(&self, other: &Self, wanted: impl Fn(bool, bool) -> bool) -> Answer {
        let (Some(one), Some(two)) = (self.start(), other.start()) else { return Answer::Unknown(TOO_LARGE) };
        let bytes = Self::different_bytes(&[self, other]);
        let mut came: Came = HashMap::from([((one, two), None)]);
        let mut queue = VecDeque::from([((one, two), 0)]);
        while let Some((pair, length)) = queue.pop_front() {
            if length == LONGEST_NAME {
                continue;
            }
            for &byte in &bytes {
                let next = (self.next(pair.0, byte), other.next(pair.1, byte));
                if came.contains_key(&next) {
                    continue;
                }
                came.insert(next, Some((pair, byte)));
                if wanted(self.matches(next.0), other.matches(next.1)) {
                    return Answer::Yes(spell(&came, next));
                }
                if came.len() > MOST_PAIRS {
                    return Answer::Unknown(TOO_LARGE);
                }
                queue.push_back((next, length + 1));
            }
        }
        Answer::No
    }

    /// Returns one byte for each group that all automata treat alike, the most readable first.
    pub(super) fn different_bytes(all: &[&Self]) -> Vec<u8> {
        let readable = (b'a'..=b'z').chain(*b"._-").chain(b'0'..=b'9').chain(b'A'..=b'Z');
        let mut seen = Vec::new();
        let mut bytes = Vec::new();
        for byte in readable.chain(b' '..=b'~').chain(0x80..=0xff) {
            let classes: Vec<u8> = all.iter().map(|names| names.0.byte_classes().get(byte)).collect();
            if !seen.contains(&classes) {
                seen.push(classes);
                bytes.push(byte);
            }
        }
        bytes
    }
}

/// A state of each of two automata.
type Pair = (State, State);
/// Where each pair came from: the pair before it, and the byte.
type Came = HashMap<Pair, Option<(Pair, u8)>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct State {
    id: StateID,
    matched: bool,
}

fn spell(came: &Came, end: Pair) -> String {
    let mut bytes = Vec::new();
    let mut at = end;
    while let Some(Some((before, byte))) = came.get(&at) {
        bytes.push(*byte);
        at = *before;
    }
    bytes.reverse();
    String::from_utf8_lossy(&bytes).into_owned()
}
