//! Gives a topology its shape: layers from top to bottom, boxes side by side as far as the width goes.
//!
//! A character of the monospace font has a width that is known, so boxes are as wide as what they say; no text is clipped
//! but one that is longer than any name or address.

use serde::Serialize;

use super::{Arrow, Layer, Mark, Station, Topology};
use crate::review::visible::visible;

/// A width that a telephone shows without making the letters too small to read.
pub(super) const WIDE: usize = 560;
/// A width that a telephone shows as it is.
pub(super) const NARROW: usize = 330;

const MARGIN: usize = 12;
/// Between the border of a layer and its boxes.
const INSET: usize = 12;
/// The height of a layer's title.
const TITLE: usize = 36;
const GAP_X: usize = 12;
/// Between two rows of boxes of a layer.
const GAP_Y: usize = 14;
/// Between two layers: the length of an arrow.
const GAP_LAYER: usize = 40;
const PADDING: usize = 12;
const LINE: usize = 18;
/// The width of a character of the 12-pixel monospace font, in hundredths of a pixel, rounded up: Menlo, Consolas, DejaVu
/// and Liberation are at or below it.
const CHARACTER: usize = 732;
/// The same for the title of a box, 13 pixels and bold.
const TITLE_CHARACTER: usize = 793;
/// Longer texts are cut: an IPv6 address has 39 characters.
const LONGEST: usize = 40;
const NARROWEST: usize = 112;
/// More arrows than this between two layers are drawn as one for each box that sends, if each reaches all.
const ARROWS: usize = 8;
/// The height of a line of the legend.
const LEGEND: usize = 22;
/// How far below the top of a box, or of what is below its band, the title stands.
const BASELINE: usize = 21;
/// The height of the band on a box that changes.
const BAND: usize = 19;

/// A drawing: everything with its place.
#[derive(Debug, Serialize)]
pub(super) struct Drawing {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) panels: Vec<Panel>,
    pub(super) arrows: Vec<Curve>,
    pub(super) boxes: Vec<Shape>,
    pub(super) legend: Option<Key>,
}

#[derive(Debug, Serialize)]
pub(super) struct Panel {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) title: String,
    /// What changes for all of its boxes.
    pub(super) note: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Curve {
    x1: usize,
    y1: usize,
    x2: usize,
    y2: usize,
    /// The middle.
    x: usize,
    y: usize,
    standby: bool,
    mark: Mark,
    sign: &'static str,
}

#[derive(Debug, Serialize)]
pub(super) struct Shape {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) title: String,
    pub(super) mark: Mark,
    /// The word above the title that says what happens to it.
    band: Option<String>,
    /// Where the title stands.
    title_y: usize,
    pub(super) lines: Vec<Text>,
}

#[derive(Debug, Serialize)]
pub(super) struct Text {
    x: usize,
    pub(super) y: usize,
    pub(super) words: String,
    mark: Mark,
    sign: &'static str,
}

/// What a dashed arrow is.
#[derive(Debug, Serialize)]
pub(super) struct Key {
    x: usize,
    y: usize,
    text: &'static str,
}

/// Lays out a topology within a width; it is wider only if one box is.
pub(super) fn layout(topology: &Topology, limit: usize) -> Drawing {
    let room = limit - 2 * (MARGIN + INSET);
    let blocks: Vec<Block> = topology.layers.iter().map(|layer| Block::of(layer, room)).collect();
    let inner = blocks.iter().map(|block| block.width.max(block.title)).max().unwrap_or(0);
    let width = inner + 2 * (MARGIN + INSET);
    let mut drawing =
        Drawing { width, height: 0, panels: Vec::new(), arrows: Vec::new(), boxes: Vec::new(), legend: None };
    let mut y = MARGIN;
    // The boxes of each layer, by their places in the drawing.
    let mut places: Vec<Vec<usize>> = Vec::new();
    for (layer, block) in topology.layers.iter().zip(&blocks) {
        let panel = Panel {
            x: MARGIN,
            y,
            width: inner + 2 * INSET,
            height: TITLE + block.height() + INSET,
            title: layer.kind.title().to_owned(),
            note: (!layer.notes.is_empty()).then(|| format!("~ {}", cut(&layer.notes.join(", ")))),
        };
        let first = drawing.boxes.len();
        block.place(layer, MARGIN + INSET, inner, y + TITLE, &mut drawing.boxes);
        places.push((first..drawing.boxes.len()).collect());
        y += panel.height + GAP_LAYER;
        drawing.panels.push(panel);
    }
    for n in 1..topology.layers.len() {
        drawing.connect(topology, n, &places);
    }
    drawing.height = y - GAP_LAYER + MARGIN;
    drawing.explain();
    drawing
}

