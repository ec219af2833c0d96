//! Keeps pages equal to what they repeat: the README its example, CI the README's command, and `docs/spec.md` the schema of the
//! spec (`UPDATE_DOCS=1 cargo test reference` writes it).

use std::fmt::Write as _;
use std::fs;

use serde_json::{Map, Value};

use crate::{rmqgit, run};

const INTRODUCTION: &str = "\
# The spec

Every field of `rmqgit.yaml`, made from its JSON Schema (`rmqgit schema spec`), which is made from the types that read it.
Editors that know JSON Schema complete and check the file as you type: `rmqgit init` sets that up. The files of `clusters/`
hold one [Cluster](#cluster) each. [The example](../fixtures/tutorial/rmqgit.yaml) shows most of it on one screen.

A field without \"required\" may be left out. Unknown fields, duplicate keys and values of another type are errors; anchors,
aliases and merges (`<<`) work.
";

#[test]
fn the_spec_reference_says_what_the_schema_says() {
    let (_, schema, _) = run(rmqgit().args(["schema", "spec"]));
    let page = page(&serde_json::from_str(&schema).unwrap());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/spec.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, &page).unwrap();
    }
    assert!(
        fs::read_to_string(path).unwrap_or_default() == page,
        "docs/spec.md is old: UPDATE_DOCS=1 cargo test reference"
    );
}

#[test]
fn the_page_of_rules_says_what_the_catalogue_says() {
    let (status, page, _) = run(rmqgit().args(["explain", "--all", "--format", "markdown", "-C", "src"]));
    assert_eq!(status, 0);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, &page).unwrap();
    }
    assert!(
        fs::read_to_string(path).unwrap_or_default() == page,
        "docs/rules.md is old: UPDATE_DOCS=1 cargo test reference"
    );
}

/// Returns a file of the repository.
fn text_of(name: &str) -> String {
    fs::read_to_string(format!("{}/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn the_readme_shows_the_tutorial_and_ci_runs_what_the_readme_says() {
    let readme = text_of("README.md");
    let (_, rest) = readme.split_once("```yaml\n").expect("the README shows a spec");
    assert_eq!(rest.split_once("```").expect("the spec ends").0, text_of("fixtures/tutorial/rmqgit.yaml"));
    let commands: Vec<_> = readme.lines().filter_map(|line| line.strip_prefix("    ")).take(2).collect();
    assert_eq!(commands, ["cargo run --release -- demo", "tests/install && cargo test"]);
    assert!(text_of(".ci/run").lines().any(|line| line == format!("step '{}'", commands[1])));
}

fn page(schema: &Value) -> String {
    let mut page = INTRODUCTION.to_owned();
    let definitions = schema["$defs"].as_object().expect("a schema has definitions");
    section(&mut page, definitions, "rmqgit.yaml", schema);
    for (name, definition) in definitions.iter().filter(|(_, definition)| has_section(definition)) {
        section(&mut page, definitions, name, definition);
    }
    page
}

/// Says whether a type is worth a section: it has fields, or words to choose from.
fn has_section(definition: &Value) -> bool {
    definition.get("properties").is_some() || definition.get("oneOf").is_some()
}

fn section(page: &mut String, definitions: &Map<String, Value>, name: &str, definition: &Value) {
    let kind = |schema| kind(definitions, schema);
    write!(page, "\n## {name}\n\n{}\n", text(definition)).unwrap();
    if let Some(fields) = definition["properties"].as_object() {
        let required: Vec<_> =
            definition["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        page.push_str("\n| Field | Type | Meaning |\n|--|--|--|\n");
        for (field, schema) in fields {
            let required = if required.contains(&field.as_str()) { ", required" } else { "" };
            writeln!(page, "| `{field}` | {}{required} | {} |", kind(schema), text(schema)).unwrap();
        }
    } else if let Some(words) = definition["oneOf"].as_array().filter(|_| definition.get("oneOf").is_some()) {
        page.push_str("\n| Value | Meaning |\n|--|--|\n");
        for word in words {
            let value = word
                .get("const")
                .map_or_else(|| kind(word), |value| format!("`{}`", value.as_str().unwrap_or_default()));
            writeln!(page, "| {value} | {} |", text(word)).unwrap();
        }
    }
}

/// Returns a description as one line that may stand in a table.
fn text(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// Names the type of a value.
fn kind(definitions: &Map<String, Value>, schema: &Value) -> String {
    let kind = |schema| kind(definitions, schema);
    let simple = |name: &str, schema| simple(definitions, name, schema);
    let Some(schema) = schema.as_object() else { return "any".to_owned() };
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let name = name.rsplit('/').next().expect("rsplit yields at least one part");
        let definition = definitions.get(name).filter(|definition| !has_section(definition));
        return definition.map_or_else(|| format!("[{name}](#{})", name.to_lowercase()), kind);
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = schema.get(key).and_then(Value::as_array) {
            let mut kinds: Vec<_> = choices.iter().filter(|choice| choice["type"] != "null").map(kind).collect();
            kinds.dedup();
            return kinds.join(" or ");
        }
    }
    if let Some(value) = schema.get("const") {
        return format!("`{value}`").replace('"', "");
    }
    match schema.get("type") {
        Some(Value::Array(types)) => {
            let kinds = types
                .iter()
                .filter(|name| *name != "null")
                .map(|name| simple(name.as_str().unwrap_or_default(), schema));
            kinds.collect::<Vec<_>>().join(" or ")
        }
        Some(Value::String(name)) => simple(name, schema),
        _ => "any".to_owned(),
    }
}

fn simple(definitions: &Map<String, Value>, name: &str, schema: &Map<String, Value>) -> String {
    let kind = |schema| kind(definitions, schema);
    match name {
        "array" => format!("list of {}", schema.get("items").map_or_else(|| "any".to_owned(), kind)),
        "object" => match schema.get("additionalProperties") {
            Some(values @ Value::Object(_)) => format!("map to {}", kind(values)),
            _ => "map".to_owned(),
        },
        "boolean" => "yes or no".to_owned(),
        "string" => "text".to_owned(),
        name => name.to_owned(),
    }
}
