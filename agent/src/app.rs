//! Builds the parts in the order of the drawing, runs them until a signal, ends them in order.
//!
//! Nothing else starts a part. The end goes the way the data takes, backwards: the server stops listening and finishes what it
//! has begun, lines that were read are sent or put on disk, the inventory stops following the engine and saves its counters.

mod access;
mod engine;
mod figures;
mod history;
mod isolation;
mod logs;
mod parting;
mod pictures;
mod reload;
mod scraping;
mod server;
mod signals;
mod traces;

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use self::{
    access::{Files, Keeper},
    pictures::{Listeners, start_inventory},
    reload::Reload,
    scraping::{Reports, collector_settings, roots, start_collectors},
    signals::{Signals, follow_signals},
    traces::Traces,
};
pub(crate) use self::{
    engine::{endpoint as engine_endpoint, sought as engine_sought},
    isolation::{Around as IsolationAround, eyes as isolation_eyes, hands as isolation_hands},
};
use crate::{
    collectors,
    config::{Config, Sources},
    engine::Engine,
    helper, host, http, inventory,
    isolation::Isolation,
    logs::Pipeline,
    net::door::Door,
    policy,
    probes::{self, Probes},
    secret,
    targets::{Dial, OwnNetwork, Standpoint, Targets, ThroughHelper, Trust},
    telemetry::{Metrics, log},
    traces::receive::Doors,
};

/// Threads for what waits on sockets. Kernel reads and compression take a thread out for their time and another comes in, so two are
/// enough for a server that never computes, and each costs stack and heap.
const WORKERS: usize = 2;

/// Threads for what blocks, the workers among them. Each blocking duty has a bound of its own, and together they stay below this:
/// scrapes and refreshes of the page one each, passwords one, the state file one.
const MAX_BLOCKING: usize = 16;

/// How long a thread stays that nobody needs: shorter than what looks after files now and then, which would wake each in turn and keep
/// as many as were ever needed at once. Starting one costs some ten microseconds.
const KEEP_THREADS: Duration = Duration::from_secs(2);

/// How long the inventory gets to save its counters, once the server has drained.
const SAVE_DEADLINE: Duration = Duration::from_secs(3);

/// Runs the agent until SIGTERM or SIGINT; `sources` are what SIGHUP reads the configuration from again.
///
/// # Errors
/// When a part cannot start: an engine address it does not speak, an address it cannot listen on, no signal handler. And
/// when one has ended before it was told to: a supervisor should start the agent anew.
pub fn run(config: Config, sources: Sources, metrics: Metrics, log: log::Handle) -> anyhow::Result<()> {
    let build = collectors::Build::default();
    tracing::info!(version = build.version, revision = build.revision, "spyhop starts");
    // Before any thread starts: what is given up here is given up by all of them.
    let doors = traces::open(&config)?;
    let stance = parting::take(&config, &sources)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(MAX_BLOCKING)
        .thread_keep_alive(KEEP_THREADS)
        .enable_all()
        .build()
        .context("start the async runtime")?;
    let ended = runtime.block_on(serve(config, sources, doors, stance, metrics, log));
    // Every part has had its time. Dropped, the runtime would wait without end for a disk or a kernel file that hangs.
    runtime.shutdown_background();
    ended
}

