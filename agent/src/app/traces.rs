//! OTLP: where it goes, from the configuration, and the parts between its doors and its back ends.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, bail};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{part, server};
use crate::{
    config::{Config, Otlp, Sources},
    inventory::Reader,
    model::Event,
    otlp::Signal,
    secret::{self, Secret},
    telemetry::{log, spans::Spans},
    traces::{
        Destination, Pipeline,
        attribute::{self, Attributor},
        figures::Board,
        forward::Forwarder,
        lifecycle,
        receive::{self, Doors},
        red::Red,
        sample::Sampler,
        tally,
    },
};

/// More headers than any back end wants.
const MAX_HEADERS: usize = 64;

/// Opens the doors. Before the agent gives up the right to make local sockets.
///
/// # Errors
/// An address or a path is taken or refused.
pub(super) fn open(config: &Config) -> anyhow::Result<Option<Doors>> {
    config.traces.receiver.as_ref().map(receive::bind).transpose().context("open the doors of OTLP")
}

/// What the parts stand between.
pub(super) struct Around<'a> {
    pub(super) reader: &'a Reader,
    /// The agent's own container.
    pub(super) own: Option<Arc<str>>,
    pub(super) local_engine: bool,
    pub(super) host_id: Option<Arc<str>>,
    pub(super) log: &'a log::Handle,
    pub(super) failure: &'a CancellationToken,
}

/// The running parts.
pub(super) struct Traces {
    pipeline: Pipeline,
    received: Arc<receive::Counts>,
    lifecycle: Option<lifecycle::Handle>,
    /// Ends the doors and whatever makes spans.
    stop: CancellationToken,
    /// In the order in which they end.
    tasks: Vec<JoinHandle<()>>,
    spans: Option<(CancellationToken, JoinHandle<()>)>,
}

/// Starts everything, where OTLP is on.
///
/// # Errors
/// A destination that cannot be.
pub(super) fn start(
    config: &Config,
    sources: &Sources,
    doors: Option<Doors>,
    around: Around<'_>,
) -> anyhow::Result<Option<Traces>> {
    let Some(doors) = doors else { return Ok(None) };
    let secrets = Config::secrets_directory(&sources.environment);
    let destinations =
        config.otlp.iter().map(|otlp| destination(otlp, &secrets).with_context(|| otlp.section.to_owned()));
    let destinations = destinations.collect::<anyhow::Result<Vec<_>>>()?;
    for destination in &destinations {
        let signals: Vec<_> = destination.signals.iter().map(|signal| signal.as_str()).collect();
        tracing::info!(destination = destination.name, signals = signals.join(", "), "OTLP is sent on");
    }
    tracing::info!(grpc = ?doors.grpc(), http = ?doors.http(), socket = ?config.traces.receiver.as_ref().and_then(|receiver| receiver.socket.as_ref()), "OTLP is taken");
    let state = config.state.directory.as_deref();
    let forwarder = Forwarder::start(destinations, config.traces.queue, state, around.failure).context("OTLP")?;
    let attributor = Attributor::new(
        around.reader.clone(),
        attribute::Around {
            proc: config.host.proc.clone(),
            own: around.own,
            local_engine: around.local_engine,
            labels: config.traces.labels.clone(),
            environment: config.traces.environment.clone(),
            host_id: around.host_id.clone(),
        },
    );
    let (red, sampler) = (Red::new(&config.traces.red), Sampler::new(&config.traces.sampling));
    let pipeline = Pipeline::new(attributor, red, sampler, Arc::new(forwarder));
    let (stop, received) = (CancellationToken::new(), Arc::new(receive::Counts::default()));
    let mut tasks = Vec::new();
    let (intake, counts, until) = (Arc::new(pipeline.clone()), Arc::clone(&received), stop.clone());
    tasks.push(part(
        async move {
            match receive::serve(doors, intake, counts, until).await {
                Ok(receive::Drained { cut: 0 }) => {}
                Ok(receive::Drained { cut }) => {
                    tracing::warn!(connections = cut, "connections of OTLP were cut at the deadline")
                }
                Err(error) => tracing::error!(%error, "OTLP is not taken"),
            }
        },
        around.failure,
    ));
    // What nobody takes is not told.
    let told = config.traces.lifecycle.enabled && pipeline.forwarder().wants(Signal::Traces);
    let lifecycle = told.then(|| {
        let settings = lifecycle::Settings {
            pace: config.traces.lifecycle,
            filter: config.containers.clone(),
            state_dir: config.state.directory.clone(),
            host: lifecycle::Host { name: config.host.name.clone().map(Into::into), id: around.host_id },
        };
        let out = pipeline.clone();
        let out = move |request, _spans| {
            let out = out.clone();
            // Few a minute by the machine's own ceiling; each waits for room in the queue.
            drop(tokio::spawn(async move { out.own(request, true).await }));
        };
        let (handle, run) = lifecycle::start(around.reader.clone(), settings, out, stop.clone());
        tasks.push(part(run, around.failure));
        handle
    });
    tasks.push(part(pipeline.clone().tend(stop.clone()), around.failure));
    let spans = match config.traces.own {
        ratio if ratio > 0.0 => {
            let spans = around.log.make_spans(ratio)?;
            let end = CancellationToken::new();
            Some((end.clone(), part(own_spans(spans, pipeline.clone(), end), around.failure)))
        }
        _ => None,
    };
    Ok(Some(Traces { pipeline, received, lifecycle, stop, tasks, spans }))
}

