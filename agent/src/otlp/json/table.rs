//! The messages of the three requests: key in JSON, number and kind of each field.
//!
//! Left out are `stringValueStrindex` and `keyStrindex`, which the protocol keeps for profiles and forbids here: they are unknown fields.
//!
//! Source: opentelemetry-proto 1.11.0. A test beside the converter holds the tables against OpenTelemetry's own types.

use Kind::{Base64, Bool, Double, Enum, Fixed32, Fixed64, Id, Int64, Message, Sfixed64, Sint32, Text, Uint32, Uint64};

use crate::otlp::Signal;

/// A field of a message.
pub(in crate::otlp) struct Entry {
    /// Name in JSON.
    pub(in crate::otlp) key: &'static str,
    /// Number in protobuf.
    pub(in crate::otlp) number: u32,
    /// What stands in it.
    pub(in crate::otlp) kind: Kind,
    /// Whether it is a list.
    pub(in crate::otlp) many: bool,
}

/// What stands in a field.
#[derive(Clone, Copy)]
pub(in crate::otlp) enum Kind {
    /// A string.
    Text,
    /// Bytes written in hexadecimal: id of a trace or a span.
    Id,
    /// Bytes written in base64.
    Base64,
    Bool,
    Enum,
    Double,
    Uint32,
    Int64,
    Uint64,
    Sint32,
    Fixed32,
    Fixed64,
    Sfixed64,
    Message(&'static [Entry]),
}

const fn one(key: &'static str, number: u32, kind: Kind) -> Entry {
    Entry { key, number, kind, many: false }
}

const fn many(key: &'static str, number: u32, kind: Kind) -> Entry {
    Entry { key, number, kind, many: true }
}

/// The request of a signal.
pub(in crate::otlp) fn request(signal: Signal) -> &'static [Entry] {
    match signal {
        Signal::Traces => &TRACES,
        Signal::Metrics => &METRICS,
        Signal::Logs => &LOGS,
    }
}

static TRACES: [Entry; 1] = [many("resourceSpans", 1, Message(&RESOURCE_SPANS))];
static METRICS: [Entry; 1] = [many("resourceMetrics", 1, Message(&RESOURCE_METRICS))];
static LOGS: [Entry; 1] = [many("resourceLogs", 1, Message(&RESOURCE_LOGS))];

static RESOURCE_SPANS: [Entry; 3] = group("scopeSpans", &SCOPE_SPANS);
static RESOURCE_METRICS: [Entry; 3] = group("scopeMetrics", &SCOPE_METRICS);
static RESOURCE_LOGS: [Entry; 3] = group("scopeLogs", &SCOPE_LOGS);

const fn group(scopes: &'static str, scope: &'static [Entry]) -> [Entry; 3] {
    [one("resource", 1, Message(&RESOURCE)), many(scopes, 2, Message(scope)), one("schemaUrl", 3, Text)]
}

static SCOPE_SPANS: [Entry; 3] = scope("spans", &SPAN);
static SCOPE_METRICS: [Entry; 3] = scope("metrics", &METRIC);
static SCOPE_LOGS: [Entry; 3] = scope("logRecords", &LOG_RECORD);

const fn scope(records: &'static str, record: &'static [Entry]) -> [Entry; 3] {
    [one("scope", 1, Message(&SCOPE)), many(records, 2, Message(record)), one("schemaUrl", 3, Text)]
}

const fn attributes(number: u32) -> Entry {
    many("attributes", number, Message(&KEY_VALUE))
}

static RESOURCE: [Entry; 3] =
    [attributes(1), one("droppedAttributesCount", 2, Uint32), many("entityRefs", 3, Message(&ENTITY_REF))];
static ENTITY_REF: [Entry; 4] =
    [one("schemaUrl", 1, Text), one("type", 2, Text), many("idKeys", 3, Text), many("descriptionKeys", 4, Text)];
static SCOPE: [Entry; 4] =
    [one("name", 1, Text), one("version", 2, Text), attributes(3), one("droppedAttributesCount", 4, Uint32)];

static KEY_VALUE: [Entry; 2] = [one("key", 1, Text), one("value", 2, Message(&ANY_VALUE))];
/// In a list of these a null is an empty one: that is what an empty value means.
pub(super) static ANY_VALUE: [Entry; 7] = [
    one("stringValue", 1, Text),
    one("boolValue", 2, Bool),
    one("intValue", 3, Int64),
    one("doubleValue", 4, Double),
    one("arrayValue", 5, Message(&ARRAY_VALUE)),
    one("kvlistValue", 6, Message(&KEY_VALUE_LIST)),
    one("bytesValue", 7, Base64),
];
static ARRAY_VALUE: [Entry; 1] = [many("values", 1, Message(&ANY_VALUE))];
static KEY_VALUE_LIST: [Entry; 1] = [many("values", 1, Message(&KEY_VALUE))];

