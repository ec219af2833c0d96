//! What the page says, and that nothing that a spec says can make it say something else.

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, parse_document};
use proptest::prelude::*;

use super::*;
use crate::review::sample;

/// A page as GitHub reads it: what it is made of, and what a reader sees outside of code.
fn read(text: &str) -> (Vec<String>, String) {
    let arena = Arena::new();
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.alerts = true;
    let root = parse_document(&arena, text, &options);
    let mut reader = Reader::default();
    reader.walk(root, 0);
    (reader.shape, reader.seen)
}

#[derive(Default)]
struct Reader {
    shape: Vec<String>,
    seen: String,
    in_code: bool,
}

impl Reader {
    fn walk<'a>(&mut self, node: &'a AstNode<'a>, depth: usize) {
        let name = self.name(&node.data.borrow().value);
        if !name.is_empty() {
            self.shape.push(format!("{}{name}", " ".repeat(depth)));
        }
        for child in node.children() {
            self.walk(child, depth + 1);
        }
    }

    /// Returns what a node is; nothing for text, of any length, and for the end of code.
    fn name(&mut self, value: &NodeValue) -> String {
        match value {
            NodeValue::Text(text) => {
                if !self.in_code {
                    self.seen.push_str(text);
                }
                String::new()
            }
            NodeValue::SoftBreak => String::new(),
            NodeValue::Code(_) => "code".to_owned(),
            NodeValue::HtmlInline(html) if html == "<code>" || html == "</code>" => {
                self.in_code = html == "<code>";
                if self.in_code { "code".to_owned() } else { String::new() }
            }
            NodeValue::HtmlInline(html) => format!("inline {html}"),
            NodeValue::CodeBlock(block) => format!("block {} of {} lines", block.info, block.literal.lines().count()),
            NodeValue::HtmlBlock(block) => tags(&block.literal),
            NodeValue::Link(link) => format!("link {}", link.url),
            other => other.xml_node_name().to_owned(),
        }
    }
}

/// Returns the tags of a block of HTML, as a browser reads them.
fn tags(html: &str) -> String {
    let tags = html5gum::Tokenizer::new(html).filter_map(|token| match token {
        Ok(html5gum::Token::StartTag(tag)) => {
            Some(format!("<{} {}>", String::from_utf8_lossy(&tag.name), tag.attributes.len()))
        }
        Ok(html5gum::Token::EndTag(tag)) => Some(format!("</{}>", String::from_utf8_lossy(&tag.name))),
        Ok(html5gum::Token::Comment(_)) => Some("comment".to_owned()),
        Ok(_) => None,
        Err(never) => match never {},
    });
    tags.collect()
}

#[test]
fn a_page_puts_the_worst_first() {
    let limits = Limits { full: Some("https://ci.example.org/review.html"), ..Limits::NONE };
    insta::assert_snapshot!(render(&sample::usual(), limits));
}

#[test]
fn a_small_page_says_what_it_leaves_out() {
    let limits = Limits { size: 2500, unit: Unit::Characters, full: Some("https://ci.example.org/review.html") };
    insta::assert_snapshot!(render(&sample::usual(), limits));
}

#[test]
fn every_limit_holds() {
    let review = sample::usual();
    let whole = render(&review, Limits::NONE);
    for size in (0..whole.len()).step_by(97) {
        let limits = Limits { size, unit: Unit::Bytes, full: None };
        assert!(render(&review, limits).len() <= size);
    }
}

#[test]
fn ten_thousand_clusters_are_one_screen() {
    let (few, many) = (render(&sample::fleet(20), Limits::NONE), render(&sample::fleet(10_000), Limits::NONE));
    assert_eq!(few.lines().count(), many.lines().count());
    assert!(many.len() < 10_000, "{} bytes", many.len());
}

/// What people have tried to put into pages of others.
const HOSTILE: [&str; 24] = [
    "`",
    "``",
    "```",
    "`````",
    "|",
    "\\|",
    "\\",
    "</code>",
    "</details>",
    "<!--",
    "-->",
    "<script>alert(1)</script>",
    "@root",
    " @octo-org/team",
    "#1",
    "GH-1",
    "https://evil.example",
    "www.evil.example",
    "[x](javascript:1)",
    "\n\n# h\n",
    "\r- [ ] x",
    "\u{202e}",
    "<!-- rmqgit/review run=9 -->",
    "\n/close\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_leaves_its_place(parts in prop::collection::vec(prop_oneof![
        4 => prop::sample::select(&HOSTILE[..]).prop_map(str::to_owned),
        1 => "\\PC{0,4}",
        1 => prop::sample::select(&[" ", "a", "1. ", "- ", "> ", "*_~", "$x$", "&amp;", ":+1:"][..]).prop_map(str::to_owned),
    ], 1..6)) {
        // A backtick within a sentence parts it elsewhere, so that code begins and ends elsewhere; sentences have their own test.
        let text: String = parts.concat();
        // A revision has a name.
        let text = if text.is_empty() { "x".to_owned() } else { text };
        let review = without_sentences(sample::review(&|_| text.clone()), &text);
        let plain = without_sentences(sample::review(&|_| "x".to_owned()), "x");
        let (shape, seen) = read(&render(&review, Limits::NONE));
        let (expected, _) = read(&render(&plain, Limits::NONE));
        prop_assert_eq!(shape, expected);
        prop_assert!(!names_somebody(&seen), "{}", seen);
    }

    #[test]
    fn no_sentence_leaves_its_place(parts in prop::collection::vec(prop::sample::select(&HOSTILE[..]), 1..6)) {
        let text = format!("- {}\n", prose(&parts.concat()));
        let (shape, seen) = read(&text);
        let inside = ["document", " list", "  item", "   paragraph", "    code"];
        prop_assert!(shape.iter().all(|node| inside.contains(&node.as_str())), "{:?} {}", shape, text);
        prop_assert!(!names_somebody(&seen), "{}", seen);
    }
}

/// Replaces the sentences in which a test's text stands between backticks.
fn without_sentences(mut review: Review, text: &str) -> Review {
    let code = text.replace('`', "'");
    let sentence = format!("a sentence about `{code}`");
    review.headline.clone_from(&sentence);
    for one in &mut review.clusters {
        one.consequences.iter_mut().for_each(|one| one.text.clone_from(&sentence));
        one.transitions.iter_mut().for_each(|one| one.text.clone_from(&sentence));
        one.secrets.iter_mut().for_each(|one| one.used_for = vec![sentence.clone()]);
        one.objects.iter_mut().for_each(|one| one.name = format!("of `{code}` in `/`"));
        let of_objects = one.objects.iter_mut().flat_map(|one| &mut one.settings);
        let of_policies = one.policies.iter_mut().flat_map(|one| &mut one.settings);
        for setting in of_objects.chain(of_policies).chain(one.services.iter_mut().map(|one| &mut one.setting)) {
            for value in [&mut setting.from, &mut setting.to].into_iter().flatten() {
                *value = value.replace('`', "'");
            }
        }
    }
    review.live.iter_mut().flat_map(|one| &mut one.notes).for_each(|note| note.text.clone_from(&sentence));
    review
}

/// Whether a forge would take a part of a text for a person, an issue or a link.
fn names_somebody(seen: &str) -> bool {
    let name = regex::Regex::new(r"(?i)@[a-z0-9]|#[0-9]|gh-[0-9]|https?://|www\.").expect("valid");
    name.is_match(seen)
}
