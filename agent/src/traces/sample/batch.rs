//! Spans of any requests, put together into one request again: each under the resource and scope it came with.

use std::{
    collections::{BTreeMap, HashSet},
    mem,
    sync::Arc,
};

use crate::{
    otlp::wire::{Fields, Group, Malformed, Scope, Writer},
    traces::red::Keyed,
};

/// Everything around spans: the fields of `ResourceSpans` and of `ScopeSpans` but for the scopes and the spans themselves, as they were
/// written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Frame {
    group: Arc<[u8]>,
    scope: Arc<[u8]>,
}

impl Frame {
    /// Whether it is the same copy.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.group, &other.group) && Arc::ptr_eq(&self.scope, &other.scope)
    }
}

/// Bytes of room to write in that are kept.
const MAX_SCRATCH: usize = 64 << 10;

/// What a piece costs beside its bytes: its counts, and its place in the set.
const PIECE: usize = 64;

/// What stands around spans that wait, each piece once: a service sends thousands of spans under one resource, and hundreds of scopes.
#[derive(Debug, Default)]
pub(super) struct Frames {
    known: HashSet<Arc<[u8]>, Keyed>,
    bytes: usize,
    scratch: Vec<u8>,
}

impl Frames {
    /// What stands around the scopes of a group.
    pub(super) fn group(&mut self, group: &Group<'_>) -> Result<Arc<[u8]>, Malformed> {
        self.piece(group.message)
    }

    /// The frame of spans in this scope of a group.
    pub(super) fn of(&mut self, group: &Arc<[u8]>, scope: &Scope<'_>) -> Result<Frame, Malformed> {
        Ok(Frame { group: Arc::clone(group), scope: self.piece(scope.message)? })
    }

    /// A message without what is in its fields 2.
    fn piece(&mut self, message: &[u8]) -> Result<Arc<[u8]>, Malformed> {
        let piece = &mut self.scratch;
        piece.clear();
        copy_without(message, 2, piece)?;
        if let Some(known) = self.known.get(piece.as_slice()) {
            return Ok(Arc::clone(known));
        }
        let new: Arc<[u8]> = piece.as_slice().into();
        self.bytes += new.len() + PIECE;
        self.known.insert(Arc::clone(&new));
        // One that was large once is not large for ever.
        piece.shrink_to(MAX_SCRATCH);
        Ok(new)
    }

    /// Lets go of pieces which no span has any more.
    pub(super) fn forget_unused(&mut self) {
        let bytes = &mut self.bytes;
        self.known.retain(|piece| {
            let used = Arc::strong_count(piece) > 1;
            *bytes -= if used { 0 } else { piece.len() + PIECE };
            used
        });
    }

    /// Bytes of all of them.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

fn copy_without(message: &[u8], number: u32, to: &mut Vec<u8>) -> Result<(), Malformed> {
    for field in Fields::new(message) {
        let field = field?;
        if field.number != number {
            to.extend_from_slice(field.raw);
        }
    }
    Ok(())
}

/// What stands around the spans of each scope of one resource, and the spans.
type Scopes<'a> = Vec<(&'a [u8], &'a Writer)>;

/// A request that has grown to so many bytes is done, and another one begun: what is let go at a time is never there twice.
const MAX_BATCH: usize = 1 << 20;

/// Requests under construction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// In the order of frames, so that scopes of one resource are neighbours.
    spans: BTreeMap<Frame, Writer>,
    bytes: usize,
    count: u64,
    done: Vec<(Vec<u8>, u64)>,
}

impl Batch {
    /// Adds a span, a message without its tag.
    pub(super) fn push(&mut self, frame: &Frame, span: &[u8]) {
        self.count += 1;
        self.bytes += span.len();
        match self.spans.get_mut(frame) {
            Some(spans) => spans.bytes(2, span),
            None => {
                let first = Frame { group: Arc::clone(&frame.group), scope: Arc::default() };
                let behind = self.spans.range(first..).next();
                let known = behind.is_some_and(|(other, _)| other.group == frame.group);
                self.bytes += frame.scope.len() + PIECE + if known { 0 } else { frame.group.len() };
                self.spans.entry(frame.clone()).or_default().bytes(2, span);
            }
        }
        if self.bytes >= MAX_BATCH {
            self.end();
        }
    }

    /// Requests that are done.
    pub(super) const fn done(&self) -> usize {
        self.done.len()
    }

    /// The requests and how many spans are in each.
    pub(super) fn finish(mut self) -> Vec<(Vec<u8>, u64)> {
        self.end();
        self.done
    }

