//! The passive tier: what a sweep over fifty containers costs, beside bare reads of the same tables.
//!
//! The sweeper is called as the agent calls it, on one thread, over real containers; each has a listener of either family and a connection.
//! Rounds of all ways take turns, and the median counts. Sockets are made inside the namespaces by this program, which is therefore root.

use std::{
    fs::File,
    io::Read as _,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use jiff::Timestamp;
use rustix::{
    net::{AddressFamily, SocketFlags, SocketType, netlink, socket_with},
    time::{ClockId, clock_gettime},
};
use spyhop::{
    host::sockets::Namespace,
    inventory::Snapshot,
    isolation::passive::{Around, FULL_EVERY, Observed, Sweeper},
};

use crate::{
    Effort,
    report::Report,
    support::{
        docker::{Docker, Turn},
        namespace::{inside, picture},
    },
};

const CONTAINERS: u32 = 50;
const PROC: &str = "/proc";
/// See `host/handle.rs`: a shorter piece is the last one.
const LAST_PIECE: usize = 3072;

/// Wall and CPU time of this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

fn cost<T>(work: impl FnOnce() -> T) -> (Cost, T) {
    let cpu = || {
        let now = clock_gettime(ClockId::ThreadCPUTime);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
    };
    let (start, before) = (Instant::now(), cpu());
    let value = work();
    (Cost { wall: start.elapsed(), cpu: cpu().saturating_sub(before) }, value)
}

fn median(mut costs: Vec<Duration>) -> f64 {
    costs.sort_unstable();
    costs.get(costs.len() / 2).map_or(0.0, |middle| middle.as_secs_f64() * 1e3)
}

/// All about the passive tier.
pub(crate) fn measure(effort: Effort, report: &mut Report) -> Result<()> {
    let docker = match Docker::available(Turn::Alone) {
        Ok(docker) => docker,
        Err(reason) => {
            report.note(format!("no figures of sweeps: {reason}"));
            return Ok(());
        }
    };
    eprintln!("starting {CONTAINERS} containers");
    let recipes = (1..=CONTAINERS).map(|number| docker.container("sweep").compose("bench", &format!("s{number}"), 1));
    let fleet = docker.fleet(recipes.collect());
    let pids: Vec<u32> = fleet.iter().map(|container| container.pid()).collect();
    // Kept until the end: sockets of this process in the namespaces of others.
    let _listeners: Vec<_> = pids.iter().map(|pid| inside(*pid, sockets)).collect();
    let ids: Vec<&str> = fleet.iter().map(|container| container.id.as_str()).collect();
    let snapshot = picture(docker.socket(), &ids);

    let (mut files, mut diag) = (Sweeper::new(), Sweeper::new());
    sweep(&mut files, &snapshot)?;
    sweep(&mut diag, &snapshot)?;
    for process in diag.wanting() {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = || socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(netlink::SOCK_DIAG));
        diag.give(process, inside(process.pid, socket)?);
    }
    ensure!(diag.descriptors() == pids.len(), "{} descriptors of {}", diag.descriptors(), pids.len());

    let mut rounds: [Vec<Cost>; 6] = Default::default();
    for _ in 0..effort.rounds.max(5) {
        pids.iter().for_each(|pid| inside(*pid, touch));
        let [pieces, ends, changed, unchanged, asked, asked_unchanged] = &mut rounds;
        pieces.push(cost(|| bare(&pids, true)).0);
        ends.push(cost(|| bare(&pids, false)).0);
        for (sweeper, all, none) in [(&mut files, changed, unchanged), (&mut diag, asked, asked_unchanged)] {
            let (took, seen) = cost(|| sweep(sweeper, &snapshot));
            let seen = seen?;
            ensure!(seen.read == pids.len() as u64, "{} of {} namespaces were read", seen.read, pids.len());
            all.push(took);
            // The full read that comes now and then is spread over these.
            let (took, ()) = cost(|| (0..FULL_EVERY).for_each(|_| drop(sweep(sweeper, &snapshot))));
            let share = u32::try_from(FULL_EVERY)?;
            none.push(Cost { wall: took.wall / share, cpu: took.cpu / share });
        }
    }
    let counters = cost(|| pids.iter().for_each(|pid| drop(Namespace::of(Path::new(PROC), *pid).counts()))).0;
    let [pieces, ends, changed, unchanged, asked, asked_unchanged] = rounds;
    let wall = |costs: &[Cost]| median(costs.iter().map(|cost| cost.wall).collect());
    let cpu = |costs: &[Cost]| median(costs.iter().map(|cost| cost.cpu).collect());
    report.judged("sweep_ratio", cpu(&changed) / cpu(&pieces));
    report.judged("sweep_diag", wall(&asked));
    for (what, costs) in [
        ("bare reads of tcp and tcp6 of 50 namespaces, up to the last piece", &pieces),
        ("the same up to the end of file", &ends),
        ("sweep of 50 containers, all changed", &changed),
        ("the same, nothing changed", &unchanged),
        ("sweep with sock_diag, all changed", &asked),
        ("the same, nothing changed", &asked_unchanged),
    ] {
        report.told(format!("{what}: wall"), wall(costs), "ms");
        report.told(format!("{what}: CPU"), cpu(costs), "ms");
    }
    report.told("counters of 50 namespaces alone: CPU", counters.cpu.as_secs_f64() * 1e3, "ms");
    Ok(())
}

/// What a service has: somebody who listens, on both families, and a connection.
fn sockets() -> (TcpListener, Option<TcpListener>, Option<TcpStream>) {
    #[expect(clippy::expect_used, reason = "a namespace without a free port is no place to measure")]
    let listener = TcpListener::bind("0.0.0.0:8080").expect("a port");
    let client = TcpStream::connect("127.0.0.1:8080").ok();
    (listener, TcpListener::bind("[::]:8081").ok(), client)
}

/// Something that every counter notices.
fn touch() {
    drop(TcpStream::connect("127.0.0.1:9"));
}

fn sweep(sweeper: &mut Sweeper, snapshot: &Snapshot) -> Result<Observed> {
    let around = Around { proc: Path::new(PROC), now: Timestamp::now(), own: None, ours: &|_, _, _| false };
    let seen = sweeper.sweep(snapshot, &around);
    ensure!(seen.unseen.is_empty(), "not seen: {:?}", seen.unseen);
    Ok(seen)
}

/// Reads both tables of all, and nothing else.
fn bare(pids: &[u32], to_last_piece: bool) -> usize {
    let mut buffer = vec![0; 64 * 1024];
    let mut bytes = 0;
    for path in
        pids.iter().flat_map(|pid| ["tcp", "tcp6"].map(|table| PathBuf::from(format!("{PROC}/{pid}/net/{table}"))))
    {
        let Ok(mut file) = File::open(path) else { continue };
        while let Ok(read) = file.read(&mut buffer) {
            bytes += read;
            if read == 0 || (to_last_piece && read < LAST_PIECE) {
                break;
            }
        }
    }
    bytes
}
