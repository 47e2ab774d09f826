//! Lines of real containers arrive: how they end, how long their lines are, who wrote them, which driver keeps them.
//!
//! Numbers in brackets are those of the list in docs/decisions/0015-log-failures.md. Lines are made here and printed by the container,
//! so that each accounts for itself; containers of others on the same engine are not read.

#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/loki/mod.rs"]
mod loki;
mod support;

use std::{fs, time::Duration};

use loki::{Entry, Receiver};
use support::{
    agent::{Agent, Home},
    container::{Recipe, Role, Running},
    docker::{Docker, Turn},
    log_writer::{Run, line},
    scene::binary,
    wait::{eventually, holds, within},
};

/// The engine, an agent that reads this test's containers, and the receiver.
struct Yard {
    agent: Agent,
    home: Home,
    docker: Docker,
    loki: Receiver,
    /// What containers print.
    lines: tempfile::TempDir,
    project: String,
}

impl Yard {
    fn or_skip() -> Option<Self> {
        let docker = Docker::or_skip(Turn::Shared)?;
        let project = docker.unique("logs");
        let loki = Receiver::usual();
        let more = format!(
            "loki:\n  url: {}\nlogs:\n  batch_wait: 100ms\n  events: false\n  own: false\n  include: [name={project}*]\n",
            loki.url()
        );
        let home = Home::with(&binary(), docker.socket(), &more);
        let agent = home.start();
        let lines = tempfile::tempdir().unwrap();
        Some(Self { agent, home, docker, loki, lines, project })
    }

    /// A container of this test's, which finds the files of [`Self::give`] in `/lines`.
    fn container(&self, service: &str, script: &str) -> Recipe {
        let name = format!("{}-{service}", self.project);
        let volume = format!("{}:/lines:ro", self.lines.path().display());
        self.docker
            .container(service)
            .named(&name)
            .compose(&self.project, service, 1)
            .options(&["--network", "none", "--volume", &volume])
            .role(Role::Script(script.to_owned()))
    }

    /// Writes so many lines of a run into a file for containers.
    fn give(&self, file: &str, run: &mut Run, lines: u64) {
        let text: String = (0..lines).map(|_| run.line() + "\n").collect();
        self.put(file, &text);
    }

    fn put(&self, file: &str, text: &str) {
        fs::write(self.lines.path().join(file), text).unwrap();
    }

    fn entries(&self, service: &str, stream: &str) -> Vec<Entry> {
        let streams = self.loki.streams().into_iter();
        let of = |labels: &std::collections::BTreeMap<String, String>| {
            labels.get("service_name").is_some_and(|it| it == service)
                && labels.get("stream").is_some_and(|it| it == stream)
        };
        streams.filter(|stream| of(&stream.labels)).flat_map(|stream| stream.entries).collect()
    }

    fn texts(&self, service: &str, stream: &str) -> Vec<String> {
        self.entries(service, stream).into_iter().map(|entry| entry.line).collect()
    }

    /// Waits until exactly these lines are there, in this order.
    #[track_caller]
    fn has(&self, service: &str, stream: &str, wanted: &[String]) {
        eventually("these lines", || {
            let texts = self.texts(service, stream);
            let same = texts.iter().zip(wanted).take_while(|(text, wanted)| text == wanted).count();
            let short = |texts: &[String]| {
                let heads = texts
                    .iter()
                    .skip(same)
                    .map(|text| format!("{}:{}", text.len(), text.chars().take(30).collect::<String>()));
                heads.take(6).collect::<Vec<_>>()
            };
            holds(texts == wanted, || {
                let (there, all) = (texts.len(), wanted.len());
                format!(
                    "{service} {stream}: {there} of {all}, from line {same} on {:?} instead of {:?}",
                    short(&texts),
                    short(wanted)
                )
            })
        });
    }

    /// Waits for all lines of a run; fails unless each came once, whole and in order.
    #[track_caller]
    fn complete(&self, service: &str, run: &Run) {
        let account = || {
            let texts = self.texts(service, "stdout");
            run.account(texts.iter().map(String::as_str))
        };
        within(Duration::from_secs(60), "all lines", || {
            let account = account();
            holds(account.missing.is_empty(), || {
                format!("{} found, {} missing from {:?}", account.found, account.missing.len(), account.missing.first())
            })
        });
        account().is_complete(0);
    }
}

/// Whether the container has said what it has to say.
fn said(yard: &Yard, container: &Running) -> Result<String, String> {
    yard.docker.cli(&["exec", &container.id, "sh", "-c", "test -e /said"])
}

fn wait_for_end(container: &Running) {
    container.act(&["wait"]);
}

/// [14] Rotation at 64 KiB, some seven times a second: loss 0.
#[test]
fn a_storm_of_rotation_is_followed() {
    let Some(yard) = Yard::or_skip() else { return };
    let mut run = Run::new("storm");
    for part in 1..=60 {
        yard.give(&format!("storm{part}"), &mut run, 200);
    }
    // What is rotated away before anybody knows of the container is another matter. The pause leaves an unoptimised reader its share.
    let script = "echo here; until test -e /go; do sleep 0.1; done; for n in $(seq 60); do cat /lines/storm$n; sleep 0.1; done; sleep 1000";
    let container = yard
        .container("storm", script)
        .options(&["--log-driver", "json-file", "--log-opt", "max-size=64k", "--log-opt", "max-file=20"])
        .start();
    yard.has("storm", "stdout", &["here".to_owned()]);
    container.exec("touch /go");
    yard.complete("storm", &run);
    container.remove();
}

