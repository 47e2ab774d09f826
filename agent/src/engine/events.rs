//! `GET /events`, followed.
//!
//! The stream ends when the engine closes it, and after the first error. It has no deadline once it is open: a quiet host is
//! quiet. What was lost in between is for the inventory to find, by comparing with the list.

use std::collections::VecDeque;

use futures_util::{Stream, StreamExt, stream};
use http::{Method, Response, Uri};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use jiff::Timestamp;

use super::{
    Error,
    client::Engine,
    convert,
    error::Request,
    frames::{BadFrame, Frames, MAX_EVENT},
};
use crate::{
    model::Event,
    telemetry::{EngineCall, Outcome},
};

/// Longest error body read for its sentence.
const MAX_ERROR_BODY: usize = 16 << 10;

/// What is asked for. The engine filters: every health check of every container makes two `exec_*` events which nobody needs.
/// The words of containers and networks share one list; `health_status` stands for all of its statuses. `died` is what Podman
/// before version 5 filters by, although it writes `die`. `log-rotation`, of the type `system`, is Podman's alone.
const FILTERS: &str = r#"{"type":["container","network","system"],"event":["create","start","die","died","oom","kill","stop","pause","unpause","rename","update","restart","destroy","health_status","connect","disconnect","remove","log-rotation"]}"#;

/// Where the stream stands.
enum Stage {
    Ask { since: Timestamp, until: Option<Timestamp> },
    Follow(Box<Following>),
    Done,
}

struct Following {
    body: Incoming,
    frames: Frames,
    ready: VecDeque<Event>,
}

/// See [`Engine::events`].
pub(super) fn follow(
    engine: Engine,
    since: Timestamp,
    until: Option<Timestamp>,
) -> impl Stream<Item = Result<Event, Error>> + Send + Unpin + 'static {
    let steps = stream::unfold((engine, Stage::Ask { since, until }), |(engine, mut stage)| async move {
        loop {
            let step = match stage {
                Stage::Ask { since, until } => match open(&engine, since, until).await {
                    Ok(body) => {
                        stage = Stage::Follow(Box::new(Following {
                            body,
                            frames: Frames::default(),
                            ready: VecDeque::new(),
                        }));
                        continue;
                    }
                    Err(error) => Some(Err(error)),
                },
                Stage::Follow(mut following) => match next(&engine, &mut following).await {
                    Some(Ok(event)) => return Some((Ok(event), (engine, Stage::Follow(following)))),
                    ended => ended,
                },
                Stage::Done => None,
            };
            return step.map(|step| (step, (engine, Stage::Done)));
        }
    });
    Box::pin(steps.fuse())
}

/// Sends the request and waits for the headers, which the engine sends at once.
async fn open(engine: &Engine, since: Timestamp, until: Option<Timestamp>) -> Result<Incoming, Error> {
    let opened = tokio::time::timeout(engine.deadlines().answer, ask(engine, since, until)).await;
    let opened =
        opened.unwrap_or_else(|_| Err(Error::Timeout { request: request(), after: engine.deadlines().answer }));
    let outcome = if opened.is_ok() { Outcome::Ok } else { Outcome::Error };
    engine.metrics().engine_request(EngineCall::Events, outcome);
    opened
}

async fn ask(engine: &Engine, since: Timestamp, until: Option<Timestamp>) -> Result<Incoming, Error> {
    let uri: Uri = query(since, until, engine.transport().is_podman())
        .parse()
        .map_err(|_| Error::InvalidId { request: request() })?;
    let transport = engine.transport();
    let sent = transport.get(&Method::GET, &uri).await;
    let response = sent.map_err(|error| Error::broken(request(), transport.address(), error.into()))?;
    if response.status().is_success() {
        return Ok(response.into_body());
    }
    Err(refusal(request(), response).await)
}

