//! The decision table, row by row and version by version, and the page that is made from it.

mod rows;

use std::{fmt::Write as _, net::IpAddr, sync::Arc};

use proptest::prelude::*;

use self::rows::{Asks, DOCKER, PODMAN, PODMAN_ROWS, PORT, Row, V4, VERSIONS};
use super::{Engine, Family, Map, Over, Reach, Why, between, outside, to_host, ways};
use crate::{
    inventory::Snapshot,
    model::{Attachment, Container, Firewall, Gateway, Network, NetworkMode, Protocol, PublishedPort, Release},
    policy::examples::{snapshot, sound},
};

/// A network by its words.
pub(in crate::isolation) fn network(text: &str) -> Arc<Network> {
    let mut words = text.split(' ');
    let name = words.next().unwrap();
    let mut network = Network {
        id: format!("id-{name}").into(),
        name: name.into(),
        driver: Some("bridge".into()),
        ..Network::default()
    };
    for word in words {
        let options = &mut network.options;
        match word {
            "internal" => network.internal = Some(true),
            "v6" => network.ipv6 = Some(true),
            "noicc" => options.icc = Some(false),
            "default" => options.default_bridge = Some(true),
            "nomasq" => options.masquerade = Some(false),
            "inhibit" => options.inhibit_ipv4 = Some(true),
            "routed" => options.gateway_v4 = Some(Gateway::Routed),
            "unprotected" => options.gateway_v4 = Some(Gateway::NatUnprotected),
            "isolated" => options.gateway_v4 = Some(Gateway::Isolated),
            "isolated6" => options.gateway_v6 = Some(Gateway::Isolated),
            "isolate" => options.isolate = Some("true".into()),
            "noisolate" => options.isolate = Some("false".into()),
            "strict" => options.isolate = Some("strict".into()),
            "overlay" | "plugin" => network.driver = Some(word.into()),
            "macvlan" => (network.driver, options.parent) = (Some(word.into()), Some("eth0".into())),
            "ipvlan2" => (network.driver, options.parent) = (Some("ipvlan".into()), Some("eth1".into())),
            word if word.starts_with("of=") => network.project = word.strip_prefix("of=").map(Into::into),
            word => panic!("{word} is no option"),
        }
    }
    Arc::new(network)
}

/// A container of a service on networks, each with an address of its own there; `number` is the last part of it.
pub(in crate::isolation) fn container(
    project: &str,
    service: &str,
    text: &str,
    networks: &[Arc<Network>],
    number: u8,
) -> Container {
    let mut container = sound(project, service);
    container.network_mode = NetworkMode::Own("any".into());
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match word {
            "host" => container.network_mode = NetworkMode::Host,
            "none" => container.network_mode = NetworkMode::None,
            "exposed" => container.confinement.exposed = [(Protocol::Tcp, 80)].into(),
            "link" => container.confinement.links = ["/test-to-1:/test-from-1/db".into()].into(),
            word if word.starts_with('=') => {
                let whose = format!("test-{}-1", word.trim_start_matches('='));
                container.network_mode = NetworkMode::Container(whose.into());
            }
            word if word.starts_with("pub=") => {
                let host_ip = word.trim_start_matches("pub=").into();
                container.ports.push(PublishedPort {
                    container_port: 80,
                    protocol: "tcp".into(),
                    host_ip,
                    host_port: 8080,
                });
            }
            word => {
                let at = networks.iter().position(|network| *network.name == *word).expect("a network of that name");
                let network = &networks[at];
                let mut addresses = vec![IpAddr::from([172, 18, at as u8, number])];
                if network.ipv6 == Some(true) {
                    addresses.push(format!("fd00:{at}::{number}").parse().unwrap());
                }
                let (network, network_id) = (Arc::clone(&network.name), Some(Arc::clone(&network.id)));
                container.networks.push(Attachment { network, network_id, addresses, aliases: Vec::new() });
            }
        }
    }
    container
}

fn picture(row: &Row) -> Snapshot {
    let networks: Vec<_> = row.networks.iter().map(|text| network(text)).collect();
    let from = container("test", "from", row.from, &networks, 2);
    let to = container("test", "to", row.to, &networks, 3);
    Snapshot { networks, ..snapshot(vec![from, to]) }
}

