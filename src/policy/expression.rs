//! The language of rules: minijinja, with what versions, times and addresses need.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use ipnet::IpNet;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use regex::Regex;

use crate::facts::version::Version;

/// The steps that one expression may take, so that no rule can hang a check.
const FUEL: u64 = 200_000;

/// Makes the environment that all rules share.
///
/// Tests: `version is since("3.12")`, `version is before("4.0")`, `address is within("10.0.0.0/8")`, `address is public`,
/// `name is matching("^[a-z]+$")`. Filter: `"5s"|seconds`. What is not there is an error, unless `|default(...)` is given.
pub(super) fn environment() -> Environment<'static> {
    let mut env = Environment::new();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    env.set_auto_escape_callback(|_| AutoEscape::None);
    env.add_test("since", |found: &str, first: &str| Ok::<_, Error>(version(found)? >= version(first)?));
    env.add_test("before", |found: &str, first: &str| Ok::<_, Error>(version(found)? < version(first)?));
    env.add_test("within", within);
    env.add_test("public", public);
    let patterns = Patterns::default();
    env.add_test("matching", move |text: &str, pattern: &str| patterns.matching(text, pattern));
    env.add_filter("seconds", seconds);
    env
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

fn version(text: &str) -> Result<Version, Error> {
    text.parse().map_err(|why| invalid(format!("`{text}` is not a version: {why}")))
}

fn within(address: &str, net: &str) -> Result<bool, Error> {
    let plain = address.split_once('/').map_or(address, |(address, _)| address);
    let address: IpAddr = plain.parse().map_err(|_| invalid(format!("`{address}` is not an address")))?;
    let net: IpNet = net.parse().map_err(|_| invalid(format!("`{net}` is not a network")))?;
    Ok(net.contains(&address))
}

/// Addresses that the Internet does not route: private, shared, link-local, loopback, and those of documentation
/// (<https://www.iana.org/assignments/iana-ipv4-special-registry>).
const NOT_PUBLIC: [&str; 13] = [
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "2001:db8::/32",
    "fc00::/7",
    "fe80::/10",
];

fn public(address: &str) -> Result<bool, Error> {
    for net in NOT_PUBLIC {
        if within(address, net)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The compiled patterns of the rules: compiling one takes a hundred times as long as using it.
#[derive(Debug, Default)]
struct Patterns(RwLock<HashMap<String, Regex>>);

/// The most patterns that are kept; a pattern that a rule makes of a name is one for each name.
const MOST_PATTERNS: usize = 1000;

impl Patterns {
    fn matching(&self, text: &str, pattern: &str) -> Result<bool, Error> {
        if let Some(known) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(pattern) {
            return Ok(known.is_match(text));
        }
        let regex = Regex::new(pattern).map_err(|error| invalid(error.to_string()))?;
        let matches = regex.is_match(text);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_PATTERNS {
            known.insert(pattern.to_owned(), regex);
        }
        Ok(matches)
    }
}

/// Reads a time of HAProxy: a number and `us`, `ms`, `s`, `m`, `h` or `d`; without a unit it is milliseconds.
fn seconds(text: &str) -> Result<f64, Error> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = digits.parse().map_err(|_| invalid(format!("`{text}` is not a time")))?;
    let unit = match &text[digits.len()..] {
        "us" => 1e-6,
        "" | "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(invalid(format!("`{text}` has an unknown unit"))),
    };
    Ok(number * unit)
}

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    #[track_caller]
    fn check(expression: &str, expect: Result<bool, &str>) {
        let env = environment();
        let made = env.compile_expression(expression).expect("the expression has no fault of syntax");
        let found = made.eval(context! { v => "3.12.4", ip => "192.168.1.7/32", t => "90s", none => () });
        let found = found.map(|value| value.is_true()).map_err(|error| error.to_string());
        match (found, expect) {
            (Ok(found), Ok(expect)) => assert_eq!(found, expect, "{expression}"),
            (Err(found), Err(expect)) => assert!(found.contains(expect), "{expression}: {found}"),
            (found, expect) => panic!("{expression}: {found:?}, not {expect:?}"),
        }
    }

    #[test]
    fn versions_are_compared_by_number() {
        check("v is since('3.12')", Ok(true));
        check("v is since('3.12.5')", Ok(false));
        check("v is before('3.13')", Ok(true));
        check("v is before('3.9')", Ok(false));
        check("v is since('new')", Err("`new` is not a version"));
    }

    #[test]
    fn addresses_times_and_names() {
        check("ip is within('192.168.0.0/16')", Ok(true));
        check("ip is within('10.0.0.0/8')", Ok(false));
        check("ip is public or '203.0.113.7' is public or 'fd00::1' is public", Ok(false));
        check("'9.9.9.9' is public and '2620:fe::fe' is public", Ok(true));
        check("t|seconds == 90", Ok(true));
        check("'1500'|seconds == 1.5 and '2h'|seconds == 7200", Ok(true));
        check("v is matching('^3[.]')", Ok(true));
        check("v is matching('(')", Err("unclosed group"));
    }

    #[test]
    fn a_wrong_name_is_an_error() {
        check("vv is since('3.12')", Err("not a string"));
        check("v.x.y == 1", Err("undefined value"));
    }
}
