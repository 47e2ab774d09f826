//! An engine that keeps its events in a file, and turns the file over when it is full.
//!
//! Podman without journald does: a megabyte, of which the younger half is kept. Version 5 then loses some events and tells others twice,
//! version 4 ends the stream. Promised: every life is counted once, as long as the half that is kept reaches back to what is known. Docker
//! keeps 256 events in memory, which a few lives fill as well.
//!
//! A file of its own: the events which other tests count with the command line would be lost and told twice too.

mod support;

use support::{
    docker::Turn,
    scene::{Scene, and, replica, service},
    wait::{eventually, promptly},
};

#[test]
fn a_file_of_events_that_is_full_costs_no_count() {
    let Some(scene) = Scene::or_skip(Turn::Alone) else { return };
    let product = scene.docker.product();
    let ends = product.leaves_out(product.is_podman_4(), "it ends the stream when its file of events is full");
    // A life is five events with all labels. Version 5 begins to repeat itself with the second turnover; version 4 has to keep what
    // happens while the agent connects anew.
    let (words, lives) = if ends { (6_000, 40_u32) } else { (20_000, 24) };
    let (who, of) = (replica("turnover", "wordy", "1"), service("turnover", "wordy"));
    let wordy = scene.docker.container("wordy").compose("turnover", "wordy", 1).label("words", &"x".repeat(words));
    let container = wordy.start();
    for _ in 1..lives {
        container.act(&["kill"]);
        container.act(&["wait"]);
        container.act(&["start"]);
    }
    container.act(&["pause"]);
    eventually("every life", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_service_starts_total", &of, lives.into())?;
        page.expect("spyhop_service_exits_total", &and(&of, "class", "signal"), (lives - 1).into())?;
        page.expect("spyhop_container_state", &and(&who, "state", "paused"), 1.0)
    });
    container.act(&["unpause"]);
    container.act(&["kill"]);
    promptly("the last", || {
        let page = scene.agent.scrape();
        page.expect("spyhop_service_starts_total", &of, lives.into())?;
        page.expect("spyhop_service_exits_total", &and(&of, "class", "signal"), lives.into())
    });
    if !ends {
        assert_eq!(scene.agent.scrape().value("spyhop_engine_reconnects_total", &[]), Some(0.0));
    }
}
