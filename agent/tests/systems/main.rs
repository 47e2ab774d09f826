//! The stand-ins of the reference systems (`compose/systems`) on the real engine, held against their policies. The first has tests of its own
//! (`motovault.rs`, `isolation_system`).
//!
//! Promised of each: it is what its policy says, in each of the ways it is started; all of it can be looked at; each of its probes answers;
//! what is planted in it is named, each thing once. A healthy minute of it is no news to anybody (fifty minutes of the rules' time); what is planted is
//! told by the real Prometheus and Alertmanager, and its end too.

#![expect(clippy::expect_used, reason = "a test which cannot go on has failed")]

#[path = "../support/loki/mod.rs"]
mod loki;
#[path = "../support/otlp_backend/mod.rs"]
mod otlp_backend;
#[path = "../support/mod.rs"]
mod support;

mod cloud_native;
mod codiesvibe;
mod fog_compute;
mod guarded;
mod motovault_small;
mod watched;

use std::collections::BTreeMap;

use support::{
    system::System,
    wait::{eventually, holds},
};

/// Findings as `service class subject`, each of them once.
fn once<T: ToString>(lines: impl IntoIterator<Item = T>) -> BTreeMap<String, usize> {
    lines.into_iter().map(|line| (line.to_string(), 1)).collect()
}

/// As it should be: nothing is found, and nothing could not be looked at. `worth_knowing` may be found beside that, where it is so on purpose.
#[track_caller]
fn is_clean(system: &System, worth_knowing: &[&str]) {
    let (code, mut found) = system.check_isolation(&system.policy);
    found.retain(|line, _| !worth_knowing.iter().any(|known| line.contains(known)));
    assert_eq!((code, found), (Some(0), BTreeMap::new()));
}

/// Exactly these are found. Connections among them have to be made first.
#[track_caller]
fn finds(system: &System, policy: &str, expected: BTreeMap<String, usize>) {
    eventually("exactly what is planted", || {
        let found = system.check_isolation(policy);
        holds(found == (Some(1), expected.clone()), || format!("{found:#?}"))
    });
}

/// Each variable of a compose file has a value in the policy of a run, and no other line is touched.
#[test]
fn a_policy_is_written_for_other_names_and_ports() {
    let Some(system) = System::of("fog-compute", "renamed", &["compose.yml"]) else { return };
    let original =
        std::fs::read_to_string(support::compose::file("systems/fog-compute/policy.yml")).expect("its policy");
    let changed: Vec<_> =
        original.lines().zip(system.policy.lines()).filter(|(before, after)| before != after).collect();
    assert_eq!(original.lines().count(), system.policy.lines().count());
    let published = original.matches("publish: [").count();
    assert_eq!(changed.len(), published + 1, "each port, and the project's name: {changed:#?}");
    assert!(system.policy.contains(&format!("publish: [{}, {}]", system.ports[&80], system.ports[&443])));
}
