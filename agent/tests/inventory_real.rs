//! The inventory over the real engine: what a reader sees within a second of the command line's return.
//!
//! `lifecycle.rs` holds the same promise for the page. Here is what a page says of only indirectly, or not at all: who was
//! stopped by a person, runs that are over before anybody can look, containers which are nobody's replica, and networks.

#![expect(clippy::expect_used, reason = "helpers of tests")]

mod support;

use std::sync::Arc;

use spyhop::{
    engine::{Address, Engine},
    inventory::{self, Entry, Reader, ServiceEntry, Settings},
    model::{ContainerState, Durations},
    telemetry::Metrics,
};
use support::{
    container::{Role, Running},
    docker::{Docker, Turn},
    wait::{eventually, holds, promptly},
};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// An inventory of the real engine.
struct Watched {
    docker: Docker,
    reader: Reader,
    shutdown: CancellationToken,
    // Dropped last: the task ends in it.
    _runtime: Runtime,
}

impl Watched {
    fn or_skip() -> Option<Self> {
        let docker = Docker::or_skip(Turn::Shared)?;
        let runtime = Runtime::new().expect("a runtime");
        let (reader, metrics, shutdown) = (Reader::new(), Metrics::default(), CancellationToken::new());
        let address = Address::parse(&format!("unix://{}", docker.socket().display())).expect("an address");
        let engine = Engine::new(address, metrics.clone()).expect("a handle");
        let (settings, reader_end, stop) = (Settings::default(), reader.clone(), shutdown.clone());
        runtime.spawn(inventory::watch(engine, settings, reader_end, metrics, || {}, stop));
        eventually("the first inventory", || {
            holds(reader.load().engine.connected, || format!("{:?}", reader.load().engine))
        });
        Some(Self { docker, reader, shutdown, _runtime: runtime })
    }

    fn entry(&self, container: &Running) -> Option<Arc<Entry>> {
        let snapshot = self.reader.load();
        snapshot.containers.iter().find(|entry| entry.container.id.as_str() == container.id).cloned()
    }

    fn service(&self, name: &str) -> Option<Arc<ServiceEntry>> {
        self.reader.load().services.iter().find(|entry| &*entry.key.service == name).cloned()
    }

    /// Within a second the container is as expected.
    #[track_caller]
    fn shows(&self, what: &str, container: &Running, expected: impl Fn(&Entry) -> bool) {
        promptly(what, || {
            let entry = self.entry(container);
            holds(entry.as_ref().is_some_and(|entry| expected(entry)), || format!("{entry:?}"))
        });
    }

