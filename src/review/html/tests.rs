//! What the page is made of, and that nothing that a spec says changes that.

use proptest::prelude::*;

use super::*;
use crate::review::{Class, sample};

/// Returns the tags of a page with the names of their attributes, as a browser reads them, without the pictures: how those are
/// laid out depends on how long their texts are.
fn tags(html: &str) -> Vec<String> {
    let mut tokenizer = html5gum::Tokenizer::new(html);
    let (mut tags, mut inside) = (Vec::new(), true);
    while let Some(Ok(token)) = tokenizer.next() {
        let tag = match token {
            html5gum::Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                // Which parts of lines differ depends on what they say.
                if name == "mark" {
                    continue;
                }
                let attributes: Vec<_> =
                    tag.attributes.keys().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
                format!("<{name} {}>", attributes.join(" "))
            }
            html5gum::Token::EndTag(tag) if tag.name.as_slice() == b"mark" => continue,
            html5gum::Token::EndTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                format!("</{name}>")
            }
            html5gum::Token::Comment(_) => "comment".to_owned(),
            _ => continue,
        };
        inside |= tag == "</figure>";
        if inside {
            inside = !tag.starts_with("<figure ");
            tags.push(tag);
        }
    }
    tags
}

#[test]
fn a_page_is_all_that_it_needs() {
    let page = render(&sample::usual());
    for loads in ["src=", "url(", "@import", "href=\"http", " style=", " onclick="] {
        assert!(!page.contains(loads), "{loads}");
    }
    let mut open: Vec<String> = Vec::new();
    for tag in tags(&page) {
        let name = tag.trim_start_matches(['<', '/']).split([' ', '>']).next().unwrap_or_default().to_owned();
        if tag.starts_with("</") {
            assert_eq!(open.pop(), Some(name));
        } else if !["meta", "input", "col"].contains(&name.as_str()) {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<String>::new());
}

#[test]
fn ten_thousand_clusters_are_a_small_page() {
    let (few, many) = (render(&sample::fleet(20)), render(&sample::fleet(10_000)));
    assert_eq!(tags(&few), tags(&many));
    assert!(many.len() < 400_000, "{} bytes", many.len());
}

#[test]
fn an_empty_review_says_so() {
    let mut review = sample::usual();
    review.clusters.clear();
    assert!(render(&review).contains("Nothing changes"));
}

/// What is lost is no class: it stands in the title and the heading, and no box of the filter hides it.
#[test]
fn what_loses_data_is_headed_so_and_what_is_held_back_can_be_filtered() {
    let mut review = sample::usual();
    review.clusters.remove(1);
    let one = &mut review.clusters[0];
    (review.class, one.class, one.consequences[0].class) = (Class::Live, Class::Live, Class::Live);
    let page = render(&review);
    let heading = "<span class=\"badge live\">live</span><strong class=\"loses\">loses data</strong>";
    for part in [
        "<title>live, loses data: ",
        "<header class=\"top live lost\">",
        heading,
        "<li data-class=\"transition\">",
        "value=\"transition\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
    review.loses_data = false;
    review.clusters[0].loses_data = false;
    let page = render(&review);
    assert!(!page.contains(heading) && !page.contains("top live lost"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_leaves_its_place(text in "[<>\"'&/=` a-z!\\-{}%\u{0}\u{202e}]{1,24}") {
        let text = text.replace('`', "'") + "x";
        let page = render(&sample::review(&|_| text.clone()));
        let plain = render(&sample::review(&|_| "x".to_owned()));
        let (found, expected) = (tags(&page), tags(&plain));
        let differ = found.iter().zip(&expected).position(|(a, b)| a != b).map(|n| &found[n.saturating_sub(5)..=n]);
        prop_assert_eq!((found.len(), differ), (expected.len(), None));
        let hidden = page.contains('\u{202e}') || page.contains('\u{0}');
        prop_assert!(!hidden);
    }
}
