//! Builds the parts in the order of the drawing in `lib.rs`, waits for the end, and takes everything down.

use std::{future, path::Path, sync::Arc};

use anyhow::Context;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    appetite,
    calls::Caller,
    dice::Dice,
    logs::{self, Level, Line, Logger},
    metrics::Metrics,
    routes::Service,
    server,
    settings::{MAX_NEIGHBOURS, OnTerm, Settings},
    traces,
};

/// What a shell reports for a program killed by SIGTERM.
const TERMINATED: u8 = 128 + 15;

/// Why the program ends, and whether running requests may finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Drained(u8),
    AtOnce(u8),
}

/// Plays the service until its end; gives the exit code.
pub async fn run(settings: Settings) -> anyhow::Result<u8> {
    // First of all: as process 1 of a container an unhandled SIGTERM is ignored, whatever the settings say.
    let signals = Signals::new().context("listen for signals")?;
    let (knobs, watched) = watch::channel(settings.knobs());
    let (metrics, registry) = Metrics::new();
    let dice = Arc::new(Dice::from_clock());
    let (logger, log_ending) =
        logs::start(&settings, watched.clone(), metrics.clone(), Arc::clone(&dice)).context("start the log thread")?;
    let (exit, exit_asked) = mpsc::channel(1);
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let tracer = traces::start(&settings, Arc::clone(&dice), logger.clone(), &tasks, &shutdown);
    let caller = Caller::new(&settings, metrics.clone(), logger.clone(), Arc::clone(&dice), tracer.clone());
    anyhow::ensure!(settings.relay.len() <= MAX_NEIGHBOURS, "more than {MAX_NEIGHBOURS} neighbours to relay to");
    if let Some(full) = settings.stock {
        metrics.filled(full);
    }
    let service = Arc::new(Service {
        name: settings.name.clone(),
        knobs,
        metrics: metrics.clone(),
        registry,
        logger: logger.clone(),
        log_requests: !settings.log_no_requests,
        dice: Arc::clone(&dice),
        bearer: settings.bearer_file.as_deref().map(token).transpose()?,
        exit,
        tracer,
        caller,
        relay: settings.relay.clone(),
        health_relay: settings.health_relay,
        event: settings.event.clone(),
        stock: settings.stock,
    });
    let until_end = end(&settings, signals, exit_asked, &logger);

    let outcome = tokio::select! {
        end = until_end => Ok(end),
        failed = serve(&settings, service, watched, &tasks, &shutdown) => failed.map(|never| match never {}),
    };
    shutdown.cancel();
    let outcome = finish(outcome, &logger, &tasks).await;
    log_ending.close();
    outcome
}

/// Starts everything, then waits for ever; comes back only when something could not be started.
async fn serve(
    settings: &Settings,
    service: Arc<Service>,
    knobs: watch::Receiver<crate::knobs::Knobs>,
    tasks: &TaskTracker,
    shutdown: &CancellationToken,
) -> anyhow::Result<std::convert::Infallible> {
    if !settings.start_delay.is_zero() {
        service
            .logger
            .write(Line::new(Level::Info, "starting").field("delay_ms", settings.start_delay.as_millis() as u64));
        tokio::time::sleep(settings.start_delay).await;
    }
    let address = (settings.address, settings.port);
    let listener =
        TcpListener::bind(address).await.with_context(|| format!("listen on {}:{}", address.0, address.1))?;
    let address = listener.local_addr().context("read the listening address")?;
    if let Some(port) = settings.also_port {
        let more = (settings.address, port);
        let more = TcpListener::bind(more).await.with_context(|| format!("listen on {}:{port}", more.0))?;
        tasks.spawn(server::serve(more, Arc::clone(&service), shutdown.clone(), settings.drain));
    }
    service.logger.write(Line::new(Level::Info, "listening").field("address", address.to_string()));

    service.caller.clone().start(&settings.call, tasks, shutdown)?;
    tasks.spawn(shutdown.clone().run_until_cancelled_owned(appetite::memory(knobs.clone(), settings.memory_max_mib)));
    tasks.spawn(shutdown.clone().run_until_cancelled_owned(appetite::cpu(knobs)));
    tasks.spawn(server::serve(listener, service, shutdown.clone(), settings.drain));
    future::pending().await
}

/// The token in a file, without the end of its line.
fn token(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let token = text.trim();
    anyhow::ensure!(!token.is_empty(), "read {}: it is empty", path.display());
    Ok(token.to_owned())
}

/// Waits for whatever ends the program: its own clock, the control route, or a signal.
async fn end(settings: &Settings, mut signals: Signals, mut exit_asked: mpsc::Receiver<u8>, logger: &Logger) -> End {
    let own_clock = async {
        match settings.exit_after {
            Some(after) => tokio::time::sleep(after).await,
            None => future::pending().await,
        }
    };
    tokio::select! {
        () = own_clock => End::AtOnce(settings.exit_code),
        Some(code) = exit_asked.recv() => End::Drained(code),
        end = signals.end(settings.on_term, logger) => end,
    }
}

async fn finish(outcome: anyhow::Result<End>, logger: &Logger, tasks: &TaskTracker) -> anyhow::Result<u8> {
    let code = match outcome? {
        End::Drained(code) => {
            // The server bounds its own draining; the other tasks end with the token.
            tasks.close();
            tasks.wait().await;
            code
        }
        End::AtOnce(code) => code,
    };
    let level = if code == 0 { Level::Info } else { Level::Error };
    logger.write(Line::new(level, "ending").field("exit_code", code));
    Ok(code)
}

/// SIGTERM and SIGINT, which mean the same here.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn end(&mut self, on_term: OnTerm, logger: &Logger) -> End {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
            match on_term {
                OnTerm::Graceful => return End::Drained(0),
                OnTerm::Abrupt => return End::AtOnce(TERMINATED),
                OnTerm::Ignore => logger.write(Line::new(Level::Warn, "ignoring the signal to end")),
            }
        }
    }
}
