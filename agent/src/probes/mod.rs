//! Probes: what labels and the policy ask of containers and of targets elsewhere, and what came of it.
//!
//! ```text
//!  Snapshot --declare (labels)--+
//!  policy file -----------------+--> plan --> schedule --> ask --> names, dial --> tls, http, ... --> outcome --> board
//!  standpoint (own networks) ---+   (who)      (when)     (one, within its time)                                   |
//!                                                                                            collectors, page, API <+
//! ```
//!
//! Labels are untrusted: they say protocol, port and path, never a host, a secret or a file, and whom they lead to is the labelled
//! container alone. Whatever answers is untrusted too: bounded in time and bytes, looked at, never obeyed. A target out of reach is said
//! to be that, with the reason, and never to have failed.

mod ask;
mod board;
mod declare;
mod http;
mod names;
mod outcome;
mod plan;
pub mod postgres;
mod protocols;
pub mod redis;
mod run;
mod schedule;
#[cfg(test)]
mod tests;
mod tls;
pub mod traefik;

use std::{future::Future, path::PathBuf, sync::Arc};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use board::{Board, Outage, Record};
pub use declare::{MAX_PER_CONTAINER, Mistake};
pub use outcome::{Facts, Failure, Figures, HttpFacts, Outcome, Phase, Reason, Shown};
pub use plan::{Id, MAX_PROBES, Unreachable};

use crate::{
    inventory::Reader,
    policy,
    targets::{Dial, Standpoint},
};

/// What the task that asks needs.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Containers and their labels.
    pub reader: Reader,
    /// The policy in force.
    pub policy: policy::Board,
    /// From where the agent sees containers.
    pub standpoint: Standpoint,
    /// How a container is connected to.
    pub dial: Arc<dyn Dial>,
    /// Where secrets with relative names are.
    pub secrets: PathBuf,
}

/// The probes of this agent; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Probes(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    board: Board,
    bell: Notify,
}

impl Probes {
    /// What is known.
    pub fn board(&self) -> &Board {
        &self.0.board
    }

    /// There is a new picture, or a new policy.
    pub fn ring(&self) {
        self.0.bell.notify_one();
    }

    /// The task that asks until `shutdown`. There is one.
    ///
    /// # Errors
    /// The library for TLS has no protocol to speak.
    pub fn run(
        &self,
        parts: Parts,
        shutdown: CancellationToken,
    ) -> Result<impl Future<Output = ()> + Send + use<>, rustls::Error> {
        let greeter = tls::Greeter::new()?;
        Ok(run::run(self.clone(), parts, greeter, shutdown))
    }
}
