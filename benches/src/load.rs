//! Scrapes under measurement: CPU time a scrape beside the floor, and memory over many.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};

use crate::{
    Effort,
    client::Scraper,
    floor::Floor,
    support::{agent::Agent, process},
};

/// Scrapes before anything is measured: handles are opened, buffers have grown, labels are rendered.
const WARM_UP: u32 = 20;
const MIB: f64 = 1024.0 * 1024.0;

/// What one scrape costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    /// CPU time of the agent, uncompressed.
    pub(crate) plain: Duration,
    /// CPU time of the agent when asked for gzip.
    pub(crate) gzip: Duration,
    /// CPU time of the agent for a page of its own figures only.
    pub(crate) bare: Duration,
    /// CPU time of bare reads through kept handles, one sweep after each scrape.
    pub(crate) kept: Duration,
    /// CPU time of the same in a loop with nothing in between.
    pub(crate) looped: Duration,
    /// CPU time of bare open, read, close.
    pub(crate) opened: Duration,
    /// Kernel files read.
    pub(crate) files: usize,
    /// Bytes of the page.
    pub(crate) bytes: usize,
    /// Samples on the page.
    pub(crate) samples: usize,
}

impl Cost {
    /// The agent beside the floor.
    pub(crate) fn ratio(&self) -> f64 {
        self.plain.as_secs_f64() / self.kept.as_secs_f64()
    }
}

/// Measures in turns, so that whatever else the machine does falls on all of them; the median of the rounds counts.
pub(crate) fn cost(agent: &Agent, roots: &[&Path], effort: Effort) -> Result<Cost> {
    const PAGE: &str = "/metrics";
    const BARE: &str = "/metrics?collect[]=agent";
    for gzip in [true, false] {
        spent(agent, PAGE, gzip, WARM_UP)?;
    }
    let page = Scraper::new(agent.address, PAGE, false)?.scrape()?;
    let mut floor = Floor::of(agent.pid(), roots)?;
    let mut rounds: [Vec<Duration>; 6] = Default::default();
    for _ in 0..effort.rounds {
        let (plain, kept) = in_turns(agent, PAGE, &mut floor, effort.batch)?;
        let turns = [
            plain,
            kept,
            spent(agent, PAGE, true, effort.batch)?,
            floor.kept(effort.batch)?,
            floor.opened(effort.batch)?,
            spent(agent, BARE, false, effort.batch)?,
        ];
        for (round, turn) in rounds.iter_mut().zip(turns) {
            round.push(turn);
        }
    }
    let [plain, kept, gzip, looped, opened, bare] = rounds.map(median);
    let samples = page.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#")).count();
    Ok(Cost { plain, gzip, bare, kept, looped, opened, files: floor.len(), bytes: page.len(), samples })
}

/// CPU time of a scrape and of a sweep of bare reads after it, so that both come after the same pause and to caches full of other
/// things: in a loop of their own bare reads are cheaper than any which come once.
fn in_turns(agent: &Agent, path: &str, floor: &mut Floor, scrapes: u32) -> Result<(Duration, Duration)> {
    let cpu = || process::cpu(agent.pid()).context("the agent runs");
    let mut scraper = Scraper::new(agent.address, path, false)?;
    let mut kept = Duration::ZERO;
    // The agent is asked for its time at both ends only: it goes on for a moment when the client has the page.
    let before = cpu()?;
    for _ in 0..scrapes {
        scraper.scrape()?;
        kept += floor.kept(1)?;
    }
    Ok((cpu()?.saturating_sub(before) / scrapes, kept / scrapes))
}

/// CPU time of the agent a scrape, over one connection.
fn spent(agent: &Agent, path: &str, gzip: bool, scrapes: u32) -> Result<Duration> {
    let cpu = || process::cpu(agent.pid()).context("the agent runs");
    let mut scraper = Scraper::new(agent.address, path, gzip)?;
    let before = cpu()?;
    for _ in 0..scrapes {
        scraper.scrape()?;
    }
    Ok(cpu()?.saturating_sub(before) / scrapes)
}

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Resident memory in MiB after half and after all of so many scrapes.
pub(crate) fn memory(agent: &Agent, scrapes: u32) -> Result<(f64, f64)> {
    let mut scraper = Scraper::new(agent.address, "/metrics", false)?;
    let mut half = |count| -> Result<f64> {
        for _ in 0..count {
            scraper.scrape()?;
        }
        resident(agent)
    };
    Ok((half(scrapes / 2)?, half(scrapes - scrapes / 2)?))
}

/// Resident memory in MiB.
pub(crate) fn resident(agent: &Agent) -> Result<f64> {
    let usage = process::Usage::of(agent.pid()).context("the agent runs")?;
    Ok(crate::support::facts::float(usage.rss) / MIB)
}

/// Milliseconds.
pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