/// The boxes of a layer before they have a place.
struct Block {
    box_width: usize,
    /// How many boxes stand in each row.
    rows: Vec<usize>,
    /// The height of each row.
    heights: Vec<usize>,
    width: usize,
    /// The width of the layer's title.
    title: usize,
}

impl Block {
    fn of(layer: &Layer, room: usize) -> Self {
        let box_width = layer.boxes.iter().map(box_width).max().unwrap_or(0).max(NARROWEST);
        let most = ((room + GAP_X) / (box_width + GAP_X)).max(1);
        let number = layer.boxes.len();
        let count = number.div_ceil(most);
        // Rows differ by one box at most, the longer ones first.
        let rows: Vec<usize> = (0..count).map(|row| number / count + usize::from(row < number % count)).collect();
        let mut heights = Vec::new();
        let mut boxes = layer.boxes.iter();
        for row in &rows {
            heights.push(boxes.by_ref().take(*row).map(box_height).max().unwrap_or(0));
        }
        let widest = rows.first().copied().unwrap_or(0);
        let note: usize = layer.notes.iter().map(|note| note.chars().count() + 3).sum();
        let title = (layer.kind.title().chars().count() + note + 2) * CHARACTER / 100;
        Self { box_width, rows, heights, width: widest * (box_width + GAP_X) - GAP_X.min(widest * GAP_X), title }
    }

    fn height(&self) -> usize {
        self.heights.iter().sum::<usize>() + GAP_Y * self.rows.len().saturating_sub(1)
    }

    fn place(&self, layer: &Layer, left: usize, inner: usize, top: usize, shapes: &mut Vec<Shape>) {
        let mut boxes = layer.boxes.iter();
        let mut y = top;
        for (row, height) in self.rows.iter().zip(&self.heights) {
            let width = row * (self.box_width + GAP_X) - GAP_X;
            let mut x = left + (inner - width) / 2;
            for one in boxes.by_ref().take(*row) {
                shapes.push(shape(one, x, y, self.box_width, *height));
                x += self.box_width + GAP_X;
            }
            y += height + GAP_Y;
        }
    }
}

fn shape(one: &Station, x: usize, y: usize, width: usize, height: usize) -> Shape {
    let band = (one.mark != Mark::Kept).then(|| format!("{} {}", one.mark.sign(), one.mark.word()));
    let title_y = y + BASELINE + if band.is_some() { BAND } else { 0 };
    let lines = one.lines.iter().enumerate().map(|(n, line)| Text {
        x: x + PADDING,
        y: title_y + 1 + (n + 1) * LINE,
        words: cut(&line.text),
        mark: line.mark,
        sign: line.mark.sign(),
    });
    Shape { x, y, width, height, title: cut(&one.title), mark: one.mark, band, title_y, lines: lines.collect() }
}

fn box_width(one: &Station) -> usize {
    let line = |line: &super::Line| {
        let sign = if line.mark == Mark::Kept { 0 } else { 2 };
        (cut(&line.text).chars().count() + sign) * CHARACTER
    };
    let title = cut(&one.title).chars().count() * TITLE_CHARACTER;
    one.lines.iter().map(line).chain([title]).max().unwrap_or(0).div_ceil(100) + 2 * PADDING
}

fn box_height(one: &Station) -> usize {
    let band = if one.mark == Mark::Kept { 0 } else { BAND };
    (one.lines.len() + 1) * LINE + 2 * PADDING - 8 + band
}

