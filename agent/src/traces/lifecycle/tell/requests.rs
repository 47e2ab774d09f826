//! The bytes of one trace.

use super::super::{
    Host,
    ids::TraceId,
    machine::Machine,
    passage::text,
    span::{self, Attributes, Span},
    who::Who,
};
use crate::otlp::wire::Writer;

/// A request is closed at this size; back ends take four megabytes at least.
const FULL: usize = 1 << 20;

/// Requests of one trace, none much longer than [`FULL`].
pub(super) struct Requests<'a> {
    machine: &'a Machine,
    trace: TraceId,
    done: Vec<(Vec<u8>, u32)>,
    writer: Writer,
    spans: u32,
}

impl<'a> Requests<'a> {
    /// None yet.
    pub(super) fn new(machine: &'a Machine, trace: TraceId) -> Self {
        Self { machine, trace, done: Vec::new(), writer: Writer::new(), spans: 0 }
    }

    /// Spans of one container.
    pub(super) fn group(&mut self, who: &Who, spans: &[Span<'_>]) {
        let mut resource = Attributes::new();
        who.resource(&mut resource);
        if let Some(runtime) = self.machine.runtime {
            resource.push(("container.runtime.name", text(runtime)));
        }
        self.write(resource, spans);
    }

    /// Spans of a project.
    pub(super) fn root(&mut self, project: &str, spans: &[Span<'_>]) {
        self.write(vec![("service.name", text(project))], spans);
    }

    fn write<'b>(&mut self, mut resource: Attributes<'b>, spans: &[Span<'_>])
    where
        'a: 'b,
    {
        let Host { name, id } = &self.machine.host;
        if let Some(name) = name {
            resource.push(("host.name", text(name)));
        }
        if let Some(id) = id {
            resource.push(("host.id", text(id)));
        }
        span::group(&mut self.writer, &self.trace, &resource, spans);
        self.spans = self.spans.saturating_add(u32::try_from(spans.len()).unwrap_or(u32::MAX));
        if self.writer.as_bytes().len() >= FULL {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.spans > 0 {
            self.done.push((std::mem::take(&mut self.writer).into_bytes(), std::mem::take(&mut self.spans)));
        }
    }

    /// All of them.
    pub(super) fn finish(mut self) -> Vec<(Vec<u8>, u32)> {
        self.flush();
        self.done
    }
}
