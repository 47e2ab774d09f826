//! Spans, and their way into protobuf.

use std::borrow::Cow;

use super::{
    at::At,
    ids::{Link, SpanId, TraceId},
};
use crate::otlp::wire::Writer;

/// Name of the instrumentation scope: what to filter by.
pub(super) const SCOPE: &str = "spyhop.lifecycle";

const INTERNAL: u64 = 1;
const ERROR: u64 = 2;
/// Sampled; and it is known that the parent is of the same process.
const FLAGS: u32 = 0x101;

/// Value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Texts(Vec<Cow<'a, str>>),
    Number(i64),
    Seconds(f64),
    Flag(bool),
}

/// Attributes in the order they are written; keys are this program's own.
pub(super) type Attributes<'a> = Vec<(&'static str, Value<'a>)>;

/// One span. All are INTERNAL.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Span<'a> {
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) name: Cow<'a, str>,
    pub(super) begin: At,
    /// Never before `begin` when it is written.
    pub(super) end: At,
    pub(super) attributes: Attributes<'a>,
    pub(super) events: Vec<(At, &'static str, Attributes<'a>)>,
    pub(super) links: Vec<Link>,
    /// What `error.type` says; the status is ERROR with it and unset without.
    pub(super) error: Option<Cow<'a, str>>,
}

impl<'a> Span<'a> {
    /// One with nothing but its times.
    pub(super) fn new(id: SpanId, parent: Option<SpanId>, name: impl Into<Cow<'a, str>>, begin: At, end: At) -> Self {
        let (attributes, events, links) = (Vec::new(), Vec::new(), Vec::new());
        Self { id, parent, name: name.into(), begin, end, attributes, events, links, error: None }
    }

    fn write(&self, trace: &TraceId, into: &mut Writer) {
        into.bytes(1, trace);
        into.bytes(2, &self.id);
        if let Some(parent) = &self.parent {
            into.bytes(4, parent);
        }
        into.string(5, &self.name);
        into.varint(6, INTERNAL);
        into.fixed64(7, self.begin.0);
        into.fixed64(8, self.end.max(self.begin).0);
        self.attributes.iter().for_each(|attribute| key_value(into, 9, attribute));
        if let Some(error) = &self.error {
            key_value(into, 9, &("error.type", Value::Text(Cow::Borrowed(error))));
        }
        for (at, name, attributes) in &self.events {
            into.message(11, |event| {
                event.fixed64(1, at.0);
                event.string(2, name);
                attributes.iter().for_each(|attribute| key_value(event, 3, attribute));
            });
        }
        for link in &self.links {
            into.message(13, |to| {
                to.bytes(1, &link.trace);
                to.bytes(2, &link.span);
            });
        }
        if let Some(error) = &self.error {
            into.message(15, |status| {
                status.string(2, error);
                status.varint(3, ERROR);
            });
        }
        into.fixed32(16, FLAGS);
    }
}

/// `ResourceSpans` as field 1 of a request: one resource, one scope, its spans.
pub(super) fn group(into: &mut Writer, trace: &TraceId, resource: &Attributes<'_>, spans: &[Span<'_>]) {
    into.message(1, |group| {
        group.message(1, |inner| resource.iter().for_each(|attribute| key_value(inner, 1, attribute)));
        group.message(2, |scoped| {
            scoped.message(1, |scope| {
                scope.string(1, SCOPE);
                scope.string(2, env!("CARGO_PKG_VERSION"));
            });
            spans.iter().for_each(|span| scoped.message(2, |inner| span.write(trace, inner)));
        });
    });
}

fn key_value(into: &mut Writer, number: u32, (key, value): &(&'static str, Value<'_>)) {
    into.message(number, |pair| {
        pair.string(1, key);
        pair.message(2, |any| match value {
            Value::Text(text) => any.string(1, text),
            Value::Flag(flag) => any.varint(2, u64::from(*flag)),
            Value::Number(number) => any.varint(3, number.cast_unsigned()),
            Value::Seconds(seconds) => any.fixed64(4, seconds.to_bits()),
            Value::Texts(texts) => any.message(5, |array| {
                texts.iter().for_each(|text| array.message(1, |any| any.string(1, text)));
            }),
        });
    });
}
