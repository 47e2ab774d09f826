//! Lines while everything around them fails: is any lost, does anything grow?
//!
//! Three long forms of tests which continuous integration has short (docs/decisions/0015-log-failures.md): days of faults (30), Loki away under
//! load (1), and a storm of rotations (14). The engine is scripted, log files are written as dockerd writes them, every line is numbered, and the
//! ledger at the other end counts.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use super::{Kept as _, Rounds};
use crate::{
    ledger::{Account, Ledger, Mood},
    support::{
        agent::{Agent, Home},
        facts::float,
        fake_engine::{FakeContainer, FakeEngine, World},
        log_writer::{LogFile, Run},
    },
};

/// How often lines are written: a program that writes fast does so all the time, not now and then.
const TICK: Duration = Duration::from_millis(1);
/// How long nothing may come before nothing more is expected: waits have grown up to half a minute by then.
const ARRIVAL: Duration = Duration::from_secs(45);
/// Growth in MiB that is not called a leak, where buffers are as full as the moment wants it.
const SLACK_MIB: f64 = 1.5;
/// Lines a second of one container that writes as fast as any.
const FAST: u64 = 50_000;
/// Bytes which may wait to be read while Loki is away: two seconds of the fast one.
const BEHIND: f64 = 2.0 * 20.0 * 1024.0 * 1024.0;

/// What Loki goes through on such a day, again and again.
const DAY: [Mood; 10] = [
    Mood::Well,
    Mood::Down,
    Mood::Well,
    Mood::Unavailable,
    Mood::Well,
    Mood::Forgetful,
    Mood::Well,
    Mood::Limited,
    Mood::Well,
    Mood::Silent,
];

/// All three; `unit` is a hundredth of the whole in seconds.
pub(super) fn run(agent: &Path, unit: f64) -> Result<bool> {
    let span = |parts: f64| Duration::from_secs_f64(parts * unit);
    let days = days(agent, span(50.0))?;
    let away = away(agent, span(20.0))?;
    let storms = [2, 1].map(|kept| storm(agent, kept, span(5.0)));
    let storms = storms.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(days && away && storms.into_iter().all(|kept| kept))
}

/// One container.
struct Writer {
    log: LogFile,
    run: Run,
    /// Lines a second, and how many of them were written.
    rate: u64,
    written: u64,
}

/// Containers, an agent that reads them, and who counts.
struct Shop {
    running: (Home, Agent),
    _engine: FakeEngine,
    ledger: Ledger,
    writers: Vec<Writer>,
    began: Instant,
}

impl Shop {
    /// Containers which write at these rates into files of this size, of which so many are kept.
    fn open(agent: &Path, rates: &[u64], max_bytes: u64, max_files: u32) -> Result<Self> {
        let mut world = World::new();
        let mut writers = Vec::new();
        for (number, rate) in rates.iter().enumerate() {
            let (name, log) = (letters(number), LogFile::rotating(Some(max_bytes), max_files, false));
            let (path, process) = (log.path().display().to_string(), 5_000_000 + u32::try_from(number)?);
            // No process of this number can be: figures of containers are not what is measured here.
            let container = FakeContainer::new(&name).compose("soak", &name, 1).running(process);
            world = world.with(container.logs_to(&path, max_files));
            writers.push(Writer { log, run: Run::new(&name), rate: *rate, written: 0 });
        }
        let (engine, ledger) = (FakeEngine::start(world), Ledger::start()?);
        let settings = format!(
            "loki:\n  url: http://{}\n  timeout: 2s\nlogs:\n  stream_rate: 0\n  spool_size: 3GiB\n  own: false\n  events: false\n",
            ledger.address()
        );
        let running = Home::with(&agent.display().to_string(), &engine.socket(), &settings).start_kept();
        Ok(Self { running, _engine: engine, ledger, writers, began: Instant::now() })
    }

    /// Writes for so long what is due, at the pace of each.
    fn write(&mut self, span: Duration) {
        let until = Instant::now() + span;
        while Instant::now() < until {
            let passed = self.began.elapsed().as_secs_f64();
            for writer in &mut self.writers {
                let due = (float(writer.rate) * passed) as u64;
                writer.log.write(&mut writer.run, due.saturating_sub(writer.written));
                writer.written = writer.written.max(due);
            }
            std::thread::sleep(TICK);
        }
    }

    /// All lines written.
    fn written(&self) -> u64 {
        self.writers.iter().map(|writer| writer.run.next).sum()
    }

    /// Waits until all have come, or as long as that may take.
    fn settle(&self) -> Account {
        let (mut account, mut since) = (self.ledger.account(), Instant::now());
        while account.found < self.written() && since.elapsed() < ARRIVAL {
            std::thread::sleep(TICK);
            let now = self.ledger.account();
            if now != account {
                (account, since) = (now, Instant::now());
            }
        }
        account
    }

