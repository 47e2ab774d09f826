//! Traces as they were told, read by the types of the protocol.

use std::fmt::Write as _;

use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value},
    trace::v1::Span,
};
use prost::Message as _;

use crate::observer::Told;

/// One trace, with the container each span is of.
#[derive(Clone, Debug)]
pub(crate) struct Trace {
    pub(crate) spans: Vec<(String, Span)>,
    projects: Vec<String>,
}

impl Trace {
    pub(crate) fn root(&self) -> &Span {
        &self.spans.iter().find(|(_, span)| span.parent_span_id.is_empty()).expect("a root").1
    }

    #[track_caller]
    pub(crate) fn span(&self, name: &str) -> &Span {
        let named = self.spans.iter().find(|(_, span)| span.name == name);
        &named.unwrap_or_else(|| panic!("no {name} in\n{}", self.drawing())).1
    }

    pub(crate) fn under<'a>(&'a self, parent: &'a Span) -> Vec<&'a Span> {
        let mut spans: Vec<_> =
            self.spans.iter().map(|(_, span)| span).filter(|span| span.parent_span_id == parent.span_id).collect();
        spans.sort_by_key(|span| (span.start_time_unix_nano, span.end_time_unix_nano));
        spans
    }

    #[track_caller]
    pub(crate) fn names(&self, parent: &str) -> Vec<&str> {
        self.under(self.span(parent)).into_iter().map(|span| span.name.as_str()).collect()
    }

    pub(crate) fn ids(&self) -> Vec<(String, String)> {
        let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let mut ids: Vec<_> = self
            .spans
            .iter()
            .map(|(_, span)| (span.name.clone(), format!("{} {}", hex(&span.trace_id), hex(&span.span_id))))
            .collect();
        ids.sort();
        ids
    }

    /// As in docs/lifecycle.md.
    pub(crate) fn drawing(&self) -> String {
        let root = self.root();
        let (zero, whole) = (root.start_time_unix_nano, root.end_time_unix_nano - root.start_time_unix_nano);
        let place = |time: u64| {
            usize::try_from(u128::from(time.saturating_sub(zero)) * 34 / u128::from(whole.max(1))).expect("it is small")
        };
        let mut rows = Vec::new();
        let mut waiting = vec![(0, root)];
        while let Some((depth, span)) = waiting.pop() {
            rows.push((format!("{}{}", "  ".repeat(depth), span.name), span));
            waiting.extend(self.under(span).into_iter().rev().map(|child| (depth + 1, child)));
        }
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let mut text = String::new();
        for (name, span) in rows {
            let (from, to) = (place(span.start_time_unix_nano), place(span.end_time_unix_nano).min(34));
            let bar = format!("{}|{}|", " ".repeat(from), "=".repeat(to.saturating_sub(from)));
            let seconds = |time: u64| time.saturating_sub(zero) as f64 / 1e9;
            let (from, to) = (seconds(span.start_time_unix_nano), seconds(span.end_time_unix_nano));
            let error = attribute(span, "error.type").map(|error| format!("  ERROR {error}")).unwrap_or_default();
            let link = if span.links.is_empty() { "" } else { "  linked" };
            writeln!(text, "{name:<width$} {from:6.2}s {bar:<37} {to:6.2}s{error}{link}").expect("a string");
        }
        text
    }
}

pub(crate) fn attribute(span: &Span, key: &str) -> Option<String> {
    value(&span.attributes, key)
}

fn value(attributes: &[KeyValue], key: &str) -> Option<String> {
    let text = |value: &AnyValue| match value.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        any_value::Value::BoolValue(flag) => Some(flag.to_string()),
        any_value::Value::IntValue(number) => Some(number.to_string()),
        any_value::Value::DoubleValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    };
    attributes.iter().find(|pair| pair.key == key)?.value.as_ref().and_then(text)
}

/// Every trace with a span of this project.
pub(crate) fn traces(told: &Told, project: &str) -> Vec<Trace> {
    let told = told.lock().expect("nobody panicked").clone();
    let read = |bytes: Bytes| {
        let request = ExportTraceServiceRequest::decode(bytes).expect("a request");
        let mut trace = Trace { spans: Vec::new(), projects: Vec::new() };
        for group in request.resource_spans {
            let resource = group.resource.unwrap_or_default().attributes;
            trace.projects.extend(value(&resource, "service.namespace"));
            let container = value(&resource, "container.name").unwrap_or_default();
            let spans = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
            trace.spans.extend(spans.map(|span| (container.clone(), span)));
        }
        trace
    };
    told.into_iter().map(read).filter(|trace| trace.projects.iter().any(|name| name == project)).collect()
}
