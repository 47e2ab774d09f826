//! What fuzzers feed: pieces of any form.
pub fn assembly(_: &[u8]) {}
