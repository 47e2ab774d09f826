//! Logs: from files as dockerd writes them to pushes, beside the bare cost of reading and compressing the same bytes in the same run.
//!
//! The engine is scripted and names files of ours; Loki is a sink that takes every push at once. What is measured is the agent alone:
//! its CPU time from its start to the last line taken, divided into the bytes of the files.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    Effort,
    load::resident,
    report::Report,
    sink::Sink,
    support::{
        agent::{Agent, Home},
        facts::float,
        fake_engine::{FakeContainer, FakeEngine, World},
        process,
    },
};

const MIB: f64 = 1024.0 * 1024.0;
/// Containers which share the bytes of the throughput figure.
const WRITERS: u32 = 8;
/// Containers of the load and idle figures.
const MANY: u32 = 100;
/// Bytes a second of all of them under load.
const LOAD: usize = 10 << 20;

/// Everything about logs, or one part: `rate`, `idle` or `load`.
pub(crate) fn measure(agent: &Path, effort: Effort, part: Option<&str>, report: &mut Report) -> Result<()> {
    let wanted = |name| part.is_none_or(|part| part == name);
    if wanted("rate") {
        throughput(agent, effort, report)?;
    }
    if wanted("idle") {
        silence(agent, effort, report)?;
    }
    if wanted("load") {
        load(agent, effort, report)?;
    }
    Ok(())
}

/// A host of containers whose files are ours.
struct Host {
    folder: tempfile::TempDir,
    engine: FakeEngine,
    sink: Sink,
    files: Vec<PathBuf>,
}

impl Host {
    fn new(containers: u32) -> Result<Self> {
        let folder = tempfile::tempdir().context("a folder for log files")?;
        let mut world = World::new();
        let mut files = Vec::new();
        for number in 0..containers {
            let path = folder.path().join(format!("c{number}")).join("json.log");
            fs::create_dir_all(path.parent().context("a folder")?)?;
            File::create(&path)?;
            let log = path.display().to_string();
            // No process of this number can be: figures of containers are not what is measured here.
            let container = FakeContainer::new(&format!("c{number}"))
                .compose("bench", &format!("service{number}"), 1)
                .running(5_000_000 + number)
                .logs_to(&log, 1);
            world = world.with(container);
            files.push(path);
        }
        Ok(Self { folder, engine: FakeEngine::start(world), sink: Sink::start()?, files })
    }

    /// An agent that reads them, with nothing held back.
    fn agent(&self, agent: &Path) -> Agent {
        let url = format!(
            "loki:\n  url: http://{}\nlogs:\n  stream_rate: 0\n  own: off\n  events: off\n",
            self.sink.address()
        );
        Home::with(&agent.display().to_string(), &self.engine.socket(), &url).start()
    }
}

/// How fast a backlog is read, recognised, redacted, compressed and sent.
fn throughput(agent: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let bytes = effort.log_bytes / usize::try_from(WRITERS)?;
    let mut rates = Vec::new();
    let mut floors = Vec::new();
    let host = Host::new(WRITERS)?;
    let mut lines = 0;
    for (number, file) in host.files.iter().enumerate() {
        lines += Writer::new(file, number)?.write(bytes)?;
    }
    let total: u64 = host.files.iter().map(|file| fs::metadata(file).map_or(0, |meta| meta.len())).sum();
    for _ in 0..effort.rounds.min(3) {
        floors.push(rate(total, bare(&host.files)?));
        host.sink.forget();
        let agent = host.agent(agent);
        let deadline = Instant::now() + Duration::from_secs(300);
        while host.sink.lines() < lines {
            ensure!(Instant::now() < deadline, "{} of {lines} lines were sent", host.sink.lines());
            std::thread::sleep(Duration::from_millis(20));
        }
        let spent = process::cpu(agent.pid()).context("the agent runs")?;
        rates.push(rate(total, spent));
        ensure!(host.sink.lines() == lines, "{} lines were sent of {lines}", host.sink.lines());
    }
    let (measured, floor) = (middle(&mut rates), middle(&mut floors));
    report.judged("logs_cost", 1e3 / measured);
    report.told("logs: json-file to push", measured, "MiB/s a core");
    report.told("logs: bare reading and snappy of the same files", floor, "MiB/s a core");
    Ok(())
}

/// What a hundred containers cost that write nothing.
fn silence(agent: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let host = Host::new(MANY)?;
    let agent = host.agent(agent);
    // The first look at everything is not idling.
    std::thread::sleep(Duration::from_secs(5));
    let cpu = || process::cpu(agent.pid()).context("the agent runs");
    let (began, before) = (Instant::now(), cpu()?);
    std::thread::sleep(Duration::from_secs(effort.idle_seconds));
    let spent = cpu()?.saturating_sub(before);
    report.judged("logs_idle", 100.0 * spent.as_secs_f64() / began.elapsed().as_secs_f64());
    report.judged("logs_rss_idle", resident(&agent)?);
    Ok(())
}

