//! `rmqgit compile`, as people run it.

use std::fs;
use std::path::Path;

use super::{fixture, write};
use crate::{rmqgit, run, without_warnings};

fn compile(spec: &Path, out: &Path) -> (i32, String, String) {
    let (status, stdout, stderr) = run(rmqgit().arg("compile").arg(spec).arg("--out").arg(out));
    let hide = |text: String| text.replace(&out.display().to_string(), "OUT");
    (status, hide(without_warnings(&stdout)), hide(stderr))
}

/// Returns what `diff -r` says of two directories.
fn diff(old: &Path, new: &Path) -> String {
    run(std::process::Command::new("diff").arg("-r").arg(old).arg(new)).1
}

#[test]
fn a_directory_is_written_and_kept_up() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (spec, out) = (dir.path().join("spec"), dir.path().join("out"));
    let yaml = fs::read_to_string(fixture("tutorial").join("rmqgit.yaml")).expect("the fixture is there");
    write(&spec.join("rmqgit.yaml"), &yaml);
    let first = compile(&spec, &out);
    assert_eq!(first, (0, "orders: 3 hosts in OUT/orders\n".to_owned(), String::new()));
    let differences = diff(&fixture("tutorial").join("golden/orders"), &out.join("orders"));
    let added = format!("Only in {0}: README.md\nOnly in {0}: topology.svg\n", out.join("orders").display());
    assert_eq!(differences, added);

    // Another name leaves nothing of the old one behind, and nothing is taken that somebody else put there.
    write(&out.join("notes.txt"), "mine\n");
    write(&spec.join("rmqgit.yaml"), &yaml.replace("name: orders", "name: invoices"));
    let second = compile(&spec, &out);
    assert_eq!(second, (0, "invoices: 3 hosts in OUT/invoices\n".to_owned(), String::new()));
    let mut names: Vec<_> =
        fs::read_dir(&out).expect("it is there").map(|entry| entry.expect("readable").file_name()).collect();
    names.sort();
    assert_eq!(names, [".rmqgit-compile", "invoices", "notes.txt"]);
}

#[test]
fn a_foreign_directory_is_left_alone() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    write(&dir.path().join("precious"), "");
    let refused = compile(&fixture("tutorial"), dir.path());
    let message = "rmqgit: `OUT` holds files that `rmqgit compile` did not write\n  \
                   help: give a directory that is empty or not there yet\n";
    assert_eq!(refused, (2, String::new(), message.to_owned()));
}

#[test]
fn what_cannot_be_compiled_writes_nothing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (spec, out) = (dir.path().join("spec"), dir.path().join("out"));
    let yaml = fs::read_to_string(fixture("tutorial").join("rmqgit.yaml")).expect("the fixture is there");
    write(&spec.join("rmqgit.yaml"), &yaml);
    write(&spec.join("templates/haproxy.cfg.j2"), "global\n    user {{ haproxy.usr }}\n");
    write(&spec.join("templates/haproxi.cfg.j2"), "\n");
    let (status, stdout, stderr) = compile(&spec, &out);
    assert_eq!((status, stderr.as_str(), out.exists()), (1, "", false));
    insta::assert_snapshot!(stdout);
    fs::remove_file(spec.join("templates/haproxi.cfg.j2")).expect("it is there");
    let (status, stdout, _) = compile(&spec, &out);
    assert_eq!((status, out.exists()), (1, false));
    // `check` finds the same without a directory to write to.
    let (status, checked, stderr) = run(rmqgit().arg("check").arg(&spec));
    let said = format!("{stdout}2 findings waived by the spec\n");
    assert_eq!((status, without_warnings(&checked), stderr), (1, said, String::new()));
    insta::assert_snapshot!(stdout);
}

#[test]
fn findings_for_programs_are_the_only_data() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for format in ["json", "sarif"] {
        let out = dir.path().join(format);
        let mut command = rmqgit();
        command.arg("compile").arg(fixture("tutorial")).arg("--out").arg(out).args(["--format", format]);
        let (status, stdout, stderr) = run(&mut command);
        assert_eq!((status, stderr.as_str()), (0, ""), "{format}");
        serde_json::from_str::<serde_json::Value>(&stdout)
            .unwrap_or_else(|error| panic!("{format}: {error}: {stdout}"));
    }
}
