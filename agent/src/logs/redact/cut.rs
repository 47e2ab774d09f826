//! Where a line that is too long may be cut: not within a secret, of which neither half would be known for one.

use super::{
    Redactor, Scratch,
    bytes::{at, part, run_start},
    names::Names,
};

/// Bytes a cut goes back at most; secrets are shorter, keys of 8192 bits included.
const BACK: usize = 8192;
/// Bytes looked at for the end of a word.
const WORD: usize = 4096;
/// Bytes before a cut in which no token may have begun.
const NEAR: usize = 512;

impl Redactor {
    /// The length, at most `limit`, to which a text may be cut so that nothing which the patterns `names` look for is parted. It falls
    /// short of `limit` by 8 KiB and half of it at most, is above 0 for a `limit` of 4 and more, and stands between characters.
    ///
    /// Give the text behind `limit` too, as far as it is at hand: 8 KiB of it are looked at. Without it the cut keeps to the ends of
    /// words, which is enough for every token and number, and for a value if its beginning is replaced with its key.
    pub fn safe_cut(&self, names: Names, text: &str, limit: usize, scratch: &mut Scratch) -> usize {
        if text.len() <= limit {
            return text.len();
        }
        let least = text.floor_char_boundary(limit - BACK.min(limit / 2));
        let bytes = text.as_bytes();
        let mut cut = self.end_of_word(bytes, least, text.floor_char_boundary(limit));
        cut = before_digits(bytes, least, cut);
        if let Some(begin) = memchr::memmem::rfind(part(bytes, cut.saturating_sub(48).max(least), cut), b"-----BEGIN") {
            cut = cut.saturating_sub(48).max(least) + begin;
        }
        let end = text.floor_char_boundary(cut.saturating_add(BACK));
        let window = text.get(least..end).unwrap_or_default();
        scratch.spans.clear();
        self.find(names, &mut Default::default(), window.as_bytes(), scratch);
        while let Some(whole) = scratch
            .spans
            .iter()
            .filter(|span| least + span.whole < cut && cut < least + span.end)
            .map(|span| span.whole)
            .min()
        {
            cut = least + whole;
        }
        match text.floor_char_boundary(cut.max(least)) {
            0 => text.floor_char_boundary(limit),
            cut => cut,
        }
    }

    /// The end of the last word before `cut`: at a space or quote, else at a comma or bracket, else before what begins as a token.
    fn end_of_word(&self, bytes: &[u8], least: usize, cut: usize) -> usize {
        let from = least.max(cut.saturating_sub(WORD));
        let before = part(bytes, from, cut);
        let strong = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'<' | b'>' | b'`');
        let weak = |byte: &u8| matches!(byte, b',' | b';' | b'{' | b'}' | b'[' | b']' | b'(' | b')' | b'|' | b'&');
        // A cut between two words is one already.
        if strong(&at(bytes, cut)) {
            return cut;
        }
        let end = before.iter().rposition(strong).or_else(|| before.iter().rposition(weak));
        if let Some(end) = end {
            return from + end;
        }
        let near = from.max(cut.saturating_sub(NEAR));
        self.tokens.literal(part(bytes, near, cut)).map_or(cut, |start| near + start)
    }
}

/// Before the digits which a cut stands behind, groups with single separators included: they may be the beginning of a card's number.
fn before_digits(bytes: &[u8], least: usize, cut: usize) -> usize {
    let spaced = |byte: u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-');
    let start = run_start(bytes, cut, 32.min(cut - least), spaced);
    // What follows a comma begins with a space.
    let start = start + part(bytes, start, cut).iter().position(u8::is_ascii_digit).unwrap_or(cut - start);
    if spaced(at(bytes, cut)) { start } else { cut }
}
