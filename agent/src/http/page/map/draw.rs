//! The drawing: rows, lines, dots and arcs as SVG. All of its looks are in the style sheet.

use std::fmt::{self, Write};

use super::{super::html::Text, Map};

/// Units of the drawing: the height of a row, the room for names, the distance of two networks.
const ROW: usize = 24;
const NAMES: usize = 190;
const COLUMN: usize = 26;
/// Room above the rows for names of networks, which stand askew: for each letter, and at least.
const LETTER: usize = 6;
const HEAD: usize = 24;
/// How far an arc goes out at least, for each row it spans, and at most.
const REACH: usize = 14;
const STEP: usize = 11;
const MAX_REACH: usize = 210;
/// Letters shown of a name in the drawing.
const LETTERS: usize = 26;

/// Writes one map.
pub(super) fn svg(page: &mut String, project: &str, map: &Map) -> fmt::Result {
    let letters = map.networks.iter().map(|(name, _)| name.chars().count().min(LETTERS)).max().unwrap_or_default();
    let head = HEAD + letters * LETTER;
    let middle = |row: usize| head + row * ROW + ROW / 2;
    let lines = NAMES + 12;
    let right = lines + map.networks.len() * COLUMN + 4;
    let widest = map.arcs.iter().map(|arc| reach(arc.from.abs_diff(arc.to))).max().unwrap_or_default();
    let (width, height) = (right + widest + 24, head + map.rows.len() * ROW + 8);
    write!(
        page,
        "<svg class=\"map\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"Networks and connections of {}\">",
        Text(project)
    )?;
    for (column, (name, internal)) in map.networks.iter().enumerate() {
        let x = lines + column * COLUMN + COLUMN / 2;
        let class = if *internal { " internal" } else { "" };
        let on = || map.dots.iter().filter(|(_, of)| *of == column).map(|(row, _)| middle(*row));
        let bottom = on().max().unwrap_or(head);
        write!(
            page,
            "<g class=\"n{}{class}\"><path d=\"M{x} {head}V{bottom}\"/><text transform=\"translate({},{}) rotate(-60)\">{}</text></g>",
            column % 6,
            x + 3,
            head - 6,
            Text(&shortened(name)),
        )?;
    }
    for (row, name) in map.rows.iter().enumerate() {
        let (y, end) = (middle(row), right - 2);
        write!(
            page,
            "<path class=\"rule\" d=\"M{} {y}H{end}\"/><text class=\"name\" x=\"{NAMES}\" y=\"{}\">{}</text>",
            NAMES + 6,
            y + 4,
            Text(&shortened(name)),
        )?;
    }
    for (row, column) in &map.dots {
        let x = lines + column * COLUMN + COLUMN / 2;
        write!(page, "<circle class=\"n{}\" cx=\"{x}\" cy=\"{}\" r=\"5\"/>", column % 6, middle(*row))?;
    }
    for arc in &map.arcs {
        let (from, to) = (middle(arc.from), middle(arc.to));
        let (out, tip) = (reach(arc.from.abs_diff(arc.to)), right + 7);
        let name = |row: usize| map.rows.get(row).map(String::as_str).unwrap_or_default();
        write!(
            page,
            "<g class=\"arc {}\"><title>{} to {} {}: {}</title>\
             <path d=\"M{right} {from}C{} {from} {} {to} {tip} {to}\"/><path class=\"head\" d=\"M{right} {to}l8 -4v8z\"/></g>",
            arc.class,
            Text(name(arc.from)),
            Text(name(arc.to)),
            Text(&arc.ports.join(" ")),
            arc.says,
            right + out + out / 3,
            right + out + out / 3,
        )?;
    }
    page.push_str("</svg>");
    Ok(())
}

fn reach(rows: usize) -> usize {
    (REACH + rows * STEP).min(MAX_REACH)
}

/// A name as far as there is room; the words below the drawing have it whole.
fn shortened(name: &str) -> String {
    if name.chars().count() <= LETTERS {
        return name.to_owned();
    }
    name.chars().take(LETTERS - 1).chain(['\u{2026}']).collect()
}
