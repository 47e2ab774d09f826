//! `/sd` and `/proxy/...`: what is asked of the declared targets, and how their errors are told.

use std::time::Duration;

use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{HOST, RETRY_AFTER},
    request::Parts,
};
use tokio::time::Instant;

use super::{Settings, answer::Answer, api::Filter, encoding, handlers, query};
use crate::targets::{self, Agent, Ask, FetchError, Mode, ProxyError, Scheme, Targets};

/// What Prometheus says of its own patience.
pub(super) const SCRAPE_TIMEOUT: HeaderName = HeaderName::from_static("x-prometheus-scrape-timeout-seconds");

/// Longest `Accept` passed on; Prometheus 3 sends 400 bytes.
const MAX_ACCEPT: usize = 1 << 10;

/// Time kept of the server's own deadline, so that a slow target is told as one.
const MARGIN: Duration = Duration::from_millis(250);

/// The list for Prometheus.
pub(super) fn discovery(targets: &Targets, request: &Parts, filter: &Filter<'_>, secure: bool) -> Answer {
    if !targets.ready() {
        // Prometheus keeps its last list on any error; an empty one would take every target from it.
        return Answer::text(StatusCode::SERVICE_UNAVAILABLE, "the first inventory is not complete");
    }
    let settings = targets.settings();
    let mode = match query::last(request.uri.query(), "mode") {
        None => Some(settings.mode),
        Some(word) => Mode::from_word(&word),
    };
    let Some(mode) = mode else { return Answer::text(StatusCode::BAD_REQUEST, "mode: there are proxy and direct") };
    let scheme = if secure { Scheme::Https } else { Scheme::Http };
    let host = || request.headers.get(HOST).and_then(|host| Agent::from_host(host.to_str().ok()?, scheme));
    let Some(agent) = settings.external.clone().or_else(host) else {
        return Answer::text(StatusCode::BAD_REQUEST, "no usable Host header: set http.external_url");
    };
    let list = targets.list();
    let wanted = |target: &targets::Target| filter.matches(&target.entry.container.identity.key);
    Answer::json(StatusCode::OK, &targets::groups(&list, mode, &agent, wanted))
}

/// One target's answer, or the reason why there is none.
pub(super) async fn proxy(targets: &Targets, request: &Parts, server: &Settings) -> Answer {
    let settings = targets.settings();
    let cap = settings.timeout.min(server.answer_timeout.saturating_sub(MARGIN));
    let patience = targets::patience(request.headers.get(SCRAPE_TIMEOUT), cap);
    let accept = handlers::accept(&request.headers).filter(|accept| accept.len() <= MAX_ACCEPT);
    let ask = Ask {
        accept: accept.and_then(|accept| HeaderValue::try_from(accept).ok()),
        gzip: encoding::takes_gzip(&request.headers),
        deadline: Instant::now() + patience,
        max_body: settings.max_body,
    };
    match targets.fetch(request.uri.path(), &ask).await {
        Ok(fetched) => Answer::passed_on(fetched),
        Err(error) => {
            tracing::debug!(path = request.uri.path(), %error, "fetch a target");
            let answer = Answer::text(status(&error), error.to_string());
            match error {
                ProxyError::Busy => answer.with(RETRY_AFTER, HeaderValue::from_static("1")),
                _ => answer,
            }
        }
    }
}

const fn status(error: &ProxyError) -> StatusCode {
    match error {
        ProxyError::Unknown => StatusCode::NOT_FOUND,
        ProxyError::Busy => StatusCode::SERVICE_UNAVAILABLE,
        ProxyError::Fetch(FetchError::Timeout) => StatusCode::GATEWAY_TIMEOUT,
        ProxyError::Unreachable(_) | ProxyError::Itself | ProxyError::Fetch(_) => StatusCode::BAD_GATEWAY,
    }
}
