//! Containers that are stopped, started, short-lived, removed, or not heard of.

use crate::{
    support::{
        container::Role,
        log_writer::Run,
        wait::{eventually, holds},
    },
    yard::{Yard, said, wait_for_end},
};

/// [18] Stop, start, restart, pause, update, rename: loss 0, nothing twice, and the stream is the same throughout.
#[test]
fn a_container_that_is_stopped_and_started_goes_on() {
    let Some(yard) = Yard::or_skip() else { return };
    let mut run = Run::new("again");
    for part in 0..9 {
        yard.give(&format!("part{part}"), &mut run, 200);
    }
    // Each run prints the next part.
    let script =
        "trap 'exit 0' TERM; n=0; test -e /n && n=$(cat /n); cat /lines/part$n; echo $((n + 1)) >/n; sleep 1000 & wait";
    let container = yard.container("again", script).start();
    let printed = |parts: usize| {
        eventually("the container has printed", || {
            let n = yard.docker.cli(&["exec", &container.id, "sh", "-c", "cat /n"])?;
            holds(n.trim() == parts.to_string(), || format!("{n} of {parts}"))
        });
    };
    printed(1);
    for parts in 2..=5 {
        container.act(&["stop"]);
        container.act(&["start"]);
        printed(parts);
    }
    container.act(&["pause"]);
    container.act(&["unpause"]);
    container.act(&["update", "--cpu-shares", "512"]);
    yard.docker.run(&["rename", &container.name, &format!("{}-renamed", yard.project)]);
    for parts in 6..=9 {
        container.act(&["restart"]);
        printed(parts);
    }
    yard.complete("again", &run);
    let streams = yard.loki.streams();
    assert_eq!(streams.iter().filter(|stream| stream.labels["service_name"] == "again").count(), 1, "{streams:?}");
    container.remove();
}

/// [19] Containers that print and are gone at once (`run --rm`): those that lived for 200 ms lose nothing; of those that did not, it says how many.
#[test]
fn short_lives_are_read() {
    let Some(yard) = Yard::or_skip() else { return };
    const LIVES: u64 = 12;
    let mut run = Run::new("short");
    for life in 0..LIVES {
        yard.give(&format!("life{life}"), &mut run, 100);
    }
    let names: Vec<String> = (0..LIVES).map(|life| format!("short-{life}")).collect();
    std::thread::scope(|scope| {
        for quarter in names.chunks(3) {
            let yard = &yard;
            scope.spawn(move || {
                for name in quarter {
                    let life = name.trim_start_matches("short-");
                    let script = format!("cat /lines/life{life}; sleep 0.2");
                    // The engine removes it; removing it once more is no failure.
                    let container = yard.container(name, &script).compose(&yard.project, "short", 1).options(&["--rm"]);
                    drop(container.start().disowned());
                }
            });
        }
    });
    let account = || {
        let texts = yard.texts("short", "stdout");
        run.account(texts.iter().map(String::as_str))
    };
    eventually("all lives", || {
        let account = account();
        holds(account.missing.is_empty(), || format!("{} found, missing {:?}", account.found, account.missing.len()))
    });
    let account = account();
    assert_eq!((account.twice, account.broken), (0, 0));
}

/// [20] Removed while Loki is away and nothing of it was sent: what was read or held open arrives all the same.
#[test]
fn a_removed_container_is_read_to_its_end() {
    let Some(yard) = Yard::or_skip() else { return };
    let mut run = Run::new("gone");
    yard.loki.refuse();
    yard.give("gone", &mut run, 5000);
    let container = yard.container("gone", "cat /lines/gone; touch /said; sleep 1000").start();
    eventually("it has spoken", || said(&yard, &container));
    container.remove();
    yard.loki.listen();
    yard.complete("gone", &run);
}

/// [22] Events that nobody heard: containers which came, and printed, while the agent was away are read from their beginning.
#[test]
fn what_happened_while_nobody_listened_is_found() {
    let Some(yard) = Yard::or_skip() else { return };
    let mut run = Run::new("unheard");
    yard.give("unheard", &mut run, 300);
    let Yard { agent, home, docker, loki, lines, project } = yard;
    agent.kill();
    let volume = format!("{}:/lines:ro", lines.path().display());
    let recipe = docker
        .container("unheard")
        .named(&format!("{project}-unheard"))
        .compose(&project, "unheard", 1)
        .options(&["--network", "none", "--volume", &volume])
        .role(Role::Script("cat /lines/unheard".to_owned()));
    let container = recipe.start();
    wait_for_end(&container);
    let agent = home.start();
    let yard = Yard { agent, home, docker, loki, lines, project };
    yard.complete("unheard", &run);
    container.remove();
}
