//! The pictures of the examples, before and after changes.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::release::{Bundle, Piece, StoredFiles};

/// Reads the bundles of an example from its golden tree.
fn example(name: &str) -> Vec<Bundle> {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name).join("golden");
    let mut bundles = Vec::new();
    for cluster in fs::read_dir(golden).expect("a golden tree") {
        for host in fs::read_dir(cluster.expect("an entry").path()).expect("a cluster") {
            let host = host.expect("an entry").path();
            let mut files = StoredFiles::new();
            read(&host, &host, &mut files);
            bundles.push(Bundle::load(files).expect("a stored host"));
        }
    }
    bundles
}

fn read(root: &Path, dir: &Path, files: &mut StoredFiles) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(root, &path, files);
        } else {
            let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
            files.insert(name, fs::read(&path).expect("a file"));
        }
    }
}

/// Returns an example with other text in the files of some hosts.
fn edited(bundles: &[Bundle], host: &str, from: &str, to: &str) -> Vec<Bundle> {
    let mut bundles = bundles.to_vec();
    let mut found = false;
    for bundle in bundles.iter_mut().filter(|bundle| host.is_empty() || bundle.host.as_str() == host) {
        for piece in bundle.artifacts.values_mut().flat_map(|artifact| &mut artifact.content) {
            if let Piece::Text(text) = piece {
                found |= text.contains(from);
                *text = text.replace(from, to);
            }
        }
    }
    assert!(found, "{from} is nowhere");
    bundles
}

fn between(old: &[Bundle], new: &[Bundle]) -> Topology {
    let cluster = old.iter().chain(new).next().expect("a bundle").cluster.clone();
    let (old, new): (Vec<&Bundle>, Vec<&Bundle>) = (old.iter().collect(), new.iter().collect());
    Topology::between(&cluster, &old, &new).expect("something to draw")
}

/// What changes in the example: one balancer gives way, one server becomes a backup, the port of the clients moves, a node
/// takes a setting, another one is replaced.
fn changed() -> Topology {
    let old = example("tutorial");
    let new = edited(&old, "rabbit1", "priority 150", "priority 130");
    let new = edited(&new, "", "*:5673", "*:5674");
    let new =
        edited(&new, "", "server rabbit1 192.168.1.219:5672 check", "server rabbit1 192.168.1.219:5672 check backup");
    let mut new = edited(&new, "", "rabbit3", "rabbit4");
    for bundle in &mut new {
        if bundle.host.as_str() == "rabbit3" {
            bundle.host = crate::name::HostName::parse("rabbit4").expect("valid");
        }
        for member in bundle.role.broker.iter_mut().flat_map(|broker| &mut broker.members) {
            if member.host.as_str() == "rabbit3" {
                member.host = crate::name::HostName::parse("rabbit4").expect("valid");
                member.node = "rabbit@rabbit4".to_owned();
            }
        }
        if let Some(definitions) = &mut bundle.definitions {
            definitions.users.clear();
        }
    }
    between(&old, &new)
}

#[test]
fn the_examples_are_drawn() {
    for name in ["tutorial", "separate-balancers", "two-vips", "five-nodes"] {
        let bundles = example(name);
        let topology = Topology::of(&bundles[0].cluster, &bundles);
        assert!(!topology.changes());
        insta::assert_snapshot!(format!("{name}.svg"), svg(&[&topology]));
        insta::assert_snapshot!(format!("{name}.mmd"), mermaid(&topology));
    }
}

#[test]
fn a_change_is_marked() {
    let topology = changed();
    assert!(topology.changes());
    insta::assert_snapshot!("changed.svg", svg(&[&topology]));
    insta::assert_snapshot!("changed.mmd", mermaid(&topology));
    insta::assert_snapshot!("changed.txt", topology.description());
}

#[test]
fn a_cluster_that_comes_or_goes_is_marked_as_a_whole() {
    let bundles = example("tutorial");
    for (old, new, mark) in [(&[][..], &bundles[..], Mark::Added), (&bundles[..], &[][..], Mark::Removed)] {
        let topology = between(old, new);
        let boxes = topology.layers.iter().flat_map(|layer| &layer.boxes).map(|one| one.mark);
        assert!(boxes.chain(topology.arrows.iter().map(|arrow| arrow.mark)).all(|other| other == mark));
    }
    assert!(!between(&bundles, &bundles).changes());
    assert_eq!(Topology::between(&bundles[0].cluster, &[], &[]), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_leaves_its_place(text in "[<>\"'&/;#=` a-z!\\-{}%\u{0}\u{b}\u{202e}\u{fffe}]{1,60}") {
        let topology = crate::review::sample::review(&|_| text.clone()).clusters[0].topology.clone().expect("a picture");
        let picture = svg(&[&topology]);
        let document = roxmltree::Document::parse(&picture);
        prop_assert!(document.is_ok(), "{:?}: {}", document.err(), picture);
        let document = document.expect("just seen");
        let known = ["svg", "title", "desc", "style", "rect", "text", "tspan", "g", "path", "circle"];
        let elements = document.descendants().filter(roxmltree::Node::is_element);
        let strange: Vec<_> = elements.clone().map(|one| one.tag_name().name()).filter(|name| !known.contains(name)).collect();
        prop_assert_eq!(strange, Vec::<&str>::new());
        let boxes = elements.filter(|one| one.attribute("class").is_some_and(|class| class.starts_with("box "))).count();
        prop_assert_eq!(boxes, topology.layers.iter().map(|layer| layer.boxes.len()).sum::<usize>());
        let chart = mermaid(&topology);
        let lines = ["flowchart TB", "  subgraph s", "    n", "  end", "  n", "  classDef "];
        let strange: Vec<_> = chart.lines().filter(|line| !lines.iter().any(|start| line.starts_with(start))).collect();
        prop_assert_eq!(strange, Vec::<&str>::new());
        prop_assert_eq!(chart.matches('"').count(), 2 * chart.matches('[').count());
    }
}
