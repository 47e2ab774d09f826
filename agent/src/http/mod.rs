//! What the agent answers over HTTP: `/metrics` for Prometheus, health for orchestrators, JSON and one page for people.
//!
//! Everything here only reads: the inventory's newest picture and the pages of the collectors. Nothing waits on the
//! container engine. Clients are not trusted with time or memory: each phase of a connection has a deadline and each
//! buffer a ceiling, all of them in [`Settings`].
//!
//! ```text
//! accept -> server.rs (crowd.rs: ceiling, drain) -> connection.rs (TLS, then hyper over stall.rs)
//!        -> handlers.rs (access: who asks; routes.rs) -> answer.rs
//! ```

pub mod access;
mod answer;
mod api;
mod connection;
mod crowd;
mod encoding;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod handlers;
mod live;
mod merged;
mod page;
mod query;
mod refusals;
pub mod routes;
mod server;
mod shares;
mod stall;
mod targets;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use crate::{
    collectors::{self, ScrapeBody, ScrapeError},
    history, inventory, isolation,
    logs::board::Board,
    policy, probes,
    targets::Targets,
    telemetry, traces,
};

/// What `/api/v1/findings` answers, for a verdict that no server knows of.
pub fn findings_json(verdict: &policy::Verdict, host: Option<&str>) -> String {
    api::findings::text(verdict, host)
}

pub use server::{BindError, Drained, Listener, bind, serve};

/// Where to listen and how much patience and memory a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Connections served at once. One more ends the one whose client has been waited for longest; where none is waited for it
    /// is answered 503 and closed.
    pub max_connections: usize,
    /// From accepting a connection to the end of its handshake or to its first byte, and from the first byte of a request to the
    /// end of its head.
    pub header_timeout: Duration,
    /// How long a connection may be silent between two requests.
    pub idle_timeout: Duration,
    /// From the end of a request's head to the start of its answer.
    pub answer_timeout: Duration,
    /// How long a client may take nothing of an answer that waits for it.
    pub write_timeout: Duration,
    /// From the first byte of an answer to its last.
    pub transfer_timeout: Duration,
    /// How long requests in flight may go on after a shutdown was asked for.
    pub drain_timeout: Duration,
    /// Bytes of answers kept for clients which have not read them yet, over all connections.
    pub max_unread_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 9477)),
            // Two Prometheus servers, a browser and some scripts use five; the rest is room for connections kept idle.
            max_connections: 64,
            header_timeout: Duration::from_secs(5),
            // Longer than a scrape interval of two minutes, so that Prometheus keeps its connection.
            idle_timeout: Duration::from_secs(125),
            // Longer than Prometheus' own 10 s: whoever still waits gets an answer.
            answer_timeout: Duration::from_secs(15),
            write_timeout: Duration::from_secs(10),
            transfer_timeout: Duration::from_secs(60),
            // Within the 10 s an engine gives a container between SIGTERM and SIGKILL.
            drain_timeout: Duration::from_secs(5),
            // Twenty uncompressed pages of a hundred containers, or three compressed ones of a thousand; a larger one gets
            // through alone. The heap grows to about three times as much while pages come and go.
            max_unread_bytes: 4 << 20,
        }
    }
}

/// What the answers are made from.
#[derive(Clone, Debug)]
pub struct App<S> {
    /// The collectors' handle.
    pub scraper: S,
    /// The inventory.
    pub inventory: inventory::Reader,
    /// The endpoints which containers declare.
    pub targets: Targets,
    /// What the log pipeline counts; `None` while logs go nowhere.
    pub logs: Option<Board>,
    /// Who judges what is seen.
    pub policy: policy::Board,
    /// What probes came to.
    pub probes: probes::Board,
    /// Who reaches whom and should not.
    pub isolation: isolation::board::Board,
    /// What is counted of OTLP; `None` while nothing is taken or sent.
    pub traces: Option<traces::figures::Board>,
    /// The last hour, and the objectives.
    pub history: history::Board,
    /// The agent's own counters.
    pub metrics: telemetry::Metrics,
    /// Ceilings and deadlines.
    pub settings: Settings,
    /// Who may ask.
    pub gate: Arc<access::Gate>,
}

/// Whoever makes the pages: the collectors, or scripted ones in tests.
pub trait Scrape: Send + Sync + 'static {
    /// Makes one page.
    fn scrape(&self, request: collectors::Request) -> impl Future<Output = Result<ScrapeBody, ScrapeError>> + Send;

    /// Whether pages can still be made.
    fn alive(&self) -> bool;
}

impl Scrape for collectors::Scraper {
    async fn scrape(&self, request: collectors::Request) -> Result<ScrapeBody, ScrapeError> {
        Self::scrape(self, request).await
    }

    fn alive(&self) -> bool {
        Self::alive(self)
    }
}
