//! The first reference system (four networks, thirteen containers) under every tier of the isolation checks.
//!
//! Promised: as it should be it has no violation and nothing is left unseen, whatever comes and goes; each of the violations that are
//! planted is found with its class, by a tier that can see it, within two looks, and is gone as fast once it is repaired.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test which cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod lab;
mod planted;

use std::{collections::BTreeMap, time::Duration};

use lab::{Lab, deadline};
use support::{
    motovault::System,
    netns_helper::is_root_or_skip,
    wait::{eventually, holds, within},
};

/// The running system, or nothing after telling why.
fn system(stem: &str, strangers: bool) -> Option<Lab> {
    if !is_root_or_skip() {
        return None;
    }
    let mut system = System::or_skip(stem, &["compose.yml"])?;
    system.composed.up();
    let lab = Lab::start(system, strangers);
    eventually("every mode has covered everything", || {
        let found = lab.coverage();
        let full = found.len() == 3 && found.values().all(|ratio| *ratio == 1.0);
        holds(full, || format!("{found:?}: {:#}", lab.isolation()["coverage"]))
    });
    Some(lab)
}

#[test]
fn as_it_should_be_it_has_no_violation_whatever_comes_and_goes() {
    let Some(lab) = system("clean", false) else { return };
    assert_eq!(lab.violations(), BTreeMap::new());
    let page = lab.agent.scrape_path("/metrics?collect[]=isolation");
    let mine = [("project", lab.system.composed.project.as_str())];
    let classes: Vec<_> = page.all("spyhop_isolation_violations", &mine).collect();
    assert_eq!(classes.len(), 10, "{classes:#?}");
    let violated = classes.iter().filter(|sample| sample.label("class") != "excess_reachability");
    assert!(violated.clone().all(|sample| sample.value == 0.0), "{classes:#?}");
    // Restarts, a new container, a stop: nothing of it is a violation, at any moment.
    for step in [
        &["restart", "mvp-platform-tenants", "platform-redis"][..],
        &["up", "--detach", "--force-recreate", "--no-deps", "admin-minio"],
        &["stop", "--timeout", "1", "admin-frontend"],
        &["start", "admin-frontend"],
    ] {
        lab.system.composed.run(step);
        let until = std::time::Instant::now() + deadline().min(Duration::from_secs(6));
        while std::time::Instant::now() < until {
            assert_eq!(lab.violations(), BTreeMap::new(), "after {step:?}");
            // A look at what stands there meanwhile, not a wait for anything.
            std::thread::sleep(support::wait::STEP * 10);
        }
    }
    within(deadline() * 2, "everything is covered again", || {
        let found = lab.coverage();
        holds(found.values().all(|ratio| *ratio == 1.0), || format!("{found:?}"))
    });
}

#[test]
fn what_is_planted_is_found_and_goes_when_repaired() {
    let Some(lab) = system("breaches", true) else { return };
    let baseline = lab.findings();
    let mut planted = 0;
    planted += planted::containers(&lab);
    planted += planted::policy(&lab);
    planted += planted::traffic(&lab);
    assert!(planted >= 25, "{planted} were planted");
    assert_eq!(lab.violations(), BTreeMap::new());
    let after: Vec<_> = lab.findings().into_keys().filter(|key| !baseline.contains_key(key)).collect();
    assert!(after.is_empty(), "left behind: {after:#?}");
}
