//! What fuzzers feed: the file of a journal.

use super::format::{HEAD, MAGIC, Map, VERSION, put, understand};

/// The bytes as a whole file, and as what stands behind the head of one: what is read then is written and read back the same.
pub fn journal(bytes: &[u8]) {
    drop(std::hint::black_box(understand(bytes)));
    let mut file = [&MAGIC[..], &[VERSION]].concat();
    let head = file.clone();
    file.extend_from_slice(bytes);
    let Ok(content) = understand(&file) else { panic!("a head of our own is not understood") };
    assert!((HEAD..=file.len() as u64).contains(&content.end));
    let mut again = head;
    content.entries.iter().for_each(|(key, value)| put(&mut again, key, Some(value)));
    let end = again.len() as u64;
    let read = understand(&again);
    let same = |entries: &Map| *entries == content.entries;
    assert!(read.is_ok_and(|read| same(&read.entries) && read.end == end && !read.damaged), "not what was written");
}
