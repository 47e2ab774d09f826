//! One answer: status, headers every answer carries, and a body whose bytes are accounted until the client has them.

use std::{
    collections::HashMap,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, VARY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use hyper::body::{Frame, SizeHint};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{encoding, live, stall::Serving};
use crate::targets;

/// Answers up to this size are not accounted: a health check must not fail because somebody reads pages slowly, and what
/// all connections together can hold of these is less than one page.
const SMALL: usize = 16 << 10;

/// The page has a style sheet, a script and an icon of its own and asks nobody but the agent: nothing inline, nothing from elsewhere, no
/// frame, no form.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What a handler gives back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What comes in place of `body`, piece by piece.
    pub(super) stream: Option<Streamed>,
}

/// What comes piece by piece.
#[derive(Debug)]
pub(super) enum Streamed {
    /// What a declared target answers; boxed, as both are far larger than what nearly every answer has: none.
    Target(Box<targets::Body>),
    /// What changes on the page.
    Live(Box<live::Stream>),
}

impl Answer {
    /// An answer of this type.
    pub(super) fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body: body.into(), stream: None }
    }

    /// What a declared target answers, passed on as it comes.
    pub(super) fn passed_on(fetched: targets::Fetched) -> Self {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(CONTENT_TYPE, fetched.content_type);
        if fetched.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        Self {
            status: StatusCode::OK,
            headers,
            body: Bytes::new(),
            stream: Some(Streamed::Target(Box::new(fetched.body))),
        }
    }

    /// One or more lines for a person; the last newline is added.
    pub(super) fn text(status: StatusCode, text: impl Into<String>) -> Self {
        let mut text = text.into();
        text.push('\n');
        Self::new(status, "text/plain; charset=utf-8", text)
    }

    /// A page for a browser, packed where it takes that.
    pub(super) fn html(page: String, gzip: bool) -> Self {
        let html = |body: Vec<u8>| Self::new(StatusCode::OK, "text/html; charset=utf-8", body);
        let answer = if gzip {
            html(encoding::gzip(page.as_bytes())).with(CONTENT_ENCODING, HeaderValue::from_static("gzip"))
        } else {
            html(page.into_bytes())
        };
        answer.with(VARY, HeaderValue::from_static("Accept-Encoding"))
    }

    /// Events without an end.
    pub(super) fn events(stream: live::Stream) -> Self {
        let answer = Self::new(StatusCode::OK, "text/event-stream; charset=utf-8", Bytes::new());
        Self { stream: Some(Streamed::Live(Box::new(stream))), ..answer }
    }

    /// The client may keep it, if it asks each time whether it still holds.
    pub(super) fn kept(self) -> Self {
        self.with(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
    }

    /// JSON. What cannot be written as JSON is a mistake of ours, said as such.
    pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self::new(status, "application/json", body),
            Err(error) => {
                tracing::error!(%error, "write JSON answer");
                Self::text(StatusCode::INTERNAL_SERVER_ERROR, "the answer could not be written as JSON")
            }
        }
    }

    /// 503 for something that passes by itself within a second.
    pub(super) fn busy(text: &str) -> Self {
        Self::text(StatusCode::SERVICE_UNAVAILABLE, text).with(RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// With one more header.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// With one more header of a name which may be there already.
    pub(super) fn and(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The response on the wire.
    pub(super) fn into_response(self, serving: Serving) -> Response<Body> {
        let data = Some(self.body).filter(|body| !body.is_empty());
        let mut response = Response::new(Body { data, stream: self.stream, _serving: serving });
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        for (name, value) in [
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (REFERRER_POLICY, "no-referrer"),
            (CONTENT_SECURITY_POLICY, POLICY),
            // For browsers which do not know the policy's `frame-ancestors`.
            (X_FRAME_OPTIONS, "DENY"),
            // No page of another site gets an answer as a picture or a script either.
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

/// A whole body in one piece, or one that is passed on. While it exists the request counts as being served.
#[derive(Debug)]
pub(super) struct Body {
    data: Option<Bytes>,
    stream: Option<Streamed>,
    _serving: Serving,
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    /// Ends the connection without the end of the answer, so that no client takes a part for the whole.
    type Error = targets::BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, targets::BodyError>>> {
        match &mut self.stream {
            Some(Streamed::Target(stream)) => Pin::new(stream).poll_frame(cx),
            Some(Streamed::Live(stream)) => Pin::new(&mut **stream).poll_frame(cx),
            None => Poll::Ready(self.data.take().map(|data| Ok(Frame::data(data)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.stream {
            Some(Streamed::Target(stream)) => stream.is_end_stream(),
            Some(Streamed::Live(_)) => false,
            None => self.data.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.stream {
            Some(Streamed::Target(stream)) => stream.size_hint(),
            Some(Streamed::Live(_)) => SizeHint::default(),
            None => SizeHint::with_exact(self.data.as_ref().map_or(0, |data| data.len() as u64)),
        }
    }
}

/// Memory for answers which clients have not read yet, shared by all connections.
///
/// Without it as many clients as there are connections could each ask for the largest page and read none of it. One subscriber
/// has half of it at most, so that nobody keeps the others out by not reading; a page larger than that half gets through alone.
#[derive(Clone, Debug)]
pub(super) struct Unread {
    free: Arc<Semaphore>,
    half: u32,
    holders: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

impl Unread {
    /// Room for this many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        let half = u32::try_from((bytes / 2).min(Semaphore::MAX_PERMITS / 2)).unwrap_or(u32::MAX / 2);
        Self { free: Arc::new(Semaphore::new(2 * half as usize)), half, holders: Arc::default() }
    }

    /// Accounts these bytes until their last copy is dropped; `None` when there is no room for them now.
    pub(super) fn hold(&self, subscriber: IpAddr, bytes: Bytes) -> Option<Bytes> {
        if bytes.len() <= SMALL {
            return Some(bytes);
        }
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX).min(self.half);
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        let held = holders.get(&subscriber).copied().unwrap_or_default();
        if held > self.half - size {
            return None;
        }
        let room = Arc::clone(&self.free).try_acquire_many_owned(size).ok()?;
        holders.insert(subscriber, held + size);
        let share = Room { holders: Arc::clone(&self.holders), subscriber, size, _room: room };
        Some(Bytes::from_owner(Held { bytes, _share: share }))
    }
}

/// Room one answer takes.
struct Room {
    holders: Arc<Mutex<HashMap<IpAddr, u32>>>,
    subscriber: IpAddr,
    size: u32,
    _room: OwnedSemaphorePermit,
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut holders = self.holders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = holders.get_mut(&self.subscriber) {
            *held = held.saturating_sub(self.size);
            if *held == 0 {
                holders.remove(&self.subscriber);
            }
        }
    }
}

/// Bytes with their place in [`Unread`]; hyper drops them when the kernel has taken the last one.
struct Held {
    bytes: Bytes,
    _share: Room,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn unread_bytes_have_a_ceiling_and_come_back() {
        let unread = Unread::new(200 << 10);
        let page = || Bytes::from(vec![0; 60 << 10]);
        let one = address("10.0.0.1");
        let first = unread.hold(one, page()).expect("there is room");
        assert_eq!(unread.hold(one, page()), None, "two pages are more than half of the room");
        assert!(unread.hold(one, Bytes::from_static(b"ok")).is_some(), "small answers always get through");
        let second = unread.hold(address("10.0.0.2"), page()).expect("another one has a half too");
        let third = unread.hold(address("10.0.0.3"), page()).expect("whoever comes while there is room");
        assert_eq!(unread.hold(address("10.0.0.4"), page()), None, "and no longer");
        let copy = first.clone();
        drop((first, second, third));
        assert_eq!(unread.hold(one, page()), None, "a copy still holds the room");
        drop(copy);
        assert!(unread.hold(one, page()).is_some());
        assert!(unread.holders.lock().unwrap().is_empty());
    }

    #[test]
    fn an_answer_larger_than_the_room_gets_through_alone() {
        let unread = Unread::new(40 << 10);
        let one = address("10.0.0.1");
        let big = unread.hold(one, Bytes::from(vec![1; 1 << 20])).expect("nothing else is held");
        assert_eq!(big.len(), 1 << 20);
        assert_eq!(unread.hold(one, Bytes::from(vec![1; 17 << 10])), None);
        assert!(
            unread.hold(address("10.0.0.2"), Bytes::from(vec![1; 1 << 20])).is_some(),
            "nor does it keep others out"
        );
    }
}
