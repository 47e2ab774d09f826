//! stub
use std::time::Duration;
pub(super) const SLACK: Duration = Duration::from_secs(2);
pub(super) const SETTLE: Duration = Duration::from_secs(30);
