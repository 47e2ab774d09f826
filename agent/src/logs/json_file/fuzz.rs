//! What fuzzers feed the decoder: the bytes of a log file.

use super::{Decoder, MAX_RECORD, Step};

/// Text, line end, output and time of each record, and bytes which are none.
type Decoded = (Vec<(Vec<u8>, bool, &'static str, i64)>, usize);

/// Where the pieces of a file end does not matter, texts are UTF-8, and every byte is accounted for.
pub fn json_file(bytes: &[u8]) {
    let (at, rest) = bytes.split_first().map_or((0, bytes), |(first, rest)| (usize::from(*first), rest));
    let whole = decode(rest, rest.len());
    let pieces = decode(rest, at.max(1));
    // Corrupt bytes without an end of line may be found later or sooner, records must not.
    assert_eq!(whole.0, pieces.0, "pieces matter");
}

/// Decodes `bytes`, shown `more` at a time.
fn decode(bytes: &[u8], more: usize) -> Decoded {
    let mut decoder = Decoder::default();
    let (mut at, mut seen, mut records, mut corrupt) = (0, 0, Vec::new(), 0);
    loop {
        let shown = bytes.get(at..seen).unwrap_or_default();
        let used = match decoder.step(shown) {
            Step::Record { record, used } => {
                assert!(std::str::from_utf8(record.text).is_ok(), "a text which is no UTF-8");
                records.push((record.text.to_vec(), record.ended, record.stream.as_str(), record.time));
                used
            }
            Step::Corrupt(used) | Step::Oversized(used) => {
                corrupt += used;
                used
            }
            Step::More => {
                assert!(shown.len() < MAX_RECORD, "waits for ever");
                if seen == bytes.len() {
                    return (records, corrupt);
                }
                seen = (seen + more).min(bytes.len());
                continue;
            }
        };
        assert!(used > 0 && at + used <= seen, "used {used} of {}", shown.len());
        at += used;
    }
}
