//! What each path answers.
//!
//! ```text
//! GET  /                                     the service's work: planned latency, planned errors
//! GET  /health  /health/ready  /health/live  by the mode of each
//! GET  /api/...                              the same work, for whoever shows the token
//! GET  /metrics                              OpenMetrics
//! GET  /control   POST /control              the knobs: shown, turned
//! ```

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    Method, Request, Response, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE},
};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use prometheus_client::registry::Registry;
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    calls::Caller,
    control::Change,
    dice::Dice,
    knobs::Knobs,
    logs::{Level, Line, Logger},
    metrics::{self, Metrics},
    traces::{Context, Kind, Span, Tracer},
};

mod health;

/// The largest body `POST /control` reads.
const MAX_BODY: usize = 16 * 1024;

/// The body must have arrived by then.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest request id taken over from a caller.
const MAX_REQUEST_ID: usize = 64;

/// What the routes work with. One for the process.
pub struct Service {
    /// Name in answers.
    pub name: String,
    /// The knobs; `POST /control` is their only writer.
    pub knobs: watch::Sender<Knobs>,
    /// Counters.
    pub metrics: Metrics,
    /// Where `/metrics` reads them.
    pub registry: Registry,
    /// Where lines go.
    pub logger: Logger,
    /// Whether each request leaves a line.
    pub log_requests: bool,
    /// Chance.
    pub dice: Arc<Dice>,
    /// What `/api` asks for; nothing when it asks for nothing.
    pub bearer: Option<String>,
    /// Takes the code with which to end the process.
    pub exit: mpsc::Sender<u8>,
    /// Makes spans, if anybody wants them.
    pub tracer: Tracer,
    /// Asks neighbours.
    pub caller: Caller,
    /// Those who are asked for each request to `/` and `/api`.
    pub relay: Vec<Uri>,
    /// Whether they are asked for health, too.
    pub health_relay: bool,
    /// What a good answer to those comes to.
    pub event: Option<String>,
    /// Items that such answers use up.
    pub stock: Option<u32>,
}

/// Status, type and body of an answer.
struct Reply(StatusCode, &'static str, String);

impl Reply {
    fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        Self(status, "application/json", body.to_string())
    }

    fn error(status: StatusCode, message: impl Into<String>) -> Self {
        Self::json(status, &json!({ "error": message.into() }))
    }
}

/// Answers one request; counts and logs it. A request whose caller gives up before the answer is neither counted nor logged.
pub async fn answer(service: &Service, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let began = Instant::now();
    let request_id = request_id(&request).unwrap_or_else(|| service.dice.request_id());
    let (method, route) = (known_method(request.method()), known_route(request.uri().path()));
    let came = Context::of(request.headers());
    let span = service.tracer.begin(Kind::Server, came.as_ref());
    let context = span.as_ref().map(Span::context).or(came.as_ref()).cloned();
    let Reply(status, content_type, body) = reply(service, method, route, request, &request_id, context.as_ref()).await;
    let took = began.elapsed();
    if let Some(span) = span {
        served(&service.tracer, span, method, route, status);
    }
    service.metrics.request(method, route, status.as_u16(), took);
    if service.log_requests {
        let level = if status.is_server_error() { Level::Error } else { Level::Info };
        let line = Line::new(level, "request served").request(request_id.clone()).field("method", method);
        let line = line.field("route", route).field("status", status.as_u16());
        let line = line.field("duration_ms", took.as_millis() as u64);
        service.logger.write(match context {
            Some(context) => line.field("trace_id", context.trace_id()),
            None => line,
        });
    }
    let mut answer = Response::builder();
    if status == StatusCode::UNAUTHORIZED {
        answer = answer.header(WWW_AUTHENTICATE, "Bearer");
    }
    answer
        .status(status)
        .header(CONTENT_TYPE, content_type)
        .header("x-request-id", request_id)
        .body(Full::from(body))
        // The id was checked and the rest is constant, so the builder has nothing to object to.
        .unwrap_or_default()
}

/// Ends the span of a request, with what semantic conventions say of one.
fn served(tracer: &Tracer, mut span: Span, method: &str, route: &str, status: StatusCode) {
    span.text("http.request.method", method);
    span.text("http.route", route);
    span.number("http.response.status_code", status.as_u16().into());
    if status.is_server_error() {
        span.fail(status.as_str());
    }
    tracer.end(span, format!("{method} {route}"));
}

