//! Layers on top of each other, patterns written out, and what is allowed.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Intent, MAX_EDGES};
use crate::{
    isolation::{Edge, End},
    model::{Container, Labels, Network, Protocol, ServiceKey},
    policy::{
        EgressTarget, Flow, GatewayMode, Layer, NetworkRule, Policy, Profile, Project, Publish, ServiceRule,
        examples::{published, snapshot, sound},
    },
};

pub(crate) fn key(text: &str) -> ServiceKey {
    let (project, service) = text.split_once('/').unwrap();
    ServiceKey { project: project.into(), service: service.into() }
}

fn edge(from: &str, to: End, port: u16) -> Edge {
    Edge { from: key(from), to, port, protocol: Protocol::Tcp }
}

fn flows(lines: &[&str]) -> Option<Vec<Flow>> {
    Some(lines.iter().map(|line| Flow::parse(line).unwrap()).collect())
}

fn rule(name: &str) -> ServiceRule {
    ServiceRule { name: name.into(), ..ServiceRule::default() }
}

fn policy(base: Layer, profiles: Vec<Profile>) -> Policy {
    let project = Project { name: "shop".into(), base, profiles, ..Project::default() };
    Policy { projects: vec![Arc::new(project)], ..Policy::default() }
}

fn named(container: Container, files: &str) -> Container {
    let files = ("com.docker.compose.project.config_files", files);
    let pairs: Vec<_> = container.labels.iter().chain([files]).map(|(key, value)| (key.into(), value.into())).collect();
    Container { labels: Labels::new(pairs), ..container }
}

#[test]
fn a_project_that_says_nothing_has_no_say() {
    let picture = snapshot(vec![sound("shop", "web")]);
    let of = |base: Layer| Intent::resolve(&policy(base, vec![]), &picture);
    assert_eq!(of(Layer { services: vec![rule("web")], ..Layer::default() }), Intent::default());
    let web = |change: fn(&mut ServiceRule)| {
        let mut rule = rule("web");
        change(&mut rule);
        Layer { services: vec![rule], ..Layer::default() }
    };
    for base in [
        Layer { flows: Some(vec![]), ..Layer::default() },
        Layer { host_reach: Some(vec![]), ..Layer::default() },
        Layer { networks: [("back".into(), NetworkRule::default())].into(), ..Layer::default() },
        web(|rule| rule.networks = Some(vec![])),
        web(|rule| rule.egress = Some(vec![])),
    ] {
        assert!(of(base).speaks_of(&key("shop/anybody")));
    }
    assert!(!of(web(|rule| rule.publish = Some(vec![]))).speaks_of(&key("shop/web")));
}

#[test]
fn profiles_lie_on_top_of_the_base() {
    let back = |internal, gateway| NetworkRule { internal, gateway, ..NetworkRule::default() };
    let base = Layer {
        services: vec![ServiceRule { networks: Some(vec!["back".into()]), ..rule("*") }, rule("web")],
        networks: [("back".into(), back(Some(true), Some(GatewayMode::Isolated)))].into(),
        flows: flows(&["web -> db:5432!"]),
        host_reach: Publish::parse("53/udp").map(|entry| vec![entry]),
    };
    let layer = Layer {
        services: vec![ServiceRule { egress: EgressTarget::parse("*:443").map(|to| vec![to]), ..rule("web") }],
        networks: [("back".into(), back(Some(false), None)), ("tools".into(), back(None, None))].into(),
        flows: flows(&["web -> mail:25"]),
        host_reach: Publish::parse("123/udp").map(|entry| vec![entry]),
    };
    let profile = Profile { name: "dev".into(), files: vec!["dev.yml".into()], layer };
    let policy = policy(base, vec![profile]);
    let of = |files: &str| {
        let containers = vec![named(sound("shop", "web"), files), named(sound("shop", "db"), files)];
        let intent = Intent::resolve(&policy, &snapshot(containers));
        intent.projects["shop"].clone()
    };
    let (plain, dev) = (of("/srv/compose.yml"), of("/srv/compose.yml,/srv/dev.yml"));
    assert_eq!(plain.networks["back"], back(Some(true), Some(GatewayMode::Isolated)));
    assert_eq!(dev.networks["back"], back(Some(false), Some(GatewayMode::Isolated)));
    assert_eq!((plain.networks.len(), dev.networks.len()), (1, 2));
    assert_eq!((plain.flows.unwrap().len(), dev.flows.unwrap().len()), (1, 2));
    assert_eq!((plain.host.len(), dev.host.len()), (1, 2));
    assert_eq!((plain.services["web"].egress.is_some(), dev.services["web"].egress.is_some()), (false, true));
    assert_eq!(plain.services["db"].networks, Some(vec!["back".into()]), "by the pattern");
    assert!(plain.hash != dev.hash && plain.hash.len() == 16);
    assert_eq!(plain.hash, of("/elsewhere/compose.yml").hash, "what runs does not count");
}

