//! What comes over the helper's socket, for fuzzers.

use super::protocol::{Answer, Request};
use crate::model::Process;

/// A request, an answer and a line of `stat`: whatever is understood is written in the one way there is.
///
/// # Panics
/// When two spellings mean the same.
pub fn helper(bytes: &[u8]) {
    if let Some(request) = Request::decode(bytes) {
        assert_eq!(request.encode().as_slice(), bytes);
    }
    if let Some(answer) = Answer::decode(bytes) {
        assert_eq!(answer.encode().as_slice(), bytes);
    }
    let _any_time_will_do = Process::start_time_of(bytes);
}
