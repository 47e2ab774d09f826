//! The engine, an agent that reads one test's containers, and the receiver.

use std::{collections::BTreeMap, fs, time::Duration};

use crate::{
    loki::{Entry, Receiver},
    support::{
        agent::{Agent, Home},
        container::{Recipe, Role, Running},
        docker::{Docker, Turn},
        log_writer::Run,
        scene::binary,
        wait::{eventually, holds, within},
    },
};

/// See the head of this file.
pub(crate) struct Yard {
    pub(crate) agent: Agent,
    pub(crate) home: Home,
    pub(crate) docker: Docker,
    pub(crate) loki: Receiver,
    /// What containers print.
    pub(crate) lines: tempfile::TempDir,
    pub(crate) project: String,
}

impl Yard {
    /// On the real engine; `None`, after telling why, where there is none.
    pub(crate) fn or_skip() -> Option<Self> {
        Docker::or_skip(Turn::Shared).map(Self::on)
    }

    /// On this one.
    pub(crate) fn on(docker: Docker) -> Self {
        let project = docker.unique("logs");
        let loki = Receiver::usual();
        let more = format!(
            "loki:\n  url: {}\nlogs:\n  batch_wait: 100ms\n  events: false\n  own: false\n  include: [name={project}*]\n",
            loki.url()
        );
        let home = Home::with(&binary(), docker.socket(), &more);
        let agent = home.start();
        let lines = tempfile::tempdir().unwrap();
        Self { agent, home, docker, loki, lines, project }
    }

    /// A container of this test's, which finds the files of [`Self::give`] in `/lines`.
    pub(crate) fn container(&self, service: &str, script: &str) -> Recipe {
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
    pub(crate) fn give(&self, file: &str, run: &mut Run, lines: u64) {
        let text: String = (0..lines).map(|_| run.line() + "\n").collect();
        self.put(file, &text);
    }

    pub(crate) fn put(&self, file: &str, text: &str) {
        fs::write(self.lines.path().join(file), text).unwrap();
    }

    pub(crate) fn entries(&self, service: &str, stream: &str) -> Vec<Entry> {
        let streams = self.loki.streams().into_iter();
        let of = |labels: &BTreeMap<String, String>| {
            labels.get("service_name").is_some_and(|it| it == service)
                && labels.get("stream").is_some_and(|it| it == stream)
        };
        streams.filter(|stream| of(&stream.labels)).flat_map(|stream| stream.entries).collect()
    }

    pub(crate) fn texts(&self, service: &str, stream: &str) -> Vec<String> {
        self.entries(service, stream).into_iter().map(|entry| entry.line).collect()
    }

    /// Waits until so many lines are there, and gives them.
    #[track_caller]
    pub(crate) fn wait_for(&self, service: &str, stream: &str, lines: usize) -> Vec<String> {
        within(Duration::from_secs(60), "these lines", || {
            let texts = self.texts(service, stream);
            if texts.len() >= lines { Ok(texts) } else { Err(format!("{} of {lines} lines", texts.len())) }
        })
        .0
    }

    /// Waits until exactly these lines are there, in this order.
    #[track_caller]
    pub(crate) fn has(&self, service: &str, stream: &str, wanted: &[String]) {
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
    pub(crate) fn complete(&self, service: &str, run: &Run) {
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

    /// The agent ends in order, something happens, and it starts again.
    pub(crate) fn meanwhile(self, happens: impl FnOnce()) -> Self {
        let Self { agent, home, docker, loki, lines, project } = self;
        assert!(agent.terminate().success());
        happens();
        let agent = home.start();
        Self { agent, home, docker, loki, lines, project }
    }

    /// Containers whose lines come from there, as the agent counts them.
    pub(crate) fn through(&self, source: &str) -> f64 {
        self.agent.scrape().value("spyhop_logs_source_containers", &[("source", source)]).unwrap_or(0.0)
    }

    /// A gauge or count of a service of this test's, 0 where there is none.
    pub(crate) fn counted(&self, metric: &str, service: &str) -> f64 {
        let labels = [("project", self.project.as_str()), ("service", service)];
        self.agent.scrape().all(metric, &labels).map(|sample| sample.value).sum()
    }
}

/// Whether the container has said what it has to say.
pub(crate) fn said(yard: &Yard, container: &Running) -> Result<String, String> {
    yard.docker.cli(&["exec", &container.id, "sh", "-c", "test -e /said"])
}

pub(crate) fn wait_for_end(container: &Running) {
    container.act(&["wait"]);
}
