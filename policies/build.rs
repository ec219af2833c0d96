//! Build script: reads the files of `policies/` once, so that no run of the program has to.
//!
//! Writes `catalogue.json` (every rule without its examples) and `catalogue.rs` (the name and text of every file) to the
//! directory of the build. `src/policy/catalogue.rs` reads both; a unit test holds them against the program's own parser.

#![allow(clippy::print_stdout, reason = "a build script talks to Cargo on standard output")]
#![allow(clippy::disallowed_methods, reason = "a build script reads and writes files of its own")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rerun-if-changed=policies");
    let mut files: Vec<PathBuf> =
        fs::read_dir(root.join("policies"))?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    let mut rules = Vec::with_capacity(files.len());
    let mut list = String::from("/// The name and text of every built-in rule.\nconst FILES: &[(&str, &str)] = &[\n");
    for path in &files {
        rules.push(rule(path)?);
        let stem = path.file_stem().and_then(|stem| stem.to_str()).ok_or("the name of a rule is text")?;
        let path = path.to_str().ok_or("the path of a rule is text")?;
        writeln!(list, "    ({stem:?}, include_str!({path:?})),")?;
    }
    list.push_str("];\n");
    fs::write(out.join("catalogue.json"), serde_json::to_string(&rules)?)?;
    fs::write(out.join("catalogue.rs"), list)?;
    Ok(())
}

/// Reads one rule, and leaves its examples out: only tests and explanations need them.
fn rule(path: &Path) -> Result<Value, Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    let mut rule: Value = serde_yaml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    rule["examples"] = serde_json::json!({ "fails": [], "passes": [] });
    Ok(rule)
}
