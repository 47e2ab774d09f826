use loki_api::{logproto::PushRequest, prost::Message as _};
use proptest::prelude::*;

use super::*;

/// Pairs of one line.
type Pairs = Vec<(String, String)>;

/// An entry as it is put in and as it comes out.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    time: i64,
    line: String,
    pairs: Pairs,
}

fn borrowed(pairs: &Pairs) -> Vec<(&str, &str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

fn encode(entries: &[Entry], shared: &Metadata) -> Vec<u8> {
    let mut bytes = Vec::new();
    for one in entries {
        let before = bytes.len();
        entry(&mut bytes, one.time, &one.line, shared, &borrowed(&one.pairs));
        assert_eq!(bytes.len() - before, entry_len(one.time, &one.line, shared, &borrowed(&one.pairs)));
    }
    bytes
}

fn plain(body: &[u8]) -> Vec<u8> {
    snap::raw::Decoder::new().decompress_vec(body).unwrap()
}

/// Fields of a message: numbers, and what stands in them. By hand, since `loki_api` does not know metadata.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = number(&mut bytes);
        let field = match key & 7 {
            0 => Field::Number(number(&mut bytes)),
            2 => {
                let length = number(&mut bytes) as usize;
                let (inside, rest) = bytes.split_at(length);
                bytes = rest;
                Field::Bytes(inside)
            }
            other => panic!("wire type {other}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

#[derive(Clone, Copy, Debug)]
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Number(number) => panic!("{number} where bytes belong"),
        }
    }

    fn text(self) -> String {
        String::from_utf8(self.bytes().to_vec()).unwrap()
    }
}

fn number(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in 0.. {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        number |= u64::from(first & 0x7f) << (7 * shift);
        if first & 0x80 == 0 {
            break;
        }
    }
    number
}

/// The metadata of every entry of every stream.
fn metadata(push: &[u8]) -> Vec<Vec<Pairs>> {
    fn of(bytes: &[u8], wanted: u64) -> impl Iterator<Item = Field<'_>> {
        fields(bytes).into_iter().filter(move |(number, _)| *number == wanted).map(|(_, field)| field)
    }
    let pairs = |entry: Field<'_>| {
        of(entry.bytes(), 3)
            .map(|pair| {
                let parts = fields(pair.bytes());
                assert_eq!(parts.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1, 2]);
                (parts[0].1.text(), parts[1].1.text())
            })
            .collect()
    };
    of(push, 1).map(|stream| of(stream.bytes(), 2).map(pairs).collect()).collect()
}

#[test]
fn a_push_is_what_protobuf_says_it_is() {
    let mut bytes = Vec::new();
    entry(&mut bytes, 1_000_000_002, "hi", &[("a", "b")].into_iter().collect(), &[]);
    let expected = [
        &[0x12, 0x12][..],
        &[0x0a, 0x04, 0x08, 0x01, 0x10, 0x02],
        &[0x12, 0x02, b'h', b'i'],
        &[0x1a, 0x06, 0x0a, 0x01, b'a', 0x12, 0x01, b'b'],
    ];
    assert_eq!(bytes, expected.concat());
    let body = Pusher::new().body([("{}", &bytes[..])].into_iter()).unwrap();
    assert_eq!(plain(&body), [&[0x0a, 0x18, 0x0a, 0x02, b'{', b'}'][..], &bytes].concat());
}

#[test]
fn times_before_1970_have_positive_nanoseconds() {
    for (time, seconds, nanos) in [(0, 0, 0), (-1, -1, 999_999_999), (i64::MIN, -9_223_372_037, 145_224_192)] {
        let bytes = encode(&[Entry { time, line: String::new(), pairs: Pairs::new() }], &Metadata::new());
        let body = Pusher::new().body([("{a=\"b\"}", &bytes[..])].into_iter()).unwrap();
        let push = PushRequest::decode(&plain(&body)[..]).unwrap();
        let stamp = push.streams[0].entries[0].timestamp.unwrap();
        assert_eq!((stamp.seconds, stamp.nanos), (seconds, nanos), "{time}");
    }
}

