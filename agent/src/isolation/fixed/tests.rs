//! A clean stack has nothing against it on any engine; each planted fault is one finding of the right class and subject.

mod edges;

use std::{collections::BTreeSet, sync::Arc};

use super::{Judged, look};
use crate::{
    inventory::Snapshot,
    isolation::{
        Draft, Intent,
        reach::tests::{container, network},
    },
    model::{Container, EngineInfo, EngineVersion, Firewall, Gateway, Mount, Network, NetworkMode, Protocol, Shared},
    policy::{
        Class, Flow, GatewayMode, Layer, NetworkRule, Policy, Project, Publish, ServiceRule, Sharing, With,
        examples::snapshot,
    },
};

/// The first reference system in small, as its policy and its compose file have it.
#[derive(Clone)]
struct Scene {
    rules: Vec<ServiceRule>,
    rule: NetworkRule,
    flows: Option<Vec<Flow>>,
    networks: Vec<Arc<Network>>,
    containers: Vec<Container>,
    version: &'static str,
    info: EngineInfo,
}

fn rule(name: &str, networks: &[&str]) -> ServiceRule {
    let networks = networks.iter().map(|name| Arc::from(*name)).collect();
    ServiceRule { name: name.into(), networks: Some(networks), ..ServiceRule::default() }
}

fn scene() -> Scene {
    let networks: Vec<_> = ["shop_front of=shop", "shop_back internal of=shop", "shop_data internal of=shop"]
        .iter()
        .map(|text| network(text))
        .collect();
    let of = |service: &str, on: &str, number| container("shop", service, on, &networks, number);
    let flows = ["proxy -> api:80", "api -> db:5432"];
    Scene {
        rules: vec![
            ServiceRule {
                publish: Publish::parse("127.0.0.1:8080").map(|port| vec![port]),
                ..rule("proxy", &["front", "back"])
            },
            rule("api", &["back", "data"]),
            ServiceRule { egress: Some(vec![]), ..rule("db", &["data"]) },
        ],
        rule: NetworkRule { internal: Some(true), ..NetworkRule::default() },
        flows: Some(flows.iter().filter_map(|line| Flow::parse(line)).collect()),
        containers: vec![
            of("proxy", "shop_front shop_back pub=127.0.0.1", 2),
            of("api", "shop_back shop_data", 3),
            of("db", "shop_data", 4),
        ],
        networks,
        version: "20.10.24+dfsg1",
        info: EngineInfo {
            firewall: Firewall { experimental: Some(false), ..Firewall::default() },
            ..EngineInfo::default()
        },
    }
}

impl Scene {
    fn container(&mut self, service: &str) -> &mut Container {
        self.containers.iter_mut().find(|container| *container.identity.key.service == *service).unwrap()
    }

    fn rule(&mut self, service: &str) -> &mut ServiceRule {
        self.rules.iter_mut().find(|rule| *rule.name == *service).unwrap()
    }

    fn network(&mut self, name: &str) -> &mut Network {
        Arc::make_mut(self.networks.iter_mut().find(|network| *network.name == *name).unwrap())
    }

    fn add(&mut self, project: &str, service: &str, text: &str) {
        let container = container(project, service, text, &self.networks, 9);
        self.containers.push(container);
    }

    fn intent(&self) -> (Intent, Snapshot) {
        let front = ("front".into(), NetworkRule::default());
        let inner = ["back", "data"].map(|name| (Arc::from(name), self.rule.clone()));
        let base = Layer {
            services: self.rules.clone(),
            networks: inner.into_iter().chain([front]).collect(),
            flows: self.flows.clone(),
            host_reach: None,
        };
        let project = Project { name: "shop".into(), base, ..Project::default() };
        let policy = Policy { projects: vec![Arc::new(project)], ..Policy::default() };
        let mut picture = Snapshot { networks: self.networks.clone(), ..snapshot(self.containers.clone()) };
        let version = EngineVersion { version: self.version.into(), ..EngineVersion::default() };
        (picture.engine.version, picture.engine.info) = (Some(Arc::new(version)), Some(Arc::new(self.info.clone())));
        (Intent::resolve(&policy, &picture), picture)
    }

