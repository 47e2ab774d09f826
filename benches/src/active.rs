//! The active tier: how long a round over four hundred denied edges takes, beside the time that is waited for what does not come back.
//!
//! The prober is called as the agent calls it, with a helper beside it as a process of its own. Five internal networks have two containers
//! each, and each is asked for on five ports by the eight of other networks.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use spyhop::{
    isolation::{
        active::{Answer, Own, Prober, Settings},
        passive::Observed,
    },
    model::{Protocol, ServiceKey},
};

use crate::{
    Effort,
    report::Report,
    support::{
        docker::{Docker, Turn},
        namespace::picture,
        netns_helper::{NetnsHelper, everything_denied},
    },
};

const NETWORKS: u32 = 5;
/// On each.
const CONTAINERS: u32 = 2;
/// Of each.
const PORTS: u16 = 5;
/// Every container is asked for by all that are on other networks.
const EDGES: u64 = (NETWORKS * CONTAINERS * (NETWORKS - 1) * CONTAINERS) as u64 * PORTS as u64;
const _: () = assert!(EDGES == 400, "what is promised");

/// As the configuration has it by default.
const TIMEOUT: Duration = Duration::from_millis(250);

/// All about the active tier.
pub(crate) fn measure(agent: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let docker = match Docker::available(Turn::Alone) {
        Ok(docker) if rustix::process::geteuid().is_root() => docker,
        Ok(_) => {
            report.note("no figures of probing: a helper is started by root alone");
            return Ok(());
        }
        Err(reason) => {
            report.note(format!("no figures of probing: {reason}"));
            return Ok(());
        }
    };
    let project = docker.unique("bench");
    let networks: Vec<_> = (0..NETWORKS).map(|_| docker.unique("closed")).collect();
    for network in &networks {
        docker.run(&["network", "create", "--internal", network]);
    }
    let measured = on(agent, &docker, &project, &networks, effort, report);
    for network in &networks {
        docker.cli(&["network", "rm", network]).map_err(anyhow::Error::msg)?;
    }
    measured
}

fn on(
    agent: &Path,
    docker: &Docker,
    project: &str,
    networks: &[String],
    effort: Effort,
    report: &mut Report,
) -> Result<()> {
    let places = networks.iter().flat_map(|network| (0..CONTAINERS).map(move |_| network));
    let names: Vec<_> = (0..NETWORKS * CONTAINERS).map(|number| format!("s{number}")).collect();
    let recipe = |(name, network): (&String, &String)| {
        docker.container("closed").compose(project, name, 1).options(&["--network", network])
    };
    let fleet = docker.fleet(names.iter().zip(places).map(recipe).collect());
    let ids: Vec<&str> = fleet.iter().map(|container| container.id.as_str()).collect();
    let snapshot = picture(docker.socket(), &ids);
    let intent = everything_denied(project, &snapshot);
    let ports = || (0..PORTS).map(|port| (Protocol::Tcp, 7_000 + port)).collect();
    let key = |name: &String| ServiceKey { project: project.into(), service: name.as_str().into() };
    let observed =
        Observed { listeners: names.iter().map(|name| (key(name), ports())).collect(), ..Observed::default() };

    let helper = NetnsHelper::of(agent.to_str().context("a path of text")?, &[]);
    let settings =
        Settings { timeout: TIMEOUT, host_ports: Vec::new(), host_listeners: false, allowed: false, name: None };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let prober = Prober::new(helper.client(), Own::default(), "/proc".into());
    let (mut took, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds.max(5) {
        let (began, before) = (Instant::now(), process_time());
        let probed = runtime.block_on(prober.round(&intent, &snapshot, Some(&observed), &settings));
        took.push(began.elapsed());
        cpu.push(process_time().saturating_sub(before));
        // Those on the same network as well, which answer at once.
        let apart: BTreeMap<_, _> = probed.edges.iter().filter(|(_, answer)| **answer == Answer::Dropped).collect();
        ensure!(apart.len() as u64 == EDGES, "{} of {EDGES} edges were closed: {:?}", apart.len(), probed.untried);
    }
    report.judged("active", took.iter().max().map_or(0.0, Duration::as_secs_f64));
    took.sort_unstable();
    cpu.sort_unstable();
    let middle = |of: &[Duration]| of.get(of.len() / 2).map_or(0.0, Duration::as_secs_f64);
    report.told(format!("a round over {EDGES} denied edges: wall"), middle(&took), "s");
    report.told("two timeouts, which nothing can be quicker than", 2.0 * TIMEOUT.as_secs_f64(), "s");
    report.told("the same: CPU of this process", middle(&cpu) * 1e3, "ms");
    Ok(())
}

fn process_time() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}
