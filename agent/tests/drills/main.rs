//! Fire drills: faults on the real engine, the real Prometheus with the rules which `spyhop render alerts` writes, the real Alertmanager with the
//! configuration of `alerts/`, and somebody at the other end who writes down what he is told.
//!
//! Promised: each fault is told under its own name, to the right receiver, with the labels of what is at fault, within its published time; nothing
//! else is told; what is no fault (a finished job, `down`, a scale-down, a deploy) is never told of; when a fault is mended its alert ends.
//!
//! All durations in the rules are multiplied by one factor. All drills run at the same time, on services of their own, beside controls.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an assumption that breaks fails the test, as it should"
)]

#[path = "../support/mod.rs"]
mod support;

mod disks;
mod drill;
mod probes;
mod published;
mod second;
mod services;
mod stage;
mod walls;

use std::{collections::BTreeSet, time::Instant};

use drill::{Drill, Expect};
use stage::Stage;
use support::{
    wait::{eventually, holds, patience, within},
    webhook::Told,
};

/// Alerts on the machine as a whole, which others use as well while the drills run.
const MACHINE: &[&str] = &[
    "SpyhopHostCpuPressure",
    "SpyhopHostIoPressure",
    "SpyhopHostMemoryPressure",
    "SpyhopCpuPressure",
    "SpyhopIoPressure",
    "SpyhopMemoryPressure",
    "SpyhopNetworkErrors",
];

/// Fires whenever all is well.
const WATCHDOG: &str = "SpyhopWatchdog";

#[test]
fn every_fault_is_told_and_nothing_else() {
    let Some(mut stage) = Stage::or_skip() else { return };
    let drills = drill::all();
    let mut running: Vec<_> = drills.iter().map(|drill| ((drill.prepare)(&stage), drill)).collect();
    let controls = services::controls(&stage);
    stage.open();

    // A stack in which nothing happens but what happens every day.
    stage.is_heard(WATCHDOG);
    controls.happen(&stage);
    second::restart(&stage);
    stage.quiet_for_scaled_minutes(10);
    let mut told = stage.told();
    // On a machine with much to do the second engine is away for longer than two scaled minutes.
    told.retain(|told| told.label("alertname") != "SpyhopEngineUnreachable");
    assert!(told.is_empty(), "nothing has happened yet: {told:#?}");

    let mut missing = Vec::new();
    for (props, drill) in &mut running {
        let began = Instant::now();
        (drill.inject)(&stage, props);
        println!("{}: done in {} ms", drill.name, began.elapsed().as_millis());
        missing.extend(drill.expected.iter().map(|expect| (drill.name, expect, began)));
    }
    all_told(&stage, missing);
    let unasked = unasked(&stage, &drills);
    assert!(unasked.is_empty(), "told without a reason:\n{unasked:#?}");

    // What broke last is mended first: the second engine, before what runs on it.
    let mut missing = Vec::new();
    for (props, drill) in running.iter_mut().rev() {
        let began = Instant::now();
        (drill.repair)(&stage, props);
        missing.extend(drill.then.iter().map(|expect| (drill.name, expect, began)));
    }
    all_told(&stage, missing);
    within(patience() * 5, "everything is well again", || {
        let left = stage.firing_of_ours();
        holds(left.is_empty(), || format!("{left:#?}"))
    });
    // The end is told too, to those who are told of ends.
    eventually("the ends are told", || {
        let all = stage.everything();
        let told_of_ends =
            drills.iter().flat_map(|drill| &drill.expected).filter(|expect| expect.receiver() != "digest");
        let open: Vec<_> = told_of_ends
            .filter(|expect| all.iter().rfind(|told| expect.is(&stage, told)).is_none_or(|last| last.firing))
            .map(|expect| expect.alert)
            .collect();
        holds(open.is_empty(), || format!("{open:?}"))
    });
    assert!(self::unasked(&stage, &drills).is_empty(), "{:#?}", self::unasked(&stage, &drills));

    // Last of all: nothing that the agent watches can be told any more.
    let down = &drill::AGENT_DOWN;
    let began = Instant::now();
    stage.stop_agent();
    within(stage.within(down), "agent: SpyhopAgentDown", || {
        holds(stage.told().iter().any(|told| down.is(&stage, told)), || stage.firing())
    });
    println!("agent: {} after {} ms", down.alert, began.elapsed().as_millis());
    let others: Vec<_> = stage.told().into_iter().filter(|told| told.at > began && !down.is(&stage, told)).collect();
    assert!(others.is_empty(), "an agent that is down is told once, and nothing for it: {others:#?}");
}

/// Waits until each was told, and holds the message against what it should say.
fn all_told(stage: &Stage, missing: Vec<(&str, &Expect, Instant)>) {
    for (name, expect, began) in missing {
        let limit = stage.within(expect).saturating_sub(began.elapsed());
        let (told, _) = within(limit, &format!("{name}: {} of {:?}", expect.alert, expect.labels), || {
            let told = stage.told();
            let found = told.iter().find(|told| told.at >= began && expect.is(stage, told)).cloned();
            found.ok_or_else(|| summary(&told) + &stage.firing())
        });
        let took = told.at.duration_since(began);
        println!("{name}: {} after {} ms", expect.alert, took.as_millis());
        assert!(
            took <= stage.within(expect),
            "{name}: {} after {took:?}, published {:?}",
            expect.alert,
            stage.within(expect)
        );
        expect.holds(stage, &told);
    }
}

/// What was told and belongs to no drill.
fn unasked(stage: &Stage, drills: &[Drill]) -> Vec<Told> {
    let explained = |told: &Told| {
        drills.iter().any(|drill| {
            drill.expected.iter().chain(&drill.then).any(|expect| expect.is(stage, told))
                || (drill.may.contains(&told.label("alertname")) && told.label("service") == drill.name)
        })
    };
    stage.told().into_iter().filter(|told| !explained(told)).collect()
}

fn summary(told: &[Told]) -> String {
    let line = |told: &Told| format!("{}/{} to {}", told.label("alertname"), told.label("service"), told.receiver);
    let lines: BTreeSet<String> = told.iter().map(line).collect();
    format!("told so far: {lines:#?}\n")
}
