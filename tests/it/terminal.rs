//! What a person sees in a terminal: `script` of util-linux makes one.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::git::git;

/// A repository with a change, and a terminal of a size.
struct Desk {
    dir: tempfile::TempDir,
    columns: usize,
    rows: usize,
}

/// What was seen, and how it ended.
struct Seen {
    status: i32,
    text: String,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tutorial = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tutorial/rmqgit.yaml");
        let spec = fs::read_to_string(tutorial).unwrap();
        let changed =
            spec.replace("vip: 192.168.1.222", "vip: 192.168.1.223").replace("relative: 0.6", "relative: 0.5");
        assert_ne!(spec, changed);
        git(dir.path(), &["init", "--quiet"]);
        for text in [spec, changed] {
            fs::write(dir.path().join("rmqgit.yaml"), text).unwrap();
            git(dir.path(), &["add", "--all"]);
            git(dir.path(), &["commit", "--quiet", "--message", "Change"]);
        }
        Self { dir, columns: 80, rows: 500 }
    }

    /// Runs a line of shell in the terminal, where a person presses a key once `less` asks for one; `$r` is the program.
    fn run(&self, line: &str, env: &[(&str, &str)], key: &str) -> Seen {
        let line = format!("stty cols {} rows {} && {line}", self.columns, self.rows);
        let mut script = Command::new("timeout");
        script.args(["60", "script", "--quiet", "--return", "--command", &line, "/dev/null"]);
        script.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("TERM", "xterm-256color");
        script.env("r", assert_cmd::cargo::cargo_bin!("rmqgit")).env("RMQGIT_TODAY", "2026-06-01");
        script.envs(env.iter().copied()).current_dir(self.dir.path());
        let mut child =
            script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("util-linux");
        // Kept open until the end: a terminal whose keyboard is gone hangs up.
        let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (mut seen, mut chunk, mut pressed) = (Vec::new(), [0; 4096], false);
        loop {
            let count = screen.read(&mut chunk).unwrap();
            if count == 0 {
                break;
            }
            seen.extend_from_slice(&chunk[..count]);
            if !pressed && seen.ends_with(PROMPT) {
                keys.write_all(key.as_bytes()).unwrap();
                pressed = true;
            }
        }
        let status = child.wait().unwrap().code().unwrap();
        drop(keys);
        let text = String::from_utf8(seen).unwrap().replace("\r\n", "\n");
        assert!(!text.contains("panicked") && !text.contains("RUST_BACKTRACE"), "{text}");
        Seen { status, text }
    }
}

/// What `less` shows when it waits for a key.
const PROMPT: &[u8] = b":\x1b[K";

/// Says who reads from the terminal still, once they had time to go.
const LEFT: &str = "n=0; while ps -t \"$(tty)\" -o comm= | grep -q less && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done; \
                    ps -t \"$(tty)\" -o comm= | grep less || echo nobody is left";

