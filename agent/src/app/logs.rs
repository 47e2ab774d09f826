//! Where lines go, from the configuration, and the pipeline that sends them there.

use std::{collections::BTreeSet, path::Path};

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::server;
use crate::{
    config::{Config, Loki, Otlp, Sources},
    logs::{Destination, Pipeline, Surroundings, To, loki},
    otlp::Signal,
    secret::Secret,
    traces,
};

/// Starts the pipeline where a destination is given.
///
/// # Errors
/// A destination that cannot be, or state on disk that cannot be opened.
pub(super) fn start(
    config: &Config,
    sources: &Sources,
    around: Surroundings,
    failed: &CancellationToken,
) -> anyhow::Result<Option<Pipeline>> {
    let secrets = Config::secrets_directory(&sources.environment);
    let loki = config.loki.iter().map(|loki| destination(loki, &secrets).with_context(|| loki.section.to_owned()));
    let otlp = config.otlp.iter().filter(|otlp| otlp.signals.contains(&Signal::Logs));
    let otlp = otlp.map(|otlp| records(otlp, &secrets).with_context(|| otlp.section.to_owned()));
    let destinations = loki.chain(otlp).collect::<anyhow::Result<Vec<_>>>()?;
    if destinations.is_empty() {
        return Ok(None);
    }
    let destinations = apart(destinations);
    for destination in &destinations {
        tracing::info!(destination = destination.name, "logs are sent");
    }
    Ok(Some(Pipeline::start(config.logs.clone(), destinations, around, failed).context("logs")?))
}

/// Tenants of one Loki are destinations of one host and port: those that come later are called by their section too.
fn apart(mut destinations: Vec<Destination>) -> Vec<Destination> {
    let mut taken = BTreeSet::new();
    for destination in &mut destinations {
        if !taken.insert(destination.name.clone()) {
            destination.name = format!("{} ({})", destination.name, destination.folder);
        }
    }
    destinations
}

fn destination(loki: &Loki, secrets: &Path) -> anyhow::Result<Destination> {
    let tenant = loki.tenant.iter().map(|tenant| ("X-Scope-OrgID".to_owned(), Secret::new(tenant.as_str())));
    let url = format!("{}{}", loki.server.url, loki::PUSH_PATH);
    let server = server::settings(&loki.server, url, tenant.collect(), secrets)?;
    Ok(Destination { name: loki.server.name(), folder: loki.section, to: To::Loki(server) })
}

/// A back end of OTLP that gets lines too, over connections of its own.
fn records(otlp: &Otlp, secrets: &Path) -> anyhow::Result<Destination> {
    let traces::Destination { name, folder, protocol, server, gzip, .. } = super::traces::destination(otlp, secrets)?;
    Ok(Destination { name, folder, to: To::Otlp { protocol, server, gzip } })
}
