//! Splits keepalived.conf into a tree of lines and blocks.
//!
//! Sources: `decomment`, `alloc_strvec_r` and `read_line` of lib/parser.c at v2.2.7; keepalived.conf(5), "DESCRIPTION".

use std::borrow::Cow;

/// The longest line that Keepalived reads whole.
const LONGEST: usize = 1022;

/// A line, with the block behind it.
#[derive(Debug, Default)]
pub(super) struct Node<'t> {
    pub line: u32,
    pub words: Vec<Cow<'t, str>>,
    /// The lines between the braces, if there are any.
    pub block: Option<Vec<Node<'t>>>,
}

impl<'t> Node<'t> {
    /// Returns a word, or the empty one.
    pub(super) fn word(&self, index: usize) -> &str {
        self.words.get(index).map_or("", |word| word)
    }

    /// Returns the lines of its block.
    pub(super) fn inside(&self) -> &[Node<'t>] {
        self.block.as_deref().unwrap_or_default()
    }
}

/// What is wrong with the text's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// A brace without its partner, or one that nothing can have.
    Brace,
    /// A quote that is not closed on its line.
    Quote,
    /// The line is read in pieces.
    TooLong,
    /// A comment begins inside this word.
    Glued(String),
}

/// A text as a tree.
#[derive(Debug, Default)]
pub(super) struct Tree<'t> {
    pub nodes: Vec<Node<'t>>,
    pub faults: Vec<(u32, Fault)>,
    /// The blocks that are open, each with the node that it belongs to.
    open: Vec<Node<'t>>,
}

/// Reads a text.
pub(super) fn read(text: &str) -> Tree<'_> {
    let mut tree = Tree::default();
    let mut number = 0;
    for line in text.lines() {
        number += 1;
        if line.len() > LONGEST {
            tree.faults.push((number, Fault::TooLong));
        }
        tree.line(number, line);
    }
    while let Some(node) = tree.open.pop() {
        tree.faults.push((node.line, Fault::Brace));
        tree.level().push(node);
    }
    tree
}

impl<'t> Tree<'t> {
    /// Returns the lines of the innermost open block.
    fn level(&mut self) -> &mut Vec<Node<'t>> {
        match self.open.last_mut() {
            Some(node) => node.block.get_or_insert_default(),
            None => &mut self.nodes,
        }
    }

    fn line(&mut self, number: u32, line: &'t str) {
        let mut node = Node { line: number, ..Node::default() };
        let mut rest = line;
        loop {
            rest = rest.trim_start_matches([' ', '\t', '\r']);
            match rest.as_bytes().first() {
                None | Some(b'#' | b'!') => break,
                Some(b'{') => {
                    self.finish(&mut node);
                    self.open_block(number);
                    rest = &rest[1..];
                }
                Some(b'}') => {
                    self.finish(&mut node);
                    self.close_block(number);
                    rest = &rest[1..];
                }
                Some(_) => rest = self.word(rest, &mut node),
            }
        }
        self.finish(&mut node);
    }

    fn finish(&mut self, node: &mut Node<'t>) {
        if !node.words.is_empty() {
            let line = node.line;
            let done = std::mem::replace(node, Node { line, ..Node::default() });
            self.level().push(done);
        }
    }

    /// Opens the block of the last line; nothing else can have one.
    fn open_block(&mut self, number: u32) {
        match self.level().pop() {
            Some(node) if node.block.is_none() => self.open.push(Node { block: Some(Vec::new()), ..node }),
            node => {
                self.level().extend(node);
                self.faults.push((number, Fault::Brace));
                self.open.push(Node { line: number, block: Some(Vec::new()), ..Node::default() });
            }
        }
    }

    fn close_block(&mut self, number: u32) {
        match self.open.pop() {
            Some(node) => self.level().push(node),
            None => self.faults.push((number, Fault::Brace)),
        }
    }

    /// Takes one word and returns what is behind it.
    fn word(&mut self, text: &'t str, node: &mut Node<'t>) -> &'t str {
        if let Some(quoted) = text.strip_prefix('"') {
            let Some(end) = quoted.find('"') else {
                self.faults.push((node.line, Fault::Quote));
                node.words.push(Cow::Borrowed(quoted.trim_end()));
                return "";
            };
            node.words.push(Cow::Borrowed(&quoted[..end]));
            return &quoted[end + 1..];
        }
        let ends = |b: u8| matches!(b, b' ' | b'\t' | b'\r' | b'"' | b'#' | b'!' | b'{' | b'}' | b'\\');
        let end = text.bytes().position(ends).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        if rest.starts_with(['#', '!']) {
            self.faults.push((node.line, Fault::Glued(word.to_owned())));
        }
        if rest.starts_with('\\') {
            return escaped(text, end, node);
        }
        node.words.push(Cow::Borrowed(word));
        rest
    }
}

/// Takes a word with `\#` or `\!`, which stand for the comment signs.
fn escaped<'t>(text: &'t str, plain: usize, node: &mut Node<'t>) -> &'t str {
    let mut word = text[..plain].to_owned();
    let mut rest = &text[plain..];
    while let Some(c) = rest.chars().next().filter(|c| !matches!(c, ' ' | '\t' | '\r' | '"' | '#' | '!')) {
        rest = &rest[c.len_utf8()..];
        match rest.chars().next().filter(|next| c == '\\' && matches!(next, '#' | '!')) {
            Some(next) => {
                word.push(next);
                rest = &rest[1..];
            }
            None => word.push(c),
        }
    }
    node.words.push(Cow::Owned(word));
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(nodes: &[Node<'_>]) -> String {
        let one = |node: &Node<'_>| {
            let words = node.words.join("|");
            match &node.block {
                Some(block) => format!("{words}{{{}}}", show(block)),
                None => words,
            }
        };
        nodes.iter().map(one).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn lines_blocks_quotes_and_comments() {
        let check = |text: &str, expect: &str, faults: &[(u32, Fault)]| {
            let tree = read(text);
            assert_eq!(show(&tree.nodes), expect, "{text}");
            assert_eq!(tree.faults, faults, "{text}");
        };
        let glued = |line, word: &str| (line, Fault::Glued(word.to_owned()));
        check("a b{\n c d\n}\r\ne", "a|b{c|d}; e", &[]);
        check("a\n{\nb\n}\n", "a{b}", &[]);
        check("a { b { c } d }", "a{b{c}; d}", &[]);
        check("script \"/x y # z\" # rest", "script|/x y # z", &[]);
        check("auth_pass ab#cd", "auth_pass|ab", &[glued(1, "ab")]);
        check("auth_pass ab!cd\nx\\#y z", "auth_pass|ab; x#y|z", &[glued(1, "ab")]);
        check("a {\n b", "a{b}", &[(1, Fault::Brace)]);
        check("a }", "a", &[(1, Fault::Brace)]);
        check("a \"b", "a|b", &[(1, Fault::Quote)]);
        check("", "", &[]);
    }
}
