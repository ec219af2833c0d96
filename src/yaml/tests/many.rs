//! Every structural fault of one text at once.

use std::net::IpAddr;

use indexmap::IndexMap;

use super::*;
use crate::diag::At;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only faults are looked at")]
struct Spec {
    name: String,
    hosts: IndexMap<Short, Host>,
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
#[allow(dead_code, reason = "only faults are looked at")]
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
#[serde(rename_all = "lowercase", deny_unknown_fields)]
#[allow(dead_code, reason = "only faults are looked at")]
enum Password {
    Secret(String),
    Plain { text: String, salt: u64 },
    None,
}

/// A name that parses its text, as the project's names do.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Short(String);

impl<'de> Deserialize<'de> for Short {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.len() > 8 { Err(serde::de::Error::custom(format!("`{text}` is too long"))) } else { Ok(Self(text)) }
    }
}

#[test]
fn all_faults_are_found_at_once() {
    insta::assert_snapshot!(faults::<Spec>(&[
        "name: x\nhosts: {}\n",
        "name: [x]\nport: 99999\nmode: activ\nhosts:\n  rabbit1: {adress: 1.2.3.4, interface: a}\n  'a bad name': {address: \
         1.2.3.4, interface: b}\n  r2: {address: 1.2.3.400, interface: 12}\n  r3: just text\n  r4: {}\nplugins: [a, {b: c}, 3, \
         [d], true]\npassword: !vault x\nname: y\nextra: *nope\n",
        "name: 3.10\nhosts:\npassword: secret\nmode: {active: 1}\n",
        "hosts: {}\npassword: {plain: {txt: a}}\nmode: [active]\n",
        "name: x\nhosts: {}\npassword: {secret: a, none: b}\nport: 05672\n",
        "name: x\nhosts: {}\npassword: {secrets: a}\n",
        "name: x\nhosts: {}\npassword: {none: ~}\nmode: {passive: }\n",
        "- a\n",
        "just text\n",
    ]));
}

#[test]
fn a_fault_in_shared_content_names_its_use_and_its_definition() {
    insta::assert_snapshot!(faults::<Spec>(&[
        "name: x\nhosts:\n  a: &a\n    address: nope\n    interface: e\n  b: *a\n  c:\n    <<: *a\n    interface: f\n",
        "name: x\nhosts:\n  a: &a {address: 1.1.1.1, interface: e, wieght: 1}\n  b: *a\n  c: {<<: *a}\n",
        "name: x\nport: &p 99999\nhosts:\n  a: {address: 1.1.1.1, interface: e, weight: *p}\n",
        "name: x\nhosts: {a: {address: 1.1.1.1, interface: &i [e]}, b: {address: 1.1.1.1, interface: *i}}\n",
    ]));
}

#[test]
fn faults_stop_at_fifty() {
    let text = format!("name: x\nhosts: {{}}\nplugins: [{}]\n", "1, ".repeat(200));
    let (_, diags, value) = load::<Spec>(&text);
    assert_eq!((value.is_none(), diags.len(), &*diags[50].code), (true, 51, "too-many-errors"));
}

#[test]
fn each_fault_is_found_once_in_a_large_text() {
    let hosts = lines(0..20_000, |i| {
        let address = if i % 500 == 7 { "nope" } else { "10.0.0.1" };
        format!("  h{i}: {{address: {address}, interface: e}}")
    });
    let (sources, diags, value) = load::<Spec>(&format!("name: 1\nhosts:\n{hosts}port: x\n"));
    let lines: Vec<usize> = diags.iter().map(|d| sources.position(0, d.labels[0].span.start).line).collect();
    let expect: Vec<usize> = [1].into_iter().chain((0..40).map(|i| 3 + 7 + 500 * i)).chain([20_003]).collect();
    assert_eq!((value.is_none(), lines), (true, expect));
}
