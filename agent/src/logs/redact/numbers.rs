//! Numbers of payment cards and of vehicles: looked for in strides, so that most bytes are never touched.

use super::{
    bytes::{at, escape_at, part, run_end, run_start, word},
    names::Builtin,
    scan::{Budget, CANDIDATE, Span},
};

/// Digits of a card: the shortest and the longest in use.
const CARD: std::ops::RangeInclusive<usize> = 13..=19;
/// Characters of a vehicle's number.
const VIN: usize = 17;
/// Groups of digits that are looked at together.
const MAX_GROUPS: usize = 5;

/// Finds card numbers that begin before `limit`; returns where it stopped. Every thirteenth byte is looked at: a number has no shorter
/// way around them.
pub(super) fn cards(bytes: &[u8], limit: usize, budget: &mut Budget, spans: &mut Vec<Span>) -> usize {
    let digit = |i: usize| at(bytes, i).is_ascii_digit();
    let stride = *CARD.start();
    let mut probe = stride - 1;
    while probe < bytes.len() {
        let inside = match at(bytes, probe) {
            b'0'..=b'9' => true,
            b' ' | b'-' => digit(probe - 1) && digit(probe + 1),
            _ => false,
        };
        if !inside {
            probe += stride;
            continue;
        }
        let start = start_of_groups(bytes, probe);
        if start >= limit {
            break;
        }
        let mut end = end_of_groups(bytes, probe);
        if end - start >= stride {
            end = groups(bytes, start, spans);
        }
        if !budget.spend(CANDIDATE / 4 + 4 * (end - start)) {
            return start;
        }
        probe = end.max(probe) + stride;
    }
    limit
}

/// Where the digits and single separators around a place begin.
fn start_of_groups(bytes: &[u8], place: usize) -> usize {
    let digit = |i: usize| at(bytes, i).is_ascii_digit();
    let mut start = place;
    while start > 0 {
        start = match at(bytes, start - 1) {
            b'0'..=b'9' => start - 1,
            b' ' | b'-' if start > 1 && digit(start - 2) && digit(start) => start - 2,
            _ => return start,
        };
    }
    start
}

/// Where they end.
fn end_of_groups(bytes: &[u8], place: usize) -> usize {
    let rest = bytes.get(place..).unwrap_or_default();
    let mut before = b'0';
    let mut length = 0;
    for byte in rest {
        let inside = byte.is_ascii_digit() || before.is_ascii_digit() && matches!(byte, b' ' | b'-');
        if !inside {
            break;
        }
        before = *byte;
        length += 1;
    }
    place + length - usize::from(!before.is_ascii_digit())
}

/// Reads groups of digits from `start` on and finds the numbers among them; returns where they end.
fn groups(bytes: &[u8], start: usize, spans: &mut Vec<Span>) -> usize {
    let mut window: [(usize, usize); MAX_GROUPS] = [(0, 0); MAX_GROUPS];
    let mut count = 0;
    let mut from = start + escape_at(bytes, start).min(2);
    loop {
        let end = run_end(bytes, from, |byte| byte.is_ascii_digit());
        let goes_on = matches!(at(bytes, end), b' ' | b'-') && at(bytes, end + 1).is_ascii_digit();
        if count == MAX_GROUPS {
            window.rotate_left(1);
            count -= 1;
        }
        if let Some(last) = window.get_mut(count) {
            *last = (from, end);
            count += 1;
        }
        // Every sequence of groups that ends here, the longest first.
        for first in 0..count {
            let these = window.get(first..count).unwrap_or_default();
            if is_card(bytes, these) {
                spans.push(Span::new(Builtin::Cards, these.first().map_or(from, |group| group.0), end));
                count = 0;
                break;
            }
        }
        if !goes_on {
            return end;
        }
        from = end + 1;
    }
}

