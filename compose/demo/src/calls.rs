//! Calls to neighbours: one task a neighbour, one call at a time, at a steady interval, until shutdown.

use std::{sync::Arc, time::Duration};

use http::{StatusCode, Uri};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    client,
    dice::Dice,
    logs::{Level, Line, Logger},
    metrics::Metrics,
    settings::{MAX_NEIGHBOURS, Settings},
    traces::{Context, Kind, Span, Tracer},
};

/// What calls are made with: those of the tasks here, and those of `routes` for a request.
#[derive(Clone)]
pub struct Caller {
    every: Duration,
    patience: Duration,
    metrics: Metrics,
    logger: Logger,
    dice: Arc<Dice>,
    tracer: Tracer,
}

impl Caller {
    /// Takes its intervals from the settings.
    pub fn new(settings: &Settings, metrics: Metrics, logger: Logger, dice: Arc<Dice>, tracer: Tracer) -> Self {
        // An interval of zero would be a busy loop.
        let every = settings.call_every.max(Duration::from_millis(10));
        Self { every, patience: settings.call_timeout, metrics, logger, dice, tracer }
    }

    /// Starts the tasks. Refuses more neighbours than the ceiling rather than to call some of them.
    pub fn start(self, urls: &[Uri], tasks: &TaskTracker, shutdown: &CancellationToken) -> anyhow::Result<()> {
        anyhow::ensure!(urls.len() <= MAX_NEIGHBOURS, "{} neighbours are more than {MAX_NEIGHBOURS}", urls.len());
        for url in urls {
            let (caller, url, shutdown) = (self.clone(), url.clone(), shutdown.clone());
            tasks.spawn(async move { shutdown.run_until_cancelled(caller.keep_calling(&url)).await });
        }
        Ok(())
    }

    async fn keep_calling(&self, url: &Uri) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.call(url, &self.dice.request_id(), None).await;
        }
    }

    /// Asks a neighbour once, for whoever is in `context`; counts, logs and traces it. Whether the answer was a good one.
    pub async fn call(&self, url: &Uri, request_id: &str, context: Option<&Context>) -> bool {
        let peer = url.authority().map(ToString::to_string).unwrap_or_default();
        let began = Instant::now();
        let span = self.tracer.begin(Kind::Client, context);
        // Where nothing is traced here, what came in goes on as it is.
        let passed_on = span.as_ref().map(Span::context).or(context);
        let outcome = client::ask(url, request_id, passed_on, self.patience).await;
        if let Some(mut span) = span {
            describe_call(&mut span, url, &outcome);
            self.tracer.end(span, if url.scheme_str() == Some("http") { "GET" } else { "PING" });
        }
        let (result, answered_after, problem) = match outcome {
            Ok(status) if status.is_client_error() || status.is_server_error() => {
                ("refused", Some(began.elapsed()), Some(status.to_string()))
            }
            Ok(_) => ("ok", Some(began.elapsed()), None),
            Err(failure) => (failure.word(), None, Some(describe(&failure))),
        };
        self.metrics.call(&peer, result, answered_after);
        let fine = problem.is_none();
        if let Some(problem) = problem {
            let line = Line::new(Level::Warn, "call to neighbour failed").request(request_id.to_owned());
            self.logger.write(line.field("peer", peer).field("result", result).field("error", problem));
        }
        fine
    }
}

/// What semantic conventions say of a call.
fn describe_call(span: &mut Span, url: &Uri, outcome: &Result<StatusCode, client::Failure>) {
    span.text("server.address", url.host().unwrap_or_default());
    if let Some(port) = url.port_u16() {
        span.number("server.port", port.into());
    }
    match url.scheme_str() {
        Some("redis") => span.text("db.system.name", "redis"),
        Some("postgres") => span.text("db.system.name", "postgresql"),
        _ => {
            span.text("http.request.method", "GET");
            span.text("url.full", url.to_string());
        }
    }
    match outcome {
        Ok(status) => {
            if url.scheme_str() == Some("http") {
                span.number("http.response.status_code", status.as_u16().into());
            }
            if status.is_client_error() || status.is_server_error() {
                span.fail(status.as_str());
            }
        }
        Err(failure) => span.fail(failure.word()),
    }
}

/// A failure and its cause in one line.
fn describe(failure: &client::Failure) -> String {
    match std::error::Error::source(failure) {
        Some(cause) => format!("{failure}: {cause}"),
        None => failure.to_string(),
    }
}
