//! Whole outcomes: every fault of a text, with code, place, message, labels and help.

use std::fmt::Write as _;
use std::net::IpAddr;

use indexmap::IndexMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::diag::At;
use crate::name::HostName;

/// Parses and decodes, and writes every diagnostic as `code 1:2-1:4 message`, its further places and its help.
fn faults<T: DeserializeOwned>(text: &str) -> String {
    let mut sources = Sources::new();
    let mut diags = Diagnostics::new();
    let value = read(&mut sources, "a.yaml", text.as_bytes(), &Limits::default(), &mut diags)
        .and_then(|node| decode::<T>(&node, &mut diags));
    if diags.is_empty() {
        assert!(value.is_some(), "nothing was decoded, and nobody said why");
    }
    list(&sources, &diags)
}

fn list(sources: &Sources, diags: &Diagnostics) -> String {
    let mut out = String::new();
    for diag in diags {
        let mut sep = diag.code.to_owned();
        for label in &diag.labels {
            let (first, last) = sources.positions(label.span);
            let _ = write!(out, "{sep} {}:{}-{}:{}", first.line, first.column, last.line, last.column);
            let _ = write!(out, " [{}]", label.text);
            sep = ";".to_owned();
        }
        let _ =
            writeln!(out, " {}{}", diag.message, diag.help.as_ref().map(|h| format!(" -> {h}")).unwrap_or_default());
    }
    out
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "read by serde only")]
struct Spec {
    name: String,
    hosts: IndexMap<HostName, Host>,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    mode: Option<Mode>,
    #[serde(default)]
    password: Option<Password>,
    #[serde(default)]
    plugins: Vec<At<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "read by serde only")]
struct Host {
    address: At<IpAddr>,
    interface: String,
    #[serde(default)]
    weight: Option<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Active,
    Passive,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code, reason = "read by serde only")]
enum Password {
    Secret(String),
    Plain { text: String, salt: u64 },
    None,
}

#[test]
fn all_faults_are_found_at_once() {
    let mut out = String::new();
    for text in [
        "name: x\nhosts: {}\n",
        "name: [x]\nport: 99999\nmode: activ\nhosts:\n  rabbit1: {adress: 1.2.3.4, interface: a}\n  'bad name': {address: 1.2.3.4, interface: b}\n  r2: {address: 1.2.3.400, interface: 12}\n  r3: just text\n  r4: {}\nplugins: [a, {b: c}, 3, [d], true]\npassword: !vault x\nname: y\nextra: *nope\n",
        "name: 3.10\nhosts:\npassword: secret\nmode: {active: 1}\n",
        "name: x\nhosts: {}\npassword: {plain: {txt: a}}\nmode: [active]\n",
        "name: x\nhosts:\n  a: &a\n    address: nope\n    interface: e\n  b: *a\n  c:\n    <<: *a\n    interface: f\n",
        "name: x\nhosts: {}\npassword: {secret: a, none: b}\nport: 05672\n",
        "- a\n",
        "name: \"x\n",
    ] {
        let _ = writeln!(out, "{text}---\n{}", faults::<Spec>(text));
    }
    insta::assert_snapshot!(out);
}
