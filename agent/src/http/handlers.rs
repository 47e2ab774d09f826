//! From a request to an answer: which route, what it asks for, what is said.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT, ALLOW, CONNECTION, CONTENT_ENCODING, TRANSFER_ENCODING, VARY},
    request::Parts,
};
use http_body_util::{BodyExt, Limited};
use hyper::body::{Body as _, Incoming};
use jiff::Timestamp;
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    App, Scrape,
    access::{self, Admission, Caller},
    answer::{Answer, Body, Unread},
    api, encoding,
    live::{self, Live},
    merged, page, query, refusals,
    routes::{self, Endpoint, Route},
    shares::Shares,
    stall::{Serving, Turn},
    targets,
};
use crate::{
    collectors::{self, ScrapeBody, ScrapeError},
    exposition::{self, Format},
    inventory::Snapshot,
    model::metric::Group,
    telemetry::{HttpAnswer, Reason, spans},
};

/// No route takes a body. One up to this size is thrown away and the connection kept; a larger one is refused.
const DRAINED_BODY: usize = 4 << 10;

/// This is the connection's last answer.
pub(super) const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared<S> {
    pub(super) app: App<S>,
    pub(super) unread: Unread,
    pub(super) shares: Shares,
    /// Who looks at the page.
    pub(super) live: Live,
    /// One page for people is written at a time.
    pub(super) writing: Semaphore,
    /// When the server began.
    pub(super) started: Timestamp,
    /// Streams end with it at once.
    pub(super) shutdown: CancellationToken,
}

impl<S> Shared<S> {
    /// With what is known now.
    pub(super) fn with_view<T>(&self, look: impl FnOnce(&api::View<'_>) -> T) -> T {
        let app = &self.app;
        let snapshot = app.inventory.load();
        look(&api::View {
            snapshot: &snapshot,
            host: snapshot.host.as_deref(),
            logs: app.logs.as_ref(),
            probes: Some(&app.probes),
            policy: Some(&app.policy),
            isolation: Some(&app.isolation),
            traces: app.traces.as_ref(),
            history: Some(&app.history),
            now: Timestamp::now(),
        })
    }
}

/// Answers one request, within its deadline, and counts it.
pub(super) async fn answer<S: Scrape>(
    shared: Arc<Shared<S>>,
    request: Request<Incoming>,
    caller: Caller,
    serving: Serving,
) -> Response<Body> {
    let App { metrics, settings, .. } = &shared.app;
    let (request, body) = request.into_parts();
    let route = routes::find(request.uri.path());
    // Which of two lengths a proxy before us believed is not known: what follows may not be what it took for a request.
    let ambiguous = request.headers.contains_key(TRANSFER_ENCODING);
    let answer = match timeout(settings.answer_timeout, admit(&shared, &request, route, &caller)).await {
        Err(_) => leave(Answer::busy("no answer in time"), &body, &serving),
        Ok(Err(answer)) => leave(answer, &body, &serving),
        Ok(Ok(admission)) => match drain(body, &shared, serving.turn()).await {
            Ok(()) => {
                let answering = respond(&shared, route, &request, admission, &caller);
                timeout(settings.answer_timeout, answering).await.unwrap_or_else(|_| Answer::busy("no answer in time"))
            }
            Err(unread) => {
                metrics.refuse(Reason::Requests, 1);
                // The client may go on sending what nobody reads, so the connection cannot be used again.
                serving.turn().leave_unread();
                unread.answer().with(CONNECTION, CLOSE)
            }
        },
    };
    let answer = if ambiguous { answer.with(CONNECTION, CLOSE) } else { answer };
    let answer = hold(&shared, access::subscriber(caller.peer), answer);
    let name = route.map_or(routes::OTHER, |route| route.name);
    metrics.http_request(&HttpAnswer { route: name, code: answer.status.as_u16() });
    tracing::debug!(route = name, code = answer.status.as_u16(), bytes = answer.body.len(), "answered");
    answer.into_response(serving)
}

/// Whether the caller is answered; the answer to give instead where not.
async fn admit<S: Scrape>(
    shared: &Shared<S>,
    request: &Parts,
    route: Option<&Route>,
    caller: &Caller,
) -> Result<Admission, Answer> {
    let snapshot = shared.app.inventory.load();
    let open = route.is_some_and(|route| route.endpoint.is_open());
    let gate = &shared.app.gate;
    gate.admit(request, open, caller, snapshot.host.as_deref()).await.map_err(|refusal| refusals::answer(refusal, gate))
}

/// An answer before the body was looked at. Where there is one the connection ends: nobody reads it for somebody refused.
fn leave(answer: Answer, body: &Incoming, serving: &Serving) -> Answer {
    if body.is_end_stream() {
        return answer;
    }
    serving.turn().leave_unread();
    answer.with(CONNECTION, CLOSE)
}

/// Why a body was not read to its end.
enum Unfinished {
    /// Larger or slower than is put up with.
    TooMuch,
    /// It is not what its head says.
    Broken,
}

impl Unfinished {
    fn answer(self) -> Answer {
        match self {
            Self::TooMuch => Answer::text(StatusCode::PAYLOAD_TOO_LARGE, "no route takes a body"),
            Self::Broken => Answer::text(StatusCode::BAD_REQUEST, "the body cannot be read"),
        }
    }
}

/// Throws away the body of a request.
async fn drain<S>(body: Incoming, shared: &Shared<S>, turn: &Turn) -> Result<(), Unfinished> {
    if body.is_end_stream() {
        return Ok(());
    }
    if body.size_hint().lower() > DRAINED_BODY as u64 {
        return Err(Unfinished::TooMuch);
    }
    turn.wait();
    let drained = timeout(shared.app.settings.header_timeout, Limited::new(body, DRAINED_BODY).collect()).await;
    turn.work();
    match drained {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) if error.is::<hyper::Error>() => Err(Unfinished::Broken),
        Ok(Err(_)) | Err(_) => Err(Unfinished::TooMuch),
    }
}

