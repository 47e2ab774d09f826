//! Traces: from a sender's socket to a back end's, beside the bare cost of decoding and encoding the same spans in the same run.
//!
//! Requests of 512 spans come in over gRPC or HTTP from this process and go out to a sink of this process that takes everything at once. Each
//! span goes the whole way: received, attributed to a container of the scripted engine (by the id it says), counted into RED metrics, queued,
//! sent. What is measured is the agent alone: its CPU time divided into the spans that arrived.

mod sender;
mod sink;
mod spans;

use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use spyhop::otlp::wire::{
    Group, Malformed, Span, Writer, groups,
    splice::{Change, Edit, Fate, rewrite},
};

use self::{sender::Sender, sink::Sink, spans::BATCH};
use crate::{
    Effort,
    load::resident,
    report::Report,
    support::{
        agent::{Agent, Home},
        facts::float,
        fake_engine::{FakeContainer, FakeEngine, World},
        process,
        wait::eventually,
    },
};

/// Different requests; they take turns.
const REQUESTS: u64 = 64;
/// Requests sent before their spans are made anew: old ones are not counted into RED metrics.
const FRESH: u64 = 2 * REQUESTS;
/// Requests on their way at a time.
const AT_A_TIME: u32 = 8;
/// Spans a second of the load figure.
const LOAD: f64 = 10_000.0;
/// The container that all say they are in.
const CONTAINER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Everything about traces.
pub(crate) fn measure(agent: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let requests = fresh();
    let bytes: usize = requests.iter().map(Bytes::len).sum();
    report.told("traces: a span on the wire", float(bytes as u64) / float(REQUESTS * BATCH as u64), "bytes");
    floors(&requests, report)?;

    let plain = Way { grpc_in: true, grpc_out: false, gzip: false };
    let rate = runtime.block_on(throughput(agent, plain, effort, report))?;
    report.judged("traces_cost", 1e6 / rate);
    report.told("traces: gRPC in, HTTP out", rate, "spans/s a core");
    for (what, way) in [
        ("traces: HTTP in, HTTP out", Way { grpc_in: false, ..plain }),
        ("traces: gRPC in, gRPC out", Way { grpc_out: true, ..plain }),
        ("traces: gRPC in, HTTP out with gzip", Way { gzip: true, ..plain }),
    ] {
        let rate = runtime.block_on(throughput(agent, way, effort, report))?;
        report.told(what, rate, "spans/s a core");
    }
    runtime.block_on(load(agent, effort, report))
}

/// Requests whose spans end now.
fn fresh() -> Vec<Bytes> {
    (0..REQUESTS).map(|number| spans::request(number, CONTAINER)).collect()
}

/// Over what spans come and go.
#[derive(Clone, Copy, Debug)]
struct Way {
    grpc_in: bool,
    grpc_out: bool,
    gzip: bool,
}

/// An agent between a sender and a sink.
struct Host {
    _engine: FakeEngine,
    sink: Sink,
    agent: Agent,
    /// Where it takes requests.
    door: SocketAddr,
}

impl Host {
    async fn new(agent: &Path, way: Way) -> Result<Self> {
        // No process of this number can be: figures of containers are not what is measured here.
        let container = FakeContainer::new("orders-1").id(CONTAINER).compose("bench", "orders", 1).running(5_000_000);
        let engine = FakeEngine::start(World::new().with(container));
        let sink = Sink::start(way.grpc_out).await?;
        let [grpc, http] = ports()?;
        let settings = format!(
            "otlp:\n  endpoint: http://{}\n  protocol: {}\n  compression: {}\n\
             traces:\n  enabled: true\n  grpc: {grpc}\n  http: {http}\n  lifecycle: false\n",
            sink.address,
            if way.grpc_out { "grpc" } else { "http" },
            if way.gzip { "gzip" } else { "none" },
        );
        let mut agent = Home::with(&agent.display().to_string(), &engine.socket(), &settings).open();
        // Of its three doors the one that is not for OTLP.
        agent.address = eventually("the agent opens all doors", || {
            let doors = process::all_listening(agent.pid()).unwrap_or_default();
            let other = doors.iter().find(|door| ![grpc, http].contains(door)).copied();
            other.filter(|_| doors.len() == 3).ok_or_else(|| format!("it listens on {doors:?}"))
        });
        eventually("the agent is ready", || match agent.get("/health/ready", &[]) {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(format!("{other:?}")),
        });
        Ok(Self { _engine: engine, sink, agent, door: if way.grpc_in { grpc } else { http } })
    }

    fn cpu(&self) -> Result<Duration> {
        process::cpu_of_all(self.agent.pid()).context("the agent runs")
    }

    /// Waits until so many spans have arrived, and no more.
    async fn arrived(&self, spans: u64) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.sink.counts.spans() < spans {
            ensure!(Instant::now() < deadline, "{} of {spans} spans arrived", self.sink.counts.spans());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        ensure!(self.sink.counts.spans() == spans, "{} spans arrived of {spans}", self.sink.counts.spans());
        Ok(())
    }

    /// That every span went the whole way.
    fn check(&self, spans: u64, requests: u64) -> Result<()> {
        let page = self.agent.scrape();
        let sum = |name, labels: &[(&str, &str)]| page.all(name, labels).map(|sample| sample.value).sum::<f64>();
        let attributed = sum("spyhop_otlp_attributed_total", &[("rule", "container_id")]);
        ensure!(attributed == float(requests), "{attributed} of {requests} resources are attributed");
        let counted = sum("traces_spanmetrics_calls_total", &[]);
        ensure!(counted == float(spans), "{counted} of {spans} spans are in RED metrics");
        Ok(())
    }
}

