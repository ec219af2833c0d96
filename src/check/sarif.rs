//! The result of a check as SARIF 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0), which code scanning reads.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Checked;
use crate::diag::{Diagnostic, Severity, Span, codes, json, sorted};
use crate::model::RuleLevel;
use crate::policy::{Rule, Waived};
use crate::spec;

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Writes the result of a check.
pub(super) fn render(checked: &Checked) -> String {
    let found = sorted(&checked.diags).into_iter().map(|diag| (diag, None));
    let waived = checked.waived.iter().map(|waived| (&waived.diag, Some(waived)));
    let all: Vec<(&Diagnostic, Option<&Waived>)> = found.chain(waived).collect();
    let mut rules: BTreeMap<&str, usize> = all.iter().map(|(diag, _)| (&*diag.code, 0)).collect();
    rules.values_mut().enumerate().for_each(|(index, slot)| *slot = index);
    let log = Log {
        schema: SCHEMA,
        version: "2.1.0",
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "rmqgit",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules: rules.keys().map(|code| descriptor(checked, code)).collect(),
                },
            },
            results: all.iter().map(|(diag, waived)| result(checked, diag, *waived, rules[&*diag.code])).collect(),
            column_kind: "unicodeCodePoints",
        }],
    };
    let mut text = serde_json::to_string_pretty(&log).expect("a log has string keys and whole numbers");
    text.push('\n');
    text
}

/// Describes a code, which is that of a rule or of a fault that no spec can waive.
fn descriptor(checked: &Checked, code: &str) -> Descriptor {
    let level = |level: RuleLevel| if level == RuleLevel::Deny { "error" } else { "warning" };
    let (short, full, severity) = match (checked.rules.find(code), codes::find(code)) {
        (Some(rule), _) => (summary(rule), rule.why.trim().to_owned(), level(rule.level)),
        (None, Some(known)) => (known.title.to_owned(), known.why.to_owned(), "error"),
        (None, None) => (code.to_owned(), String::new(), "error"),
    };
    let help = match (checked.rules.find(code), codes::find(code)) {
        (Some(rule), _) => format!("{full}\n\n{}", rule.source.value.join("\n")),
        (None, Some(known)) => format!("{full}\n\n{}", known.fix),
        (None, None) => full.clone(),
    };
    Descriptor {
        id: code.to_owned(),
        short_description: Message { text: short },
        full_description: (!full.is_empty()).then_some(Message { text: full }),
        help: (!help.is_empty()).then_some(Message { text: help }),
        default_configuration: Configuration { level: severity },
    }
}

/// Returns the first sentence of why a rule is there.
fn summary(rule: &Rule) -> String {
    let why = rule.why.trim();
    why.split_once(". ").map_or(why, |(first, _)| first).trim_end_matches('.').replace('\n', " ")
}

fn result(checked: &Checked, diag: &Diagnostic, waived: Option<&Waived>, rule_index: usize) -> Finding {
    let text = match &diag.help {
        Some(help) => format!("{}. To do: {help}.", diag.message),
        None => diag.message.clone(),
    };
    let place = |span: Span, message: Option<&str>| Location {
        physical_location: physical(checked, span),
        message: message.map(|text| Message { text: text.to_owned() }),
    };
    let main = match diag.labels.first() {
        Some(label) => place(label.span, None),
        // Code scanning shows nothing that has no place.
        None => Location { physical_location: start_of(spec::FILE), message: None },
    };
    Finding {
        rule_id: diag.code.to_string(),
        rule_index,
        level: if diag.severity == Severity::Error { "error" } else { "warning" },
        message: Message { text },
        locations: [main],
        related_locations: diag.labels.iter().skip(1).map(|label| place(label.span, Some(&label.text))).collect(),
        suppressions: waived.map(|waived| [Suppression { kind: "external", justification: waived.reason.clone() }]),
    }
}

fn physical(checked: &Checked, span: Span) -> Physical {
    let json::Place { file, line, column, end_line, end_column, .. } = json::place(span, "", &checked.sources);
    let region = Region { start_line: line, start_column: column, end_line, end_column };
    Physical { artifact_location: Artifact { uri: uri(&file) }, region }
}

fn start_of(file: &str) -> Physical {
    let region = Region { start_line: 1, start_column: 1, end_line: 1, end_column: 1 };
    Physical { artifact_location: Artifact { uri: uri(file) }, region }
}

/// Writes a path as a relative reference (RFC 3986, 4.2).
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[derive(Serialize)]
struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    results: Vec<Finding>,
    column_kind: &'static str,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: String,
    short_description: Message,
    #[serde(skip_serializing_if = "Option::is_none")]
    full_description: Option<Message>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<Message>,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    #[serde(skip_serializing_if = "Option::is_none")]
    suppressions: Option<[Suppression; 1]>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: Physical,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Serialize)]
struct Suppression {
    kind: &'static str,
    justification: String,
}
