//! The strict Loki of the tests refuses what the real one refuses, and in the same words.
//!
//! With `SPYHOP_LOKI=http://127.0.0.1:3100` (a Loki 3.x with `auth_enabled: false`) the same pushes go to that one too.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

#[path = "support/loki/mod.rs"]
mod loki;

#[test]
fn placeholder() {
    drop(loki::Receiver::usual());
}
