//! What Grafana puts in the place of variables, in three modes: one value chosen, several, and "All".

use std::collections::BTreeMap;

/// What stands for the moment and the step; in static checks values that nobody writes by hand, so that they can be recognised afterwards.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) rate_interval: &'static str,
    pub(crate) interval: &'static str,
    /// In whole seconds.
    pub(crate) range: u32,
    pub(crate) auto: &'static str,
}

/// For checks that run nothing.
pub(crate) const MARKED: Clock = Clock { rate_interval: "4m3s", interval: "1m7s", range: 11_213, auto: "1m9s" };
/// [`MARKED`]'s range as a duration.
pub(crate) const MARKED_RANGE: &str = "11213s";

/// What is chosen of a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Chosen {
    /// Of a variable with one value.
    Single(String),
    /// Of a variable that may have several.
    Several(Vec<String>),
    /// "All" of a variable that says what that is.
    All(String),
}

/// Values of variables by their names.
pub(crate) type Values = BTreeMap<String, Chosen>;

/// The three modes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    One,
    Many,
    All,
}

pub(crate) const MODES: [Mode; 3] = [Mode::One, Mode::Many, Mode::All];

/// The text with everything put in; an error names what nobody defines.
pub(crate) fn interpolate(text: &str, values: &Values, clock: Clock) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let (name, format, after) = match after.strip_prefix('{') {
            Some(inside) => {
                let (inside, after) = inside.split_once('}').ok_or("`${` without an end")?;
                let (name, format) = inside.split_once(':').unwrap_or((inside, ""));
                (name, format, after)
            }
            None => {
                let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
                let (name, after) = after.split_at(end);
                (name, "", after)
            }
        };
        rest = after;
        if name.is_empty() || name.bytes().all(|b| b.is_ascii_digit()) {
            // The end of a pattern, or a group of one.
            out.push('$');
            out.push_str(name);
            continue;
        }
        out.push_str(&one(name, format, values, clock)?);
    }
    out.push_str(rest);
    if out.contains("[[") { Err("`[[name]]` is the form of long ago".to_owned()) } else { Ok(out) }
}

fn one(name: &str, format: &str, values: &Values, clock: Clock) -> Result<String, String> {
    let global = match name {
        "__rate_interval" => Some(clock.rate_interval.to_owned()),
        "__interval" => Some(clock.interval.to_owned()),
        "__auto" => Some(clock.auto.to_owned()),
        "__range" => Some(format!("{}s", clock.range)),
        "__range_s" => Some(clock.range.to_string()),
        "__range_ms" => Some(format!("{}000", clock.range)),
        _ => None,
    };
    if let Some(value) = global {
        return if format.is_empty() { Ok(value) } else { Err(format!("`{name}` has no format")) };
    }
    let chosen = values.get(name).ok_or_else(|| format!("nobody defines `${name}`"))?;
    match (chosen, format) {
        (Chosen::All(value), _) => Ok(value.clone()),
        (Chosen::Single(value), "" | "regex") => Ok(escaped(value)),
        (Chosen::Single(value), "raw" | "text") => Ok(value.clone()),
        (Chosen::Several(several), "" | "regex") => match several.as_slice() {
            [value] => Ok(escaped(value)),
            several => Ok(format!("({})", several.iter().map(|v| escaped(v)).collect::<Vec<_>>().join("|"))),
        },
        (Chosen::Several(several), "pipe") => Ok(several.join("|")),
        _ => Err(format!("`{name}:{format}` is a format that is not used here")),
    }
}

/// As a pattern inside a text in quotes.
fn escaped(value: &str) -> String {
    let mut out = String::new();
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\\\\\"),
            c if "$^*{}[]'+?.()|".contains(c) => out.extend(['\\', '\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_becomes_what_grafana_makes_of_it() {
        let values = Values::from([
            ("one".to_owned(), Chosen::Single("a.b".to_owned())),
            ("few".to_owned(), Chosen::Several(vec!["a".to_owned(), "b(c".to_owned()])),
            ("all".to_owned(), Chosen::All(".*".to_owned())),
        ]);
        for (text, wanted) in [
            ("x{a=~\"$few\",b=\"${one}\"}", "x{a=~\"(a|b\\\\(c)\",b=\"a\\\\.b\"}"),
            ("x{a=~\"$all\"}[$__rate_interval]", "x{a=~\".*\"}[4m3s]"),
            ("x[$__range] / $__range_s", "x[11213s] / 11213"),
            ("label_replace(x, \"a\", \"$1\", \"b\", \"(.*)$\")", "label_replace(x, \"a\", \"$1\", \"b\", \"(.*)$\")"),
            ("${few:pipe} ${one:raw}", "a|b(c a.b"),
        ] {
            assert_eq!(interpolate(text, &values, MARKED).as_deref(), Ok(wanted));
        }
        for text in ["$nobody", "[[one]]", "${one", "${one:csv}", "${__range:raw}"] {
            assert!(interpolate(text, &values, MARKED).is_err(), "{text}");
        }
    }
}
