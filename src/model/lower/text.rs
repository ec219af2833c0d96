//! Checks of single values: addresses, times, names, numbers.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

use ipnet::IpNet;

use crate::diag::{At, Diagnostic, Diagnostics, Place, excerpt};
use crate::facts::version::Version;
use crate::model::{Bind, Value};
use crate::name::SecretRef;
use crate::spec::{Lines, Secret};

/// What stands for an address that was refused, so that later checks go on; the cluster is refused in any case.
pub(super) const NO_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Reports a value that is not valid where it stands.
pub(super) fn refuse(diags: &mut Diagnostics, code: &'static str, place: Place, message: String, help: &str) {
    diags.push(Diagnostic::error(code, message).at(place, "here").help(help));
}

/// Reads the address of a host.
pub(super) fn host_address(diags: &mut Diagnostics, text: &At<String>) -> IpAddr {
    let place = text.place;
    match text.parse::<IpAddr>() {
        Ok(ip) if ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() => {
            let message = format!("`{ip}` cannot be the address of a host");
            refuse(diags, "invalid-address", place, message, "give the address that the other hosts reach it by");
            NO_ADDRESS
        }
        Ok(ip) => ip,
        Err(_) => {
            let message = format!("`{}` is not an IP address", excerpt(&text.value));
            refuse(
                diags,
                "invalid-address",
                place,
                message,
                "write an address such as `192.168.1.219`; names are not resolved",
            );
            NO_ADDRESS
        }
    }
}

/// Reads a virtual address with an optional prefix.
pub(super) fn virtual_address(diags: &mut Diagnostics, text: &At<String>) -> Option<At<IpNet>> {
    let net = match text.parse::<IpAddr>() {
        Ok(ip) => Some(IpNet::from(ip)),
        Err(_) => text.parse::<IpNet>().ok(),
    };
    let usable =
        net.filter(|net| !(net.addr().is_unspecified() || net.addr().is_loopback() || net.addr().is_multicast()));
    if usable.is_none() {
        let message = match net {
            Some(net) => format!("`{net}` cannot be a virtual address"),
            None => format!("`{}` is not an IP address, with or without a prefix", excerpt(&text.value)),
        };
        let help = "write an address such as `192.168.1.222`, or with its prefix `192.168.1.222/24`";
        refuse(diags, "invalid-address", text.place, message, help);
    }
    usable.map(|net| At { value: net, place: text.place })
}

/// Reads where a program listens: `ADDRESS:PORT`, `[ADDRESS]:PORT` for IPv6, `*:PORT`.
pub(super) fn bind(diags: &mut Diagnostics, text: &At<String>) -> Option<At<Bind>> {
    let parsed = parse_bind(text);
    if parsed.is_none() {
        let message = format!("`{}` is not an address and a port", excerpt(&text.value));
        let help = "write `192.168.1.222:5672`, `[2001:db8::1]:5672`, or `*:5672` for every address";
        refuse(diags, "invalid-address", text.place, message, help);
    }
    parsed.map(|bind| At { value: bind, place: text.place })
}

/// Reads where a program listens, or gives nothing.
pub(super) fn parse_bind(text: &str) -> Option<Bind> {
    let (address, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let address = match address {
        "*" | "" => None,
        _ => {
            let ip = match address.strip_prefix('[') {
                Some(rest) => IpAddr::V6(rest.strip_suffix(']')?.parse().ok()?),
                None => IpAddr::V4(address.parse().ok()?),
            };
            (!ip.is_unspecified()).then_some(ip)
        }
    };
    Some(Bind { address, port })
}

/// Reads a version.
pub(super) fn version(diags: &mut Diagnostics, text: &At<String>) -> Option<At<Version>> {
    match text.parse() {
        Ok(version) => Some(At { value: version, place: text.place }),
        Err(why) => {
            let message = format!("`{}` is not a version", excerpt(&text.value));
            refuse(diags, "invalid-version", text.place, message, why);
            None
        }
    }
}

/// Checks a time of HAProxy: a whole number and a unit, at most 24 days.
pub(super) fn duration(diags: &mut Diagnostics, text: Option<&At<String>>, default: &str) -> String {
    let Some(text) = text else { return default.to_owned() };
    if let Err(help) = check_duration(text) {
        refuse(diags, "invalid-duration", text.place, format!("`{}` is not a time", excerpt(&text.value)), help);
    }
    text.value.clone()
}

fn check_duration(text: &str) -> Result<(), &'static str> {
    const WRITE: &str = "write a whole number and a unit: `us`, `ms`, `s`, `m`, `h` or `d`, such as `5s`";
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let millis = match &text[digits..] {
        "us" | "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(WRITE),
    };
    let number: u64 = text[..digits].parse().map_err(|_| WRITE)?;
    match number.checked_mul(millis) {
        Some(0) => Err("the time must be longer than 0"),
        // HAProxy keeps times as signed 32-bit milliseconds (configuration manual 2.5).
        Some(total) if i32::try_from(total).is_ok() => Ok(()),
        _ => Err("HAProxy's longest time is 24 days"),
    }
}

