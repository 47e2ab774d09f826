//! What is wrong with a configuration: every mistake of every source, in one report.
//!
//! A line is `where: key: what is wrong; hint`. It quotes at most the offending value itself, and never a line of the file:
//! the line above or below may hold a secret.

use std::{fmt, path::Path, sync::Arc};

use crate::model::InOrder as _;

/// More mistakes than this are counted instead of listed: a wrong file given by accident should not fill a screen buffer.
const MAX_LISTED: usize = 100;
/// Characters of a value which a message quotes.
const MAX_QUOTED: usize = 60;

/// A place in the file; both count from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// Where a value came from. Ordered as the sources are: a later one wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Built in.
    Default,
    /// The configuration file; no position when the file as a whole is meant.
    File(Arc<Path>, Option<Position>),
    /// A variable of the environment, by name.
    Environment(String),
    /// A flag of the command line, as it is spelt.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, None) => write!(f, "{}", path.display()),
            Self::File(path, Some(at)) => write!(f, "{}:{}:{}", path.display(), at.line, at.column),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands.
    pub origin: Origin,
    /// Dotted path of the key; `None` when the mistake is not about one key.
    pub key: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

/// Every mistake found: the file's in order of lines, then the environment's, then the command line's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(Vec<Mistake>);

impl Report {
    /// Puts mistakes in order; `None` when there are none.
    pub(super) fn of(mut mistakes: Vec<Mistake>) -> Option<Self> {
        mistakes.order_by(|a, b| a.origin.cmp(&b.origin));
        (!mistakes.is_empty()).then_some(Self(mistakes))
    }

    /// The mistakes, at least one.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for mistake in self.0.iter().take(MAX_LISTED) {
            writeln!(f, "{mistake}")?;
        }
        match self.0.len() {
            1 => write!(f, "1 mistake in the configuration"),
            count if count <= MAX_LISTED => write!(f, "{count} mistakes in the configuration"),
            count => write!(f, "{count} mistakes in the configuration, the first {MAX_LISTED} are listed"),
        }
    }
}

impl std::error::Error for Report {}

/// What is wrong with one value, before it is known where the value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// What is wrong.
    pub(super) what: String,
    /// What to write instead.
    pub(super) hint: Option<String>,
    /// Which item of a list is meant, from 0.
    pub(super) item: Option<usize>,
}

impl Wrong {
    /// Something wrong with a whole value.
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, item: None }
    }

    /// Adds what to write instead.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says which item of a list is meant.
    pub(super) fn item(mut self, item: usize) -> Self {
        self.item = Some(item);
        self
    }
}

/// A value in quotes: cut, and with control characters made harmless for a terminal.
pub(super) fn quoted(text: &str) -> String {
    let cut = text.chars().count() > MAX_QUOTED;
    let kept: String = text.chars().take(MAX_QUOTED).flat_map(char::escape_debug).collect();
    format!("\"{kept}{}\"", if cut { "..." } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_reads_as_place_key_fault_and_hint() {
        let at = Some(Position { line: 3, column: 7 });
        let mistake = Mistake {
            origin: Origin::File(Path::new("a.yml").into(), at),
            key: Some("http.listen".into()),
            what: "is wrong".into(),
            hint: Some("write it right".into()),
        };
        assert_eq!(mistake.to_string(), "a.yml:3:7: http.listen: is wrong; write it right");
        let bare = Mistake { origin: Origin::Flag("--config".into()), key: None, hint: None, ..mistake };
        assert_eq!(bare.to_string(), "flag --config: is wrong");
    }

    #[test]
    fn a_report_lists_in_order_and_has_a_ceiling() {
        let mistake = |line| Mistake {
            origin: Origin::File(Path::new("a.yml").into(), Some(Position { line, column: 1 })),
            key: None,
            what: "no".into(),
            hint: None,
        };
        assert_eq!(Report::of(vec![]), None);
        let report = Report::of((1..=250).rev().map(mistake).collect()).unwrap();
        let text = report.to_string();
        assert!(text.starts_with("a.yml:1:1: no\na.yml:2:1: no\n"), "{text}");
        assert_eq!(text.lines().count(), MAX_LISTED + 1);
        assert!(text.ends_with("250 mistakes in the configuration, the first 100 are listed"), "{text}");
    }

    #[test]
    fn quoting_cuts_and_disarms() {
        assert_eq!(quoted("plain"), "\"plain\"");
        assert_eq!(quoted("\u{1b}[2J\n"), "\"\\u{1b}[2J\\n\"");
        assert_eq!(quoted(&"x".repeat(61)).len(), 60 + 3 + 2);
    }
}
