//! Four compose files, four ways to start, one policy.

use super::{finds, guarded::Guarded, is_clean, once, support::system::System, watched::Watched};

const BASE: &str = "compose.yml";
const DEVELOPMENT: &str = "compose.override.yml";
const BETANET: &str = "compose.betanet.yml";

/// The ports of development, with whose they are.
const OPEN: [(&str, u16); 10] = [
    ("postgres", 5432),
    ("redis", 6379),
    ("backend", 8000),
    ("frontend", 3000),
    ("prometheus", 9090),
    ("grafana", 3001),
    ("loki", 3100),
    ("pgadmin", 5050),
    ("redis-commander", 8081),
    ("mailhog", 8025),
];

#[test]
fn development_alone_and_with_the_mixnet() {
    let Some(mut system) = System::of("fog-compute", "fog-dev", &[BASE, DEVELOPMENT]) else { return };
    system.composed.start();
    is_clean(&system, &[]);
    // By another name of its file it is not the development that the policy knows: each port is one too many.
    let unnamed = system.policy.replace("files: [compose.override.yml]", "files: [compose.other.yml]");
    let (code, found) = system.check(&unnamed);
    let open: Vec<_> = found.keys().filter(|line| line.contains(" port_unlisted ")).cloned().collect();
    let mut expected: Vec<_> =
        OPEN.iter().map(|(service, usual)| format!("{service} port_unlisted {}/tcp", system.ports[usual])).collect();
    expected.sort();
    assert_eq!((code, open), (Some(1), expected));

    // The add-on on top of what runs: what it brings is known from then on, and what was there stays as it was. Asked of an agent that was there
    // before: who looks for the first time does not know whose an address was a minute ago.
    let watched = Watched::start(&system);
    watched.all_is_well(7);
    system.restart_with(&[BASE, DEVELOPMENT, BETANET]);
    watched.all_is_well(10);
    assert_eq!(system.check(&system.policy), (Some(0), once::<&str>([])));
    assert_eq!(system.composed.run(&["ps", "--quiet"]).lines().count(), 15);
}

#[test]
fn production() {
    let Some(mut system) = System::of("fog-compute", "fog-prod", &[BASE, "compose.prod.yml"]) else { return };
    system.composed.up();
    is_clean(&system, &[]);
    let watched = Watched::start(&system);
    watched.all_is_well(10);
    let page = watched.agent.scrape();
    let valid = watched.mine(&page, "spyhop_probe_certificate_valid");
    assert_eq!(valid.len(), 3, "chain, names and time: {valid:#?}");
    assert!(valid.iter().all(|sample| sample.value == 1.0), "{valid:#?}");
    assert_eq!(watched.of_service(&page, "spyhop_probe_authentication_enforced", "backend"), Some(1.0));
    // Limits are asked for in production alone.
    let frugal = system.policy.replace("redis: { limits: { memory: 256MiB", "redis: { limits: { memory: 128MiB");
    assert_eq!(system.check(&frugal), (Some(1), once(["redis limit_wrong memory"])));
    if let Some(guarded) = Guarded::start(&system, &watched) {
        guarded.has_a_quiet_minute();
    }
}

#[test]
fn the_mixnet_beside_the_base() {
    let Some(mut system) = System::of("fog-compute", "fog-betanet", &[BASE, BETANET]) else { return };
    system.composed.up();
    is_clean(&system, &[]);
    assert_eq!(system.composed.run(&["ps", "--quiet"]).lines().count(), 12);
    // One after the other: nobody began before its predecessor was healthy.
    let began =
        |service: &str| system.composed.inspect(service)["State"]["StartedAt"].as_str().expect("a time").to_owned();
    let chain = ["betanet-mixnode-1", "betanet-mixnode-2", "betanet-mixnode-3", "betanet-client"].map(began);
    assert!(chain.is_sorted(), "{chain:?}");
    let watched = Watched::start(&system);
    watched.all_is_well(10);
}

#[test]
fn what_is_planted_is_named_once() {
    let files = [BASE, BETANET, "compose.violations.yml"];
    let Some(mut system) = System::of("fog-compute", "fog-planted", &files) else { return };
    system.composed.start();
    let expected = once([
        "betanet-mixnode-2 placement internal".to_owned(),
        "betanet-client unexpected_flow betanet-mixnode-3:9003/tcp".to_owned(),
        format!("backend exposure {}/tcp on 127.0.0.1", system.ports[&8090]),
        "backend secret_in_environment DATABASE_PASSWORD".to_owned(),
        "loki health_check_missing -".to_owned(),
        "grafana service_missing -".to_owned(),
    ]);
    finds(&system, &system.policy, expected);
    let watched = Watched::start(&system);
    watched.shows(&[
        ("placement", "betanet-mixnode-2"),
        ("unexpected_flow", "betanet-client"),
        ("exposure", "backend"),
        ("secret_in_environment", "backend"),
        ("health_check_missing", "loki"),
        ("service_missing", "grafana"),
    ]);
    let Some(guarded) = Guarded::start(&system, &watched) else { return };
    guarded.tells(&[
        ("SpyhopServiceDown", ("service", "grafana")),
        ("SpyhopIsolationWarning", ("class", "placement")),
        ("SpyhopIsolationWarning", ("class", "unexpected_flow")),
        ("SpyhopIsolationViolation", ("service", "backend")),
        ("SpyhopFindings", ("class", "health_check_missing")),
    ]);
    guarded.is_put_right(&mut system, &watched, &[BASE, BETANET]);
}
