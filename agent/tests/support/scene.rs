//! What most tests begin with: the engine, and an agent that watches it.

use std::path::Path;

use super::{
    agent::{Agent, Home},
    docker::{Docker, Turn},
};

/// The binary under test: `SPYHOP_BIN`, such as a release build, else the one cargo has built for this test.
pub fn binary() -> String {
    let built = || option_env!("CARGO_BIN_EXE_spyhop").map(str::to_owned);
    let Some(path) = std::env::var("SPYHOP_BIN").ok().or_else(built) else {
        panic!("cargo tells integration tests where the binary is");
    };
    path
}

/// An engine and a ready agent.
#[derive(Debug)]
pub struct Scene {
    /// The agent; goes first.
    pub agent: Agent,
    /// Its configuration and state.
    pub home: Home,
    /// The engine.
    pub docker: Docker,
}

impl Scene {
    /// On the real engine; `None`, after telling why, where there is none.
    pub fn or_skip(turn: Turn) -> Option<Self> {
        let docker = Docker::or_skip(turn)?;
        let socket = docker.socket().to_owned();
        Some(Self::on(docker, &socket))
    }

    /// With the agent talking to the engine through another socket.
    pub fn on(docker: Docker, socket: &Path) -> Self {
        let home = Home::new(&binary(), socket);
        Self { agent: home.start(), home, docker }
    }
}

/// Labels of a replica of a Compose service.
pub fn replica<'a>(project: &'a str, service: &'a str, number: &'a str) -> [(&'a str, &'a str); 3] {
    [("project", project), ("service", service), ("replica", number)]
}

/// Labels of a service.
pub fn service<'a>(project: &'a str, service: &'a str) -> [(&'a str, &'a str); 2] {
    [("project", project), ("service", service)]
}

/// `labels` and one more.
pub fn and<'a>(labels: &[(&'a str, &'a str)], key: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    [labels, &[(key, value)]].concat()
}
