//! What is asked of whom: labels and file laid on each other, states, ceilings, and ways that lead nowhere else.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use proptest::prelude::*;

use super::super::plan::{End, Id, MAX_PROBES, Plan, Unreachable, Wanted};
use crate::{
    inventory::{Entry, Snapshot},
    model::{Attachment, Container, ContainerState, Labels, Network, NetworkMode, RestartPolicy},
    policy::{
        Layer, Policy, Profile, Project, ServiceRule, Severity, Tier,
        examples::{snapshot, sound},
        probe::{Aim, Backend, Elsewhere, Probe},
    },
    targets::{NoWay, Standpoint, Way},
};

/// An agent on the host, which sees no route.
pub(in crate::probes) fn on_host() -> Standpoint {
    Standpoint::with_roots(true, Path::new("/nowhere"), Path::new("/nowhere")).listening_on(9477)
}

/// A container on the host's network with further labels.
pub(super) fn labelled(project: &str, service: &str, labels: &[(&str, &str)]) -> Container {
    let mut container = sound(project, service);
    let before: Vec<_> = container.labels.iter().map(|(key, value)| (key.into(), value.into())).collect();
    let more = labels.iter().map(|(key, value)| ((*key).into(), (*value).into()));
    container.labels = Labels::new(before.into_iter().chain(more));
    container.network_mode = NetworkMode::Host;
    container
}

fn probe(text: &str) -> Option<Arc<Probe>> {
    Some(Arc::new(Probe::new(Aim::parse(text).unwrap())))
}

fn rule(name: &str, probes: &[(&str, Option<&str>)]) -> ServiceRule {
    let probes = probes.iter().map(|(name, text)| ((*name).into(), text.and_then(probe)));
    ServiceRule { name: name.into(), probes: probes.collect(), ..ServiceRule::default() }
}

pub(super) fn policy(rules: Vec<ServiceRule>) -> Policy {
    let base = Layer { services: rules, ..Layer::default() };
    Policy {
        projects: vec![Arc::new(Project { name: "shop".into(), base, ..Project::default() })],
        ..Policy::default()
    }
}

fn plan(picture: &Snapshot, policy: &Policy) -> Plan {
    Plan::new(picture, policy, &on_host())
}

fn aims(plan: &Plan) -> BTreeMap<String, String> {
    let shown = |id: &Id| format!("{}/{}/{}", id.service, id.replica, id.probe);
    plan.wanted.iter().map(|(id, wanted)| (shown(id), wanted.target.to_string())).collect()
}

#[test]
fn the_file_wins_over_labels_and_profiles_over_the_file() {
    let labels =
        [("spyhop.probe.health", "http:8000/label"), ("spyhop.probe.extra", "tcp:1"), ("spyhop.probe.legacy", "tcp:2")];
    let picture = snapshot(vec![labelled("shop", "api", &labels), labelled("shop", "web", &[])]);
    let mut policy = policy(vec![
        rule("api", &[("health", Some("http:8000/file?token=1")), ("legacy", None)]),
        rule("*", &[("port", Some("tcp:80")), ("health", Some("http:80/all"))]),
    ]);
    let expected = [
        ("api/1/extra", "tcp://shop/api:1"),
        ("api/1/health", "http://shop/api:8000/file"),
        ("api/1/port", "tcp://shop/api:80"),
        ("web/1/health", "http://shop/web:80/all"),
        ("web/1/port", "tcp://shop/web:80"),
    ];
    let named = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    };
    assert_eq!(aims(&plan(&picture, &policy)), named(&expected));
    let layer = Layer { services: vec![rule("api", &[("health", Some("https:8443"))])], ..Layer::default() };
    let profile = Profile { name: "production".into(), files: Vec::new(), layer };
    Arc::make_mut(&mut policy.projects[0]).profiles.push(profile);
    policy.profiles.push("production".into());
    assert_eq!(aims(&plan(&picture, &policy))["api/1/health"], "https://shop/api:8443/health");
}

