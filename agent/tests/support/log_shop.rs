//! An agent that ships lines: services of a fake engine whose log files the test writes, the strict receiver, and the count at its end.

#![allow(dead_code, reason = "every test binary compiles this module and uses its own part of it")]
#![allow(unreachable_pub, reason = "the module is private to each binary which includes it")]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a panic is how test support says that a test is wrong"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    loki::{Limits, Receiver},
    support::{
        agent::{Agent, Home},
        fake_engine::{FakeContainer, FakeEngine, World},
        log_writer::{Account, LOOK_EVERY, LogFile, Run},
        scene::binary,
        wait::factor,
    },
};

/// The longest that anything takes to arrive after a fault has ended: waits have grown up to half a minute by then.
const ARRIVAL: Duration = Duration::from_secs(60);

/// One container with one run of lines on its standard output.
#[derive(Debug)]
pub struct Service {
    pub log: LogFile,
    pub run: Run,
}

/// See the head of this file.
pub struct Shop {
    agent: Option<Agent>,
    pub home: Home,
    pub engine: FakeEngine,
    pub loki: Receiver,
    pub services: BTreeMap<String, Service>,
}

/// A running container of the project `shop` whose lines stand in `log`.
pub fn container(name: &str, log: &LogFile, max_files: u32) -> FakeContainer {
    let path = log.path().display().to_string();
    FakeContainer::new(name).compose("shop", name, 1).running(std::process::id()).logs_to(&path, max_files)
}

/// The configuration's lines about logs: more of section `loki`, then of section `logs`, each with its indentation.
pub fn settings(url: &str, loki: &str, logs: &str) -> String {
    format!("loki:\n  url: {url}\n{loki}logs:\n  batch_wait: 100ms\n  events: false\n  own: false\n{logs}")
}

impl Shop {
    /// Services of these names with logs that are never rotated, a Loki with its defaults, and a ready agent.
    pub fn open(services: &[&str]) -> Self {
        Self::with(services, Receiver::usual(), "", "")
    }

    /// [`Self::open`] with another receiver, and more lines for the sections `loki` and `logs`.
    pub fn with(services: &[&str], loki: Receiver, more_loki: &str, more_logs: &str) -> Self {
        let logs = services.iter().map(|name| (*name, LogFile::new(), 1)).collect();
        Self::of(logs, loki, more_loki, more_logs)
    }

    /// [`Self::with`] with logs of their own: name, file, and how many are kept.
    pub fn of(logs: Vec<(&str, LogFile, u32)>, loki: Receiver, more_loki: &str, more_logs: &str) -> Self {
        let mut world = World::new();
        let mut services = BTreeMap::new();
        for (name, log, max_files) in logs {
            world = world.with(container(name, &log, max_files));
            services.insert(name.to_owned(), Service { log, run: Run::new(&format!("{name}-run")) });
        }
        let engine = FakeEngine::start(world);
        let home = Home::with(&binary(), &engine.socket(), &settings(&loki.url(), more_loki, more_logs));
        let agent = Some(home.start());
        Self { agent, home, engine, loki, services }
    }

    /// The agent that runs.
    #[track_caller]
    pub fn agent(&self) -> &Agent {
        self.agent.as_ref().expect("the agent runs")
    }

    /// Starts it again.
    pub fn start(&mut self) {
        self.agent = None;
        self.agent = Some(self.home.start());
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.agent.take().expect("the agent runs").kill();
    }

    /// SIGTERM, and how long it took.
    #[track_caller]
    pub fn terminate(&mut self) -> Duration {
        let begun = Instant::now();
        let status = self.agent.take().expect("the agent runs").terminate();
        assert!(status.success(), "{status}");
        begun.elapsed()
    }

    /// The service of this name.
    #[track_caller]
    pub fn service(&mut self, name: &str) -> &mut Service {
        self.services.get_mut(name).expect("a service of that name")
    }

