//! Two hundred containers within a minute leave nothing behind.
//!
//! Promised: no handle, no thread, no memory and no series of a removed container stays; no run is missed; and every page served
//! meanwhile is a correct one.

mod support;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use support::{
    agent::Agent,
    docker::{Docker, Fleet, Turn},
    scene::{Scene, and, service},
    wait::{STEP, eventually, factor, holds},
};

const WAVES: u32 = 10;
const WAVE: u32 = 20;
/// Growth of resident memory that is not called a leak: the allocator's own slack after two hundred containers.
const SLACK_BYTES: u64 = 2 * 1024 * 1024;

#[test]
fn two_hundred_containers_in_a_minute_leave_nothing() {
    let Some(scene) = Scene::or_skip(Turn::Alone) else { return };
    let of = service("churn", "many");
    // The first wave warms caches and pools up; what stays after it is not a leak.
    wave(&scene.docker).remove();
    settled(&scene.agent, WAVE);
    let before = (scene.agent.usage(), handles(&scene.agent));

    let start = Instant::now();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let scraping = scope.spawn(|| scrape_until(&scene.agent, &done));
        for _ in 0..WAVES {
            wave(&scene.docker).remove();
        }
        done.store(true, Ordering::SeqCst);
        println!("{} pages, {:?}", scraping.join().expect("every page is correct"), start.elapsed());
    });
    let took = start.elapsed();
    let minute = Duration::from_secs(60).mul_f64(factor());
    assert!(took < minute, "the engine took {took:?}: the promise is about a minute");

    settled(&scene.agent, WAVE * (WAVES + 1));
    let page = scene.agent.scrape();
    let runs = f64::from(WAVE * (WAVES + 1));
    assert_eq!(
        page.value("spyhop_service_exits_total", &and(&of, "class", "signal")),
        Some(runs),
        "every end is counted"
    );
    assert_eq!(page.value("spyhop_service_restarts_total", &of), Some(0.0));
    eventually("kernel files are closed", || {
        let now = handles(&scene.agent);
        holds(now <= before.1, || format!("before {:?}, now {now:?}", before.1))
    });
    // Without a scrape: each takes a thread out of the workers, and another stays around for a while.
    eventually("handles, threads and memory are back", || {
        let (now, before) = (scene.agent.usage(), &before.0);
        let back =
            now.handles <= before.handles && now.threads <= before.threads && now.rss <= before.rss + SLACK_BYTES;
        holds(back, || format!("before {before:?}, now {now:?}"))
    });
}

fn wave(docker: &Docker) -> Fleet {
    let recipe = |number: u32| {
        let recipe = docker.container("churn").compose("churn", "many", number);
        // Making and unmaking networks is what takes an engine longest: every second one must do.
        if number.is_multiple_of(2) { recipe } else { recipe.options(&["--network", "none"]) }
    };
    docker.fleet((1..=WAVE).map(recipe).collect())
}

/// Waits until the agent has counted so many runs and none of their containers is left.
fn settled(agent: &Agent, runs: u32) {
    let of = service("churn", "many");
    eventually("all runs are counted and gone", || {
        let page = agent.scrape();
        page.expect("spyhop_service_starts_total", &of, f64::from(runs))?;
        page.absent("spyhop_container_info", &of)?;
        let left = page.all("container_last_seen", &[("container_label_com_docker_compose_project", "churn")]).count();
        holds(left == 0, || format!("{left} containers still have series"))
    });
}

fn handles(agent: &Agent) -> Option<u64> {
    agent.scrape().one("spyhop_open_handles", &[]).and_then(|sample| sample.raw.parse().ok())
}

/// Scrapes without pause; panics on a page that is wrong. How many there were.
fn scrape_until(agent: &Agent, done: &AtomicBool) -> usize {
    let mut pages = 0;
    while !done.load(Ordering::SeqCst) {
        agent.scrape();
        pages += 1;
        thread::sleep(STEP);
    }
    pages
}
