//! Keeps the tree as `docs/architecture.md` draws it: who may use whom, who may touch the outside, what a file looks like.
//!
//! Each check is a function from text to complaints; the tests below run it over the repository, and `sees` proves with a
//! fault of each kind that it would complain.

mod docs;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which module may name which (`crate::x`), outside of tests. Whoever needs an edge that is not here has found either a
/// wrong place for the code or a decision to write down.
const MAY_USE: &[(&str, &[&str])] = &[
    // Shared, pure.
    ("name", &[]),
    ("quote", &[]),
    ("facts", &["name"]),
    // It writes its document as the release writes all of them.
    ("definitions", &["name", "release"]),
    ("diag", &[]),
    ("secret", &["diag", "name", "quote"]),
    ("yaml", &["diag"]),
    ("release", &["definitions", "name", "quote"]),
    ("live", &["name", "release"]),
    ("trust", &["name"]),
    // The author's half.
    ("spec", &["definitions", "diag", "facts", "model", "name", "yaml"]),
    ("model", &["definitions", "diag", "facts", "name", "secret", "spec", "yaml"]),
    ("policy", &["definitions", "diag", "facts", "model", "name", "quote", "release", "spec", "yaml"]),
    ("compile", &["definitions", "diag", "facts", "model", "name", "quote", "release"]),
    (
        "check",
        &[
            "compile",
            "definitions",
            "diag",
            "model",
            "name",
            "policy",
            "quote",
            "release",
            "secret",
            "spec",
            "trust",
            "yaml",
        ],
    ),
    ("review", &["definitions", "facts", "live", "name", "plan", "policy", "release", "report", "secret"]),
    ("forge", &[]),
    (
        "publish",
        &[
            "check", "compile", "diag", "facts", "model", "name", "policy", "release", "review", "secret", "spec",
            "sys", "trust", "yaml",
        ],
    ),
    // The host's half: it never sees the spec, the model or the compiler.
    ("fetch", &["name", "release", "sys"]),
    ("observe", &["definitions", "facts", "live", "name", "quote", "release", "sys"]),
    ("plan", &["definitions", "live", "name", "quote", "release"]),
    ("apply", &["live", "name", "plan", "quote", "release", "sys"]),
    ("report", &["definitions", "live", "name", "plan", "release"]),
    ("alert", &["name", "plan", "release", "report", "secret"]),
    (
        "agent",
        &[
            "alert",
            "apply",
            "definitions",
            "diag",
            "fetch",
            "live",
            "name",
            "observe",
            "plan",
            "quote",
            "release",
            "report",
            "secret",
            "sys",
            "trust",
            "yaml",
        ],
    ),
    // The programs.
    ("sys", &["forge", "live", "name", "quote", "release", "secret", "trust"]),
    (
        "cli",
        &[
            "agent",
            "alert",
            "check",
            "compile",
            "definitions",
            "diag",
            "fetch",
            "forge",
            "model",
            "name",
            "policy",
            "publish",
            "release",
            "report",
            "review",
            "secret",
            "spec",
            "sys",
            "trust",
            "yaml",
        ],
    ),
    ("lib", &[]),
    ("main", &[]),
];

/// The modules that mention no effect at all.
const PURE: &[&str] = &[
    "alert",
    "check",
    "compile",
    "definitions",
    "diag",
    "facts",
    "forge",
    "live",
    "model",
    "name",
    "plan",
    "policy",
    "quote",
    "release",
    "report",
    "review",
    "secret",
    "spec",
    "trust",
    "yaml",
];

/// The only modules that may touch the outside themselves; every other one asks `sys`.
const OUTSIDE: &[&str] = &["sys"];

/// Names of files that say nothing about what is in them.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc", "imp", "manager", "handler"];

/// The longest file, in lines.
const LONGEST: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the repository's files below a directory, relative to the root, sorted.
fn files(below: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![root().join(below)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            // A work tree's `.git` is a file; `target` is Cargo's.
            if name == ".git" || (name == "target" && dir == root()) {
                continue;
            }
            if path.is_dir() && !path.is_symlink() {
                dirs.push(path);
            } else {
                found.push(path.strip_prefix(root()).expect("below the root").to_owned());
            }
        }
    }
    found.sort();
    found
}

