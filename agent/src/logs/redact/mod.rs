//! What must not be in a log is replaced by a mark, `[redacted:NAME]`, before a line leaves the host.
//!
//! ```text
//!  line -> literals, strides -> candidates -> spans -> joined, fitted into JSON -> line with marks
//! ```
//!
//! Most lines hold nothing: a few passes which touch most bytes with wide instructions or not at all say so, and only candidates are
//! looked at closely. Every pass is linear, with a budget; where one runs out, the rest of the line is cut off and never passed on
//! unread. Replacing again changes nothing. What it does to a line depends on the line and on a private key begun on the lines before.

mod bytes;
mod credentials;
mod cut;
mod email;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod keys;
mod literals;
mod names;
mod numbers;
mod own;
mod scan;
mod splice;
mod tokens;

use std::sync::Arc;

pub use names::{Builtin, MAX_NAME, MAX_OWN, Names, OwnPattern, PatternError};
use scan::{Budget, Span};
use splice::Edit;

/// How every mark begins.
const MARK: &str = "[redacted:";
/// What stands for the rest of a line that was not looked at.
const REST: &str = "[redacted:rest]";
/// Bytes by which marks may lengthen a line; beyond it the rest is cut off. Leave as much below what a receiver takes.
pub const MAX_GROWTH: usize = 16 * 1024;
/// Counters: built-in patterns, and a user's from [`OWN_BASE`] on.
pub const COUNTERS: usize = OWN_BASE + MAX_OWN;
/// The counter of the first own pattern.
const OWN_BASE: usize = 8;
/// Times a line with findings is looked at: a number that stood in one word with a token stands alone once that is replaced.
const ROUNDS: usize = 3;
/// Work of each built-in pass on a line, in bytes looked at: eight times the longest line, or one candidate in ten of its bytes. It
/// takes a few milliseconds.
const BUDGET: usize = 2 << 20;
/// Bytes all own patterns together may look at.
const OWN_BUDGET: usize = 3 << 20;

/// What to look for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Built-in patterns for every container.
    pub names: Names,
    /// A user's own, [`MAX_OWN`] at most; more are not looked for.
    pub own: Vec<OwnPattern>,
}

/// The patterns, compiled. Shared by all outputs.
#[derive(Debug)]
pub struct Redactor {
    tokens: tokens::Tokens,
    credentials: credentials::Credentials,
    keys: keys::Finder,
    own: Vec<OwnPattern>,
    names: Names,
}

/// What is kept of one output (one container, one stream) from line to line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    names: Names,
    open: keys::Open,
}

/// Memory used again for every line.
#[derive(Debug, Default)]
pub struct Scratch {
    spans: Vec<Span>,
    edits: Vec<Edit>,
    line: String,
    folded: Vec<u8>,
}

/// What was done to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redacted {
    /// Replacements of each pattern: built-in ones at [`Builtin::index`], the own ones behind them; [`Redactor::patterns`] names them.
    pub counts: [u16; COUNTERS],
    /// The rest of the line was cut off, because looking at it would have taken too long or lengthened it too much.
    pub cut: bool,
}

impl Redacted {
    /// Nothing was replaced.
    pub const NOTHING: Self = Self { counts: [0; COUNTERS], cut: false };

    /// Replacements in all.
    pub fn total(&self) -> u32 {
        self.counts.iter().map(|count| u32::from(*count)).sum()
    }
}

impl Redactor {
    /// Compiles the built-in patterns and takes the own ones.
    pub fn new(settings: &Settings) -> Self {
        Self {
            tokens: tokens::Tokens::new(),
            credentials: credentials::Credentials::new(),
            keys: keys::Finder::new(),
            own: settings.own.iter().take(MAX_OWN).cloned().collect(),
            names: settings.names,
        }
    }

    /// The state of a new output, whose container asks for `more` patterns than all.
    pub fn state(&self, more: Names) -> State {
        State { names: self.names.and(more), open: keys::Open::default() }
    }

    /// Names of the counters in [`Redacted::counts`], with their places.
    pub fn patterns(&self) -> impl Iterator<Item = (usize, Arc<str>)> {
        let builtin = Builtin::ALL.into_iter().map(|pattern| (pattern.index(), Arc::from(pattern.as_str())));
        builtin.chain(self.own.iter().enumerate().map(|(i, own)| (OWN_BASE + i, Arc::clone(&own.name))))
    }

    /// Whether there is nothing to replace in a line, which need not be copied then. If so it counts as one of its output; else nothing
    /// has happened, and [`Self::apply`] is to be called.
    pub fn is_clean(&self, state: &mut State, line: &str, scratch: &mut Scratch) -> bool {
        let mut open = state.open;
        scratch.spans.clear();
        let clean =
            self.find(state.names, &mut open, line.as_bytes(), scratch) >= line.len() && scratch.spans.is_empty();
        if clean {
            state.open = open;
        }
        clean
    }

