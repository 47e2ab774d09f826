//! `GET /containers/{id}/logs`: a container's output, past and present, as the engine tells it.
//!
//! A terminal's line may be of any length and a frame may lie about its own: both are bounded (`frames`). The stream ends when the container does. It has no deadline once it is open: a quiet container is quiet. It is read
//! no faster than messages are asked for; the engine then waits, and what it does about files that are rotated away meanwhile it
//! tells nobody (moby, `loggerutils/follow.go`).

mod frames;
#[cfg(test)]
mod tests;

use http::{Method, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use self::frames::{BadFrame, Frames};
use super::{Engine, Error, error::Request, events::refusal, routes::is_id};
use crate::{
    model::ContainerId,
    telemetry::{EngineCall, Outcome},
};

pub use self::frames::Message;
#[cfg(any(test, fuzzing))]
pub(super) use self::frames::fuzz;

/// One container's output, as it comes.
#[derive(Debug)]
pub struct LogFollow {
    engine: Engine,
    request: Request,
    /// None after the end.
    body: Option<Incoming>,
    frames: Frames,
}

impl LogFollow {
    /// The next message; `None` when the engine has closed the stream between two messages, which it does when the container has
    /// ended and everything has been told. An error is the last item.
    pub async fn next(&mut self) -> Option<Result<Message, Error>> {
        loop {
            match self.frames.next() {
                Some(Ok(message)) => return Some(Ok(message)),
                Some(Err(bad)) => return self.end(Some(self.bad(bad))),
                None => {}
            }
            let Some(body) = self.body.as_mut() else { return self.frames.rest().map(Ok) };
            match body.frame().await {
                Some(Ok(chunk)) => {
                    if let Some(data) = chunk.data_ref() {
                        self.frames.push(data);
                    }
                }
                Some(Err(error)) => {
                    let error = Error::broken(self.request.clone(), self.engine.address(), error.into());
                    return self.end(Some(error));
                }
                None => match self.frames.rest() {
                    Some(message) => {
                        self.body = None;
                        return Some(Ok(message));
                    }
                    None if self.frames.is_mid_message() => {
                        return self.end(Some(Error::Interrupted { request: self.request.clone(), source: None }));
                    }
                    None => return self.end(None),
                },
            }
        }
    }

    /// Bytes passed over so far because their message was beyond its bound.
    pub const fn skipped_bytes(&self) -> u64 {
        self.frames.skipped
    }

    /// Messages dropped so far because no time stood before them.
    pub const fn timeless_messages(&self) -> u64 {
        self.frames.timeless
    }

    fn bad(&self, bad: BadFrame) -> Error {
        let request = self.request.clone();
        match bad {
            BadFrame::Header => Error::Malformed { request, reason: "not a frame of output" },
            BadFrame::Told(sentence) => Error::told(request, &sentence),
        }
    }

    fn end(&mut self, error: Option<Error>) -> Option<Result<Message, Error>> {
        self.body = None;
        self.frames.clear();
        error.map(Err)
    }
}

/// See [`Engine::logs`].
pub(super) async fn follow(
    engine: &Engine,
    id: &ContainerId,
    tty: bool,
    since: Option<i64>,
    follow: bool,
) -> Result<LogFollow, Error> {
    let request = Request { call: EngineCall::Logs, id: Some(id.as_str().into()) };
    let after = engine.deadlines().answer;
    let opened = tokio::time::timeout(after, ask(engine, id, since, follow, &request)).await;
    let opened = opened.unwrap_or_else(|_| Err(Error::Timeout { request: request.clone(), after }));
    let outcome = match &opened {
        Ok(_) => Outcome::Ok,
        Err(error) if error.is_gone() => Outcome::Gone,
        Err(_) => Outcome::Error,
    };
    engine.metrics().engine_request(EngineCall::Logs, outcome);
    Ok(LogFollow { engine: engine.clone(), request, body: Some(opened?), frames: Frames::new(tty) })
}

/// Sends the request and waits for the headers, which the engine sends at once.
async fn ask(
    engine: &Engine,
    id: &ContainerId,
    since: Option<i64>,
    follow: bool,
    request: &Request,
) -> Result<Incoming, Error> {
    let invalid = || Error::InvalidId { request: request.clone() };
    if !is_id(id.as_str()) {
        return Err(invalid());
    }
    let uri: Uri = query(id, since, follow).parse().map_err(|_| invalid())?;
    let transport = engine.transport();
    let sent = transport.get(&Method::GET, &uri).await;
    let response = sent.map_err(|error| Error::broken(request.clone(), transport.address(), error.into()))?;
    match response.status().is_success() {
        true => Ok(response.into_body()),
        false => Err(refusal(request.clone(), response).await),
    }
}

/// Path and query; `since` with nanoseconds, the moment itself included by the engine.
fn query(id: &ContainerId, since: Option<i64>, follow: bool) -> String {
    let mut path = format!("/containers/{}/logs?stdout=1&stderr=1&timestamps=1", id.as_str());
    if follow {
        path.push_str("&follow=1");
    }
    if let Some(since) = since.map(|since| since.max(0)) {
        path.push_str(&format!("&since={}.{:09}", since / 1_000_000_000, since % 1_000_000_000));
    }
    path
}
