//! `docs/configuration.md`, written from the table of keys; a test holds the file in step.

use std::fmt::Write as _;

use super::{
    keys::{ALL, AnyKey, Effect, SECTIONS},
    kinds::Raw,
};

const INTRODUCTION: &str = include_str!("introduction.md");

/// The whole document.
pub fn markdown() -> String {
    let mut text = INTRODUCTION.to_owned();
    for (section, about) in SECTIONS {
        push(&mut text, format_args!("\n### {section}\n\n{about}\n\n"));
        text.push_str("| key | kind | default | meaning | change |\n|---|---|---|---|---|\n");
        for key in ALL.iter().filter(|key| key.facts().path.split('.').next() == Some(section)) {
            push_row(&mut text, *key);
        }
    }
    text
}

fn push_row(text: &mut String, key: &dyn AnyKey) {
    let facts = key.facts();
    let (name, range) = key.kind();
    let range = if range.is_empty() { range } else { format!(": {range}") };
    let flag = facts.flag.map(|flag| format!("<br>`{flag}`")).unwrap_or_default();
    let change = match facts.effect {
        Effect::Reload => "reload",
        Effect::Restart => "restart",
    };
    let default = match key.default() {
        Raw::One(value) => format!("`{value}`"),
        Raw::Many(items) if items.is_empty() => "`[]`".to_owned(),
        Raw::Many(items) => items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join("<br>"),
    };
    push(
        text,
        format_args!(
            "| `{}`<br>`{}`{flag} | {name}{range} | {default} | {} Since {}. | {change} |\n",
            facts.path,
            facts.variable(),
            facts.help,
            facts.since
        ),
    );
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    text.write_fmt(arguments).unwrap_or_default();
}