async fn serve(
    config: Config,
    sources: Sources,
    doors: Option<Doors>,
    stance: parting::Stance,
    metrics: Metrics,
    log: log::Handle,
) -> anyhow::Result<()> {
    let mut signals = Signals::install().context("listen for signals")?;
    let parting::Standing { engine: endpoint, door, mut life, test } = stance.settle()?;
    let (is_local, elsewhere) = (endpoint.address().socket().is_some(), endpoint.is_elsewhere());
    let engine = Engine::new(endpoint.clone(), metrics.clone()).context("open the engine")?;
    let gate = Arc::new(http::access::Gate::open(metrics.clone()).context("open the gate")?);
    // Before listening: nobody is ever served without what was configured.
    let keeper = Keeper::start(Arc::clone(&gate), Files::of(&config, &sources.environment))?;
    warn_of_open_doors(&gate, &config);
    // First of all that can fail late: nothing has been started when the address is taken.
    let listener = http::bind(&http_settings(&config)).await?;
    tracing::info!(address = %listener.address(), "listening");

    let _state =
        config.state.directory.as_deref().map(inventory::StateLock::take).transpose().context("state.directory")?;

    let reader = inventory::Reader::new();
    let trust = target_trust(&config, &sources).context("targets.ca_file")?;
    let helper = helper(&config, door);
    let dial = dial(helper.as_ref());
    let port = listener.address().port();
    let standpoint = standpoint(&config, is_local, port, helper.is_some());
    let targets =
        Targets::new(reader.clone(), standpoint, config.targets.clone(), Arc::clone(&dial), trust, metrics.clone());
    let shutdown = CancellationToken::new();
    // Cancelled by whatever ends before the shutdown, which is by a panic only.
    let failure = CancellationToken::new();
    let around = crate::logs::Surroundings {
        inventory: reader.clone(),
        engine: engine.clone(),
        own: targets.own_container(),
        state: config.state.directory.clone(),
    };
    let pipeline = logs::start(&config, &sources, around, &failure)?;
    let reading = pipeline.as_ref().map(Pipeline::handle);
    let counted = pipeline.as_ref().map(Pipeline::board).cloned();
    let around = traces::Around {
        reader: &reader,
        own: targets.own_container().map(|id| id.as_str().into()),
        local_engine: is_local,
        host_id: host::machine_id(&roots(&config)),
        log: &log,
        failure: &failure,
    };
    let traces = traces::start(&config, &sources, doors, around)?;
    let told = traces.as_ref().map(Traces::board);
    let policy = policy::Board::new(
        Arc::clone(&config.policy),
        policy::RootFiles::at(config.host.rootfs.resolve()),
        config.containers.clone(),
    );
    let figures = figures::Wanted { engine: &engine, elsewhere, shutdown: &shutdown };
    let probes = Probes::default();
    let history = crate::history::Board::new(config.state.directory.clone());
    history.restore();
    let isolation = Isolation::new(config.isolation.clone());
    let reports = Reports {
        targets: &targets,
        logs: counted.as_ref(),
        policy: &policy,
        probes: &probes,
        isolation: &isolation,
        traces: told.as_ref(),
        history: &history,
    };
    let settings = collector_settings(&config, &reports);
    let scraper = start_collectors(&config, settings, &reader, &metrics, &figures);
    if let Some(reading) = reading.clone() {
        log.tap(move |line| reading.own_line(line));
    }
    let wanted = Listeners {
        reading: reading.clone(),
        policy: policy.clone(),
        probes: probes.clone(),
        isolation: isolation.clone(),
        traces: traces.as_ref(),
        history: history.clone(),
    };
    let inventory = start_inventory(engine, &config, &reader, &scraper, wanted, &metrics, &shutdown);
    let app = http::App {
        scraper: scraper.clone(),
        inventory: reader,
        targets: targets.clone(),
        logs: counted.clone(),
        policy: policy.clone(),
        probes: probes.board().clone(),
        isolation: isolation.board().clone(),
        traces: told.clone(),
        history: history.clone(),
        metrics,
        settings: http_settings(&config),
        gate,
    };
    // Once, beside everything else: an engine that hangs holds up only this.
    let counted_there = app.metrics.clone();
    drop(tokio::spawn(async move { test.run(&endpoint, &counted_there).await }));
    let inventory = part(inventory, &failure);
    // Nothing waits for its end: it only looks.
    drop(part(policy::look_at_files(policy.clone(), app.inventory.clone(), shutdown.clone()), &failure));
    let asking = probes::Parts {
        reader: app.inventory.clone(),
        policy: policy.clone(),
        standpoint: targets.standpoint().clone(),
        dial,
        secrets: Config::secrets_directory(&sources.environment),
    };
    // Nothing waits for its end: what it counts is on the page, and begins at 0 with the agent.
    drop(part(probes.run(asking, shutdown.clone()).context("set up TLS for probes")?, &failure));
    // Nothing waits for its end: it only looks.
    let looking =
        isolation::Around { elsewhere, port, own: targets.own_container(), helper, probes: Default::default() };
    let looking = isolation::parts(&config, &app.inventory, &policy, looking);
    drop(part(isolation.clone().run(looking, shutdown.clone()), &failure));
    let server = part(http::serve(listener, app, shutdown.clone()), &failure);
    let keeping = part(history::run(history.clone(), scraper.clone(), shutdown.clone()), &failure);

    let (files, others) = mpsc::channel(1);
    // Nothing waits for its end: it holds nothing that could be lost.
    drop(part(keeper.follow(others, shutdown.clone()), &failure));

    let mut reload = Reload {
        config,
        sources,
        log,
        scraper: scraper.clone(),
        targets,
        files,
        reading,
        counted,
        policy,
        probes,
        isolation,
        traces: told,
        history,
    };
    let reason = tokio::select! {
        signal = follow_signals(&mut signals, &mut reload) => Ok(signal),
        () = failure.cancelled() => Err(anyhow::anyhow!("a part of the agent has failed")),
        () = scraper.failed() => Err(anyhow::anyhow!("the collectors have failed")),
        error = life.end() => Err(error),
    };
    if let Ok(signal) = reason {
        tracing::info!(signal, "ending");
    }
    shutdown.cancel();
    stop(server, inventory, pipeline, traces).await;
    if timeout(SAVE_DEADLINE, keeping).await.is_err() {
        tracing::warn!("what was seen of objectives was not saved in time");
    }
    reason.map(drop)
}

