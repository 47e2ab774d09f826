//! The host as a whole: limits of all against what there is, and other agents that export the same.

use super::{Class, Court};
use crate::{model::Container, policy::Unit};

/// Names of images, and what of theirs we export too.
const DOUBLES: [(&str, &str); 3] =
    [("cadvisor", "container_*"), ("node-exporter", "node_*"), ("node_exporter", "node_*")];

pub(super) fn judge(court: &mut Court<'_>) {
    let running: Vec<&Container> =
        court.scene.snapshot.containers.iter().map(|entry| &entry.container).filter(|it| it.has_processes()).collect();
    overcommit(court, &running);
    if !court.looks(Class::WatchedTwice) {
        return;
    }
    for container in running {
        let name = container.image.rsplit('/').next().unwrap_or_default();
        let name = name.split([':', '@']).next().unwrap_or_default();
        if let Some((_, series)) = DOUBLES.iter().find(|(double, _)| *double == name) {
            let message = format!("{} exports {series} too", container.name);
            court.finds(Class::WatchedTwice, Some(&container.identity.key), "", message);
        }
    }
}

fn overcommit(court: &mut Court<'_>, running: &[&Container]) {
    let info = court.scene.snapshot.engine.info.clone();
    let limits = court.policy.checks.overcommit;
    let memory: f64 = running.iter().filter_map(|container| Some(container.limits.memory_bytes? as f64)).sum();
    let cpus: f64 = running.iter().filter_map(|container| container.limits.cpu_cores).sum();
    let there = |read: fn(&crate::model::EngineInfo) -> Option<u64>| Some(read(info.as_deref()?)? as f64);
    let resources = [
        ("memory", Unit::Bytes, memory, there(|info| info.memory_bytes), limits.memory),
        ("cpus", Unit::Cores, cpus, there(|info| info.cpus), limits.cpus),
    ];
    for (name, unit, promised, there, times) in resources {
        if !court.looks(Class::Overcommit) {
            return;
        }
        let Some(there) = there else {
            court.could_not(Class::Overcommit, None, format!("the engine does not say how much {name} the host has"));
            continue;
        };
        if promised > there * times {
            let promised = format!("limits of {name} come to {}", unit.show((promised * 100.0).round() / 100.0));
            let message = format!("{promised}, the host has {} and {times} times that is allowed", unit.show(there));
            court.finds(Class::Overcommit, None, name, message);
        }
    }
}
