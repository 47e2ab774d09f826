//! Drop rules: patterns against names, routes and targets, made ready once, because every span is held against all of them.

use super::look::Looked;
use crate::{model::Glob, otlp::wire::Span};

/// A pattern, by where its stars are.
#[derive(Clone, Debug)]
enum Rule {
    /// `ping`.
    Whole(Box<[u8]>),
    /// `/health*`.
    Beginning(Box<[u8]>),
    /// `*/metrics`.
    End(Box<[u8]>),
    /// Any other.
    Other(Glob),
}

impl Rule {
    fn new(glob: &Glob) -> Self {
        let bytes = |text: &str| text.as_bytes().into();
        match glob.as_str().split('*').collect::<Vec<_>>().as_slice() {
            [whole] => Self::Whole(bytes(whole)),
            [beginning, ""] => Self::Beginning(bytes(beginning)),
            ["", end] => Self::End(bytes(end)),
            _ => Self::Other(glob.clone()),
        }
    }

    #[inline]
    fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Whole(whole) => **whole == *text,
            Self::Beginning(beginning) => text.starts_with(beginning),
            Self::End(end) => text.ends_with(end),
            Self::Other(glob) => str::from_utf8(text).is_ok_and(|text| glob.matches(text)),
        }
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    pub(super) fn new(globs: &[Glob]) -> Self {
        Self(globs.iter().map(Rule::new).collect())
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them matches the name of the span, its route, or its target with or without the query.
    pub(super) fn match_span(&self, span: &Span<'_>, looked: &Looked<'_>) -> bool {
        let [route, path, target] = looked.paths;
        // A target has a query, which a route has not.
        let without_query = target.and_then(|target| {
            let query = memchr::memchr(b'?', target)?;
            target.get(..query)
        });
        let mut texts = [Some(span.name), route, path, target, without_query].into_iter().flatten();
        !self.is_empty() && texts.any(|text| self.0.iter().any(|rule| rule.matches(text)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_that_are_no_text_match_what_they_begin_with() {
        let rule = |pattern| Rule::new(&Glob::new(pattern));
        assert!(rule("/health*").matches(b"/health\xff") && rule("*").matches(b"\xff"));
        assert!(!rule("/*h*").matches(b"/health\xff"));
    }

    proptest! {
        #[test]
        fn a_rule_is_its_pattern(pattern in "[ab/*]{0,6}", text in "[ab/]{0,6}") {
            let glob = Glob::new(pattern);
            prop_assert_eq!(Rule::new(&glob).matches(text.as_bytes()), glob.matches(&text));
        }
    }
}
