//! Whom a round asks what.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use proptest::prelude::*;

use super::*;
use crate::{
    inventory::EngineStatus,
    model::{EngineInfo, IntoTree as _},
};

#[test]
fn every_address_of_a_target_is_asked_for_itself() {
    let picture = two_networks(web(), db());
    assert_eq!(
        lines(&asking().plan(&picture, 0)),
        [
            "db -> web:8080 at 172.20.0.2:8080 Always",
            "web -> db:5432 at 172.21.0.2:5432 Always",
            "web -> db:5432 at [fd21::2]:5432 Always",
        ]
    );
    let stopped = Container { pid: None, ..db() };
    assert_eq!(lines(&asking().plan(&two_networks(web(), stopped), 0)), [""; 0], "nobody to ask, and nobody who asks");
}

#[test]
fn what_is_allowed_is_asked_seldom_and_when_that_is_wanted() {
    let picture = two_networks(web(), db());
    let to_db = |edge: &Edge| Some(edge.port == 5432);
    let quiet = Asking { verdict: to_db, ..asking() };
    assert_eq!(lines(&quiet.plan(&picture, 0)), ["db -> web:8080 at 172.20.0.2:8080 Always"]);
    let loud = Asking { allowed: true, ..quiet };
    assert_eq!(lines(&loud.plan(&picture, 0)).get(1).unwrap(), "web -> db:5432 at 172.21.0.2:5432 Seldom");
    let silent = Asking { verdict: |_| None, allowed: true, host_ports: vec![22], ..asking() };
    assert_eq!(silent.plan(&picture, 0), [], "the policy says nothing of it");
}

#[test]
fn neighbours_are_asked_seldom_unless_the_engine_keeps_them_apart() {
    let beside = exposing(container("db", 2, &[("front", &["172.20.0.3"]), ("back", &["172.21.0.2"])]), 5432);
    let mut picture = two_networks(web(), beside);
    let to_db = |picture: &Snapshot| {
        let lines = lines(&asking().plan(picture, 0));
        lines.into_iter().filter(|line| line.starts_with("web")).collect::<Vec<_>>()
    };
    let elsewhere = "web -> db:5432 at 172.21.0.2:5432 Always";
    assert_eq!(to_db(&picture), ["web -> db:5432 at 172.20.0.3:5432 Seldom", elsewhere].map(|line| line));
    Arc::make_mut(&mut picture.networks[0]).options.icc = Some(false);
    assert_eq!(to_db(&picture), ["web -> db:5432 at 172.20.0.3:5432 Always", elsewhere]);
}

#[test]
fn published_ports_are_asked_through_the_gateways_of_the_source() {
    let asked = |host_ip: &str| {
        let picture = two_networks(publishing(web(), host_ip, 8080), db());
        let lines = lines(&asking().plan(&picture, 0));
        lines.into_iter().filter(|line| line.contains(":8081")).collect::<Vec<_>>()
    };
    assert_eq!(asked("0.0.0.0"), ["db -> web:8080 at 172.21.0.1:8081 Always"]);
    assert_eq!(asked("::"), ["db -> web:8080 at [fd21::1]:8081 Always"]);
    assert_eq!(asked("192.0.2.7"), ["db -> web:8080 at 192.0.2.7:8081 Always"], "an address of the host");
    assert_eq!(asked("127.0.0.1"), [""; 0]);
}

