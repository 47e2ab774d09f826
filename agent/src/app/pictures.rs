//! The inventory, and everybody who is told of a new picture of it.

use tokio_util::sync::CancellationToken;

use super::{history, traces::Traces};
use crate::{
    collectors::Scraper,
    config::Config,
    engine::Engine,
    inventory::{self, Expect, Listener},
    isolation::Isolation,
    logs::Handle,
    policy,
    probes::Probes,
    telemetry::Metrics,
};

/// Who else has to do with the inventory.
pub(super) struct Listeners<'a> {
    pub(super) reading: Option<Handle>,
    pub(super) policy: policy::Board,
    pub(super) probes: Probes,
    pub(super) isolation: Isolation,
    pub(super) traces: Option<&'a Traces>,
    pub(super) history: crate::history::Board,
}

pub(super) fn start_inventory(
    engine: Engine,
    config: &Config,
    reader: &inventory::Reader,
    scraper: &Scraper,
    Listeners { reading, policy, probes, isolation, traces, history }: Listeners<'_>,
    metrics: &Metrics,
    shutdown: &CancellationToken,
) -> impl Future<Output = ()> + Send + use<> {
    let settings = inventory::Settings {
        host: config.host.name.clone().map(Into::into),
        state_dir: config.state.directory.clone(),
        forget_after: config.services.forget_after,
        filter: config.containers.clone(),
        expect: Some(Expect::new(policy.clone())),
        listener: listener(reading.clone(), traces),
    };
    let naming = traces.map(Traces::bell);
    // Handles of a container that ended are let go when the picture says so, not at the next scrape.
    let refresh = {
        let (scraper, reader, metrics) = (scraper.clone(), reader.clone(), metrics.clone());
        move || {
            scraper.refresh();
            history::look(&history, &policy, &reader, &metrics);
            // First: what comes from a container is named by what is known of it.
            naming.iter().for_each(|ring| ring());
            reading.iter().for_each(Handle::ring);
            probes.ring();
            isolation.ring();
        }
    };
    inventory::watch(engine, settings, reader.clone(), metrics.clone(), refresh, shutdown.clone())
}

/// Those who hear the engine's events beside the inventory.
fn listener(reading: Option<Handle>, traces: Option<&Traces>) -> Option<Listener> {
    let hearing = traces.map(Traces::hearing);
    (reading.is_some() || hearing.is_some()).then(|| {
        Listener::new(move |event| {
            hearing.iter().for_each(|hear| hear(event));
            reading.iter().for_each(|reading| reading.event(event));
        })
    })
}
