//! Finding any of some short literals, by the widest instructions the processor has. Up to 32 literals of four bytes and more take half
//! the time of more, or shorter ones.

use aho_corasick::{
    AhoCorasick, Input, Span,
    packed::{Config, MatchKind, Searcher},
};

/// Literals, at most 64 so that they fit the packed search.
#[derive(Debug)]
pub(super) struct Literals {
    packed: Option<Searcher>,
    /// Where there are no wide instructions; `None` only if it could not be built, and then nothing can be promised.
    plain: Option<AhoCorasick>,
}

impl Literals {
    pub(super) fn new<B: AsRef<[u8]>>(literals: &[B]) -> Self {
        let packed = Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(literals).build();
        let plain = if packed.is_none() { AhoCorasick::new(literals).ok() } else { None };
        debug_assert!(packed.is_some() || plain.is_some(), "literals of a few bytes build");
        Self { packed, plain }
    }

    /// The first literal that begins at `from` or later: its number and its start.
    pub(super) fn find(&self, bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        if from >= bytes.len() {
            return None;
        }
        let span = Span { start: from, end: bytes.len() };
        let found = match (&self.packed, &self.plain) {
            (Some(packed), _) => packed.find_in(bytes, span),
            (None, Some(plain)) => plain.find(Input::new(bytes).span(span)),
            (None, None) => None,
        };
        found.map(|found| (found.pattern().as_usize(), found.start()))
    }
}
