//! The compiler on models made in Rust: what a spec cannot say is said here.

use std::fmt::Write as _;

use super::sample::cluster;
use super::*;

/// Returns every file of a bundle as one text.
fn shown(bundle: &Bundle) -> String {
    let mut text = String::new();
    for (path, artifact) in &bundle.artifacts {
        let (bytes, _) = artifact.stored();
        let Artifact { mode, owner, check, on_change, part, .. } = artifact;
        let Owner { user, group } = owner;
        writeln!(text, "=== {path} {mode:04o} {user}:{group} {check:?} {on_change:?} {part:?}").expect("a String");
        text.push_str(std::str::from_utf8(&bytes).expect("artifacts are UTF-8"));
        if !text.ends_with('\n') {
            text.push_str("<no final newline>\n");
        }
    }
    text
}

fn compiled(cluster: &Cluster) -> Result<Vec<Bundle>, Diagnostics> {
    Compiler::new(&[]).expect("the built-in templates are valid").compile(cluster)
}

#[test]
fn tutorial() {
    let bundles = compiled(&cluster()).expect("the tutorial compiles");
    insta::assert_snapshot!("rabbit1", shown(&bundles[0]));
    insta::assert_snapshot!("rabbit3", shown(&bundles[2]));
}