impl Drawing {
    /// Draws the arrows from the layer above to a layer.
    fn connect(&mut self, topology: &Topology, n: usize, places: &[Vec<usize>]) {
        let (above, below) = (&topology.layers[n - 1], &topology.layers[n]);
        let place = |layer: usize, id: &str| {
            let index = topology.layers[layer].boxes.iter().position(|one| one.id == id)?;
            Some(places[layer][index])
        };
        let arrows: Vec<(&Arrow, usize, usize)> = topology
            .arrows
            .iter()
            .filter_map(|arrow| Some((arrow, place(n - 1, &arrow.from)?, place(n, &arrow.to)?)))
            .collect();
        let alike = arrows.iter().all(|(arrow, ..)| arrow.mark == Mark::Kept);
        let full = arrows.len() == above.boxes.len() * below.boxes.len();
        let (from_panel, to_panel) = (self.wraps(&places[n - 1]), self.wraps(&places[n]));
        if from_panel || to_panel || (arrows.len() > ARROWS && alike && full) {
            return self.bundle(n, places, &arrows, (from_panel, to_panel || !from_panel));
        }
        // Every arrow leaves and enters at a place of its own, in the order of the boxes at its other end.
        let downwards: Vec<(usize, usize)> = arrows.iter().map(|(_, from, to)| (*from, *to)).collect();
        let upwards: Vec<(usize, usize)> = arrows.iter().map(|(_, from, to)| (*to, *from)).collect();
        let port = |own: usize, other: usize, ways: &[(usize, usize)]| {
            let mut others: Vec<usize> = ways.iter().filter(|(a, _)| *a == own).map(|(_, b)| *b).collect();
            others.sort_unstable();
            let rank = others.iter().position(|one| *one == other).unwrap_or(0);
            let shape = &self.boxes[own];
            let spread = (shape.width / 2).min(28 * others.len());
            shape.x + (shape.width - spread) / 2 + spread * (2 * rank + 1) / (2 * others.len().max(1))
        };
        let mut curves = Vec::new();
        for (arrow, from, to) in &arrows {
            let x1 = port(*from, *to, &downwards);
            let x2 = port(*to, *from, &upwards);
            let (start, end) = (&self.boxes[*from], &self.boxes[*to]);
            curves.push(curve((x1, start.y + start.height), (x2, end.y), arrow.standby, arrow.mark));
        }
        // What changes is drawn above what does not.
        curves.sort_by_key(|curve: &Curve| curve.mark != Mark::Kept);
        self.arrows.extend(curves);
    }

    /// Draws arrows between boxes and a layer as a whole, or two layers: between rows of boxes there is no room for more. What
    /// is not the same for all of them is said in the boxes.
    fn bundle(&mut self, n: usize, places: &[Vec<usize>], arrows: &[(&Arrow, usize, usize)], ends: (bool, bool)) {
        let center = |shape: &Shape| shape.x + shape.width / 2;
        let (above, below) = (&self.panels[n - 1], &self.panels[n]);
        let (bottom, top) = (above.y + above.height, below.y);
        let middle = self.width / 2;
        let sum = |of: &dyn Fn(&(&Arrow, usize, usize)) -> bool| {
            let mine: Vec<_> = arrows.iter().filter(|arrow| of(arrow)).collect();
            let first = mine.first().map_or(Mark::Kept, |(arrow, ..)| arrow.mark);
            let mark = if mine.iter().all(|(arrow, ..)| arrow.mark == first) { first } else { Mark::Kept };
            (!mine.is_empty()).then(|| (mine.iter().all(|(arrow, ..)| arrow.standby), mark))
        };
        let mut lines = Vec::new();
        match ends {
            (true, true) => lines.push(((middle, bottom), (middle, top), sum(&|_| true))),
            (true, false) => {
                for to in &places[n] {
                    let shape = &self.boxes[*to];
                    lines.push(((center(shape), bottom), (center(shape), shape.y), sum(&|(_, _, other)| other == to)));
                }
            }
            (false, _) => {
                for from in &places[n - 1] {
                    let shape = &self.boxes[*from];
                    let start = (center(shape), shape.y + shape.height);
                    lines.push((start, (center(shape), top), sum(&|(_, other, _)| other == from)));
                }
            }
        }
        for (start, end, sum) in lines {
            if let Some((standby, mark)) = sum {
                self.arrows.push(curve(start, end, standby, mark));
            }
        }
    }

    /// Whether some boxes stand in more than one row.
    fn wraps(&self, places: &[usize]) -> bool {
        places.windows(2).any(|two| self.boxes[two[0]].y != self.boxes[two[1]].y)
    }

    /// Adds what the dashed arrows are, if there are some.
    fn explain(&mut self) {
        if self.arrows.iter().any(|curve| curve.standby) {
            self.legend = Some(Key { x: MARGIN, y: self.height + 4, text: "only if others fail" });
            self.height += 4 + LEGEND;
        }
    }
}

/// Returns an arrow with its sign in its middle.
fn curve((x1, y1): (usize, usize), (x2, y2): (usize, usize), standby: bool, mark: Mark) -> Curve {
    Curve { x1, y1, x2, y2, x: x1.midpoint(x2), y: y1.midpoint(y2), standby, mark, sign: mark.sign() }
}

/// Whether a picture has boxes that a narrower one lays out otherwise.
pub(super) fn reflows(topology: &Topology) -> bool {
    layout(topology, WIDE).width > NARROW
}

fn cut(text: &str) -> String {
    let text = visible(text);
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}