#[test]
fn patterns_are_written_out_over_services_of_policy_and_picture() {
    let base = Layer {
        services: vec![rule("*-worker"), rule("api"), rule("dns")],
        flows: flows(&[
            "*-worker -> api:8080!",
            "* -> dns:53/udp",
            "api -> data/store:9",
            "mon/prom -> api:9100",
            "mon/* -> api:1",
        ]),
        ..Layer::default()
    };
    let picture = snapshot(vec![sound("shop", "mail-worker"), sound("shop", "image-worker"), sound("mon", "prom")]);
    let intent = Intent::resolve(&policy(base, vec![]), &picture);
    let shown = |edges: Vec<Edge>| edges.iter().map(ToString::to_string).collect::<Vec<_>>();
    let required = ["shop/image-worker -> shop/api:8080", "shop/mail-worker -> shop/api:8080"];
    assert_eq!(shown(intent.required()), required);
    let allowed = [
        "mon/prom -> shop/api:9100",
        "shop/api -> data/store:9",
        "shop/api -> shop/dns:53/udp",
        "shop/image-worker -> shop/api:8080",
        "shop/image-worker -> shop/dns:53/udp",
        "shop/mail-worker -> shop/api:8080",
        "shop/mail-worker -> shop/dns:53/udp",
    ];
    assert_eq!(shown(intent.allowed()), allowed);
    assert_eq!(intent.service(&key("shop/api")).unwrap().ports.len(), 3, "8080, 9100 and 1 of flows");
    for edge in intent.allowed() {
        assert_eq!(intent.allows(&edge), Some(true), "{edge}");
    }
}

#[test]
fn patterns_are_written_out_so_far_and_no_further() {
    let base = Layer { flows: flows(&["* -> *:80"]), ..Layer::default() };
    let containers = (0..200).map(|number| sound("shop", &format!("s{number}"))).collect();
    let intent = Intent::resolve(&policy(base, vec![]), &snapshot(containers));
    assert_eq!(intent.allowed().len(), MAX_EDGES);
    assert_eq!(intent.allows(&edge("shop/s199", End::Service(key("shop/s198")), 80)), Some(true));
}

