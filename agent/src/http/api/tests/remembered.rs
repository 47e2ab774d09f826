//! A board with some of the last hour, and objectives of every kind of answer.

use std::time::Duration;

use crate::{
    history::{Board, Figures, Judge, Objective},
    inventory::Snapshot,
    model::{CpuTimes, HostSample, LoadAverage},
    policy::objectives::Target,
};

/// The containers of a picture, read three times in two minutes, and the host.
pub(in crate::http) fn board(snapshot: &Snapshot) -> Board {
    let board = Board::default();
    for (second, at) in [(0, "2026-03-01T11:58:20Z"), (30, "2026-03-01T11:58:50Z"), (90, "2026-03-01T11:59:50Z")] {
        board.reading(super::time(at), |reading| {
            let at = Duration::from_secs(second);
            for entry in snapshot.containers.iter().filter(|entry| entry.container.has_processes()) {
                let figures = Figures {
                    at,
                    cpu_ns: Some(second * 250_000_000),
                    cpu_cores: (second > 0).then_some(0.25),
                    memory_bytes: Some(1 << 20),
                };
                reading.container(entry, figures);
            }
            let mut seconds = [0.0; 10];
            (seconds[0], seconds[3]) = (second as f64 / 4.0, second as f64 * 3.0 / 4.0);
            let sample = HostSample {
                cpus: vec![CpuTimes { cpu: 0, seconds }],
                meminfo: vec![("MemTotal".into(), 4 << 30, true), ("MemAvailable".into(), 1 << 30, true)],
                load: Some(LoadAverage { one: 0.5, ..LoadAverage::default() }),
                ..HostSample::default()
            };
            reading.host(&sample, at);
        });
    }
    let day = Duration::from_secs(86_400);
    let objective = |name: &str, service: &str, judge| Objective {
        name: name.into(),
        project: "shop".into(),
        service: service.into(),
        tier: None,
        target: Target::parse("99.9%").unwrap(),
        window: 30 * day,
        judge,
        left: None,
        covers: Duration::ZERO,
        burn_1h: None,
    };
    board.say(vec![
        Objective {
            tier: Some("critical".into()),
            left: Some(0.418),
            covers: 6 * day,
            burn_1h: Some(2.5),
            ..objective("shop-web-availability", "web", Judge::Agent)
        },
        objective("shop-orders", "web", Judge::Prometheus),
    ]);
    board
}

/// The points that are no gaps alone: the documentation shows that there are sixty in a word.
pub(super) fn short(json: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in json.lines() {
        let gap = |line: &str| line.trim() == "null,";
        if !(gap(line) && lines.last().is_some_and(|last| gap(last))) {
            lines.push(line);
        }
    }
    lines.join("\n")
}
