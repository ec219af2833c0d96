//! The keys of `rabbitmq.conf`: which plugin brings each, what it takes, and in which versions.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::config_type::Type;
use super::range::Versions;
use super::table;
use super::version::Version;

/// A key in the versions in which it had one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key; `$name` stands for one word.
    pub name: &'static str,
    /// The plugin whose schema has it; `rabbit` is RabbitMQ itself.
    pub plugin: &'static str,
    /// What it takes.
    pub kind: Type,
    /// The versions whose schema has it.
    pub versions: Versions,
}

/// What is known of a key beside its schema, in some versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What becomes of the key.
    pub effect: Effect,
    /// The versions.
    pub versions: Versions,
    /// What to write instead, if there is something.
    pub instead: Option<&'static str>,
    /// Why, as half a sentence.
    pub why: &'static str,
    /// Where that is written.
    pub source: &'static str,
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It is read and does nothing.
    Nothing,
    /// It works, under a name that is on its way out.
    Renamed,
    /// It is not read any more, and the node does not start with it.
    Removed,
}

/// The rows of one key, and the words below it.
#[derive(Default)]
struct Branch {
    rows: Vec<usize>,
    words: HashMap<&'static str, Branch>,
    any: Option<Box<Branch>>,
}

struct Keys {
    rows: Vec<Key>,
    root: Branch,
    notes: HashMap<&'static str, Vec<Note>>,
}

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let rows = table::built_in(include_str!("tables/config_keys.tsv"), KEY_COLUMNS, read_key);
    let mut root = Branch::default();
    for (index, row) in rows.iter().enumerate() {
        let mut branch = &mut root;
        for word in row.name.split('.') {
            branch = match word.strip_prefix('$') {
                Some(_) => branch.any.get_or_insert_default(),
                None => branch.words.entry(word).or_default(),
            };
        }
        branch.rows.push(index);
    }
    let mut notes: HashMap<_, Vec<Note>> = HashMap::new();
    for (key, note) in table::built_in(include_str!("tables/config_notes.tsv"), NOTE_COLUMNS, read_note) {
        notes.entry(key).or_default().push(note);
    }
    Keys { rows, root, notes }
});

const KEY_COLUMNS: [&str; 4] = ["key", "plugin", "type", "versions"];
const NOTE_COLUMNS: [&str; 6] = ["key", "versions", "effect", "instead", "why", "source"];

fn read_key([name, plugin, kind, versions]: [&'static str; 4]) -> Result<Key, String> {
    Ok(Key { name, plugin, kind: Type::parse(kind)?, versions: versions.parse()? })
}

fn read_note([key, versions, effect, instead, why, source]: [&'static str; 6]) -> Result<(&'static str, Note), String> {
    let effect = match effect {
        "nothing" => Effect::Nothing,
        "renamed" => Effect::Renamed,
        "removed" => Effect::Removed,
        _ => return Err(format!("`{effect}` is not an effect")),
    };
    let instead = table::optional(instead);
    Ok((key, Note { effect, versions: versions.parse()?, instead, why, source }))
}

/// Returns every row of the table.
pub fn all() -> &'static [Key] {
    &KEYS.rows
}

/// Returns the rows of a key as it is written in the file; none if no version has it.
pub fn rows(key: &str) -> impl Iterator<Item = &'static Key> + Clone {
    let keys = &*KEYS;
    let found = branch(&keys.root, Some(key)).map_or(&[] as &[usize], |branch| &branch.rows);
    found.iter().map(|index| &keys.rows[*index])
}

/// Returns a key as one version has it.
pub fn find(key: &str, version: Version) -> Option<&'static Key> {
    rows(key).find(|row| row.versions.contains(version))
}

/// Returns what is known of a key, as the table spells it, beside its schema.
pub fn note(name: &str, version: Version) -> Option<&'static Note> {
    KEYS.notes.get(name)?.iter().find(|note| note.versions.contains(version))
}

/// Descends word by word; a word of the table comes before `$name`, and `\.` is a dot inside a word.
fn branch<'b>(branch_at: &'b Branch, rest: Option<&str>) -> Option<&'b Branch> {
    let Some(rest) = rest else { return (!branch_at.rows.is_empty()).then_some(branch_at) };
    let end = word_end(rest);
    let (word, rest) = (&rest[..end], rest.get(end + 1..));
    let exact = branch_at.words.get(word).and_then(|next| branch(next, rest));
    exact.or_else(|| branch(branch_at.any.as_deref()?, rest))
}

fn word_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let dot = |index: &usize| bytes[*index] == b'.' && (*index == 0 || bytes[*index - 1] != b'\\');
    (0..bytes.len()).find(dot).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_read() {
        let keys = table::read(include_str!("tables/config_keys.tsv"), KEY_COLUMNS, read_key).expect("the keys");
        assert!(keys.len() > 1100);
        let notes = table::read(include_str!("tables/config_notes.tsv"), NOTE_COLUMNS, read_note).expect("the notes");
        for (name, note) in notes {
            assert!(note.source.starts_with("https://"), "{name}");
            let rows: Vec<_> = keys.iter().filter(|row| row.name == name).collect();
            assert!(!rows.is_empty(), "{name} is a key");
            let there = rows.iter().any(|row| row.versions.contains(note.versions.first()));
            assert_eq!(there, note.effect != Effect::Removed, "{name}: {note:?}");
        }
    }

    #[test]
    fn keys_are_found_by_version() {
        let check = |key, version: &str, expect: Option<&str>| {
            let version = version.parse().expect("a version");
            assert_eq!(find(key, version).map(|row| row.plugin), expect, "{key} in {version}");
        };
        check("cluster_partition_handling", "3.7.0", Some("rabbit"));
        check("cluster_partition_handling", "4.3.5", Some("rabbit"));
        check("listeners.tcp.default", "3.8.9", Some("rabbit"));
        check("listeners.tcp", "3.8.9", Some("rabbit"));
        check("listeners.tcp.default.x", "3.8.9", None);
        check("listeners", "3.8.9", None);
        check("", "3.8.9", None);
        check("cluster_name", "3.7.23", None);
        check("cluster_name", "3.7.24", Some("rabbit"));
        check("cluster_formation.target_cluster_size_hint", "3.8.24", Some("rabbit"));
        check("cluster_formation.target_cluster_size_hint", "3.9.8", None);
        check("management.tcp.port", "3.10.8", Some("rabbitmq_management"));
        check("channel_max", "4.3.5", Some("rabbit"));
        check("ssl_options.versions.1", "4.3.5", Some("rabbit"));
        check("mqtt.tcp_listen_options.linger.on", "4.3.5", Some("rabbitmq_mqtt"));
        check("loopback_users.a\\.b", "4.3.5", Some("rabbit"));
        check("default_users.alice.password", "4.1.0", Some("rabbit"));
        check("amqp1_0.default_user", "4.0.1", None);
    }

    #[test]
    fn a_key_without_effect_says_so() {
        let check = |key, version: &str| note(key, version.parse().expect("a version")).map(|note| note.effect);
        assert_eq!(check("cluster_partition_handling", "4.2.9"), None);
        assert_eq!(check("cluster_partition_handling", "4.3.0"), Some(Effect::Nothing));
    }
}
