//! What fuzzers feed: requests, as protobuf and as JSON.

use bytes::Bytes;

use super::{
    Signal, json,
    wire::{
        Fields, Group, Malformed, Span, Writer, count, groups,
        splice::{Change, Edit, Fate, rewrite},
    },
};

/// Every view of a request, and all fields as they were written.
pub fn wire(bytes: &[u8]) {
    let mut at = 0;
    for field in Fields::new(bytes) {
        let Ok(field) = field else { break };
        assert_eq!(bytes.get(at..at + field.raw.len()), Some(field.raw), "a field is not where it was");
        at += field.raw.len();
    }
    for group in groups(bytes).flatten() {
        group.attributes().flatten().for_each(|pair| {
            std::hint::black_box(pair.string());
        });
        for scope in group.scopes().flatten() {
            std::hint::black_box(scope.name().is_ok());
            for record in scope.records().flatten() {
                if let Ok(span) = Span::parse(record) {
                    std::hint::black_box((span.has_valid_ids(), span.attributes().flatten().count()));
                }
            }
        }
    }
    let counts = Signal::ALL.map(|signal| count(signal, bytes));
    assert_eq!(counts[0].is_ok(), counts[2].is_ok(), "spans and log records are not looked into");
}

/// Keeps, drops and replaces by the length of records; the first byte says how much.
struct ByLength(u8);

impl Edit for ByLength {
    fn group(&mut self, group: &Group<'_>) -> Result<Change, Malformed> {
        let without = if self.0 & 1 == 0 { vec![] } else { vec!["service.name", "a"] };
        let mut add = Writer::new();
        if (group.message.len() & usize::from(self.0 >> 1 & 3)) != 0 {
            add.message(1, |pair| pair.string(1, "container.name"));
        }
        Ok(Change { without, add: Bytes::from(add.into_bytes()) })
    }

    fn record(&mut self, record: &[u8]) -> Result<Fate, Malformed> {
        Ok(match (record.len() + usize::from(self.0)) % 4 {
            0 => Fate::Drop,
            1 => Fate::Instead(record.iter().rev().copied().collect()),
            _ => Fate::Keep,
        })
    }
}

struct Nothing;

impl Edit for Nothing {
    fn group(&mut self, _: &Group<'_>) -> Result<Change, Malformed> {
        Ok(Change::default())
    }

    fn record(&mut self, _: &[u8]) -> Result<Fate, Malformed> {
        Ok(Fate::Keep)
    }
}

/// A rewritten request holds the records that were kept, one in which nothing changed is the same, and a refused one leaves nothing.
pub fn splice(bytes: &[u8]) {
    let Some((how, request)) = bytes.split_first() else { return };
    let mut out = Vec::new();
    match rewrite(request, &mut ByLength(*how), &mut out) {
        Ok(counts) => {
            assert_eq!(count(Signal::Traces, &out), Ok(counts.kept), "records are not what was counted");
            assert_eq!(count(Signal::Traces, request), Ok(counts.kept + counts.dropped), "records came or went");
        }
        Err(_) => assert!(out.is_empty(), "a refused request left something"),
    }
    out.clear();
    if rewrite(request, &mut Nothing, &mut out).is_ok() {
        assert_eq!(out, request, "nothing was changed, and something is different");
    }
}

/// What is taken is JSON, is within its limit and can be walked; what is refused leaves nothing.
pub fn json(bytes: &[u8]) {
    for signal in Signal::ALL {
        let mut out = Vec::new();
        match json::to_protobuf(signal, bytes, usize::MAX, &mut out) {
            Ok(()) => {
                let strict = serde_json::from_slice::<serde::de::IgnoredAny>(bytes);
                assert!(strict.is_ok(), "taken, and not JSON");
                assert!(count(signal, &out).is_ok(), "what was written cannot be read");
                self::wire(&out);
            }
            Err(mistake) => assert!(out.is_empty() && mistake.at <= bytes.len(), "a refused request left something"),
        }
    }
}