    /// So many more lines of every service, now.
    pub fn write(&mut self, lines: u64) {
        for Service { log, run } in self.services.values_mut() {
            log.write(run, lines);
        }
    }

    /// So many more lines of one service.
    pub fn write_to(&mut self, name: &str, lines: u64) {
        let Service { log, run } = self.service(name);
        log.write(run, lines);
    }

    /// What arrived of each service.
    pub fn accounts(&self) -> BTreeMap<&str, Account> {
        let account = |(name, service): (&'_ String, &Service)| {
            let entries = self.loki.entries("service_name", name);
            service.run.account(entries.iter().map(|entry| entry.line.as_str()))
        };
        self.services.iter().map(|of| (of.0.as_str(), account(of))).collect()
    }

    /// Waits until as many lines have arrived as were written, or as long as that can take.
    pub fn settle(&self) -> BTreeMap<&str, Account> {
        let written: u64 = self.services.values().map(|service| service.run.next).sum();
        self.settle_but(written, 0)
    }

    /// [`Self::settle`] where so many lines are known not to come.
    pub fn settle_less(&self, less: u64) -> BTreeMap<&str, Account> {
        let written: u64 = self.services.values().map(|service| service.run.next).sum();
        self.settle_but(written - less, usize::try_from(less).expect("a number of lines"))
    }

    fn settle_but(&self, wanted: u64, missing: usize) -> BTreeMap<&str, Account> {
        let until = Instant::now() + ARRIVAL.mul_f64(factor());
        loop {
            if self.loki.count() as u64 >= wanted {
                let accounts = self.accounts();
                if accounts.values().map(|account| account.missing.len()).sum::<usize>() <= missing {
                    return accounts;
                }
            }
            if Instant::now() >= until {
                return self.accounts();
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Waits for all lines; fails unless each arrived once, whole and in order.
    #[track_caller]
    pub fn complete(&self) {
        self.complete_but(0);
    }

    /// [`Self::complete`] with so many lines of each service twice at most.
    #[track_caller]
    pub fn complete_but(&self, duplicates: usize) {
        for (name, account) in self.settle() {
            println!("{name}: {} of {} lines, {} twice", account.found, self.services[name].run.next, account.twice);
            account.is_complete(duplicates);
        }
    }

    /// The agent's own count of one service, 0 where it has none.
    #[track_caller]
    pub fn counted(&self, metric: &str, service: &str, more: &[(&str, &str)]) -> f64 {
        let labels = [&[("service", service)], more].concat();
        self.agent().scrape().value(metric, &labels).unwrap_or(0.0)
    }

    /// Lines of a service which the agent says it left out for this reason.
    #[track_caller]
    pub fn dropped(&self, service: &str, reason: &str) -> f64 {
        self.counted("spyhop_logs_dropped_lines_total", service, &[("reason", reason)])
    }

    /// Where the agent keeps the spool.
    pub fn spool(&self) -> PathBuf {
        self.home.config().with_file_name("state").join("logs/loki/spool")
    }

    /// Bytes of files in it.
    pub fn spooled(&self) -> u64 {
        let files = fs::read_dir(self.spool()).into_iter().flatten().flatten();
        files.filter_map(|entry| entry.metadata().ok()).filter(|it| it.is_file()).map(|it| it.len()).sum()
    }

    /// Writes another configuration for the next start.
    pub fn configure(&self, url: &str, more_loki: &str, more_logs: &str) {
        let path = self.home.config();
        let text = fs::read_to_string(&path).expect("the configuration");
        let (before, _) = text.split_once("loki:\n").expect("a section loki");
        fs::write(path, format!("{before}{}", settings(url, more_loki, more_logs))).expect("the configuration");
    }
}

/// A Loki whose defaults were changed.
pub fn loki(change: impl FnOnce(&mut Limits)) -> Receiver {
    let mut limits = Limits::default();
    change(&mut limits);
    Receiver::start(limits)
}