/// Two ports that were free a moment ago: the agent's own doors cannot be asked for.
fn ports() -> Result<[SocketAddr; 2]> {
    let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    let [first, second] = listeners.map(|listener| listener.local_addr());
    Ok([first?, second?])
}

/// Spans a second of the agent's CPU time, the middle of some runs.
async fn throughput(agent: &Path, way: Way, effort: Effort, report: &mut Report) -> Result<f64> {
    let count = effort.spans / BATCH as u64;
    let mut rates = Vec::new();
    let mut last = None;
    for _ in 0..effort.rounds.min(3) {
        let host = Host::new(agent, way).await?;
        // The first requests open connections and fill buffers.
        sender::all(host.door, way.grpc_in, &fresh(), REQUESTS, AT_A_TIME).await?;
        host.arrived(REQUESTS * BATCH as u64).await?;
        let (before, began) = (host.cpu()?, Instant::now());
        let (mut busy, mut left) = (0, count);
        while left > 0 {
            let part = left.min(FRESH);
            busy += sender::all(host.door, way.grpc_in, &fresh(), part, AT_A_TIME).await?;
            left -= part;
        }
        host.arrived((REQUESTS + count) * BATCH as u64).await?;
        let spent = host.cpu()?.saturating_sub(before);
        rates.push(float(count * BATCH as u64) / spent.as_secs_f64());
        last = Some((float(count * BATCH as u64) / began.elapsed().as_secs_f64(), busy, resident(&host.agent)?));
        host.check((REQUESTS + count) * BATCH as u64, REQUESTS + count)?;
    }
    if let Some((wall, busy, memory)) = last {
        report.told("  by the clock, sender and sink on the same cores", wall, "spans/s");
        report.told("  answered that there is no room", float(busy), "times");
        report.told("  resident memory at the end", memory, "MiB");
    }
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().context("no round")
}

/// CPU and memory at a steady rate.
async fn load(agent: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let host = Host::new(agent, Way { grpc_in: true, grpc_out: false, gzip: true }).await?;
    let mut sender = Sender::connect(host.door, true).await?;
    let tick = Duration::from_secs_f64(BATCH as f64 / LOAD);
    let (before, began) = (host.cpu()?, Instant::now());
    let (mut sent, mut peak) = (0_u32, 0.0_f64);
    while began.elapsed() < Duration::from_secs(effort.idle_seconds) {
        let request = spans::request(sent.into(), CONTAINER);
        let body = sender.framed(&request);
        sender.send(&body).await?;
        sent += 1;
        peak = peak.max(resident(&host.agent)?);
        tokio::time::sleep((began + tick * sent).saturating_duration_since(Instant::now())).await;
    }
    let spent = host.cpu()?.saturating_sub(before);
    report.judged("traces_cpu", 100.0 * spent.as_secs_f64() / began.elapsed().as_secs_f64());
    report.judged("traces_rss", peak);
    host.arrived(u64::from(sent) * BATCH as u64).await?;
    let (bytes, pushes) = host.sink.counts.volume();
    report.told("  sent on, with gzip", float(bytes) / float(pushes.max(1)), "bytes a request");
    host.check(u64::from(sent) * BATCH as u64, sent.into())
}

/// What nothing that handles the same spans can be cheaper than: types decoded and encoded, as most do, and the bytes walked, as we do.
fn floors(requests: &[Bytes], report: &mut Report) -> Result<()> {
    let typed = floor(requests, |request, out| {
        out.clear();
        ExportTraceServiceRequest::decode(request.clone())?.encode(out)?;
        Ok(())
    })?;
    report.told("traces: bare decoding and encoding of the same, prost's types", typed, "spans/s a core");
    let walked = floor(requests, |request, _| Ok(walk(request)?))?;
    report.told("traces: bare walking of the same, ids, status, attributes", walked, "spans/s a core");
    let mut add = Writer::new();
    add.message(1, |pair| pair.string(1, "container.name"));
    let mut edit = Add(add.into_bytes().into());
    let spliced = floor(requests, |request, out| {
        out.clear();
        rewrite(request, &mut edit, out)?;
        Ok(())
    })?;
    report.told("traces: bare splicing of an attribute into the same", spliced, "spans/s a core");
    Ok(())
}

fn floor(requests: &[Bytes], mut handle: impl FnMut(&Bytes, &mut Vec<u8>) -> Result<()>) -> Result<f64> {
    let mut out = Vec::new();
    let own = || process::cpu(std::process::id()).context("our own CPU time");
    let (before, mut spans) = (own()?, 0);
    while own()?.saturating_sub(before) < Duration::from_secs(1) {
        for request in requests {
            handle(request, &mut out)?;
            std::hint::black_box(&out);
            spans += BATCH as u64;
        }
    }
    Ok(float(spans) / own()?.saturating_sub(before).as_secs_f64())
}

fn walk(request: &[u8]) -> Result<(), Malformed> {
    for group in groups(request) {
        for scope in group?.scopes() {
            for record in scope?.records() {
                let span = Span::parse(record?)?;
                std::hint::black_box((span.has_valid_ids(), span.status));
                for pair in span.attributes() {
                    std::hint::black_box(pair?.string());
                }
            }
        }
    }
    Ok(())
}

/// Adds an attribute to each resource, and looks at no span.
struct Add(Bytes);

impl Edit for Add {
    fn group(&mut self, _: &Group<'_>) -> Result<Change, Malformed> {
        Ok(Change { without: Vec::new(), add: self.0.clone() })
    }

    fn record(&mut self, _: &[u8]) -> Result<Fate, Malformed> {
        Ok(Fate::Keep)
    }
}
