//! What a call was answered with: a status from trailers, or from what stands in their place.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::frame::PREFIX;
use crate::delivery::peer::SendError;

/// Bytes of a message that are kept: an acknowledgement is a sentence, or a few of them.
pub const MAX_KEPT: usize = 16 << 10;

/// Longest message that is read to its end, in bytes; what OTLP recommends to clients.
pub const MAX_ANSWER: usize = 4 << 20;

/// `UNKNOWN`: what is not understood.
const UNKNOWN: u32 = 2;
/// `RESOURCE_EXHAUSTED`: what libraries say of an answer which is too long.
const RESOURCE_EXHAUSTED: u32 = 8;

/// Binary headers come with padding or without.
const BINARY: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code, 0 is OK. Where a proxy answered in place of the server, what gRPC makes of its HTTP status.
    pub code: u32,
    /// What the server says to it.
    pub message: String,
    /// `google.rpc.Status`, where there are details.
    pub details: Vec<u8>,
    /// The message, at most [`MAX_KEPT`] bytes of it.
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads until the trailers.
    pub(super) async fn read(response: Response<Incoming>, server: &str) -> Result<Self, SendError> {
        let (head, mut body) = response.into_parts();
        if let Some(answer) = Self::of(&head.headers, Vec::new()) {
            return Ok(answer);
        }
        if head.status != StatusCode::OK || !is_grpc(&head.headers) {
            return Ok(Self::foreign(head.status, &head.headers));
        }
        let mut bytes = Vec::new();
        let mut length = 0_usize;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| SendError::broken(server, error))?;
            match frame.into_data() {
                Ok(data) => {
                    length = length.saturating_add(data.len());
                    let room = (MAX_KEPT + PREFIX).saturating_sub(bytes.len());
                    bytes.extend_from_slice(data.get(..room).unwrap_or(&data));
                }
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    let answer = Self::of(&trailers, message(bytes));
                    return answer.ok_or_else(|| SendError::Cut { server: server.to_owned() });
                }
            }
            if length > MAX_ANSWER + PREFIX {
                let message = format!("an answer of more than {MAX_ANSWER} bytes");
                return Ok(Self { code: RESOURCE_EXHAUSTED, message, details: Vec::new(), body: Vec::new() });
            }
        }
        Err(SendError::Cut { server: server.to_owned() })
    }

    /// That of headers or trailers which hold a status.
    pub(super) fn of(headers: &HeaderMap, body: Vec<u8>) -> Option<Self> {
        let text = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
        let code = std::str::from_utf8(text("grpc-status")?).ok().and_then(|text| text.trim().parse().ok());
        let message = text("grpc-message").map(unescaped).unwrap_or_default();
        let details = text("grpc-status-details-bin").and_then(|text| BINARY.decode(text).ok()).unwrap_or_default();
        Some(Self { code: code.unwrap_or(UNKNOWN), message, details, body })
    }

    /// That of something which does not speak gRPC, by the table of "HTTP to gRPC Status Code Mapping".
    fn foreign(status: StatusCode, headers: &HeaderMap) -> Self {
        let code = match status.as_u16() {
            400 => 13,
            401 => 16,
            403 => 7,
            404 => 12,
            429 | 502 | 503 | 504 => 14,
            _ => UNKNOWN,
        };
        let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("nothing");
        let message = format!("not gRPC: status {} with {kind}", status.as_u16());
        Self { code, message, details: Vec::new(), body: Vec::new() }
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    kind.get(..16).is_some_and(|kind| kind.eq_ignore_ascii_case(b"application/grpc"))
}

/// The message in a body. We take none that is compressed, so one that says so is not looked at.
fn message(mut body: Vec<u8>) -> Vec<u8> {
    if body.first() != Some(&0) || body.len() < PREFIX {
        return Vec::new();
    }
    body.drain(..PREFIX);
    body
}

/// `grpc-message` is percent-encoded UTF-8; what is not is left as it is.
fn unescaped(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
