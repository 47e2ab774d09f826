//! A hundred real containers on the engine of this machine.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::{
    Effort, idle,
    load::{self, ms},
    report::Report,
    start,
    support::{
        agent::Home,
        docker::{Docker, Turn},
    },
};

const CONTAINERS: u32 = 100;
const PROJECT: &str = "spyhop-bench";

/// Everything which needs a real kernel behind the files.
pub(crate) fn measure(agent: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let docker = match Docker::available(Turn::Alone) {
        Ok(docker) => docker,
        Err(reason) => {
            report.note(format!("no figures of real containers: {reason}"));
            return Ok(());
        }
    };
    eprintln!("starting {CONTAINERS} containers");
    let recipes = (1..=CONTAINERS).map(|number| {
        let recipe = docker.container("bench").compose(PROJECT, "service", number);
        // Half of them limited, as on a host that somebody looks after.
        if number % 2 == 0 {
            recipe.options(&["--memory", "64m", "--cpus", "0.5", "--pids-limit", "50"])
        } else {
            recipe
        }
    });
    let fleet = docker.fleet(recipes.collect());
    // Whatever else runs on this machine is not part of the figure.
    let only_ours = format!("containers:\n  include: [project={PROJECT}]\n");
    let home = Home::with(&agent.display().to_string(), docker.socket(), &only_ours);
    start::first_scrape(&home, report)?;

    let running = home.start();
    let seen = running.scrape().all("container_last_seen", &[]).filter(|sample| sample.label("id") != "/").count();
    ensure!(seen == fleet.len(), "the agent sees {seen} of {} containers", fleet.len());
    report.judged("rss_start", load::resident(&running)?);
    eprintln!("measuring scrapes");
    let cost = load::cost(&running, &[Path::new("/proc"), Path::new("/sys")], effort)?;
    report.judged("scrape_100", ms(cost.plain));
    report.judged("ratio_100", cost.ratio());
    report.told(format!("bare reads of the same {} files, handles kept", cost.files), ms(cost.kept), "ms");
    report.told("the same over and over, nothing in between", ms(cost.looped), "ms");
    report.told("the same with open, read, close", ms(cost.opened), "ms");
    report.told("a page without containers or host: HTTP and the agent's own figures", ms(cost.bare), "ms");
    report.told("gzip on top of a scrape", ms(cost.gzip.saturating_sub(cost.plain)), "ms");
    report.told(
        format!("page of {} samples", cost.samples),
        crate::support::facts::float(cost.bytes as u64) / 1024.0,
        "KiB",
    );
    eprintln!("measuring memory over {} scrapes", effort.scrapes);
    let (half, whole) = load::memory(&running, effort.scrapes)?;
    report.judged("rss_scrapes", whole);
    report.judged("rss_scrapes_growth", whole - half);
    eprintln!("measuring {} s of idling", effort.idle_seconds);
    report.judged("idle", idle::share(&running, effort.idle_seconds)?);
    drop(running);
    fleet.remove();
    Ok(())
}
