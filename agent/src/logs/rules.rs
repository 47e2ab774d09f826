//! Which lines are kept: rules that drop, rules that thin out, and a rate for each container.
//!
//! Dropping and thinning out look at a line, its time and its level, and at nothing else: a line that is read again after a restart
//! meets the same fate. The rate is counted in the lines' own time, so that a backlog of an hour has an hour's allowance. It begins
//! with a full allowance, and after a restart more may pass than passed before, until it is used up.

use std::fmt;

use crate::model::{Expression, ExpressionError, LogLevel, Room};

/// Bytes of a text that a rule looks for.
pub const MAX_TEXT: usize = 512;
/// One line of so many is the most a rule can thin out.
pub const MAX_SAMPLE: u64 = 1_000_000;
/// Seconds of its rate that a container may use at once.
const BURST_SECONDS: u64 = 10;
/// A clock that went back by more was set; by less, two outputs of one container were raced.
const SET_BACK: i64 = 5_000_000_000;
const SECOND: u64 = 1_000_000_000;

/// What a rule looks for in a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Matcher {
    /// Every line.
    All,
    /// Lines that hold a text.
    Text(Box<str>),
    /// Lines which an expression matches.
    Regex(Expression),
}

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Neither `text=` nor `regex=`.
    #[error("is not text=TEXT or regex=REGEX")]
    Form,
    /// Nothing to look for, or more than [`MAX_TEXT`].
    #[error("has a text that is not of 1 to 512 bytes")]
    Length,
    /// The expression.
    #[error(transparent)]
    Regex(#[from] ExpressionError),
    /// Not `1/N`.
    #[error("is not 1/N with N from 2 to 1000000, alone or before text=TEXT or regex=REGEX")]
    Sample,
}

impl Matcher {
    /// Reads `text=...` or `regex=...`.
    ///
    /// # Errors
    /// It is neither, or what follows does not serve.
    pub fn parse(rule: &str) -> Result<Self, RuleError> {
        if let Some(text) = rule.strip_prefix("text=") {
            let fits = (1..=MAX_TEXT).contains(&text.len());
            return if fits { Ok(Self::Text(text.into())) } else { Err(RuleError::Length) };
        }
        let regex = rule.strip_prefix("regex=").ok_or(RuleError::Form)?;
        if regex.is_empty() {
            return Err(RuleError::Length);
        }
        Ok(Self::Regex(Expression::new(regex, Room::Large)?))
    }

    /// Whether a line is meant.
    pub fn matches(&self, line: &str) -> bool {
        match self {
            Self::All => true,
            Self::Text(text) => memchr::memmem::find(line.as_bytes(), text.as_bytes()).is_some(),
            Self::Regex(expression) => expression.is_match(line.as_bytes()),
        }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => Ok(()),
            Self::Text(text) => write!(f, "text={text}"),
            Self::Regex(expression) => write!(f, "regex={}", expression.as_str()),
        }
    }
}

/// Keeps one line of `keep_one_of` among those it means.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// 2 to [`MAX_SAMPLE`].
    pub keep_one_of: u64,
    /// Which lines.
    pub of: Matcher,
}

impl Sample {
    /// Reads `1/N`, `1/N text=...` or `1/N regex=...`.
    ///
    /// # Errors
    /// It is none of these.
    pub fn parse(rule: &str) -> Result<Self, RuleError> {
        let (share, of) = rule.split_once(' ').unwrap_or((rule, ""));
        let digits = share.strip_prefix("1/").filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok()).filter(|number| (2..=MAX_SAMPLE).contains(number));
        let keep_one_of = number.ok_or(RuleError::Sample)?;
        let of = of.trim_start();
        Ok(Self { keep_one_of, of: if of.is_empty() { Matcher::All } else { Matcher::parse(of)? } })
    }

    /// Decided by the line and its time alone. Equal lines of different times are decided apart.
    fn keeps(&self, line: &str, time: i64) -> bool {
        hash(line.as_bytes(), time.cast_unsigned()).is_multiple_of(self.keep_one_of)
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1/{}", self.keep_one_of)?;
        if self.of != Matcher::All {
            write!(f, " {}", self.of)?;
        }
        Ok(())
    }
}

/// The same in every version of the program: FNV-1a over words of eight bytes, stirred at the end (MurmurHash3's finaliser).
fn hash(bytes: &[u8], seed: u64) -> u64 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(PRIME).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = words.iter().fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let last = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    hash = mix(mix(hash, last), u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}

