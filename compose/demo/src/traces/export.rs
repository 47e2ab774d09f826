//! Spans into requests: OTLP over HTTP in its JSON form, one request at a time.

use std::{sync::Arc, time::Duration};

use http::Uri;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{MAX_WAITING, Tracer};
use crate::{
    client,
    dice::Dice,
    logs::{Level, Line, Logger},
    settings::Settings,
};

/// Spans of a request at most.
const MAX_BATCH: usize = 512;

/// The first span of a request waits so long for more.
const GATHER: Duration = Duration::from_millis(500);

/// When a request is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tries of a request which the other side wants to have again.
const TRIES: u32 = 3;

/// A tracer, and the task that sends what it makes; without an endpoint it makes nothing.
pub fn start(
    settings: &Settings,
    dice: Arc<Dice>,
    logger: Logger,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> Tracer {
    let Some(base) = settings.otlp_endpoint.as_ref().and_then(|endpoint| endpoint.0.as_ref()) else {
        return Tracer { dice, waiting: None };
    };
    let (waiting, spans) = mpsc::channel(MAX_WAITING);
    let export = Export {
        url: under(base, "/v1/traces"),
        // What the SDKs say where nobody gave a name.
        service: settings
            .service_name
            .clone()
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "unknown_service:spyhop-demo".to_owned()),
        logger,
    };
    tasks.spawn(export.run(spans, shutdown.clone()));
    Tracer { dice, waiting: Some(waiting) }
}

/// The address of a signal below that of an endpoint.
fn under(base: &Uri, path: &str) -> Uri {
    let text = base.to_string();
    let text = format!("{}{path}", text.trim_end_matches('/'));
    // What was a URL is still one with a path behind it.
    text.parse().unwrap_or_else(|_| base.clone())
}

struct Export {
    url: Uri,
    service: String,
    logger: Logger,
}

impl Export {
    /// Sends until shutdown, and then what waits by then.
    async fn run(self, mut spans: mpsc::Receiver<Value>, shutdown: CancellationToken) {
        while let Some(Some(first)) = shutdown.run_until_cancelled(spans.recv()).await {
            let mut batch = vec![first];
            // At shutdown at once: what is there already is still gathered below.
            let gathering = tokio::time::timeout(GATHER, gather(&mut spans, &mut batch));
            shutdown.run_until_cancelled(gathering).await;
            self.send(batch).await;
        }
        let mut rest = Vec::new();
        while rest.len() < MAX_BATCH
            && let Ok(span) = spans.try_recv()
        {
            rest.push(span);
        }
        if !rest.is_empty() {
            self.send(rest).await;
        }
    }

    async fn send(&self, spans: Vec<Value>) {
        let count = spans.len();
        let request = json!({ "resourceSpans": [{
            "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": self.service } }] },
            "scopeSpans": [{ "scope": { "name": "spyhop-demo", "version": env!("CARGO_PKG_VERSION") }, "spans": spans }],
        }] });
        let body = request.to_string();
        let mut pause = Duration::from_millis(200);
        for _ in 0..TRIES {
            let problem = match client::post(&self.url, body.clone(), PATIENCE).await {
                Ok(status) if status.is_success() => return,
                Ok(status) if !matches!(status.as_u16(), 429 | 502 | 503 | 504) => {
                    return self.lost(count, &status.to_string());
                }
                Ok(status) => status.to_string(),
                Err(failure) => failure.to_string(),
            };
            self.logger.write(Line::new(Level::Debug, "spans were not taken").field("error", problem));
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.lost(count, "given up");
    }

    fn lost(&self, count: usize, why: &str) {
        self.logger.write(Line::new(Level::Warn, "spans are lost").field("spans", count as u64).field("error", why));
    }
}

/// Fills a batch.
async fn gather(spans: &mut mpsc::Receiver<Value>, batch: &mut Vec<Value>) {
    while batch.len() < MAX_BATCH
        && let Some(span) = spans.recv().await
    {
        batch.push(span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_the_signal_stands_behind_that_of_the_endpoint() {
        for (base, url) in [
            ("http://agent:4318", "http://agent:4318/v1/traces"),
            ("http://agent:4318/", "http://agent:4318/v1/traces"),
            ("http://agent/otlp", "http://agent/otlp/v1/traces"),
        ] {
            assert_eq!(under(&base.parse().unwrap(), "/v1/traces").to_string(), url);
        }
    }
}
