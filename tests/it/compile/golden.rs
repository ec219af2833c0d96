//! The golden trees: every file of every host of every fixture, as it stands on the output branch.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::{FIXTURES, clusters, compiler, fixture};

type Tree = BTreeMap<String, Vec<u8>>;

fn compiled(name: &str) -> Tree {
    let compiler = compiler(name);
    let mut tree = Tree::new();
    for cluster in clusters(name) {
        for bundle in compiler.compile(&cluster).expect("the fixture compiles") {
            let host = format!("{}/{}", bundle.cluster, bundle.host);
            tree.extend(bundle.store().into_iter().map(|(path, bytes)| (format!("{host}/{path}"), bytes)));
        }
    }
    tree
}

fn read(dir: &Path, prefix: &str, tree: &mut Tree) {
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let entry = entry.expect("the tree can be read");
        let path = format!("{prefix}{}", entry.file_name().to_str().expect("names are UTF-8"));
        if entry.file_type().expect("the tree can be read").is_dir() {
            read(&entry.path(), &format!("{path}/"), tree);
        } else {
            tree.insert(path, fs::read(entry.path()).expect("the tree can be read"));
        }
    }
}

/// Compares a fixture with its golden tree, or writes that with `UPDATE_GOLDEN=1`.
fn check(name: &str) -> Result<(), String> {
    let golden = fixture(name).join("golden");
    let fresh = compiled(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        if golden.exists() {
            fs::remove_dir_all(&golden).expect("the old tree goes");
        }
        for (path, bytes) in &fresh {
            super::write(&golden.join(path), std::str::from_utf8(bytes).expect("artifacts are UTF-8"));
        }
    }
    let mut kept = Tree::new();
    read(&golden, "", &mut kept);
    let paths: std::collections::BTreeSet<&String> = fresh.keys().chain(kept.keys()).collect();
    let text = |tree: &Tree, path: &String| {
        tree.get(path).map_or(String::new(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let mut differences = String::new();
    for path in paths.into_iter().filter(|path| fresh.get(*path) != kept.get(*path)) {
        let (old, new) = (text(&kept, path), text(&fresh, path));
        let diff = similar::TextDiff::from_lines(&old, &new);
        differences.push_str(&diff.unified_diff().header(&format!("golden/{path}"), path).to_string());
    }
    if differences.is_empty() { Ok(()) } else { Err(format!("{name}:\n{differences}")) }
}

#[test]
fn trees_are_as_they_were() {
    let differences: Vec<String> = FIXTURES.into_iter().filter_map(|name| check(name).err()).collect();
    assert!(
        differences.is_empty(),
        "look at the differences; `UPDATE_GOLDEN=1 cargo test --test it golden` accepts them\n{}",
        differences.join("\n")
    );
}

#[test]
fn trees_do_not_depend_on_threads() {
    let once: Vec<Tree> = FIXTURES.into_iter().map(compiled).collect();
    std::thread::scope(|scope| {
        let runs: Vec<_> =
            (0..3).map(|_| scope.spawn(|| FIXTURES.into_iter().map(compiled).collect::<Vec<Tree>>())).collect();
        for run in runs {
            assert_eq!(run.join().expect("no panic"), once);
        }
    });
}

#[test]
fn bundles_survive_storage() {
    for name in FIXTURES {
        for cluster in clusters(name) {
            for bundle in compiler(name).compile(&cluster).expect("the fixture compiles") {
                assert_eq!(rmqgit::release::Bundle::load(bundle.store()), Ok(bundle));
            }
        }
    }
}