/// Memory while a hundred containers write ten mebibytes a second.
fn load(agent: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let host = Host::new(MANY)?;
    let agent = host.agent(agent);
    let mut writers = Vec::new();
    for (number, file) in host.files.iter().enumerate() {
        writers.push(Writer::new(file, number)?);
    }
    let tick = Duration::from_millis(100);
    let share = LOAD / 10 / writers.len();
    let (began, mut peak, mut lines) = (Instant::now(), 0.0_f64, 0);
    let before = process::cpu(agent.pid()).context("the agent runs")?;
    let mut turns = 0_u32;
    while began.elapsed() < Duration::from_secs(effort.idle_seconds) {
        for writer in &mut writers {
            lines += writer.write(share)?;
        }
        peak = peak.max(resident(&agent)?);
        turns += 1;
        std::thread::sleep((began + tick * turns).saturating_duration_since(Instant::now()));
    }
    let spent = process::cpu(agent.pid()).context("the agent runs")?.saturating_sub(before);
    report.judged("logs_rss_load", peak);
    let share = 100.0 * spent.as_secs_f64() / began.elapsed().as_secs_f64();
    report.told("logs: CPU at 10 MiB/s from 100 containers", share, "% of a core");
    let deadline = Instant::now() + Duration::from_secs(20);
    while host.sink.lines() < lines {
        ensure!(Instant::now() < deadline, "{} of {lines} lines were sent", host.sink.lines());
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_secs(60));
    report.judged("logs_rss_after", resident(&agent)?);
    drop(host.folder);
    Ok(())
}

/// Reads the files whole and compresses them as a push would, and does nothing else.
fn bare(files: &[PathBuf]) -> Result<Duration> {
    let before = own_cpu()?;
    let mut encoder = snap::raw::Encoder::new();
    let (mut plain, mut packed) = (vec![0; 1 << 20], vec![0; snap::raw::max_compress_len(1 << 20)]);
    for file in files {
        let mut file = File::open(file)?;
        loop {
            let read = file.read(&mut plain)?;
            if read == 0 {
                break;
            }
            encoder.compress(plain.get(..read).unwrap_or_default(), &mut packed)?;
        }
    }
    Ok(own_cpu()?.saturating_sub(before))
}

fn own_cpu() -> Result<Duration> {
    process::cpu(std::process::id()).context("our own CPU time")
}

/// Writes records as dockerd does: lines of 200 to 500 bytes, half of them JSON, all with a level.
struct Writer {
    file: File,
    number: usize,
    written: u64,
}

impl Writer {
    fn new(path: &Path, number: usize) -> Result<Self> {
        Ok(Self { file: File::options().append(true).open(path)?, number, written: 0 })
    }

    /// About so many bytes; the lines in them.
    fn write(&mut self, bytes: usize) -> Result<u64> {
        let mut out = Vec::with_capacity(bytes + 1024);
        let before = self.written;
        while out.len() < bytes {
            let (n, at) = (self.written, jiff::Timestamp::now());
            let filler = FILLER.get(..usize::try_from(n * 37 % 230)?).unwrap_or_default();
            let level =
                ["info", "info", "debug", "warn", "info", "error"].get(usize::try_from(n % 6)?).unwrap_or(&"info");
            let stream = if n % 9 == 0 { "stderr" } else { "stdout" };
            let text = if n % 2 == 0 {
                format!(
                    r#"{{\"time\":\"{at}\",\"level\":\"{level}\",\"msg\":\"order {n} taken {filler}\",\"trace_id\":\"{n:032x}\",\"user\":\"u{}\",\"duration_ms\":{}}}"#,
                    n % 1000,
                    n % 97
                )
            } else {
                format!(
                    "{at} {} [worker-{}] com.example.Orders: order {n} taken by user u{} in {} ms {filler}",
                    level.to_uppercase(),
                    self.number,
                    n % 1000,
                    n % 97
                )
            };
            writeln!(out, r#"{{"log":"{text}\n","stream":"{stream}","time":"{at}"}}"#)?;
            self.written += 1;
        }
        self.file.write_all(&out)?;
        Ok(self.written - before)
    }
}

const FILLER: &str = "and the quick brown fox of the warehouse carried it over the lazy dog to shelf seventeen, where the clerk who counts \
    such things wrote down its weight, its height and the name of the ship that had brought it here from the other side of the sea, twice";

fn rate(bytes: u64, time: Duration) -> f64 {
    float(bytes) / MIB / time.as_secs_f64()
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