fn text(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Returns the files of `src` with what they say.
fn sources() -> Vec<source::Source> {
    let files: Vec<_> = files("src").into_iter().filter(|path| path.extension().is_some_and(|e| e == "rs")).collect();
    source::parse(files.iter().map(|path| (path.clone(), text(path))).collect())
}

fn report(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

#[test]
fn modules_name_only_whom_they_may() {
    report(&sources().iter().flat_map(uses_beyond_the_table).collect::<Vec<_>>());
}

#[test]
fn the_table_names_what_exists() {
    let sources = sources();
    let exist: BTreeSet<_> = sources.iter().map(|source| source.module.as_str()).collect();
    let listed: BTreeSet<_> = MAY_USE.iter().map(|(module, _)| *module).collect();
    assert_eq!(exist, listed);
    let map = text(Path::new("docs/architecture.md"));
    let drawn = |module: &str| map.contains(&format!("`src/{module}.rs`")) || map.contains(&format!("`src/{module}/`"));
    let missing: Vec<_> = exist.iter().filter(|module| !["lib", "main"].contains(module) && !drawn(module)).collect();
    assert!(missing.is_empty(), "docs/architecture.md does not draw {missing:?}");
}

#[test]
fn effects_are_where_they_belong() {
    report(&sources().iter().flat_map(effects_out_of_place).collect::<Vec<_>>());
}

#[test]
fn nothing_in_src_gives_up() {
    report(&sources().iter().flat_map(|source| source.gives_up.clone()).collect::<Vec<_>>());
}

#[test]
fn files_have_a_subject_and_a_size() {
    let mut complaints = Vec::new();
    for path in files("src").into_iter().chain(files("tests")) {
        if path.extension().is_some_and(|e| e == "rs") {
            complaints.extend(shape(&path, &text(&path)));
        }
    }
    report(&complaints);
}

#[test]
fn text_is_clean() {
    // Snapshots and golden trees hold what a program wrote, not what a person did.
    let written = |path: &PathBuf| {
        let path = path.to_string_lossy();
        !path.starts_with("fixtures/") && !path.ends_with(".snap") && !path.ends_with("Cargo.lock")
    };
    let files = files("").into_iter().filter(written);
    report(&files.flat_map(|path| unclean(&path, &fs::read(root().join(&path)).unwrap())).collect::<Vec<_>>());
}

#[test]
fn links_lead_somewhere() {
    let pages: BTreeMap<_, _> = files("")
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "md") && !path.starts_with("fixtures"))
        .map(|path| (path.clone(), text(&path)))
        .collect();
    assert!(pages.contains_key(Path::new("README.md")));
    report(&docs::dead_links(&pages, &|path| root().join(path).exists()));
}

#[test]
fn fixtures_are_used() {
    let readers = files("src").into_iter().chain(files("tests"));
    let readers = readers.filter(|path| path.extension().is_some_and(|e| e == "rs"));
    let texts: Vec<_> = readers.map(|path| text(&path)).collect();
    let fixtures: BTreeSet<_> = files("fixtures")
        .into_iter()
        .map(|path| path.components().nth(1).expect("a name").as_os_str().to_owned())
        .collect();
    let unused = |name: &&std::ffi::OsString| {
        let name = name.to_string_lossy();
        !texts.iter().any(|text| text.contains(&format!("fixtures/{name}")) || text.contains(&format!("\"{name}\"")))
    };
    let complaints: Vec<_> =
        fixtures.iter().filter(unused).map(|name| format!("fixtures/{}: no test reads it", name.display())).collect();
    report(&complaints);
}

/// Complains about every `crate::x` that the table does not allow.
fn uses_beyond_the_table(source: &source::Source) -> Vec<String> {
    let allowed = MAY_USE.iter().find(|(module, _)| *module == source.module).map_or(&[][..], |(_, uses)| uses);
    let beyond = source.uses.iter().filter(|(used, _)| *used != source.module && !allowed.contains(&used.as_str()));
    beyond
        .map(|(used, line)| format!("{}:{line}: `{}` may not name `{used}`", source.path.display(), source.module))
        .collect()
}

