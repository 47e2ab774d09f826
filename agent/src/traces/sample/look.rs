//! The few attributes of a span that say something about sending it, found in one walk.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::otlp::wire::{AnyValue, Attributes, Fields, Malformed, Span};

/// What was found of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Looked<'a> {
    /// `http.route`, `url.path`, `http.target`, as far as they are there.
    pub(super) paths: [Option<&'a [u8]>; 3],
    /// `sampling.priority`, from before there was a specification: above 0 is to be kept, 0 and below not to be.
    pub(super) priority: Option<f64>,
}

/// Whether a span may carry a priority: hardly any does, and a walk through all attributes costs ten times as much.
pub(super) fn may_have_priority(span: &Span<'_>) -> bool {
    static KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"sampling.priority"));
    KEY.find(span.message).is_some()
}

/// Looks through the attributes.
///
/// # Errors
/// The span, or one of these attributes, is no message.
pub(super) fn look<'a>(span: &Span<'a>) -> Result<Looked<'a>, Malformed> {
    let mut looked = Looked::default();
    for field in Fields::new(span.message) {
        let field = field?;
        if field.number != 9 {
            continue;
        }
        // Most attributes are none of these, and most begin with their key: a glance is enough.
        if key(field.bytes()?).is_some_and(|key| place(key).is_none()) {
            continue;
        }
        for pair in Attributes::new(field.raw, 9) {
            let pair = pair?;
            match (place(pair.key), pair.value) {
                (Some(Place::Path(at)), Some(AnyValue::String(text))) => {
                    if let Some(path) = looked.paths.get_mut(at) {
                        *path = Some(text);
                    }
                }
                (Some(Place::Priority), value) => looked.priority = value.and_then(priority).or(looked.priority),
                _ => {}
            }
        }
    }
    Ok(looked)
}

enum Place {
    Path(usize),
    Priority,
}

#[inline]
fn place(key: &[u8]) -> Option<Place> {
    match key {
        b"http.route" => Some(Place::Path(0)),
        b"url.path" => Some(Place::Path(1)),
        b"http.target" => Some(Place::Path(2)),
        b"sampling.priority" => Some(Place::Priority),
        _ => None,
    }
}

/// The key of a `KeyValue` that begins with it, and where its length is of one byte.
#[inline]
fn key(pair: &[u8]) -> Option<&[u8]> {
    match pair {
        [0x0a, length @ ..0x80, rest @ ..] => rest.get(..usize::from(*length)),
        _ => None,
    }
}

fn priority(value: AnyValue<'_>) -> Option<f64> {
    match value {
        AnyValue::Int(number) => Some(number as f64),
        AnyValue::Double(number) => Some(number),
        AnyValue::Bool(yes) => Some(f64::from(u8::from(yes))),
        AnyValue::String(text) => str::from_utf8(text).ok()?.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| !number.is_nan())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::type_complexity, reason = "tables of cases")]

    use super::*;
    use crate::otlp::wire::Writer;

    fn span(pairs: &[(&str, &dyn Fn(&mut Writer))]) -> Vec<u8> {
        let mut span = Writer::new();
        span.string(5, "GET /");
        for (key, value) in pairs {
            span.message(9, |pair| {
                pair.string(1, key);
                pair.message(2, value);
            });
        }
        span.into_bytes()
    }

    fn looked(pairs: &[(&str, &dyn Fn(&mut Writer))]) -> Looked<'static> {
        let bytes = Box::leak(span(pairs).into_boxed_slice());
        look(&Span::parse(bytes).unwrap()).unwrap()
    }

    #[test]
    fn paths_are_found_among_others() {
        let text = |text: &'static str| move |value: &mut Writer| value.string(1, text);
        let found = looked(&[
            ("http.request.method", &text("GET")),
            ("http.target", &text("/health?deep=1")),
            ("http.route", &text("/health")),
            ("http.routed", &text("no")),
            (&"x".repeat(300), &text("long")),
        ]);
        assert_eq!(found.paths, [Some(&b"/health"[..]), None, Some(b"/health?deep=1")]);
        assert_eq!(looked(&[("http.route", &|value| value.varint(3, 7))]).paths, [None; 3]);
    }

    #[test]
    fn priorities_of_every_type_are_read() {
        let cases: [(&dyn Fn(&mut Writer), Option<f64>); 7] = [
            (&|value| value.varint(3, 0), Some(0.0)),
            (&|value| value.varint(3, (-1_i64).cast_unsigned()), Some(-1.0)),
            (&|value| value.fixed64(4, 1.5_f64.to_bits()), Some(1.5)),
            (&|value| value.fixed64(4, f64::NAN.to_bits()), None),
            (&|value| value.string(1, " 1 "), Some(1.0)),
            (&|value| value.string(1, "high"), None),
            (&|value| value.varint(2, 1), Some(1.0)),
        ];
        for (at, (value, expected)) in cases.into_iter().enumerate() {
            assert_eq!(looked(&[("sampling.priority", value)]).priority, expected, "case {at}");
        }
    }

    #[test]
    fn a_pair_that_begins_with_its_value_is_read_too() {
        let mut span = Writer::new();
        span.message(9, |pair| {
            pair.message(2, |value| value.string(1, "/live"));
            pair.string(1, "url.path");
        });
        let bytes = span.into_bytes();
        assert_eq!(look(&Span::parse(&bytes).unwrap()).unwrap().paths, [None, Some(&b"/live"[..]), None]);
    }
}
