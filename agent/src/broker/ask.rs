//! One question to the engine: a request made anew on a connection of its own, and its answer made fit to leave.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::{
    body::{Body, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{filter::Question, lines::Lines, redact};
use crate::{
    engine::{Endpoint, Form, PODMAN_VERSION, Wire},
    memory,
    net::door::{self, Trouble},
};

/// From the question to the head of the answer. Those who ask have shorter deadlines of their own; this is for programs which have none.
const HEAD_WITHIN: Duration = Duration::from_secs(60);
/// From the head of a document's answer to its end.
const DOCUMENT_WITHIN: Duration = Duration::from_secs(60);
/// Documents that are read at a time: each may be as large as its ceiling.
const MAX_DOCUMENTS: usize = 8;
/// Bytes of a document after which memory is given back.
const LARGE: usize = 512 << 10;
/// Longest error of the engine that is read, and longest word.
const MAX_ERROR: usize = 16 << 10;
const MAX_WORD: usize = 1 << 10;

/// Headers of the engine's which say something that clients go by. All others stay here.
const PASSED: [HeaderName; 6] = [
    HeaderName::from_static("api-version"),
    HeaderName::from_static("docker-experimental"),
    HeaderName::from_static("ostype"),
    HeaderName::from_static("swarm"),
    HeaderName::from_static(PODMAN_VERSION),
    header::SERVER,
];

/// A place of [`MAX_DOCUMENTS`], among the extensions of an answer: it is held until the client has the document.
#[derive(Clone, Debug)]
pub(super) struct Held(
    #[expect(dead_code, reason = "it is dropped at the end, which is all")] Arc<OwnedSemaphorePermit>,
);

/// A body on its way out.
pub(super) type Out = UnsyncBoxBody<Bytes, io::Error>;

/// The way to an engine.
pub(super) trait Upstream: Send + Sync + 'static {
    /// What is spoken over.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// A new connection.
    fn connect(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Somebody begins anew: files of certificates may have been renewed.
    fn renew(&self) {}
}

impl Upstream for Endpoint {
    type Stream = Wire;

    fn connect(&self) -> impl Future<Output = io::Result<Wire>> + Send {
        Wire::connect(self)
    }

    fn renew(&self) {
        Self::renew(self);
    }
}

/// Asks; cheap to clone.
#[derive(Debug)]
pub(super) struct Asking<U> {
    engine: Arc<U>,
    documents: Arc<Semaphore>,
}

impl<U> Clone for Asking<U> {
    fn clone(&self) -> Self {
        Self { engine: Arc::clone(&self.engine), documents: Arc::clone(&self.documents) }
    }
}

/// Why there is no answer of the engine's.
struct Failed(Trouble, Option<i32>, String);

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self(Trouble::Broken, None, error.to_string())
    }
}

impl From<hyper::Error> for Failed {
    fn from(error: hyper::Error) -> Self {
        Self(Trouble::Broken, None, error.to_string())
    }
}

fn crowded() -> Failed {
    Failed(Trouble::Broken, None, format!("{MAX_DOCUMENTS} others did not take their documents"))
}

fn late() -> Failed {
    Failed(Trouble::Broken, None, "the engine did not answer in time".to_owned())
}

impl<U: Upstream> Asking<U> {
    pub(super) fn new(engine: U) -> Self {
        Self { engine: Arc::new(engine), documents: Arc::new(Semaphore::new(MAX_DOCUMENTS)) }
    }

    /// The answer, or what came in its place.
    pub(super) async fn answer(&self, question: Question) -> Response<Out> {
        match self.ask(&question).await {
            Ok(answer) => answer,
            Err(Failed(trouble, errno, reason)) => {
                tracing::debug!(target = question.target, trouble = trouble.as_str(), reason, "no answer");
                let mut answer = refuse(StatusCode::BAD_GATEWAY, trouble, &reason);
                if let Some(errno) = errno {
                    answer.headers_mut().insert(door::ERRNO, door::errno_value(errno));
                }
                answer
            }
        }
    }

    async fn ask(&self, question: &Question) -> Result<Response<Out>, Failed> {
        if question.route.before == "/version" {
            self.engine.renew();
        }
        let unreachable = |error: io::Error| Failed(Trouble::Connect, error.raw_os_error(), error.to_string());
        let sent = async {
            let stream = self.engine.connect().await.map_err(unreachable)?;
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            // Ends by itself: with the answer, or when the answer or this future is dropped.
            tokio::spawn(async move { drop(connection.await) });
            Ok::<_, Failed>(sender.send_request(request(question)?).await?)
        };
        let answer = timeout(HEAD_WITHIN, sent).await.map_err(|_| late())??;
        self.pass(question, answer).await
    }