    fn look(&self) -> Judged {
        let (intent, picture) = self.intent();
        look(&intent, &picture)
    }
}

/// Class, place and subject of what is worse than worth knowing.
fn shown(judged: &Judged) -> Vec<String> {
    let bad = judged.drafts.iter().filter(|draft| draft.class != Class::ExcessReachability);
    let line = |draft: &Draft| {
        format!("{} {}/{} {}", draft.class.as_str(), draft.service.project, draft.service.service, draft.subject)
    };
    bad.map(line).collect()
}

fn hints(judged: &Judged) -> BTreeSet<String> {
    let hints = judged.drafts.iter().filter(|draft| draft.class == Class::ExcessReachability);
    hints.map(|draft| format!("{} {}", draft.service.service, draft.subject)).collect()
}

#[test]
fn a_clean_stack_is_clean_on_every_engine() {
    for version in ["20.10.24", "23.0.6", "24.0.9", "25.0.5", "26.1.5", "27.5.1", "28.0.0", "28.5.2", "29.0.0"] {
        let judged = Scene { version, ..scene() }.look();
        assert_eq!(shown(&judged), [] as [&str; 0], "{version}");
        assert_eq!((judged.gaps.as_slice(), judged.left_out), ([].as_slice(), 0), "{version}");
        assert_eq!(judged.coverage("shop"), 1.0);
        assert!(judged.checked["shop"] > 10);
    }
}

#[test]
fn nobody_is_judged_without_a_say() {
    let picture = scene().intent().1;
    assert_eq!(look(&Intent::default(), &picture), Judged::default());
}

