//! Everything counted of OTLP at one moment, in words and numbers: for the page and the API, which know no part behind it.

use std::{fmt, sync::Arc};

use super::red;

/// Counters by the values of their labels, in the order of the catalogue.
pub type Counted<const LABELS: usize> = Vec<([&'static str; LABELS], u64)>;

/// All of it. What a part that does not run would say is empty.
#[derive(Debug, Default)]
pub struct Figures {
    /// Requests by signal, transport and code.
    pub requests: Counted<3>,
    /// Bytes by signal and transport.
    pub received_bytes: Counted<2>,
    /// Open connections by transport.
    pub connections: Counted<1>,
    /// What receivers refused, by reason.
    pub refused: Counted<1>,
    /// Records by signal and outcome.
    pub records: Counted<2>,
    /// Resources by signal and the rule that found their container.
    pub attributed: Counted<2>,
    /// Resources by signal and the reason why their container is not known.
    pub unattributed: Counted<2>,
    /// Where they go.
    pub destinations: Vec<Destination>,
    /// What the sampler counts; `None` where nothing is left out.
    pub sampling: Option<Sampling>,
    /// Lifecycle traces by kind.
    pub lifecycle: Counted<1>,
    /// What is missing in them, by reason.
    pub lifecycle_lost: Counted<1>,
    /// What is counted of spans; `None` where nothing is.
    pub red: Option<red::figures::Figures>,
    /// Services in their last minute.
    pub services: Vec<red::figures::Recently>,
}

/// One place requests go to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Destination {
    /// Its name: host and port.
    pub name: String,
    /// Requests by signal and outcome.
    pub requests: Counted<2>,
    /// Records by signal and what was said of them.
    pub records: Counted<2>,
    /// Records that were lost, by signal and reason.
    pub lost: Counted<2>,
    /// Bytes that wait.
    pub queue_bytes: u64,
    /// Bytes that may wait.
    pub queue_limit: u64,
    /// When the oldest that waits was taken, in milliseconds since 1970; `None` while nothing does.
    pub oldest_ms: Option<u64>,
    /// When something was last acknowledged, in milliseconds since 1970; `None` before.
    pub last_ack_ms: Option<u64>,
    /// Errors of the disk under the queue.
    pub disk_errors: u64,
    /// Why nothing is sent at present, for people.
    pub trouble: Option<String>,
}

/// Traces that wait or waited for a decision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    /// Traces by decision.
    pub traces: Counted<1>,
    /// Traces that did not wait for their time.
    pub early: u64,
    /// Spans that came late, by what became of them.
    pub late: Counted<1>,
    /// Bytes that wait.
    pub waiting_bytes: u64,
    /// Traces that wait.
    pub waiting_traces: u64,
}

/// Whom the page and the API ask. Clones ask the same.
#[derive(Clone)]
pub struct Board(Arc<dyn Fn() -> Figures + Send + Sync>);

impl Board {
    /// One whose answers `read` gives: it puts together what the parts that run have counted, and waits for nothing.
    pub fn new(read: impl Fn() -> Figures + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// Everything at this moment.
    pub fn figures(&self) -> Figures {
        (self.0)()
    }
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Board").finish_non_exhaustive()
    }
}