    async fn pass(&self, question: &Question, answer: Response<Incoming>) -> Result<Response<Out>, Failed> {
        let (parts, body) = answer.into_parts();
        let status = parts.status;
        let (body, held) = self.body(question, status, body).await?;
        let mut leaving = Response::new(body);
        if let Some(held) = held {
            leaving.extensions_mut().insert(held);
        }
        *leaving.status_mut() = status;
        for name in PASSED {
            if let Some(value) = parts.headers.get(&name) {
                leaving.headers_mut().insert(name, value.clone());
            }
        }
        let kind = match question.route.form {
            _ if !status.is_success() => Some(HeaderValue::from_static("application/json")),
            Form::Word => Some(HeaderValue::from_static("text/plain; charset=utf-8")),
            Form::Document | Form::Documents => Some(HeaderValue::from_static("application/json")),
            // Of logs it says whether they are framed.
            Form::Bytes => parts.headers.get(header::CONTENT_TYPE).cloned(),
        };
        leaving.headers_mut().extend(kind.map(|kind| (header::CONTENT_TYPE, kind)));
        Ok(leaving)
    }

    async fn body(
        &self,
        question: &Question,
        status: StatusCode,
        body: Incoming,
    ) -> Result<(Out, Option<Held>), Failed> {
        if !status.is_success() {
            if !(status.is_client_error() || status.is_server_error()) {
                return Err(Failed(Trouble::Broken, None, format!("the engine answered {status}")));
            }
            // What is no sentence is not told: it may be anything.
            let told = timeout(DOCUMENT_WITHIN, whole(body, MAX_ERROR)).await.map_err(|_| late())?;
            let sentence = told.ok().and_then(|told| door::reason(&told)).unwrap_or_default();
            return Ok((full(door::body(&sentence)), None));
        }
        let out = match question.route.form {
            Form::Word => full(timeout(DOCUMENT_WITHIN, whole(body, MAX_WORD)).await.map_err(|_| late())??),
            Form::Document => {
                let place = timeout(HEAD_WITHIN, Arc::clone(&self.documents).acquire_owned()).await;
                let place = place.ok().and_then(Result::ok).ok_or_else(crowded)?;
                let read = timeout(DOCUMENT_WITHIN, whole(body, question.route.ceiling));
                let read = read.await.map_err(|_| late())??;
                let unreadable = |_| Failed(Trouble::NotJson, None, "the engine's answer is not JSON".to_owned());
                let redacted = redact::document(&read);
                if read.len() > LARGE {
                    // A list of a thousand containers leaves some megabytes behind, which nothing here would use again for minutes.
                    drop(read);
                    memory::trim();
                }
                return Ok((full(redacted.map_err(unreadable)?), Some(Held(Arc::new(place)))));
            }
            Form::Documents => Lines::new(body).boxed_unsync(),
            Form::Bytes => body.map_err(io::Error::other).boxed_unsync(),
        };
        Ok((out, None))
    }
}

fn request(question: &Question) -> Result<Request<Empty<Bytes>>, Failed> {
    let request = Request::builder()
        .method(if question.head { Method::HEAD } else { Method::GET })
        .uri(&question.target)
        .header(header::HOST, HeaderValue::from_static("engine"))
        .header(header::USER_AGENT, HeaderValue::from_static(concat!("spyhop/", env!("CARGO_PKG_VERSION"))))
        .body(Empty::new());
    request.map_err(|error| Failed(Trouble::Refused, None, error.to_string()))
}

/// All of a body, if it is no longer than `ceiling`.
async fn whole(mut body: Incoming, ceiling: usize) -> Result<Vec<u8>, Failed> {
    let too_large = || Failed(Trouble::TooLarge, None, format!("the engine's answer is larger than {ceiling} bytes"));
    let told = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if told > ceiling {
        return Err(too_large());
    }
    // A length that is only told costs nothing yet.
    let mut bytes = Vec::with_capacity(told.min(1 << 20));
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if data.len() > ceiling.saturating_sub(bytes.len()) {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}

fn full(bytes: Vec<u8>) -> Out {
    Full::new(Bytes::from(bytes)).map_err(|never| match never {}).boxed_unsync()
}

/// An answer of the broker's own.
pub(super) fn refuse(status: StatusCode, trouble: Trouble, reason: &str) -> Response<Out> {
    let mut answer = Response::new(full(door::body(reason)));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(door::TROUBLE, HeaderValue::from_static(trouble.as_str()));
    answer
}
