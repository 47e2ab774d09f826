//! Reads what other programs expose: the Prometheus text format 0.0.4 and OpenMetrics 1.0, a piece at a time.
//!
//! Everything that is read is foreign. A line, the labels of a sample, the samples and the bytes of a page have ceilings
//! ([`Limits`]); what breaks a rule ends the page with an error, since half a page is worse than none. It accepts what
//! Prometheus 2 accepts, and where it is more lenient (blanks in OpenMetrics) the meaning is the same. Nothing is kept but
//! an unfinished line.
//!
//! Timestamps and exemplars are checked for their form and left out: who merges a page gives it the time of the scrape.

mod line;

use memchr::memchr;

use super::Format;

pub use line::{Item, Kind, Label};

/// Ceilings of one page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a line.
    pub line: usize,
    /// Labels of a sample.
    pub labels: usize,
    /// Samples of the page.
    pub samples: u64,
    /// Bytes of the page.
    pub bytes: u64,
}

impl Default for Limits {
    /// A large application: a service mesh's proxy has some five thousand samples, a label of a kilobyte is a mistake.
    fn default() -> Self {
        Self { line: 16 << 10, labels: 64, samples: 20_000, bytes: 4 << 20 }
    }
}

/// Why a page is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// More than [`Limits::line`].
    #[error("line {0} is too long")]
    LineTooLong(u64),
    /// More than [`Limits::samples`].
    #[error("there are more than {0} samples")]
    TooManySamples(u64),
    /// More than [`Limits::bytes`].
    #[error("the page is larger than {0} bytes")]
    TooLarge(u64),
    /// Not the format.
    #[error("line {line}: {what}")]
    Syntax {
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong with it; never the text itself.
        what: &'static str,
    },
    /// OpenMetrics without `# EOF`: it was cut off.
    #[error("the page does not end in # EOF")]
    NoEof,
}

/// Reads one page, fed piece by piece.
#[derive(Debug)]
pub struct Parser {
    format: Format,
    limits: Limits,
    carry: Vec<u8>,
    line: u64,
    samples: u64,
    bytes: u64,
    eof: bool,
}

impl Parser {
    /// A page of this format.
    pub const fn new(format: Format, limits: Limits) -> Self {
        Self { format, limits, carry: Vec::new(), line: 0, samples: 0, bytes: 0, eof: false }
    }

    /// Reads the next piece; `each` gets what its complete lines say.
    ///
    /// # Errors
    /// At the first broken rule; the page is then of no use.
    pub fn push(&mut self, mut piece: &[u8], each: &mut impl FnMut(Item<'_>)) -> Result<(), ParseError> {
        self.bytes = self.bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if self.bytes > self.limits.bytes {
            return Err(ParseError::TooLarge(self.limits.bytes));
        }
        while let Some(end) = memchr(b'\n', piece) {
            let (head, rest) = piece.split_at_checked(end).unwrap_or((piece, &[]));
            piece = rest.get(1..).unwrap_or_default();
            if self.carry.is_empty() {
                self.read(head, each)?;
            } else {
                self.keep(head)?;
                let mut whole = std::mem::take(&mut self.carry);
                self.read(&whole, each)?;
                whole.clear();
                self.carry = whole;
            }
        }
        self.keep(piece)
    }

    /// Ends the page; gives the number of its samples.
    ///
    /// # Errors
    /// As [`Self::push`], and when OpenMetrics was cut off.
    pub fn finish(mut self, each: &mut impl FnMut(Item<'_>)) -> Result<u64, ParseError> {
        // The last line may lack its end.
        let last = std::mem::take(&mut self.carry);
        if !last.is_empty() {
            self.read(&last, each)?;
        }
        if self.format == Format::OpenMetrics && !self.eof {
            return Err(ParseError::NoEof);
        }
        Ok(self.samples)
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), ParseError> {
        if self.carry.len() + part.len() > self.limits.line {
            return Err(ParseError::LineTooLong(self.line + 1));
        }
        self.carry.extend_from_slice(part);
        Ok(())
    }

    fn read(&mut self, line: &[u8], each: &mut impl FnMut(Item<'_>)) -> Result<(), ParseError> {
        self.line += 1;
        let wrong = |what| ParseError::Syntax { line: self.line, what };
        if line.len() > self.limits.line {
            return Err(ParseError::LineTooLong(self.line));
        }
        let text = std::str::from_utf8(line).map_err(|_| wrong("is not UTF-8"))?;
        if self.eof {
            return if text.is_empty() { Ok(()) } else { Err(wrong("stands behind # EOF")) };
        }
        match line::read(self.format, text, self.limits.labels).map_err(wrong)? {
            None => {}
            Some(Item::Eof) => self.eof = true,
            Some(item) => {
                if matches!(item, Item::Sample { .. }) {
                    self.samples += 1;
                    if self.samples > self.limits.samples {
                        return Err(ParseError::TooManySamples(self.limits.samples));
                    }
                }
                each(item);
            }
        }
        Ok(())
    }
}

/// Reads a whole page and gives the number of its samples: the way in for fuzzing, and for whoever only wants a verdict.
///
/// # Errors
/// As [`Parser::push`] and [`Parser::finish`].
pub fn check(format: Format, page: &[u8], limits: Limits) -> Result<u64, ParseError> {
    let mut parser = Parser::new(format, limits);
    parser.push(page, &mut |_| {})?;
    parser.finish(&mut |_| {})
}

#[cfg(test)]
mod tests;
