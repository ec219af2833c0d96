//! The ASCII armor of age files, read strictly: there is one way to write a file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
/// How many characters each line but the last one has.
const LINE: usize = 64;

/// Returns the bytes inside of the armor, or nothing if it is not one.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let body = text.strip_prefix(BEGIN)?.strip_prefix('\n')?;
    let body = body.strip_suffix('\n').unwrap_or(body).strip_suffix(END)?.strip_suffix('\n')?;
    let mut lines = body.split('\n').peekable();
    let mut base64 = String::with_capacity(body.len());
    while let Some(line) = lines.next() {
        let full = line.len() == LINE || (lines.peek().is_none() && (1..LINE).contains(&line.len()));
        if !full {
            return None;
        }
        base64.push_str(line);
    }
    STANDARD.decode(base64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_way_to_write_a_file() {
        let line = "A".repeat(LINE);
        let whole = format!("{BEGIN}\n{line}\nAAAA\n{END}\n");
        assert_eq!(decode(&whole), Some(vec![0; 51]));
        assert_eq!(decode(whole.trim_end()), Some(vec![0; 51]));
        for text in [
            format!("\n{whole}"),
            format!("{whole}\n"),
            whole.replace('\n', "\r\n"),
            format!("{BEGIN}\n{END}\n"),
            format!("{BEGIN}\n\n{END}\n"),
            format!("{BEGIN}\nAAAA\n{line}\n{END}\n"),
            format!("{BEGIN}\n{line}AAAA\n{END}\n"),
            format!("{BEGIN}\nAAA\n{END}\n"),
            "age-encryption.org/v1\n".to_owned(),
        ] {
            assert_eq!(decode(&text), None, "{text}");
        }
    }
}
