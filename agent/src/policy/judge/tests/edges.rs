//! What is not seen, not watched, not running, left over, or very large.

use super::*;

/// What cannot be seen is neither well nor missing.
#[test]
fn what_the_engine_does_not_describe_is_not_checked() {
    let mut picture = snapshot(vec![]);
    picture.undescribed = vec![(ContainerId::new("0123456789abcdef"), None)];
    let verdict = verdict_of(&policy(), &picture, None);
    assert!(verdict.findings.is_empty(), "{:?}", verdict.findings);
    let reasons: Vec<_> = verdict.not_checked.iter().map(|look| look.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "the engine does not describe container 0123456789ab",
            "it may be one of the containers which the engine does not describe"
        ]
    );
    let mut silent = sound("shop", "web");
    silent.confinement = Confinement::default();
    let verdict = verdict_of(&policy(), &snapshot(vec![silent]), None);
    assert_eq!((verdict.findings.len(), verdict.not_checked.len()), (0, 3), "user, privileges and root are not told");
}

#[test]
fn what_is_not_watched_is_not_missing() {
    let mut picture = snapshot(vec![]);
    picture.excluded = vec![sound("shop", "web").identity.key];
    assert_eq!(verdict_of(&policy(), &picture, None).findings.len(), 0);
    let filter =
        ContainerFilter { include: vec![crate::model::Pattern::parse("project=other").unwrap()], exclude: vec![] };
    let scene = Scene { snapshot: &snapshot(vec![]), now: now(), files: &Written(None), filter: &filter };
    assert_eq!(judge(&Arc::new(policy()), &scene).findings.len(), 0);
    // One that was run by hand is no replica.
    let mut by_hand = sound("shop", "web");
    by_hand.identity.one_off = true;
    let verdict = verdict_of(&policy(), &snapshot(vec![by_hand]), None);
    assert_eq!(verdict.findings.iter().map(|it| it.class).collect::<Vec<_>>(), [Class::ServiceMissing]);
}

#[test]
fn what_does_not_run_publishes_nothing() {
    let created = found(|policy, web| {
        project(policy).base.services[0].optional = Some(true);
        web.ports.push(published(5432));
        (web.state, web.pid) = (ContainerState::Created, None);
    });
    assert_eq!(created, []);
}

#[test]
fn the_tier_of_a_missing_service_is_known_and_a_label_asks_for_no_less_than_is_usual() {
    let verdict = verdict_of(&policy(), &snapshot(vec![]), None);
    assert_eq!(verdict.tiers.values().map(|tier| &**tier).collect::<Vec<_>>(), ["important"]);
    let loosened = found(|policy, web| {
        tier(policy).limits = Limits::default();
        project(policy).base.services[0].tier = None;
        let labels = web.labels.iter().map(|(key, value)| (key.into(), value.into()));
        web.labels = Labels::new(labels.chain([("spyhop.tier".into(), "important".into())]));
        web.limits = Given::default();
    });
    assert_eq!(loosened.iter().map(|(class, _)| *class).collect::<Vec<_>>(), ["limit_missing", "limit_missing"]);
}

#[test]
fn sums_do_not_overflow() {
    let mut huge = sound("shop", "web");
    huge.limits.memory_bytes = Some(u64::MAX);
    let mut other = huge.clone();
    other.id = ContainerId::new("other");
    let verdict = verdict_of(&Policy::default(), &snapshot(vec![huge, other]), None);
    assert!(verdict.findings.iter().any(|finding| finding.class == Class::Overcommit));
}

/// The newest container says how the project was started; what was left over from another way does not.
#[test]
fn leftovers_bring_no_profile_into_force() {
    let development =
        Profile { name: "development".into(), files: vec!["override.yml".into()], layer: Layer::default() };
    let mut policy = policy();
    project(&mut policy).profiles.push(development);
    let from = |service: &str, files: &str, second: i64| {
        let mut container = sound("shop", service);
        let labels = container.labels.iter().map(|(key, value)| (key.into(), value.into()));
        container.labels =
            Labels::new(labels.chain([("com.docker.compose.project.config_files".into(), files.into())]));
        container.created = Some(Timestamp::from_second(second).unwrap());
        container
    };
    let in_force = |containers| verdict_of(&policy, &snapshot(containers), None).profiles.len();
    let (base, both) = ("/srv/compose.yml", "/srv/compose.yml,/srv/override.yml");
    assert_eq!(in_force(vec![from("a", both, 1), from("b", base, 2)]), 0);
    assert_eq!(in_force(vec![from("a", base, 1), from("b", both, 2)]), 1);
    let mut never = from("c", both, 3);
    (never.state, never.pid) = (ContainerState::Created, None);
    assert_eq!(in_force(vec![from("a", base, 1), never]), 0);
}

/// As large as a file may be, it is judged in the time of a few pages.
#[test]
fn a_large_policy_costs_little() {
    let mut policy = policy();
    let services: Vec<_> = (0..2_000).map(|n| rule(&format!("service-{n}"))).collect();
    for number in 0..10 {
        let layer = Layer { services: services.clone(), ..Layer::default() };
        let name: Arc<str> = format!("p{number}").into();
        project(&mut policy).profiles.push(Profile { name: name.clone(), files: vec![], layer });
        policy.profiles.push(name);
    }
    let verdict = verdict_of(&policy, &snapshot(vec![]), None);
    assert_eq!(verdict.findings.len(), 2_001);
}

/// A port that cannot be published says why.
#[test]
fn ports_of_internal_networks_are_explained() {
    let message = |internal| {
        let mut policy = policy();
        project(&mut policy).base.services[0].publish = Publish::parse("80").map(|port| vec![port]);
        let mut web = sound("shop", "web");
        let on = |network: &str| crate::model::Attachment {
            network: network.into(),
            network_id: Some(network.into()),
            addresses: vec![],
            aliases: vec![],
        };
        web.networks = vec![on("back")];
        let network = crate::model::Network { id: "back".into(), name: "back".into(), internal, ..Default::default() };
        let picture = Snapshot { networks: vec![Arc::new(network)], ..snapshot(vec![web]) };
        verdict_of(&policy, &picture, Some(NOW)).findings[0].message.clone()
    };
    let plain = "port 80 is listed and not published";
    let why =
        "port 80 is listed and not published: all its networks are internal, and the engine publishes nothing there";
    assert_eq!([message(Some(false)), message(None), message(Some(true))], [plain, plain, why]);
}