/// Accounts the body of an answer, or says that too much waits for slow readers.
fn hold<S>(shared: &Shared<S>, subscriber: IpAddr, mut answer: Answer) -> Answer {
    let Some(body) = shared.unread.hold(subscriber, std::mem::take(&mut answer.body)) else {
        shared.app.metrics.refuse(Reason::Answers, 1);
        return Answer::busy("too many answers wait to be read");
    };
    answer.body = body;
    answer
}

async fn respond<S: Scrape>(
    shared: &Arc<Shared<S>>,
    route: Option<&'static Route>,
    request: &Parts,
    admission: Admission,
    caller: &Caller,
) -> Answer {
    let Some(route) = route else {
        return Answer::text(StatusCode::NOT_FOUND, "not found; / lists what there is");
    };
    if !route.methods.contains(&request.method.as_str()) {
        let answer = Answer::text(StatusCode::METHOD_NOT_ALLOWED, "only read here");
        return match HeaderValue::try_from(route.allow()) {
            Ok(allow) => answer.with(ALLOW, allow),
            Err(_) => answer,
        };
    }
    let app = &shared.app;
    let filter = api::Filter::from_query(request.uri.query());
    match route.endpoint {
        Endpoint::Metrics => metrics(shared, request, caller).await,
        Endpoint::Index => index(shared, &request.headers).await,
        Endpoint::Style => page::assets::STYLE.answer(&request.headers),
        Endpoint::Script => page::assets::SCRIPT.answer(&request.headers),
        Endpoint::Icon => page::assets::ICON.answer(&request.headers),
        Endpoint::Streamed => live::answer(shared, request.uri.query(), caller),
        Endpoint::Live => live_or_not(&app.scraper),
        Endpoint::Ready => ready(&app.inventory.load(), admission),
        Endpoint::Discovery => targets::discovery(&app.targets, request, &filter, caller.secure.is_some()),
        Endpoint::Proxy => targets::proxy(&app.targets, request, &app.settings).await,
        Endpoint::Health => shared.with_view(|view| Answer::json(StatusCode::OK, &view.health(app.scraper.alive()))),
        Endpoint::Containers => shared.with_view(|view| Answer::json(StatusCode::OK, &view.containers(&filter))),
        Endpoint::Services => shared.with_view(|view| Answer::json(StatusCode::OK, &view.services(&filter))),
        Endpoint::Logs => shared.with_view(|view| Answer::json(StatusCode::OK, &view.logs(&filter))),
        Endpoint::Probes => shared.with_view(|view| Answer::json(StatusCode::OK, &view.probes(&filter))),
        Endpoint::Findings => shared.with_view(|view| Answer::json(StatusCode::OK, &view.findings(&filter))),
        Endpoint::Isolation => shared.with_view(|view| Answer::json(StatusCode::OK, &view.isolation(&filter))),
        Endpoint::Traces => shared.with_view(|view| Answer::json(StatusCode::OK, &view.traces(&filter))),
        Endpoint::History => shared.with_view(|view| Answer::json(StatusCode::OK, &view.history(&filter))),
        Endpoint::Objectives => shared.with_view(|view| Answer::json(StatusCode::OK, &view.objectives(&filter))),
        Endpoint::Version => {
            shared.with_view(|view| Answer::json(StatusCode::OK, &view.version(&app.metrics.sandbox())))
        }
    }
}