    /// A figure of all services together.
    fn sum(&self, metric: &str) -> f64 {
        self.running.1.scrape().all(metric, &[]).map(|sample| sample.value).sum()
    }

    /// Prints what came; whether that is what was promised. `lossy`: lines may be missing, where it is told that some are.
    fn verdict(&self, what: &str, lossy: bool) -> bool {
        let (account, written) = (self.settle(), self.written());
        let missing = written.saturating_sub(account.found);
        let gaps = self.sum("spyhop_logs_gaps_total");
        let kept = (missing == 0 || lossy && gaps > 0.0)
            && (account.disorder, account.broken) == (0, 0)
            && account.twice <= self.ledger.unanswered();
        println!("{what}: {written} lines in {:.0} s", self.began.elapsed().as_secs_f64());
        let word = if kept { "kept" } else { "BROKEN" };
        println!(
            "  missing {missing}   gaps told {gaps}   twice {} (answers lost for {})   out of order {}   changed {}   {word}",
            account.twice,
            self.ledger.unanswered(),
            account.disorder,
            account.broken
        );
        kept
    }
}

/// [30] Two hundred containers, and a Loki that goes from one fault to the next: loss 0, and nothing grows.
fn days(agent: &Path, span: Duration) -> Result<bool> {
    const CONTAINERS: usize = 200;
    const DAYS: u32 = 4;
    let mut shop = Shop::open(agent, &[50; CONTAINERS], 1 << 20, 3)?;
    let mut rounds = Rounds { slack_mib: SLACK_MIB, ..Rounds::new("days of faults") };
    let turn = span / DAYS / u32::try_from(DAY.len())?;
    for day in 0..DAYS {
        for mood in DAY {
            shop.ledger.be(mood);
            shop.write(turn);
            rounds.look(&shop.running.1, 1)?;
        }
        eprintln!("day {} of {DAYS}, {:?}", day + 1, rounds.seen.last());
    }
    shop.ledger.be(Mood::Well);
    let kept = shop.verdict("days of faults, 200 containers", false);
    Ok(rounds.is_flat() && kept)
}

/// [1] Loki is away while one container writes as fast as any and a hundred write as usual: readers never wait, memory is flat, and all of it
/// arrives in the end.
fn away(agent: &Path, span: Duration) -> Result<bool> {
    const LOOKS: u32 = 20;
    let rates: Vec<u64> = std::iter::once(FAST).chain([100; 100]).collect();
    let mut shop = Shop::open(agent, &rates, 10 << 20, 3)?;
    let mut rounds = Rounds { slack_mib: SLACK_MIB, ..Rounds::new("Loki away") };
    shop.write(span / 10);
    shop.ledger.be(Mood::Down);
    // Until lines go to disk memory fills, as it is meant to.
    shop.write(Duration::from_secs(8).min(span));
    let mut behind = 0.0_f64;
    for _ in 0..LOOKS {
        shop.write(span / LOOKS);
        behind = behind.max(shop.sum("spyhop_logs_behind_bytes"));
        rounds.look(&shop.running.1, 1)?;
    }
    let spooled = shop.sum("spyhop_logs_spool_bytes");
    ensure!(spooled > 0.0, "nothing went to disk");
    shop.ledger.be(Mood::Well);
    shop.write(span / 10);
    let kept = shop.verdict("Loki away, 50,000 lines a second and 100 x 100", false);
    let word = if behind <= BEHIND { "kept" } else { "LATE" };
    println!(
        "  spooled {:.0} MiB   not read yet, at most {:.1} MiB   {word}",
        spooled / f64::from(1 << 20),
        behind / f64::from(1 << 20)
    );
    Ok(rounds.is_flat() && kept && behind <= BEHIND)
}

/// [14] Files of 64 KiB, so many kept, and 50,000 lines a second: two hundred rotations a second. What is lost is told.
fn storm(agent: &Path, files: u32, span: Duration) -> Result<bool> {
    let mut shop = Shop::open(agent, &[FAST], 64 << 10, files)?;
    shop.write(span);
    let rotations: u32 = shop.writers.iter().map(|writer| writer.log.rotations).sum();
    Ok(shop.verdict(&format!("storm of {rotations} rotations, max-file {files}"), true))
}

/// A name of letters: numbers in lines are what redaction looks for.
fn letters(number: usize) -> String {
    let letter = |digit: usize| char::from(b'a' + u8::try_from(digit % 26).unwrap_or(0));
    [letter(number / 676), letter(number / 26), letter(number)].iter().collect()
}
