//! Draws a cluster: clients, virtual addresses, balancers, brokers, from left to right. Pure functions of the model.

use std::fmt::Write as _;

use crate::model::{Balancer, Cluster, NodeKind};
use crate::name::HostName;

/// A drawing before it has a shape: boxes in columns, and arrows between them.
struct Drawing {
    columns: Vec<Column>,
    arrows: Vec<Arrow>,
}

struct Column {
    title: &'static str,
    boxes: Vec<Vec<String>>,
}

/// An arrow from a box to a box, each given by column and row.
struct Arrow {
    from: (usize, usize),
    to: (usize, usize),
    /// Whether traffic goes this way only while another way is broken.
    standby: bool,
}

/// Draws the cluster as a picture that follows the reader's light or dark theme.
pub fn svg(cluster: &Cluster) -> String {
    layout(&drawing(cluster), cluster.name.value.as_str())
}

/// Draws the cluster as a Mermaid flow chart.
pub fn mermaid(cluster: &Cluster) -> String {
    let drawing = drawing(cluster);
    let mut text = "flowchart LR\n".to_owned();
    for (c, column) in drawing.columns.iter().enumerate() {
        put(&mut text, format_args!("  subgraph s{c} [\"{}\"]\n", column.title));
        for (r, lines) in column.boxes.iter().enumerate() {
            let label: Vec<_> = lines.iter().map(|line| mermaid_text(line)).collect();
            put(&mut text, format_args!("    n{c}_{r}[\"{}\"]\n", label.join("<br/>")));
        }
        text.push_str("  end\n");
    }
    for Arrow { from, to, standby } in &drawing.arrows {
        let arrow = if *standby { "-.->" } else { "-->" };
        put(&mut text, format_args!("  n{}_{} {arrow} n{}_{}\n", from.0, from.1, to.0, to.1));
    }
    text
}

fn drawing(cluster: &Cluster) -> Drawing {
    let mut drawing = Drawing { columns: vec![clients(cluster)], arrows: Vec::new() };
    if let Some(vip) = &cluster.vip {
        let mut boxes = Vec::new();
        for instance in &vip.instances {
            let mut lines: Vec<_> = instance.addresses.iter().map(|net| net.value.addr().to_string()).collect();
            lines.push(format!("{} · router {}", instance.name, instance.virtual_router_id.value));
            boxes.push(lines);
        }
        drawing.push(Column { title: "virtual addresses", boxes }, |_, _| Some(false));
    }
    if let Some(balancer) = &cluster.balancer {
        let boxes = balancer.hosts.iter().map(|host| balancer_box(cluster, balancer, host)).collect();
        let instances = cluster.vip.iter().flat_map(|vip| &vip.instances).collect::<Vec<_>>();
        drawing.push(Column { title: "HAProxy", boxes }, |from, to| {
            let Some(instance) = instances.get(from) else { return Some(false) };
            let rank = instance.members.iter().position(|member| member.host == balancer.hosts[to])?;
            Some(rank > 0)
        });
    }
    let broker = &cluster.broker;
    let boxes = broker.nodes.iter().map(|node| {
        let kind = match node.kind {
            NodeKind::Disc => "disc",
            NodeKind::Ram => "ram",
        };
        vec![node.host.to_string(), address(cluster, &node.host), format!("{kind} · AMQP {}", broker.port.value)]
    });
    let boxes = boxes.collect();
    drawing.push(Column { title: "RabbitMQ", boxes }, |_, to| {
        let Some(balancer) = &cluster.balancer else { return Some(false) };
        let server = balancer.amqp.servers.iter().find(|server| server.host == broker.nodes[to].host)?;
        Some(server.backup)
    });
    drawing
}

impl Drawing {
    /// Adds a column, and an arrow from every box of the last one for which `standby` gives an answer.
    fn push(&mut self, column: Column, standby: impl Fn(usize, usize) -> Option<bool>) {
        let (last, next) = (self.columns.len() - 1, self.columns.len());
        for from in 0..self.columns[last].boxes.len() {
            for to in 0..column.boxes.len() {
                if let Some(standby) = standby(from, to) {
                    self.arrows.push(Arrow { from: (last, from), to: (next, to), standby });
                }
            }
        }
        self.columns.push(column);
    }
}

fn clients(cluster: &Cluster) -> Column {
    let mut lines = vec!["clients".to_owned()];
    match &cluster.balancer {
        Some(balancer) => {
            lines.push(format!("AMQP {}", balancer.amqp.bind.value.port));
            lines.extend(balancer.management.iter().map(|front| format!("management {}", front.bind.value.port)));
        }
        None => lines.push(format!("AMQP {}", cluster.broker.port.value)),
    }
    Column { title: "applications", boxes: vec![lines] }
}

fn balancer_box(cluster: &Cluster, balancer: &Balancer, host: &HostName) -> Vec<String> {
    let mut lines = vec![host.to_string(), address(cluster, host)];
    let members = cluster.vip.iter().flat_map(|vip| &vip.instances).flat_map(|instance| &instance.members);
    let priorities: Vec<_> =
        members.filter(|member| member.host == *host).map(|member| member.priority.value.to_string()).collect();
    if !priorities.is_empty() {
        lines.push(format!("priority {}", priorities.join(", ")));
    }
    lines.extend(balancer.stats.iter().map(|stats| format!("statistics {}", stats.bind.value.port)));
    lines
}

