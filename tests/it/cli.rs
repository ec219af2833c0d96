//! The command line as a person meets it: help, exit statuses, streams, the texts for shells and for `man`.

use std::fs;
use std::process::{Command, Stdio};

use crate::{rmqgit, run};

#[test]
fn help_and_version_are_data() {
    let version = concat!("rmqgit ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(run(rmqgit().arg("--version")), (0, version.to_owned(), String::new()));
    let (status, stdout, stderr) = run(rmqgit().arg("--help"));
    assert_eq!((status, stderr.as_str()), (0, ""));
    insta::assert_snapshot!(stdout);
}

#[test]
fn a_wrong_command_line_is_talk_and_status_2() {
    let (_, help, _) = run(rmqgit().arg("-h"));
    assert_eq!(run(&mut rmqgit()), (2, String::new(), help));
    let unknown = "error: unrecognized subcommand 'sycn'

  tip: a similar subcommand exists: 'sync'

Usage: rmqgit [OPTIONS] <COMMAND>

For more information, try '--help'.
";
    assert_eq!(run(rmqgit().arg("sycn")), (2, String::new(), unknown.to_owned()));
}

#[test]
fn a_closed_standard_output_is_no_fault() {
    for args in [&["--help"][..], &["man"], &["completions", "bash"], &["schema", "manifest"]] {
        // The reading end of a child that has ended is closed.
        let mut gone = Command::new("true").stdin(Stdio::piped()).spawn().expect("true runs");
        let pipe = gone.stdin.take().expect("a pipe");
        gone.wait().expect("true ends");
        let output =
            rmqgit().args(args).stdout(pipe).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8(output.stderr)), (Some(0), Ok(String::new())), "{args:?}");
    }
}

#[test]
fn a_full_disk_is_a_fault() {
    for args in [&["man"][..], &["completions", "bash"], &["schema", "manifest"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
        let output =
            rmqgit().args(args).stdout(full).stderr(Stdio::piped()).spawn().unwrap().wait_with_output().unwrap();
        let said = "rmqgit: No space left on device (os error 28)\n".to_owned();
        assert_eq!((output.status.code(), String::from_utf8(output.stderr)), (Some(3), Ok(said)), "{args:?}");
    }
}

#[test]
fn colour_follows_the_flag_and_the_environment() {
    let coloured = |env: &[(&str, &str)], args: &[&str]| {
        let (status, stdout, stderr) =
            run(rmqgit().envs(env.iter().copied()).args(args).args(["man", "--out", "/dev/null/nowhere"]));
        assert_eq!((status, stdout.as_str()), (3, ""));
        stderr.contains('\x1b')
    };
    assert!(!coloured(&[], &[]), "a pipe is not coloured");
    assert!(coloured(&[("CLICOLOR_FORCE", "1")], &[]), "the environment may force colour");
    assert!(!coloured(&[("CLICOLOR_FORCE", "1")], &["--color", "never"]), "the flag wins");
    assert!(!coloured(&[("NO_COLOR", "1")], &[]));
    assert!(coloured(&[("NO_COLOR", "1")], &["--color", "always"]), "the flag wins over NO_COLOR too");
}

#[test]
fn shells_accept_the_completions() {
    let dir = tempfile::tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (status, script, stderr) = run(rmqgit().args(["completions", shell]));
        assert_eq!((status, stderr.as_str()), (0, ""), "{shell}");
        assert!(script.contains("rmqgit"), "{shell}: {script}");
        fs::write(dir.path().join(shell), script).unwrap();
    }
    let complete =
        "source ./bash; COMP_WORDS=(rmqgit co); COMP_CWORD=1; _rmqgit rmqgit co rmqgit; echo \"${COMPREPLY[*]}\"";
    let (status, words, stderr) = run(Command::new("bash").args(["-ec", complete]).current_dir(dir.path()));
    assert_eq!((status, words.trim(), stderr.as_str()), (0, "compile completions", ""));
}

