//! What fuzzers feed: the bytes of a segment.

use super::{
    MAX_KEY,
    format::{FIXED, Mark, put_head, put_record, read_head},
    walk::Walk,
};

/// The bytes as a whole file; then as what stands behind the head and one record of a segment: that record is found first.
pub fn spool_segment(bytes: &[u8]) {
    if let Ok(head) = read_head(bytes.get(..FIXED + MAX_KEY).unwrap_or(bytes), MAX_KEY) {
        assert!(head.key.len() <= MAX_KEY);
        walk(bytes, head.mark, head.slot.position);
    }
    let mark = bytes.first_chunk().copied().unwrap_or_default();
    let (meta, payload) = bytes.split_at(bytes.len() / 3);
    let mut file = Vec::new();
    put_head(&mut file, mark, meta.get(..MAX_KEY).unwrap_or(meta));
    let start = file.len() as u64;
    put_record(&mut file, mark, -1, 7, meta, payload);
    file.extend_from_slice(bytes);
    let head = read_head(&file, MAX_KEY);
    assert!(head.is_ok_and(|head| head.slot.position == start && head.mark == mark));
    let mut first = Walk::new(&file[..], mark, start, file.len() as u64);
    let found = first.next().ok().flatten();
    assert!(found.is_some_and(|found| found.at == start && found.head.lines == 7 && found.head.time_ms == -1));
    let body = found.and_then(|found| first.body(&found).ok().flatten());
    assert!(body.is_some_and(|body| body == (meta.to_vec(), payload.to_vec())), "a record is not what was written");
    walk(&file, mark, start);
}

/// Goes forward, stays inside, and counts each byte once.
fn walk(bytes: &[u8], mark: Mark, start: u64) {
    let end = bytes.len() as u64;
    let mut walk = Walk::new(bytes, mark, start, end);
    let (mut at, mut records) = (start, 0);
    while let Some(found) = walk.next().ok().flatten() {
        assert!(found.at >= at && walk.at == found.at + found.head.length() && walk.at <= end);
        (at, records) = (walk.at, records + found.head.length());
        drop(std::hint::black_box(walk.body(&found)));
    }
    assert!(start.saturating_add(records).saturating_add(walk.damage.1) == walk.at);
}
