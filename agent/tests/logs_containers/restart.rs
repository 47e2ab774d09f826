//! The engine goes away and comes back while containers write.

use std::time::Duration;

use crate::{
    support::{
        container::Running,
        docker::{Docker, Turn},
        log_writer::Run,
        private_engine::PrivateEngine,
        wait::{eventually, holds, patience, within},
    },
    yard::Yard,
};

/// Pieces of output, with a pause behind each: what is written while the engine is away is more than the pipe between holds.
const PARTS: u64 = 60;
const LINES: u64 = 40;

/// [21] The engine ends, or is killed, twice, while its containers go on (live-restore) and write: what it has of them in the end has arrived,
/// once and in order, from files and through the API. What the engine lost is its own: of a line half taken when it was killed.
fn nothing_is_lost(how: &str, end: fn(&mut PrivateEngine)) {
    let Some(first) = Docker::or_skip(Turn::Alone) else { return };
    let Some(mut engine) = PrivateEngine::or_skip(true) else { return };
    let yard = Yard::on(engine.docker(&first));
    let writers = [("file", "json-file"), ("api", "local")].map(|(service, driver)| {
        let mut run = Run::new(service);
        (0..PARTS).for_each(|part| yard.give(&format!("{service}{part}"), &mut run, LINES));
        let script = format!(
            "for n in $(seq 0 {}); do cat /lines/{service}$n; sleep 0.1; done; echo end; sleep 1000",
            PARTS - 1
        );
        (service, run, yard.container(service, &script).options(&["--log-driver", driver]).start())
    });
    for (service, _, _) in &writers {
        eventually("it is read", || holds(!yard.texts(service, "stdout").is_empty(), || (*service).to_owned()));
    }
    for _ in 0..2 {
        end(&mut engine);
        eventually("the engine is gone", || yard.agent.scrape().expect("spyhop_engine_up", &[], 0.0));
        engine.start();
        within(patience() * 3, "the engine is back", || yard.agent.scrape().expect("spyhop_engine_up", &[], 1.0));
    }
    for (service, run, container) in &writers {
        within(Duration::from_secs(60), "all of it", || {
            let texts = yard.texts(service, "stdout");
            holds(texts.last().is_some_and(|last| last == "end"), || format!("{service}: {:?}", texts.last()))
        });
        let texts = yard.texts(service, "stdout");
        let kept = kept(&yard, container);
        let account = run.account(kept.iter().map(String::as_str));
        println!("{service}, {how}: {} lines; the engine lost {}", texts.len(), account.missing.len());
        assert_eq!(first_difference(&texts, &kept), None, "{service}");
        assert_eq!(account.twice, 0);
    }
}

/// What the engine has of a container's standard output.
fn kept(yard: &Yard, container: &Running) -> Vec<String> {
    yard.docker.run(&["logs", &container.id]).lines().map(str::to_owned).collect()
}

/// Where two lists part: the place, and what stands there.
fn first_difference<'a>(one: &'a [String], two: &'a [String]) -> Option<(usize, &'a str, &'a str)> {
    let text = |list: &'a [String], at: usize| list.get(at).map_or("nothing", String::as_str);
    let at = (0..one.len().max(two.len())).find(|at| one.get(*at) != two.get(*at))?;
    Some((at, text(one, at), text(two, at)))
}

#[test]
fn an_engine_that_restarts_costs_no_line() {
    nothing_is_lost("ended", PrivateEngine::stop);
}

#[test]
fn an_engine_that_is_killed_costs_no_line_it_had() {
    nothing_is_lost("killed", PrivateEngine::kill);
}
