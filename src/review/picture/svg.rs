//! A topology as SVG.
//!
//! Alone, a picture has its own paper and follows the reader's light or dark theme, whatever the page around it does; its
//! letters are text, and its size is in the reader's.

use std::sync::LazyLock;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, context};
use serde::Serialize;

use super::Topology;
use super::layout::{Drawing, NARROW, WIDE, layout, reflows};
use crate::review::visible::visible;

/// The style of every picture, for a page that holds some.
pub const STYLE: &str = include_str!("topology.css");

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut env = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    env.set_syntax(syntax.expect("the usual signs are valid"));
    // XML's special characters are HTML's.
    env.set_auto_escape_callback(|_| AutoEscape::Html);
    env.add_template("topology", include_str!("topology.svg.j2")).expect("the template is valid");
    env
});

/// Above a picture that is one of several stands its name.
const HEADING: usize = 30;

/// Draws clusters as a document of its own, one below the other.
pub fn draw(topologies: &[&Topology]) -> String {
    render(topologies, WIDE, "topology", true)
}

/// Draws a cluster for a page that has the style: as wide as a screen allows, and narrow, if that is another picture. The
/// id tells the pictures of the page apart.
pub fn parts(topology: &Topology, id: &str) -> (String, Option<String>) {
    let wide = render(&[topology], WIDE, id, false);
    let narrow = reflows(topology).then(|| render(&[topology], NARROW, &format!("{id}-narrow"), false));
    (wide, narrow)
}

/// A drawing with its place among others.
#[derive(Debug, Serialize)]
struct Picture {
    drawing: Drawing,
    y: usize,
    title: Option<String>,
}

fn render(topologies: &[&Topology], limit: usize, id: &str, alone: bool) -> String {
    let several = topologies.len() > 1;
    let (mut width, mut height) = (0, 0);
    let mut pictures = Vec::new();
    for topology in topologies {
        let drawing = layout(topology, limit);
        height += if several { HEADING } else { 0 };
        let y = height;
        (width, height) = (width.max(drawing.width), height + drawing.height);
        pictures.push(Picture { drawing, y, title: several.then(|| topology.cluster.to_string()) });
    }
    let names: Vec<&str> = topologies.iter().map(|topology| topology.cluster.as_str()).collect();
    let changes = topologies.iter().any(|topology| topology.changes());
    let title = match (names.is_empty(), changes) {
        (true, _) => "No picture changes".to_owned(),
        (_, true) => format!("{}: what changes in the topology", names.join(", ")),
        (_, false) => format!("{}: the topology", names.join(", ")),
    };
    let desc: Vec<String> = topologies.iter().map(|topology| visible(&topology.description())).collect();
    let style = alone.then(|| minijinja::Value::from_safe_string(STYLE.to_owned()));
    let desc = desc.join(" ");
    let pictures = Serde(&pictures);
    let values = context! { pictures, width, height, id, title, desc, style };
    let template = TEMPLATES.get_template("topology").expect("it was added");
    template.render(values).expect("the template names only what it is given") + "\n"
}
