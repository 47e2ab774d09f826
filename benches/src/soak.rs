//! A day's worth of churn in some minutes: does anything grow?
//!
//! Three parts, each with an agent of its own, watched from outside: real containers on an engine that is killed or stopped again and
//! again, as many more scripted ones with synthetic kernel files as make the day full, and containers that write while Loki fails in every way
//! (`soak/logs.rs`). After every round the agent's resident memory, open handles and threads are noted; what counts is the median of the
//! second half of the rounds beside that of the first.

mod logs;

use std::path::Path;

use anyhow::{Context, Result};

use crate::{
    client::Scraper,
    crowd::SyntheticEngine,
    support::{
        agent::{Agent, Home},
        docker::{Docker, Turn},
        facts::float,
        private_engine::PrivateEngine,
        process::Usage,
        wait::{eventually, holds, patience, within},
    },
};

/// What is watched: its name, how much it may grow, and how it is read.
type Figure<'read> = (&'static str, f64, &'read dyn Fn(&Usage) -> f64);

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Day {
    /// Restarts of a real engine.
    pub(crate) restarts: u32,
    /// Real containers made and removed between two of them.
    pub(crate) real_a_round: u32,
    /// Scripted container lifecycles.
    pub(crate) scripted: u32,
    /// Scrapes, over both parts.
    pub(crate) scrapes: u32,
    /// A hundredth of what the part about logs takes, in seconds.
    pub(crate) logs: f64,
}

impl Day {
    /// The one of the README.
    pub(crate) const FULL: Self = Self { restarts: 50, real_a_round: 20, scripted: 9_000, scrapes: 6_000, logs: 4.0 };
    /// To see that everything works.
    pub(crate) const QUICK: Self = Self { restarts: 4, real_a_round: 4, scripted: 200, scrapes: 100, logs: 0.5 };
}

/// Growth that is not called a leak, of an agent that sends no lines.
const SLACK_MIB: f64 = 0.5;
/// Handles and threads that may be on their way at the moment of a look.
const SLACK_COUNT: f64 = 2.0;
/// Scripted containers alive at once.
const AT_ONCE: u32 = 25;
const SERVICE: &str = "soak";

/// What was seen after each round.
struct Rounds {
    what: &'static str,
    seen: Vec<Usage>,
    events: u32,
    scrapes: u32,
    slack_mib: f64,
}

impl Rounds {
    const fn new(what: &'static str) -> Self {
        Self { what, seen: Vec::new(), events: 0, scrapes: 0, slack_mib: SLACK_MIB }
    }

    /// So many scrapes over one connection, then a look.
    fn look(&mut self, agent: &Agent, scrapes: u32) -> Result<()> {
        let mut scraper = Scraper::new(agent.address, "/metrics", false)?;
        for _ in 0..scrapes {
            scraper.scrape()?;
        }
        drop(scraper);
        self.scrapes += scrapes;
        self.seen.push(Usage::of(agent.pid()).context("the agent runs")?);
        Ok(())
    }

    /// Prints what was done and both halves; whether nothing grew.
    fn verdict(&self) -> bool {
        println!("{}: {} lifecycles, {} scrapes", self.what, self.events, self.scrapes);
        self.is_flat()
    }