#[test]
fn the_host_is_asked_through_gateways_unless_somebody_else_is_behind_the_port() {
    let of_host = |asking: &Asking, picture: &Snapshot| {
        let lines = lines(&asking.plan(picture, 0));
        lines.into_iter().filter(|line| line.starts_with("db -> the host")).collect::<Vec<_>>()
    };
    let wanted = Asking { host_ports: vec![22], ..asking() };
    let both =
        ["db -> the host:22 at 172.21.0.1:22 Always", "db -> the host:22 at [fd21::1]:22 Always"].map(str::to_owned);
    let mut picture = two_networks(web(), db());
    assert_eq!(of_host(&wanted, &picture), both);

    // What the host is seen to listen on, where nobody has named ports of his own.
    let heard = [(Protocol::Tcp, 3000), (Protocol::Udp, 53), (Protocol::Tcp, 40_000)];
    let heard = Observed { host_listeners: heard.into(), ..Observed::default() };
    let deaf = Asking { observed: heard, ..wanted.clone() };
    assert_eq!(of_host(&deaf, &picture), both);
    let hears = Asking { host_listeners: true, ..deaf };
    assert_eq!(of_host(&hears, &picture).len(), 4);
    assert_eq!(of_host(&hears, &picture)[2], "db -> the host:3000 at 172.21.0.1:3000 Always");
    let crowd = (1..=1_000).map(|port| (Protocol::Tcp, port)).into_set();
    let crowded = Asking { observed: Observed { host_listeners: crowd, ..Observed::default() }, ..hears };
    assert_eq!(of_host(&crowded, &picture).len(), 2 * 64, "at two gateways");

    let shadowed = two_networks(publishing(web(), "0.0.0.0", 21), db());
    assert_eq!(of_host(&wanted, &shadowed), [""; 0], "22 on the host is 21 of web");

    let host = in_mode(container("node", 3, &[("host", &[])]), NetworkMode::Host);
    let networks = picture.networks.clone();
    let with_host = Snapshot { networks, ..snapshot(vec![web(), db(), host], Vec::new()) };
    let listens = Observed { listeners: [(key("node"), [(Protocol::Tcp, 22)].into())].into(), ..Observed::default() };
    let wanted_there = Asking { observed: listens, ..wanted.clone() };
    assert_eq!(of_host(&wanted_there, &with_host), [""; 0]);
    let to_node: Vec<_> =
        lines(&wanted_there.plan(&with_host, 0)).into_iter().filter(|line| line.contains("node:22")).collect();
    assert_eq!(to_node.first().unwrap(), "db -> node:22 at 172.21.0.1:22 Always", "it is that service's");
    let visit = wanted_there.plan(&with_host, 0).into_iter().find(|visit| visit.service == key("node")).unwrap();
    assert!(visit.hindrance.is_some(), "from the host everything is in reach, and nothing follows from it");

    let none = Asking { host_ports: Vec::new(), ..wanted };
    assert_eq!(of_host(&none, &picture), [""; 0]);
    let info = EngineInfo { operating_system: Some("Docker Desktop".into()), ..EngineInfo::default() };
    picture.engine = EngineStatus { info: Some(Arc::new(info)), ..EngineStatus::default() };
    let desktop = [2375, 2376].map(|port| format!("db -> the host:{port} at 192.168.65.7:{port} Always"));
    assert_eq!(of_host(&none, &picture), desktop);
}

#[test]
fn who_shares_a_namespace_is_not_asked_by_himself() {
    let guest = in_mode(exposing(container("side", 3, &[]), 9000), NetworkMode::Container("shop-web-1".into()));
    let picture =
        snapshot(vec![web(), db(), guest], vec![network("front", &["172.20.0.1"]), network("back", &["172.21.0.1"])]);
    let lines = lines(&asking().plan(&picture, 0));
    assert!(lines.contains(&"db -> side:9000 at 172.20.0.2:9000 Always".to_owned()), "{lines:?}");
    assert!(lines.contains(&"side -> db:5432 at 172.21.0.2:5432 Always".to_owned()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("web -> side") || line.contains("side -> web")), "{lines:?}");
    let plan = asking().plan(&picture, 0);
    let web = plan.iter().find(|visit| visit.service == key("web")).unwrap();
    assert_eq!(web.pids.iter().copied().collect::<BTreeSet<_>>(), [1, 3].into(), "a probe of one is a probe of both");
}

#[test]
fn replicas_take_turns_and_every_pair_has_one() {
    let web = |number, address: &'static str| exposing(container("web", number, &[("front", &[address])]), 8080);
    let db = |number, address: &'static str| exposing(container("db", number, &[("back", &[address])]), 5432);
    let picture = snapshot(
        vec![web(1, "172.20.0.2"), web(2, "172.20.0.3"), db(3, "172.21.0.2"), db(4, "172.21.0.3"), db(5, "172.21.0.4")],
        vec![network("front", &[]), network("back", &[])],
    );
    let counted = over_rounds(&asking(), &picture, 6);
    let to_db: Vec<_> = counted.iter().filter(|(line, _)| line.starts_with("web")).collect();
    assert_eq!(to_db.len(), 3, "{counted:?}");
    assert!(to_db.iter().all(|(_, times)| **times == 2), "once from each of two: {counted:?}");
    let mut pairs = BTreeSet::new();
    for round in 0..6 {
        for visit in asking().plan(&picture, round) {
            pairs.extend(visit.questions.iter().map(|question| (visit.container.clone(), question.to)));
        }
    }
    assert_eq!(pairs.len(), 12, "six pairs, each way: {pairs:?}");
}

