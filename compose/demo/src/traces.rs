//! Spans of what the service answers and asks, and the context that ties them to those of its neighbours: W3C Trace Context in and out.
//! Off unless there is an endpoint to send them to; a context that comes in is passed on all the same.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::Instant};

use crate::dice::Dice;

mod export;

pub use export::start;

/// Longest `tracestate` taken over.
const MAX_STATE: usize = 512;

/// Spans that wait to be sent; what comes when they are as many is lost.
const MAX_WAITING: usize = 2048;

/// Where in which trace something happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    trace: u128,
    span: u64,
    /// Bit 0: spans of this trace are recorded.
    flags: u8,
    state: Option<HeaderValue>,
}

impl Context {
    /// The context in the headers of a request; `None` where there is none, or none that is valid.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get("traceparent")?.to_str().ok()?;
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Version 0 has four parts; later ones may have more behind them, and there is no version ff.
        if version == "ff" || hex(version, 2).is_none() || version == "00" && parts.next().is_some() {
            return None;
        }
        let (trace, span) = (hex(trace, 32).filter(|id| *id != 0)?, hex(span, 16).filter(|id| *id != 0)?);
        let state = headers.get("tracestate").filter(|state| state.len() <= MAX_STATE).cloned();
        // Both had so many digits that they fit.
        Some(Self { trace, span: span as u64, flags: hex(flags, 2)? as u8, state })
    }

    /// Writes it into the headers of a request.
    pub fn write(&self, headers: &mut HeaderMap) {
        let text = format!("00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags & 1);
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert("traceparent", value);
        }
        if let Some(state) = &self.state {
            headers.insert("tracestate", state.clone());
        }
    }

    /// The trace's id as it is written in logs.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace)
    }
}

/// A number in exactly so many lower-case digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let fine = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    u128::from_str_radix(text, 16).ok().filter(|_| fine)
}

/// What kind of span it is; numbers are the protocol's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request answered.
    Server = 2,
    /// A request made.
    Client = 3,
}

/// Makes spans. Clones send to the same place.
#[derive(Debug, Clone)]
pub struct Tracer {
    dice: Arc<Dice>,
    /// `None` while traces are off.
    waiting: Option<mpsc::Sender<Value>>,
}

impl Tracer {
    /// Begins a span under `parent`, or a trace of its own. `None` while traces are off.
    pub fn begin(&self, kind: Kind, parent: Option<&Context>) -> Option<Span> {
        self.waiting.as_ref()?;
        let trace = || u128::from(self.dice.bits()) << 64 | u128::from(self.dice.bits() | 1);
        let context = Context {
            trace: parent.map_or_else(trace, |parent| parent.trace),
            span: self.dice.bits().max(1),
            flags: parent.map_or(1, |parent| parent.flags),
            state: parent.and_then(|parent| parent.state.clone()),
        };
        let parent = parent.map(|parent| parent.span);
        Some(Span {
            context,
            parent,
            kind,
            began: Instant::now(),
            at: SystemTime::now(),
            attributes: Vec::new(),
            error: None,
        })
    }

    /// Ends a span and lets it wait to be sent, where its trace is recorded.
    pub fn end(&self, span: Span, name: impl Into<String>) {
        if let Some(waiting) = &self.waiting
            && span.context.flags & 1 == 1
        {
            // Full means that nobody takes them: the demo goes on.
            let _sent: Result<(), _> = waiting.try_send(span.into_json(name.into()));
        }
    }
}

/// Something that is being done.
#[derive(Debug)]
pub struct Span {
    context: Context,
    parent: Option<u64>,
    kind: Kind,
    began: Instant,
    at: SystemTime,
    attributes: Vec<Value>,
    error: Option<String>,
}

impl Span {
    /// What to pass on to those who are asked meanwhile.
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// Adds a text.
    pub fn text(&mut self, key: &str, value: impl Into<String>) {
        self.attributes.push(json!({ "key": key, "value": { "stringValue": value.into() } }));
    }

    /// Adds a number, which in OTLP's JSON is a string.
    pub fn number(&mut self, key: &str, value: u64) {
        self.attributes.push(json!({ "key": key, "value": { "intValue": value.to_string() } }));
    }

    /// Says that it failed, and of what.
    pub fn fail(&mut self, kind: impl Into<String>) {
        let kind = kind.into();
        self.text("error.type", kind.clone());
        self.error = Some(kind);
    }

    /// As OTLP's JSON has it.
    fn into_json(self, name: String) -> Value {
        let start = self.at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let end = start + self.began.elapsed();
        let mut span = json!({
            "traceId": self.context.trace_id(),
            "spanId": format!("{:016x}", self.context.span),
            "name": name,
            "kind": self.kind as u8,
            "flags": self.context.flags,
            "startTimeUnixNano": start.as_nanos().to_string(),
            "endTimeUnixNano": end.as_nanos().to_string(),
            "attributes": self.attributes,
            "status": self.error.map_or_else(|| json!({}), |error| json!({ "code": 2, "message": error })),
        });
        if let Some(fields) = span.as_object_mut() {
            if let Some(parent) = self.parent {
                fields.insert("parentSpanId".into(), format!("{parent:016x}").into());
            }
            if let Some(state) = self.context.state.as_ref().and_then(|state| state.to_str().ok()) {
                fields.insert("traceState".into(), state.into());
            }
        }
        span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(parent: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", parent.parse().unwrap());
        headers.insert("tracestate", "vendor=1".parse().unwrap());
        headers
    }

    #[test]
    fn a_valid_context_is_taken_and_passed_on() {
        const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = Context::of(&headers(PARENT)).unwrap();
        assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        let mut written = HeaderMap::new();
        context.write(&mut written);
        assert_eq!(written, headers(PARENT));
        // A later version may say more, of which nothing is known.
        assert_eq!(Context::of(&headers(&PARENT.replacen("00", "01", 1))), Some(context.clone()));
        assert_eq!(Context::of(&headers(&format!("01{}-more", PARENT.get(2..).unwrap()))), Some(context));
    }

    #[test]
    fn what_is_no_context_begins_a_trace() {
        for refused in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(Context::of(&headers(refused)), None, "{refused}");
        }
        assert_eq!(Context::of(&HeaderMap::new()), None);
    }

    #[test]
    fn a_span_that_is_not_recorded_passes_its_context_on_and_is_not_sent() {
        let (waiting, mut sent) = mpsc::channel(4);
        let tracer = Tracer { dice: Arc::new(Dice::new(3)), waiting: Some(waiting) };
        let parent = Context::of(&headers("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")).unwrap();
        let span = tracer.begin(Kind::Server, Some(&parent)).unwrap();
        assert_eq!((span.context().trace, span.context().flags), (parent.trace, 0));
        tracer.end(span, "GET /");
        assert!(sent.try_recv().is_err());

        let mut span = tracer.begin(Kind::Client, None).unwrap();
        span.fail("timed_out");
        tracer.end(span, "GET");
        let span = sent.try_recv().unwrap();
        assert_eq!((&span["kind"], &span["status"]["code"]), (&json!(3), &json!(2)));
        assert_eq!(span.get("parentSpanId"), None);
    }
}