/// [15] Lines around 16 KiB, one of 90 KB across rotations, and long ones on both outputs at once: each is one line, to the byte.
#[test]
fn long_lines_come_whole() {
    let Some(yard) = Yard::or_skip() else { return };
    let sizes = [16_383, 16_384, 16_385, 32_768, 90_000, 90_000, 1];
    let out: Vec<String> = (0..).zip(sizes).map(|(at, size)| line("long", at, size)).collect();
    let err: Vec<String> = (0..20).map(|at| line("err", at, 40_000)).collect();
    let both: Vec<String> = (0..20).map(|at| line("out", at, 40_000)).collect();
    yard.put("long", &(out.join("\n") + "\n"));
    yard.put("out", &(both.join("\n") + "\n"));
    yard.put("err", &(err.join("\n") + "\n"));
    let container = yard
        .container("long", "cat /lines/long; cat /lines/out & cat /lines/err >&2; wait; sleep 1000")
        .options(&["--log-driver", "json-file", "--log-opt", "max-size=64k", "--log-opt", "max-file=100"])
        .start();
    yard.has("long", "stdout", &[out, both].concat());
    yard.has("long", "stderr", &err);
    container.remove();
}

/// [16] A last line without an end, and another run of the same container: two lines. A container killed in the middle of one: the fragment is
/// there within five seconds.
#[test]
fn a_line_without_an_end_is_a_line() {
    let Some(yard) = Yard::or_skip() else { return };
    let script = "if test -e /again; then echo bar; else touch /again; printf foo; fi";
    let container = yard.container("fragment", script).start();
    wait_for_end(&container);
    container.act(&["start"]);
    yard.has("fragment", "stdout", &["foo".to_owned(), "bar".to_owned()]);
    let killed = yard.container("killed", "printf 'half a li'; touch /said; sleep 1000").start();
    eventually("it has spoken", || said(&yard, &killed));
    killed.act(&["kill"]);
    let (_, took) = within(Duration::from_secs(5), "the fragment", || {
        let texts = yard.texts("killed", "stdout");
        holds(texts == ["half a li"], || format!("{texts:?}"))
    });
    println!("fragment after {} ms", took.as_millis());
}

/// [17] A terminal: CR is no part of lines, colours are gone, lines of 40 KB are whole.
#[test]
fn a_terminal_leaves_no_trace_in_lines() {
    let Some(yard) = Yard::or_skip() else { return };
    let long = line("tty", 0, 40_000);
    yard.put("tty", &format!("plain\n\u{1b}[31mred\u{1b}[0m line\n{long}\n"));
    let container = yard.container("tty", "cat /lines/tty; sleep 1000").options(&["--tty"]).start();
    yard.has("tty", "stdout", &["plain".to_owned(), "red line".to_owned(), long]);
    container.remove();
}

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

/// [26] Drivers: json-file is read from its files; `none` is said to be unreadable, and nothing retries.
#[test]
fn a_driver_that_keeps_nothing_is_left_alone() {
    let Some(yard) = Yard::or_skip() else { return };
    let mut run = Run::new("kept");
    yard.give("kept", &mut run, 100);
    let none = yard.container("none", "cat /lines/kept; sleep 1000").options(&["--log-driver", "none"]).start();
    let kept = yard.container("kept", "cat /lines/kept; sleep 1000").start();
    yard.complete("kept", &run);
    assert!(yard.texts("none", "stdout").is_empty());
    let unread = |page: support::page::Page| page.require("spyhop_logs_source_containers", &[("source", "none")]);
    assert_eq!(unread(yard.agent.scrape()), Ok(1.0));
    assert!(!yard.agent.log().contains("read a log file"), "{}", yard.agent.log());
    none.remove();
    kept.remove();
}

/// [26] The driver `local` has no file that anybody may read: the engine is asked, and nothing is lost or comes twice.
#[test]
fn a_driver_without_files_is_read_through_the_engine() {
    let Some(yard) = Yard::or_skip() else { return };
    let mut run = Run::new("local");
    yard.give("local", &mut run, 300);
    let container = yard.container("local", "cat /lines/local; sleep 1000").options(&["--log-driver", "local"]).start();
    yard.complete("local", &run);
    let through = |source: &str| yard.agent.scrape().value("spyhop_logs_source_containers", &[("source", source)]);
    assert_eq!((through("api"), through("file").unwrap_or(0.0)), (Some(1.0), 0.0));
    container.remove();
}

/// [28] Traces as programs print them, on both outputs: each is one entry.
#[test]
fn a_trace_of_a_real_program_is_one_entry() {
    let Some(yard) = Yard::or_skip() else { return };
    let python = [
        "Traceback (most recent call last):",
        "  File \"a.py\", line 1, in <module>",
        "    f()",
        "ValueError: no whale",
    ];
    let java = [
        "java.lang.IllegalStateException: no whale",
        "\tat a.B.c(B.java:1)",
        "Caused by: java.io.IOException: sea",
        "\t... 3 more",
    ];
    yard.put("python", &(python.join("\n") + "\n"));
    yard.put("java", &(java.join("\n") + "\n"));
    let script = "for n in 1 2 3; do cat /lines/python; echo between; cat /lines/java >&2; done; sleep 1000";
    let container = yard.container("traces", script).start();
    let out = [python.join("\n"), "between".to_owned()];
    yard.has("traces", "stdout", &[out.clone(), out.clone(), out].concat());
    let java = java.join("\n");
    yard.has("traces", "stderr", &[java.clone(), java.clone(), java]);
    container.remove();
}
