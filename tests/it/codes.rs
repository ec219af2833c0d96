//! Keeps the table that `rmqgit explain` prints equal to the codes that the program uses.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rmqgit::diag::codes;

/// What stands before a code where a diagnostic is made.
const MAKERS: [&str; 5] = ["Diagnostic::error(", "Diagnostic::warning(", "Fault::new(", "Self::new(", "refuse(diags,"];

/// Returns the program's own source below a directory: no tests, and not the table.
fn sources(dir: &Path, out: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "tests" {
            sources(&path, out);
        } else if path.extension().is_some_and(|it| it == "rs")
            && name != "tests.rs"
            && path.parent() != Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diag/codes").as_path())
        {
            out.push_str(fs::read_to_string(&path).unwrap().split("#[cfg(test)]").next().unwrap());
        }
    }
}

#[test]
fn every_code_is_explained_and_every_explained_code_is_used() {
    let mut source = String::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut source);
    let literal = |rest: &str| rest.trim_start().strip_prefix('"')?.split('"').next().map(str::to_owned);
    let made: BTreeSet<String> =
        MAKERS.iter().flat_map(|maker| source.split(maker).skip(1)).filter_map(literal).collect();
    let known: BTreeSet<String> = codes::all().iter().map(|code| code.code.to_owned()).collect();
    assert!(made.len() > 20, "the makers of diagnostics have other names now: {made:?}");
    let unexplained: Vec<&String> = made.difference(&known).collect();
    assert!(unexplained.is_empty(), "add to src/diag/codes.rs: {unexplained:?}");
    let unused: Vec<&String> = known.iter().filter(|code| !source.contains(&format!("\"{code}\""))).collect();
    assert!(unused.is_empty(), "nothing makes these: {unused:?}");
}