fn engine((major, minor, patch): (u16, u16, u16), podman: bool) -> Engine {
    let firewall = Firewall { experimental: Some(podman), ..Firewall::default() };
    Engine { podman, release: Some(Release::new(major, minor, patch)), firewall, ..Engine::default() }
}

fn answer(row: &Row, version: (u16, u16, u16), podman: bool) -> Reach {
    let picture = picture(row);
    let map = Map::new(&picture);
    let [from, to] = [&picture.containers[0], &picture.containers[1]].map(|entry| map.standing(entry));
    let mut engine = engine(version, podman);
    (row.engine)(&mut engine);
    let best = |wanted: &dyn Fn(Over) -> bool| {
        let ways = ways(&engine, &from, &to, PORT).into_iter().filter(|way| wanted(way.over));
        Reach::best(ways.map(|way| way.reach)).unwrap_or(Reach::Closed(Why::NoAddress))
    };
    match row.asks {
        Asks::Address(family) => best(&|over| match over {
            Over::Loopback => true,
            Over::Shared(address) | Over::Across(address) => Family::of(address) == family,
            Over::Published(..) => false,
        }),
        Asks::Published => best(&|over| matches!(over, Over::Published(..))),
        Asks::Host(family) => to_host(&engine, &from, family),
        Asks::Outside => Reach::best(outside(&engine, &from).into_iter().map(|(_, reach)| reach)).unwrap(),
    }
}

fn check(rows: &[Row], versions: &[(u16, u16, u16)], podman: bool) {
    let mut wrong = String::new();
    for row in rows {
        assert_eq!(row.answers.len(), versions.len(), "{}", row.says);
        for (version, letter) in versions.iter().zip(row.answers.chars()) {
            let reach = answer(row, *version, podman);
            let word = match reach {
                Reach::Open(_) => 'o',
                Reach::Closed(_) => '-',
                Reach::Unknown(_) => '?',
            };
            if word != letter {
                writeln!(wrong, "{version:?}: {}: {reach}, and the table has {letter}", row.says).unwrap();
            }
        }
        let newest = answer(row, versions[versions.len() - 1], podman);
        if newest.why() != row.why {
            writeln!(wrong, "{}: {newest}, and the table has {:?}", row.says, row.why).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_row_holds_in_every_version_of_docker() {
    check(DOCKER, &VERSIONS, false);
}

#[test]
fn every_row_holds_in_every_version_of_podman() {
    check(PODMAN_ROWS, &PODMAN, true);
}

/// Whatever depends on the version is unknown without one, and nothing that does not.
#[test]
fn without_a_version_what_depends_on_it_is_unknown() {
    for row in DOCKER {
        let picture = picture(row);
        let map = Map::new(&picture);
        let [from, to] = [&picture.containers[0], &picture.containers[1]].map(|entry| map.standing(entry));
        let mut engine = Engine { release: None, ..engine(VERSIONS[0], false) };
        (row.engine)(&mut engine);
        let first = row.answers.chars().next().unwrap();
        let constant = row.answers.chars().all(|letter| letter == first);
        if row.asks == V4 && constant && first != '?' {
            let reach = between(&engine, &from, &to, PORT);
            assert!(!reach.is_unknown() || row.says.contains("routed"), "{}: {reach}", row.says);
        }
    }
}

fn markdown(rows: &[Row], versions: &[(u16, u16, u16)]) -> String {
    let heads: Vec<String> = versions.iter().map(|(major, minor, _)| format!("{major}.{minor}")).collect();
    let mut text = format!(
        "| situation | {} | why, in the last |\n|---|{}---|\n",
        heads.join(" | "),
        "---|".repeat(versions.len())
    );
    for row in rows {
        let cells: Vec<&str> = row
            .answers
            .chars()
            .map(|letter| match letter {
                'o' => "open",
                '-' => "-",
                _ => "?",
            })
            .collect();
        writeln!(text, "| {} | {} | {} |", row.says, cells.join(" | "), row.why.as_str()).unwrap();
    }
    text
}

/// `docs/reach.md` has the very rows that are tested here.
#[test]
fn the_page_is_in_step() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reach.md");
    let found = std::fs::read_to_string(&page).unwrap();
    let mut now = found.clone();
    for (mark, table) in [("docker", markdown(DOCKER, &VERSIONS)), ("podman", markdown(PODMAN_ROWS, &PODMAN))] {
        let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- end of {mark} -->"));
        let (head, rest) = now.split_once(&begin).unwrap();
        let (_, tail) = rest.split_once(&end).unwrap();
        now = format!("{head}{begin}\n{table}\n{end}{tail}");
    }
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&page, &now).unwrap();
    } else {
        assert!(found == now, "docs/reach.md is out of step: run again with UPDATE_GOLDEN=1");
    }
}