    /// Prints both halves; whether nothing grew.
    fn is_flat(&self) -> bool {
        let mib = |usage: &Usage| float(usage.rss) / f64::from(1 << 20);
        let figures: [Figure<'_>; 3] = [
            ("resident memory, MiB", self.slack_mib, &mib),
            ("open handles", SLACK_COUNT, &|usage| float(usage.handles as u64)),
            ("threads", SLACK_COUNT, &|usage| float(usage.threads as u64)),
        ];
        let mut flat = true;
        for (name, slack, figure) in figures {
            let (first, second) = self.seen.split_at(self.seen.len() / 2);
            let [one, two] = [first, second].map(|half| median(half.iter().map(figure).collect()));
            let most = self.seen.iter().map(figure).fold(0.0, f64::max);
            let grew = two - one > slack;
            flat &= !grew;
            let word = if grew { "GROWS" } else { "flat" };
            println!("  {name:<22} first half {one:>6.2}   second half {two:>6.2}   most {most:>6.2}   {word}");
            // A step, or a slope?
            let eighths = self.seen.chunks(self.seen.len().div_ceil(8).max(1));
            let eighths: Vec<_> =
                eighths.map(|part| format!("{:.2}", median(part.iter().map(figure).collect()))).collect();
            println!("  {:<22} by eighths {}", "", eighths.join(" "));
        }
        flat
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A part that can be had alone.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// Containers of a scripted engine.
    Scripted,
    /// Lines.
    Logs,
}

/// All parts, or one alone; whether nothing grew and nothing was lost.
pub(crate) fn run(agent: &Path, day: Day, only: Option<Part>) -> Result<bool> {
    match only {
        Some(Part::Logs) => return logs::run(agent, day.logs),
        Some(Part::Scripted) => return Ok(scripted(agent, day)?.is_some_and(|rounds| rounds.verdict())),
        None => {}
    }
    let real = real(agent, day)?;
    let scripted = scripted(agent, day)?;
    let flat = [real, scripted].iter().flatten().map(Rounds::verdict).collect::<Vec<_>>();
    let kept = logs::run(agent, day.logs)?;
    Ok(flat.into_iter().all(|flat| flat) && kept)
}

fn real(agent: &Path, day: Day) -> Result<Option<Rounds>> {
    let Ok(first) = Docker::available(Turn::Shared) else {
        println!("no real part: no container engine here");
        return Ok(None);
    };
    let Some(mut engine) = PrivateEngine::or_skip(false) else { return Ok(None) };
    let docker = engine.docker(&first);
    let running = Home::new(&agent.display().to_string(), &engine.socket()).start_kept();
    let steady: Vec<_> = (1..=5)
        .map(|number| {
            docker.container("stays").compose("soak", "stays", number).options(&["--restart", "always"]).start()
        })
        .collect();
    let mut rounds = Rounds::new("real containers and engine restarts");
    for round in 0..day.restarts {
        let recipes = (1..=day.real_a_round)
            .map(|number| docker.container("soak").compose("soak", SERVICE, number).options(&["--network", "none"]));
        docker.fleet(recipes.collect()).remove();
        rounds.events += day.real_a_round;
        counted(&running.1, rounds.events);
        if round.is_multiple_of(2) {
            engine.kill()
        } else {
            engine.stop()
        }
        engine.start();
        within(patience() * 3, "the engine is heard again", || running.1.scrape().expect("spyhop_engine_up", &[], 1.0));
        rounds.look(&running.1, day.scrapes / 2 / day.restarts)?;
        eprintln!("round {} of {}, {:?}", round + 1, day.restarts, rounds.seen.last());
    }
    println!("{} restarts of the engine, {} containers with a restart policy throughout", day.restarts, steady.len());
    Ok(Some(rounds))
}

fn scripted(agent: &Path, day: Day) -> Result<Option<Rounds>> {
    eprintln!("{} scripted lifecycles", day.scripted);
    let engine = SyntheticEngine::new()?;
    let running = engine.home(agent).start_kept();
    let mut rounds = Rounds::new("scripted containers with kernel files");
    let batches = day.scripted / AT_ONCE;
    for batch in 0..batches {
        engine.lives(batch * AT_ONCE, AT_ONCE, SERVICE, |lived| counted(&running.1, lived))?;
        rounds.events += AT_ONCE;
        rounds.look(&running.1, day.scrapes.div_ceil(2 * batches))?;
    }
    Ok(Some(rounds))
}

/// Waits until the agent has counted so many starts of the short-lived service.
fn counted(agent: &Agent, wanted: u32) {
    eventually("all are counted", || {
        let page = agent.scrape_path("/metrics?collect[]=service");
        let family = "spyhop_service_starts_total";
        let sum: f64 = page.all(family, &[("service", SERVICE)]).map(|sample| sample.value).sum();
        holds(sum == f64::from(wanted), || format!("{sum} of {wanted}"))
    });
}

/// A home together with its agent: the folder must outlive the process.
trait Kept {
    fn start_kept(self) -> (Home, Agent);
}

impl Kept for Home {
    fn start_kept(self) -> (Home, Agent) {
        let agent = self.start();
        (self, agent)
    }
}
