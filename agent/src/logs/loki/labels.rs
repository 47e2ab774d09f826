//! Labels of a stream, as Loki writes them itself: `{host="a", service_name="shop/web", stream="stdout"}`.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _};

use crate::model::shorten;

/// Labels of one stream (`max_label_names_per_series`); `service_name` is not counted, so this leaves one to spare.
pub const MAX_LABELS: usize = 15;
/// Longest name, in bytes (`max_label_name_length`).
pub const MAX_NAME: usize = 1024;
/// Longest value, in bytes (`max_label_value_length`).
pub const MAX_VALUE: usize = 2048;

/// Labels in Loki's own spelling, so that a stream named in one of its messages can be found again: by name, quoted as Go quotes (but
/// that Go also escapes what it cannot print beyond ASCII).
///
/// Nothing that Loki would refuse comes out: names are bent to letters, digits and `_`, values are shortened to [`MAX_VALUE`], empty
/// ones left out, of equal names the first is kept, and of all the first [`MAX_LABELS`]. Loki cannot keep U+FFFD, which is what
/// bytes that are no UTF-8 became: it reads it as a mistake, spelt out or escaped. `?` stands for it.
pub fn labels<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut sorted = BTreeMap::new();
    for (name, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
        if sorted.len() == MAX_LABELS {
            break;
        }
        sorted.entry(bend(name)).or_insert(value);
    }
    let mut text = String::from("{");
    for (name, value) in sorted {
        if text.len() > 1 {
            text.push_str(", ");
        }
        text.push_str(&name);
        text.push('=');
        quote(&mut text, &shorten(&value.replace(char::REPLACEMENT_CHARACTER, "?"), MAX_VALUE));
    }
    text.push('}');
    text
}

/// The names and values which [`labels`] wrote. What it has not written ends the list.
pub fn pairs(labels: &str) -> Vec<(&str, String)> {
    let mut pairs = Vec::new();
    let mut rest = labels.strip_prefix('{').unwrap_or_default();
    while let Some((name, after)) = rest.split_once("=\"") {
        let Some((value, after)) = unquote(after) else { break };
        pairs.push((name, value));
        rest = after.strip_prefix(", ").unwrap_or_default();
    }
    pairs
}

/// What stands before the next quote, without escapes, and what stands behind it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        match rest.next()? {
            '"' => return Some((value, rest.as_str())),
            '\\' => match rest.next()? {
                'a' => value.push('\x07'),
                'b' => value.push('\x08'),
                'f' => value.push('\x0c'),
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                'v' => value.push('\x0b'),
                'x' => value.push(escaped(&mut rest, 2)?),
                'u' => value.push(escaped(&mut rest, 4)?),
                c => value.push(c),
            },
            c => value.push(c),
        }
    }
}

/// A character by its number in so many hexadecimal digits.
fn escaped(rest: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let (number, after) = rest.as_str().split_at_checked(digits)?;
    *rest = after.chars();
    char::from_u32(u32::from_str_radix(number, 16).ok()?)
}

/// A name made of letters, digits and `_`, not beginning with a digit.
fn bend(name: &str) -> Cow<'_, str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let led = !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit());
    if led && name.len() <= MAX_NAME && name.chars().all(fits) {
        return Cow::Borrowed(name);
    }
    let lead = (!led).then_some('_');
    Cow::Owned(lead.into_iter().chain(name.chars().map(|c| if fits(c) { c } else { '_' })).take(MAX_NAME).collect())
}

/// Between quotes, with what cannot stand there in Go's escapes.
fn quote(into: &mut String, value: &str) {
    into.push('"');
    for c in value.chars() {
        match c {
            '"' => into.push_str("\\\""),
            '\\' => into.push_str("\\\\"),
            '\x07' => into.push_str("\\a"),
            '\x08' => into.push_str("\\b"),
            '\x0c' => into.push_str("\\f"),
            '\n' => into.push_str("\\n"),
            '\r' => into.push_str("\\r"),
            '\t' => into.push_str("\\t"),
            '\x0b' => into.push_str("\\v"),
            // Writing to a string cannot fail.
            '\0'..='\x1f' | '\x7f' => drop(write!(into, "\\x{:02x}", u32::from(c))),
            '\u{80}'..='\u{9f}' => drop(write!(into, "\\u{:04x}", u32::from(c))),
            _ => into.push(c),
        }
    }
    into.push('"');
}

#[cfg(test)]
#[path = "tests/labels.rs"]
mod tests;
