//! Builds the tree from parser events; goes on after every fault that leaves the structure clear.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, StructureStyle, Tag};

use super::resolve::{self, Plain};
use super::tree::{Entry, FEW, Kind, Node, View};
use super::{Limits, syntax, too_large};
use crate::diag::{Diagnostic, Diagnostics, Place, Span, nearest};

/// Parses the text of one file.
///
/// Returns nothing when there is no tree worth decoding: a syntax error, a limit, an empty file. After other faults the
/// tree is whole, and the faulty values in it fail silently when they are decoded.
pub fn parse(text: &str, file: u32, limits: &Limits, diags: &mut Diagnostics) -> Option<Node> {
    if text.len() > limits.bytes || u32::try_from(text.len()).is_err() {
        diags.push(too_large(text.len(), limits.bytes.min(u32::MAX as usize), file));
        return None;
    }
    let options = granit_parser::options! {
        emit_unresolved_aliases: true,
        emit_anchor_events: true,
        emit_comments: false,
        block_nesting_limit: limits.depth,
        flow_nesting_limit: limits.depth,
    };
    let mut builder = Builder::new(text, file, limits, diags);
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => builder.event(event, &span),
            Err(error) => {
                let open = syntax::Open { bracket: builder.open_bracket(), token: builder.last };
                Err(syntax::explain(&error, text, file, limits, open))
            }
        };
        match step {
            Ok(Step::On) => {}
            Ok(Step::Enough) => break,
            Err(diag) => {
                builder.diags.push(diag);
                return None;
            }
        }
    }
    builder.finish()
}

/// Whether to read on.
enum Step {
    On,
    Enough,
}

/// A collection whose end is still to come.
struct Frame {
    start: Span,
    end: u32,
    anchor: usize,
    flow: bool,
    broken: bool,
    body: Body,
}

enum Body {
    List(Vec<Node>),
    Mapping(Mapping),
}

#[derive(Default)]
struct Mapping {
    entries: Vec<Entry>,
    table: HashMap<Arc<str>, usize>,
    key: Option<Key>,
    /// The merge: where among the entries it stands, its key, what it merges.
    merge: Option<(usize, Span, Node)>,
}

enum Key {
    Name(Arc<str>, Span, Option<Span>),
    Merge(Span),
    /// A key with a fault that is reported already; its value is dropped.
    Broken,
}

struct Builder<'a> {
    text: &'a str,
    file: u32,
    limits: &'a Limits,
    diags: &'a mut Diagnostics,
    /// How many diagnostics there were before this file.
    before: usize,
    stack: Vec<Frame>,
    anchors: Vec<Anchor>,
    root: Option<Node>,
    first_document: Option<Span>,
    nodes: usize,
    expanded: u64,
    /// The byte after the last event.
    last: u32,
}

