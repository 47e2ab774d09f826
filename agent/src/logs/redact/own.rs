//! A user's own patterns. Expressions are linear in what they are shown; they are shown pieces, so that a line costs what its length
//! says and no more. A match longer than 1 KiB may be found in part only.

use regex::bytes::Regex;

use super::scan::{Budget, Span};

/// Bytes an expression sees at once.
const PIECE: usize = 4096;
/// Bytes by which it moves on.
const STEP: usize = PIECE - MOST;
/// Bytes of a match which is found whole wherever it begins.
const MOST: usize = 1024;

/// Finds matches that begin before `limit`; returns where it stopped.
pub(super) fn scan(
    bytes: &[u8],
    limit: usize,
    regex: &Regex,
    pattern: u8,
    budget: &mut Budget,
    spans: &mut Vec<Span>,
) -> usize {
    let groups = regex.captures_len() > 1;
    let mut locations = regex.capture_locations();
    let mut base = 0;
    // Where the next match may begin, in the whole line.
    let mut next = 0;
    while base < limit {
        // A little of what stands before is shown too, for `\b` and `^`: only the true beginning is one.
        let shown = base.saturating_sub(1);
        let piece = super::bytes::part(bytes, shown, base + PIECE);
        let last = base + PIECE >= bytes.len();
        let until = if last { bytes.len() } else { base + STEP };
        next = next.max(base);
        while next < until.max(1) && next <= bytes.len() {
            // Also a short match may have taken a look at all the rest.
            if !budget.spend(64 + (shown + piece.len()).saturating_sub(next)) {
                return next.min(limit);
            }
            let found = match groups {
                true => regex.captures_read_at(&mut locations, piece, next - shown),
                false => regex.find_at(piece, next - shown),
            };
            let Some(found) = found else { break };
            if shown + found.start() >= until && !last {
                break;
            }
            let (start, end) = locations.get(1).filter(|_| groups).unwrap_or((found.start(), found.end()));
            if shown + found.start() >= limit {
                return limit;
            }
            if end > start {
                let (start, end) = (shown + start, shown + end);
                spans.push(Span { whole: shown + found.start(), start, end, pattern });
            }
            next = shown + found.end().max(found.start() + 1);
        }
        if last {
            break;
        }
        base += STEP;
    }
    limit
}
