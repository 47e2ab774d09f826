//! The binary's size, and how long it takes from its start to its first complete page.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    client::Scraper,
    load::ms,
    report::Report,
    support::{agent::Home, facts::float},
};

/// Size of the binary.
pub(crate) fn size(agent: &Path, report: &mut Report) -> Result<()> {
    let bytes = agent.metadata().with_context(|| format!("look at {}", agent.display()))?.len();
    report.judged("size", float(bytes) / (1024.0 * 1024.0));
    Ok(())
}

/// From the start of the process to the end of the first page with the inventory complete; the best of five, because the rest is
/// this machine's doing.
pub(crate) fn first_scrape(home: &Home, report: &mut Report) -> Result<()> {
    const TRIES: u32 = 5;
    let mut times = Vec::new();
    for _ in 0..TRIES {
        let start = Instant::now();
        let agent = home.open();
        let mut scraper = Scraper::new(agent.address, "/metrics", false)?;
        while !ready(&scraper.scrape()?) {
            if start.elapsed() > Duration::from_secs(20) {
                bail!("the agent is not ready after 20 s:\n{}", agent.log());
            }
        }
        times.push(start.elapsed());
    }
    times.sort();
    report.judged("first_scrape", times.first().copied().map_or(f64::NAN, ms));
    report.told("the slowest of five starts", times.last().copied().map_or(f64::NAN, ms), "ms");
    Ok(())
}

fn ready(page: &[u8]) -> bool {
    page.split(|byte| *byte == b'\n').any(|line| line == b"spyhop_ready 1")
}