fn address(cluster: &Cluster, host: &HostName) -> String {
    cluster.hosts.get(host).map(|host| host.address.value.to_string()).unwrap_or_default()
}

const LINE: usize = 18;
const PADDING: usize = 10;
const GAP_X: usize = 80;
const GAP_Y: usize = 20;
const MARGIN: usize = 20;
const HEAD: usize = 30;
/// The width of a character of the 12-pixel monospace font, rounded up so that text never leaves its box.
const CHARACTER: usize = 8;
/// Longer lines are cut.
const LONGEST: usize = 40;

const STYLE: &str = "\
svg{color:#1f2328;font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
text{fill:currentColor}
.t{font-weight:bold}
.h{opacity:.65}
rect{fill:currentColor;fill-opacity:.05;stroke:currentColor;stroke-opacity:.6}
path{fill:none;stroke:currentColor;stroke-opacity:.6}
.s{stroke-dasharray:4 4}
marker path{fill:currentColor;fill-opacity:.6;stroke:none}
@media (prefers-color-scheme:dark){svg{color:#e6edf3}}";

struct Shape {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

fn layout(drawing: &Drawing, name: &str) -> String {
    let heights = |column: &Column| -> usize {
        column.boxes.iter().map(|lines| box_height(lines)).sum::<usize>() + GAP_Y * (column.boxes.len().max(1) - 1)
    };
    let tallest = drawing.columns.iter().map(heights).max().unwrap_or(0);
    let mut shapes: Vec<Vec<Shape>> = Vec::new();
    let mut x = MARGIN;
    for column in &drawing.columns {
        let longest = column.boxes.iter().flatten().map(|line| cut(line).chars().count());
        let width = longest.chain([column.title.len()]).max().unwrap_or(0) * CHARACTER + 2 * PADDING;
        let mut y = MARGIN + HEAD + (tallest - heights(column)) / 2;
        let mut rows = Vec::new();
        for lines in &column.boxes {
            let height = box_height(lines);
            rows.push(Shape { x, y, width, height });
            y += height + GAP_Y;
        }
        shapes.push(rows);
        x += width + GAP_X;
    }
    let (width, height) = (x - GAP_X + MARGIN, tallest + HEAD + 2 * MARGIN);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\">\n<title>{}</title>\n<style>{STYLE}</style>\n\
         <defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
         orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n",
        escape(&format!("{name}: clients, virtual addresses, balancers and brokers"))
    );
    for Arrow { from, to, standby } in &drawing.arrows {
        let (from, to) = (&shapes[from.0][from.1], &shapes[to.0][to.1]);
        let (x1, y1) = (from.x + from.width, from.y + from.height / 2);
        let (x2, y2) = (to.x, to.y + to.height / 2);
        let middle = x1.midpoint(x2);
        let class = if *standby { " class=\"s\"" } else { "" };
        put(
            &mut text,
            format_args!(
                "<path{class} d=\"M{x1} {y1}C{middle} {y1} {middle} {y2} {x2} {y2}\" marker-end=\"url(#a)\"/>\n"
            ),
        );
    }
    for (column, rows) in drawing.columns.iter().zip(&shapes) {
        if let Some(first) = rows.first() {
            put(
                &mut text,
                format_args!("<text class=\"h\" x=\"{}\" y=\"{}\">{}</text>\n", first.x, MARGIN + 12, column.title),
            );
        }
        for (lines, shape) in column.boxes.iter().zip(rows) {
            draw_box(&mut text, lines, shape);
        }
    }
    text.push_str("</svg>\n");
    text
}

fn draw_box(text: &mut String, lines: &[String], shape: &Shape) {
    let Shape { x, y, width, height } = shape;
    put(text, format_args!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n"));
    for (n, line) in lines.iter().enumerate() {
        let class = if n == 0 { " class=\"t\"" } else { "" };
        let (x, y) = (x + PADDING, y + PADDING + 12 + n * LINE);
        put(text, format_args!("<text{class} x=\"{x}\" y=\"{y}\">{}</text>\n", escape(&cut(line))));
    }
}

fn box_height(lines: &[String]) -> usize {
    lines.len() * LINE + 2 * PADDING - 4
}

fn put(text: &mut String, args: std::fmt::Arguments<'_>) {
    text.write_fmt(args).expect("a string takes any text");
}

fn cut(line: &str) -> String {
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    line.chars().take(LONGEST - 1).chain(['…']).collect()
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML 1.0 has no way to write most control characters.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Mermaid writes a character as `#NUMBER;` (its documentation, "Entity codes to escape characters").
fn mermaid_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => out.push(' '),
            c if c.is_alphanumeric() || " .:-_·,/@".contains(c) => out.push(c),
            c => put(&mut out, format_args!("#{};", u32::from(c))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_place() {
        let hostile = "<a href=\"x\">'&\u{7}#;]|`";
        assert_eq!(escape(hostile), "&lt;a href=&quot;x&quot;&gt;&#39;&amp; #;]|`");
        assert_eq!(mermaid_text(hostile), "#60;a href#61;#34;x#34;#62;#39;#38; #35;#59;#93;#124;#96;");
        assert_eq!(cut(&"x".repeat(50)).chars().count(), LONGEST);
    }
}
