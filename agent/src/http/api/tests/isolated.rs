//! A verdict on isolation with something of everything.

use std::time::Duration;

use crate::{
    http::api::tests::{key, time},
    isolation::{
        Edge, End, Evidence, Tier,
        board::Board,
        verdict::{Answer, Cell, Coverage, Finding, Link, Project, Report, State, Sweep},
    },
    model::Protocol,
    policy::{Class, Exception, Severity},
};

fn edge(from: &str, to: End, port: u16) -> Edge {
    Edge { from: key("shop", from), to, port, protocol: Protocol::Tcp }
}

fn service(name: &str) -> End {
    End::Service(key("shop", name))
}

/// What is wrong with whom, and what nobody has looked at.
pub(in crate::http) fn board() -> Board {
    let board = Board::default();
    let since = time("2026-03-01T11:58:00Z");
    let reached = Finding {
        class: Class::UnexpectedReachability,
        severity: Severity::Critical,
        service: key("shop", "web"),
        to: Some(service("db")),
        port: Some((5432, Protocol::Tcp)),
        subject: "db:5432/tcp".into(),
        message: "db:5432/tcp answers it across networks; no flow names it".to_owned(),
        evidence: Evidence::from(Tier::Static).with(Tier::Active),
        since,
    };
    let network = Finding {
        class: Class::InternalFlag,
        service: key("shop", ""),
        to: None,
        port: None,
        subject: "back".into(),
        message: "network back is not internal".to_owned(),
        evidence: Evidence::from(Tier::Static),
        ..reached
    };
    let missing = Finding {
        class: Class::MissingFlow,
        service: key("shop", "api"),
        to: Some(service("cache")),
        port: Some((6379, Protocol::Tcp)),
        subject: "cache:6379/tcp".into(),
        message: "the flow to cache:6379/tcp must work and cannot: it does not listen there".to_owned(),
        evidence: Evidence::from(Tier::Passive),
        ..reached
    };
    let crowded = Finding {
        class: Class::ExcessReachability,
        severity: Severity::Info,
        service: key("shop", "web"),
        to: Some(service("mail")),
        port: None,
        subject: "mail".into(),
        message: "it shares a network with mail, which listens, and no flow is between them".to_owned(),
        evidence: Evidence::from(Tier::Passive),
        since,
    };
    let waived = Finding {
        class: Class::HostReach,
        severity: Severity::Warning,
        service: key("shop", "web"),
        to: Some(End::Host),
        port: Some((22, Protocol::Tcp)),
        subject: "22/tcp".into(),
        message: "port 22/tcp of the host answers it; host.reach does not list it".to_owned(),
        evidence: Evidence::from(Tier::Active),
        since,
    };
    let exception = Exception {
        class: Class::HostReach,
        project: None,
        service: None,
        subject: None,
        reason: "it is how we get in".into(),
        until: "2026-06-30".parse().unwrap(),
    };
    let outside = edge("web", End::External("203.0.113.9".parse().unwrap()), 443);
    let used = edge("web", service("api"), 8080);
    let link =
        |edge: &Edge| Link { edge: edge.clone(), first: since, last: time("2026-03-01T11:59:55Z"), connections: 2 };
    let sweep = |millis| Sweep { at: time("2026-03-01T11:59:55Z"), took: Duration::from_micros(millis) };
    let cell = |from, to, port, allowed, state| Cell {
        edge: edge(from, service(to), port),
        allowed,
        state,
        required: false,
        neighbours: false,
        probed: None,
    };
    let matrix = vec![
        Cell { required: true, neighbours: true, ..cell("api", "cache", 6379, true, State::Untested) },
        cell("cache", "api", 8080, false, State::Untested),
        Cell { neighbours: true, ..cell("web", "api", 8080, true, State::Used) },
        Cell { probed: Some(Answer::Dropped), ..cell("web", "cache", 6379, false, State::Closed) },
        Cell { probed: Some(Answer::Open), ..cell("web", "db", 5432, false, State::Open) },
        Cell { neighbours: true, ..cell("web", "mail", 25, false, State::Untested) },
    ];
    let unseen = ("mail".to_owned(), "its processes have gone while they were read".to_owned());
    let shop = Project {
        hash: "0123456789abcdef".into(),
        counts: [(Class::InternalFlag, 1), (Class::UnexpectedReachability, 1)].into(),
        coverage: [
            (Tier::Static, Coverage { looked: 5, of: 5, missing: Vec::new() }),
            (Tier::Passive, Coverage { looked: 4, of: 5, missing: vec![unseen] }),
        ]
        .into(),
        matrix,
        edges: None,
        denied: [("web".into(), 3)].into(),
        truncated: false,
    };
    board.put(Report {
        findings: vec![network, reached, missing, crowded],
        waived: vec![(waived, exception.into())],
        projects: [("shop".into(), shop)].into(),
        graph: vec![link(&used), link(&outside)],
        sweeps: [(Tier::Static, sweep(850)), (Tier::Passive, sweep(12_400))].into(),
        idle: [(Tier::Active, "isolation.active is off".to_owned())].into(),
        ..Report::default()
    });
    board
}