#[test]
fn intervals_are_the_probes_own_or_the_tiers() {
    let labels = [("spyhop.probe.usual", "tcp:1"), ("spyhop.probe.own", "tcp:2"), ("spyhop.probe.own.interval", "2s")];
    let mut policy = policy(vec![ServiceRule { tier: Some("1".into()), ..rule("api", &[]) }]);
    policy.tiers = vec![Arc::new(Tier {
        name: "1".into(),
        severity: Severity::Critical,
        limits: Default::default(),
        objectives: vec![],
    })];
    let picture = snapshot(vec![labelled("shop", "api", &labels), labelled("shop", "web", &labels)]);
    let plan = plan(&picture, &policy);
    let pace = |service: &str, probe: &str| {
        let found = plan.wanted.iter().find(|(id, _)| *id.service == *service && *id.probe == *probe).unwrap().1;
        (found.interval.as_secs(), found.timeout.as_secs())
    };
    assert_eq!([pace("api", "usual"), pace("api", "own"), pace("web", "usual")], [(5, 5), (2, 2), (15, 5)]);
}

fn only(plan: &Plan) -> &Wanted {
    assert_eq!(plan.wanted.len(), 1);
    plan.wanted.values().next().unwrap()
}

#[test]
fn states_of_a_container() {
    type Case = (&'static str, fn(&mut Entry), End);
    let cases: [Case; 7] = [
        ("died", |entry| entry.container.state = ContainerState::Exited, End::Down),
        ("between runs", |entry| entry.container.state = ContainerState::Restarting, End::Down),
        (
            "stopped",
            |entry| (entry.container.state, entry.stopped_by_person) = (ContainerState::Exited, true),
            End::Unreachable(Unreachable::Stopped),
        ),
        (
            "done",
            |entry| {
                entry.container.state = ContainerState::Exited;
                (entry.container.exit_code, entry.container.restart_policy) = (Some(0), RestartPolicy::No);
            },
            End::Unreachable(Unreachable::Stopped),
        ),
        ("made", |entry| entry.container.state = ContainerState::Created, End::Unreachable(Unreachable::NotStarted)),
        (
            "without a network",
            |entry| entry.container.network_mode = NetworkMode::Own("none".into()),
            End::Unreachable(Unreachable::NoWay(NoWay::NoAddress)),
        ),
        (
            "the agent's own port",
            |entry| entry.container.labels = labelled("shop", "api", &[("spyhop.probe.a", "http:9477")]).labels,
            End::Unreachable(Unreachable::Itself),
        ),
    ];
    for (what, change, expected) in cases {
        let mut picture = snapshot(vec![labelled("shop", "api", &[("spyhop.probe.a", "tcp:80")])]);
        change(Arc::make_mut(&mut picture.containers[0]));
        let plan = plan(&picture, &Policy::default());
        assert_eq!(only(&plan).end, expected, "{what}");
        assert_eq!(plan.intervals().is_empty(), matches!(expected, End::Unreachable(_)), "{what}");
    }
    let one_off = |container: &mut Container| container.identity.one_off = true;
    let mut container = labelled("shop", "api", &[("spyhop.probe.a", "tcp:80")]);
    one_off(&mut container);
    assert!(plan(&snapshot(vec![container]), &Policy::default()).wanted.is_empty(), "a shell beside a service is none");
}

#[test]
fn a_service_is_dialled_for_a_target_elsewhere() {
    let probe = probe("https:443/health").unwrap();
    let connect = Some(Backend { project: "edge".into(), service: "proxy".into(), port: 8443 });
    let target =
        Elsewhere { name: "site".into(), host: "shop.example".into(), probe, connect, family: None, tier: None };
    let policy = Policy { probes: vec![Arc::new(target.clone())], ..Policy::default() };
    let nobody = plan(&snapshot(Vec::new()), &policy);
    assert_eq!(only(&nobody).end, End::Unreachable(Unreachable::NoContainer));
    let mut picture = snapshot(vec![labelled("edge", "proxy", &[]), labelled("edge", "proxy", &[])]);
    Arc::make_mut(&mut picture.containers[0]).container.state = ContainerState::Dead;
    let plan_of = plan(&picture, &policy);
    let End::Container(Way::Address { at, .. }) = &only(&plan_of).end else { panic!("{:?}", only(&plan_of)) };
    assert_eq!((at.to_string().as_str(), &*only(&plan_of).name), ("127.0.0.1:8443", "shop.example"));
    assert_eq!(&*only(&plan_of).target, "https://shop.example:443/health");
    Arc::make_mut(&mut picture.containers[1]).container.state = ContainerState::Created;
    assert_eq!(only(&plan(&picture, &policy)).end, End::Down);
    let direct = Policy { probes: vec![Arc::new(Elsewhere { connect: None, ..target })], ..Policy::default() };
    assert_eq!(only(&plan(&picture, &direct)).end, End::Host("shop.example".into(), 443, None));
}

#[test]
fn there_is_a_ceiling_and_the_file_comes_first() {
    let keys: Vec<String> = (0..16).map(|n| format!("spyhop.probe.p{n}")).collect();
    let labels: Vec<_> = keys.iter().map(|key| (key.as_str(), "tcp:1")).collect();
    let containers = (0..140).map(|n| labelled("shop", &format!("s{n}"), &labels)).collect();
    let plan = plan(&snapshot(containers), &policy(vec![rule("s139", &[("file", Some("tcp:2"))])]));
    assert_eq!((plan.wanted.len(), plan.refused), (MAX_PROBES, 241));
    assert!(plan.wanted.keys().any(|id| &*id.probe == "file"));
    let twice = snapshot(vec![labelled("shop", "a", &labels), labelled("shop", "a", &labels)]);
    assert_eq!(self::plan(&twice, &Policy::default()).refused, 16);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Bridged containers with any labels at all: whoever is asked, it is the container itself.
    #[test]
    fn no_label_leads_to_another_address(
        values in proptest::collection::vec("(http|https|tcp|tls|redis|postgres):[0-9]{1,5}[/@:a-z0-9.%-]{0,30}|\\PC{0,60}", 1..8),
        options in proptest::collection::vec(("(interval|host|connect|server_name|address|url)", "[0-9a-z.:/]{0,20}"), 0..6),
    ) {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("proc/self/net")).unwrap();
        let route = "Iface\tDestination\nbr-aaaaaaaaaaaa\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        std::fs::write(root.path().join("proc/self/net/route"), route).unwrap();
        let standpoint = Standpoint::with_roots(true, &root.path().join("proc"), &root.path().join("sys"));
        let keys: Vec<String> = (0..values.len()).map(|n| format!("spyhop.probe.p{n}")).collect();
        let more: Vec<(String, &str)> =
            options.iter().map(|(key, value)| (format!("spyhop.probe.p0.{key}"), value.as_str())).collect();
        let labels: Vec<(&str, &str)> = keys.iter().map(String::as_str).zip(values.iter().map(String::as_str))
            .chain(more.iter().map(|(key, value)| (key.as_str(), *value))).collect();
        let mut container = labelled("shop", "api", &labels);
        container.network_mode = NetworkMode::Own("shop".into());
        let id: Arc<str> = "a".repeat(64).into();
        container.networks = vec![Attachment {
            network: "shop".into(),
            network_id: Some(Arc::clone(&id)),
            addresses: vec!["172.17.0.2".parse().unwrap()],
            aliases: Vec::new(),
        }];
        let mut picture = snapshot(vec![container]);
        picture.networks = vec![Arc::new(Network {
            id, name: "shop".into(), driver: Some("bridge".into()), scope: None, internal: None, subnets: Vec::new(),
            ..Network::default()
        })];
        let plan = Plan::new(&picture, &Policy::default(), &standpoint);
        for wanted in plan.wanted.values() {
            match &wanted.end {
                End::Container(Way::Address { at, .. }) => prop_assert_eq!(at.ip().to_string(), "172.17.0.2"),
                End::Unreachable(Unreachable::Mistake(_)) => {}
                other => prop_assert!(false, "{:?}", other),
            }
            prop_assert!(wanted.interval >= Duration::from_secs(1));
        }
    }
}