    /// Within a second the service is as expected.
    #[track_caller]
    fn counts(&self, what: &str, name: &str, expected: impl Fn(&ServiceEntry) -> bool) {
        promptly(what, || {
            let entry = self.service(name);
            holds(entry.as_ref().is_some_and(|entry| expected(entry)), || format!("{entry:?}"))
        });
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

#[test]
fn who_was_stopped_by_a_person() {
    let Some(watched) = Watched::or_skip() else { return };
    let container = watched.docker.container("stopped").start();
    let name = container.name.clone();
    watched.shows("a start", &container, |entry| entry.container.state == ContainerState::Running);
    container.act(&["kill", "--signal", "HUP"]);
    container.act(&["pause"]);
    watched.shows("a pause", &container, |e| e.container.state == ContainerState::Paused && !e.stopped_by_person);
    container.act(&["unpause"]);
    container.act(&["restart", "--time", "1"]);
    watched.shows("a restart", &container, |entry| {
        entry.container.state == ContainerState::Running && !entry.stopped_by_person
    });
    watched.counts("a restart", &name, |entry| (entry.counters.starts, entry.counters.restarts) == (2, 1));
    container.act(&["stop", "--time", "1"]);
    let podman = watched.docker.product().is_podman();
    if watched
        .docker
        .product()
        .leaves_out(podman, "it announces no stop: who ended a program that ended well is not told")
    {
        watched.shows("an end", &container, |entry| !entry.container.has_processes());
    } else {
        watched.shows("a stop", &container, Entry::stopped);
        watched.counts("a stop", &name, |e| (e.expected, e.running, e.stopped) == (1, 0, 1));
    }
    container.act(&["start"]);
    watched.shows("a start", &container, |e| e.container.has_processes() && !e.stopped_by_person);
    container.act(&["kill"]);
    watched.shows("a kill", &container, Entry::stopped);
    watched.counts("all of it", &name, |entry| {
        let counters = &entry.counters;
        (counters.starts, counters.restarts, counters.exits.iter().sum::<u64>()) == (3, 2, 3)
    });
}

#[test]
fn a_run_that_is_over_before_anybody_looks_is_counted() {
    let Some(watched) = Watched::or_skip() else { return };
    let name = watched.docker.unique("short");
    let (service, image) = (format!("{name}-service"), watched.docker.image().to_owned());
    let labels = [format!("com.docker.compose.service={service}"), format!("{}={name}", support::docker::OWNER)];
    for code in ["0", "3"] {
        let script = format!("exit {code}");
        let mut arguments = vec!["run", "--rm", "--label", &labels[0], "--label", &labels[1]];
        arguments.extend([image.as_str(), "sh", "-c", &script]);
        let ended = watched.docker.cli(&arguments);
        let product = watched.docker.product();
        if !product.leaves_out(product.is_podman_4(), "the exit code of `run --rm` gets lost on the way") {
            assert_eq!(ended.is_ok(), code == "0", "{ended:?}");
        }
    }
    watched.counts("both runs", &service, |entry| {
        let counters = &entry.counters;
        (counters.starts, counters.restarts, counters.exits) == (2, 0, [1, 1, 0, 0]) && entry.running == 0
    });
}

#[test]
fn who_is_nobodys_replica() {
    let Some(watched) = Watched::or_skip() else { return };
    let name = watched.docker.unique("replica");
    let replica = watched.docker.container("replica").compose("", &name, 1).start();
    let one_off = watched.docker.container("oneoff").compose("", &name, 1);
    let one_off = one_off.label("com.docker.compose.oneoff", "True").start();
    let hidden = watched.docker.container("hidden").compose("", &name, 2).label("spyhop.enable", "false").start();
    watched.shows("the one-off", &one_off, |entry| entry.container.state == ContainerState::Running);
    watched.shows("the replica", &replica, |entry| entry.replica.as_ref() == "1");
    watched.counts("the service", &name, |e| (e.expected, e.running, e.counters.starts) == (1, 1, 1));
    assert!(watched.entry(&hidden).is_none(), "excluded from everything");
}

#[test]
fn the_newer_of_two_that_claim_one_identity_has_it() {
    let Some(watched) = Watched::or_skip() else { return };
    let name = watched.docker.unique("twins");
    let [older, newer] = ["older", "newer"].map(|stem| watched.docker.container(stem).compose("", &name, 1).start());
    watched.shows("the newer", &newer, |entry| entry.replica.as_ref() == "1");
    watched.shows("the older", &older, |entry| *entry.replica == *older.name);
    watched.counts("the service", &name, |entry| (entry.expected, entry.running) == (1, 2));
    newer.remove();
    watched.shows("the older alone", &older, |entry| entry.replica.as_ref() == "1");
}

#[test]
fn networks_come_and_go() {
    let Some(watched) = Watched::or_skip() else { return };
    let name = watched.docker.unique("net");
    let product = watched.docker.product();
    let known = || watched.reader.load().networks.iter().any(|network| *network.name == *name);
    let owner = format!("{}={name}", support::docker::OWNER);
    watched.docker.run(&["network", "create", "--internal", "--label", &owner, &name]);
    let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        if !product
            .leaves_out(product.is_podman_4(), "it announces no networks: one is known when a container joins it")
        {
            promptly("a new network", || holds(known(), || "not there".to_owned()));
        }
        let container = watched.docker.container("joins").start();
        watched.docker.run(&["network", "connect", &name, &container.name]);
        watched.shows("joined", &container, |e| e.container.networks.iter().any(|n| *n.network == *name));
        eventually("a network in use", || holds(known(), || "not there".to_owned()));
        watched.docker.run(&["network", "disconnect", "--force", &name, &container.name]);
        watched.shows("left", &container, |e| e.container.networks.iter().all(|n| *n.network != *name));
    }));
    watched.docker.run(&["network", "rm", &name]);
    seen.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    if product
        .leaves_out(product.is_podman_4(), "it announces no networks: a removed one is known for up to five minutes")
    {
        return;
    }
    promptly("no network", || holds(!known(), || "still there".to_owned()));
}

