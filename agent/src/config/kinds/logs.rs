//! Kinds of values for what happens to containers' lines.

use super::{Kind, Raw, Wrong, many, not_one_of, one, quoted, read_size, show_size};
use crate::{
    logs::{
        redact::{Builtin, MAX_OWN, Names, OwnPattern},
        rules::{Matcher, RuleError, Sample},
    },
    model::LogLevel,
};

/// The word for no bound.
const OFF: &str = "off";
/// The word for the patterns that are on by default.
const DEFAULT: &str = "default";

/// Built-in patterns.
pub(in crate::config) const REDACT: Kind<Names> = Kind {
    name: "a list of patterns",
    range: || format!("{DEFAULT}, {}", Builtin::ALL.map(Builtin::as_str).join(", ")),
    list: true,
    read: |raw| {
        let words = [&[DEFAULT], Builtin::ALL.map(Builtin::as_str).as_slice()].concat();
        let read = |text: &str| match Builtin::from_word(text) {
            Some(pattern) => Ok(Names::NONE.with(pattern)),
            None if text == DEFAULT => Ok(Names::default()),
            None => Err(not_one_of(text, "a pattern", &words)),
        };
        Ok(many(raw, read)?.into_iter().fold(Names::NONE, Names::and))
    },
    show: |names| Raw::Many(names.iter().map(|pattern| pattern.as_str().to_owned()).collect()),
};

/// A user's own patterns.
pub(in crate::config) const OWN_PATTERNS: Kind<Vec<OwnPattern>> = Kind {
    name: "a list of named regular expressions",
    range: || "NAME=REGEX".into(),
    list: true,
    read: |raw| {
        let own = many(raw, |text| {
            OwnPattern::parse(text).map_err(|error| {
                Wrong::new(format!("{} {error}", quoted(text))).hint("write NAME=REGEX, such as ticket=TICK-[0-9]+")
            })
        })?;
        if own.len() > MAX_OWN {
            return Err(vec![Wrong::new(format!("has {} items, at most {MAX_OWN} are taken", own.len()))]);
        }
        let again = own.iter().enumerate().skip(1).find(|(i, new)| own.iter().take(*i).any(|old| old.name == new.name));
        match again {
            Some((i, new)) => Err(vec![Wrong::new(format!("names {} twice", new.name)).item(i)]),
            None => Ok(own),
        }
    },
    show: |own| Raw::Many(own.iter().map(OwnPattern::to_string).collect()),
};

/// Lines to drop.
pub(in crate::config) const MATCHERS: Kind<Vec<Matcher>> = Kind {
    name: "a list of rules",
    range: || "text=TEXT, regex=REGEX".into(),
    list: true,
    read: |raw| many(raw, |text| Matcher::parse(text).map_err(|error| wrong_rule(text, &error, "text=GET /healthz"))),
    show: |rules| Raw::Many(rules.iter().map(Matcher::to_string).collect()),
};

/// Lines to thin out.
pub(in crate::config) const SAMPLES: Kind<Vec<Sample>> = Kind {
    name: "a list of rules",
    range: || "1/N, 1/N text=TEXT, 1/N regex=REGEX".into(),
    list: true,
    read: |raw| many(raw, |text| Sample::parse(text).map_err(|error| wrong_rule(text, &error, "1/10 text=GET /ping"))),
    show: |rules| Raw::Many(rules.iter().map(Sample::to_string).collect()),
};

/// A level of lines, or `off`.
pub(in crate::config) const LINE_LEVEL: Kind<Option<LogLevel>> = Kind {
    name: "a level or off",
    range: || LogLevel::ALL.map(LogLevel::as_str).join(", "),
    list: false,
    read: |raw| {
        one(raw, |text| {
            let level = LogLevel::ALL.into_iter().find(|level| level.as_str() == text);
            match level {
                None if text == OFF => Ok(None),
                None => Err(not_one_of(text, "a level", &LogLevel::ALL.map(LogLevel::as_str))),
                level => Ok(level),
            }
        })
    },
    show: |level| Raw::One(level.map_or(OFF, LogLevel::as_str).to_owned()),
};

/// Lines a second, or `off`.
pub(in crate::config) const fn rate_lines() -> Kind<Option<u64>> {
    Kind {
        name: "a number or off",
        range: || "1 to 1000000".into(),
        list: false,
        read: |raw| {
            one(raw, |text| match (text, text.parse()) {
                (OFF, _) => Ok(None),
                (_, Ok(lines @ 1..=1_000_000)) => Ok(Some(lines)),
                _ => Err(Wrong::new(format!("{} is not a number of lines", quoted(text)))
                    .hint("write 1 to 1000000 lines a second, or off")),
            })
        },
        show: |lines| Raw::One(lines.map_or_else(|| OFF.to_owned(), |lines| lines.to_string())),
    }
}

/// Bytes a second, or `off`.
pub(in crate::config) const fn rate_size() -> Kind<Option<u64>> {
    Kind {
        name: "a size or off",
        range: || format!("{} to {}", show_size(1024), show_size(1 << 30)),
        list: false,
        read: |raw| {
            one(raw, |text| match text {
                OFF => Ok(None),
                _ => super::within(read_size(text)?, 1024, 1 << 30, |size| show_size(*size)).map(Some),
            })
        },
        show: |size| Raw::One(size.map_or_else(|| OFF.to_owned(), show_size)),
    }
}

fn wrong_rule(text: &str, error: &RuleError, example: &str) -> Wrong {
    Wrong::new(format!("{} {error}", quoted(text))).hint(format!("write it as in {example}"))
}
