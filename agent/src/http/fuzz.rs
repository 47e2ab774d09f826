//! What fuzzers feed: the query of a request.

use super::query;

/// Pairs are decoded once; an encoded pair comes back as it was.
pub fn query(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for (name, value) in query::pairs(Some(&text)) {
        let encode = |word: &str| word.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let encoded = format!("{}={}", encode(&name), encode(&value));
        let again: Vec<_> = query::pairs(Some(&encoded)).collect();
        assert_eq!(again, [(name, value)]);
    }
    std::hint::black_box(query::last(Some(&text), "collect[]"));
}
