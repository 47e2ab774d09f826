//! Ten thousand containers, and some beyond: the ceiling holds, what is left out is counted, memory and time stay bounded.
//!
//! The engine is scripted: no machine of ours runs so many. Their processes do not exist here, so the page has everything the engine
//! tells and nothing from the kernel. The figures of a debug build are printed; `benches/README.md` has those of the release build.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::{
    fs,
    time::{Duration, Instant},
};

use support::{
    agent::Home,
    fake_engine::{FakeContainer, FakeEngine, World},
    scene::binary,
    wait::{factor, within},
};

/// What the agent takes, and what it does not.
const CEILING: usize = 10_000;
const BEYOND: usize = 25;

/// Most memory the agent ever had: a debug build with ten thousand containers of some twenty labels each.
const MAX_PEAK_BYTES: u64 = 400 << 20;

fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[test]
fn ten_thousand_containers_are_known_and_no_more() {
    let mut world = World::new();
    for number in 0..CEILING + BEYOND {
        let mut container = FakeContainer::new(&format!("crowd-{number}"))
            .compose("crowd", &format!("service-{}", number / 10), u32::try_from(number % 10 + 1).expect("small"))
            .running(4_000_000 + u32::try_from(number).expect("small"));
        for label in 0..16 {
            container = container.label(&format!("org.example.label-{label}"), "some words that a person wrote there");
        }
        world = world.with(container);
    }
    let engine = FakeEngine::start(world);
    let home = Home::new(&binary(), &engine.socket());
    let begun = Instant::now();
    let agent = home.open();
    within(Duration::from_secs(180).mul_f64(factor()), "the agent is ready", || {
        let answer = agent.get("/health/ready", &[]).map_err(|error| error.to_string())?;
        if answer.status == 200 { Ok(()) } else { Err(format!("{}: {}", answer.status, answer.text())) }
    });
    let ready = begun.elapsed();
    let begun = Instant::now();
    let page = agent.scrape();
    let scrape = begun.elapsed();
    assert_eq!(page.value("spyhop_inventory_containers", &[]), Some(10_000.0));
    let refused = page.value("spyhop_refused_total", &[("reason", "containers")]);
    assert!(refused >= Some(25.0), "{refused:?} counted as left out");
    assert_eq!(page.all("spyhop_container_info", &[]).count(), CEILING);
    assert_eq!(page.label_values("spyhop_service_replicas", "service").len(), CEILING / 10);
    // A life beyond the ceiling is refused, one below it is taken when there is room again.
    engine.run(FakeContainer::new("one-more").compose("late", "one-more", 1), 1);
    let peak = peak(agent.pid());
    println!(
        "ready after {:.1} s, a page of {} series after {:.2} s, {:.1} MiB now, {:.1} MiB at most",
        ready.as_secs_f64(),
        page.samples.len(),
        scrape.as_secs_f64(),
        agent.usage().rss as f64 / f64::from(1 << 20),
        peak as f64 / f64::from(1 << 20),
    );
    assert!(peak < MAX_PEAK_BYTES, "{peak} bytes at most");
}
