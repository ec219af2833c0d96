//! What a plain scalar means: the core schema of YAML 1.2.2 (section 10.3.2), except that numbers which YAML 1.1 reads
//! differently are told apart, so that nobody has to guess.

/// The meaning of a plain scalar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Plain {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    /// A number that YAML 1.1 takes for octal, such as `0640`.
    Zeros,
    /// A number that no type holds: of more than 128 bits, or with too large an exponent.
    Huge,
    Text,
}

/// Returns the meaning of a plain scalar.
pub(super) fn plain(text: &str) -> Plain {
    match text.as_bytes().first() {
        None | Some(b'~' | b'n' | b'N') if is_null(text) => Plain::Null,
        Some(b't' | b'T') if matches!(text, "true" | "True" | "TRUE") => Plain::Bool(true),
        Some(b'f' | b'F') if matches!(text, "false" | "False" | "FALSE") => Plain::Bool(false),
        Some(b'0'..=b'9' | b'+' | b'-' | b'.') => number(text),
        _ => Plain::Text,
    }
}

pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn number(text: &str) -> Plain {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0o")) {
        let radix = if text.starts_with("0x") { 16 } else { 8 };
        let valid = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        return if valid { i128::from_str_radix(digits, radix).map_or(Plain::Huge, Plain::Int) } else { Plain::Text };
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit()) {
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            return Plain::Zeros;
        }
        return text.parse().map_or(Plain::Huge, Plain::Int);
    }
    match unsigned {
        ".inf" | ".Inf" | ".INF" if text.starts_with('-') => Plain::Float(f64::NEG_INFINITY),
        ".inf" | ".Inf" | ".INF" => Plain::Float(f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => Plain::Float(f64::NAN),
        _ if is_float(unsigned) => {
            text.parse().ok().filter(|value: &f64| value.is_finite()).map_or(Plain::Huge, Plain::Float)
        }
        _ => Plain::Text,
    }
}

/// Tells whether text is `( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent = exponent.is_none_or(|e| {
        let e = e.strip_prefix(['+', '-']).unwrap_or(e);
        !e.is_empty() && digits(e)
    });
    digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty()) && exponent
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: Plain) {
        assert_eq!(plain(text), expect, "{text:?}");
    }

    #[test]
    fn plain_scalars_mean_what_yaml_says() {
        for text in ["", "~", "null", "Null", "NULL"] {
            check(text, Plain::Null);
        }
        check("true", Plain::Bool(true));
        check("FALSE", Plain::Bool(false));
        check("0", Plain::Int(0));
        check("-12", Plain::Int(-12));
        check("+12", Plain::Int(12));
        check("0x1F", Plain::Int(31));
        check("0o640", Plain::Int(416));
        check("18446744073709551616", Plain::Int(1 << 64));
        check(&"9".repeat(60), Plain::Huge);
        check("1e999", Plain::Huge);
        check("0x", Plain::Text);
        check("0o8", Plain::Text);
        check("0x-1", Plain::Text);
        check("0640", Plain::Zeros);
        check("-01", Plain::Zeros);
        check("00", Plain::Zeros);
        check("3.10", Plain::Float(3.1));
        check("1.", Plain::Float(1.0));
        check(".5", Plain::Float(0.5));
        check("-1e3", Plain::Float(-1000.0));
        check("-.inf", Plain::Float(f64::NEG_INFINITY));
        for text in [
            ".", "-", "+", "-.", "1e", "e1", "1.2.3", "1_000", "12:30", "5s", "yes", "no", "on", "nULL", "tRUE", "1e+",
            "..1", "+-1", "-.nan", "inf", "nan", "infinity", "--1", "３",
        ] {
            check(text, Plain::Text);
        }
    }
}
