//! A pattern for a body: linear in the text, bounded in size.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 512;
/// Largest compiled program, in bytes: a label may say a pattern, and many containers may have labels.
const MAX_PROGRAM: usize = 64 << 10;
/// Most that is kept while matching, in bytes.
const MAX_MEMORY: usize = 64 << 10;

/// Compiled; equal when written equally. `\w`, `\d` and `(?i)` know ASCII, which keeps programs small.
#[derive(Clone)]
pub struct Pattern(Regex);

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Longer than 512 bytes.
    #[error("is longer than {MAX_PATTERN} bytes")]
    Length,
    /// It compiles to too much.
    #[error("is too large when compiled")]
    Size,
    /// It does not read as an expression; why, on one line.
    #[error("is not a regular expression: {0}")]
    Syntax(String),
}

impl Pattern {
    /// Compiles a regular expression.
    ///
    /// # Errors
    /// It is too long or too large, or none.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.len() > MAX_PATTERN {
            return Err(PatternError::Length);
        }
        let mut builder = RegexBuilder::new(text);
        builder.unicode(false).size_limit(MAX_PROGRAM).dfa_size_limit(MAX_MEMORY).nest_limit(50);
        builder.build().map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => PatternError::Size,
            error => {
                let last = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
                PatternError::Syntax(last.strip_prefix("error: ").map(str::to_owned).unwrap_or(last))
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
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_bounded() {
        assert!(Pattern::new("\"status\": *\"UP\"").unwrap().is_match(b"{\"status\":  \"UP\"}"));
        assert!(Pattern::new("(?i)ok").unwrap().is_match(b"\xff OK"));
        assert_eq!(Pattern::new("((a{100}){100}){100}"), Err(PatternError::Size));
        assert_eq!(Pattern::new(&"a".repeat(513)), Err(PatternError::Length));
        assert_eq!(Pattern::new("(").unwrap_err().to_string(), "is not a regular expression: unclosed group");
    }
}
