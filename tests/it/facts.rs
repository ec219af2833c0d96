//! The tables of facts against the programs that are installed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use rmqgit::facts::version::Version;
use rmqgit::facts::{config_keys, plugins, variables};

/// Returns where RabbitMQ is installed, and its version.
fn rabbitmq() -> (PathBuf, Version) {
    let dirs = fs::read_dir("/usr/lib/rabbitmq/lib").expect("`tests/install` installs RabbitMQ");
    let found = dirs.filter_map(|dir| {
        let path = dir.ok()?.path();
        let version = path.file_name()?.to_str()?.strip_prefix("rabbitmq_server-")?.parse().ok()?;
        Some((path, version))
    });
    found.last().expect("`tests/install` installs RabbitMQ")
}

/// Returns the files below a directory whose path ends like this.
fn files(dir: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory of RabbitMQ") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_table_of_keys_is_what_the_schemas_say() {
    let (root, version) = rabbitmq();
    let mapping = Regex::new(r#"(?m)^\s*\{\s*mapping\s*,\s*"([^"]+)""#).expect("a pattern");
    let mut installed = BTreeMap::new();
    for path in
        files(&root, ".schema").iter().filter(|path| path.parent().is_some_and(|dir| dir.ends_with("priv/schema")))
    {
        let plugin = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = fs::read_to_string(path).expect("a schema");
        installed.extend(mapping.captures_iter(&text).map(|found| (found[1].to_owned(), plugin.clone())));
    }
    assert!(installed.len() > 500, "{installed:?}");
    let known = config_keys::all().iter().filter(|key| key.versions.contains(version));
    let known: BTreeMap<_, _> = known.map(|key| (key.name.to_owned(), key.plugin.to_owned())).collect();
    let only = |a: &BTreeMap<String, String>, b: &BTreeMap<String, String>| -> Vec<String> {
        a.iter().filter(|(key, plugin)| b.get(*key) != Some(plugin)).map(|(key, _)| key.clone()).collect()
    };
    assert_eq!((only(&known, &installed), only(&installed, &known)), (vec![], vec![]));
}

#[test]
fn the_table_of_plugins_is_what_is_shipped() {
    let (root, version) = rabbitmq();
    let installed: BTreeSet<String> = fs::read_dir(root.join("plugins"))
        .expect("plugins")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter_map(|name| name.split(['-', '.']).next().map(str::to_owned))
        .filter(|name| name.starts_with("rabbitmq_"))
        .collect();
    let known: BTreeSet<String> = plugins::shipped(version).map(str::to_owned).collect();
    let libraries = ["rabbitmq_aws", "rabbitmq_codegen", "rabbitmq_prelaunch", "rabbitmq_stream_common"];
    let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| -> Vec<String> {
        a.difference(b).filter(|name| !libraries.contains(&name.as_str())).cloned().collect()
    };
    assert_eq!((only(&known, &installed), only(&installed, &known)), (vec![], vec![]));
}

#[test]
fn the_variables_that_the_scripts_read_are_known() {
    let (root, version) = rabbitmq();
    let variable = Regex::new(r"\$\{?RABBITMQ_([A-Z_]+)").expect("a pattern");
    // What the scripts and the packages set for themselves.
    let own =
        ["DEFAULTS_SCRIPT", "ENV_LOADED", "HOME", "IGNORE_SIGINT_FLAG", "SCRIPTS_DIR", "NODE_ONLY", "START_RABBIT"];
    let mut unknown = BTreeSet::new();
    for script in ["rabbitmq-env", "rabbitmq-server", "rabbitmqctl"] {
        let text = fs::read_to_string(root.join("sbin").join(script)).expect("a script");
        for found in variable.captures_iter(&text) {
            let known = variables::find(&found[1]).is_some_and(|versions| versions.contains(version));
            if !known && !own.contains(&&found[1]) {
                unknown.insert(found[1].to_owned());
            }
        }
    }
    assert_eq!(unknown, BTreeSet::new());
}
