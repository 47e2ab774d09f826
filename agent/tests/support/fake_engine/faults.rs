//! Ways in which an engine fails, and the bodies that fail so.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::body::Frame;

/// A body that may break off.
pub type Body = BoxBody<Bytes, std::io::Error>;

/// Which endpoint a fault is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    Ping,
    Version,
    Info,
    List,
    Inspect,
    Networks,
    Image,
    Events,
    Logs,
    /// Any path the fake does not serve.
    Unknown,
}

/// One way to misbehave. It stays in force until [`super::FakeEngine::clear`], unless set by `fault_once`.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Takes the request and never answers.
    HangBeforeHeaders,
    /// Sends headers and half of the body, then nothing more.
    HangMidBody,
    /// Ends the answer properly after half of its JSON.
    HalfJson,
    /// Answers 200 with bytes that are no JSON.
    Garbage,
    /// Answers with this status and `{"message": ...}`.
    Status(u16, String),
    /// Answers with this status and exactly this body.
    RawStatus(u16, String),
    /// Answers 200 with exactly this body.
    Body(String),
    /// Answers 200 with exactly these bytes, which need be no text.
    Bytes(Vec<u8>),
    /// Closes the connection instead of answering.
    Reset,
    /// Closes the connection after half of the body.
    ResetMidBody,
    /// Sends the body in 16 pieces with this pause before each.
    Slow(Duration),
    /// Sends a valid JSON string without end.
    Endless,
}

impl Fault {
    /// The status it answers with, where it is about the status.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status, _) | Self::RawStatus(status, _) => Some(*status),
            _ => None,
        }
    }
}

/// The whole text at once.
pub fn whole(text: impl Into<Bytes>) -> Body {
    pieces(vec![Ok(text.into())], Duration::ZERO, false)
}

/// The body of an answer under a fault; `None` closes the connection instead.
pub fn faulty(fault: &Fault, content: Bytes) -> Option<Body> {
    let half = content.slice(..content.len() / 2);
    Some(match fault {
        Fault::HangBeforeHeaders | Fault::Reset => return None,
        Fault::HangMidBody => pieces(vec![Ok(half)], Duration::ZERO, true),
        Fault::HalfJson => whole(half),
        Fault::Garbage => whole("<html>\u{1}not JSON</html>"),
        Fault::Status(_, message) => whole(serde_json::json!({ "message": message }).to_string() + "\n"),
        Fault::RawStatus(_, body) | Fault::Body(body) => whole(body.clone()),
        Fault::Bytes(bytes) => whole(bytes.clone()),
        Fault::ResetMidBody => pieces(
            vec![Ok(half), Err(std::io::Error::other("scripted reset"))],
            // The first half has to leave before the connection goes.
            Duration::from_millis(20),
            false,
        ),
        Fault::Slow(pause) => {
            let size = (content.len() / 16).max(1);
            let parts = content.chunks(size).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
            pieces(parts, *pause, false)
        }
        Fault::Endless => {
            let junk = Bytes::from(vec![b'a'; 64 * 1024]);
            let head = stream::iter([Ok(Frame::data(Bytes::from_static(b"[\"")))]);
            let tail = stream::repeat_with(move || Ok(Frame::data(junk.clone())));
            BodyExt::boxed(StreamBody::new(head.chain(tail)))
        }
    })
}

fn pieces(parts: Vec<Result<Bytes, std::io::Error>>, pause: Duration, hang: bool) -> Body {
    let sent = stream::iter(parts).then(move |part| async move {
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        part.map(Frame::data)
    });
    match hang {
        true => BodyExt::boxed(StreamBody::new(sent.chain(stream::pending()))),
        false => BodyExt::boxed(StreamBody::new(sent)),
    }
}
