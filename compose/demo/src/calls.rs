//! Calls to neighbours: one task a neighbour, one call at a time, at a steady interval, until shutdown.

use std::{sync::Arc, time::Duration};

use http::Uri;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    client,
    dice::Dice,
    logs::{Level, Line, Logger},
    metrics::Metrics,
    settings::{MAX_NEIGHBOURS, Settings},
};

/// What a calling task works with.
#[derive(Clone)]
pub struct Caller {
    every: Duration,
    patience: Duration,
    metrics: Metrics,
    logger: Logger,
    dice: Arc<Dice>,
}

impl Caller {
    /// Takes its intervals from the settings.
    pub fn new(settings: &Settings, metrics: Metrics, logger: Logger, dice: Arc<Dice>) -> Self {
        // An interval of zero would be a busy loop.
        let every = settings.call_every.max(Duration::from_millis(10));
        Self { every, patience: settings.call_timeout, metrics, logger, dice }
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
        let peer = url.authority().map(ToString::to_string).unwrap_or_default();
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.call(url, &peer).await;
        }
    }

    async fn call(&self, url: &Uri, peer: &str) {
        let request_id = self.dice.request_id();
        let began = Instant::now();
        let outcome = client::ask(url, &request_id, self.patience).await;
        let (result, answered_after, problem) = match outcome {
            Ok(status) if status.is_client_error() || status.is_server_error() => {
                ("refused", Some(began.elapsed()), Some(status.to_string()))
            }
            Ok(_) => ("ok", Some(began.elapsed()), None),
            Err(failure) => (failure.word(), None, Some(describe(&failure))),
        };
        self.metrics.call(peer, result, answered_after);
        if let Some(problem) = problem {
            let line = Line::new(Level::Warn, "call to neighbour failed").request(request_id);
            self.logger.write(line.field("peer", peer).field("result", result).field("error", problem));
        }
    }
}

/// A failure and its cause in one line.
fn describe(failure: &client::Failure) -> String {
    match std::error::Error::source(failure) {
        Some(cause) => format!("{failure}: {cause}"),
        None => failure.to_string(),
    }
}