/// What an error status is about.
pub(super) async fn refusal(request: Request, response: Response<Incoming>) -> Error {
    let status = response.status();
    let body = http_body_util::Limited::new(response.into_body(), MAX_ERROR_BODY).collect().await;
    let body = body.map(|whole| whole.to_bytes()).unwrap_or_default();
    // A sentence may come bare: from what stands between the engine and us.
    let sentence = match serde_json::from_slice::<serde_json::Value>(&body) {
        Ok(body) => body.get("message").and_then(|message| message.as_str()).unwrap_or_default().to_owned(),
        Err(_) => String::from_utf8_lossy(&body).into_owned(),
    };
    Error::refused(request, status.as_u16(), &sentence)
}

/// The next event; `None` when the engine has closed the stream between two events.
async fn next(engine: &Engine, following: &mut Following) -> Option<Result<Event, Error>> {
    loop {
        if let Some(event) = following.ready.pop_front() {
            return Some(Ok(event));
        }
        match following.frames.next() {
            Some(Ok(frame)) => {
                engine.metrics().engine_events.inc();
                if frame.mended {
                    engine.metrics().engine_repairs.inc();
                }
                following.ready.extend(convert::events(frame.event, Timestamp::now()));
                continue;
            }
            Some(Err(BadFrame::NotJson)) => {
                return Some(Err(Error::Malformed { request: request(), reason: "not JSON" }));
            }
            Some(Err(BadFrame::TooLong)) => return Some(Err(Error::TooLarge { request: request(), limit: MAX_EVENT })),
            None => {}
        }
        match following.body.frame().await {
            Some(Ok(chunk)) => {
                if let Some(data) = chunk.data_ref() {
                    following.frames.push(data);
                }
            }
            Some(Err(error)) => return Some(Err(Error::broken(request(), engine.transport().address(), error.into()))),
            None if following.frames.is_mid_event() => {
                return Some(Err(Error::Interrupted { request: request(), source: None }));
            }
            None => return None,
        }
    }
}

fn request() -> Request {
    EngineCall::Events.into()
}

/// Path and query; both times with nanoseconds, both ends of the window included by the engine.
///
/// Podman stops reading its file of events as soon as `until` has passed, however far it has come (versions 4.3 to 5.8): a window of the
/// past ends after a few of its events. Its own `stream=false` reads to the end of the file, and more than was asked for.
fn query(since: Timestamp, until: Option<Timestamp>, podman: bool) -> String {
    let time = |time: Timestamp| {
        let time = time.max(Timestamp::UNIX_EPOCH);
        format!("{}.{:09}", time.as_second(), time.subsec_nanosecond())
    };
    let until = match until {
        None => String::new(),
        Some(_) if podman => "&stream=false".to_owned(),
        Some(until) => format!("&until={}", time(until)),
    };
    let escaped: String = FILTERS.chars().map(escape).collect();
    format!("/events?since={}{until}&filters={escaped}", time(since))
}

/// Percent-encoding of the few signs [`FILTERS`] has beside letters.
fn escape(sign: char) -> String {
    match sign {
        'a'..='z' | '_' | '-' => sign.to_string(),
        _ => format!("%{:02X}", u32::from(sign)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_what_the_engine_expects() {
        let since = Timestamp::new(1_795_253_396, 5).unwrap();
        let path = query(since, Some(Timestamp::new(1_795_253_400, 0).unwrap()), false);
        assert!(path.starts_with(
            "/events?since=1795253396.000000005&until=1795253400.000000000&filters=%7B%22type%22%3A%5B%22"
        ));
        assert!(path.parse::<Uri>().is_ok());
        let podman = query(since, Some(Timestamp::new(1_795_253_400, 0).unwrap()), true);
        assert!(podman.starts_with("/events?since=1795253396.000000005&stream=false&filters="));
        assert!(query(Timestamp::MIN, None, true).starts_with("/events?since=0.000000000&filters="));
    }

    #[test]
    fn the_filter_leaves_no_exec_event_through() {
        let filters: serde_json::Value = serde_json::from_str(FILTERS).unwrap();
        let words = filters["event"].as_array().unwrap();
        // With `health_status` in the list the engine compares beginnings of words.
        assert!(words.iter().all(|word| !"exec_create".starts_with(word.as_str().unwrap())));
    }
}
