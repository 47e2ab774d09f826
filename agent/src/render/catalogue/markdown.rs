//! `docs/alerts.md`: the table of alerts.

use super::{AREAS, Area};
use crate::render::{Alert, Amount, Scale, Weight, span::show};

/// The tables, one an area. Durations and thresholds are those of the default rendering; `drill` says of an alert which drill sets it
/// off on a real stack, or why none does.
pub fn markdown(drill: &dyn Fn(&str) -> String) -> String {
    AREAS.iter().map(|area| table(area, drill)).collect()
}

fn table(area: &Area, drill: &dyn Fn(&str) -> String) -> String {
    let mut text = format!("\n### {}.yml\n\n{}\n\n", area.name, area.about.join("\n"));
    text.push_str("| alert | severity | waits | fires when | drill |\n|---|---|---|---|---|\n");
    for (label, lists) in area.groups {
        for alert in lists.iter().copied().flatten() {
            text.push_str(&row(label, alert, drill));
        }
    }
    text
}

fn row(area: &str, alert: &Alert, drill: &dyn Fn(&str) -> String) -> String {
    let page = super::super::alert::page(area);
    let link = format!("[{}](runbooks/{page}.md#{})", alert.name, alert.name.to_lowercase());
    format!("| {link} | {} | {} | {} | {} |\n", severity(alert), waits(alert), values(alert), drill(alert.name))
}

fn severity(alert: &Alert) -> String {
    match &alert.weight {
        Weight::Fixed(severity) => severity.to_string(),
        Weight::Levels(levels) => levels.iter().map(|(level, _)| level.as_str()).collect::<Vec<_>>().join(", "),
        Weight::ByTier { otherwise, most } if otherwise == most => format!("the tier's, at most {most}"),
        Weight::ByTier { otherwise, most } => format!("the tier's, at most {most}; {otherwise} without one"),
    }
}

fn waits(alert: &Alert) -> String {
    let wait = show(Scale::ONE.of(alert.wait));
    match alert.keep {
        0 => wait,
        keep => format!("{wait}, fires on for {}", show(Scale::ONE.of(keep))),
    }
}

fn values(alert: &Alert) -> String {
    let summary = alert.summary.trim_end_matches('.');
    let thresholds = alert.all_values().into_iter().filter(|(_, value)| !matches!(value.amount, Amount::Window(_)));
    let shown = thresholds.map(|(level, value)| {
        let level = level.map(|level| format!("{level} ")).unwrap_or_default();
        format!("{level}{} {}: {}", value.name, value.amount.in_text(Scale::ONE), value.why)
    });
    let shown: Vec<String> = shown.collect();
    match shown.is_empty() {
        true => summary.to_owned(),
        false => format!("{summary} ({})", shown.join("; ")),
    }
}