/// How much of a container is taken over time; `None` is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Lines a second, above 0.
    pub lines: Option<u64>,
    /// Bytes of lines a second, above 0.
    pub bytes: Option<u64>,
}

impl Rate {
    /// The stricter of both, one by one.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        let least = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        Self { lines: least(self.lines, other.lines), bytes: least(self.bytes, other.bytes) }
    }
}

/// Why a line is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Less serious than asked for.
    Level,
    /// A rule drops it.
    Rule,
    /// A rule thins it out.
    Sampled,
    /// Its container writes too many lines.
    RateLines,
    /// Its container writes too many bytes.
    RateSize,
}

impl Reason {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Level, Self::Rule, Self::Sampled, Self::RateLines, Self::RateSize];

    /// The word in counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Level => "level",
            Self::Rule => "rule",
            Self::Sampled => "sampled",
            Self::RateLines => "rate_lines",
            Self::RateSize => "rate_size",
        }
    }
}

/// The rules for lines of one container.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Lines of a known level below it are dropped; those of none are kept.
    pub min_level: Option<LogLevel>,
    /// Lines which one of these means are dropped.
    pub drop: Vec<Matcher>,
    /// Lines are thinned out by the first of these which means them; errors and worse only if it says which lines it means.
    pub sample: Vec<Sample>,
    /// How much is taken.
    pub rate: Rate,
}

impl Rules {
    /// Whether a line is kept, the rate left aside; `time` in nanoseconds since 1970. A function of its arguments alone.
    ///
    /// # Errors
    /// It is not, and why.
    pub fn judge(&self, line: &str, time: i64, level: Option<LogLevel>) -> Result<(), Reason> {
        if level.zip(self.min_level).is_some_and(|(level, least)| level < least) {
            return Err(Reason::Level);
        }
        if self.drop.iter().any(|rule| rule.matches(line)) {
            return Err(Reason::Rule);
        }
        let serious = level.is_some_and(|level| level >= LogLevel::Error);
        let means = |sample: &&Sample| if sample.of == Matcher::All { !serious } else { sample.of.matches(line) };
        match self.sample.iter().find(means) {
            Some(sample) if !sample.keeps(line, time) => Err(Reason::Sampled),
            _ => Ok(()),
        }
    }
}

/// What a container has left of its rate: ten seconds' worth at most, refilled as the times of its lines go on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowance {
    lines: Bucket,
    bytes: Bucket,
}

/// Counted in billionths, so that no time between lines is rounded away.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    /// Time of the newest line; `None` before the first.
    newest: Option<i64>,
    left: u128,
}

impl Bucket {
    /// Refills up to a time; says whether so much is there.
    fn has(&mut self, rate: u64, time: i64, wanted: u64) -> bool {
        let full = u128::from(rate) * u128::from(BURST_SECONDS * SECOND);
        match self.newest {
            None => self.left = full,
            Some(newest) if time >= newest => {
                self.left = (self.left + u128::from(rate) * u128::from(time.abs_diff(newest))).min(full);
            }
            // A raced line finds what is left; a clock that was set back begins anew from there.
            Some(newest) if newest.saturating_sub(time) < SET_BACK => return self.left >= whole(wanted, full),
            Some(_) => {}
        }
        self.newest = Some(time);
        self.left >= whole(wanted, full)
    }

    fn take(&mut self, rate: u64, wanted: u64) {
        let full = u128::from(rate) * u128::from(BURST_SECONDS * SECOND);
        self.left = self.left.saturating_sub(whole(wanted, full));
    }
}

/// A line larger than a full allowance passes when that is full.
fn whole(wanted: u64, full: u128) -> u128 {
    (u128::from(wanted) * u128::from(SECOND)).min(full)
}

impl Allowance {
    /// Takes a line from what is left; `time` in nanoseconds since 1970.
    ///
    /// # Errors
    /// There is not enough; then nothing is taken.
    pub fn take(&mut self, rate: Rate, line: &str, time: i64) -> Result<(), Reason> {
        let size = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if rate.lines.is_some_and(|lines| !self.lines.has(lines, time, 1)) {
            return Err(Reason::RateLines);
        }
        if rate.bytes.is_some_and(|bytes| !self.bytes.has(bytes, time, size)) {
            return Err(Reason::RateSize);
        }
        rate.lines.into_iter().for_each(|lines| self.lines.take(lines, 1));
        rate.bytes.into_iter().for_each(|bytes| self.bytes.take(bytes, size));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