#[test]
fn forty_at_once_are_seen_and_forgotten() {
    let Some(watched) = Watched::or_skip() else { return };
    let name = watched.docker.unique("many");
    let recipe = |number: u32| watched.docker.container("many").compose("", &name, number);
    let fleet = watched.docker.fleet((1..=40).map(recipe).collect());
    watched.counts("all", &name, |entry| (entry.running, entry.counters.starts) == (40, 40));
    fleet.remove();
    watched.counts("none", &name, |entry| entry.running == 0 && entry.counters.exits.iter().sum::<u64>() == 40);
    let counters = watched.service(&name).map(|entry| entry.counters);
    assert_eq!(counters.map(|counters| (counters.starts, counters.restarts)), Some((40, 0)));
}

#[test]
fn what_was_taken_down_and_what_vanished() {
    let Some(watched) = Watched::or_skip() else { return };
    let podman = watched.docker.product().is_podman();
    if watched.docker.product().leaves_out(podman, "it announces no stop: nobody can tell it from an end") {
        return;
    }
    let down = watched.docker.container("down").start();
    let vanished = watched.docker.container("vanished").start();
    let names = [&down, &vanished].map(|container| container.name.clone());
    for container in [&down, &vanished] {
        watched.shows("a start", container, |entry| entry.container.state == ContainerState::Running);
    }
    down.act(&["stop", "--time", "1"]);
    down.act(&["rm"]);
    vanished.act(&["rm", "--force"]);
    let [down, vanished] = names;
    let all = |entry: &ServiceEntry| (entry.expected, entry.running, entry.stopped);
    watched.counts("stopped and removed", &down, |entry| all(entry) == (1, 0, 1));
    watched.counts("removed while it ran", &vanished, |entry| all(entry) == (1, 0, 0));
}

#[test]
fn how_long_a_start_and_a_failover_take() {
    let Some(watched) = Watched::or_skip() else { return };
    // Healthy from its second second on; ended from within, and begun again by its restart policy.
    let container = watched
        .docker
        .container("paced")
        .role(Role::Script("rm -f /up; trap 'exit 3' TERM; sleep 2; touch /up; sleep 100000 & wait".into()))
        .options(&["--health-cmd", "test -e /up", "--health-interval", "500ms", "--restart", "always"])
        .start();
    let name = container.name.clone();
    let seconds = |durations: &Durations| (durations.count(), durations.sum.as_secs());
    eventually("the first start", || {
        let entry = watched.service(&name);
        let startup = entry.as_ref().map(|entry| seconds(&entry.counters.startup));
        holds(matches!(startup, Some((1, 2..=8))), || format!("{entry:?}"))
    });
    // Detached: what ends the container may take with it whoever asked.
    watched.docker.run(&["exec", "--detach", &container.id, "sh", "-c", "kill 1"]);
    eventually("the start after its end", || {
        let entry = watched.service(&name);
        let counters =
            entry.as_ref().map(|entry| (seconds(&entry.counters.startup), seconds(&entry.counters.failover)));
        holds(matches!(counters, Some(((2, _), (1, 2..=12)))), || format!("{entry:?}"))
    });
}
