//! A thousand containers which do not exist: a scripted engine and synthetic kernel files.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{
    Effort,
    load::{self, ms},
    report::Report,
    support::{
        agent::{Agent, Home},
        facts::float,
        fake_engine::{FakeContainer, FakeEngine, World, id_of},
        wait::{eventually, holds},
    },
    synthetic::SyntheticHost,
    synthetic_v1,
};

const CONTAINERS: u32 = 1_000;
/// Containers which stay while others come and go.
const LONG_LIVED: u32 = 100;
/// Short-lived containers alive at once.
const AT_ONCE: u32 = 25;
/// Pid of the first; above what a pid is by default, so that no real process is meant.
const FIRST_PID: u32 = 5_000_000;

/// Which cgroup version the synthetic host has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    /// One hierarchy a controller.
    V1,
    /// One for all.
    V2,
}

impl Version {
    /// `/proc/<pid>/cgroup` of a container.
    pub(crate) fn cgroup(self, id: &str) -> String {
        self.lines(&format!("/docker/{id}"))
    }

    /// `/proc/1/cgroup`.
    pub(crate) fn root_cgroup(self) -> String {
        self.lines("/")
    }

    fn lines(self, path: &str) -> String {
        let mut text = String::new();
        if self == Self::V1 {
            let count = synthetic_v1::CONTROLLERS.len();
            for (number, controller) in synthetic_v1::CONTROLLERS.iter().enumerate() {
                let name = if *controller == "systemd" { "name=systemd" } else { controller };
                text.push_str(&format!("{}:{name}:{path}\n", count - number));
            }
        }
        text.push_str(&format!("0::{path}\n"));
        text
    }

    /// The cgroup folders of that path.
    pub(crate) fn folders(self, sys: &Path, path: &str) -> Vec<PathBuf> {
        let root = sys.join("fs/cgroup");
        match self {
            Self::V1 => {
                synthetic_v1::CONTROLLERS.iter().map(|c| root.join(c).join(path)).filter(|p| p.exists()).collect()
            }
            Self::V2 => vec![root.join(path)],
        }
    }
}

/// Scrapes of a thousand.
pub(crate) fn thousand(agent: &Path, version: Version, effort: Effort, report: &mut Report) -> Result<()> {
    eprintln!("making {CONTAINERS} containers, {version:?}");
    let host = SyntheticHost::new(version)?;
    let mut world = World::new();
    for number in 0..CONTAINERS {
        let container = container(number, &format!("service{}", number % 50), number / 50 + 1);
        host.add(container.id_str(), FIRST_PID + number)?;
        world = world.with(container);
    }
    let engine = FakeEngine::start(world);
    let running = home(agent, &engine, &host).start();
    running.scrape();
    report.told(format!("resident memory, 1,000 synthetic containers, {version:?}"), load::resident(&running)?, "MiB");
    let cost = load::cost(&running, &[&host.proc(), &host.sys()], effort)?;
    report.judged(if version == Version::V1 { "scrape_1000_v1" } else { "scrape_1000_v2" }, ms(cost.plain));
    report.told(format!("bare reads of the same {} files on tmpfs, handles kept", cost.files), ms(cost.kept), "ms");
    report.told("gzip on top of a scrape", ms(cost.gzip.saturating_sub(cost.plain)), "ms");
    report.told(format!("page of {} samples", cost.samples), float(cost.bytes as u64) / 1024.0, "KiB");
    Ok(())
}

