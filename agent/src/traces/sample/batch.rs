//! Spans of any requests, put together into one request again: each under the resource and scope it came with.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use crate::{
    otlp::wire::{Fields, Group, Malformed, Scope, Writer},
    traces::red::Keyed,
};

/// Everything around spans: the fields of `ResourceSpans` and of `ScopeSpans` but for the scopes and the spans themselves, as they were
/// written, behind the length of the first.
pub(super) type Frame = Arc<[u8]>;

/// Frames in use, each once: a service sends thousands of spans under one.
#[derive(Debug, Default)]
pub(super) struct Frames {
    known: HashSet<Frame, Keyed>,
    bytes: usize,
    scratch: Vec<u8>,
}

impl Frames {
    /// The frame of spans in this scope of this group.
    pub(super) fn of(&mut self, group: &Group<'_>, scope: &Scope<'_>) -> Result<Frame, Malformed> {
        let frame = &mut self.scratch;
        frame.clear();
        frame.extend_from_slice(&[0; 4]);
        copy_without(group.message, 2, frame)?;
        let length = u32::try_from(frame.len() - 4).map_err(|_| Malformed::Length)?;
        if let Some(at) = frame.first_chunk_mut::<4>() {
            *at = length.to_le_bytes();
        }
        copy_without(scope.message, 2, frame)?;
        if let Some(known) = self.known.get(frame.as_slice()) {
            return Ok(Arc::clone(known));
        }
        let new: Frame = frame.as_slice().into();
        self.bytes += new.len();
        self.known.insert(Arc::clone(&new));
        Ok(new)
    }

    /// Lets go of frames which no span has any more.
    pub(super) fn forget_unused(&mut self) {
        let bytes = &mut self.bytes;
        self.known.retain(|frame| {
            let used = Arc::strong_count(frame) > 1;
            *bytes -= if used { 0 } else { frame.len() };
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

/// A request under construction.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// In the order of frames, so that scopes of one resource are neighbours.
    spans: BTreeMap<Frame, Writer>,
    count: u64,
}

impl Batch {
    /// Adds a span, a message without its tag.
    pub(super) fn push(&mut self, frame: &Frame, span: &[u8]) {
        self.count += 1;
        match self.spans.get_mut(frame) {
            Some(spans) => spans.bytes(2, span),
            None => self.spans.entry(Arc::clone(frame)).or_default().bytes(2, span),
        }
    }

    /// The request and how many spans are in it; `None` without any.
    pub(super) fn finish(self) -> Option<(Vec<u8>, u64)> {
        let mut groups: Vec<(&[u8], Scopes<'_>)> = Vec::new();
        for (frame, spans) in &self.spans {
            let (group, scope) = parts(frame);
            match groups.last_mut() {
                Some((last, scopes)) if *last == group => scopes.push((scope, spans)),
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
        (self.count > 0).then(|| (request.into_bytes(), self.count))
    }
}

fn parts(frame: &[u8]) -> (&[u8], &[u8]) {
    let Some((length, rest)) = frame.split_first_chunk::<4>() else { return (&[], &[]) };
    rest.split_at_checked(u32::from_le_bytes(*length) as usize).unwrap_or_default()
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
                for scope in group.scopes() {
                    let scope = scope.unwrap();
                    let frame = frames.of(&group, &scope).unwrap();
                    scope.records().for_each(|span| batch.push(&frame, span.unwrap()));
                }
            }
        }
        for (service, times) in [("web", 2), ("api", 1)] {
            expected.push((service, "scope 0", 2 * times));
            expected.push((service, "scope 1", times));
        }
        let (bytes, count) = batch.finish().unwrap();
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
    fn frames_are_kept_once_and_while_somebody_has_them() {
        let mut frames = Frames::default();
        let requests = [request("web", [&["a"], &[]]), request("web", [&["b"], &[]])];
        let mut kept = Vec::new();
        for request in &requests {
            let group = groups(request).next().unwrap().unwrap();
            kept.push(frames.of(&group, &group.scopes().next().unwrap().unwrap()).unwrap());
        }
        assert!(Arc::ptr_eq(&kept[0], &kept[1]));
        assert_eq!(frames.bytes(), kept[0].len());
        frames.forget_unused();
        assert_eq!(frames.bytes(), kept[0].len());
        kept.clear();
        frames.forget_unused();
        assert_eq!(frames.bytes(), 0);
    }

    #[test]
    fn nothing_is_no_request() {
        assert_eq!(Batch::default().finish(), None);
    }
}
