//! `rmqgit diff` between releases and specs.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Fleet;
use crate::git::git;
use crate::{rmqgit, run};

fn diff(dir: &Path, args: &[&str]) -> (i32, String) {
    let (status, out, err) = run(rmqgit().current_dir(dir).arg("diff").args(args));
    assert_eq!(err, "");
    (status, out)
}

/// Two releases: a port changes in one of three clusters, one host comes and one cluster goes.
fn changed() -> Fleet {
    let fleet = Fleet::new(&["a", "b", "c"]);
    fleet.publish(&[]);
    fleet.cluster("b", 5680);
    fs::remove_file(fleet.path().join("clusters/c.yaml")).unwrap();
    fleet.commit("Change and remove");
    fleet
}

#[test]
fn the_same_changes_whatever_the_sides_are() {
    let fleet = changed();
    let specs = diff(fleet.path(), &["HEAD~1", "HEAD"]);
    insta::assert_snapshot!("diff", specs.1);
    assert_eq!(specs.0, 0);
    assert_eq!(diff(fleet.path(), &[]), specs, "the published release against HEAD");
    assert_eq!(diff(fleet.path(), &["HEAD~1"]), specs, "one revision against HEAD");
    assert_eq!(diff(fleet.path(), &["rmqgit/output", "HEAD"]), specs);
    fleet.publish(&[]);
    assert_eq!(diff(fleet.path(), &["rmqgit/output~1", "rmqgit/output"]), specs);
    assert_eq!(diff(fleet.path(), &["HEAD~1", "rmqgit/output"]), specs);
    assert_eq!(diff(fleet.path(), &["--exit-code", "HEAD~1"]), (1, specs.1));
    assert_eq!(diff(fleet.path(), &["--exit-code"]), (0, "no changes\n".to_owned()));
}

#[test]
fn json_follows_its_schema_and_colour_is_asked_for() {
    let fleet = changed();
    let (_, out) = diff(fleet.path(), &["--format", "json"]);
    let value: Value = serde_json::from_str(&out).unwrap();
    let schema = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema/diff.json")).unwrap();
    jsonschema::validate(&serde_json::from_str(&schema).unwrap(), &value).unwrap();
    assert_eq!(value["removed"].as_array().map(Vec::len), Some(2));
    assert!(!diff(fleet.path(), &[]).1.contains('\u{1b}'));
    assert!(diff(fleet.path(), &["--color", "always"]).1.contains("\u{1b}[32m+"));
}

#[test]
fn an_invalid_spec_and_an_unknown_revision() {
    let fleet = changed();
    let (status, out, err) = run(rmqgit().current_dir(fleet.path()).args(["diff", "nowhere"]));
    assert_eq!((status, &*out), (3, ""));
    assert!(err.starts_with("rmqgit: `nowhere` names no commit\n  help: "), "{err}");
    fleet.write("rmqgit.yaml", "version: 1\nclusterz: {}\n");
    fleet.commit("Wrong");
    let (status, out, err) = run(rmqgit().current_dir(fleet.path()).arg("diff"));
    assert_eq!((status, &*out), (1, ""));
    assert!(err.starts_with("the spec at `HEAD`:\n\nerror[unknown-field]"), "{err}");
    // No release yet: everything is new.
    let fresh = Fleet::new(&["a"]);
    assert!(diff(fresh.path(), &[]).1.ends_with("\n2 hosts added\n"));
    assert_eq!(git(fresh.path(), &["for-each-ref", "refs/heads/rmqgit", "refs/rmqgit"]), "");
}
