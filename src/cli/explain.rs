//! `rmqgit explain`: what the code of a diagnostic means, and what to do about it.

use std::fmt::Write as _;
use std::io::Write as _;

use schemars::JsonSchema;
use serde::Serialize;

use super::out::Format;
use super::{Exit, Failure, stdout};
use crate::diag::codes::{self, Code};
use crate::release::canonical_json;

/// Explain the code of a diagnostic
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit explain duplicate-key
  $ rmqgit explain --all --format json")]
pub(super) struct Args {
    /// The code, as diagnostics show it
    #[arg(required_unless_present = "all")]
    code: Option<String>,
    /// Explain every code
    #[arg(long, conflicts_with = "code")]
    all: bool,
    /// How to write the explanation
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// The explanations, as `--format json` writes them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Explanations<'a> {
    /// The version of this document, 1.
    format: u32,
    /// The codes, in alphabetical order.
    codes: Vec<Explanation<'a>>,
}

/// What one code means.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Explanation<'a> {
    /// The code: a kebab-case noun of the fault, never reused.
    code: &'a str,
    /// What it says, in a few words.
    title: &'a str,
    /// Why it is refused or warned about.
    why: &'a str,
    /// What to do.
    fix: &'a str,
    /// A spec, or a part of one, that has the fault.
    example: &'a str,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let codes = match &args.code {
        None => codes::all(),
        Some(code) => vec![codes::find(code).ok_or_else(|| unknown(code))?],
    };
    let text = match args.format {
        Format::Text => codes.iter().map(|code| text(code)).collect::<Vec<_>>().join("\n"),
        Format::Json => {
            canonical_json(&Explanations { format: 1, codes: codes.into_iter().map(explanation).collect() })
        }
    };
    stdout().write_all(text.as_bytes())?;
    Ok(Exit::Clean)
}

fn explanation(code: &Code) -> Explanation<'_> {
    Explanation { code: code.code, title: code.title, why: code.why, fix: code.fix, example: code.example }
}

fn unknown(code: &str) -> Failure {
    let near = codes::all().iter().map(|known| (strsim::damerau_levenshtein(code, known.code), known.code)).min();
    let help = match near {
        Some((distance, near)) if distance <= 3 => format!("did you mean `{near}`?"),
        _ => "`rmqgit explain --all` lists every code".to_owned(),
    };
    let shown: String = code.chars().take(64).collect();
    Failure::usage(format!("there is no code `{shown}`")).help(help)
}

fn text(code: &Code) -> String {
    let mut text = String::new();
    let mut part = |head: &str, body: &str| {
        write!(text, "{head}{body}").expect("a string takes every write");
    };
    part(&format!("\x1b[1m{}\x1b[0m: ", code.code), code.title);
    part("\n\n", &fold(code.why));
    part(
        "\n\n\x1b[1mWhat to do:\x1b[0m ",
        fold(&format!("What to do: {}", code.fix)).trim_start_matches("What to do: "),
    );
    part("\n\n\x1b[1mExample:\x1b[0m\n", "");
    for line in code.example.lines() {
        part("    ", &format!("{line}\n"));
    }
    text
}

/// Breaks a paragraph into lines of at most 80 characters, where it has words that short.
fn fold(paragraph: &str) -> String {
    let mut lines = vec![String::new()];
    for word in paragraph.split_whitespace() {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= 80 {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}
