//! A verdict on isolation with something of every family.

use std::time::Duration;

use spyhop::{
    isolation::{
        Edge, End, Evidence, Tier,
        board::Board,
        verdict::{Coverage, Finding, Project, Report, Sweep, isolation_classes},
    },
    model::{Protocol, ServiceKey},
    policy::Class,
};

use super::synthetic::at;

fn key(service: &str) -> ServiceKey {
    ServiceKey { project: "shop".into(), service: service.into() }
}

fn finding(class: Class, edge: Edge) -> Finding {
    Finding {
        class,
        severity: class.severity(),
        service: edge.from,
        to: Some(edge.to),
        port: Some((edge.port, edge.protocol)),
        subject: "x".into(),
        message: "it is so".to_owned(),
        evidence: Evidence::from(Tier::Passive),
        since: at(3_000),
    }
}

pub(crate) fn board() -> Board {
    let edge = |to: End, port| Edge { from: key("web"), to, port, protocol: Protocol::Tcp };
    let outside = |last: u8| End::External([203, 0, 113, last].into());
    let findings = vec![
        finding(Class::UnexpectedFlow, edge(End::Service(key("db")), 5432)),
        finding(Class::Egress, edge(outside(7), 443)),
        finding(Class::Egress, edge(outside(9), 443)),
        finding(Class::HostReach, edge(End::Host, 22)),
        Finding { to: None, port: None, ..finding(Class::Placement, edge(End::Host, 0)) },
        finding(Class::ExcessReachability, edge(End::Service(key("cache")), 0)),
    ];
    let mut counts: std::collections::BTreeMap<_, _> = isolation_classes().map(|class| (class, 0)).collect();
    for finding in &findings {
        *counts.entry(finding.class).or_default() += 1;
    }
    let coverage = |looked, of| Coverage { looked, of, missing: Vec::new() };
    let shop = Project {
        hash: "0123456789abcdef".into(),
        counts,
        coverage: [(Tier::Static, coverage(4, 4)), (Tier::Passive, coverage(3, 4)), (Tier::Active, coverage(12, 12))]
            .into(),
        edges: Some([[3, 0, 0, 1, 0], [1, 0, 9, 0, 2]]),
        denied: [("web".into(), 4)].into(),
        ..Project::default()
    };
    let sweep = |second, millis| Sweep { at: at(second), took: Duration::from_millis(millis) };
    let board = Board::default();
    board.put(Report {
        findings,
        projects: [("shop".into(), shop)].into(),
        sweeps: [(Tier::Static, sweep(2_000, 2)), (Tier::Passive, sweep(3_595, 25)), (Tier::Active, sweep(3_596, 750))]
            .into(),
        probes: [1, 0, 120, 8, 2],
        ..Report::default()
    });
    board
}
