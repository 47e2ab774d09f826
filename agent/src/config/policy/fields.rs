//! Reading a tree field by field, with every mistake taken down.

use std::{path::Path, sync::Arc};

use super::super::{
    report::{Mistake, Origin, Position, Wrong, quoted},
    suggest::nearest,
    units::{parse_duration, parse_size},
    yaml::{Entry, Node, Value},
};
use super::objectives::Places;
use crate::{
    model::Glob,
    policy::{Amount, Unit},
};

/// Entries of one map, or items of one list.
const MAX_ITEMS: usize = 2_000;
/// Bytes of a name.
const MAX_NAME: usize = crate::model::MAX_IDENTITY_BYTES;

/// Takes mistakes down.
pub(super) struct Fields<'a> {
    path: &'a Arc<Path>,
    mistakes: &'a mut Vec<Mistake>,
    /// Tiers that somebody named: name, place, key.
    pub(super) tiers_named: Vec<(String, Position, String)>,
    /// Where objectives stand, of this file and of others.
    pub(super) objectives: Places,
}

impl<'a> Fields<'a> {
    pub(super) fn new(path: &'a Arc<Path>, mistakes: &'a mut Vec<Mistake>) -> Self {
        Self { path, mistakes, tiers_named: Vec::new(), objectives: Places::new() }
    }

    pub(super) fn wrong(&mut self, at: Position, key: &str, wrong: Wrong) {
        let origin = Origin::File(Arc::clone(self.path), Some(at));
        let key = (!key.is_empty()).then(|| shown(key));
        self.mistakes.push(Mistake { origin, key, what: wrong.what, hint: wrong.hint });
    }

    /// Mistakes so far.
    pub(super) const fn count(&self) -> usize {
        self.mistakes.len()
    }

    /// Another file, with the same list of mistakes.
    pub(super) fn of_file<'b>(&'b mut self, path: &'b Arc<Path>) -> Fields<'b> {
        Fields::new(path, self.mistakes)
    }

    /// Remembers where an objective stands.
    pub(super) fn place(&mut self, origin: &Arc<str>, at: Position) {
        self.objectives.insert(Arc::clone(origin), (Arc::clone(self.path), at));
    }

    /// A mistake about an objective, wherever it stands.
    pub(super) fn wrong_at_place(&mut self, origin: &Arc<str>, wrong: Wrong) {
        let place = self.objectives.get(origin).map(|(path, at)| Origin::File(Arc::clone(path), Some(*at)));
        let origin_of = place.unwrap_or_else(|| Origin::File(Arc::clone(self.path), None));
        self.mistakes.push(Mistake { origin: origin_of, key: Some(shown(origin)), what: wrong.what, hint: wrong.hint });
    }

    /// A key nobody knows.
    pub(super) fn unknown(&mut self, entry: &Entry, key: &str, known: &[&str]) {
        let wrong = Wrong::new("no such key");
        let wrong = match nearest(&entry.key, known.iter().copied()) {
            Some(near) => wrong.hint(format!("did you mean {near}?")),
            None => wrong.hint(format!("known are {}", known.join(", "))),
        };
        self.wrong(entry.at, &under(key, &entry.key), wrong);
    }

    /// The entries of a section whose keys are known; others are mistakes.
    pub(super) fn section(&mut self, key: &str, node: Node, known: &[&str]) -> Vec<Entry> {
        let mut entries = self.map(key, node);
        entries.retain(|entry| {
            let is_known = known.contains(&entry.key.as_str());
            if !is_known {
                self.unknown(entry, key, known);
            }
            is_known
        });
        entries
    }

    /// The entries of a section whose keys are names.
    pub(super) fn map(&mut self, key: &str, node: Node) -> Vec<Entry> {
        match node.value {
            Value::Section(entries) if entries.len() <= MAX_ITEMS => entries,
            Value::Section(entries) => {
                let what = format!("has {} entries, at most {MAX_ITEMS} are taken", entries.len());
                self.wrong(node.at, key, Wrong::new(what));
                Vec::new()
            }
            Value::Empty | Value::Refused => Vec::new(),
            Value::Text(_) | Value::List(_) => {
                let wrong = Wrong::new("is a section, not a value").hint("write its keys below it, indented");
                self.wrong(node.at, key, wrong);
                Vec::new()
            }
        }
    }

    /// Items of a list; a single text is a list of one.
    pub(super) fn list<T>(&mut self, key: &str, node: Node, read: impl Fn(&str) -> Result<T, Wrong>) -> Vec<T> {
        let nodes = match node.value {
            Value::List(nodes) if nodes.len() <= MAX_ITEMS => nodes,
            Value::List(nodes) => {
                let what = format!("has {} items, at most {MAX_ITEMS} are taken", nodes.len());
                self.wrong(node.at, key, Wrong::new(what));
                return Vec::new();
            }
            Value::Empty | Value::Refused => return Vec::new(),
            Value::Text(_) => vec![node],
            Value::Section(_) => {
                self.wrong(node.at, key, Wrong::new("takes a list, not a section").hint("write [a, b]"));
                return Vec::new();
            }
        };
        nodes.into_iter().filter_map(|node| self.parsed(key, node, &read)).collect()
    }

