//! Lines as OTLP log records, for back ends which take those: the same chunks that Loki gets, written anew when they are sent.
//!
//! | in Loki | in OTLP |
//! |---|---|
//! | labels `host`, `service`, `project` | resource: `host.name`, `service.name`, `service.namespace` |
//! | metadata `container_id`, `container_name`, `replica` | resource: `container.id` (whole), `container.name`, `service.instance.id` |
//! | label `stream` | attribute `log.iostream` |
//! | metadata `detected_level` | severity, its number and its text |
//! | metadata `trace_id`, `span_id`, where they are such | the ids of the record |
//! | metadata `original_timestamp` | the record's time; Loki's stays as the time it was observed |
//! | other metadata | attributes of that name |
//!
//! Source: the data model of logs and semantic conventions 1.44 of OpenTelemetry.

mod answer;
mod encode;
#[cfg(test)]
mod tests;

pub(super) use answer::sort;
pub use encode::{Lines, request};
