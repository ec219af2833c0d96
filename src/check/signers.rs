//! Whether hosts could go on with the keys that the repository's `allowed_signers` names.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::diag::{Diagnostic, Diagnostics, Place, Severity, Sources, Span};
use crate::release::ALLOWED_SIGNERS;
use crate::trust::allowed::{self, LineFault};

/// Reports every line of the file that names nobody who may sign on a day, and a file in which no line does.
pub fn check(diags: &mut Diagnostics, sources: &mut Sources, bytes: &[u8], today: Date) {
    let Ok(midnight) = today.to_zoned(TimeZone::UTC) else { return };
    let text = String::from_utf8_lossy(bytes).into_owned();
    let file = sources.add(ALLOWED_SIGNERS, text.as_str());
    let mut usable = false;
    let mut found = Diagnostics::new();
    for (number, line) in allowed::judge_lines(bytes, midnight.timestamp().as_second()) {
        match line {
            Ok(()) => usable = true,
            Err(fault) => found.push(word(&fault).at(line_of(&text, file, number), "this line")),
        }
    }
    if !usable && found.iter().all(|diag| diag.severity == Severity::Warning) {
        let nobody = format!("no key of `{ALLOWED_SIGNERS}` may sign a release");
        found.push(Diagnostic::error("no-signer", nobody).at(line_of(&text, file, 1), "this file").help(
            "add a line `NAME KEY` with the public key that signs releases; or remove the file, and the hosts' own \
             files decide",
        ));
    }
    diags.append(&mut found);
}

fn word(fault: &LineFault) -> Diagnostic {
    let help = "a line is `NAME KEY`, with options such as `valid-before=\"20280101\"` before the key";
    match fault {
        LineFault::Unreadable(_) => {
            Diagnostic::error("malformed-signer", format!("no host could read these signers: {fault}")).help(help)
        }
        LineFault::Unsupported | LineFault::Key(_) => {
            Diagnostic::warning("unusable-signer", format!("whoever this is may sign no release: {fault}"))
                .help("correct the line, or remove it")
        }
    }
}

/// Returns the place of a line, without the blanks around it.
fn line_of(text: &str, file: u32, number: usize) -> Place {
    let line = text.split('\n').nth(number - 1).unwrap_or_default();
    let indent = line.len() - line.trim_start().len();
    let start = text.split_inclusive('\n').take(number - 1).map(str::len).sum::<usize>() + indent;
    let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Place { used: Span { file, start: byte(start), end: byte(start + line.trim().len()) }, defined: None }
}