/// Starts a part, whose end cancels `failure`, a panic included.
fn part<F>(work: F, failure: &CancellationToken) -> JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let told = failure.clone().drop_guard();
    tokio::spawn(async move {
        let _told = told;
        work.await
    })
}

/// Says once what somebody may not have meant.
fn warn_of_open_doors(gate: &http::access::Gate, config: &Config) {
    let listen = config.http.listen;
    // In a container the address says nothing: what is published decides.
    if listen.ip().is_loopback() || gate.is_secure() {
        return;
    }
    if gate.stands_open() {
        tracing::info!(%listen, "everybody who reaches this address may read; docs/security.md says how to ask for credentials");
    } else {
        tracing::warn!(%listen, "credentials are asked for without TLS: whoever is on the way can read them");
    }
}

fn http_settings(config: &Config) -> http::Settings {
    let given = &config.http;
    http::Settings {
        listen: given.listen,
        max_connections: given.max_connections,
        header_timeout: given.header_timeout,
        idle_timeout: given.idle_timeout,
        answer_timeout: given.answer_timeout,
        write_timeout: given.write_timeout,
        transfer_timeout: given.transfer_timeout,
        drain_timeout: given.drain_timeout,
        max_unread_bytes: given.max_unread_bytes,
    }
}

/// The helper, where one is configured. It is reached when it is needed: it may come and go.
/// Through the broker where there is one: what is parted from the engine's socket can open no other either.
pub(crate) fn helper(config: &Config, door: Option<Arc<Door>>) -> Option<helper::Client> {
    let path = config.isolation.helper.clone()?;
    Some(match door {
        Some(door) => helper::Client::through(Box::new(parting::ThroughDoor(door))),
        None => helper::Client::at(path),
    })
}

/// How containers are connected to.
fn dial(helper: Option<&helper::Client>) -> Arc<dyn Dial> {
    match helper {
        Some(helper) => Arc::new(ThroughHelper(helper.clone())),
        None => Arc::new(OwnNetwork),
    }
}

/// From where containers are seen.
fn standpoint(config: &Config, local_engine: bool, port: u16, helped: bool) -> Standpoint {
    let standpoint = Standpoint::discover(local_engine).listening_on(port);
    if helped { standpoint.with_helper(&config.host.proc) } else { standpoint }
}

/// By whom targets that speak TLS are known.
fn target_trust(config: &Config, sources: &Sources) -> anyhow::Result<Option<Trust>> {
    let Some(name) = &config.targets_ca_file else { return Ok(None) };
    let path = secret::locate(name, &Config::secrets_directory(&sources.environment))?;
    Ok(Some(Trust::open(path)?))
}

/// Waits for each part in turn and says who was late.
async fn stop(
    server: JoinHandle<http::Drained>,
    inventory: JoinHandle<()>,
    pipeline: Option<Pipeline>,
    traces: Option<Traces>,
) {
    // Beside each other: both may wait for servers that do not answer.
    let traces = tokio::spawn(async move {
        if let Some(traces) = traces {
            traces.stop().await;
        }
    });
    match server.await {
        Ok(http::Drained { cut: 0 }) => {}
        Ok(http::Drained { cut }) => tracing::warn!(connections = cut, "connections were cut at the deadline"),
        Err(error) => tracing::error!(%error, "the HTTP server failed"),
    }
    if let Some(pipeline) = pipeline {
        pipeline.stop().await;
    }
    if let Err(error) = traces.await {
        tracing::error!(%error, "what was taken as OTLP could not be put away");
    }
    match timeout(SAVE_DEADLINE, inventory).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the inventory failed"),
        Err(_) => tracing::warn!("the inventory was late: counters of the last second may be lost"),
    }
    tracing::info!("ended");
}
