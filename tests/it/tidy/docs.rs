//! Links between pages, and from pages to files of the repository.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Directories and files whose names, in backticks, are a promise that they exist.
const PLACES: &[&str] = &["src/", "tests/", "docs/", "schema/", "fixtures/", "policies/", ".ci/"];

/// Complains about links and names of files that lead nowhere.
pub(super) fn dead_links(pages: &BTreeMap<PathBuf, String>, exists: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, text) in pages {
        for (line, target) in targets(text) {
            if dead(pages, exists, path, &target) {
                complaints.push(format!("{}:{line}: `{target}` leads nowhere", path.display()));
            }
        }
        for (line, name) in names(text) {
            if !exists(Path::new(&name)) {
                complaints.push(format!("{}:{line}: there is no `{name}`", path.display()));
            }
        }
    }
    complaints
}

fn dead(pages: &BTreeMap<PathBuf, String>, exists: &dyn Fn(&Path) -> bool, page: &Path, target: &str) -> bool {
    if target.contains("://") || target.starts_with("mailto:") {
        return false;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let file = if file.is_empty() { page.to_owned() } else { plain(&page.with_file_name("").join(file)) };
    if !exists(&file) {
        return true;
    }
    anchor.is_some_and(|anchor| pages.get(&file).is_none_or(|text| !headings(text).iter().any(|slug| slug == anchor)))
}

/// Returns a path without its `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

/// Returns the lines outside of code blocks, with their numbers.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            inside = !inside;
        } else if !inside {
            lines.push((index + 1, line));
        }
    }
    lines
}

/// Returns the targets of `[text](target)`.
fn targets(text: &str) -> Vec<(usize, String)> {
    let mut targets = Vec::new();
    for (number, line) in prose(text) {
        for part in line.split("](").skip(1) {
            let target = part.split([')', ' ']).next().expect("split yields at least one part");
            targets.push((number, target.to_owned()));
        }
    }
    targets
}

/// Returns the names of files in backticks.
fn names(text: &str) -> Vec<(usize, String)> {
    let mut names = Vec::new();
    for (number, line) in prose(text) {
        for code in line.split('`').skip(1).step_by(2) {
            if PLACES.iter().any(|place| code.starts_with(place)) && !code.contains(['*', ' ', '<', '{', '…']) {
                names.push((number, code.trim_end_matches('/').to_owned()));
            }
        }
    }
    names
}

/// Returns the anchors of a page's headings, as forges make them.
fn headings(text: &str) -> Vec<String> {
    let headings = prose(text).into_iter().filter_map(|(_, line)| line.strip_prefix('#'));
    let slug = |heading: &str| {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(slug).collect()
}

#[test]
fn dead_links_are_seen() {
    let page = "# One page\n[a](docs/b.md) [b](https://x.example) [c](#one-page) [d](docs/b.md#there)\n\
                [e](docs/no.md) [f](#nowhere) [g](docs/b.md#nowhere) `src/no.rs` `src/*.rs` `src/a.rs`\n\
                ```\n[h](in/code.md)\n```\n";
    let pages = BTreeMap::from([
        (PathBuf::from("README.md"), page.to_owned()),
        (PathBuf::from("docs/b.md"), "## There!\n[up](../README.md#one-page) [no](../no.md)\n".to_owned()),
    ]);
    let exists = |path: &Path| ["README.md", "docs/b.md", "src/a.rs"].iter().any(|there| path == Path::new(there));
    let expect = [
        "README.md:3: `docs/no.md` leads nowhere",
        "README.md:3: `#nowhere` leads nowhere",
        "README.md:3: `docs/b.md#nowhere` leads nowhere",
        "README.md:3: there is no `src/no.rs`",
        "docs/b.md:2: `../no.md` leads nowhere",
    ];
    assert_eq!(dead_links(&pages, &exists), expect);
}
