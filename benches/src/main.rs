//! What the agent costs on this machine, beside the bare cost of reading the same kernel files in the same run.
//!
//! ```text
//! make bench                                     builds the agent, then runs this
//! make soak                                      builds the agent, then a day's worth of churn (some minutes)
//! cargo run --release -p spyhop-benches -- --soak --logs     its part about logs alone (or: --scripted [LIVES])
//! cargo run --release -p spyhop-benches -- --quick
//! cargo run --release -p spyhop-benches -- --logs            logs alone
//! cargo run --release -p spyhop-benches -- --probes          probes alone
//! cargo run --release -p spyhop-benches -- --isolation       sweeps of the passive tier alone, as root
//! cargo run --release -p spyhop-benches -- --active          rounds of the active tier alone, as root
//! cargo run --release -p spyhop-benches -- --traces          traces alone
//! cargo run --release -p spyhop-benches -- --scrapes         scrapes of a thousand synthetic containers alone, to compare builds in turns
//! cargo run --release -p spyhop-benches -- --logs rate       of logs what they cost alone (or: idle, load), to compare builds in turns
//! ```
//!
//! It starts the release binary of the agent as a child process and measures it from outside, as its user would: CPU time and
//! memory from /proc, answers over HTTP. Exit code 1 when a figure of `budgets.rs` is missed, 2 when one could not be measured.

mod active;
mod budgets;
mod client;
mod crowd;
mod floor;
mod idle;
mod isolation;
mod ledger;
mod load;
mod logs;
mod probes;
mod real;
mod report;
mod sink;
mod soak;
mod start;
mod support;
mod synthetic;
mod synthetic_v1;
mod synthetic_v2;
mod traces;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use report::Report;

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Scrapes in one batch; batches of agent and floor alternate.
    batch: u32,
    /// Batches.
    rounds: u32,
    /// Scrapes for the memory figure.
    scrapes: u32,
    /// Container lifecycles for the memory figure.
    lifecycles: u32,
    /// Seconds of doing nothing but being scraped every 15 s.
    idle_seconds: u64,
    /// Bytes of log files to read.
    log_bytes: usize,
    /// Spans of one run of the throughput figure.
    spans: u64,
}

impl Effort {
    /// What the README's figures are made with.
    const FULL: Self = Self {
        batch: 100,
        rounds: 9,
        scrapes: 6_000,
        lifecycles: 10_000,
        idle_seconds: 60,
        log_bytes: 512 << 20,
        spans: 4_000_000,
    };
    /// To see that everything works.
    const QUICK: Self = Self {
        batch: 20,
        rounds: 3,
        scrapes: 300,
        lifecycles: 300,
        idle_seconds: 16,
        log_bytes: 128 << 20,
        spans: 1_000_000,
    };
}

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--soak") {
        return soak();
    }
    let effort = if std::env::args().any(|argument| argument == "--quick") { Effort::QUICK } else { Effort::FULL };
    match run(effort) {
        Ok(report) => {
            report.print();
            report.exit_code()
        }
        Err(error) => {
            eprintln!("spyhop-benches: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// `--soak`, with `--quick` for a short day and `--logs` or `--scripted` for one part alone.
fn soak() -> ExitCode {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    let day = if has("--quick") { soak::Day::QUICK } else { soak::Day::FULL };
    let lives =
        std::env::args().skip_while(|argument| argument != "--scripted").nth(1).and_then(|lives| lives.parse().ok());
    let day = soak::Day { scripted: lives.unwrap_or(day.scripted), ..day };
    let only = match (has("--logs"), has("--scripted")) {
        (true, _) => Some(soak::Part::Logs),
        (_, true) => Some(soak::Part::Scripted),
        _ => None,
    };
    match agent().and_then(|agent| soak::run(&agent, day, only)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("spyhop-benches: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(effort: Effort) -> Result<Report> {
    let agent = agent()?;
    let mut report = Report::new(&agent, effort)?;
    let mut arguments = std::env::args().skip_while(|argument| argument != "--logs");
    if arguments.next().is_some() {
        let part = arguments.next().filter(|part| !part.starts_with("--"));
        logs::measure(&agent, effort, part.as_deref(), &mut report)?;
        return Ok(report);
    }
    if std::env::args().any(|argument| argument == "--probes") {
        probes::measure(&agent, effort, &mut report)?;
        return Ok(report);
    }
    if std::env::args().any(|argument| argument == "--isolation") {
        isolation::measure(effort, &mut report)?;
        return Ok(report);
    }
    if std::env::args().any(|argument| argument == "--active") {
        active::measure(&agent, effort, &mut report)?;
        return Ok(report);
    }
    if std::env::args().any(|argument| argument == "--traces") {
        traces::measure(&agent, effort, &mut report)?;
        return Ok(report);
    }
    if std::env::args().any(|argument| argument == "--scrapes") {
        thousand(&agent, effort, &mut report)?;
        return Ok(report);
    }
    start::size(&agent, &mut report)?;
    real::measure(&agent, effort, &mut report)?;
    thousand(&agent, effort, &mut report)?;
    crowd::lifecycles(&agent, effort, &mut report)?;
    logs::measure(&agent, effort, None, &mut report)?;
    probes::measure(&agent, effort, &mut report)?;
    isolation::measure(effort, &mut report)?;
    active::measure(&agent, effort, &mut report)?;
    traces::measure(&agent, effort, &mut report)?;
    Ok(report)
}

fn thousand(agent: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    [crowd::Version::V1, crowd::Version::V2]
        .into_iter()
        .try_for_each(|version| crowd::thousand(agent, version, effort, report))
}

/// The release binary: `SPYHOP_BIN`, else the one beside this program.
fn agent() -> Result<PathBuf> {
    let named = std::env::var_os("SPYHOP_BIN").map(PathBuf::from);
    let beside = || Some(std::env::current_exe().ok()?.parent()?.join("spyhop"));
    let path = named.or_else(beside).context("find the agent's binary")?;
    ensure!(Path::exists(&path), "{} is not built: cargo build --release -p spyhop", path.display());
    Ok(path)
}