async fn reply(
    service: &Service,
    method: &str,
    route: &str,
    request: Request<Incoming>,
    request_id: &str,
    context: Option<&Context>,
) -> Reply {
    match (method, route) {
        ("GET" | "HEAD", "/") => work(service, request_id, context).await,
        ("GET" | "HEAD", "/api") if !is_let_in(service, &request) => {
            Reply::error(StatusCode::UNAUTHORIZED, "no valid token")
        }
        ("GET" | "HEAD", "/api") => work(service, request_id, context).await,
        ("GET" | "HEAD", "/health") => health::answer(service, request_id, context, |knobs| knobs.health).await,
        ("GET" | "HEAD", "/health/ready") => health::answer(service, request_id, context, |knobs| knobs.ready).await,
        ("GET" | "HEAD", "/health/live") => health::alone(service, |knobs| knobs.live).await,
        ("GET" | "HEAD", "/metrics") => match metrics::page(&service.registry) {
            Ok(page) => Reply(StatusCode::OK, metrics::CONTENT_TYPE, page),
            Err(error) => Reply::error(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        },
        ("GET" | "HEAD", "/control") => shown(&service.knobs.borrow()),
        ("POST", "/control") => control(service, request).await,
        (_, "other") => Reply::error(StatusCode::NOT_FOUND, "no such route"),
        _ => Reply::error(StatusCode::METHOD_NOT_ALLOWED, "this route takes another method"),
    }
}

async fn work(service: &Service, request_id: &str, context: Option<&Context>) -> Reply {
    let (latency, error_rate) = {
        let knobs = service.knobs.borrow();
        (knobs.latency.at(service.dice.fraction()), knobs.error_rate)
    };
    tokio::time::sleep(latency).await;
    if service.dice.happens(error_rate) {
        return Reply::error(StatusCode::INTERNAL_SERVER_ERROR, "planned failure");
    }
    if let Some(url) = failed_neighbour(service, request_id, context).await {
        return Reply::error(StatusCode::BAD_GATEWAY, format!("{url} failed"));
    }
    if let Some(event) = &service.event {
        service.metrics.event(event);
    }
    if let Some(full) = service.stock {
        service.metrics.sold(full);
    }
    Reply::json(StatusCode::OK, &json!({ "service": service.name, "request_id": request_id }))
}

/// Asks the neighbours of a request, one after the other, until one fails.
async fn failed_neighbour<'s>(service: &'s Service, request_id: &str, context: Option<&Context>) -> Option<&'s Uri> {
    for url in &service.relay {
        if !service.caller.call(url, request_id, context).await {
            return Some(url);
        }
    }
    None
}

/// Whether a request to `/api` shows the token, or need not.
fn is_let_in<B>(service: &Service, request: &Request<B>) -> bool {
    let Some(token) = service.bearer.as_deref().filter(|_| !service.knobs.borrow().open) else { return true };
    let shown = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    shown.and_then(|value| value.strip_prefix("Bearer ")) == Some(token)
}

fn shown(knobs: &Knobs) -> Reply {
    match serde_json::to_value(knobs) {
        Ok(value) => Reply::json(StatusCode::OK, &value),
        Err(error) => Reply::error(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

async fn control(service: &Service, request: Request<Incoming>) -> Reply {
    let body = Limited::new(request.into_body(), MAX_BODY).collect();
    let body = match tokio::time::timeout(BODY_TIMEOUT, body).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => return Reply::error(StatusCode::PAYLOAD_TOO_LARGE, "the body is broken, or larger than 16 KiB"),
        Err(_) => return Reply::error(StatusCode::REQUEST_TIMEOUT, "the body did not arrive"),
    };
    let change = match Change::parse(&body) {
        Ok(change) => change,
        Err(refused) => return Reply::error(StatusCode::BAD_REQUEST, refused.to_string()),
    };
    let turned = match change.apply(&service.knobs.borrow()) {
        Ok(turned) => turned,
        Err(refused) => return Reply::error(StatusCode::BAD_REQUEST, refused.to_string()),
    };
    service.knobs.send_replace(turned.clone());
    service.logger.wake();
    if let Some(code) = change.exit {
        // Full means that an end was already asked for; the first code counts.
        let _asked: Result<(), _> = service.exit.try_send(code);
    }
    shown(&turned)
}

/// The caller's request id, if it may be written back and into logs.
fn request_id<B>(request: &Request<B>) -> Option<String> {
    let id = request.headers().get("x-request-id")?.to_str().ok()?;
    let fine = !id.is_empty() && id.len() <= MAX_REQUEST_ID && id.bytes().all(|byte| byte.is_ascii_graphic());
    fine.then(|| id.to_owned())
}

/// The method as a label value: callers may send any word, series may not.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}

/// The route as a label value, likewise.
fn known_route(path: &str) -> &'static str {
    if path.starts_with("/api/") {
        return "/api";
    }
    ["/", "/api", "/health", "/health/ready", "/health/live", "/metrics", "/control"]
        .into_iter()
        .find(|route| *route == path)
        .unwrap_or("other")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_come_from_closed_lists() {
        assert_eq!(known_route("/health/ready"), "/health/ready");
        assert_eq!(known_route("/health/ready/"), "other");
        assert_eq!((known_route("/api/v1/cars"), known_route("/apis")), ("/api", "other"));
        assert_eq!(known_method(&Method::from_bytes(b"BREW").unwrap()), "other");
    }

    #[test]
    fn only_a_harmless_request_id_is_taken_over() {
        let with = |id: &str| request_id(&Request::builder().header("x-request-id", id).body(()).unwrap());
        assert_eq!(with("abc-123").as_deref(), Some("abc-123"));
        for refused in ["", "two words", &"x".repeat(65)] {
            assert_eq!(with(refused), None, "{refused:?}");
        }
    }
}