/// Complains about effects in pure modules, and about doors to the outside in modules other than `sys`.
fn effects_out_of_place(source: &source::Source) -> Vec<String> {
    let module = source.module.as_str();
    let wrong = |effect: source::Effect| match effect {
        source::Effect::Door => !OUTSIDE.contains(&module),
        source::Effect::Terminal | source::Effect::Environment => !["cli", "main", "sys"].contains(&module),
        source::Effect::Any => PURE.contains(&module),
    };
    let found = source.effects.iter().filter(|(effect, ..)| wrong(*effect));
    found
        .map(|(_, what, line)| format!("{}:{line}: `{what}` does not belong into `{module}`", source.path.display()))
        .collect()
}

/// Complains about a file that is too long, says nothing with its name or does not say what it is for.
fn shape(path: &Path, text: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = text.lines().count();
    if lines > LONGEST {
        complaints.push(format!("{}: {lines} lines; split it by subject", path.display()));
    }
    if EMPTY_NAMES.contains(&path.file_stem().expect("a name").to_string_lossy().as_ref()) {
        complaints.push(format!("{}: name it after its subject", path.display()));
    }
    if !text.starts_with("//! ") {
        complaints.push(format!("{}: the first line does not say what it is for", path.display()));
    }
    complaints
}

/// Complains about trailing blanks, tabs in Rust, carriage returns, and a last line that does not end.
fn unclean(path: &Path, bytes: &[u8]) -> Vec<String> {
    let Ok(text) = std::str::from_utf8(bytes) else { return vec![format!("{}: not UTF-8", path.display())] };
    let mut complaints = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        if line.ends_with([' ', '\t', '\r']) {
            complaints.push(format!("{}:{}: blanks at the end", path.display(), index + 1));
        }
    }
    if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
        complaints.push(format!("{}: the file does not end in one newline", path.display()));
    }
    complaints
}

/// Holds each check against a fault of its kind: a check that cannot fail keeps nothing.
mod sees {
    use super::*;

    /// Returns what the source checks say of one file.
    fn complaints(path: &str, text: &str) -> Vec<String> {
        let sources = source::parse(vec![(PathBuf::from(path), text.to_owned())]);
        let mut all = Vec::new();
        for source in &sources {
            all.extend(uses_beyond_the_table(source));
            all.extend(effects_out_of_place(source));
            all.extend(source.gives_up.clone());
        }
        all.extend(shape(Path::new(path), text));
        all.extend(unclean(Path::new(path), text.as_bytes()));
        all
    }

    #[track_caller]
    fn check(path: &str, body: &str, expect: &[&str]) {
        assert_eq!(complaints(path, &format!("//! A module.\n{body}\n")), expect, "{body}");
    }

    #[test]
    fn uses_in_every_spelling() {
        let no = |line, used| format!("src/plan/mod.rs:{line}: `plan` may not name `{used}`");
        let plan = |body: &str, expect: &[String]| {
            check("src/plan/mod.rs", body, &expect.iter().map(String::as_str).collect::<Vec<_>>());
        };
        plan("use crate::name::HostName;", &[]);
        plan("use crate::spec::Spec;", &[no(2, "spec")]);
        plan("use crate::{name::{self, HostName}, model as m,\n compile::*};", &[no(2, "model"), no(3, "compile")]);
        plan("fn f() -> crate::sys::X { crate::agent::run() }", &[no(2, "sys"), no(2, "agent")]);
        plan("fn f() { format!(\"{}\", crate::cli::main()); }", &[no(2, "cli")]);
        plan("use super::fetch;", &[no(2, "fetch")]);
        plan("mod deep { fn f() { super::super::observe::look() } }", &[no(2, "observe")]);
        plan("mod deep { use super::x; fn f() { self::y() } }", &[]);
        plan("pub(in crate::plan) fn f() {}", &[]);
        plan("#[cfg(test)]\nmod tests { use crate::spec::Spec; }", &[]);
        plan("#[cfg(all(test, unix))]\nuse crate::spec::Spec;", &[]);
        plan("#[cfg(not(test))]\nuse crate::spec::Spec;", &[no(3, "spec")]);
        plan("use crate::*;", &[no(2, "*")]);
        plan("// crate::spec::Spec is only a comment\nconst X: &str = \"crate::spec\";", &[]);
    }