static SPAN: [Entry; 16] = [
    one("traceId", 1, Id),
    one("spanId", 2, Id),
    one("traceState", 3, Text),
    one("parentSpanId", 4, Id),
    one("name", 5, Text),
    one("kind", 6, Enum),
    one("startTimeUnixNano", 7, Fixed64),
    one("endTimeUnixNano", 8, Fixed64),
    attributes(9),
    one("droppedAttributesCount", 10, Uint32),
    many("events", 11, Message(&EVENT)),
    one("droppedEventsCount", 12, Uint32),
    many("links", 13, Message(&LINK)),
    one("droppedLinksCount", 14, Uint32),
    one("status", 15, Message(&STATUS)),
    one("flags", 16, Fixed32),
];
static EVENT: [Entry; 4] =
    [one("timeUnixNano", 1, Fixed64), one("name", 2, Text), attributes(3), one("droppedAttributesCount", 4, Uint32)];
static LINK: [Entry; 6] = [
    one("traceId", 1, Id),
    one("spanId", 2, Id),
    one("traceState", 3, Text),
    attributes(4),
    one("droppedAttributesCount", 5, Uint32),
    one("flags", 6, Fixed32),
];
static STATUS: [Entry; 2] = [one("message", 2, Text), one("code", 3, Enum)];

static METRIC: [Entry; 9] = [
    one("name", 1, Text),
    one("description", 2, Text),
    one("unit", 3, Text),
    one("gauge", 5, Message(&GAUGE)),
    one("sum", 7, Message(&SUM)),
    one("histogram", 9, Message(&HISTOGRAM)),
    one("exponentialHistogram", 10, Message(&EXPONENTIAL_HISTOGRAM)),
    one("summary", 11, Message(&SUMMARY)),
    many("metadata", 12, Message(&KEY_VALUE)),
];
static GAUGE: [Entry; 1] = [many("dataPoints", 1, Message(&NUMBER_POINT))];
static SUM: [Entry; 3] = [
    many("dataPoints", 1, Message(&NUMBER_POINT)),
    one("aggregationTemporality", 2, Enum),
    one("isMonotonic", 3, Bool),
];
static HISTOGRAM: [Entry; 2] =
    [many("dataPoints", 1, Message(&HISTOGRAM_POINT)), one("aggregationTemporality", 2, Enum)];
static EXPONENTIAL_HISTOGRAM: [Entry; 2] =
    [many("dataPoints", 1, Message(&EXPONENTIAL_POINT)), one("aggregationTemporality", 2, Enum)];
static SUMMARY: [Entry; 1] = [many("dataPoints", 1, Message(&SUMMARY_POINT))];
static NUMBER_POINT: [Entry; 7] = [
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("asDouble", 4, Double),
    many("exemplars", 5, Message(&EXEMPLAR)),
    one("asInt", 6, Sfixed64),
    attributes(7),
    one("flags", 8, Uint32),
];
static HISTOGRAM_POINT: [Entry; 11] = [
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("count", 4, Fixed64),
    one("sum", 5, Double),
    many("bucketCounts", 6, Fixed64),
    many("explicitBounds", 7, Double),
    many("exemplars", 8, Message(&EXEMPLAR)),
    attributes(9),
    one("flags", 10, Uint32),
    one("min", 11, Double),
    one("max", 12, Double),
];
static EXPONENTIAL_POINT: [Entry; 14] = [
    attributes(1),
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("count", 4, Fixed64),
    one("sum", 5, Double),
    one("scale", 6, Sint32),
    one("zeroCount", 7, Fixed64),
    one("positive", 8, Message(&BUCKETS)),
    one("negative", 9, Message(&BUCKETS)),
    one("flags", 10, Uint32),
    many("exemplars", 11, Message(&EXEMPLAR)),
    one("min", 12, Double),
    one("max", 13, Double),
    one("zeroThreshold", 14, Double),
];
static BUCKETS: [Entry; 2] = [one("offset", 1, Sint32), many("bucketCounts", 2, Uint64)];
static SUMMARY_POINT: [Entry; 7] = [
    one("startTimeUnixNano", 2, Fixed64),
    one("timeUnixNano", 3, Fixed64),
    one("count", 4, Fixed64),
    one("sum", 5, Double),
    many("quantileValues", 6, Message(&QUANTILE)),
    attributes(7),
    one("flags", 8, Uint32),
];
static QUANTILE: [Entry; 2] = [one("quantile", 1, Double), one("value", 2, Double)];
static EXEMPLAR: [Entry; 6] = [
    one("timeUnixNano", 2, Fixed64),
    one("asDouble", 3, Double),
    one("spanId", 4, Id),
    one("traceId", 5, Id),
    one("asInt", 6, Sfixed64),
    many("filteredAttributes", 7, Message(&KEY_VALUE)),
];

static LOG_RECORD: [Entry; 11] = [
    one("timeUnixNano", 1, Fixed64),
    one("severityNumber", 2, Enum),
    one("severityText", 3, Text),
    one("body", 5, Message(&ANY_VALUE)),
    attributes(6),
    one("droppedAttributesCount", 7, Uint32),
    one("flags", 8, Fixed32),
    one("traceId", 9, Id),
    one("spanId", 10, Id),
    one("observedTimeUnixNano", 11, Fixed64),
    one("eventName", 12, Text),
];
