//! The forms in which a value may stand where it does not belong.

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::Secret;
use crate::quote::{self, Syntax};

/// Shorter values are found everywhere.
const SHORTEST: usize = 4;

/// The forms of one value.
pub struct Leaks(Vec<(&'static str, Zeroizing<Vec<u8>>)>);

impl Leaks {
    /// Makes the forms of a value.
    pub fn of(secret: &Secret) -> Self {
        let value = secret.expose();
        if value.len() < SHORTEST {
            return Self(Vec::new());
        }
        let mut forms = Vec::new();
        let mut add = |name, bytes: Vec<u8>| {
            let bytes = Zeroizing::new(bytes);
            if bytes.len() >= SHORTEST && !forms.iter().any(|(_, known)| *known == bytes) {
                forms.push((name, bytes));
            }
        };
        add("as it is", value.as_bytes().to_vec());
        for lines in value.lines().filter(|line| *line != value && line.len() >= 16) {
            add("a line of it", lines.as_bytes().to_vec());
        }
        for start in 0..3 {
            for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                add("in base64", base64(engine, value.as_bytes(), start));
            }
        }
        let hex = |upper: bool| value.bytes().flat_map(|byte| digits(byte, upper)).collect();
        add("in hexadecimal", hex(false));
        add("in hexadecimal", hex(true));
        for upper in [true, false] {
            for blank in ["%20", "+"] {
                add("in a URL", percent(value, upper, blank).into_bytes());
            }
        }
        let json = serde_json::to_string(value).expect("text can be written as JSON");
        add("in JSON", json.as_bytes()[1..json.len() - 1].to_vec());
        let quoted = [
            ("quoted for HAProxy", Syntax::Haproxy),
            ("quoted for HAProxy", Syntax::HaproxyOld),
            ("quoted for a shell", Syntax::Shell),
            ("in an Erlang term", Syntax::ErlangString),
        ];
        for (name, syntax) in quoted {
            if let Ok(text) = quote::quote(syntax, value) {
                add(name, text.trim_matches(['\'', '"']).as_bytes().to_vec());
            }
        }
        Self(forms)
    }

    /// Says in which form the value stands in some bytes, if it does.
    pub fn find(&self, bytes: &[u8]) -> Option<&'static str> {
        self.0.iter().find(|(_, form)| contains(bytes, form)).map(|(name, _)| *name)
    }
}

/// Returns the characters of a base64 text that the value alone decides, when it begins at a byte whose number leaves the
/// remainder `start` by three.
fn base64(engine: &impl base64::Engine, value: &[u8], start: usize) -> Vec<u8> {
    let padded = Zeroizing::new([&[0; 2][..start], value].concat());
    let text = Zeroizing::new(engine.encode(&*padded));
    // The first characters carry bits of what stands before, the last one of what comes after.
    let skip = [0, 2, 3][start];
    let end = padded.len() * 8 / 6;
    text.as_bytes()[skip.min(end)..end].to_vec()
}

fn percent(value: &str, upper: bool, blank: &str) -> String {
    let mut text = String::with_capacity(3 * value.len());
    for byte in value.bytes() {
        match byte {
            b' ' => text.push_str(blank),
            _ if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => text.push(char::from(byte)),
            _ => {
                text.push('%');
                text.extend(digits(byte, upper).map(char::from));
            }
        }
    }
    text
}

/// Returns the two hexadecimal digits of a byte.
fn digits(byte: u8, upper: bool) -> [u8; 2] {
    let all: &[u8; 16] = if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
    [all[usize::from(byte >> 4)], all[usize::from(byte & 15)]]
}

fn contains(bytes: &[u8], form: &[u8]) -> bool {
    let (Some(first), true) = (form.first(), bytes.len() >= form.len()) else { return false };
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        if rest[at..].starts_with(form) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::*;

    #[test]
    fn a_value_is_found_in_every_form() {
        let value = "it's \"#1\" für %\n兎\\";
        let leaks = Leaks::of(&Secret::new(Zeroizing::new(value.to_owned())));
        let find = |text: &str| leaks.find(text.as_bytes());
        assert_eq!(find(&format!("x{value}y")), Some("as it is"));
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}{value}-");
            assert_eq!(find(&STANDARD_NO_PAD.encode(&text)), Some("in base64"), "{before}");
            assert_eq!(find(&URL_SAFE_NO_PAD.encode(&text)), Some("in base64"), "{before}");
        }
        let hex = value.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        assert_eq!(find(&hex), Some("in hexadecimal"));
        assert_eq!(find(&hex.to_uppercase()), Some("in hexadecimal"));
        assert_eq!(find("amqp://u:it%27s%20%22%231%22%20f%C3%BCr%20%25%0A%E5%85%8E%5C@h"), Some("in a URL"));
        assert_eq!(find(&serde_json::json!({ "password": value }).to_string()), Some("in JSON"));
        assert_eq!(find(&quote::quote(Syntax::ErlangString, value).expect("quoted")), Some("in an Erlang term"));
        assert_eq!(find("it's \"#1\" für"), None);
        assert_eq!(find(""), None);
    }

    #[test]
    fn words_of_three_letters_are_no_leak() {
        assert_eq!(Leaks::of(&Secret::new(Zeroizing::new("abc".to_owned()))).find(b"abc"), None);
    }
}
