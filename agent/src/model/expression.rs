//! A regular expression that somebody wrote in a file or a label: linear in the text, bounded in size.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

/// Longest expression, in bytes.
pub const MAX_EXPRESSION: usize = 512;

/// How much an expression may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Matched now and then, and possibly written in the labels of many containers: 64 KiB compiled, as much again while matching.
    Small,
    /// Matched against every line of a log: 256 KiB compiled, which is some thousand states, and 512 KiB a thread for what it has met.
    Large,
}

/// Compiled; equal when written equally. It is about bytes: `\w`, `\d` and `(?i)` know ASCII, which keeps programs small.
#[derive(Clone)]
pub struct Expression(Regex);

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// Longer than [`MAX_EXPRESSION`].
    #[error("is longer than {MAX_EXPRESSION} bytes")]
    Length,
    /// It compiles to too much.
    #[error("is too large when compiled")]
    Size,
    /// It does not read as an expression; why, on one line.
    #[error("is not a regular expression: {0}")]
    Syntax(String),
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    /// It is too long or too large, or none.
    pub fn new(text: &str, room: Room) -> Result<Self, ExpressionError> {
        if text.len() > MAX_EXPRESSION {
            return Err(ExpressionError::Length);
        }
        let (program, memory) = match room {
            Room::Small => (64 << 10, 64 << 10),
            Room::Large => (256 << 10, 512 << 10),
        };
        let mut builder = RegexBuilder::new(text);
        builder.unicode(false).size_limit(program).dfa_size_limit(memory).nest_limit(50);
        builder.build().map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => ExpressionError::Size,
            error => {
                let last = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
                ExpressionError::Syntax(last.strip_prefix("error: ").map(str::to_owned).unwrap_or(last))
            }
        })
    }

    /// Whether it matches anywhere.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.0.is_match(text)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The expression itself, for whoever replaces what it matches.
    pub const fn regex(&self) -> &Regex {
        &self.0
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_bounded() {
        let small = |text: &str| Expression::new(text, Room::Small);
        assert!(small("\"status\": *\"UP\"").unwrap().is_match(b"{\"status\":  \"UP\"}"));
        assert!(small("(?i)ok").unwrap().is_match(b"\xff OK"));
        assert_eq!(small("((a{100}){100}){100}"), Err(ExpressionError::Size));
        assert_eq!(small(&"a".repeat(513)), Err(ExpressionError::Length));
        assert_eq!(small("(").unwrap_err().to_string(), "is not a regular expression: unclosed group");
        assert_eq!(small("a{1900}[bc]{1900}"), Err(ExpressionError::Size));
        assert!(Expression::new("a{1900}[bc]{1900}", Room::Large).is_ok());
    }
}
