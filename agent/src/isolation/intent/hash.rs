//! A word by which one intent is told from another: what is said counts, not what runs.

use std::{fmt::Write as _, sync::Arc};

use super::ProjectIntent;
use crate::policy::{Asked, Project};

/// Bytes of the digest that are shown.
const BYTES: usize = 8;

/// The word of a project: rules in force, in the order in which they win.
pub(super) fn of(project: &Project, asked: &Asked<'_>, intent: &ProjectIntent) -> Arc<str> {
    let mut text = String::new();
    // Writing to a string cannot fail. Each line begins with what it is about, so that no two files come to the same text.
    for (name, rule) in &intent.networks {
        let _infallible = writeln!(text, "network {name:?} {rule:?}");
    }
    let _infallible = writeln!(text, "flows {:?}", intent.flows.is_some());
    for flow in intent.flows.iter().flat_map(|flows| flows.values().flatten()) {
        let _infallible = writeln!(text, "flow {flow}");
    }
    for entry in &intent.host {
        let _infallible = writeln!(text, "host {entry}");
    }
    for rule in asked.layers(project).flat_map(|layer| &layer.services) {
        let _infallible = writeln!(
            text,
            "service {:?} {:?} {:?} {:?} {:?} {:?}",
            rule.name, rule.networks, rule.egress, rule.publish, rule.namespace, rule.multihomed
        );
    }
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect::<String>().into()
}