/// An anchor, at the index that is the parser's id for it; ids count from 1.
#[derive(Default)]
struct Anchor {
    name: Box<str>,
    span: Span,
    /// The value, once it is complete.
    node: Option<Node>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, file: u32, limits: &'a Limits, diags: &'a mut Diagnostics) -> Self {
        Self {
            text,
            file,
            limits,
            before: diags.len(),
            diags,
            stack: Vec::new(),
            anchors: Vec::new(),
            root: None,
            first_document: None,
            nodes: 0,
            expanded: 0,
            last: 0,
        }
    }

    fn event(&mut self, event: Event<'_>, span: &granit_parser::Span) -> Result<Step, Diagnostic> {
        let tag_span = span.tag_span().map(|tag| self.span(&tag));
        let span = self.span(span);
        self.last = self.last.max(span.end);
        let node = match event {
            Event::DocumentStart(..) => return Ok(self.document(span)),
            Event::Anchor(id, name) => {
                let anchor = self.anchor(id);
                (anchor.name, anchor.span) = (name.into(), span);
                return Ok(Step::On);
            }
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(&text, style, tag, tag_span, span);
                self.define(anchor, &node);
                node
            }
            Event::Alias(id) => self.alias(id, span)?,
            Event::UnresolvedAlias(name) => self.undefined_alias(&name, span),
            Event::SequenceStart(style, anchor, tag) => {
                let broken = self.refuse_tag(tag, "seq", tag_span, span);
                return self.open(Body::List(Vec::new()), span, style, anchor, broken);
            }
            Event::MappingStart(style, anchor, tag) => {
                let broken = self.refuse_tag(tag, "map", tag_span, span);
                return self.open(Body::Mapping(Mapping::default()), span, style, anchor, broken);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            _ => return Ok(Step::On),
        };
        self.place(node)
    }

    fn span(&self, span: &granit_parser::Span) -> Span {
        let range = span.byte_range().unwrap_or_default();
        let byte = |at: usize| u32::try_from(at).expect("the text is shorter than 4 GiB");
        Span { file: self.file, start: byte(range.start), end: byte(range.end) }
    }

    fn document(&mut self, span: Span) -> Step {
        let Some(first) = self.first_document else {
            self.first_document = Some(span);
            return Step::On;
        };
        let diag = Diagnostic::error("second-document", "the file has more than one YAML document")
            .at(at(span), "the second document starts here")
            .at(at(first), "the first document starts here")
            .help("remove this `---`, or put each document into a file of its own");
        self.diags.push(diag);
        Step::Enough
    }

    fn open(
        &mut self,
        body: Body,
        start: Span,
        style: StructureStyle,
        anchor: usize,
        broken: bool,
    ) -> Result<Step, Diagnostic> {
        if self.stack.len() >= self.limits.depth {
            return Err(syntax::too_deep(start, self.limits));
        }
        let flow = style == StructureStyle::Flow;
        self.stack.push(Frame { start, end: start.end, anchor, flow, broken, body });
        Ok(Step::On)
    }

    fn close(&mut self, span: Span) -> Result<Node, Diagnostic> {
        let frame = self.stack.pop().expect("the parser closes only what it has opened");
        let end = if frame.flow { span.end } else { frame.end };
        let place = Span { end, ..frame.start };
        let kind = match frame.body {
            _ if frame.broken => Kind::Broken,
            Body::List(items) => Kind::List(items),
            Body::Mapping(mapping) => Kind::Mapping(self.merged(mapping)),
        };
        let node = Node::new(place, kind);
        if node.height() > self.limits.depth {
            return Err(syntax::too_deep(Span { end: place.start, ..place }, self.limits));
        }
        self.define(frame.anchor, &node);
        Ok(node)
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node) -> Result<Step, Diagnostic> {
        let used = node.place().used;
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            let message = format!("the file has more than {} values", self.limits.nodes);
            return Err(Diagnostic::error("too-many-nodes", message)
                .at(at(used), "reading stopped here")
                .help("check that it is the right file; a fleet goes into `clusters/*.yaml`, one cluster a file"));
        }
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(frame) => {
                frame.end = frame.end.max(used.end);
                match &mut frame.body {
                    Body::List(items) => items.push(node),
                    Body::Mapping(mapping) => mapping.put(node, self.diags),
                }
            }
        }
        if self.diags.len() - self.before >= self.limits.errors {
            return Err(Diagnostic::error("too-many-errors", format!("more than {} errors", self.limits.errors - 1))
                .at(at(used), "reading stopped here")
                .help("fix those above, then check again"));
        }
        Ok(Step::On)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<Cow<'_, Tag>>,
        tag_span: Option<Span>,
        mut span: Span,
    ) -> Node {
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            let written = &self.text[span.start as usize..span.end as usize];
            let trailing = written.len() - written.trim_end().len();
            span.end -= u32::try_from(trailing).expect("part of a span, which is 32 bits");
        }
        let mut plain = style == ScalarStyle::Plain;
        // The parser gives `~` for a value that is not written; an empty span is what tells.
        let text = if plain && span.start == span.end { "" } else { text };
        let Some(tag) = tag else { return Node::new(span, Kind::Scalar { text: text.into(), plain }) };
        let fits = match (tag.core_suffix(), resolve::plain(text)) {
            (Some("str"), _) => {
                plain = false;
                true
            }
            (Some("null"), Plain::Null)
            | (Some("bool"), Plain::Bool(_))
            | (Some("int"), Plain::Int(_))
            | (Some("float"), Plain::Float(_)) => plain,
            // A lone `!` says "not a plain value", YAML 1.2.2 section 6.9.1.
            (None, _)
                if tag.handle().is_empty() && tag.suffix() == "!" || tag.handle() == "!" && tag.suffix().is_empty() =>
            {
                plain = false;
                true
            }
            _ => false,
        };
        if fits {
            return Node::new(span, Kind::Scalar { text: text.into(), plain });
        }
        self.unknown_tag(&tag, tag_span.unwrap_or(span));
        Node::new(span, Kind::Broken)
    }

    /// Reports a tag on a collection unless it is the one that the collection has anyway.
    fn refuse_tag(&mut self, tag: Option<Cow<'_, Tag>>, own: &str, tag_span: Option<Span>, span: Span) -> bool {
        let Some(tag) = tag.filter(|tag| tag.core_suffix() != Some(own)) else { return false };
        self.unknown_tag(&tag, tag_span.unwrap_or(span));
        true
    }

    fn unknown_tag(&mut self, tag: &Tag, span: Span) {
        let written = crate::diag::excerpt(self.text.get(span.start as usize..span.end as usize).unwrap_or("!"));
        let diag = if tag.core_suffix().is_some() {
            Diagnostic::error("unknown-tag", format!("tag `{written}` does not fit its value"))
                .at(at(span), "the value is of another type")
                .help("remove it; values need no tags here")
        } else {
            Diagnostic::error("unknown-tag", format!("unknown tag `{written}`"))
                .at(at(span), "this tag has no meaning here")
                .help("remove it; a secret is written `{secret: name}`, text that looks like a number goes in quotes")
        };
        self.diags.push(diag);
    }

    fn anchor(&mut self, id: usize) -> &mut Anchor {
        if self.anchors.len() <= id {
            self.anchors.resize_with(id + 1, Anchor::default);
        }
        &mut self.anchors[id]
    }

    /// Completes the value of an anchor; 0 stands for none.
    fn define(&mut self, id: usize, node: &Node) {
        if id != 0 {
            self.anchor(id).node = Some(node.clone());
        }
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Node, Diagnostic> {
        let anchor = self.anchors.get(id);
        if let Some(node) = anchor.and_then(|anchor| anchor.node.as_ref()) {
            self.expanded = self.expanded.saturating_add(node.size());
            if self.expanded > self.limits.visits as u64 {
                let message = format!("the aliases of this file stand for more than {} values", self.limits.visits);
                return Err(Diagnostic::error("alias-bomb", message)
                    .at(at(span), format!("this alias stands for {} values", node.size()))
                    .help("write the values out, or use fewer levels of aliases"));
            }
            return Ok(node.used_at(span));
        }
        let mut diag = Diagnostic::error("recursive-alias", "an alias stands inside its own value");
        diag = diag.at(at(span), "used inside itself");
        if let Some(Anchor { name, span: defined, .. }) = anchor {
            diag.message = format!("alias `*{name}` stands inside its own value");
            diag = diag.at(at(*defined), "the value starts here");
        }
        self.diags.push(diag.help("give the anchor to a smaller part, or write the value out"));
        Ok(Node::new(span, Kind::Broken))
    }

    fn undefined_alias(&mut self, name: &str, span: Span) -> Node {
        let known = self.anchors.iter().map(|anchor| &*anchor.name).filter(|name| !name.is_empty());
        let help = match nearest(name, known) {
            Some(near) => format!("did you mean `*{near}`?"),
            None => format!(
                "mark the value with `&{name}` earlier in this file, or put `\"*{name}\"` in quotes if it is text"
            ),
        };
        let diag = Diagnostic::error("undefined-alias", format!("no anchor `&{name}` stands before this alias"))
            .at(at(span), "stands for nothing")
            .help(help);
        self.diags.push(diag);
        Node::new(span, Kind::Broken)
    }

    /// Puts the merged entries where `<<` stands among the mapping's own, which win.
    fn merged(&mut self, mapping: Mapping) -> Vec<Entry> {
        let mut entries = mapping.entries;
        let Some((position, key, node)) = mapping.merge else { return entries };
        let sources = if node.items().is_empty() { std::slice::from_ref(&node) } else { node.items() };
        let mut taken: HashSet<Arc<str>> = entries.iter().map(|own| Arc::clone(&own.key)).collect();
        let mut merged: Vec<Entry> = Vec::new();
        for source in sources {
            if !matches!(source.view(), View::Mapping(_) | View::Broken) {
                let diag = Diagnostic::error("wrong-type", "`<<` merges mappings, this is not one")
                    .at(source.place(), "expected a mapping")
                    .at(at(key), "merged here")
                    .help("write `<<: *name` or `<<: [*name, *other]`, where each name marks a mapping");
                self.diags.push(diag);
            }
            // The alias of this mapping, or of the list that it stands in; none when it is written out.
            let used = source.place().defined.and(Some(source)).or(node.place().defined.and(Some(&node)));
            for entry in source.entries() {
                if taken.insert(Arc::clone(&entry.key)) {
                    merged.push(used.map_or_else(|| entry.clone(), |used| entry.used_at(used.place().used)));
                }
            }
        }
        entries.splice(position..position, merged);
        entries
    }

    /// Returns the innermost flow collection that is still open.
    fn open_bracket(&self) -> Option<Span> {
        self.stack.iter().rev().find(|frame| frame.flow).map(|frame| frame.start)
    }

    fn finish(self) -> Option<Node> {
        let root = self.root.filter(|root| !root.is_null());
        if root.is_none() {
            let place = Place { used: Span { file: self.file, start: 0, end: 0 }, defined: None };
            let message = if self.text.trim().is_empty() { "the file is empty" } else { "the file has no content" };
            self.diags.push(
                Diagnostic::error("empty-document", message)
                    .at(place, "nothing here")
                    .help("fill it in or remove it; `rmqgit init` writes a spec to start from"),
            );
        }
        root
    }
}

