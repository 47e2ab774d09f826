//! Pictures to plan by.

mod memory;
mod plan;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::plan::{Input, Visit, plan};
use crate::{
    inventory::Snapshot,
    isolation::{Edge, End, passive::Observed},
    model::{Attachment, Container, ContainerId, Identity, Network, NetworkMode, Protocol, PublishedPort, ServiceKey},
    policy::examples,
};

fn key(service: &str) -> ServiceKey {
    ServiceKey { project: "shop".into(), service: service.into() }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A running container of a service, with networks and the addresses in each. Its pid and its replica number are `number`.
fn container(service: &str, number: u32, networks: &[(&str, &[&str])]) -> Container {
    let mut container = examples::sound("shop", service);
    let name = format!("shop-{service}-{number}");
    container.identity = Identity { replica: number.to_string().into(), ..container.identity };
    (container.id, container.name) = (ContainerId::new(name.as_str()), name.into());
    container.pid = Some(number);
    let attachment = |(network, addresses): &(&str, &[&str])| Attachment {
        network: (*network).into(),
        network_id: Some(format!("id-{network}").into()),
        addresses: addresses.iter().map(|address| ip(address)).collect(),
        aliases: Vec::new(),
    };
    container.networks = networks.iter().map(attachment).collect();
    container
}

fn exposing(mut container: Container, port: u16) -> Container {
    container.confinement.exposed = [(Protocol::Tcp, port)].into();
    container
}

fn publishing(mut container: Container, host_ip: &str, port: u16) -> Container {
    let protocol = "tcp".into();
    container.ports.push(PublishedPort {
        container_port: port,
        protocol,
        host_ip: host_ip.into(),
        host_port: port + 1,
    });
    container
}

fn in_mode(mut container: Container, mode: NetworkMode) -> Container {
    container.network_mode = mode;
    container
}

fn network(name: &str, gateways: &[&str]) -> Network {
    Network {
        id: format!("id-{name}").into(),
        name: name.into(),
        driver: Some("bridge".into()),
        internal: Some(false),
        gateways: gateways.iter().map(|gateway| ip(gateway)).collect(),
        ..Network::default()
    }
}

fn snapshot(containers: Vec<Container>, networks: Vec<Network>) -> Snapshot {
    Snapshot { networks: networks.into_iter().map(Arc::new).collect(), ..examples::snapshot(containers) }
}

/// A front and a back with nothing in common; both have a gateway.
fn two_networks(web: Container, db: Container) -> Snapshot {
    snapshot(vec![web, db], vec![network("front", &["172.20.0.1"]), network("back", &["172.21.0.1", "fd21::1"])])
}

fn web() -> Container {
    exposing(container("web", 1, &[("front", &["172.20.0.2"])]), 8080)
}

fn db() -> Container {
    exposing(container("db", 2, &[("back", &["172.21.0.2", "fd21::2"])]), 5432)
}

/// How a plan is asked for.
#[derive(Clone)]
struct Asking {
    allowed: bool,
    host_ports: Vec<u16>,
    host_listeners: bool,
    observed: Observed,
    verdict: fn(&Edge) -> Option<bool>,
}

/// Everything is denied.
fn asking() -> Asking {
    Asking {
        allowed: false,
        host_ports: Vec::new(),
        host_listeners: false,
        observed: Observed::default(),
        verdict: |_| Some(false),
    }
}

impl Asking {
    fn with<T>(&self, snapshot: &Snapshot, work: impl FnOnce(&Input<'_>) -> T) -> T {
        work(&Input {
            snapshot,
            observed: Some(&self.observed),
            host_ports: &self.host_ports,
            host_listeners: self.host_listeners,
            allowed: self.allowed,
            ask_name: true,
            speaks: &|key| &*key.project == "shop",
            ports: &|key| if &*key.service == "named" { vec![(Protocol::Udp, 53)] } else { Vec::new() },
            allows: &self.verdict,
        })
    }

    fn plan(&self, snapshot: &Snapshot, round: usize) -> Vec<Visit> {
        self.with(snapshot, |input| plan(input, round))
    }
}

/// `web -> db:5432 at 172.21.0.2:5432 Always`, sorted.
fn lines(visits: &[Visit]) -> Vec<String> {
    let mut lines: Vec<_> = visits
        .iter()
        .flat_map(|visit| &visit.questions)
        .map(|question| {
            let Edge { from, to, port, protocol } = &question.edge;
            let to = match to {
                End::Service(key) => key.service.to_string(),
                other => other.to_string(),
            };
            let protocol = if *protocol == Protocol::Udp { "/udp" } else { "" };
            format!("{} -> {to}:{port}{protocol} at {} {:?}", from.service, question.to, question.pace)
        })
        .collect();
    lines.sort_unstable();
    lines
}

/// How often each line stands there over so many rounds.
fn over_rounds(asking: &Asking, snapshot: &Snapshot, rounds: usize) -> BTreeMap<String, usize> {
    let mut counted = BTreeMap::new();
    for round in 0..rounds {
        for line in lines(&asking.plan(snapshot, round)) {
            *counted.entry(line).or_default() += 1;
        }
    }
    counted
}
