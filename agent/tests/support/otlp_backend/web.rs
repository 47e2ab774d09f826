//! OTLP/HTTP: protobuf over POST.

use std::{
    collections::BTreeMap,
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method};
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
};
use opentelemetry_proto::tonic::collector::{
    logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse},
    metrics::v1::{ExportMetricsPartialSuccess, ExportMetricsServiceResponse},
    trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse},
};
use prost::Message as _;
use spyhop::otlp::Signal;

use super::{
    faults::{Fault, Refusal},
    judge::{too_large, unpacked},
    server::{Answer, Connection},
    state::{Asked, Outcome},
};

const PROTOBUF: &str = "application/x-protobuf";

/// Answers one request.
pub async fn answer(request: Request<Incoming>, connection: &Arc<Connection>) -> Answer {
    let (head, body) = request.into_parts();
    let headers = headers(&head.headers);
    let shared = &connection.shared;
    let Some(signal) = Signal::ALL.into_iter().find(|signal| signal.http_path() == head.uri.path()) else {
        shared.state().complain(format!("a request for {}", head.uri.path()));
        return plain(404, "text/plain; charset=utf-8", b"404 page not found\n");
    };
    if head.method != Method::POST {
        shared.state().complain(format!("a request by {}", head.method));
        return plain(405, "text/plain", b"405 method not allowed, supported: [POST]");
    }
    let get = |name: &str| headers.get(name).map_or("", String::as_str);
    if get("content-type") != PROTOBUF {
        shared.state().complain(format!("a request of type {}", get("content-type")));
        return plain(415, "text/plain", b"415 unsupported media type");
    }
    let Ok(body) = body.collect().await else { return plain(400, "text/plain", b"broken off") };
    let body = body.to_bytes();
    let limit = shared.state().limits.request;
    let encoding = get("content-encoding").to_owned();
    let form = if body.len() > limit { Err(too_large(body.len(), limit)) } else { unpacked(&body, &encoding, limit) };
    let (bytes, form) = match form {
        Ok(bytes) => (Bytes::from(bytes), Ok(())),
        Err(refusal) => (body, Err(refusal)),
    };
    let asked = Asked {
        connection: connection.number,
        at: Instant::now(),
        signal,
        headers,
        body: bytes,
        compressed: !encoding.is_empty(),
        records: 0,
        stored: false,
    };
    let outcome = shared.state().take(asked, form, false);
    shared.changed.notify_all();
    match outcome {
        Outcome::Taken(rejected, words) => plain(200, PROTOBUF, &response(signal, rejected, &words)),
        Outcome::Refused(refusal) => refused(&refusal),
        Outcome::Fault(fault) => self::fault(fault, signal, connection).await,
    }
}

async fn fault(fault: Fault, signal: Signal, connection: &Connection) -> Answer {
    let fine = || plain(200, PROTOBUF, &response(signal, 0, ""));
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
        Fault::Torn => {
            let broken = vec![Ok(Frame::data(Bytes::from_static(b"\x0a"))), Err(io::Error::other("torn"))];
            let mut answer = Response::new(StreamBody::new(stream::iter(broken)).boxed_unsync());
            *answer.status_mut() = 502.try_into().expect("a status");
            answer
        }
        Fault::Foreign { status, kind, body } => plain(status, kind, body.as_bytes()),
        Fault::Long(length) => plain(200, PROTOBUF, &response(signal, 0, &"x".repeat(length))),
        Fault::Refuse(_) | Fault::Partial(..) => unreachable!("answered without the transport"),
    }
}

/// The answer to a request of this signal.
pub fn response(signal: Signal, rejected: i64, words: &str) -> Vec<u8> {
    let error_message = words.to_owned();
    // The Collector sends an empty partial success with a full one.
    match signal {
        Signal::Traces => {
            let partial_success = Some(ExportTracePartialSuccess { rejected_spans: rejected, error_message });
            ExportTraceServiceResponse { partial_success }.encode_to_vec()
        }
        Signal::Metrics => {
            let partial_success = Some(ExportMetricsPartialSuccess { rejected_data_points: rejected, error_message });
            ExportMetricsServiceResponse { partial_success }.encode_to_vec()
        }
        Signal::Logs => {
            let partial_success = Some(ExportLogsPartialSuccess { rejected_log_records: rejected, error_message });
            ExportLogsServiceResponse { partial_success }.encode_to_vec()
        }
    }
}

/// Headers as a table; names are in lower case already.
pub fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

/// Takes so long.
pub async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

fn refused(refusal: &Refusal) -> Answer {
    let mut answer = plain(refusal.status, PROTOBUF, &refusal.details());
    if let Some(delay) = refusal.retry {
        // Whole seconds, rounded down, as the Collector does; the details say it better.
        answer.headers_mut().insert("retry-after", delay.as_secs().into());
    }
    answer
}

fn plain(status: u16, kind: &'static str, body: &[u8]) -> Answer {
    let body = Full::new(Bytes::copy_from_slice(body)).map_err(|never| match never {}).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = status.try_into().expect("a status");
    answer.headers_mut().insert("content-type", HeaderValue::from_static(kind));
    answer
}