/// The page, written by a thread that may take its time over a thousand containers.
async fn index<S: Scrape>(shared: &Arc<Shared<S>>, headers: &HeaderMap) -> Answer {
    let gzip = encoding::takes_gzip(headers);
    // Closed never; waiting for the turn is within the time of every answer.
    let _turn = shared.writing.acquire().await;
    let writer = Arc::clone(shared);
    match tokio::task::spawn_blocking(move || Answer::html(writer.with_view(page::index), gzip)).await {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(%error, "write the page");
            Answer::text(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written; the log says more")
        }
    }
}

async fn metrics<S: Scrape>(shared: &Shared<S>, request: &Parts, caller: &Caller) -> Answer {
    let Ok(groups) = groups(request.uri.query()) else {
        let known: Vec<_> = Group::ALL.into_iter().map(Group::as_str).collect();
        let text = format!("collect[]: unknown group; there are: {}", known.join(", "));
        return Answer::text(StatusCode::BAD_REQUEST, text);
    };
    let format = exposition::negotiate(accept(&request.headers).as_deref());
    let gzip = encoding::takes_gzip(&request.headers);
    if request.method == Method::HEAD {
        // The kernel is not read for a page nobody gets.
        return page_of_metrics(format, false, Bytes::new());
    }
    let asked = collectors::Request { format, groups, gzip };
    match scrape(shared, asked, &request.headers, caller).instrument(spans::scrape()).await {
        Ok(page) => page_of_metrics(format, page.gzip, page.bytes),
        Err(ScrapeError::Busy) => Answer::busy("too many scrapes are waiting"),
        Err(error @ ScrapeError::Failed) => Answer::text(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}

/// One page, within the caller's share.
async fn scrape<S: Scrape>(
    shared: &Shared<S>,
    asked: collectors::Request,
    headers: &HeaderMap,
    caller: &Caller,
) -> Result<ScrapeBody, ScrapeError> {
    let app = &shared.app;
    let Some(_share) = shared.shares.take(access::subscriber(caller.peer)) else {
        app.metrics.refuse(Reason::Scrapes, 1);
        return Err(ScrapeError::Busy);
    };
    let merges = asked.groups.as_ref().is_none_or(|groups| groups.contains(&Group::Target)) && app.targets.merges();
    if merges {
        return merged::scrape(&app.scraper, &app.targets, asked, headers).await;
    }
    app.scraper.scrape(asked).await
}

fn page_of_metrics(format: Format, gzip: bool, body: Bytes) -> Answer {
    let answer = Answer::new(StatusCode::OK, format.content_type(), body)
        .with(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if gzip { answer.with(CONTENT_ENCODING, HeaderValue::from_static("gzip")) } else { answer }
}

/// All `Accept` headers as one list; `None` without any.
pub(super) fn accept(headers: &HeaderMap) -> Option<String> {
    let values: Vec<_> = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

/// A word in `?collect[]=` that names no group.
#[derive(Debug, PartialEq, Eq)]
struct UnknownGroup;

/// The groups of `?collect[]=`, `None` without any; other names are somebody else's and left alone.
fn groups(query: Option<&str>) -> Result<Option<BTreeSet<Group>>, UnknownGroup> {
    let words = query::pairs(query).filter(|(name, _)| name == "collect[]");
    let groups: BTreeSet<_> =
        words.map(|(_, word)| Group::from_word(&word).ok_or(UnknownGroup)).collect::<Result<_, _>>()?;
    Ok((!groups.is_empty()).then_some(groups))
}

fn live_or_not(scraper: &impl Scrape) -> Answer {
    if scraper.alive() {
        Answer::text(StatusCode::OK, "live")
    } else {
        Answer::text(StatusCode::SERVICE_UNAVAILABLE, "the collectors have failed")
    }
}

/// Ready once and for all: what was seen stays on the page with its age while the engine is away.
/// Why it is not yet is for those who may know.
fn ready(snapshot: &Snapshot, admission: Admission) -> Answer {
    match (snapshot.engine.ready_since, &snapshot.engine.trouble) {
        (Some(_), _) => Answer::text(StatusCode::OK, "ready"),
        (None, _) if admission == Admission::Bare => {
            Answer::text(StatusCode::SERVICE_UNAVAILABLE, "not ready; /health says why to whoever has credentials")
        }
        (None, Some(trouble)) => {
            let text = format!("the first inventory is not complete: {trouble}");
            Answer::text(StatusCode::SERVICE_UNAVAILABLE, text)
        }
        (None, None) => Answer::text(StatusCode::SERVICE_UNAVAILABLE, "the first inventory is not complete"),
    }
}
