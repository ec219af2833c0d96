//! The settings of a keepalived.conf, block by block, whether or not they are right.

use super::words::{self, Node};
use crate::policy::text::Setting;

/// Returns the settings in their order; the place of one is the line of every block around it.
pub fn outline(text: &str) -> Vec<Setting> {
    let mut settings = Vec::new();
    walk(&words::read(text).nodes, "", &mut settings);
    settings
}

fn walk(nodes: &[Node<'_>], place: &str, settings: &mut Vec<Setting>) {
    for node in nodes {
        let words: Vec<String> = node.words.iter().map(|word| word.clone().into_owned()).collect();
        if node.block.is_none() {
            settings.push(Setting { place: place.to_owned(), words });
            continue;
        }
        let own = words.join(" ");
        let inner = if place.is_empty() { own } else { format!("{place} {own}") };
        settings.push(Setting { place: inner.clone(), words: Vec::new() });
        walk(node.inside(), &inner, settings);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_know_their_blocks() {
        let text = "vrrp_instance a {\n  priority 150 # x\n  virtual_ipaddress {\n    10.0.0.9/32\n  }\n}\n";
        let shown: Vec<String> = outline(text).iter().map(|s| format!("{}|{}", s.place, s.words.join(" "))).collect();
        assert_eq!(
            shown,
            [
                "vrrp_instance a|",
                "vrrp_instance a|priority 150",
                "vrrp_instance a virtual_ipaddress|",
                "vrrp_instance a virtual_ipaddress|10.0.0.9/32",
            ]
        );
    }
}
