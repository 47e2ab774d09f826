//! One look at the engine, for commands which need no running agent.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, bail};
use tokio_util::sync::CancellationToken;

use crate::{
    app,
    config::{Config, Sources},
    engine::Engine,
    inventory::{self, Reader, Snapshot},
    telemetry::Metrics,
};

/// A thousand containers are inspected in seconds; an engine that takes longer is ill.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often it is looked whether the inventory is complete.
const STEP: Duration = Duration::from_millis(5);

/// The inventory as it is now. Nothing is kept, and nothing of a running agent's is touched.
///
/// # Errors
/// When the engine cannot be asked or does not answer in time.
pub(super) fn look(config: &Config, sources: &Sources) -> anyhow::Result<Arc<Snapshot>> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the async runtime")?;
    let metrics = Metrics::default();
    runtime.block_on(async {
        let endpoint = app::engine_endpoint(config, sources)?;
        let engine = Engine::new(endpoint, metrics.clone()).context("open the engine")?;
        let settings = inventory::Settings {
            host: config.host.name.clone().map(Into::into),
            filter: config.containers.clone(),
            ..inventory::Settings::default()
        };
        let (reader, shutdown) = (Reader::new(), CancellationToken::new());
        let watch = inventory::watch(engine, settings, reader.clone(), metrics, || {}, shutdown.clone());
        let seen = tokio::select! {
            () = watch => bail!("the inventory ended"),
            seen = tokio::time::timeout(PATIENCE, complete(&reader)) => seen,
        };
        match seen {
            Ok(seen) => seen,
            Err(_) => bail!("the engine did not tell of all containers within {} s", PATIENCE.as_secs()),
        }
    })
}

/// Waits for the first complete picture, or the first trouble.
async fn complete(reader: &Reader) -> anyhow::Result<Arc<Snapshot>> {
    loop {
        let snapshot = reader.load();
        if snapshot.engine.ready_since.is_some() {
            return Ok(snapshot);
        }
        if let Some(trouble) = &snapshot.engine.trouble {
            bail!("ask the engine: {trouble}");
        }
        tokio::time::sleep(STEP).await;
    }
}