/// Memory over many short lives beside a hundred long ones: create, start, die, destroy, each with its kernel files.
pub(crate) fn lifecycles(agent: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    eprintln!("{} container lifecycles", effort.lifecycles);
    let host = SyntheticHost::new(Version::V1)?;
    let mut world = World::new();
    for number in 0..LONG_LIVED {
        let container = container(number, "long", number + 1);
        host.add(container.id_str(), FIRST_PID + number)?;
        world = world.with(container);
    }
    let engine = FakeEngine::start(world);
    let running = home(agent, &engine, &host).start();
    let mut memory = Vec::new();
    for batch in 0..effort.lifecycles / AT_ONCE {
        let numbers = LONG_LIVED + batch * AT_ONCE..LONG_LIVED + (batch + 1) * AT_ONCE;
        for number in numbers.clone() {
            let container = container(number, "short", number % AT_ONCE + 1);
            host.add(container.id_str(), FIRST_PID + number)?;
            engine.run(container, FIRST_PID + number);
        }
        counted(&running, "spyhop_service_starts_total", (batch + 1) * AT_ONCE);
        for number in numbers {
            let name = name(number);
            host.remove(&id_of(&name), FIRST_PID + number)?;
            engine.die(&name, 0);
            engine.destroy(&name);
        }
        counted(&running, "spyhop_service_exits_total", (batch + 1) * AT_ONCE);
        // The fake remembers every request for tests that ask.
        engine.forget_requests();
        memory.push(load::resident(&running)?);
    }
    let last = memory.last().copied().unwrap_or(f64::NAN);
    let half = memory.get(memory.len() / 2).copied().unwrap_or(f64::NAN);
    report.judged("rss_lifecycles", last);
    report.judged("rss_lifecycles_growth", last - half);
    Ok(())
}

/// A scripted engine with a hundred long-lived containers, and synthetic kernel files of all it runs.
pub(crate) struct SyntheticEngine {
    host: SyntheticHost,
    engine: FakeEngine,
}

impl SyntheticEngine {
    /// Makes both.
    pub(crate) fn new() -> Result<Self> {
        let host = SyntheticHost::new(Version::V1)?;
        let mut world = World::new();
        for number in 0..LONG_LIVED {
            let container = container(number, "long", number + 1);
            host.add(container.id_str(), FIRST_PID + number)?;
            world = world.with(container);
        }
        Ok(Self { engine: FakeEngine::start(world), host })
    }

    /// A home for an agent that watches it.
    pub(crate) fn home(&self, agent: &Path) -> Home {
        home(agent, &self.engine, &self.host)
    }

    /// `count` containers of a service, from number `first` on, come and go together; `wait` is called with the number of lives begun so
    /// far while they are there.
    pub(crate) fn lives(&self, first: u32, count: u32, service: &str, wait: impl Fn(u32)) -> Result<()> {
        let numbers = LONG_LIVED + first..LONG_LIVED + first + count;
        for number in numbers.clone() {
            let container = container(number, service, number % count + 1);
            self.host.add(container.id_str(), FIRST_PID + number)?;
            self.engine.run(container, FIRST_PID + number);
        }
        wait(first + count);
        for number in numbers {
            let name = name(number);
            self.host.remove(&id_of(&name), FIRST_PID + number)?;
            self.engine.die(&name, 0);
            self.engine.destroy(&name);
        }
        // The fake remembers every request for tests that ask.
        self.engine.forget_requests();
        Ok(())
    }
}

/// Waits until the agent has counted so many starts or ends of the short-lived service.
fn counted(agent: &Agent, family: &str, wanted: u32) {
    eventually("all are counted", || {
        let page = agent.scrape_path("/metrics?collect[]=service");
        let sum: f64 = page.all(family, &[("service", "short")]).map(|sample| sample.value).sum();
        holds(sum == f64::from(wanted), || format!("{sum} of {wanted}"))
    });
}

fn name(number: u32) -> String {
    format!("bench-{number}")
}

fn container(number: u32, service: &str, replica: u32) -> FakeContainer {
    let container = FakeContainer::new(&name(number)).compose("bench", service, replica).running(FIRST_PID + number);
    if number.is_multiple_of(2) { container.memory(67_108_864).cpus(0.5).pids(50) } else { container }
}

fn home(agent: &Path, engine: &FakeEngine, host: &SyntheticHost) -> Home {
    let (proc, sys) = (host.proc(), host.sys());
    let roots = format!("host:\n  proc: {}\n  sys: {}\n  rootfs: off\n", proc.display(), sys.display());
    Home::with(&agent.display().to_string(), &engine.socket(), &roots)
}
