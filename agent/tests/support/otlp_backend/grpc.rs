//! OTLP/gRPC: five bytes in front of each message, a status behind.

use std::{collections::BTreeMap, io, sync::Arc, time::Instant};

use base64::{Engine as _, prelude::BASE64_STANDARD_NO_PAD};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
};
use spyhop::otlp::Signal;

use super::{
    faults::{Fault, Refusal},
    judge::{too_large, unpacked},
    server::{Answer, Connection},
    state::{Asked, Outcome},
    web::{headers, pause, response},
};

/// Answers one call.
pub async fn answer(request: Request<Incoming>, connection: &Arc<Connection>) -> Answer {
    let (head, body) = request.into_parts();
    let headers = headers(&head.headers);
    let shared = &connection.shared;
    let Some(signal) = Signal::ALL.into_iter().find(|signal| signal.grpc_path() == head.uri.path()) else {
        shared.state().complain(format!("a call of {}", head.uri.path()));
        return refused(&Refusal::new(12, 200, "unknown service"));
    };
    let Ok(body) = body.collect().await else { return refused(&Refusal::new(1, 200, "cancelled")) };
    let body = body.to_bytes();
    let limit = shared.state().limits.request;
    let form = form(&head.method, &headers).and_then(|()| message(&body, &headers, limit));
    let compressed = body.first() == Some(&1);
    let (bytes, form) = match form {
        Ok(bytes) => (bytes, Ok(())),
        Err(refusal) => (body, Err(refusal)),
    };
    let asked = Asked {
        connection: connection.number,
        at: Instant::now(),
        signal,
        headers,
        body: bytes,
        compressed,
        records: 0,
        stored: false,
    };
    let outcome = shared.state().take(asked, form, true);
    shared.changed.notify_all();
    match outcome {
        Outcome::Taken(rejected, words) => said(&response(signal, rejected, &words)),
        Outcome::Refused(refusal) => refused(&refusal),
        Outcome::Fault(fault) => self::fault(fault, signal, connection).await,
    }
}

async fn fault(fault: Fault, signal: Signal, connection: &Connection) -> Answer {
    let fine = || said(&response(signal, 0, ""));
    match fault {
        Fault::Cut | Fault::Lost => {
            connection.cut.notify_one();
            std::future::pending().await
        }
        Fault::Silence => std::future::pending().await,
        Fault::Slow(time) => {
            pause(time).await;
            fine()
        }
        Fault::GoAway => {
            connection.goaway.notify_one();
            fine()
        }
        Fault::Torn => framed(vec![Ok(Frame::data(frame(&response(signal, 0, ""))))]),
        Fault::Foreign { status, kind, body } => {
            let mut answer = Response::new(whole(body.as_bytes()));
            *answer.status_mut() = status.try_into().expect("a status");
            answer.headers_mut().insert("content-type", HeaderValue::from_static(kind));
            answer
        }
        Fault::Long(length) => said(&response(signal, 0, &"x".repeat(length))),
        Fault::Refuse(_) | Fault::Partial(..) => unreachable!("answered without the transport"),
    }
}

/// What the protocol wants of every call.
fn form(method: &Method, headers: &BTreeMap<String, String>) -> Result<(), Refusal> {
    let get = |name: &str| headers.get(name).map_or("", String::as_str);
    let bad = |words: &str| Err(Refusal::new(13, 200, words));
    if method != Method::POST {
        return bad("the method is not POST");
    }
    if !matches!(get("content-type"), "application/grpc" | "application/grpc+proto") {
        return bad("the content type is not application/grpc");
    }
    if get("te") != "trailers" {
        return bad("te is not trailers");
    }
    let timeout = get("grpc-timeout");
    let unit = timeout.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = timeout.len() - unit.len();
    let is_timeout = matches!(unit, "H" | "M" | "S" | "m" | "u" | "n") && (1..=8).contains(&digits);
    if !timeout.is_empty() && !is_timeout {
        return bad("grpc-timeout is none");
    }
    Ok(())
}

/// The one message of a unary call.
fn message(body: &[u8], headers: &BTreeMap<String, String>, limit: usize) -> Result<Bytes, Refusal> {
    let bad = |words: &str| Err(Refusal::new(13, 200, words));
    let Some((prefix, message)) = body.split_first_chunk::<5>() else { return bad("no message") };
    let length = u32::from_be_bytes([prefix[1], prefix[2], prefix[3], prefix[4]]) as usize;
    if length > limit {
        return Err(too_large(length, limit));
    }
    if length != message.len() {
        return bad("not one message");
    }
    let encoding = headers.get("grpc-encoding").map_or("", String::as_str);
    match prefix[0] {
        0 => Ok(Bytes::copy_from_slice(message)),
        1 if encoding.is_empty() => bad("compressed, and not said how"),
        1 => unpacked(message, encoding, limit).map(Bytes::from),
        _ => bad("a flag which there is not"),
    }
}

fn frame(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).expect("a short message");
    [&[0][..], &length.to_be_bytes(), message].concat().into()
}

fn said(message: &[u8]) -> Answer {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    trailers.insert("grpc-message", HeaderValue::from_static(""));
    framed(vec![Ok(Frame::data(frame(message))), Ok(Frame::trailers(trailers))])
}

fn framed(frames: Vec<io::Result<Frame<Bytes>>>) -> Answer {
    let mut answer = Response::new(StreamBody::new(stream::iter(frames)).boxed_unsync());
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    answer
}

/// Trailers alone.
fn refused(refusal: &Refusal) -> Answer {
    let mut answer = Response::new(whole(b""));
    let headers = answer.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", refusal.code.into());
    headers.insert("grpc-message", HeaderValue::from_str(&refusal.words).expect("words of ASCII"));
    if refusal.retry.is_some() {
        let details = BASE64_STANDARD_NO_PAD.encode(refusal.details());
        headers.insert("grpc-status-details-bin", HeaderValue::from_str(&details).expect("base64"));
    }
    answer
}

fn whole(body: &[u8]) -> http_body_util::combinators::UnsyncBoxBody<Bytes, io::Error> {
    Full::new(Bytes::copy_from_slice(body)).map_err(|never| match never {}).boxed_unsync()
}
