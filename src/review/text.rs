//! A review as text for a terminal.

use std::fmt::Write as _;

use super::{Class, Counts, Review};

/// Returns one sentence for a person who reads no further.
pub(super) fn headline(class: Class, counts: Counts) -> String {
    let what = match class {
        Class::Nothing => "nothing that a program reads changes",
        Class::Live => "takes effect while everything runs",
        Class::Reload => "daemons reload",
        Class::Rolling => "brokers restart",
        Class::Transition => "a transition",
    };
    format!(
        "{what}: {} in {}",
        count(counts.changed + counts.added + counts.removed, "host"),
        count(counts.clusters, "cluster")
    )
}

/// Renders a review for people; the colours are for a stream that drops them where they are not wanted.
pub fn render(review: &Review) -> String {
    let mut text = String::new();
    put(&mut text, format_args!("{}\n", review.headline));
    for one in &review.clusters {
        put(&mut text, format_args!("{}\n", one.clusters[0]));
        for file in &one.files {
            put(&mut text, format_args!("  {} on {}\n", file.path, count(file.hosts.len(), "host")));
        }
    }
    text
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn put(text: &mut String, args: std::fmt::Arguments<'_>) {
    text.write_fmt(args).expect("a string takes any text");
}
