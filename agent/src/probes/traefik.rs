//! Whether every route that containers ask Traefik for is there, and why one is not. Pure: labels and answers of its API go in.
//!
//! ```text
//!  labels of containers --labels--> routers expected --+
//!                                                      +--compare--> Report: missing with a reason, findings
//!  /api/{http,tcp,udp}/routers --answer--> routers ----+
//! ```
//!
//! What Traefik's docker provider makes of labels, and which containers it passes over in silence, was read in its source and tried with
//! 2.11.53 and 3.6.12 on a real engine; their answers are the fixtures of the tests (`agent/tests/fixtures/traefik`). Two things are
//! easily believed and wrong: a container without the network that `traefik.docker.network` names **keeps** its route, to whatever address
//! it has instead; and entry points with settings of their own (TLS, middlewares) **rename** a router that listens at several.

mod answer;
mod compare;
mod findings;
mod labels;

use self::answer::PER_PAGE;
pub use self::{
    answer::{AnswerError, MAX_PAGE, MAX_PAGES, Middleware, Router, Status, middlewares, next_page, routers},
    compare::{Answers, MAX_TOLD, Missing, Place, Report, compare},
    findings::Finding,
    labels::MAX_ROUTERS,
};

/// A kind of routers, each with an API of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// HTTP and HTTPS.
    Http,
    /// TCP, told apart by the server name of TLS.
    Tcp,
    /// UDP.
    Udp,
}

impl Protocol {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Http, Self::Tcp, Self::Udp];

    /// One word, as in labels and paths.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// Path and query of a page of routers, the first is 1. Pages are large: between two of them the list may change.
    pub fn routers_path(self, page: u32) -> String {
        format!("/api/{}/routers?per_page={PER_PAGE}&page={page}", self.word())
    }

    /// The same for middlewares, which are wanted with [`Options::require_auth`] or [`Options::require_tls`]. UDP has none.
    pub fn middlewares_path(self, page: u32) -> String {
        format!("/api/{}/middlewares?per_page={PER_PAGE}&page={page}", self.word())
    }
}

/// What is known of this Traefik and wanted of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `providers.docker.exposedByDefault`: whether containers without `traefik.enable` get routes. Traefik's own default is yes.
    pub exposed_by_default: bool,
    /// `providers.docker.network`, for containers without `traefik.docker.network`.
    pub network: Option<String>,
    /// Networks that Traefik itself is on; `None` where that says nothing, as with the host's network, from which all are reached.
    pub traefik_networks: Option<Vec<String>>,
    /// Whether a router of HTTP or TCP must have TLS, or do nothing but redirect.
    pub require_tls: bool,
    /// Whether a router of HTTP must have a middleware that authenticates.
    pub require_auth: bool,
    /// Middlewares that authenticate beside those whose type says so: plugins, by full name (`gate@file`).
    pub auth_middlewares: Vec<String>,
    /// Providers whose routers may be there beside those of `docker` and `internal`. `None` allows all.
    pub allowed_providers: Option<Vec<String>>,
}

/// A container as Traefik's docker provider sees it.
#[derive(Clone, Debug, Default)]
pub struct Backend<'a> {
    /// Its project, empty without one.
    pub project: &'a str,
    /// Its service.
    pub service: &'a str,
    /// Its name, without the slash in front.
    pub name: &'a str,
    /// All its labels.
    pub labels: Vec<(&'a str, &'a str)>,
    /// Whether the engine calls its state `running`. A paused container is not; Traefik 2 has a route for it all the same.
    pub running: bool,
    /// What its health check says; `None` without one.
    pub health: Option<Health>,
    /// Where it has its addresses.
    pub networks: Networks<'a>,
    /// How many ports its image or its definition exposes; `None` where that is not known.
    pub exposed: Option<usize>,
}

/// What a health check says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Nothing yet.
    Starting,
    /// It passes.
    Healthy,
    /// It fails.
    Unhealthy,
}

/// Where a container has its addresses.
#[derive(Clone, Debug, Default)]
pub enum Networks<'a> {
    /// On these networks: name, and whether it has an address there now.
    Own(Vec<(&'a str, bool)>),
    /// The host's.
    Host,
    /// Another container's.
    Shared,
    /// Not known.
    #[default]
    Unknown,
}

/// Why a route is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Traefik has it and does not use it: an entry point, middleware or service that does not exist, a rule it cannot read. It says which.
    Disabled,
    /// The container is stopped, paused, or was never started.
    NotRunning,
    /// Its health check fails.
    Unhealthy,
    /// Its health check has not passed yet.
    Starting,
    /// It has no address on any network.
    NoAddress,
    /// No label says its port, and it exposes none.
    NoPort,
    /// It has several services, and the router does not say which.
    AmbiguousService,
    /// A TCP router without a rule.
    NoRule,
    /// Another container says something else of a router with the same name: Traefik drops both.
    Conflict,
    /// Nothing that can be seen from here: a constraint, a label that Traefik does not know (it then drops the whole container), or it has
    /// not heard of the container yet.
    Unknown,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Disabled,
        Self::NotRunning,
        Self::Unhealthy,
        Self::Starting,
        Self::NoAddress,
        Self::NoPort,
        Self::AmbiguousService,
        Self::NoRule,
        Self::Conflict,
        Self::Unknown,
    ];

    /// One word, for a label.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::NotRunning => "not_running",
            Self::Unhealthy => "unhealthy",
            Self::Starting => "starting",
            Self::NoAddress => "no_address",
            Self::NoPort => "no_port",
            Self::AmbiguousService => "ambiguous_service",
            Self::NoRule => "no_rule",
            Self::Conflict => "conflict",
            Self::Unknown => "unknown",
        }
    }
}

/// What fuzzers feed: an answer of somebody who may be no Traefik.
#[cfg(any(test, fuzzing))]
pub mod fuzz {
    use super::{Answers, Backend, Options, Protocol, compare, middlewares, routers};

    /// Any bytes as each of the answers, held against a container whose labels are made of them too.
    pub fn traefik(bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let mut answers = Answers::default();
        for protocol in Protocol::ALL {
            answers.routers.extend(routers(protocol, bytes).unwrap_or_default());
        }
        answers.middlewares = middlewares(bytes).ok();
        let kinds = ["http.routers", "tcp.services", "udp"].iter().cycle();
        let pairs: Vec<(String, &str)> =
            text.split([',', '\n']).zip(kinds).map(|(part, kind)| (format!("traefik.{kind}.{part}"), part)).collect();
        let labels = pairs.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        let backend = Backend { name: "one", service: "one", labels, running: true, ..Backend::default() };
        let options = Options {
            exposed_by_default: true,
            require_tls: true,
            require_auth: true,
            allowed_providers: Some(Vec::new()),
            ..Options::default()
        };
        let report = compare(&options, &[backend], &answers);
        assert!(report.found <= report.expected);
        assert!(report.missing.len() <= report.expected - report.found);
    }
}

#[cfg(test)]
mod tests;
