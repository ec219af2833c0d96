//! Takes what a target keeps secret out of what its service answers: many name the address in the page of an error.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use crate::alert::Keys;

/// What stands where a secret was.
const MASK: &str = "***";
/// The shortest part of an address that can be a secret, in bytes.
const SHORTEST: usize = 6;

/// Returns a text without the secrets of a target.
pub(super) fn mask(text: &str, keys: &Keys) -> String {
    let mut secrets: Vec<Zeroizing<String>> = Vec::new();
    for key in [&keys.url, &keys.token, &keys.secret].into_iter().flatten() {
        secrets.push(key.expose().to_owned().into());
        secrets.extend(key.expose().split(':').filter(|_| keys.token.is_some()).map(|part| part.to_owned().into()));
    }
    if let Some(url) = &keys.url {
        let rest = url.expose().split_once("://").map_or(url.expose(), |(_, rest)| rest);
        let path = rest.find(['/', '?']).map_or("", |at| &rest[at..]);
        secrets.push(path.to_owned().into());
        secrets.extend(path.split(['/', '?', '&', '=', '#']).map(|part| part.to_owned().into()));
    }
    let decoded: Vec<_> = secrets.iter().map(|secret| decoded(secret).into()).collect();
    let encoded: Vec<_> = secrets.iter().map(|secret| encoded(secret).into()).collect();
    secrets.extend(decoded);
    secrets.extend(encoded);
    secrets.retain(|secret| secret.len() >= SHORTEST);
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), MASK))
}

/// Returns a text with its percent signs resolved.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        let code = code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(|_| *first == b'%');
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns a text as a part of an address, with everything but letters, digits and `-._~` as percent signs.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            byte => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn no_part_of_an_address_or_token_is_left() {
        let keys = Keys {
            url: Some(Secret::new(
                "https://hooks.example.org/services/T0/B0/secret%2Dtoken?key=abcdef".to_owned().into(),
            )),
            token: Some(Secret::new("bot:very-secret".to_owned().into())),
            secret: None,
        };
        let check = |text: &str, expect: &str| assert_eq!(mask(text, &keys), expect);
        check("Cannot POST /services/T0/B0/secret%2Dtoken?key=abcdef", "Cannot POST ***");
        check("no hook secret-token here", "no hook *** here");
        check("abcdef and very-secret", "*** and ***");
        check("no such channel", "no such channel");
    }
}
