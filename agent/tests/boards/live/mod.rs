//! Every query of every board, asked of a real Prometheus of both lines: each gives data, or its panel says in one of two sentences why not.
//!
//! ```text
//!  containers (workload) -> agent -> /metrics, /sd -> Prometheus 2 and 3 with our rules -> ask: three modes -> judge
//!                             +-> lines -> strict Loki receiver     +-> spans -> OTLP back end
//! ```
//!
//! `One` chooses one value of each variable, and there must be such a choice that gives data; `Many` chooses every value by name; `All` is
//! what the variable says "All" is.

mod ask;
mod exporters;
mod judge;
mod lines;
mod traffic;
mod workload;

use std::{thread, time::Instant};

use crate::model::{Board, shipped};

/// Features that "Empty without" may name and that cannot be had here, with the reason. Whatever else a panel is empty without is on.
const CANNOT_BE_HAD: [(&str, &str); 4] = [
    ("swarm", "the engine of the lab is no member of a swarm, and joining one would change it for everybody"),
    ("TLS", "the agent of this test answers without: tests/http/tls.rs has one that does"),
    ("pressure", "on cgroup v1 the kernel counts it for no container"),
    ("disk accounting", "newer kernels count a container's own only where a limit was set for the device"),
];

/// Queries, by board, panel and letter, for which nothing here has a series.
const CANNOT_BE_FED: [(&str, u32, &str, &str); 1] = [(
    "spyhop-databases",
    19,
    "B",
    "no server here follows another; agent/tests/probes_databases.rs has one that does",
)];

#[test]
fn every_query_gives_data_or_says_why_not() {
    let Some(workload) = workload::Workload::or_skip() else { return };
    let began = Instant::now();
    let mut wrong = workload.ripen();
    for (uid, id, query, reason) in CANNOT_BE_FED {
        println!("not fed: {uid}, panel {id}, query {query}: {reason}");
    }
    println!("ripe after {} s", began.elapsed().as_secs());
    let files = shipped();
    let boards: Vec<&Board> = files.iter().filter_map(|file| file.board.as_ref().ok()).collect();
    assert_eq!(boards.len(), files.len(), "a board that cannot be read is the schema's business first");
    thread::scope(|scope| {
        let asked: Vec<_> = workload.servers.iter().map(|server| scope.spawn(|| judge::all(&boards, server))).collect();
        asked.into_iter().for_each(|asked| wrong.extend(asked.join().expect("no panic")));
    });
    wrong.extend(lines::all(&boards, &workload));
    workload.is_content();
    println!("asked after {} s", began.elapsed().as_secs());
    assert!(wrong.is_empty(), "{} complaints\n{}", wrong.len(), wrong.join("\n"));
}
