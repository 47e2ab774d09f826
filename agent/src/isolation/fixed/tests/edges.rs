//! Holes of engines, what cannot be said, neighbours, and very many findings.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{
    super::{MAX_DRAFTS, excess, judge, look},
    Scene, hints, rule, scene,
};
use crate::{
    isolation::{intent::tests::key, reach::tests::network},
    model::{Mount, NetworkMode, Protocol, Shared},
};

#[test]
fn holes_of_the_engine_are_told_by_its_version() {
    let of = |version: &'static str, change: fn(&mut Scene)| {
        let mut scene = Scene { version, ..scene() };
        change(&mut scene);
        hints(&scene.look()).into_iter().collect::<Vec<_>>().join(", ")
    };
    let homes = "api forwarding, proxy forwarding";
    for (version, holes) in [
        ("20.10.24", " CVE-2024-29018,  CVE-2025-54410,  moby-45610, "),
        ("20.10.23", " CVE-2024-29018,  CVE-2025-54410,  moby-45610, "),
        ("23.0.11", " CVE-2025-54410,  moby-45610, "),
        ("24.0.9", " CVE-2024-29018,  CVE-2025-54410,  moby-45610, "),
        ("25.0.13", " moby-45610, "),
        ("27.5.1", " CVE-2025-54410,  moby-45610, "),
        ("28.0.0", ""),
        ("28.3.2", " CVE-2025-54388, "),
        ("28.3.3", ""),
        ("29.0.0", ""),
    ] {
        assert_eq!(of(version, |_| {}), format!("{holes}{homes}"), "{version}");
    }
    let lan = of("26.0.1", |scene| scene.network("shop_front").driver = Some("macvlan".into()));
    assert!(lan.contains("CVE-2024-32473"), "{lan}");
    let swarm = of("23.0.2", |scene| {
        let network = scene.network("shop_front");
        (network.driver, network.options.encrypted) = (Some("overlay".into()), Some(true));
    });
    assert!(swarm.contains("CVE-2023-28840"), "{swarm}");
    let nftables = of("29.0.0", |scene| scene.info.firewall.backend = Some("nftables".into()));
    assert!(nftables.contains("DOCKER-USER"), "{nftables}");
    let still = of("29.0.0", |scene| {
        scene.rule("proxy").multihomed = Some(true);
        scene.container("api").confinement.forwards = Some(false);
    });
    assert_eq!(still, "");
}

#[test]
fn what_cannot_be_said_is_a_gap() {
    let of = |change: fn(&mut Scene)| {
        let mut scene = scene();
        change(&mut scene);
        let judged = scene.look();
        assert!(judged.coverage("shop") < 1.0);
        judged.gaps.iter().map(|gap| gap.reason.clone()).collect::<Vec<_>>().join("; ")
    };
    for (change, part) in [
        ((|scene| scene.version = "dev") as fn(&mut Scene), "version is not known"),
        (|scene| scene.info.rootless = true, "behind the engine's own namespace"),
        (|scene| scene.info.operating_system = Some("Docker Desktop".into()), "Docker Desktop"),
        (|scene| scene.network("shop_front").driver = Some("overlay".into()), "spans a Swarm"),
        (|scene| scene.network("shop_front").driver = Some("weave".into()), "driver weave"),
        (|scene| drop(scene.networks.remove(0)), "does not describe network shop_front"),
        (|scene| scene.network("shop_back").internal = None, "does not say whether network back is internal"),
    ] {
        let gaps = of(change);
        assert!(gaps.contains(part), "{part} is not in {gaps}");
    }
}

#[test]
fn neighbours_without_a_flow_are_counted_once() {
    let mut scene = scene();
    scene.add("shop", "spy", "shop_data");
    scene.rules.push(rule("spy", &["data"]));
    let (intent, picture) = scene.intent();
    let listens = |ports: &[u16]| ports.iter().map(|port| (Protocol::Tcp, *port)).collect::<BTreeSet<_>>();
    let listeners = [
        (key("shop/db"), listens(&[5432])),
        (key("shop/api"), listens(&[80, 9, 10])),
        (key("shop/proxy"), listens(&[8080])),
    ];
    let drafts = excess(&intent, &picture, &listeners.into()).drafts;
    let found: Vec<_> =
        drafts.iter().map(|draft| (draft.service.service.to_string(), draft.subject.to_string())).collect();
    let pairs = [("api", "proxy"), ("db", "api"), ("proxy", "api"), ("spy", "api"), ("spy", "db")];
    let expected = pairs.map(|(from, to)| (from.to_owned(), to.to_owned()));
    assert_eq!(found.iter().cloned().collect::<BTreeSet<_>>(), expected.into(), "{found:?}");
    assert_eq!(found.len(), 5);
    // The published port of the proxy is meant for everybody; here it is another that listens.
    let proxy = drafts.iter().find(|draft| *draft.service.service == *"proxy").unwrap();
    assert!(proxy.message.contains("9/tcp, 10/tcp") && !proxy.message.contains("80/tcp"), "{}", proxy.message);
    for name in ["shop_data", "shop_back"] {
        scene.network(name).options.icc = Some(false);
    }
    let (intent, picture) = scene.intent();
    assert_eq!(excess(&intent, &picture, &[(key("shop/db"), listens(&[5432]))].into()).drafts, [], "nobody can");
}

#[test]
fn findings_have_a_ceiling() {
    let mut scene = scene();
    for number in 0..1_200 {
        let mut container = scene.containers[1].clone();
        container.identity.key.service = format!("s{number}").into();
        container.confinement.userns_host = true;
        container.confinement.pid = Shared::Host;
        container.confinement.ipc = Shared::Host;
        container.network_mode = NetworkMode::Host;
        let mount = |source: &str| Mount {
            kind: "bind".into(),
            source: source.into(),
            destination: "/x".into(),
            read_write: false,
        };
        container.mounts = vec![mount("/run")];
        scene.containers.push(container);
    }
    let (intent, picture) = scene.intent();
    let judged = look(&intent, &picture);
    assert_eq!(judged.drafts.len(), MAX_DRAFTS);
    assert!(judged.left_out >= 1_000, "{}", judged.left_out);
    assert_eq!(judge(&intent, &picture), judged.drafts);
}

proptest! {
    /// Whatever containers stand where: it ends, each finding is there once, and the same picture gives the same.
    #[test]
    fn whatever_is_there_is_judged(
        options in proptest::collection::vec("(internal|v6|noicc|routed|unprotected|isolated|overlay|macvlan|plugin)( (of=shop|of=other|v6))?", 3),
        places in proptest::collection::vec(("(shop|other)", "[abc]", "(n0|n1|n2|n0 n1|host|none|=x)( pub=(::|0\\.0\\.0\\.0|127\\.0\\.0\\.1))?"), 0..8),
        version in prop::sample::select(vec!["20.10.24", "26.1.5", "28.5.2", "29.0.0", "dev"]),
    ) {
        let mut scene = Scene { version, ..scene() };
        scene.networks = options.iter().enumerate().map(|(number, text)| network(&format!("n{number} {text}"))).collect();
        scene.containers.clear();
        for (project, service, text) in &places {
            scene.add(project, service, text);
        }
        let judged = scene.look();
        let keys: BTreeSet<_> = judged.drafts.iter().map(|draft| (draft.class, draft.service.clone(), draft.subject.clone())).collect();
        prop_assert_eq!(keys.len(), judged.drafts.len());
        prop_assert!((0.0..=1.0).contains(&judged.coverage("shop")));
        prop_assert_eq!(scene.look(), judged);
    }
}
