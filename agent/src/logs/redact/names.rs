//! Patterns by name: the built-in ones, sets of them, and those a user wrote.

use std::{fmt, sync::Arc};

use crate::model::{Expression, ExpressionError, Room};

/// Own patterns at most.
pub const MAX_OWN: usize = 24;
/// Bytes of the name of an own pattern.
pub const MAX_NAME: usize = 32;
/// A built-in pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Builtin {
    /// Values that a key calls a password, a secret, a token; headers of authorization, cookies; users in URLs.
    Credentials,
    /// Secrets that show by their own form whose they are.
    Tokens,
    /// Private keys in PEM.
    PrivateKeys,
    /// Numbers of payment cards.
    Cards,
    /// Addresses of electronic mail.
    Email,
    /// Vehicle identification numbers with a valid check digit, as North America and China demand it.
    Vin,
    /// Every 17 characters which could be one: European numbers carry no check digit.
    VinAny,
}

impl Builtin {
    /// Every one, in the order of their bits and counters.
    pub const ALL: [Self; 7] =
        [Self::Credentials, Self::Tokens, Self::PrivateKeys, Self::Cards, Self::Email, Self::Vin, Self::VinAny];

    /// The word in settings, labels and marks.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Tokens => "tokens",
            Self::PrivateKeys => "private_keys",
            Self::Cards => "cards",
            Self::Email => "email",
            Self::Vin => "vin",
            Self::VinAny => "vin_any",
        }
    }

    /// The pattern of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pattern| pattern.as_str() == word)
    }

    /// Its place among counters.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// A set of built-in patterns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Names(u8);

impl Names {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// Adds one.
    #[must_use]
    pub const fn with(self, pattern: Builtin) -> Self {
        Self(self.0 | 1 << pattern as u8)
    }

    /// Those of either set.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether one is in it.
    pub const fn has(self, pattern: Builtin) -> bool {
        self.0 & (1 << pattern as u8) != 0
    }

    /// Those in it, in their order.
    pub fn iter(self) -> impl Iterator<Item = Builtin> {
        Builtin::ALL.into_iter().filter(move |pattern| self.has(*pattern))
    }
}

/// What nobody wants in a log. Mail addresses and vehicle numbers stay until asked for: many logs are of no use without them.
impl Default for Names {
    fn default() -> Self {
        [Builtin::Credentials, Builtin::Tokens, Builtin::PrivateKeys, Builtin::Cards].into_iter().collect()
    }
}

impl FromIterator<Builtin> for Names {
    fn from_iter<I: IntoIterator<Item = Builtin>>(patterns: I) -> Self {
        patterns.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Builtin::as_str)).finish()
    }
}

/// What is wrong with a regular expression or a pattern made of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// No `NAME=` before it.
    #[error("is not NAME=REGEX")]
    Form,
    /// A name of other characters, too long, or that of a built-in pattern.
    #[error("has a name that is not 1 to 32 of a-z, 0-9 and _, or that is taken")]
    Name,
    /// It matches nothing at all, which is everywhere.
    #[error("matches an empty text")]
    Empty,
    /// What it looks for is no expression that serves.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
}

/// A pattern of a user: what its first group matches is replaced, or all of it where it has none.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnPattern {
    /// The name in marks and counters.
    pub name: Arc<str>,
    /// What it looks for.
    pub expression: Expression,
}

impl OwnPattern {
    /// Reads `NAME=REGEX`.
    ///
    /// # Errors
    /// The name or the expression does not serve.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let (name, expression) = text.split_once('=').ok_or(PatternError::Form)?;
        let name = name.trim();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let fits = (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain);
        if !fits || Builtin::from_word(name).is_some() {
            return Err(PatternError::Name);
        }
        let expression = Expression::new(expression, Room::Large)?;
        // `x*` would match between any two characters.
        if expression.regex().is_match(b"") {
            return Err(PatternError::Empty);
        }
        Ok(Self { name: name.into(), expression })
    }
}

impl fmt::Display for OwnPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.expression.as_str())
    }
}