    #[test]
    fn effects_in_every_spelling() {
        let no = |what: &str| format!("src/plan/mod.rs:2: `{what}` does not belong into `plan`");
        for (body, what) in [
            ("use std::fs;", "std::fs"),
            ("use std::{fs::File, io};", "std::fs::File"),
            ("fn f() { std::process::exit(1) }", "std::process::exit"),
            ("fn f() { std::env::var(\"HOME\"); }", "std::env::var"),
            ("use std::net::TcpStream;", "std::net::TcpStream"),
            ("use std::time::{Duration, SystemTime};", "std::time::SystemTime"),
            ("fn f() { std::time::Instant::now(); }", "std::time::Instant::now"),
            ("fn f() { jiff::Timestamp::now(); }", "jiff::Timestamp::now"),
            ("fn f() { println!(\"x\"); }", "println!"),
            ("fn f() { vec![{ eprintln!(\"x\") }]; }", "eprintln!"),
            ("async fn f() {}", "async"),
            ("fn f() { async {}; }", "async"),
            ("use git2::Repository;", "git2::Repository"),
            ("use std::os::unix::fs::MetadataExt;", "std::os::unix::fs::MetadataExt"),
            ("fn f(p: &std::path::Path) { p.canonicalize(); }", ".canonicalize()"),
        ] {
            check("src/plan/mod.rs", body, &[no(what).as_str()]);
        }
        check(
            "src/plan/mod.rs",
            "use std::net::{IpAddr, Ipv4Addr};\nuse std::time::Duration;\nuse std::io::Write;",
            &[],
        );
        check("src/sys/files.rs", "use std::fs;", &[]);
        check("src/apply/mod.rs", "use std::fs;", &["src/apply/mod.rs:2: `std::fs` does not belong into `apply`"]);
        check("src/cli/x.rs", "use std::env;", &[]);
        check("src/cli/x.rs", "use std::fs;", &["src/cli/x.rs:2: `std::fs` does not belong into `cli`"]);
        check(
            "src/cli/x.rs",
            "use std::process::Command;",
            &["src/cli/x.rs:2: `std::process::Command` does not belong into `cli`"],
        );
        check("src/cli/x.rs", "use std::process::ExitCode;", &[]);
    }

    #[test]
    fn giving_up() {
        check(
            "src/name.rs",
            "fn f() { x().unwrap(); }",
            &["src/name.rs:2: `.unwrap()` says nothing; `expect` says why"],
        );
        check("src/name.rs", "fn f() { todo!() }", &["src/name.rs:2: `todo!` is not an answer"]);
        check("src/name.rs", "fn f() { println(dbg!(1)) }", &["src/name.rs:2: `dbg!` is not an answer"]);
        check(
            "src/name.rs",
            "fn f() { g!(x.unwrap()); }",
            &["src/name.rs:2: `.unwrap()` says nothing; `expect` says why"],
        );
        check("src/name.rs", "fn f() { x.unwrap_or(1); }\n#[cfg(test)]\nmod t { fn f() { x.unwrap() } }", &[]);
    }

    #[test]
    fn shapes() {
        check(
            "src/utils.rs",
            "",
            &["src/utils.rs: name it after its subject", "src/utils.rs: the file does not end in one newline"],
        );
        check(
            "src/name.rs",
            &"// x\n".repeat(500),
            &["src/name.rs: 502 lines; split it by subject", "src/name.rs: the file does not end in one newline"],
        );
        check("src/name.rs", "fn f() {} ", &["src/name.rs:2: blanks at the end"]);
        assert_eq!(
            complaints("src/name.rs", "fn f() {}\n"),
            ["src/name.rs: the first line does not say what it is for"]
        );
        assert_eq!(unclean(Path::new("x"), b"\xff"), ["x: not UTF-8"]);
    }

    #[test]
    fn out_of_line_tests() {
        let files = [
            ("src/plan/mod.rs", "//! X.\n#[cfg(test)]\nmod tests;\n"),
            ("src/plan/tests.rs", "//! X.\nuse crate::spec::Spec;\n"),
        ];
        let sources =
            source::parse(files.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned())).collect());
        assert!(sources.iter().all(|source| uses_beyond_the_table(source).is_empty()));
    }
}