    /// Replaces in a line, which is one of an output in their order. The line may hold line ends.
    pub fn apply(&self, state: &mut State, line: &mut String, scratch: &mut Scratch) -> Redacted {
        let mut all = Redacted::NOTHING;
        let mut open = state.open;
        for round in 0..ROUNDS {
            scratch.spans.clear();
            let limit = self.find(state.names, &mut open, line.as_bytes(), scratch);
            if round == 0 {
                state.open = open;
            }
            open = keys::Open::default();
            if scratch.spans.is_empty() && limit >= line.len() {
                break;
            }
            let redacted = self.replace(line, limit, scratch);
            all.counts.iter_mut().zip(redacted.counts).for_each(|(all, more)| *all = all.saturating_add(more));
            all.cut |= redacted.cut;
            if redacted.cut {
                break;
            }
        }
        all
    }

    /// Replaces what was found.
    fn replace(&self, line: &mut String, limit: usize, scratch: &mut Scratch) -> Redacted {
        // Own patterns are about bytes, and may part a character.
        for span in &mut scratch.spans {
            (span.start, span.end) = (line.floor_char_boundary(span.start), line.ceil_char_boundary(span.end));
        }
        splice::merge(&mut scratch.spans);
        splice::edits(line.as_bytes(), &scratch.spans, &mut scratch.edits);
        self.write(line, line.floor_char_boundary(limit), scratch)
    }

    /// Every pass; returns up to where all of them have looked.
    fn find(&self, names: Names, open: &mut keys::Open, bytes: &[u8], scratch: &mut Scratch) -> usize {
        let Scratch { spans, folded, .. } = scratch;
        let mut limit = bytes.len();
        if names.has(Builtin::PrivateKeys) {
            limit = self.keys.scan(open, bytes, limit, &mut Budget::new(BUDGET), spans);
        }
        if names.has(Builtin::Tokens) {
            limit = self.tokens.scan(bytes, limit, &mut Budget::new(BUDGET), spans);
        }
        if names.has(Builtin::Credentials) {
            limit = self.credentials.scan(bytes, limit, folded, &mut Budget::new(BUDGET), spans);
        }
        if names.has(Builtin::Cards) {
            limit = numbers::cards(bytes, limit, &mut Budget::new(BUDGET), spans);
        }
        if names.has(Builtin::Email) {
            limit = email::scan(bytes, limit, &mut Budget::new(BUDGET), spans);
        }
        if names.has(Builtin::Vin) || names.has(Builtin::VinAny) {
            limit = numbers::vins(bytes, limit, names.has(Builtin::VinAny), &mut Budget::new(BUDGET), spans);
        }
        for (pattern, own) in (8..).zip(&self.own) {
            let share = OWN_BUDGET / self.own.len();
            limit = own::scan(bytes, limit, own.expression.regex(), pattern, &mut Budget::new(share), spans);
        }
        limit
    }

    /// Writes the line anew.
    fn write(&self, line: &mut String, limit: usize, scratch: &mut Scratch) -> Redacted {
        let mut redacted = Redacted::NOTHING;
        let out = &mut scratch.line;
        out.clear();
        let most = line.len() + MAX_GROWTH;
        let mut done = 0;
        let mut end = limit;
        for edit in scratch.edits.iter().filter(|edit| edit.start < limit) {
            let name = self.name(edit.pattern);
            out.push_str(line.get(done..edit.start).unwrap_or_default());
            let left = line.len().saturating_sub(edit.end);
            if out.len() + MARK.len() + name.len() + 3 + left > most {
                (done, end) = (edit.start, edit.start);
                break;
            }
            let quote = if edit.quoted { "\"" } else { "" };
            [quote, MARK, name, "]", quote].into_iter().for_each(|piece| out.push_str(piece));
            done = edit.end;
            if let Some(count) = redacted.counts.get_mut(usize::from(edit.pattern)) {
                *count = count.saturating_add(1);
            }
        }
        out.push_str(line.get(done..end).unwrap_or_default());
        if end < line.len() && done < line.len() {
            out.push_str(REST);
            redacted.cut = true;
        }
        std::mem::swap(line, out);
        redacted
    }

    fn name(&self, pattern: u8) -> &str {
        let builtin = Builtin::ALL.into_iter().find(|builtin| builtin.index() == usize::from(pattern));
        let own = || self.own.get(usize::from(pattern).wrapping_sub(OWN_BASE)).map(|own| own.name.as_ref());
        builtin.map(Builtin::as_str).or_else(own).unwrap_or("own")
    }
}

#[cfg(test)]
mod tests;
