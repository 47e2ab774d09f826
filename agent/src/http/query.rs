//! The query of a request: `name=value` pairs, percent-encoded.

use std::borrow::Cow;

/// The pairs in their order, decoded. A name without `=` has an empty value. What is not a valid escape stands for itself,
/// what is not UTF-8 becomes U+FFFD: a value like that matches nothing, and the answer says so.
pub(super) fn pairs(query: Option<&str>) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// The last value under this name.
pub(super) fn last<'a>(query: Option<&'a str>, name: &str) -> Option<Cow<'a, str>> {
    pairs(query).filter(|(key, _)| key == name).last().map(|(_, value)| value)
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut rest = text.as_bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some((&first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'+', _) => (b' ', after),
            (b'%', &[high, low, ref after @ ..]) => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => (high << 4 | low, after),
                _ => (first, rest.get(1..).unwrap_or_default()),
            },
            _ => (first, after),
        };
        decoded.push(byte);
        rest = after;
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

/// The value of a hexadecimal digit.
fn digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_are_split_and_decoded() {
        for (query, expected) in [
            ("", &[][..]),
            ("collect[]=node", &[("collect[]", "node")]),
            ("collect%5B%5D=node&collect%5b%5d=machine", &[("collect[]", "node"), ("collect[]", "machine")]),
            ("a=1&&b", &[("a", "1"), ("b", "")]),
            ("a=b=c", &[("a", "b=c")]),
            ("a=%26%3D%25", &[("a", "&=%")]),
            ("a=one+two%2Bthree", &[("a", "one two+three")]),
            ("a=%", &[("a", "%")]),
            ("a=%4", &[("a", "%4")]),
            ("a=%zz%41", &[("a", "%zzA")]),
            ("a=%%341", &[("a", "%41")]),
            ("a=%C3%A4%ff", &[("a", "\u{e4}\u{fffd}")]),
        ] {
            let found: Vec<_> = pairs(Some(query)).collect();
            let found: Vec<_> = found.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
            assert_eq!(found, expected, "{query:?}");
        }
        assert_eq!(pairs(None).count(), 0);
    }

    #[test]
    fn the_last_value_counts() {
        assert_eq!(last(Some("a=1&b=2&a=3"), "a").as_deref(), Some("3"));
        assert_eq!(last(Some("a=1"), "b"), None);
    }

    proptest! {
        #[test]
        fn every_text_survives_being_encoded(text in ".*") {
            let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            prop_assert_eq!(decode(&encoded), text);
        }

        #[test]
        fn every_query_decodes(query in ".*") {
            let _ = pairs(Some(&query)).count();
        }
    }
}
