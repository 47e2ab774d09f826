//! From rows of text to values. A value that is no number is absent.

use super::{Activity, Database, MAX_DATABASES, Standby, Statistics};
use crate::model::InOrder as _;

/// Longest name of a database that is kept, in bytes: PostgreSQL's own limit.
const MAX_NAME: usize = 63;

/// One row, taken from the left.
pub(super) struct Row(std::vec::IntoIter<Option<String>>);

impl Row {
    pub(super) fn new(values: Vec<Option<String>>) -> Self {
        Self(values.into_iter())
    }

    fn text(&mut self) -> Option<String> {
        self.0.next().flatten()
    }

    fn count(&mut self) -> Option<u64> {
        self.text()?.parse().ok()
    }

    fn seconds(&mut self) -> Option<f64> {
        self.text()?.parse().ok().filter(|seconds: &f64| seconds.is_finite())
    }

    fn flag(&mut self) -> bool {
        self.text().as_deref() == Some("t")
    }
}

impl Statistics {
    pub(super) fn take_server(&mut self, rows: Vec<Row>) {
        let Some(mut row) = rows.into_iter().next() else { return };
        self.start_time_seconds = row.seconds();
        self.max_connections = row.count();
        self.reserved_connections = row.count();
        self.sees_all = row.flag();
        self.replicas = row.count();
        let (standby, streaming) = (row.flag(), row.flag());
        // A standby which has replayed more than it received has got it from an archive.
        let behind =
            row.text().and_then(|bytes| bytes.parse().ok()).map(|bytes: i64| u64::try_from(bytes).unwrap_or(0));
        let age = row.seconds().map(|age| age.max(0.0));
        let lag_seconds = if streaming && behind == Some(0) { Some(0.0) } else { age };
        self.standby = standby.then_some(Standby { streaming, lag_seconds, replay_bytes: behind });
        let oldest = row.seconds().map(|age| age.max(0.0));
        self.oldest_transaction_seconds = self.sees_all.then_some(oldest.unwrap_or(0.0));
    }

    pub(super) fn take_sessions(&mut self, rows: Vec<Row>) {
        for mut row in rows {
            let activity = Activity::parse(row.text().as_deref());
            let Some(count) = row.count() else { continue };
            match self.connections.iter_mut().find(|(known, _)| *known == activity) {
                Some((_, sum)) => *sum = sum.saturating_add(count),
                None => self.connections.push((activity, count)),
            }
        }
        self.connections.order();
    }

    pub(super) fn take_databases(&mut self, rows: Vec<Row>) {
        for mut row in rows.into_iter().take(MAX_DATABASES) {
            let Some(name) = row.text().filter(|name| name.len() <= MAX_NAME) else { continue };
            self.databases.push(Database {
                name,
                connections: row.count(),
                commits: row.count(),
                rollbacks: row.count(),
                blocks_hit: row.count(),
                blocks_read: row.count(),
                deadlocks: row.count(),
                temp_bytes: row.count(),
                conflicts: row.count(),
                size_bytes: row.count(),
            });
            let all = row.count().unwrap_or(0);
            self.databases_left_out = all.saturating_sub(MAX_DATABASES as u64);
        }
    }
}