#[test]
fn what_is_allowed_is_named_implied_or_public() {
    let web = ServiceRule {
        publish: Publish::parse("8443").map(|entry| vec![entry]),
        egress: Some(
            ["10.0.0.0/8:25", "api.example.com:443"].iter().filter_map(|text| EgressTarget::parse(text)).collect(),
        ),
        ..rule("web")
    };
    let base = Layer {
        services: vec![web, rule("db"), rule("api")],
        flows: flows(&["web -> db:5432"]),
        host_reach: Publish::parse("53").map(|entry| vec![entry]),
        ..Layer::default()
    };
    let mut front = sound("shop", "web");
    front.ports.push(published(8443));
    let own = front.ports[0].container_port;
    let agent = sound("watch", "spyhop");
    let id = agent.id.clone();
    let picture = snapshot(vec![front, sound("shop", "db"), sound("other", "thing"), agent]);
    let intent = Intent::resolve(&policy(base, vec![]), &picture).with_agent(&picture, Some(id.as_str()));
    let service = |text: &str| End::Service(key(text));
    let outside = |text: &str| End::External(text.parse().unwrap());
    for (from, to, port, expected) in [
        ("shop/web", service("shop/db"), 5432, Some(true)),
        ("shop/web", service("shop/db"), 5433, Some(false)),
        ("shop/db", service("shop/web"), 5432, Some(false)),
        ("shop/db", service("shop/db"), 7000, Some(true)),
        ("shop/db", service("shop/web"), own, Some(true)),
        ("other/thing", service("shop/web"), own, Some(true)),
        ("other/thing", service("shop/db"), 5432, Some(false)),
        ("other/thing", service("other/more"), 1, None),
        ("shop/db", service("other/thing"), 1, Some(false)),
        ("watch/spyhop", service("shop/db"), 5432, Some(true)),
        ("shop/db", service("watch/spyhop"), 9477, Some(true)),
        ("shop/db", End::Agent, 9477, Some(true)),
        ("shop/web", End::Host, 53, Some(true)),
        ("shop/web", End::Host, 22, Some(false)),
        ("other/thing", End::Host, 22, None),
        ("shop/web", outside("10.1.2.3"), 25, Some(true)),
        ("shop/web", outside("203.0.113.9"), 443, Some(true)),
        ("shop/web", outside("203.0.113.9"), 80, Some(false)),
        ("shop/db", outside("203.0.113.9"), 443, Some(false)),
        ("shop/web", End::Unlisted("172.18.0.9".parse().unwrap()), 80, Some(false)),
    ] {
        let edge = edge(from, to, port);
        assert_eq!(intent.allows(&edge), expected, "{edge}");
    }
    let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect::<Vec<_>>();
    let out = |known: &[&str]| {
        let (address, names) = ("203.0.113.9".parse().unwrap(), names(known));
        intent.lets_out(&key("shop/web"), address, 443, Protocol::Tcp, Some(&names))
    };
    assert!(out(&["api.example.com"]) && !out(&["evil.example.com"]) && !out(&[]));
}

#[test]
fn who_says_nothing_of_flows_has_nothing_against_one() {
    let base = Layer { host_reach: Some(vec![]), ..Layer::default() };
    let intent = Intent::resolve(&policy(base, vec![]), &snapshot(vec![sound("shop", "web")]));
    assert_eq!(intent.allows(&edge("shop/web", End::Service(key("shop/db")), 1)), None);
    assert_eq!(intent.allows(&edge("shop/web", End::Unlisted("172.18.0.9".parse().unwrap()), 1)), None);
    assert_eq!(intent.allows(&edge("shop/web", End::Host, 1)), Some(false));
}

#[test]
fn a_network_is_found_by_either_name() {
    let back = NetworkRule { internal: Some(true), ..NetworkRule::default() };
    let networks = [("back".into(), back), ("outer_net".into(), NetworkRule::default())].into();
    let intent = Intent::resolve(&policy(Layer { networks, ..Layer::default() }, vec![]), &snapshot(vec![]));
    let of = |name: &str, project: Option<&str>| {
        let network = Network { name: name.into(), project: project.map(Into::into), ..Network::default() };
        intent.projects["shop"].network("shop", &network).map(|(name, _)| name.to_string())
    };
    assert_eq!(of("shop_back", None).as_deref(), Some("back"));
    assert_eq!(of("outer_net", Some("outer")).as_deref(), Some("outer_net"));
    assert_eq!((of("other_back", Some("other")), of("bridge", None)), (None, None));
}

proptest! {
    /// Whatever flows say: what they are written out to is what they allow.
    #[test]
    fn written_out_and_asked_one_by_one_is_the_same(
        lines in proptest::collection::vec("[abc*]{1,2} -> [abc*]{1,2}:[12](/udp)?!?", 0..6),
    ) {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let services = ["a", "b", "ab", "ca"];
        let base = Layer { flows: flows(&lines), ..Layer::default() };
        let containers = services.iter().map(|name| sound("shop", name)).collect();
        let intent = Intent::resolve(&policy(base, vec![]), &snapshot(containers));
        let allowed = intent.allowed();
        for from in services {
            for to in services.iter().filter(|to| **to != from) {
                for (port, protocol) in [(1, Protocol::Tcp), (1, Protocol::Udp), (2, Protocol::Tcp), (2, Protocol::Udp)] {
                    let to = End::Service(key(&format!("shop/{to}")));
                    let edge = Edge { from: key(&format!("shop/{from}")), to, port, protocol };
                    prop_assert_eq!(intent.allows(&edge), Some(allowed.contains(&edge)), "{}", edge);
                }
            }
        }
        prop_assert!(intent.required().iter().all(|edge| allowed.contains(edge)));
    }
}
