//! JSON of requests and answers: `otlp::json`, off the runtime's workers where it takes long.

use tokio::runtime::{Handle, RuntimeFlavor};

use super::refusal::Refusal;
use crate::otlp::{Signal, Status};

/// Longer requests are worked on where nobody else waits.
const SHORT: usize = 64 << 10;

/// The request as protobuf.
pub(super) fn to_protobuf(signal: Signal, request: &[u8]) -> Result<Vec<u8>, Refusal> {
    blocking(request.len() > SHORT, || {
        let mut out = Vec::with_capacity(request.len() / 2);
        convert(signal, request, &mut out).map(|()| out).map_err(Refusal::json)
    })
}

/// Does it here, with the runtime told so that its other tasks go on elsewhere. Outside a runtime of several threads it is just done.
fn blocking<T>(long: bool, work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) if long => tokio::task::block_in_place(work),
        _ => work(),
    }
}

fn convert(_signal: Signal, _request: &[u8], _out: &mut Vec<u8>) -> Result<(), &'static str> {
    Err("JSON is not read yet")
}

/// All was taken.
pub(super) fn success() -> Vec<u8> {
    b"{}".to_vec()
}

/// All but so many records were taken, or a warning.
pub(super) fn partial(signal: Signal, rejected: u64, message: &str) -> Vec<u8> {
    let partial = serde_json::json!({ signal.rejected_key(): rejected.to_string(), "errorMessage": message });
    serde_json::json!({ "partialSuccess": partial }).to_string().into_bytes()
}

/// `google.rpc.Status`.
pub(super) fn status(status: &Status) -> Vec<u8> {
    serde_json::json!({ "code": status.code.number(), "message": status.message }).to_string().into_bytes()
}