/// Whether groups are one number: in the shapes that are printed on cards, of a known issuer, with a right last digit, and no part of
/// something longer.
fn is_card(bytes: &[u8], groups: &[(usize, usize)]) -> bool {
    let (Some((start, _)), Some((last, end))) = (groups.first(), groups.last()) else { return false };
    let lengths = groups.iter().map(|(start, end)| end - start);
    let total: usize = lengths.clone().sum();
    let four_each = groups.iter().rev().skip(1).all(|(start, end)| end - start == 4) && end - last <= 4;
    let shaped = groups.len() == 1 || four_each || lengths.eq([4, 6, 5]) || groups.len() == 3 && total == 14;
    if !CARD.contains(&total) || !shaped {
        return false;
    }
    let separators = groups.windows(2).filter_map(|pair| pair.first()).map(|(_, end)| at(bytes, *end));
    let mut digits = [0_u8; 19];
    let those = groups.iter().flat_map(|(start, end)| part(bytes, *start, *end)).map(|byte| byte - b'0');
    digits.iter_mut().zip(those).for_each(|(into, digit)| *into = digit);
    let digits = part(&digits, 0, total);
    let same = separators.clone().zip(separators.skip(1)).all(|(a, b)| a == b);
    same && luhn(digits) && issued(digits) && alone(bytes, *start, *end)
}

/// Not within a word, a hexadecimal number or a decimal fraction.
fn alone(bytes: &[u8], start: usize, end: usize) -> bool {
    let digit = |i: usize| at(bytes, i).is_ascii_digit();
    let fraction =
        start > 1 && at(bytes, start - 1) == b'.' && digit(start - 2) || at(bytes, end) == b'.' && digit(end + 1);
    super::bytes::begins(bytes, start) && !word(at(bytes, end)) && !fraction
}

fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, digit)| {
            let doubled = u32::from(*digit) * if i % 2 == 1 { 2 } else { 1 };
            doubled / 10 + doubled % 10
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Beginnings and lengths which the large issuers have (ISO/IEC 7812).
fn issued(digits: &[u8]) -> bool {
    let six = digits.iter().take(6).fold(0_u32, |number, digit| number * 10 + u32::from(*digit));
    let (four, two) = (six / 100, six / 10_000);
    match digits.len() {
        13 => two / 10 == 4,
        14 => matches!(two, 36 | 38 | 39) || (3000..=3059).contains(&four),
        15 => matches!(two, 34 | 37),
        length => {
            two / 10 == 4 && matches!(length, 16 | 19)
                || length == 16 && ((51..=55).contains(&two) || (2221..=2720).contains(&four))
                || four == 6011
                || matches!(two, 35 | 62 | 64 | 65)
                || matches!(four, 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763)
        }
    }
}

/// Finds vehicle numbers that begin before `limit`; returns where it stopped. `any` takes those without a check digit too.
pub(super) fn vins(bytes: &[u8], limit: usize, any: bool, budget: &mut Budget, spans: &mut Vec<Span>) -> usize {
    let mut probe = VIN - 1;
    while probe < bytes.len() {
        if !word(at(bytes, probe)) {
            probe += VIN;
            continue;
        }
        let start = run_start(bytes, probe, probe, word);
        if start >= limit {
            break;
        }
        let end = run_end(bytes, probe, word);
        if !budget.spend(CANDIDATE / 4 + end - start) {
            return start;
        }
        let inside = start + escape_at(bytes, start);
        let text = part(bytes, inside, end);
        if vin(text).is_some_and(|valid| valid || any) {
            let pattern = if any { Builtin::VinAny } else { Builtin::Vin };
            spans.push(Span::new(pattern, inside, end));
        }
        probe = end + VIN;
    }
    limit
}

/// Whether a text could be a vehicle's number (ISO 3779), and then whether its check digit is right (FMVSS 115).
fn vin(text: &[u8]) -> Option<bool> {
    const WEIGHTS: [u32; VIN] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    if text.len() != VIN {
        return None;
    }
    let mut sum = 0;
    let mut letters = 0;
    for (byte, weight) in text.iter().zip(WEIGHTS) {
        let value = match byte.to_ascii_uppercase() {
            digit @ b'0'..=b'9' => digit - b'0',
            letter @ b'A'..=b'H' => letter - b'A' + 1,
            letter @ b'J'..=b'N' => letter - b'J' + 1,
            b'P' => 7,
            b'R' => 9,
            letter @ b'S'..=b'Z' => letter - b'S' + 2,
            _ => return None,
        };
        letters += usize::from(byte.is_ascii_alphabetic());
        sum += u32::from(value) * weight;
    }
    // A serial number ends in digits, and a number without a letter is something else.
    let serial = part(text, VIN - 3, VIN).iter().all(u8::is_ascii_digit);
    let check = match sum % 11 {
        10 => b'X',
        digit => b'0' + u8::try_from(digit).unwrap_or(0),
    };
    let valid = at(text, 8).to_ascii_uppercase() == check;
    (letters > 0 && serial).then_some(valid)
}