#[test]
fn man_accepts_every_page() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(rmqgit().args(["man", "--out"]).arg(dir.path())), (0, String::new(), String::new()));
    let (_, help, _) = run(rmqgit().arg("--help"));
    let verbs = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let mut expect: Vec<_> =
        verbs.map(|line| format!("rmqgit-{}.1", line.split_whitespace().next().unwrap())).collect();
    expect.retain(|name| name != "rmqgit-help.1");
    expect.push("rmqgit.1".to_owned());
    expect.sort();
    let mut pages: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    pages.sort();
    assert_eq!(pages, expect);
    for page in &pages {
        let (status, text, warnings) =
            run(Command::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]).arg(dir.path().join(page)));
        assert_eq!((status, text.as_str(), warnings.as_str()), (0, "", ""), "{page}");
    }
    let (status, page, _) = run(rmqgit().arg("man"));
    assert_eq!((status, page), (0, fs::read_to_string(dir.path().join("rmqgit.1")).unwrap()));
}

#[test]
fn the_tutorial_is_the_example() {
    let spec = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/tutorial/rmqgit.yaml")).unwrap();
    assert!(spec.lines().filter(|line| !line.trim_start().starts_with('#')).count() <= 45, "it fits on one screen");
}

#[test]
fn explain_says_what_why_and_what_to_do() {
    let (status, text, stderr) = run(rmqgit().args(["explain", "duplicate-key"]));
    assert_eq!((status, stderr.as_str()), (0, ""));
    insta::assert_snapshot!(text);
    let unknown = |code: &str, help: &str| {
        let said = format!("rmqgit: there is no code `{code}`\n  help: {help}\n");
        assert_eq!(run(rmqgit().args(["explain", code])), (2, String::new(), said));
    };
    unknown("duplicat-keys", "did you mean `duplicate-key`?");
    unknown("something-else", "`rmqgit explain --all` lists every code");
}

/// Editors and other programs read `schema/`; it holds what this program prints, byte for byte, and what the schema says
/// of a document is what the program accepts as one.
#[test]
fn the_stored_schemas_are_the_printed_ones() {
    let (_, help, _) = run(rmqgit().args(["schema", "--help"]));
    let arguments = help.lines().skip_while(|line| *line != "Arguments:").take_while(|line| *line != "Options:");
    let documents: Vec<_> = arguments.filter_map(|line| line.trim().strip_prefix("- ")?.split(':').next()).collect();
    assert!(documents.contains(&"manifest"), "{help}");
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/schema");
    for document in &documents {
        let (status, schema, stderr) = run(rmqgit().args(["schema", document]));
        assert_eq!((status, stderr.as_str()), (0, ""), "{document}");
        let value = serde_json::from_str(&schema).unwrap();
        jsonschema::draft202012::meta::validate(&value).unwrap_or_else(|e| panic!("{document}: {e}"));
        let path = format!("{dir}/{document}.json");
        let stored = fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == schema, "{path} is old: `cargo run -- schema {document} > schema/{document}.json`");
    }
    let mut stored: Vec<_> =
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    stored.sort();
    let mut printed: Vec<_> = documents.iter().map(|document| format!("{document}.json")).collect();
    printed.sort();
    assert_eq!(stored, printed);
}

/// Holds a printed document against the schema that the program prints for it.
pub(crate) fn assert_follows_schema(document: &str, text: &str) {
    let (_, schema, _) = run(rmqgit().args(["schema", document]));
    let schema = jsonschema::draft202012::new(&serde_json::from_str(&schema).unwrap()).unwrap();
    let value = serde_json::from_str(text).unwrap();
    let faults: Vec<_> = schema.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(faults.is_empty(), "{document}: {}", faults.join("\n"));
}

#[test]
fn explanations_are_a_document() {
    let (status, text, _) = run(rmqgit().args(["explain", "--all", "--format", "json"]));
    assert_eq!(status, 0);
    assert_follows_schema("explanations", &text);
}

#[test]
fn every_fixture_is_a_spec_without_findings_but_the_broken_one() {
    let check = |name: &str| {
        let (status, stdout, stderr) =
            run(rmqgit().arg("check").arg(name).current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures")));
        assert_eq!(stderr, "", "{name}");
        (status, stdout)
    };
    for name in ["tutorial", "five-nodes", "separate-balancers", "rhel", "two-vips", "fleet"] {
        let (status, stdout) = check(name);
        assert_eq!(status, 0, "{name}: {stdout}");
    }
    let (status, stdout) = check("broken");
    assert_eq!(status, 1);
    insta::assert_snapshot!(stdout);
}
