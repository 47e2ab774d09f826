//! An `ExportLogsServiceRequest` of streams whose entries are encoded for Loki.

use crate::{
    logs::loki,
    model::LogLevel,
    otlp::wire::{Fields, Malformed, Writer},
};

/// The name of our instrumentation scope.
const SCOPE: &str = "spyhop";

/// Metadata that is of the container, not of the line, and what it is called in OTLP.
const RESOURCE: [(&[u8], &str); 3] =
    [(b"container_id", "container.id"), (b"container_name", "container.name"), (b"replica", "service.instance.id")];

/// The request: each stream's labels ([`loki::labels`]) and its entries, as [`loki::entry`] wrote them one after the other.
///
/// # Errors
/// Entries which are none: not written here, or damaged.
pub fn request<'a>(streams: impl Iterator<Item = (&'a str, &'a [u8])>) -> Result<Vec<u8>, Malformed> {
    let mut request = Writer::new();
    for (labels, entries) in streams {
        let labels = Labels::of(labels);
        for (container, records) in by_container(entries, &labels)? {
            request.message(1, |group| {
                group.message(1, |resource| {
                    labels.resource.iter().for_each(|(key, value)| attribute(resource, 1, key, value.as_bytes()));
                    container.iter().for_each(|(key, value)| attribute(resource, 1, key, value));
                });
                group.message(2, |scope| {
                    scope.message(1, |scope| scope.string(1, SCOPE));
                    scope.raw(records.as_bytes());
                });
            });
        }
    }
    Ok(request.into_bytes())
}

/// A stream's labels, parted into what is of its resource and what each record has.
struct Labels {
    resource: Vec<(&'static str, String)>,
    output: Option<String>,
}

impl Labels {
    fn of(labels: &str) -> Self {
        let mut this = Self { resource: Vec::new(), output: None };
        for (name, value) in loki::pairs(labels) {
            match name {
                "host" => this.resource.push(("host.name", value)),
                "service" => this.resource.push(("service.name", value)),
                "project" => this.resource.push(("service.namespace", value)),
                "stream" => this.output = Some(value),
                // `service_name` is the service once more.
                _ => {}
            }
        }
        this
    }
}

/// What is known of a container, by OTLP's names.
type Container<'a> = Vec<(&'static str, &'a [u8])>;

/// Records of each container. Replicas share a stream: there are a few.
fn by_container<'a>(entries: &'a [u8], labels: &Labels) -> Result<Vec<(Container<'a>, Writer)>, Malformed> {
    let mut containers: Vec<(Container<'a>, Writer)> = Vec::new();
    for entry in Fields::new(entries) {
        let entry = Entry::read(entry?.bytes()?)?;
        let known = containers.iter().position(|(container, _)| *container == entry.container);
        let at = known.unwrap_or(containers.len());
        if known.is_none() {
            containers.push((entry.container.clone(), Writer::new()));
        }
        if let Some((_, records)) = containers.get_mut(at) {
            records.message(2, |record| entry.write(record, labels));
        }
    }
    Ok(containers)
}

/// One line, taken apart.
#[derive(Default)]
struct Entry<'a> {
    /// Nanoseconds since 1970.
    time: i64,
    line: &'a [u8],
    container: Container<'a>,
    level: Option<LogLevel>,
    trace_id: Option<[u8; 16]>,
    span_id: Option<[u8; 8]>,
    original_time: Option<i64>,
    others: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Entry<'a> {
    fn read(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut entry = Self::default();
        for field in Fields::new(message) {
            let field = field?;
            match field.number {
                1 => entry.time = time(field.bytes()?)?,
                2 => entry.line = field.bytes()?,
                3 => entry.pair(field.bytes()?)?,
                _ => {}
            }
        }
        Ok(entry)
    }

    fn pair(&mut self, message: &'a [u8]) -> Result<(), Malformed> {
        let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
        for field in Fields::new(message) {
            let field = field?;
            match field.number {
                1 => name = field.bytes()?,
                2 => value = field.bytes()?,
                _ => {}
            }
        }
        let text = std::str::from_utf8(value).unwrap_or_default();
        // What is no such thing stays what it was: an attribute.
        match name {
            b"detected_level" if level(text).is_some() => self.level = level(text),
            b"trace_id" if id::<16>(text).is_some() => self.trace_id = id(text),
            b"span_id" if id::<8>(text).is_some() => self.span_id = id(text),
            b"original_timestamp" if nanos(text).is_some() => self.original_time = nanos(text),
            _ => match RESOURCE.iter().find(|(known, _)| *known == name) {
                Some((_, key)) => self.container.push((key, value)),
                None => self.others.push((name, value)),
            },
        }
        Ok(())
    }

    fn write(&self, record: &mut Writer, labels: &Labels) {
        let unsigned = |time: i64| u64::try_from(time).unwrap_or(0);
        record.fixed64(1, unsigned(self.original_time.unwrap_or(self.time)));
        if let Some(level) = self.level {
            record.varint(2, severity(level));
            record.string(3, level.as_str());
        }
        record.message(5, |body| body.bytes(1, self.line));
        if let Some(output) = &labels.output {
            attribute(record, 6, "log.iostream", output.as_bytes());
        }
        for (name, value) in &self.others {
            attribute(record, 6, &String::from_utf8_lossy(name), value);
        }
        if let Some(id) = &self.trace_id {
            record.bytes(9, id);
        }
        if let Some(id) = &self.span_id {
            record.bytes(10, id);
        }
        record.fixed64(11, unsigned(self.time));
    }
}

/// A `KeyValue` with a string.
fn attribute(into: &mut Writer, number: u32, key: &str, value: &[u8]) {
    into.message(number, |pair| {
        pair.string(1, key);
        pair.message(2, |any| any.bytes(1, value));
    });
}

/// A protobuf `Timestamp`.
fn time(message: &[u8]) -> Result<i64, Malformed> {
    let mut time = 0_i64;
    for field in Fields::new(message) {
        let field = field?;
        let number = || field.varint().map(u64::cast_signed);
        match field.number {
            1 => time = time.saturating_add(number()?.saturating_mul(1_000_000_000)),
            2 => time = time.saturating_add(number()?),
            _ => {}
        }
    }
    Ok(time)
}

/// As [`LogLevel::as_str`] writes it.
fn level(word: &str) -> Option<LogLevel> {
    LogLevel::ALL.into_iter().find(|level| level.as_str() == word)
}

/// Numbers of the data model; a critical line is an error of the second degree, as the mapping of syslog has it.
const fn severity(level: LogLevel) -> u64 {
    match level {
        LogLevel::Trace => 1,
        LogLevel::Debug => 5,
        LogLevel::Info => 9,
        LogLevel::Warn => 13,
        LogLevel::Error => 17,
        LogLevel::Critical => 18,
        LogLevel::Fatal => 21,
    }
}

/// An id in hexadecimal digits, of the right length and not all zero.
fn id<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut id = [0; N];
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    id.iter().any(|byte| *byte != 0).then_some(id)
}

/// As `worker::clock` writes it.
fn nanos(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}