/// Leaves out what colours a text.
fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn widest(text: &str) -> usize {
    plain(text).lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

const CAT: (&str, &str) = ("PAGER", "cat");

#[test]
fn lines_are_as_wide_as_the_terminal_and_no_wider_than_can_be_read() {
    for (columns, least, most) in [(60, 50, 60), (80, 70, 80), (120, 105, 120), (200, 105, 120)] {
        let seen = Desk { columns, ..Desk::new() }.run("$r review HEAD~1", &[CAT], "");
        // A line of a diff is what it is.
        let words: String =
            seen.text.lines().filter(|line| !plain(line).starts_with("      ")).collect::<Vec<_>>().join("\n");
        let widest = widest(&words);
        assert!((least..=most).contains(&widest), "{columns} columns: {widest}\n{}", seen.text);
        assert_eq!(seen.status, 0);
    }
}

#[test]
fn colour_is_for_who_wants_it() {
    let desk = Desk::new();
    let coloured = |line: &str, env: &[(&str, &str)]| desk.run(line, env, "").text.contains("\u{1b}[1m");
    for verb in ["$r review HEAD~1", "$r diff HEAD~1"] {
        assert!(coloured(verb, &[CAT]), "{verb}");
        assert!(!coloured(verb, &[CAT, ("NO_COLOR", "1")]), "{verb}");
        assert!(!coloured(verb, &[CAT, ("TERM", "dumb")]), "{verb}");
        assert!(!coloured(&format!("{verb} --color never"), &[CAT]), "{verb}");
        assert!(coloured(&format!("{verb} --color always"), &[CAT, ("NO_COLOR", "1")]), "{verb}");
        assert!(!coloured(&format!("{verb} | cat"), &[CAT]), "{verb} into a pipe");
        assert!(coloured(&format!("{verb} --color always | cat"), &[CAT]), "{verb} into a pipe");
    }
}

#[test]
fn a_pager_is_for_a_terminal() {
    let desk = Desk::new();
    let count = "sh -c 'echo pager: $(wc -l)'";
    for verb in ["$r review HEAD~1", "$r diff HEAD~1"] {
        let by = |line: &str, env: &[(&str, &str)]| desk.run(line, env, "").text.contains("pager: ");
        assert!(by(verb, &[("PAGER", count)]), "{verb}");
        assert!(by(verb, &[("RMQGIT_PAGER", count), CAT]), "ours counts first");
        assert!(!by(verb, &[("RMQGIT_PAGER", "cat"), ("PAGER", count)]));
        assert!(!by(&format!("{verb} | cat"), &[("PAGER", count)]));
        assert!(!by(&format!("{verb} --format json"), &[("PAGER", count)]));
        for none in ["", "no-such-pager --really"] {
            let seen = desk.run(verb, &[("PAGER", none)], "");
            assert!(seen.status == 0 && seen.text.contains("0.5"), "PAGER={none:?}: {}", seen.text);
        }
    }
}

#[test]
fn less_stays_only_for_what_is_longer_than_the_screen() {
    for pager in [None, Some(("PAGER", "less"))] {
        let env: Vec<_> = pager.into_iter().collect();
        let tall = Desk::new().run("$r review HEAD~1 && echo ended", &env, "");
        assert!(tall.status == 0 && tall.text.contains("ended"), "{}", tall.text);
        // Colours arrive as such, also where `PAGER` says nothing of them.
        assert!(tall.text.contains("\u{1b}[1m") && !tall.text.contains("ESC"), "{}", tall.text);
        let low = Desk { rows: 10, ..Desk::new() };
        let quit = low.run("$r review HEAD~1 && echo ended", &env, "q");
        assert!(quit.status == 0 && quit.text.contains("ended"), "{}", quit.text);
        // Ctrl-C ends both, and leaves nobody behind who takes the next key away from the shell.
        let ended = low.run(&format!("trap : INT; $r review HEAD~1; {LEFT}"), &env, "\u{3}");
        assert!(ended.text.contains("nobody is left"), "{}", ended.text);
        let read = |seen: &Seen| plain(&seen.text).contains("mem_high") || seen.text.contains("vm_memory_high");
        assert!(read(&tall) && !read(&quit), "{}", quit.text);
    }
}

#[test]
fn who_has_seen_enough_may_go() {
    let desk = Desk::new();
    // Longer than what a pipe holds.
    let long = "$r review HEAD~1 --full --format html";
    for line in [format!("set -o pipefail; {long} | head -c 10"), format!("set -o pipefail; {long} | true")] {
        let seen = desk.run(&format!("bash -c '{line}'"), &[], "");
        assert_eq!(seen.status, 0, "{line}: {}", seen.text);
        assert!(!seen.text.contains("Broken pipe") && !seen.text.contains("rmqgit:"), "{}", seen.text);
    }
    for pager in ["head -n 2", "true", "false"] {
        let seen = desk.run("$r review HEAD~1 --full", &[("PAGER", pager)], "");
        assert!(seen.status == 0 && !seen.text.contains("rmqgit:"), "{pager}: {}", seen.text);
    }
    let seen = desk.run("$r diff HEAD~1 --exit-code", &[("PAGER", "head -n 2")], "");
    assert_eq!(seen.status, 1, "{}", seen.text);
}
