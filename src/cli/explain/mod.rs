//! `rmqgit explain`: what the code of a diagnostic means, and what to do about it.

mod markdown;
mod text;

use std::io::Write as _;
use std::path::PathBuf;

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Exit, Failure, load, stdout};
use crate::diag::codes;
use crate::model::RuleLevel;
use crate::policy::{Kind, Program, Rule, Rules};
use crate::release::canonical_json;

/// Explain the code of a diagnostic
///
/// Knows the rules, those of the repository's own `policies/` too, and the faults that no spec can waive.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  $ rmqgit explain duplicate-key
  $ rmqgit explain --all --format markdown > rules.md
  $ rmqgit explain --all --format json")]
pub(super) struct Args {
    /// The code, as diagnostics show it
    #[arg(required_unless_present = "all")]
    code: Option<String>,
    /// Explain every code
    #[arg(long, conflicts_with = "code")]
    all: bool,
    /// The spec repository whose own rules are explained too
    #[arg(short = 'C', long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// How to write the explanation
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How explanations are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs; the document is versioned and has a schema (`rmqgit schema`)
    Json,
    /// A page
    Markdown,
}

/// The explanations, as `--format json` writes them.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Explanations {
    /// The version of this document, 1.
    format: u32,
    /// The codes, in alphabetical order.
    codes: Vec<Explanation>,
}

/// What one code means.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Explanation {
    /// The code: a kebab-case noun of the fault, never reused.
    code: String,
    /// What it says, in a few words.
    title: String,
    /// Why it is refused or warned about.
    why: String,
    /// What to do.
    fix: String,
    /// A spec, or a part of one, that has the fault.
    example: String,
    /// What else there is to say of a rule; none for a fault that no spec can waive.
    rule: Option<RuleFacts>,
}

/// What there is to say of a rule alone.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RuleFacts {
    /// What a finding is, unless the spec says otherwise.
    level: RuleLevel,
    /// What the rule is asked of.
    #[serde(rename = "for")]
    kind: Kind,
    /// The expression that must hold, or none where a built-in check looks.
    assert: Option<String>,
    /// What it is about: `RabbitMQ`, `HAProxy`, `Keepalived` or `Cluster`.
    about: String,
    /// Where the fact comes from.
    source: Vec<String>,
    /// The program that itself complains.
    proof: Option<Program>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let rules = load::rules(&args.dir)?;
    let explanations = match &args.code {
        None => all(&rules),
        Some(code) => vec![find(&rules, code).ok_or_else(|| unknown(&rules, code))?],
    };
    let text = match args.format {
        Format::Text => explanations.iter().map(text::render).collect::<Vec<_>>().join("\n"),
        Format::Markdown => markdown::page(&explanations),
        Format::Json => canonical_json(&Explanations { format: 1, codes: explanations }),
    };
    stdout().write_all(text.as_bytes())?;
    Ok(Exit::Clean)
}

fn all(rules: &Rules) -> Vec<Explanation> {
    let of_rules = rules.iter().map(|rule| of_rule(rules, rule));
    let mut all: Vec<_> = of_rules.chain(codes::all().into_iter().map(of_code)).collect();
    all.sort_by(|a, b| a.code.cmp(&b.code));
    all
}

fn find(rules: &Rules, code: &str) -> Option<Explanation> {
    rules.find(code).map(|rule| of_rule(rules, rule)).or_else(|| codes::find(code).map(of_code))
}

fn of_code(code: &codes::Code) -> Explanation {
    Explanation {
        code: code.code.to_owned(),
        title: code.title.to_owned(),
        why: code.why.to_owned(),
        fix: code.fix.to_owned(),
        example: code.example.to_owned(),
        rule: None,
    }
}

fn of_rule(rules: &Rules, rule: &Rule) -> Explanation {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let why = one_line(&rule.why);
    Explanation {
        code: rule.code.value.clone(),
        title: why.split_once(". ").map_or(why.as_str(), |(first, _)| first).trim_end_matches('.').to_owned(),
        why,
        fix: rule.help.as_ref().map(|help| one_line(help)).unwrap_or_default(),
        example: rules.example_text(&rule.code),
        rule: Some(RuleFacts {
            level: rule.level,
            kind: rule.kind,
            assert: rule.assert.as_ref().map(|assert| one_line(assert)),
            about: about(rule).to_owned(),
            source: rule.source.value.clone(),
            proof: rule.proof,
        }),
    }
}

/// Returns the program that a rule is about.
fn about(rule: &Rule) -> &'static str {
    let first = rule.at.split('.').next().unwrap_or_default();
    match (rule.kind, first) {
        (Kind::Front | Kind::Server, _) | (Kind::Cluster, "haproxy") => "HAProxy",
        (Kind::Instance | Kind::Member, _) | (Kind::Cluster, "keepalived") => "Keepalived",
        (Kind::Cluster, "rabbitmq") => "RabbitMQ",
        (Kind::Cluster | Kind::Host, _) => "Cluster",
        _ => "RabbitMQ",
    }
}

fn unknown(rules: &Rules, code: &str) -> Failure {
    let all = all(rules);
    let near = all.iter().map(|known| (strsim::damerau_levenshtein(code, &known.code), &known.code)).min();
    let help = match near {
        Some((distance, near)) if distance <= 3 => format!("did you mean `{near}`?"),
        _ => "`rmqgit explain --all` lists every code".to_owned(),
    };
    let shown: String = code.chars().take(64).collect();
    Failure::usage(format!("there is no code `{shown}`")).help(help)
}
