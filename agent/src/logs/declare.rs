//! What a container declares about its own output: its labels, read as something a stranger wrote.
//!
//! ```text
//! spyhop.logs.enable=false            not read at all
//! spyhop.logs.redact=vin,email        built-in patterns beside those of the file
//! spyhop.logs.drop=text=GET /healthz  and spyhop.logs.drop.2 to .8; or regex=...
//! spyhop.logs.sample=1/10 text=ping   and spyhop.logs.sample.2 to .8; or regex=..., or 1/10 alone
//! spyhop.logs.rate=100/s,1MiB/s       lines, bytes or both
//! spyhop.logs.level=info              least serious lines to keep
//! spyhop.logs.multiline=auto          or off, or start=REGEX of a first line
//! spyhop.logs.format=auto             or json, logfmt, plain
//! ```
//!
//! The file's word stands: a label can have more replaced, more dropped, less let through, and nothing the other way round. A mistake
//! costs the one label it is in.

pub use super::assemble::Multiline;
use super::{
    redact::{Builtin, Names},
    rules::{Matcher, Rate, Rules, Sample},
    settings::Settings,
};
use crate::model::{Expression, Labels, LogLevel, MAX_EXPRESSION, Room};

/// Rules of one kind that a container may declare.
pub const MAX_RULES: u16 = 8;
/// Bytes of a label that are read: an expression and the words around it.
const MAX_VALUE: usize = MAX_EXPRESSION + 32;
const PREFIX: &str = "spyhop.logs.";

/// How lines are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineFormat {
    /// By what they look like.
    #[default]
    Auto,
    /// As JSON.
    Json,
    /// As `key=value`.
    Logfmt,
    /// Not at all.
    Plain,
}

impl LineFormat {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Json, Self::Logfmt, Self::Plain];

    /// The word in the label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Json => "json",
            Self::Logfmt => "logfmt",
            Self::Plain => "plain",
        }
    }
}

/// What is wrong with a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The label behind `spyhop.logs.`; cut to a length that can be shown.
    pub label: Box<str>,
    /// What is wrong with it.
    pub what: String,
}

/// The policy on one container's lines: the file's, tightened by its labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Its output is read.
    pub enabled: bool,
    /// Built-in patterns beside those for every container.
    pub redact: Names,
    /// What is kept.
    pub rules: Rules,
    /// Whether lines are joined.
    pub multiline: Multiline,
    /// How lines are read.
    pub format: LineFormat,
    /// Labels that count for nothing, [`MAX_MISTAKES`] at most.
    pub mistakes: Vec<Mistake>,
}

/// Mistakes kept of one container.
pub const MAX_MISTAKES: usize = 16;

impl Policy {
    /// Reads the labels of a container, in one pass: most have none of these. Whether the file includes the container is asked
    /// elsewhere.
    pub fn of(labels: &Labels, settings: &Settings) -> Self {
        let mut policy = Self {
            enabled: true,
            redact: Names::NONE,
            rules: settings.rules.clone(),
            multiline: Multiline::default(),
            format: LineFormat::default(),
            mistakes: Vec::new(),
        };
        // A container's own samples stand behind the file's, of which the first that means a line counts: no label can loosen one.
        for (key, value) in labels.iter() {
            let Some(label) = key.strip_prefix(PREFIX) else { continue };
            if let Err(what) = policy.declare(label, value.trim())
                && policy.mistakes.len() < MAX_MISTAKES
            {
                policy.mistakes.push(Mistake { label: label.chars().take(40).collect::<String>().into(), what });
            }
        }
        policy
    }

    fn declare(&mut self, label: &str, value: &str) -> Result<(), String> {
        if value.len() > MAX_VALUE {
            return Err(format!("is longer than {MAX_VALUE} bytes"));
        }
        let (word, number) = label.split_once('.').map_or((label, None), |(word, number)| (word, Some(number)));
        let numbered = matches!(word, "drop" | "sample");
        let fits = |number: &str| (1..=MAX_RULES).any(|known| known.to_string() == number);
        if number.is_some_and(|number| !numbered || !fits(number)) {
            return Err(if numbered { format!("is not numbered 1 to {MAX_RULES}") } else { "is not known".to_owned() });
        }
        match word {
            "enable" => self.enabled &= switch(value)?,
            "redact" => self.redact = self.redact.and(names(value)?),
            "drop" => self.rules.drop.push(Matcher::parse(value).map_err(|error| error.to_string())?),
            "sample" => self.rules.sample.push(Sample::parse(value).map_err(|error| error.to_string())?),
            "rate" => self.rules.rate = self.rules.rate.stricter(rate(value)?),
            "level" => self.rules.min_level = self.rules.min_level.max(Some(level(value)?)),
            "multiline" => self.multiline = multiline(value)?,
            "format" => self.format = format(value)?,
            _ => return Err("is not known".to_owned()),
        }
        Ok(())
    }
}

fn switch(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" => Ok(true),
        "false" | "off" | "no" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

fn names(value: &str) -> Result<Names, String> {
    let name = |word: &str| {
        Builtin::from_word(word.trim()).ok_or_else(|| known("patterns", Builtin::ALL.map(Builtin::as_str)))
    };
    value.split(',').map(name).collect()
}

fn level(value: &str) -> Result<LogLevel, String> {
    let value = value.to_ascii_lowercase();
    let found = LogLevel::ALL.into_iter().find(|level| level.as_str() == value);
    found.ok_or_else(|| known("levels", LogLevel::ALL.map(LogLevel::as_str)))
}

fn format(value: &str) -> Result<LineFormat, String> {
    let found = LineFormat::ALL.into_iter().find(|format| format.as_str() == value);
    found.ok_or_else(|| known("formats", LineFormat::ALL.map(LineFormat::as_str)))
}

fn multiline(value: &str) -> Result<Multiline, String> {
    match value {
        "auto" => Ok(Multiline::Auto),
        "off" => Ok(Multiline::Off),
        _ => {
            let start = value.strip_prefix("start=").filter(|start| !start.is_empty());
            let start = start.ok_or("is neither auto nor off nor start=REGEX")?;
            Expression::new(start, Room::Large).map(Multiline::Start).map_err(|error| error.to_string())
        }
    }
}

fn known<const N: usize>(what: &str, words: [&str; N]) -> String {
    format!("names none of the {what} {}", words.join(", "))
}

/// `100/s`, `64KiB/s`, or both with a comma between.
fn rate(value: &str) -> Result<Rate, String> {
    let mut rate = Rate::default();
    for part in value.split(',').map(str::trim) {
        let amount = part.strip_suffix("/s").and_then(amount);
        let (number, unit) = amount.ok_or("is not LINES/s, SIZE/s or both, such as 100/s,64KiB/s")?;
        let more = match unit {
            None => Rate { lines: Some(number), bytes: None },
            Some(unit) => Rate { lines: None, bytes: Some(number.saturating_mul(unit)) },
        };
        rate = rate.stricter(more);
    }
    Ok(rate)
}

/// A number above 0 and its unit in bytes; no unit is lines.
fn amount(text: &str) -> Option<(u64, Option<u64>)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    let number = digits.parse().ok().filter(|number| *number > 0)?;
    let unit = match unit {
        "" => None,
        "B" => Some(1),
        "kB" | "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        _ => return None,
    };
    Some((number, unit))
}

#[cfg(test)]
mod tests;