/// Queues what the agent makes of its own operations, until `end` and to the last span.
async fn own_spans(mut spans: Spans, pipeline: Pipeline, end: CancellationToken) {
    loop {
        tokio::select! {
            () = end.cancelled() => break,
            request = spans.next() => match request {
                Some(request) => pipeline.own(request, false).await,
                None => return,
            }
        }
    }
    let ended = tokio::task::spawn_blocking(spans.end());
    while let Some(request) = spans.next().await {
        pipeline.own(request, false).await;
    }
    drop(ended.await);
}

impl Traces {
    /// Hears the engine's events.
    pub(super) fn hearing(&self) -> impl Fn(&Event) + Clone + Send + Sync + use<> {
        let (attributor, lifecycle) = (self.pipeline.attributor().clone(), self.lifecycle.clone());
        move |event| {
            attributor.hear(event);
            if let Some(lifecycle) = &lifecycle {
                lifecycle.event(event);
            }
        }
    }

    /// Is told of each new picture.
    pub(super) fn bell(&self) -> impl Fn() + Clone + Send + Sync + use<> {
        let (attributor, lifecycle) = (self.pipeline.attributor().clone(), self.lifecycle.clone());
        move || {
            attributor.ring();
            if let Some(lifecycle) = &lifecycle {
                lifecycle.ring();
            }
        }
    }

    /// What all parts have counted.
    pub(super) fn board(&self) -> Board {
        let (pipeline, received) = (self.pipeline.clone(), Arc::clone(&self.received));
        let lifecycle = self.lifecycle.as_ref().map(|handle| Arc::clone(handle.counts()));
        Board::new(move || tally(&pipeline, &received, lifecycle.as_deref()))
    }

    /// Ends everything in the order in which requests go: doors, what makes spans, queues.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        for task in self.tasks {
            drop(task.await);
        }
        if let Some((end, task)) = self.spans {
            end.cancel();
            drop(task.await);
        }
        self.pipeline.end().await;
        self.pipeline.forwarder().stop().await;
    }
}

/// A destination as the configuration has it.
pub(super) fn destination(otlp: &Otlp, secrets: &Path) -> anyhow::Result<Destination> {
    let headers = otlp.headers.as_deref().map(|file| headers(file, secrets)).transpose()?.unwrap_or_default();
    let server = server::settings(&otlp.server, otlp.server.url.clone(), headers, secrets)?;
    let Otlp { section, protocol, gzip, .. } = *otlp;
    let (name, signals) = (otlp.server.name(), otlp.signals.clone());
    Ok(Destination { name, folder: section, protocol, server, gzip, signals })
}

/// `Name: value`, one in a line; empty lines and those that begin with `#` are left out.
fn headers(file: &Path, secrets: &Path) -> anyhow::Result<Vec<(String, Secret)>> {
    let text = secret::read(file, secrets)?;
    let lines = text.expose().lines().map(str::trim).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let headers: Vec<_> = lines
        .map(|(at, line)| match line.split_once(':') {
            Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), Secret::new(value.trim()))),
            // The line is not shown: it may be a secret without a name.
            _ => bail!("{}: line {} is not `Name: value`", file.display(), at + 1),
        })
        .collect::<anyhow::Result<_>>()?;
    if headers.len() > MAX_HEADERS {
        bail!("{}: more than {MAX_HEADERS} headers", file.display());
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_lines_of_a_secret_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("headers");
        std::fs::write(&file, "# of the back end\nX-Scope-OrgID: shop\n\nauthorization:Basic a:b\n").unwrap();
        let read = headers(&file, folder.path()).unwrap();
        let read: Vec<_> = read.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(read, [("X-Scope-OrgID", "shop"), ("authorization", "Basic a:b")]);
        std::fs::write(&file, "hunter2\n").unwrap();
        let wrong = format!("{:#}", headers(&file, folder.path()).unwrap_err());
        assert!(wrong.contains("line 1") && !wrong.contains("hunter2"), "{wrong}");
    }
}
