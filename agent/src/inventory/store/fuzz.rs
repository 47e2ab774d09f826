//! What fuzzers feed: the state file.

use super::{Document, Saved, checksum_line, understand};

/// The bytes as a whole file, and as a document under a checksum that is right: what is read then is written and read back the same.
pub fn state_document(bytes: &[u8]) {
    drop(std::hint::black_box(understand(bytes)));
    let mut file = bytes.to_vec();
    file.push(b'\n');
    file.extend_from_slice(checksum_line(bytes).as_bytes());
    if bytes.contains(&b'\n') {
        return;
    }
    let Ok(saved) = understand(&file) else { return };
    let Ok(json) = serde_json::to_vec(&Document::from(&saved)) else { return };
    let again = serde_json::from_slice::<Document>(&json).map(Saved::from);
    assert!(again.is_ok_and(|again| again == saved), "what was written is not what is read");
}