/// Every reason is one that some row, or a picture that lacks something, leads to; no text is there twice.
#[test]
fn reasons_are_told_apart() {
    let texts: std::collections::BTreeSet<_> = Why::ALL.iter().map(|why| why.as_str()).collect();
    assert_eq!(texts.len(), Why::ALL.len());
    assert!(texts.iter().all(|text| !text.ends_with('.') && !text.contains('|')));
}

#[test]
fn what_is_missing_from_the_picture_is_unknown() {
    let networks = [network("a"), network("b")];
    let from = container("test", "from", "a", &networks, 2);
    let to = container("test", "to", "b pub=0.0.0.0", &networks, 3);
    let lost = container("test", "lost", "=nobody", &networks, 4);
    let picture = Snapshot { networks: vec![Arc::clone(&networks[0])], ..snapshot(vec![from, lost, to]) };
    let map = Map::new(&picture);
    let [from, lost, to] = [0, 1, 2].map(|at| map.standing(&picture.containers[at]));
    let engine = engine(VERSIONS[0], false);
    assert_eq!(ways(&engine, &from, &to, PORT)[0].reach, Reach::Unknown(Why::UnknownNetwork));
    assert_eq!(between(&engine, &lost, &to, PORT), Reach::Unknown(Why::UnknownNetwork));
    assert_eq!(to_host(&engine, &lost, Family::V4), Reach::Unknown(Why::UnknownNamespace));
    assert_eq!(outside(&engine, &lost), [("", Reach::Unknown(Why::UnknownNamespace))]);
    assert_eq!(between(&engine, &to, &from, PORT), Reach::Unknown(Why::UnknownNetwork));
}

#[test]
fn a_ring_of_namespaces_ends() {
    let [one, two] = [("one", "=two"), ("two", "=one")].map(|(name, text)| container("test", name, text, &[], 2));
    let picture = snapshot(vec![one, two]);
    let map = Map::new(&picture);
    assert_eq!(map.standing(&picture.containers[0]).place, super::Place::Lost);
}

#[test]
fn the_engine_is_known_by_what_it_says() {
    let mut status = snapshot(vec![]).engine;
    assert_eq!(Engine::of(&status).name(), "Docker");
    status.version =
        Some(Arc::new(crate::model::EngineVersion { version: "5.8.6".into(), podman: true, ..Default::default() }));
    assert_eq!((Engine::of(&status).name().as_str(), Engine::of(&status).filters_ipv6()), ("Podman 5.8.6", Some(true)));
}

proptest! {
    /// No picture makes it panic, and a container reaches itself.
    #[test]
    fn whatever_stands_where_there_is_an_answer(
        options in proptest::collection::vec("(internal|v6|noicc|routed|unprotected|isolated|isolated6|overlay|macvlan|plugin|strict)( (internal|v6|noicc))?", 2),
        from in "(a|b|a b|host|none|=to)", to in "(a|b|a b|host|none|=from)( pub=(::|0\\.0\\.0\\.0|127\\.0\\.0\\.1|junk))?",
        version in prop::sample::select(VERSIONS.to_vec()), podman in any::<bool>(),
    ) {
        let networks = [network(&format!("a {}", options[0])), network(&format!("b {}", options[1]))];
        let (from, to) = (container("test", "from", &from, &networks, 2), container("test", "to", &to, &networks, 3));
        let picture = Snapshot { networks: networks.to_vec(), ..snapshot(vec![from, to]) };
        let map = Map::new(&picture);
        let [from, to] = [0, 1].map(|at| map.standing(&picture.containers[at]));
        let engine = engine(version, podman);
        let there = between(&engine, &from, &to, PORT);
        prop_assert!(!there.to_string().is_empty());
        let _out = (outside(&engine, &from), Family::ALL.map(|family| to_host(&engine, &from, family)));
        if from.place != super::Place::Lost {
            prop_assert_eq!(between(&engine, &from, &from, PORT), Reach::Open(Why::SameNamespace));
        }
    }
}
