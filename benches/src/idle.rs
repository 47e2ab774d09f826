//! What the agent uses while nothing happens but a scrape every 15 s.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::{
    client::Scraper,
    support::{agent::Agent, process},
};

const INTERVAL: Duration = Duration::from_secs(15);

/// Share of one core, in percent, over so many seconds.
pub(crate) fn share(agent: &Agent, seconds: u64) -> Result<f64> {
    let span = Duration::from_secs(seconds);
    // Threads come and go between two scrapes: ended ones count, which only the coarse clock does.
    let cpu = || process::cpu_of_all(agent.pid()).context("the agent runs");
    let (start, before) = (Instant::now(), cpu()?);
    while start.elapsed() < span {
        Scraper::new(agent.address, "/metrics", false)?.scrape()?;
        // A span of time is what is measured, so a span of time is what is waited for.
        thread::sleep(INTERVAL.min(span.saturating_sub(start.elapsed())));
    }
    Ok(cpu()?.saturating_sub(before).as_secs_f64() / start.elapsed().as_secs_f64() * 100.0)
}
