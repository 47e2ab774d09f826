//! A request with resources and records changed, and everything else as it was sent.
//!
//! Nothing is taken apart that stays: what lies between two changes is copied in one piece, fields nobody here knows among it, and the
//! lengths of the messages around a change are written anew. A request in which nothing changes is one copy.

use bytes::Bytes;

use super::{Field, Fields, Group, KeyValue, Malformed, Writer};

/// What is changed; asked in the order of the request, and for a group before its records.
pub trait Edit {
    /// What becomes of the resource of a group.
    ///
    /// # Errors
    /// The whole request is refused.
    fn group(&mut self, group: &Group<'_>) -> Result<Change, Malformed>;

    /// What becomes of a span, a metric or a log record.
    ///
    /// # Errors
    /// The whole request is refused.
    fn record(&mut self, record: &[u8]) -> Result<Fate, Malformed>;
}

/// What becomes of a resource. By default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Attributes of these keys are taken out.
    pub without: Vec<&'static str>,
    /// Ready-made fields of a `Resource` that are written behind its own: `KeyValue`s, each with its tag (1) and its length.
    pub add: Bytes,
}

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It stays, byte for byte.
    Keep,
    /// It is left out.
    Drop,
    /// This message stands in its place.
    Instead(Vec<u8>),
}

/// What became of the records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that are in what was written.
    pub kept: u64,
    /// Records that are not.
    pub dropped: u64,
}

/// Writes `request` behind what `out` holds, changed as `edit` says.
///
/// Groups and scopes emptied by drops are left out, with all that stood beside the records. Those which were empty before are not touched.
///
/// # Errors
/// The request is none, as far as groups, scopes and resources go, or `edit` says so. `out` is then as it was.
pub fn rewrite(request: &[u8], edit: &mut impl Edit, out: &mut Vec<u8>) -> Result<Counts, Malformed> {
    let before = out.len();
    // What attributes add is little beside the spans they are added to.
    out.reserve(request.len() + 4096);
    let writer = Writer::after(std::mem::take(out));
    let mut splice = Splice { request, copied: 0, out: writer, counts: Counts::default(), edit };
    let done = splice.run();
    if done.is_err() {
        splice.out.truncate(before);
    }
    *out = splice.out.into_bytes();
    done
}

/// One rewriting.
struct Splice<'a, E> {
    request: &'a [u8],
    /// Up to here `out` holds what becomes of the request. Behind it lies what stays as it is and waits to be copied with what follows.
    copied: usize,
    out: Writer,
    counts: Counts,
    edit: &'a mut E,
}

/// A message of the request around the place that is looked at.
struct Level {
    number: u32,
    /// Where its field begins in the request.
    at: usize,
    /// Where its content begins.
    body: usize,
    /// Where the content ends, and the field.
    end: usize,
    /// Since something in it was changed: where its field and where its length stand in `out`.
    opened: Option<(usize, usize)>,
}

impl Level {
    /// Of the field which begins at `at`.
    fn new(field: &Field<'_>, content: &[u8], at: usize) -> Self {
        let end = at + field.raw.len();
        Self { number: field.number, at, body: end - content.len(), end, opened: None }
    }
}

impl<E: Edit> Splice<'_, E> {
    fn run(&mut self) -> Result<Counts, Malformed> {
        let mut at = 0;
        for field in Fields::new(self.request) {
            let field = field?;
            if field.number == 1 {
                let content = field.bytes()?;
                self.group(content, Level::new(&field, content, at))?;
            }
            at += field.raw.len();
        }
        self.copy_to(at);
        Ok(self.counts)
    }

    fn group(&mut self, content: &[u8], mut level: Level) -> Result<(), Malformed> {
        let change = self.edit.group(&Group::parse(content)?)?;
        let before = self.counts;
        // A resource in several fields is one, as the encoding has it: attributes are added to the last of them.
        let mut resources =
            Fields::new(content).filter(|field| field.as_ref().is_ok_and(|field| field.number == 1)).count();
        if resources == 0 && !change.add.is_empty() {
            self.open(&mut level);
            self.out.bytes(1, &change.add);
        }
        let mut at = level.body;
        for field in Fields::new(content) {
            let field = field?;
            match field.number {
                1 => {
                    resources = resources.saturating_sub(1);
                    let add: &[u8] = if resources == 0 { &change.add } else { &[] };
                    let content = field.bytes()?;
                    self.resource(content, Level::new(&field, content, at), &mut level, &change.without, add)?;
                }
                2 => {
                    let content = field.bytes()?;
                    self.scope(content, Level::new(&field, content, at), &mut level)?;
                }
                _ => {}
            }
            at += field.raw.len();
        }
        self.finish(&level, before);
        Ok(())
    }

    fn resource(
        &mut self,
        content: &[u8],
        mut level: Level,
        group: &mut Level,
        without: &[&str],
        add: &[u8],
    ) -> Result<(), Malformed> {
        let mut at = level.body;
        // Unread when nothing is to be taken out of it.
        for field in Fields::new(if without.is_empty() { &[] } else { content }) {
            let field = field?;
            if field.number == 1 {
                let key = KeyValue::parse(field.bytes()?)?.key;
                if without.iter().any(|name| name.as_bytes() == key) {
                    self.open(group);
                    self.open(&mut level);
                    self.copy_to(at);
                    self.copied = at + field.raw.len();
                }
            }
            at += field.raw.len();
        }
        if !add.is_empty() {
            self.open(group);
            self.open(&mut level);
            self.copy_to(level.end);
            self.out.raw(add);
        }
        self.close(&level);
        Ok(())
    }

    fn scope(&mut self, content: &[u8], mut level: Level, group: &mut Level) -> Result<(), Malformed> {
        let before = self.counts;
        let mut at = level.body;
        for field in Fields::new(content) {
            let field = field?;
            if field.number == 2 {
                let fate = self.edit.record(field.bytes()?)?;
                if fate == Fate::Drop {
                    self.counts.dropped += 1;
                } else {
                    self.counts.kept += 1;
                }
                if fate != Fate::Keep {
                    self.open(group);
                    self.open(&mut level);
                    self.copy_to(at);
                    self.copied = at + field.raw.len();
                }
                if let Fate::Instead(record) = fate {
                    self.out.bytes(2, &record);
                }
            }
            at += field.raw.len();
        }
        self.finish(&level, before);
        Ok(())
    }

    /// Ends a group or a scope, which is left out if it has lost all its records since `before`.
    fn finish(&mut self, level: &Level, before: Counts) {
        if self.counts.kept > before.kept || self.counts.dropped == before.dropped {
            self.close(level);
        } else if let Some((at, _)) = level.opened {
            self.out.truncate(at);
            self.copied = level.end;
        }
    }

    /// Makes room for a change in a message: its head is written, and its length when it is closed.
    fn open(&mut self, level: &mut Level) {
        if level.opened.is_none() {
            self.copy_to(level.at);
            let at = self.out.len();
            level.opened = Some((at, self.out.open(level.number)));
            self.copied = level.body;
        }
    }

    /// Ends a message. One that was never opened waits to be copied with what is around it.
    fn close(&mut self, level: &Level) {
        if let Some((_, length)) = level.opened {
            self.copy_to(level.end);
            self.out.close(length);
        }
    }

    /// Copies what stays as it is and ends here.
    fn copy_to(&mut self, end: usize) {
        self.out.raw(self.request.get(self.copied..end).unwrap_or_default());
        self.copied = self.copied.max(end);
    }
}

#[cfg(test)]
#[path = "splice/tests.rs"]
mod tests;
