//! What senders call things, as label values: text, and not longer than a page has room for.

use std::borrow::{Borrow, Cow};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::model::shorten;

/// Longest name of a span or service, in bytes; semantic conventions ask for low cardinality, and get a few dozen.
pub const MAX_NAME: usize = 256;

/// Valid UTF-8 of at most [`MAX_NAME`] bytes. Two names that differ stay different unless they differ in invalid bytes alone.
pub(super) fn text(name: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(name) {
        Cow::Borrowed(name) => shorten(name, MAX_NAME),
        Cow::Owned(name) => Cow::Owned(shorten(&name, MAX_NAME).into_owned()),
    }
}

/// A name made by [`text`], found by the bytes a sender wrote without looking at them twice: what is stored is text, so whoever is equal
/// to it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name(pub(super) Arc<str>);

impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_bytes().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_become_text_that_fits_and_stays_as_it_is(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let once = text(&bytes).into_owned();
            prop_assert!(once.len() <= MAX_NAME);
            prop_assert_eq!(text(once.as_bytes()), once.as_str());
        }

        #[test]
        fn text_that_fits_is_left_alone(name in "\\PC{0,60}") {
            prop_assert_eq!(&*text(name.as_bytes()), name.as_str());
        }
    }
}
