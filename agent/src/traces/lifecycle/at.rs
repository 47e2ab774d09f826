//! Moments of the engine's clock.

use std::time::Duration;

use jiff::Timestamp;

/// Nanoseconds since 1970 by the engine's clock; 1970 to 2262, what lies outside is the nearest of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct At(pub(super) u64);

impl At {
    /// So much later.
    pub(super) fn plus(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// So much earlier.
    pub(super) fn minus(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How long after `earlier`; nothing when it was not.
    pub(super) const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl From<Timestamp> for At {
    fn from(time: Timestamp) -> Self {
        Self(u64::try_from(time.as_nanosecond().max(0)).unwrap_or(u64::MAX))
    }
}
