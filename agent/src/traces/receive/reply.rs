//! Answers of both transports. None is compressed, whatever a client accepts: they are a few bytes, or a sentence.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, RETRY_AFTER},
};
use hyper::body::{Frame, SizeHint};

use super::{framing, head::Voice, refusal::Refusal};
use crate::otlp::{Signal, Status, json, wire::Writer};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ACCEPT: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip");

/// Bytes of a message for a person: some clients take no more than 8 KiB of trailers, where it stands twice and may be written in three
/// bytes for each.
const MAX_MESSAGE: usize = 1024;

/// One piece, then trailers where there are any.
#[derive(Debug, Default)]
pub(super) struct Reply {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl hyper::body::Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.data.take().map(Frame::data);
        Poll::Ready(data.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.data, &self.trailers) {
            (data, None) => SizeHint::with_exact(data.as_ref().map_or(0, |data| data.len() as u64)),
            // A length beside trailers is nothing clients of gRPC expect.
            _ => SizeHint::default(),
        }
    }
}

/// The request was taken, but for so many records.
pub(super) fn taken(voice: Voice, signal: Signal, rejected: u64, message: &str) -> Response<Reply> {
    let message = shortened(message);
    let partial = rejected > 0 || !message.is_empty();
    let body = match voice {
        Voice::Json if partial => json::partial(signal, rejected, message).into_bytes(),
        Voice::Json => json::success().into(),
        _ => success(rejected, message),
    };
    if !voice.is_grpc() {
        return respond(voice, StatusCode::OK, body.into());
    }
    let mut response = respond(voice, StatusCode::OK, framing::frame(&body));
    response.body_mut().trailers = Some(HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]));
    response
}

/// The request was not taken.
pub(super) fn refused(voice: Voice, refusal: &Refusal) -> Response<Reply> {
    let Refusal { status, http, .. } = refusal;
    let status = Status { message: shortened(&status.message).to_owned(), ..status.clone() };
    if voice.is_grpc() {
        // All there is to say is in the headers: "trailers-only".
        let mut response = respond(voice, StatusCode::OK, Bytes::new());
        describe(response.headers_mut(), &status);
        return response;
    }
    let body = match voice {
        Voice::Json => json::status(status.code.number().into(), &status.message, status.retry).into_bytes(),
        Voice::Text => format!("{}\n", status.message).into_bytes(),
        _ => status.encode(),
    };
    let mut response = respond(voice, *http, body.into());
    let headers = response.headers_mut();
    if let Some(retry) = status.retry {
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(retry)));
    }
    match *http {
        StatusCode::METHOD_NOT_ALLOWED => drop(headers.insert(ALLOW, HeaderValue::from_static("POST"))),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => drop(headers.insert(ACCEPT_ENCODING, ACCEPTED)),
        _ => {}
    }
    response
}

fn respond(voice: Voice, http: StatusCode, data: Bytes) -> Response<Reply> {
    let data = Some(data).filter(|data| !data.is_empty());
    let mut response = Response::new(Reply { data, trailers: None });
    *response.status_mut() = http;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(voice.content_type()));
    if voice.is_grpc() {
        response.headers_mut().insert(GRPC_ACCEPT, ACCEPTED);
    }
    response
}

/// `Export*ServiceResponse`, which is of the same form for all signals. Empty where all was taken.
fn success(rejected: u64, message: &str) -> Vec<u8> {
    let mut response = Writer::new();
    if rejected > 0 || !message.is_empty() {
        response.message(1, |partial| {
            if rejected > 0 {
                partial.varint(1, rejected);
            }
            if !message.is_empty() {
                partial.string(2, message);
            }
        });
    }
    response.into_bytes()
}

/// The status in the words of gRPC.
fn describe(headers: &mut HeaderMap, status: &Status) {
    headers.insert(GRPC_STATUS, HeaderValue::from(u16::from(status.code.number())));
    if let Ok(message) = HeaderValue::try_from(percent_encoded(&status.message)) {
        headers.insert(GRPC_MESSAGE, message);
    }
    // Details for those who look for them: the code and the message alone are there already.
    if status.retry.is_some()
        && let Ok(details) = HeaderValue::try_from(STANDARD_NO_PAD.encode(status.encode()))
    {
        headers.insert(GRPC_DETAILS, details);
    }
}

/// As `grpc-message` wants it: printable ASCII without the percent sign stands for itself.
fn percent_encoded(message: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut encoded = String::with_capacity(message.len());
    for byte in message.bytes() {
        if matches!(byte, b' '..=b'~') && byte != b'%' {
            encoded.push(char::from(byte));
        } else {
            let digit = |four: u8| DIGITS.get(usize::from(four)).map_or('0', |digit| char::from(*digit));
            encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    encoded
}

/// `Retry-After` knows whole seconds alone; at once is no delay.
fn whole_seconds(retry: Duration) -> u64 {
    let more = u64::from(retry.subsec_nanos() > 0);
    retry.as_secs().saturating_add(more).max(1)
}

fn shortened(message: &str) -> &str {
    message.get(..message.floor_char_boundary(MAX_MESSAGE)).unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::otlp::Code;

    #[test]
    fn delays_are_whole_seconds_and_never_none() {
        for (millis, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (30_000, 30)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }

    #[test]
    fn messages_for_people_are_percent_encoded_and_short() {
        assert_eq!(percent_encoded("100 % \u{e4}\n~"), "100 %25 %C3%A4%0A~");
        assert_eq!(shortened(&"\u{20ac}".repeat(400)).chars().count(), 341);
    }

    #[test]
    fn a_full_success_says_nothing() {
        assert!(success(0, "").is_empty());
        assert_eq!(success(3, "no").split_last(), Some((&b'o', &[10, 0x86, 0x80, 0, 8, 3, 18, 2, b'n'][..])));
    }

    proptest! {
        #[test]
        fn whatever_is_said_can_stand_in_a_header(message in ".{0,60}") {
            let status = Status::new(Code::Unavailable, message).after(Duration::from_secs(1));
            let mut headers = HeaderMap::new();
            describe(&mut headers, &status);
            prop_assert_eq!(headers.len(), 3);
            let details = STANDARD_NO_PAD.decode(headers[GRPC_DETAILS].as_bytes()).unwrap();
            prop_assert_eq!(Status::decode(&details), Ok(status));
        }
    }
}
