//! What fuzzers feed: the configuration file, and the words in it.

use std::{path::Path, sync::Arc};

use super::{Config, Report, Values, add_bytes, units};
use crate::model::{Glob, Pattern};

/// A configuration file: a configuration, or a report that can be shown.
pub fn document(bytes: &[u8]) {
    let mut values = Values::default();
    add_bytes(&Arc::from(Path::new("fuzz.yml")), bytes, &mut values);
    let policy = own_policy(&mut values);
    let config = Config::assemble(&mut values, None, policy);
    match Report::of(values.mistakes) {
        Some(report) => {
            let text = report.to_string();
            let control = |c: char| c.is_control() && c != '\n';
            assert!(!text.contains(control), "a terminal would obey this: {text:?}");
        }
        None => {
            std::hint::black_box(config);
        }
    }
}

/// The policy in the file itself; no other file is opened.
pub(super) fn own_policy(values: &mut Values) -> crate::policy::Policy {
    match values.take_policy() {
        Some((path, entries)) => super::policy::read_sections(&path, entries, &mut values.mistakes),
        None => crate::policy::Policy::default(),
    }
}

/// Durations, sizes and patterns: what is understood is shown so that it is understood the same again.
pub fn words(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(duration) = units::parse_duration(&text) {
        assert_eq!(units::parse_duration(&units::show_duration(duration)), Some(duration));
    }
    if let Some(size) = units::parse_size(&text) {
        assert_eq!(units::parse_size(&units::show_size(size)), Some(size));
    }
    std::hint::black_box(Pattern::parse(&text));
    let (pattern, subject) = text.split_once('\n').unwrap_or((&text, "web"));
    let matches = Glob::new(pattern).matches(subject);
    assert!(matches || pattern != "*", "a star matches everything");
}
