//! `include`, `extends` and profiles; three environments; replicas.

use std::collections::BTreeMap;

use super::{
    finds,
    guarded::Guarded,
    is_clean, once,
    support::{
        page::Sample,
        system::System,
        wait::{eventually, holds},
    },
    watched::Watched,
};

const BASE: &str = "compose.yml";
const PRODUCTION: &str = "environments/production.yml";

#[test]
fn production_is_scaled_to_three_and_back() {
    let Some(mut system) = System::of("codiesvibe", "vibe-prod", &[BASE, PRODUCTION]) else { return };
    system.composed.up();
    is_clean(&system, &[]);
    let watched = Watched::start(&system);
    watched.all_is_well(7);
    let guarded = Guarded::start(&system, &watched);
    if let Some(guarded) = &guarded {
        guarded.has_a_quiet_minute();
    }
    for replicas in [3.0, 2.0] {
        let scale = format!("nestjs-api={replicas}");
        system.composed.run(&["up", "--detach", "--wait", "--no-recreate", "--scale", &scale]);
        eventually("as many run and are ready as were asked for", || {
            let page = watched.agent.scrape();
            let of_state =
                |sample: &&&Sample| sample.label("service") == "nestjs-api" && sample.label("state") == "running";
            let running = watched.mine(&page, "spyhop_service_replicas");
            let running = running.iter().find(of_state).map(|sample| sample.value);
            let expected = watched.of_service(&page, "spyhop_service_replicas_expected", "nestjs-api");
            let ready = watched.mine(&page, "spyhop_probe_success");
            let ready = ready.iter().filter(|sample| sample.label("service") == "nestjs-api" && sample.value == 1.0);
            let ready = ready.count() as f64;
            holds(running == Some(replicas) && ready == replicas, || {
                format!("{expected:?} are expected, {running:?} run, {ready} are ready")
            })
        });
        assert_eq!(watched.violations(), BTreeMap::new());
        is_clean(&system, &[]);
    }
}

#[test]
fn development_and_staging() {
    let Some(mut system) = System::of("codiesvibe", "vibe-dev", &[BASE, "environments/development.yml"]) else {
        return;
    };
    system.composed.up();
    // Meant to be written to, there.
    is_clean(&system, &["writable_root"]);
    let unnamed = system.policy.replace("files: [development.yml]", "files: [other.yml]");
    let (code, mut found) = system.check(&unnamed);
    found.retain(|line, _| !line.contains("writable_root"));
    let open = [("gateway", 4000), ("nestjs-api", 4001), ("fastify-api", 4002), ("mongodb", 27017), ("redis", 6379)];
    let open = open.map(|(service, usual)| format!("{service} port_unlisted {}/tcp", system.ports[&usual]));
    assert_eq!((code, found), (Some(1), once(open)));

    system.restart_with(&[BASE, "environments/staging.yml"]);
    is_clean(&system, &[]);
    assert_eq!(system.composed.run(&["ps", "--quiet"]).lines().count(), 5);
}

#[test]
fn what_is_planted_is_named_once() {
    let files = [BASE, PRODUCTION, "compose.violations.yml"];
    let Some(mut system) = System::of("codiesvibe", "vibe-planted", &files) else { return };
    system.composed.start();
    let expected = once([
        "nestjs-api replicas_excess -".to_owned(),
        "fastify-api secret_stale forgotten_key".to_owned(),
        format!("redis exposure {}/tcp on 127.0.0.1", system.ports[&6390]),
        "redis limit_wrong memory".to_owned(),
        "mongodb root_user -".to_owned(),
        "mongodb writable_root -".to_owned(),
        "gateway restart_policy_missing -".to_owned(),
    ]);
    finds(&system, &system.policy, expected);
    let watched = Watched::start_with(&system, "host:\n  rootfs: /\n");
    watched.shows(&[
        ("replicas_excess", "nestjs-api"),
        ("secret_stale", "fastify-api"),
        ("exposure", "redis"),
        ("limit_wrong", "redis"),
        ("root_user", "mongodb"),
        ("restart_policy_missing", "gateway"),
    ]);
    let Some(guarded) = Guarded::start(&system, &watched) else { return };
    guarded.tells(&[
        ("SpyhopIsolationViolation", ("service", "redis")),
        ("SpyhopFindings", ("class", "secret_stale")),
        ("SpyhopFindings", ("class", "limit_wrong")),
        ("SpyhopFindings", ("class", "root_user")),
        ("SpyhopFindings", ("class", "restart_policy_missing")),
    ]);
    guarded.is_put_right(&mut system, &watched, &[BASE, PRODUCTION]);
}
