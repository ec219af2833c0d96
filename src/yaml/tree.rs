//! The tree: shared, immutable, every node with its place.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::diag::{Place, Span};

/// A value of a YAML file. Clones share their content, and can be sent to other threads.
#[derive(Debug, Clone)]
pub struct Node {
    inner: Arc<Inner>,
    via: Option<Span>,
}

#[derive(Debug)]
struct Inner {
    span: Span,
    /// How many levels of values are below, this one included.
    height: u32,
    /// How many values are here when aliases are expanded.
    size: u64,
    kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    Scalar {
        text: Box<str>,
        plain: bool,
    },
    List(Vec<Node>),
    Mapping(Vec<Entry>),
    /// A value with a fault that is reported already.
    Broken,
}

/// The keys on the way to a value, and where they and what they hold are written.
pub type Way = (Vec<String>, Vec<Span>);

/// A key of a mapping with its value.
#[derive(Debug, Clone)]
pub struct Entry {
    pub(super) key: Arc<str>,
    pub(super) span: Span,
    pub(super) via: Option<Span>,
    pub(super) value: Node,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, Copy)]
pub enum View<'a> {
    /// Text, a number, `true`, `null`: its text, and whether it stands without quotes (so that it may be a number).
    Scalar(&'a str, bool),
    /// A list.
    List(&'a [Node]),
    /// A mapping, in the order of the file.
    Mapping(&'a [Entry]),
    /// A value that could not be understood; a diagnostic says why.
    Broken,
}

impl Node {
    pub(super) fn new(span: Span, kind: Kind) -> Self {
        let (height, size) = match &kind {
            Kind::Scalar { .. } | Kind::Broken => (0, 0),
            Kind::List(items) => measure(items.iter()),
            Kind::Mapping(entries) => measure(entries.iter().map(|entry| &entry.value)),
        };
        Self { inner: Arc::new(Inner { span, height: height + 1, size: size + 1, kind }), via: None }
    }

    /// Returns the same value, used at another place.
    pub(super) fn used_at(&self, span: Span) -> Self {
        Self { inner: Arc::clone(&self.inner), via: Some(span) }
    }

    pub(super) fn height(&self) -> usize {
        self.inner.height as usize
    }

    pub(super) fn size(&self) -> u64 {
        self.inner.size
    }

    /// Returns what tells this value from every other one that is alive.
    pub(super) fn identity(&self) -> usize {
        Arc::as_ptr(&self.inner).addr()
    }

    /// Returns what the value is.
    pub fn view(&self) -> View<'_> {
        match &self.inner.kind {
            Kind::Scalar { text, plain } => View::Scalar(text, *plain),
            Kind::List(items) => View::List(items),
            Kind::Mapping(entries) => View::Mapping(entries),
            Kind::Broken => View::Broken,
        }
    }

    /// Returns where the value is used, and where it is defined if an alias, a merge or defaults brought it there.
    pub fn place(&self) -> Place {
        place(self.inner.span, self.via)
    }

    /// Returns where the value is written.
    pub fn span(&self) -> Span {
        self.inner.span
    }

    /// Returns the value of a key, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| &*entry.key == key).map(|entry| &entry.value)
    }

    /// Returns the entries of a mapping, none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.inner.kind {
            Kind::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a list, none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.inner.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// Returns the text of a scalar as it is written, without quotes.
    pub fn as_str(&self) -> Option<&str> {
        match &self.inner.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Tells whether there is no value: nothing after the key, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(self.view(), View::Scalar(text, true) if super::resolve::is_null(text))
    }

    /// Returns the value without the entries and items that stand at one of the places, or nothing if it stands there
    /// itself.
    pub fn without(&self, spans: &BTreeSet<Span>) -> Option<Node> {
        if spans.contains(&self.inner.span) {
            return None;
        }
        let kind = match &self.inner.kind {
            Kind::List(items) => Kind::List(items.iter().filter_map(|item| item.without(spans)).collect()),
            Kind::Mapping(entries) => {
                let left = entries.iter().filter(|entry| !spans.contains(&entry.span));
                let pruned =
                    left.filter_map(|entry| Some(Entry { value: entry.value.without(spans)?, ..entry.clone() }));
                Kind::Mapping(pruned.collect())
            }
            Kind::Scalar { .. } => return Some(self.clone()),
            Kind::Broken => return None,
        };
        Some(Node { via: self.via, ..Node::new(self.inner.span, kind) })
    }

    /// Returns what [`Node::without`] takes out: the keys on the way to each value, and where these keys and what they hold are
    /// written. An item of a list counts as the list.
    pub fn cuts(&self, spans: &BTreeSet<Span>) -> Vec<Way> {
        let mut cuts = Vec::new();
        self.collect_cuts(spans, &mut (Vec::new(), Vec::new()), &mut cuts);
        cuts
    }

    fn collect_cuts(&self, spans: &BTreeSet<Span>, way: &mut Way, cuts: &mut Vec<Way>) {
        way.1.push(self.inner.span);
        if spans.contains(&self.inner.span) || matches!(self.inner.kind, Kind::Broken) {
            cuts.push(way.clone());
        }
        for item in self.items() {
            item.collect_cuts(spans, way, cuts);
        }
        for entry in self.entries() {
            way.0.push(entry.key.to_string());
            way.1.push(entry.span);
            if spans.contains(&entry.span) {
                cuts.push(way.clone());
            } else {
                entry.value.collect_cuts(spans, way, cuts);
            }
            way.0.pop();
            way.1.pop();
        }
        way.1.pop();
    }

    /// Returns the value without the entries of mappings that have no value.
    #[must_use]
    pub fn without_nulls(&self) -> Node {
        let kind = match &self.inner.kind {
            Kind::List(items) => Kind::List(items.iter().map(Node::without_nulls).collect()),
            Kind::Mapping(entries) => {
                let left = entries.iter().filter(|entry| !entry.value.is_null());
                Kind::Mapping(left.map(|e| Entry { value: e.value.without_nulls(), ..e.clone() }).collect())
            }
            Kind::Scalar { .. } | Kind::Broken => return self.clone(),
        };
        Node { via: self.via, ..Node::new(self.inner.span, kind) }
    }

    /// Lays one mapping over another: mappings are merged key by key, every other value of `over` replaces that of
    /// `base`, `null` included.
    ///
    /// Values keep the place where they are written. One that comes from `base` is used at the first key of the
    /// mapping of `over` that it came into, so that an error about a default names both files.
    #[must_use]
    pub fn merge(base: &Node, over: &Node) -> Node {
        let (Kind::Mapping(below), Kind::Mapping(above)) = (&base.inner.kind, &over.inner.kind) else {
            return over.clone();
        };
        let used = over.via.unwrap_or_else(|| above.first().map_or(over.inner.span, |entry| entry.span));
        let above_keys = Index::new(above);
        let mut entries: Vec<Entry> = Vec::with_capacity(below.len() + above.len());
        for entry in below {
            entries.push(match above_keys.find(&entry.key) {
                None => entry.used_at(used),
                Some(found) => {
                    let found = &above[found];
                    Entry { value: Node::merge(&entry.value, &found.value), ..found.clone() }
                }
            });
        }
        let below_keys = Index::new(below);
        entries.extend(above.iter().filter(|entry| below_keys.find(&entry.key).is_none()).cloned());
        Node { via: over.via, ..Node::new(over.inner.span, Kind::Mapping(entries)) }
    }
}

