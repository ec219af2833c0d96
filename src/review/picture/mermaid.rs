//! A topology as a Mermaid flow chart.
//!
//! What changes says so by a word and by the shape of its border; nothing has a colour, so that the chart follows the
//! reader's theme.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Arrow, Line, Mark, Station, Topology};
use crate::review::visible::visible;

/// The borders of the marks.
const CLASSES: &str = "  classDef added stroke-width:3px\n  \
    classDef removed stroke-width:2px,stroke-dasharray:3 3\n  \
    classDef changed stroke-width:2px,stroke-dasharray:10 4\n";

/// Draws a cluster as a flow chart.
pub fn draw(topology: &Topology) -> String {
    let mut text = "flowchart TB\n".to_owned();
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for (l, layer) in topology.layers.iter().enumerate() {
        let notes: String = layer.notes.iter().map(|note| format!(" ~ {note}")).collect::<Vec<_>>().concat();
        put(&mut text, format_args!("  subgraph s{l} [\"{}\"]\n", quote(&format!("{}{notes}", layer.kind.title()))));
        for (b, one) in layer.boxes.iter().enumerate() {
            let name = format!("n{l}_{b}");
            let class = if one.mark == Mark::Kept { String::new() } else { format!(":::{}", one.mark.word()) };
            put(&mut text, format_args!("    {name}[\"{}\"]{class}\n", label(one)));
            names.insert(&one.id, name);
        }
        text.push_str("  end\n");
    }
    for Arrow { from, to, standby, mark } in &topology.arrows {
        let (Some(from), Some(to)) = (names.get(from.as_str()), names.get(to.as_str())) else { continue };
        let arrow = if *standby { "-.->" } else { "-->" };
        let word = if *mark == Mark::Kept { String::new() } else { format!("|{}|", mark.word()) };
        put(&mut text, format_args!("  {from} {arrow}{word} {to}\n"));
    }
    if topology.layers.iter().flat_map(|layer| &layer.boxes).any(|one| one.mark != Mark::Kept) {
        text.push_str(CLASSES);
    }
    text
}

fn label(one: &Station) -> String {
    let mut lines = vec![quote(&one.title)];
    if one.mark != Mark::Kept {
        lines.push(format!("#40;{}#41;", one.mark.word()));
    }
    lines.extend(one.lines.iter().map(|Line { text, mark, .. }| {
        let sign = if *mark == Mark::Kept { String::new() } else { format!("{} ", quote(mark.sign())) };
        format!("{sign}{}", quote(text))
    }));
    lines.join("<br/>")
}

/// Mermaid writes a character as `#NUMBER;` (its documentation, "Entity codes to escape characters").
fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        if c.is_alphanumeric() || " .:-_·,/".contains(c) {
            out.push(c);
        } else {
            put(&mut out, format_args!("#{};", u32::from(c)));
        }
    }
    out
}

fn put(text: &mut String, args: std::fmt::Arguments<'_>) {
    text.write_fmt(args).expect("a string takes any text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_place() {
        assert_eq!(
            quote("<a href=\"x\">'&\u{7}#;]|`@x"),
            "#60;a href#61;#34;x#34;#62;#39;#38;#92;u#123;7#125;#35;#59;#93;#124;#96;#64;x"
        );
    }
}
