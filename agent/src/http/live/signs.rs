//! What tells in a moment that the page may have changed.

use std::sync::Arc;

use crate::{http::App, isolation::verdict::Report, policy::Policy};

/// What was there at one time. Holding the values themselves keeps their addresses from being used again.
pub(super) struct Signs {
    shape: u64,
    policy: Arc<Policy>,
    isolation: Arc<Report>,
    probes: u64,
    /// Destinations of lines and of OTLP that take nothing.
    kept_back: usize,
}

impl Signs {
    pub(super) fn of<S>(app: &App<S>) -> Self {
        let logs = app.logs.as_ref().map(crate::logs::board::Board::destinations).unwrap_or_default();
        Self {
            shape: app.inventory.load().shape,
            policy: app.policy.policy(),
            isolation: app.isolation.report(),
            probes: app.probes.changes(),
            kept_back: logs.iter().filter(|destination| destination.trouble().is_some()).count(),
        }
    }
}

impl PartialEq for Signs {
    fn eq(&self, other: &Self) -> bool {
        (self.shape, self.probes, self.kept_back) == (other.shape, other.probes, other.kept_back)
            && Arc::ptr_eq(&self.policy, &other.policy)
            && Arc::ptr_eq(&self.isolation, &other.isolation)
    }
}