    /// Ends the request that is being written.
    fn end(&mut self) {
        let (written, count) = (mem::take(&mut self.spans), mem::take(&mut self.count));
        self.bytes = 0;
        let mut groups: Vec<(&[u8], Scopes<'_>)> = Vec::new();
        for (Frame { group, scope }, spans) in &written {
            match groups.last_mut() {
                Some((last, scopes)) if **last == **group => scopes.push((scope, spans)),
                _ => groups.push((group, vec![(scope, spans)])),
            }
        }
        let mut request = Writer::new();
        for (group, scopes) in groups {
            request.message(1, |message| {
                message.raw(group);
                for (scope, spans) in scopes {
                    message.message(2, |message| {
                        message.raw(scope);
                        message.raw(spans.as_bytes());
                    });
                }
            });
        }
        if count > 0 {
            self.done.push((request.into_bytes(), count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::wire::groups;

    /// A request of one group with a resource, two scopes and a field of the future in each message.
    fn request(service: &str, names: [&[&str]; 2]) -> Vec<u8> {
        let mut request = Writer::new();
        request.message(1, |group| {
            group.message(1, |resource| resource.message(1, |pair| pair.string(1, service)));
            for (scope, names) in names.iter().enumerate() {
                group.message(2, |message| {
                    message.message(1, |inner| inner.string(1, &format!("scope {scope}")));
                    for name in *names {
                        message.message(2, |span| span.string(5, name));
                    }
                    message.string(3, "schema");
                    message.string(99, "newer");
                });
            }
            group.string(3, "schema of the resource");
            group.varint(98, 7);
        });
        request.into_bytes()
    }

    #[test]
    fn what_was_taken_apart_is_put_together_again() {
        let (mut frames, mut batch) = (Frames::default(), Batch::default());
        let mut expected = Vec::new();
        // Twice the same in turns: each resource once in the end, with all its spans.
        for service in ["web", "api", "web"] {
            let request = request(service, [&["a", "b"], &["c"]]);
            for group in groups(&request) {
                let group = group.unwrap();
                let around = frames.group(&group).unwrap();
                for scope in group.scopes() {
                    let scope = scope.unwrap();
                    let frame = frames.of(&around, &scope).unwrap();
                    scope.records().for_each(|span| batch.push(&frame, span.unwrap()));
                }
            }
        }
        for (service, times) in [("web", 2), ("api", 1)] {
            expected.push((service, "scope 0", 2 * times));
            expected.push((service, "scope 1", times));
        }
        let (bytes, count) = batch.finish().pop().unwrap();
        let mut found = Vec::new();
        for group in groups(&bytes) {
            let group = group.unwrap();
            let service = group.attributes().next().unwrap().unwrap().key;
            assert_eq!(group.schema_url, b"schema of the resource");
            assert!(Fields::new(group.message).any(|field| field.unwrap().number == 98));
            for scope in group.scopes() {
                let scope = scope.unwrap();
                assert!(Fields::new(scope.message).any(|field| field.unwrap().number == 99));
                let names =
                    (std::str::from_utf8(service).unwrap(), std::str::from_utf8(scope.name().unwrap()).unwrap());
                found.push((names.0, names.1, scope.records().count()));
            }
        }
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!((count, found), (9, expected));
        assert_eq!(groups(&bytes).count(), 2);
    }

    #[test]
    fn pieces_are_kept_once_and_while_somebody_has_them() {
        let mut frames = Frames::default();
        let requests = [request("web", [&["a"], &[]]), request("web", [&["b"], &[]])];
        let mut kept = Vec::new();
        for request in &requests {
            let group = groups(request).next().unwrap().unwrap();
            let around = frames.group(&group).unwrap();
            kept.extend(group.scopes().map(|scope| frames.of(&around, &scope.unwrap()).unwrap()));
        }
        assert!(kept[0].is(&kept[2]) && !kept[0].is(&kept[1]));
        let bytes = kept[0].group.len() + kept[0].scope.len() + kept[1].scope.len() + 3 * PIECE;
        assert_eq!(frames.bytes(), bytes, "one resource, whatever the scopes");
        frames.forget_unused();
        assert_eq!(frames.bytes(), bytes);
        kept.clear();
        frames.forget_unused();
        assert_eq!(frames.bytes(), 0);
    }

    #[test]
    fn what_is_large_is_several_requests() {
        let mut frames = Frames::default();
        let written = request(&"long".repeat(10_000), [&["a"], &["b"]]);
        let group = groups(&written).next().unwrap().unwrap();
        let around = frames.group(&group).unwrap();
        let kept: Vec<_> = group.scopes().map(|scope| frames.of(&around, &scope.unwrap()).unwrap()).collect();
        let (mut batch, span) = (Batch::default(), vec![0x2a; 100 << 10]);
        (0..50).for_each(|at| batch.push(&kept[at % 2], &span));
        assert!(batch.spans.len() <= 2 && batch.bytes < MAX_BATCH);
        let requests = batch.finish();
        assert_eq!(requests.iter().map(|(_, count)| count).sum::<u64>(), 50);
        assert!(requests.len() == 5 && requests.iter().all(|(bytes, _)| bytes.len() < MAX_BATCH + (200 << 10)));
    }

    #[test]
    fn nothing_is_no_request() {
        assert_eq!(Batch::default().finish(), []);
    }
}