    /// One value.
    pub(super) fn parsed<T>(&mut self, key: &str, node: Node, read: impl Fn(&str) -> Result<T, Wrong>) -> Option<T> {
        let wrong = match node.value {
            Value::Text(text) => match read(&text) {
                Ok(value) => return Some(value),
                Err(wrong) => wrong,
            },
            Value::Refused => return None,
            Value::Empty => Wrong::new("has no value").hint("write one, or remove the line"),
            Value::List(_) => Wrong::new("takes a single value, not a list"),
            Value::Section(_) => Wrong::new("takes a single value, not a section"),
        };
        self.wrong(node.at, key, wrong);
        None
    }

    /// A name of something in the policy: what it is called in labels.
    pub(super) fn name(&mut self, at: Position, key: &str, name: &str) -> Option<Arc<str>> {
        let fits = name.len() <= MAX_NAME && !name.chars().any(char::is_control);
        if !fits {
            let wrong = Wrong::new(format!("{} is not a name", quoted(name)));
            self.wrong(at, key, wrong.hint(format!("at most {MAX_NAME} bytes, and no control characters")));
        }
        fits.then(|| name.into())
    }
}

/// `a.b` of `a` and `b`.
pub(super) fn under(key: &str, name: &str) -> String {
    if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") }
}

fn shown(key: &str) -> String {
    key.chars().take(120).flat_map(char::escape_debug).collect()
}

/// `on` or `off`, as YAML's people write them.
pub(super) fn switch(text: &str) -> Result<bool, Wrong> {
    match text {
        "on" | "true" | "yes" => Ok(true),
        "off" | "false" | "no" => Ok(false),
        _ => Err(Wrong::new(format!("{} is not a switch", quoted(text))).hint("write true or false")),
    }
}

pub(super) fn glob(text: &str) -> Result<Glob, Wrong> {
    Ok(Glob::new(text))
}

pub(super) fn word(text: &str) -> Result<Arc<str>, Wrong> {
    Ok(text.into())
}

pub(super) fn duration(text: &str) -> Result<std::time::Duration, Wrong> {
    parse_duration(text)
        .ok_or_else(|| Wrong::new(format!("{} is not a duration", quoted(text))).hint("write 15s, 12h or 90d"))
}

/// A factor above 0.
pub(super) fn factor(text: &str) -> Result<f64, Wrong> {
    let read = text.parse::<f64>().ok().filter(|factor| factor.is_finite() && *factor > 0.0);
    read.ok_or_else(|| Wrong::new(format!("{} is not a number above 0", quoted(text))).hint("write 1.5"))
}

/// One of some words.
pub(super) fn one_of<T>(text: &str, what: &str, known: &[&str], read: Option<T>) -> Result<T, Wrong> {
    read.ok_or_else(|| {
        let wrong = Wrong::new(format!("{} is not {what}", quoted(text)));
        match nearest(text, known.iter().copied()) {
            Some(near) => wrong.hint(format!("did you mean {near}?")),
            None => wrong.hint(format!("known are {}", known.join(", "))),
        }
    })
}

/// `2GiB`, `<=2GiB`, `>=1GiB`, `1GiB..2GiB`, `any`.
pub(super) fn amount(unit: Unit) -> impl Fn(&str) -> Result<Amount, Wrong> {
    move |text| {
        let value = |text: &str| one_value(text.trim(), unit);
        let amount = match text.trim() {
            "any" => Amount::ANY,
            text => match (text.strip_prefix("<="), text.strip_prefix(">="), text.split_once("..")) {
                (Some(most), _, _) => Amount { least: None, most: Some(value(most)?) },
                (_, Some(least), _) => Amount { least: Some(value(least)?), most: None },
                (_, _, Some((least, most))) => Amount { least: Some(value(least)?), most: Some(value(most)?) },
                _ => Amount::exactly(value(text)?),
            },
        };
        match (amount.least, amount.most) {
            (Some(least), Some(most)) if least > most => {
                Err(Wrong::new(format!("{} begins above its end", quoted(text))).hint("write the smaller one first"))
            }
            _ => Ok(amount),
        }
    }
}

fn one_value(text: &str, unit: Unit) -> Result<f64, Wrong> {
    let (read, hint) = match unit {
        Unit::Bytes => (
            parse_size(text).filter(|bytes| *bytes > 0).map(|bytes| bytes as f64),
            "write 512MiB, <=2GiB, >=64MiB, 1GiB..2GiB or any",
        ),
        Unit::Cores => (
            text.parse::<f64>().ok().filter(|cores| cores.is_finite() && *cores > 0.0),
            "write 0.5, <=2, >=0.25, 0.5..2 or any",
        ),
        Unit::Count => (text.parse::<u32>().ok().map(f64::from), "write 3, <=500, >=1, 2..5 or any"),
    };
    read.ok_or_else(|| Wrong::new(format!("{} is not an amount", quoted(text))).hint(hint))
}
