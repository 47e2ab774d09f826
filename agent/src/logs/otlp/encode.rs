//! An `ExportLogsServiceRequest` of streams whose entries are encoded for Loki.

use crate::{
    logs::loki,
    model::LogLevel,
    otlp::wire::{Fields, Malformed, Writer},
};

/// The name of our instrumentation scope.
const SCOPE: &str = "spyhop";

/// A stream to send.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    /// Its labels, as [`loki::labels`] wrote them.
    pub labels: &'a str,
    /// Its entries, as [`loki::entry`] wrote them one after the other.
    pub entries: &'a [u8],
    /// Whole ids of the containers whose lines they are, as far as they are known: entries have the first digits.
    pub ids: Vec<&'a str>,
}

/// The request.
///
/// # Errors
/// Entries which are none: not written here, or damaged.
pub fn request<'a>(streams: impl Iterator<Item = Lines<'a>>) -> Result<Vec<u8>, Malformed> {
    let mut request = Writer::new();
    for Lines { labels, entries, ids } in streams {
        let labels = Labels::of(labels);
        for (container, records) in by_container(entries, &labels)? {
            request.message(1, |group| {
                group.message(1, |resource| {
                    labels.resource.iter().for_each(|(key, value)| attribute(resource, 1, key, value.as_bytes()));
                    container.write(resource, &labels, &ids);
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
#[derive(Default)]
struct Labels {
    resource: Vec<(&'static str, String)>,
    project: Option<String>,
    service: String,
    output: Option<String>,
}

impl Labels {
    fn of(labels: &str) -> Self {
        let mut this = Self::default();
        for (name, value) in loki::pairs(labels) {
            match name {
                "host" => this.resource.push(("host.name", value)),
                "service" => this.service = value,
                "project" => this.project = Some(value),
                "stream" => this.output = Some(value),
                // `service_name` is the service once more.
                _ => {}
            }
        }
        this.resource.push(("service.name", this.service.clone()));
        this.resource.extend(this.project.clone().map(|project| ("service.namespace", project)));
        this
    }
}

/// Metadata that is of the container, not of the line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Container<'a> {
    id: &'a [u8],
    name: &'a [u8],
    replica: &'a [u8],
}

impl Container<'_> {
    fn write(&self, resource: &mut Writer, labels: &Labels, ids: &[&str]) {
        let whole = ids.iter().map(|id| id.as_bytes()).find(|id| id.starts_with(self.id));
        // As spans of the same container have it.
        let (service, replica) = (&labels.service, String::from_utf8_lossy(self.replica));
        let instance = match &labels.project {
            Some(project) => format!("{project}.{service}.{replica}"),
            None if service.as_bytes() == self.name => service.clone(),
            None => format!("{service}.{replica}"),
        };
        let pairs = [
            ("container.id", whole.unwrap_or(self.id)),
            ("container.name", self.name),
            ("service.instance.id", instance.as_bytes()),
        ];
        for (key, value) in pairs.into_iter().filter(|(_, value)| !value.is_empty()) {
            attribute(resource, 1, key, value);
        }
    }
}

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
            b"container_id" => self.container.id = value,
            b"container_name" => self.container.name = value,
            b"replica" => self.container.replica = value,
            _ => self.others.push((name, value)),
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