#[test]
fn without_a_known_port_one_is_tried_all_the_same() {
    let bare = container("db", 2, &[("back", &["172.21.0.2"])]);
    let lines = lines(&asking().plan(&two_networks(web(), bare), 0));
    assert!(lines.contains(&"web -> db:80 at 172.21.0.2:80 Always".to_owned()), "{lines:?}");
    let named = container("named", 2, &[("back", &["172.21.0.2"])]);
    let lines = super::lines(&asking().plan(&two_networks(web(), named), 0));
    assert!(lines.contains(&"web -> named:53/udp at 172.21.0.2:53 Always".to_owned()), "a flow names it: {lines:?}");
}

#[test]
fn a_name_is_asked_for_on_internal_networks_alone() {
    let asks = |internal: [Option<bool>; 2]| {
        let mut picture = two_networks(web(), exposing(container("db", 2, &[("front", &[]), ("back", &[])]), 1));
        for (network, internal) in picture.networks.iter_mut().zip(internal) {
            Arc::make_mut(network).internal = internal;
        }
        let plan = asking().plan(&picture, 0);
        plan.iter().filter(|visit| visit.asks_name).map(|visit| visit.service.service.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(asks([Some(true), Some(true)]), ["db", "web"]);
    assert_eq!(asks([Some(false), Some(true)]), [""; 0], "db has a way out, and web has no other");
    assert_eq!(asks([Some(true), None]), ["web"]);
}

/// What may stand where an address belongs: public ones, those of nobody, and no address at all.
const ODD: [&str; 16] = [
    "172.20.0.2",
    "fd21::2",
    "203.0.113.9",
    "198.51.100.7",
    "2001:db8::9",
    "8.8.8.8",
    "0.0.0.0",
    "::",
    "127.0.0.1",
    "::ffff:127.0.0.1",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "224.0.0.1",
    "255.255.255.255",
    "",
    "host.example",
];

fn ip_of(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// Whether somebody of the picture is behind an address: a container, the host as gateway of a bridge, or a port that the engine has published
/// on that address of the host. Said without what the plan itself goes by.
///
/// A published port's address may be a public one, and is asked all the same: the engine listens on it, which it can only on an address of this
/// very host, so that the packet does not leave it. At no other port is that address asked.
fn is_somebodys(picture: &Snapshot, at: SocketAddr, end: &End) -> bool {
    let containers = || picture.containers.iter().map(|entry| &entry.container);
    let of_container =
        containers().flat_map(|container| &container.networks).any(|net| net.addresses.contains(&at.ip()));
    let of_host = picture.networks.iter().any(|network| {
        let inhibited = at.is_ipv4() && network.options.inhibit_ipv4 == Some(true);
        network.driver.as_deref() == Some("bridge") && !inhibited && network.gateways.contains(&at.ip())
    });
    let published = containers().flat_map(|container| &container.ports);
    let mut published = published.filter_map(|port| Some(SocketAddr::new(ip_of(&port.host_ip)?, port.host_port)));
    let system = picture.engine.info.as_deref().and_then(|info| info.operating_system.as_deref());
    let desktop =
        system == Some("Docker Desktop") && ["192.168.65.7:2375", "192.168.65.7:2376"].contains(&&*at.to_string());
    match end {
        End::Service(_) => of_container || of_host || published.any(|published| published == at),
        End::Host => of_host || desktop,
        _ => false,
    }
}

proptest! {
    /// Whatever the picture says, nothing is sent to anybody who is not in it.
    #[test]
    fn nobody_outside_the_picture_is_asked(
        places in proptest::collection::vec((0u8..4, 0u8..4, 0u8..3, any::<bool>(), any::<bool>()), 1..8),
        icc in any::<bool>(),
        round in 0usize..50,
    ) {
        let mut containers = Vec::new();
        for (number, (service, first, mode, published, dual)) in (1..).zip(&places) {
            let address = format!("172.2{first}.0.{}", number + 1);
            let (net, other) = (format!("net{first}"), format!("net{}", (first + 1) % 4));
            let networks: &[(&str, &[&str])] =
                &[(&net, &[&address, "127.0.0.1", "fe80::2"]), (&other, if *dual { &["fd00::2"] } else { &[] })];
            let mut container = container(&format!("s{service}"), number, networks);
            if *published {
                container = publishing(container, "0.0.0.0", 80);
            }
            container.network_mode = match mode {
                0 => NetworkMode::Host,
                1 => NetworkMode::Container(format!("shop-s{}-1", (service + 1) % 4).into()),
                _ => NetworkMode::Own("x".into()),
            };
            containers.push(container);
        }
        let mut networks: Vec<_> =
            (0..4).map(|n| network(&format!("net{n}"), &[&format!("172.2{n}.0.1"), "fe80::1"])).collect();
        networks[0].options.icc = Some(icc);
        let picture = snapshot(containers, networks);
        let wanted = Asking { host_ports: vec![22, 2375], allowed: true, ..asking() };
        for question in wanted.plan(&picture, round).iter().flat_map(|visit| &visit.questions) {
            let ip = question.to.ip();
            prop_assert!(is_somebodys(&picture, question.to, &question.edge.to), "{question:?}");
            prop_assert!(!ip.is_loopback() && !ip.to_string().starts_with("fe80"), "{question:?}");
            prop_assert!(question.edge.to != End::Service(question.edge.from.clone()));
            prop_assert!(question.turns >= 1);
        }
    }
    /// The same of pictures in which everything is wrong that somebody who runs containers can have a say in.
    #[test]
    fn no_picture_makes_the_tier_ask_the_world_outside(
        places in proptest::collection::vec((0u8..3, 0..ODD.len(), 0..ODD.len(), 0..ODD.len(), 0u8..4), 1..7),
        networks in proptest::collection::vec((0..ODD.len(), 0usize..4, any::<bool>()), 3),
        (desktop, round) in (any::<bool>(), 0usize..20),
    ) {
        let mut containers = Vec::new();
        for (number, (service, address, other, on, mode)) in (1..).zip(&places) {
            let addresses: Vec<_> = [address, other].iter().copied().filter(|at| ip_of(ODD[**at]).is_some()).map(|at| ODD[*at]).collect();
            let net = format!("net{service}");
            let container = container(&format!("s{service}"), number, &[(&net, &addresses)]);
            let mode = match mode {
                0 => NetworkMode::Host,
                1 => NetworkMode::Container(format!("shop-s{}-1", (service + 1) % 3).into()),
                _ => NetworkMode::Own("x".into()),
            };
            containers.push(in_mode(publishing(container, ODD[*on], 80), mode));
        }
        let made = networks.iter().enumerate().map(|(number, (gateway, driver, inhibited))| {
            let gateways: Vec<_> = [ODD[*gateway]].into_iter().filter(|at| ip_of(at).is_some()).collect();
            let mut network = network(&format!("net{number}"), &gateways);
            network.driver = Some(["bridge", "macvlan", "ipvlan", "overlay"][*driver].into());
            network.options.inhibit_ipv4 = Some(*inhibited);
            network
        });
        let mut picture = snapshot(containers, made.collect());
        if desktop {
            let info = EngineInfo { operating_system: Some("Docker Desktop".into()), ..EngineInfo::default() };
            picture.engine = EngineStatus { info: Some(Arc::new(info)), ..EngineStatus::default() };
        }
        let wanted = Asking { host_ports: vec![22, 2375], allowed: true, ..asking() };
        for question in wanted.plan(&picture, round).iter().flat_map(|visit| &visit.questions) {
            let ip = question.to.ip().to_canonical();
            prop_assert!(is_somebodys(&picture, question.to, &question.edge.to), "{question:?}");
            let special = ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::from([255; 4]);
            prop_assert!(!special && !ip.to_string().starts_with("169.254."), "{question:?}");
        }
    }
}