/// A fault, and what is found of it.
type Planted = (&'static str, fn(&mut Scene), &'static [&'static str]);

const PLANTED: &[Planted] = &[
    (
        "on a network too many",
        |scene| {
            let on = scene.container("proxy").networks[0].clone();
            scene.container("db").networks.push(on);
        },
        &["placement shop/db front", "egress shop/db front"],
    ),
    (
        "missing from a network",
        |scene| {
            scene.container("api").networks.truncate(1);
        },
        &["placement shop/api data"],
    ),
    ("a stranger on a network", |scene| scene.add("other", "spy", "shop_data"), &["placement other/spy data"]),
    ("a stranger without a project", |scene| scene.add("", "spy", "shop_back"), &["placement /spy back"]),
    (
        "a network that is not internal",
        |scene| {
            scene.network("shop_back").internal = Some(false);
        },
        &["internal_flag shop/ back"],
    ),
    (
        "a network that is routed",
        |scene| {
            scene.version = "28.5.2";
            scene.network("shop_front").options.gateway_v4 = Some(Gateway::Routed);
        },
        &["internal_flag shop/ front"],
    ),
    (
        "isolated for IPv4 alone",
        |scene| {
            (scene.version, scene.rule.gateway) = ("28.5.2", Some(GatewayMode::Isolated));
            for name in ["shop_back", "shop_data"] {
                let options = &mut scene.network(name).options;
                (options.gateway_v4, options.gateway_v6) = (Some(Gateway::Isolated), Some(Gateway::Isolated));
            }
            scene.network("shop_data").options.gateway_v6 = None;
        },
        &["internal_flag shop/ data"],
    ),
    (
        "isolated on an engine that cannot",
        |scene| {
            scene.rule.gateway = Some(GatewayMode::Isolated);
            for name in ["shop_back", "shop_data"] {
                let options = &mut scene.network(name).options;
                (options.gateway_v4, options.gateway_v6) = (Some(Gateway::Isolated), Some(Gateway::Isolated));
            }
        },
        &["internal_flag shop/ back", "internal_flag shop/ data"],
    ),
    (
        "a network with icc",
        |scene| {
            scene.rule.icc = Some(false);
            scene.network("shop_data").options.icc = Some(false);
        },
        &["internal_flag shop/ back"],
    ),
    (
        "icc off and not filtered",
        |scene| {
            (scene.rule.icc, scene.info.firewall.bridge_v4_off) = (Some(false), true);
            for name in ["shop_back", "shop_data"] {
                scene.network(name).options.icc = Some(false);
            }
        },
        &["internal_flag shop/ back", "internal_flag shop/ data"],
    ),
    (
        "a network with IPv6",
        |scene| {
            (scene.version, scene.rule.ipv6) = ("28.5.2", Some(false));
            scene.network("shop_back").ipv6 = Some(true);
        },
        &["internal_flag shop/ back"],
    ),
    (
        "a network of another driver",
        |scene| {
            scene.rule.driver = Some("overlay".into());
            scene.network("shop_back").driver = Some("overlay".into());
        },
        &["internal_flag shop/ data"],
    ),
    (
        "on the network of the host",
        |scene| {
            scene.container("api").network_mode = NetworkMode::Host;
            scene.container("api").networks.clear();
        },
        &["namespace shop/api network"],
    ),
    (
        "on the network of a neighbour",
        |scene| {
            scene.container("api").network_mode = NetworkMode::Container("test-to-1".into());
            scene.container("api").networks.clear();
            scene.container("db").name = "test-to-1".into();
        },
        &["namespace shop/api network"],
    ),
    (
        "with the processes of the host",
        |scene| {
            scene.container("api").confinement.pid = Shared::Host;
        },
        &["namespace shop/api pid"],
    ),
    (
        "with the memory of a neighbour",
        |scene| {
            scene.container("api").confinement.ipc = Shared::Container("gone".into());
        },
        &["namespace shop/api ipc"],
    ),
    (
        "with the ids of the host",
        |scene| {
            scene.container("api").confinement.userns_host = true;
        },
        &["namespace shop/api userns"],
    ),
    (
        "published on every address",
        |scene| {
            scene.container("proxy").ports[0].host_ip = "0.0.0.0".into();
        },
        &["exposure shop/proxy 8080/tcp on 0.0.0.0"],
    ),
    (
        "published on IPv6 as well",
        |scene| {
            let port = scene.container("proxy").ports[0].clone();
            scene.rule("proxy").publish = Publish::parse("0.0.0.0:8080").map(|port| vec![port]);
            let wide = |host_ip: &str| crate::model::PublishedPort { host_ip: host_ip.into(), ..port.clone() };
            scene.container("proxy").ports = vec![wide("0.0.0.0"), wide("::")];
        },
        &["exposure shop/proxy 8080/tcp on ::"],
    ),
    (
        "another port published",
        |scene| {
            let port = scene.container("proxy").ports[0].clone();
            scene.container("api").ports.push(port);
        },
        &["exposure shop/api 8080/tcp on 127.0.0.1"],
    ),
    (
        "the engine's socket",
        |scene| {
            let mount = |source: &str| Mount {
                kind: "bind".into(),
                source: source.into(),
                destination: "/x".into(),
                read_write: false,
            };
            scene.container("api").mounts = vec![mount("/var/run/docker.sock"), mount("/run")];
        },
        &["exposure shop/api /var/run/docker.sock", "exposure shop/api /run"],
    ),
    (
        "loopback opened by the engine",
        |scene| {
            (scene.version, scene.info.firewall.raw_off) = ("28.5.2", true);
        },
        &["exposure shop/proxy DOCKER_INSECURE_NO_IPTABLES_RAW"],
    ),
    (
        "open to all networks",
        |scene| {
            scene.version = "29.0.0";
            scene.networks.push(network("shop_far unprotected of=shop"));
            scene.rules.push(rule("far", &["far"]));
            scene.container("db").confinement.exposed = [(Protocol::Tcp, 5432)].into();
            scene.add("shop", "far", "shop_far exposed");
        },
        &["unexpected_reachability shop/proxy far:80/tcp"],
    ),
    (
        "IPv6 that an old engine does not keep apart",
        |scene| {
            scene.network("shop_data").ipv6 = Some(true);
            scene.network("shop_front").ipv6 = Some(true);
            scene.containers.clear();
            scene.add("shop", "proxy", "shop_front shop_back");
            scene.add("shop", "db", "shop_data");
        },
        &[
            "egress shop/db data",
            "unexpected_reachability shop/proxy db:5432/tcp",
            // Nothing is known of where it listens, and the way is open.
            "unexpected_reachability shop/db proxy",
        ],
    ),
    (
        "a way out that nobody listed",
        |scene| {
            scene.rule("proxy").egress = Some(vec![]);
        },
        &["egress shop/proxy front"],
    ),
];

#[test]
fn each_planted_fault_is_found_once() {
    for (name, plant, expected) in PLANTED {
        let mut scene = scene();
        plant(&mut scene);
        let judged = scene.look();
        assert_eq!(shown(&judged), *expected, "{name}\n{:#?}", judged.drafts);
        assert!(judged.drafts.iter().all(|draft| !draft.message.is_empty() && !draft.message.ends_with('.')), "{name}");
    }
    let classes: BTreeSet<&str> =
        PLANTED.iter().flat_map(|(.., found)| *found).filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(classes.len(), 6, "every class that is found without looking at sockets");
}

/// What the policy says of a service may be so.
#[test]
fn what_is_declared_is_no_finding() {
    let mut scene = scene();
    scene.rule("api").namespace = Sharing {
        network: Some(With::Service("db".into())),
        pid: Some(With::Host),
        ipc: Some(With::Container("gone".into())),
        userns: Some(With::Host),
    };
    let api = scene.container("api");
    (api.network_mode, api.networks) = (NetworkMode::Container("shop-db-1".into()), Vec::new());
    api.confinement.pid = Shared::Host;
    api.confinement.ipc = Shared::Container("gone".into());
    api.confinement.userns_host = true;
    assert_eq!(shown(&scene.look()), [] as [&str; 0]);
    scene.rule("api").namespace.network = Some(With::Service("proxy".into()));
    assert_eq!(shown(&scene.look()), ["namespace shop/api network"], "another service's");
}

#[test]
fn who_has_a_flow_or_is_the_agent_is_no_stranger() {
    let mut scene = scene();
    scene.add("watch", "prometheus", "shop_back");
    assert_eq!(shown(&scene.look()), ["placement watch/prometheus back"]);
    let (intent, picture) = scene.intent();
    let id = picture.containers.iter().find(|entry| *entry.container.identity.key.project == *"watch").unwrap();
    let as_agent = intent.with_agent(&picture, Some(id.container.id.as_str()));
    assert_eq!(shown(&look(&as_agent, &picture)), [] as [&str; 0]);
    scene.flows.as_mut().unwrap().push(Flow::parse("watch/prometheus -> api:9100").unwrap());
    assert_eq!(shown(&scene.look()), [] as [&str; 0]);
}

#[test]
fn what_nobody_is_asked_about_is_not_judged() {
    let mut scene = scene();
    scene.rules.iter_mut().for_each(|rule| (rule.networks, rule.egress) = (None, None));
    let on = scene.container("proxy").networks[0].clone();
    scene.container("db").networks.push(on);
    assert_eq!(shown(&scene.look()), [] as [&str; 0], "placement and ways out");
    scene.container("db").pid = None;
    scene.container("db").confinement.pid = Shared::Host;
    assert_eq!(shown(&scene.look()), [] as [&str; 0], "what does not run");
}