/// Checks that a number is in its range; the message names it by `what`.
pub(super) fn range<T: PartialOrd + Display + Copy>(
    diags: &mut Diagnostics,
    number: At<T>,
    allowed: &RangeInclusive<T>,
    what: &str,
) -> bool {
    let ok = allowed.contains(&number.value);
    if !ok {
        let message = format!("{what} is `{}`, outside {} to {}", number.value, allowed.start(), allowed.end());
        let help = format!("give a number from {} to {}", allowed.start(), allowed.end());
        refuse(diags, "out-of-range", number.place, message, &help);
    }
    ok
}

/// Gives a number or its default, and checks its range.
pub(super) fn number<T: PartialOrd + Display + Copy>(
    diags: &mut Diagnostics,
    given: Option<&At<T>>,
    default: T,
    (what, allowed): (&str, RangeInclusive<T>),
) -> T {
    let Some(given) = given else { return default };
    range(diags, *given, &allowed, what);
    given.value
}

/// Checks a port, or gives the default at `place`.
pub(super) fn port(diags: &mut Diagnostics, given: Option<&At<u16>>, default: u16, place: Place) -> At<u16> {
    let Some(given) = given else { return At { value: default, place } };
    range(diags, *given, &(1..=u16::MAX), "the port");
    *given
}

/// Takes a secret's name; text in its place is refused.
pub(super) fn secret(diags: &mut Diagnostics, given: &At<Secret>, what: &str) -> Option<SecretRef> {
    match &given.value {
        Secret::Name(name) => Some(name.clone()),
        Secret::Plain => {
            plain_text(diags, given.place, what);
            None
        }
    }
}

/// Takes a secret's name as a value.
pub(super) fn secret_value(diags: &mut Diagnostics, given: Option<&At<Secret>>, what: &str) -> Option<Value> {
    secret(diags, given?, what).map(Value::Secret)
}

/// Refuses a secret in plain text; the message does not repeat it.
pub(super) fn plain_text(diags: &mut Diagnostics, place: Place, what: &str) {
    diags.push(
        Diagnostic::error("plain-text-secret", format!("{what} stands in the spec as plain text"))
            .at(place, "a secret does not belong into Git")
            .help("write `{secret: NAME}` here, and seal a value with `rmqgit secret set NAME`; if this file has been pushed, \
                   the old value is known: choose a new one"),
    );
}

/// Checks text that stands on one line of a file.
pub(super) fn line(diags: &mut Diagnostics, text: &str, place: Place, what: &str) {
    if text.is_empty() {
        refuse(diags, "invalid-value", place, format!("{what} is empty"), "write a text, or leave the field out");
    } else if text.chars().any(char::is_control) {
        let message = format!("{what} holds a control character");
        refuse(diags, "invalid-value", place, message, "write printable text on one line");
    }
}

/// Takes lines that are added as they are.
pub(super) fn lines(diags: &mut Diagnostics, given: &Lines, place: Place) -> Vec<String> {
    if given.0.iter().any(|line| line.chars().any(|c| c.is_control() && c != '\t')) {
        let message = "an added line holds a control character".to_owned();
        refuse(diags, "invalid-value", place, message, "write printable text and tabs only");
    }
    given.0.clone()
}

/// Refuses two fields that exclude each other.
pub(super) fn conflict(diags: &mut Diagnostics, (first, at): (&str, Place), (second, also): (&str, Place), help: &str) {
    diags.push(
        Diagnostic::error("conflicting-fields", format!("`{first}` and `{second}` exclude each other"))
            .at(also, format!("`{second}` is given here"))
            .at(at, format!("`{first}` is given here"))
            .help(help),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_an_end() {
        for good in ["1us", "500ms", "5s", "3h", "24d"] {
            assert_eq!(check_duration(good), Ok(()), "{good}");
        }
        for bad in ["", "5", "s", "5 s", "5S", "0s", "-1s", "1.5s", "25d", "99999999999999999999h", "3h "] {
            assert!(check_duration(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn binds_are_an_address_and_a_port() {
        let bind = |address: &str, port| Some(Bind { address: address.parse().ok(), port });
        for (text, expect) in [
            ("127.0.0.1:1080", bind("127.0.0.1", 1080)),
            ("[::1]:1080", bind("::1", 1080)),
            ("*:5672", bind("", 5672)),
            (":5672", bind("", 5672)),
            ("0.0.0.0:5672", bind("", 5672)),
            ("[::]:5672", bind("", 5672)),
            ("::1:1080", None),
            ("1080", None),
            ("localhost:1080", None),
            ("127.0.0.1:0", None),
            ("127.0.0.1:65536", None),
            ("127.0.0.1:", None),
        ] {
            assert_eq!(parse_bind(text), expect, "{text}");
        }
    }
}
