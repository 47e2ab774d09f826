//! Bars of use against limit, and lines of the last hour, drawn here: the content policy allows no style in an attribute, and a picture
//! drawn by the server needs no script.

use std::fmt::{self, Display, Write};

use super::html::{Cores, Percent, Size};

/// Height of a line in its own units.
const HEIGHT: f64 = 15.0;
/// From here on a bar is near its end.
const NEAR: f64 = 0.9;
/// From here on it is worth a look.
const HIGH: f64 = 0.75;

/// A cell of cores in use.
pub(super) fn cpu(page: &mut String, used: Option<f64>, limit: Option<f64>, spark: Option<&[f32]>) -> fmt::Result {
    cell(page, used.map(|used| (Cores(used), used)), limit.map(|limit| (Cores(limit), limit)), spark)
}

/// A cell of bytes in use.
pub(super) fn memory(page: &mut String, used: Option<u64>, limit: Option<u64>, spark: Option<&[f32]>) -> fmt::Result {
    cell(page, used.map(|used| (Size(used), used as f64)), limit.map(|limit| (Size(limit), limit as f64)), spark)
}

/// What is used, of what is allowed: words, a bar below them where there is a limit, a line where there is a past.
fn cell<V: Display>(
    page: &mut String,
    used: Option<(V, f64)>,
    limit: Option<(V, f64)>,
    spark: Option<&[f32]>,
) -> fmt::Result {
    match (&used, &limit) {
        (None, None) => page.push_str("<small>no limit</small>"),
        (None, Some((limit, _))) => write!(page, "<small>limit {limit}</small>")?,
        (Some((used, _)), None) => write!(page, "{used} <small>no limit</small>")?,
        (Some((used, _)), Some((limit, _))) => write!(page, "{used} <small>of {limit}</small>")?,
    }
    let ceiling = limit.as_ref().map(|(_, limit)| *limit);
    if let Some(spark) = spark {
        line(page, spark, ceiling, None)?;
    }
    if let (Some((_, used)), Some(limit)) = (used, ceiling.filter(|limit| *limit > 0.0)) {
        bar(page, used / limit)?;
    }
    Ok(())
}

/// A bar of use: the fuller, the worse.
fn bar(page: &mut String, share: f64) -> fmt::Result {
    let class = match share {
        share if share >= NEAR => " bad",
        share if share >= HIGH => " warn",
        _ => "",
    };
    filled(page, share, class)
}

/// How what is left of a budget is shown.
pub(super) fn budget_class(left: f64) -> &'static str {
    match left {
        left if left <= 0.0 => "bad",
        left if left < 1.0 - HIGH => "warn",
        _ => "good",
    }
}

/// A share of the host with its line of the last hour; `of` says of how much, or nothing.
pub(super) fn share(page: &mut String, name: &str, of: &str, share: f64, spark: &[f32], what: &str) -> fmt::Result {
    write!(page, "<div><dt>{name}</dt><dd>{}{of} ", Percent(share))?;
    spark_shares(page, spark, what)?;
    page.push_str("</dd></div>");
    Ok(())
}

/// The host's load with its line of the last hour.
pub(super) fn load(page: &mut String, load: f64, spark: &[f32]) -> fmt::Result {
    write!(page, "<div><dt>Load</dt><dd>{load:.1} ")?;
    spark_values(page, spark, "Load")?;
    page.push_str("</dd></div>");
    Ok(())
}

/// A bar of what is left: the emptier, the worse.
pub(super) fn left(page: &mut String, share: f64) -> fmt::Result {
    let class = if share < 1.0 - HIGH { " warn" } else { "" };
    filled(page, share, class)
}

fn filled(page: &mut String, share: f64, class: &str) -> fmt::Result {
    let width = (share * 100.0).clamp(0.0, 100.0);
    write!(
        page,
        "<svg class=\"bar{class}\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect width=\"100\" height=\"4\"/><rect class=\"fill\" width=\"{width:.0}\" height=\"4\"/></svg>"
    )
}

/// A line of shares, 0 to 1.
fn spark_shares(page: &mut String, spark: &[f32], what: &str) -> fmt::Result {
    let label = extremes(spark).map(|(least, most)| {
        format!("{what} in the last hour: {} to {}", Percent(f64::from(least)), Percent(f64::from(most)))
    });
    line(page, spark, Some(1.0), label.as_deref())
}

/// A line of plain numbers.
fn spark_values(page: &mut String, spark: &[f32], what: &str) -> fmt::Result {
    let label = extremes(spark).map(|(least, most)| format!("{what} in the last hour: {least:.1} to {most:.1}"));
    line(page, spark, None, label.as_deref())
}

/// Least and most of what is there.
fn extremes(spark: &[f32]) -> Option<(f32, f32)> {
    let there = || spark.iter().copied().filter(|value| value.is_finite());
    Some((there().reduce(f32::min)?, there().reduce(f32::max)?))
}