#[test]
fn buffers_are_used_again_and_stay_small() {
    let mut pusher = Pusher::new();
    let large = encode(&[Entry { time: 1, line: "x".repeat(1 << 20), pairs: Pairs::new() }], &Metadata::new());
    let small = encode(&[Entry { time: 1, line: "y".into(), pairs: Pairs::new() }], &Metadata::new());
    let first = pusher.body([("{}", &small[..])].into_iter()).unwrap();
    pusher.body([("{}", &large[..])].into_iter()).unwrap();
    assert!(pusher.plain.capacity() + pusher.packed.capacity() < 4 * BLOCK, "not as large as the push was");
    // What a larger push left behind in the buffers does not show.
    assert_eq!(pusher.body([("{}", &small[..])].into_iter()).unwrap(), first);
}

#[test]
fn a_body_is_what_snappy_makes_of_it_in_one_piece() {
    let line = |at: usize| format!("line {at} {}", "of the same words ".repeat(at % 7));
    let entries = |from: usize, count: usize| {
        let entries = (from..from + count).map(|at| Entry { time: 1, line: line(at), pairs: Pairs::new() });
        encode(&entries.collect::<Vec<_>>(), &Metadata::new())
    };
    for counts in [[0, 0, 0], [1, 0, 2], [700, 2, 900], [5000, 1, 3000]] {
        let chunks = counts.map(|count| entries(count, count));
        let streams = || chunks.iter().map(|chunk| ("{stream=\"stdout\"}", &chunk[..]));
        let body = Pusher::new().body(streams()).unwrap();
        assert_eq!(body[..], snap::raw::Encoder::new().compress_vec(&plain(&body)).unwrap());
    }
}

#[test]
fn what_no_server_takes_is_not_written() {
    let chunk = vec![0; 1 << 20];
    let refused = Pusher::new().body(std::iter::repeat_n(("{}", &chunk[..]), 257)).unwrap_err();
    assert!(refused.0 > 256 << 20, "{refused}");
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,20}", any::<String>(), "x{120,140}", "y{16370,16400}"]
}

fn entries() -> impl Strategy<Value = Entry> {
    let pairs = prop::collection::vec((texts(), texts()), 0..4);
    (any::<i64>(), texts(), pairs).prop_map(|(time, line, pairs)| Entry { time, line, pairs })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        streams in prop::collection::vec((texts(), prop::collection::vec(entries(), 0..5)), 0..4),
        shared in prop::collection::vec((texts(), texts()), 0..3),
    ) {
        let constant: Metadata = borrowed(&shared).into_iter().collect();
        let chunks: Vec<(String, Vec<u8>)> =
            streams.iter().map(|(labels, entries)| (labels.clone(), encode(entries, &constant))).collect();
        let parts = chunks.iter().map(|(labels, entries)| (labels.as_str(), &entries[..]));
        let body = plain(&Pusher::new().body(parts.clone()).unwrap());
        prop_assert_eq!(body.len(), body_len(parts.map(|(labels, entries)| (labels.len(), entries.len()))));

        let push = PushRequest::decode(&body[..]).unwrap();
        let metadata = metadata(&body);
        let read: Vec<(String, Vec<Entry>)> = push.streams.into_iter().zip(metadata).map(|(stream, metadata)| {
            let entries = stream.entries.into_iter().zip(metadata).map(|(entry, pairs)| {
                let stamp = entry.timestamp.unwrap();
                let time = i128::from(stamp.seconds) * 1_000_000_000 + i128::from(stamp.nanos);
                Entry { time: i64::try_from(time).unwrap(), line: entry.line, pairs }
            });
            (stream.labels, entries.collect())
        }).collect();
        let expected: Vec<(String, Vec<Entry>)> = streams.into_iter().map(|(labels, entries)| {
            let with = |one: Entry| {
                let pairs = shared.iter().cloned().chain(one.pairs);
                let pairs = pairs.filter(|(name, _)| name.contains(|c: char| c.is_ascii_alphanumeric())).collect();
                Entry { pairs, ..one }
            };
            (labels, entries.into_iter().map(with).collect())
        }).collect();
        prop_assert_eq!(read, expected);
    }
}
