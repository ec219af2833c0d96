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