/// A line as far as there are figures, in pieces where some are missing. Scaled to `ceiling`, or to its own highest where there is none or
/// it goes beyond. `label` is for those who do not see it; without one it is decoration beside the number it belongs to.
fn line(page: &mut String, spark: &[f32], ceiling: Option<f64>, label: Option<&str>) -> fmt::Result {
    let Some((_, most)) = extremes(spark) else { return Ok(()) };
    let top = ceiling.unwrap_or(0.0).max(f64::from(most));
    let across = spark.len().saturating_sub(1).max(1);
    write!(page, "<svg class=\"spark\" viewBox=\"0 0 {across} {HEIGHT}\" preserveAspectRatio=\"none\"")?;
    match label {
        Some(label) => write!(page, " role=\"img\" aria-label=\"{label}\">")?,
        None => page.push_str(" aria-hidden=\"true\">"),
    }
    let height = |value: f32| if top > 0.0 { HEIGHT - (f64::from(value) / top * HEIGHT).round() } else { HEIGHT };
    let mut piece: Vec<(usize, f64)> = Vec::new();
    for (at, value) in spark.iter().enumerate() {
        if value.is_finite() {
            bend(&mut piece, (at, height(*value)));
        } else {
            polyline(page, &mut piece)?;
        }
    }
    polyline(page, &mut piece)?;
    page.push_str("</svg>");
    Ok(())
}

/// Adds a point; what lies on a level line between two others is left out, which of an idle container is almost all.
fn bend(piece: &mut Vec<(usize, f64)>, point: (usize, f64)) {
    if let [.., before, last] = piece.as_mut_slice()
        && before.1 == last.1
        && last.1 == point.1
    {
        *last = point;
        return;
    }
    piece.push(point);
}

fn polyline(page: &mut String, piece: &mut Vec<(usize, f64)>) -> fmt::Result {
    let Some((first, height)) = piece.first().copied() else { return Ok(()) };
    page.push_str("<polyline points=\"");
    for (at, height) in piece.iter() {
        write!(page, "{at},{height} ")?;
    }
    // A single minute is a dot, and a dot is a line of one unit.
    if piece.len() == 1 {
        write!(page, "{},{height}", first + 1)?;
    }
    page.push_str("\"/>");
    piece.clear();
    Ok(())
}

/// Minute by minute the sum of several lines; missing where it is missing in all.
pub(super) fn sum<'a>(sparks: impl Iterator<Item = &'a [f32]>) -> Option<Vec<f32>> {
    sparks.map(<[f32]>::to_vec).reduce(|mut all, spark| {
        for (sum, value) in all.iter_mut().zip(spark) {
            *sum = match (sum.is_finite(), value.is_finite()) {
                (true, true) => *sum + value,
                (false, _) => value,
                (true, false) => *sum,
            };
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(spark: &[f32], ceiling: Option<f64>) -> String {
        let mut page = String::new();
        line(&mut page, spark, ceiling, None).unwrap();
        page.split("points=\"").skip(1).map(|rest| rest.split('"').next().unwrap().trim()).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn lines_have_gaps_bends_and_a_scale() {
        let none = f32::NAN;
        for (spark, ceiling, expected) in [
            (&[0.0, 1.0, 0.5][..], None, "0,15 1,0 2,7"),
            (&[1.0, 1.0, 1.0, 1.0, 0.0], Some(2.0), "0,7 3,7 4,15"),
            (&[0.0, 0.0, 0.0], Some(2.0), "0,15 2,15"),
            (&[3.0, 3.0], Some(2.0), "0,0 1,0"),
            (&[1.0, none, 1.0, 1.0, none], Some(1.0), "0,0 1,0|2,0 3,0"),
            (&[none, none], Some(1.0), ""),
            (&[], None, ""),
            (&[0.0, 0.0], None, "0,15 1,15"),
        ] {
            assert_eq!(drawn(spark, ceiling), expected, "{spark:?}");
        }
    }

    #[test]
    fn what_is_not_known_makes_no_bar() {
        for (used, limit, words, bars) in [
            (None, None, "no limit", 0),
            (None, Some(2.0), "limit 2", 0),
            (Some(0.12), None, "0.12 <small>no limit", 0),
            (Some(0.12), Some(2.0), "0.12 <small>of 2</small>", 1),
            (Some(0.12), Some(0.0), "of 0", 0),
        ] {
            let mut page = String::new();
            cpu(&mut page, used, limit, None).unwrap();
            assert!(page.contains(words) && page.matches("<svg").count() == bars, "{page}");
        }
        let mut page = String::new();
        memory(&mut page, Some(241 << 20), Some(256 << 20), None).unwrap();
        assert!(
            page.contains("241 MiB <small>of 256 MiB</small>") && page.contains("bar bad") && page.contains("\"94\"")
        );
    }

    #[test]
    fn lines_of_replicas_add_up_and_stay_missing_where_all_are() {
        let none = f32::NAN;
        let added = sum([&[1.0, none, none][..], &[1.0, 2.0, none]].into_iter()).unwrap();
        assert_eq!((added[0], added[1], added[2].is_nan()), (2.0, 2.0, true));
        assert_eq!(sum(std::iter::empty()), None);
    }
}
