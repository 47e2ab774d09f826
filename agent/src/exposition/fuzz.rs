//! What fuzzers feed: label names and values on their way to the page.

pub use super::merge::fuzz::pages;

use super::{LabelSet, MAX_LABEL_NAME, MAX_LABEL_VALUE, label_name};
use crate::model::shorten;

/// What a scraper reads out of the page is what was put in, shortened; no value reaches beyond its quotes or its line.
pub fn labels(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (key, value) = text.split_once('=').unwrap_or(("key", &text));
    let Some(name) = label_name("container_label_", key) else { return };
    assert!(name.len() <= MAX_LABEL_NAME && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'), "{name}");
    let set = LabelSet::new([(name.as_str(), value), ("after", "x")]);
    assert!(!set.as_str().contains('\n'));
    let (read, rest) = read(set.as_str(), &name);
    assert_eq!(read, shorten(value, MAX_LABEL_VALUE));
    assert_eq!(rest, ",after=\"x\"");
}

/// A value as the text format's own rules read it, and what follows it.
fn read<'set>(set: &'set str, name: &str) -> (String, &'set str) {
    let quoted = set.strip_prefix(name).and_then(|rest| rest.strip_prefix("=\"")).unwrap_or_default();
    let (mut value, mut characters) = (String::new(), quoted.chars());
    while let Some(c) = characters.next() {
        match c {
            '"' => return (value, characters.as_str()),
            '\\' => match characters.next() {
                Some('n') => value.push('\n'),
                Some(c @ ('\\' | '"')) => value.push(c),
                other => return (format!("no such escape: {other:?}"), ""),
            },
            c => value.push(c),
        }
    }
    ("no closing quote".to_owned(), "")
}
