//! Which names the same of several patterns match, decided on their automata side by side.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, VecDeque};

use super::automaton::{LONGEST_NAME, Names, State, TOO_LARGE};

/// Names that match the same patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combination {
    /// Which patterns they match, in the order that was asked.
    pub matches: Vec<bool>,
    /// Some of them, the shortest first.
    pub names: Vec<String>,
}

/// The most sets of states that are looked at.
const MOST_STATES: usize = 20_000;
/// So many names are kept of each combination.
const MOST_NAMES: usize = 2;
/// The most answers that are kept.
const MOST_KEPT: usize = 1024;

/// What came of a question.
type Answer = Result<Vec<Combination>, &'static str>;

thread_local! {
    /// The answers so far: thousands of clusters share the policies of a profile. Nothing depends on what is kept.
    static KEPT: RefCell<BTreeMap<Vec<String>, Answer>> = const { RefCell::new(BTreeMap::new()) };
}

/// Returns every combination of patterns that some name matches, with names; or why that cannot be decided. Patterns are as
/// RabbitMQ takes them: not anchored.
pub fn combinations(patterns: &[&str]) -> Answer {
    let key: Vec<String> = patterns.iter().map(|&pattern| pattern.to_owned()).collect();
    if let Some(answer) = KEPT.with_borrow(|kept| kept.get(&key).cloned()) {
        return answer;
    }
    let answer = decide(patterns);
    KEPT.with_borrow_mut(|kept| {
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(key, answer.clone());
    });
    answer
}

fn decide(patterns: &[&str]) -> Answer {
    let all: Vec<Names> = patterns.iter().map(|pattern| Names::of(pattern)).collect::<Result<_, _>>()?;
    let start: Vec<State> = all.iter().map(Names::start).collect::<Option<_>>().ok_or(TOO_LARGE)?;
    let bytes = Names::different_bytes(&all.iter().collect::<Vec<_>>());
    let mut found: BTreeMap<Vec<bool>, Vec<String>> = BTreeMap::new();
    // Where each set of states came from: the index of the one before it, and the byte.
    let mut came: Vec<(usize, u8)> = vec![(0, 0)];
    let mut seen: HashMap<Vec<State>, usize> = HashMap::from([(start.clone(), 0)]);
    let mut queue = VecDeque::from([(start, 0, 0)]);
    while let Some((states, index, length)) = queue.pop_front() {
        if length == LONGEST_NAME {
            continue;
        }
        for &byte in &bytes {
            let next: Vec<State> = all.iter().zip(&states).map(|(names, state)| names.next(*state, byte)).collect();
            if seen.contains_key(&next) {
                continue;
            }
            if seen.len() >= MOST_STATES {
                return Err(TOO_LARGE);
            }
            let own = came.len();
            came.push((index, byte));
            seen.insert(next.clone(), own);
            let matches: Vec<bool> = all.iter().zip(&next).map(|(names, state)| names.matches(*state)).collect();
            let names = found.entry(matches).or_default();
            if names.len() < MOST_NAMES {
                names.push(spell(&came, own));
            }
            queue.push_back((next, own, length + 1));
        }
    }
    Ok(found.into_iter().map(|(matches, names)| Combination { matches, names }).collect())
}

fn spell(came: &[(usize, u8)], end: usize) -> String {
    let mut bytes = Vec::new();
    let mut at = end;
    while at != 0 {
        bytes.push(came[at].1);
        at = came[at].0;
    }
    bytes.reverse();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(patterns: &[&str]) -> Vec<String> {
        let show = |combination: &Combination| {
            let bits: String = combination.matches.iter().map(|yes| if *yes { '1' } else { '0' }).collect();
            format!("{bits} {}", combination.names[0])
        };
        combinations(patterns).expect("it can be decided").iter().map(show).collect()
    }

    #[test]
    fn every_combination_has_a_name() {
        assert_eq!(shown(&["^", "^orders\\."]), ["10 a", "11 orders."]);
        assert_eq!(shown(&["^a", "b$"]), ["00 c", "01 b", "10 a", "11 ab"]);
        assert_eq!(shown(&["^a$"]), ["0 b", "1 a"]);
        assert!(combinations(&["(?=a)"]).is_err());
    }
}