impl Entry {
    /// Returns the key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the value.
    pub fn value(&self) -> &Node {
        &self.value
    }

    /// Returns where the key is used, and where it is defined if a merge or defaults brought it there.
    pub fn place(&self) -> Place {
        place(self.span, self.via)
    }

    pub(super) fn used_at(&self, span: Span) -> Self {
        Self { key: Arc::clone(&self.key), span: self.span, via: Some(span), value: self.value.used_at(span) }
    }
}

/// Finds the keys of a mapping; makes a table only when there are many.
pub(super) struct Index<'a> {
    entries: &'a [Entry],
    table: Option<std::collections::HashMap<&'a str, usize>>,
}

/// Up to this many keys, looking at each is faster than a table.
pub(super) const FEW: usize = 16;

impl<'a> Index<'a> {
    pub(super) fn new(entries: &'a [Entry]) -> Self {
        let table = (entries.len() > FEW).then(|| entries.iter().enumerate().map(|(i, e)| (&*e.key, i)).collect());
        Self { entries, table }
    }

    pub(super) fn find(&self, key: &str) -> Option<usize> {
        match &self.table {
            Some(table) => table.get(key).copied(),
            None => self.entries.iter().position(|entry| &*entry.key == key),
        }
    }
}

fn place(span: Span, via: Option<Span>) -> Place {
    match via {
        None => Place { used: span, defined: None },
        Some(used) => Place { used, defined: Some(span) },
    }
}

fn measure<'a>(nodes: impl Iterator<Item = &'a Node>) -> (u32, u64) {
    nodes.fold((0, 0), |(height, size), node| (height.max(node.inner.height), size.saturating_add(node.inner.size)))
}
