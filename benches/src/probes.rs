//! Probes: what five hundred of them cost, beside the same host without any.
//!
//! The engine is scripted and its containers are on the host's network, so that their ports are servers of ours on loopback, which answer at
//! once. What is measured is the agent alone: its CPU time, ours and the kernel's, while it is scraped every 15 s.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::Path,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    Effort, idle,
    load::resident,
    report::Report,
    support::{
        agent::{Agent, Home},
        fake_engine::{FakeContainer, FakeEngine, World},
        wait::patience,
    },
};

const CONTAINERS: u32 = 100;
/// Probes of each container.
const EACH: usize = 5;
/// A span shorter than two intervals would count the first probes, which come together, too heavily.
const LEAST_SECONDS: u64 = 45;

/// All about probes.
pub(crate) fn measure(agent: &Path, effort: Effort, report: &mut Report) -> Result<()> {
    let seconds = effort.idle_seconds.max(LEAST_SECONDS);
    let ports = (0..EACH).map(|_| server()).collect::<Result<Vec<_>>>()?;
    let without = share(agent, &[], seconds, None)?.0;
    let (with, memory) = share(agent, &ports, seconds, Some(report))?;
    report.judged("probes", with - without);
    report.told("the same host without probes", without, "% of a core");
    report.told("resident memory with 500 probes", memory, "MiB");
    Ok(())
}

/// Share of a core, and memory in MiB, with a probe of each of these ports in each container.
fn share(agent: &Path, ports: &[u16], seconds: u64, report: Option<&mut Report>) -> Result<(f64, f64)> {
    let mut world = World::new();
    for number in 0..CONTAINERS {
        // No process of this number can be: figures of containers are not what is measured here.
        let container = FakeContainer::new(&format!("c{number}"))
            .compose("bench", &format!("service{number}"), 1)
            .network_mode("host")
            .running(5_000_000 + number);
        let labels = ports.iter().map(|port| (format!("spyhop.probe.p{port}"), format!("http:{port}/health")));
        world = world.with(labels.fold(container, |container, (key, value)| container.label(&key, &value)));
    }
    let engine = FakeEngine::start(world);
    let agent: Agent = Home::with(&agent.display().to_string(), &engine.socket(), "").start();
    let counts = |agent: &Agent| {
        let page = agent.scrape();
        let sum = |name| page.all(name, &[]).map(|sample| sample.value).sum::<f64>();
        (sum("spyhop_probe_attempts_total"), sum("spyhop_probe_failures_total"))
    };
    let wanted = f64::from(CONTAINERS) * ports.len() as f64;
    let began = std::time::Instant::now();
    while counts(&agent).0 < wanted {
        ensure!(began.elapsed() < patience() + Duration::from_secs(15), "not every target was asked once");
        thread::sleep(Duration::from_millis(100));
    }
    let before = counts(&agent);
    let share = idle::share(&agent, seconds)?;
    let after = counts(&agent);
    ensure!(after.1 == 0.0, "{} probes failed", after.1);
    if let Some(report) = report {
        let expected = wanted * seconds as f64 / 15.0;
        ensure!(after.0 - before.0 >= expected * 0.9, "{} probes of {expected} were made", after.0 - before.0);
        report.told("probes made meanwhile", after.0 - before.0, "");
    }
    let memory = resident(&agent).context("the agent runs")?;
    Ok((share, memory))
}

/// A server that answers every request with 200; it ends with the bench.
fn server() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("a port for a server")?;
    let port = listener.local_addr()?.port();
    thread::spawn(move || listener.incoming().flatten().for_each(|stream| drop(answer(stream))));
    Ok(port)
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let (mut head, mut piece) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut piece)? {
            0 => return Ok(()),
            read => head.extend_from_slice(piece.get(..read).unwrap_or_default()),
        }
    }
    stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"status\":\"UP\"}",
    )
}