impl Mapping {
    /// Takes a key, or the value of the last key.
    fn put(&mut self, node: Node, diags: &mut Diagnostics) {
        match self.key.take() {
            None => self.key = Some(key(&node, diags)),
            Some(Key::Broken) => {}
            Some(Key::Merge(span)) => {
                if let Some((_, first, _)) = &self.merge {
                    diags.push(duplicate("<<", span, *first).help("merge several mappings with `<<: [*a, *b]`"));
                } else {
                    self.merge = Some((self.entries.len(), span, node));
                }
            }
            Some(Key::Name(key, span, via)) => {
                if let Some(first) = self.find(&key) {
                    diags.push(duplicate(&key, span, first).help("remove one of the two"));
                    return;
                }
                if self.entries.len() > FEW {
                    self.table.insert(Arc::clone(&key), self.entries.len());
                }
                self.entries.push(Entry { key, span, via, value: node });
            }
        }
    }

    /// Returns where a key is given already.
    fn find(&mut self, key: &str) -> Option<Span> {
        if self.entries.len() <= FEW {
            return self.entries.iter().find(|entry| &*entry.key == key).map(|entry| entry.span);
        }
        if self.table.is_empty() {
            self.table = self.entries.iter().enumerate().map(|(i, entry)| (Arc::clone(&entry.key), i)).collect();
        }
        self.table.get(key).map(|first| self.entries[*first].span)
    }
}

fn key(node: &Node, diags: &mut Diagnostics) -> Key {
    let place = node.place();
    match node.view() {
        View::Scalar("<<", true) => Key::Merge(place.used),
        View::Scalar(text, plain) if !(plain && resolve::is_null(text)) => {
            Key::Name(text.into(), node.span(), place.defined.map(|_| place.used))
        }
        View::Broken => Key::Broken,
        found => {
            let what = match found {
                View::List(_) => "a list",
                View::Mapping(_) => "a mapping",
                _ => "nothing",
            };
            diags.push(
                Diagnostic::error("wrong-key", format!("a key must be text, found {what}"))
                    .at(place, "this is the key")
                    .help("write `name: value`; put text that starts with `{` or `[` in quotes"),
            );
            Key::Broken
        }
    }
}

fn duplicate(key: &str, again: Span, first: Span) -> Diagnostic {
    Diagnostic::error("duplicate-key", format!("key `{}` is given twice", crate::diag::excerpt(key)))
        .at(at(again), "given again here")
        .at(at(first), "first given here")
}

fn at(used: Span) -> Place {
    Place { used, defined: None }
}
