//! Statistics of a server, read from its own views (PostgreSQL 10 and later) in one read-only transaction.
//!
//! The user needs no privilege beyond that of connecting: what its role does not let it see is absent. With `pg_monitor` it sees all.

mod rows;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use self::rows::Row;
use super::{
    PostgresError,
    login::{self, Login},
    message::{self, Message},
    wire::Wire,
};

/// Most databases told one by one, the oldest first.
pub const MAX_DATABASES: usize = 20;
/// Bytes which all answers together may take; a server with twenty databases says some 6,000.
const ANSWER_BYTES: usize = 512 * 1024;
/// Most rows of one answer.
const MAX_ROWS: usize = 64;

/// What is asked beside the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Longest time for one query, ended by the server. Whole milliseconds, one at least.
    pub statement_timeout: Duration,
    /// Whether sizes of databases are asked for: the server looks at every file of theirs, a hundred thousand at some.
    pub sizes: bool,
}

/// A server's state and counters. Counters go back to zero with `pg_stat_reset` and after a crash.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// It asked for no password.
    pub open: bool,
    /// `server_version`, `15.18 (Debian 15.18-0+deb12u1)` for one.
    pub version: Option<String>,
    /// When it was started, seconds since 1970.
    pub start_time_seconds: Option<f64>,
    /// Most connections, those reserved for superusers included.
    pub max_connections: Option<u64>,
    /// Connections which only superusers may take.
    pub reserved_connections: Option<u64>,
    /// Whether the role sees other people's sessions; if not, their state is [`Activity::Unknown`].
    pub sees_all: bool,
    /// Clients' connections by what they do; states that nobody is in are left out.
    pub connections: Vec<(Activity, u64)>,
    /// Age of the oldest open transaction in seconds, this one left out; 0 where there is none, absent where others cannot be seen.
    pub oldest_transaction_seconds: Option<f64>,
    /// Replicas which stream from it.
    pub replicas: Option<u64>,
    /// What it is to its primary; absent on a primary.
    pub standby: Option<Standby>,
    /// Databases that are no templates, at most [`MAX_DATABASES`].
    pub databases: Vec<Database>,
    /// Databases beyond that.
    pub databases_left_out: u64,
}

/// What a client's connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activity {
    /// Runs a query.
    Active,
    /// Waits for one.
    Idle,
    /// Waits for one inside of a transaction.
    IdleInTransaction,
    /// The same after an error.
    IdleInTransactionAborted,
    /// Any other, or one that this role may not see.
    Unknown,
}

impl Activity {
    /// One word, for a label.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Idle => "idle",
            Self::IdleInTransaction => "idle_in_transaction",
            Self::IdleInTransactionAborted => "idle_in_transaction_aborted",
            Self::Unknown => "unknown",
        }
    }

    fn parse(state: Option<&str>) -> Self {
        match state {
            Some("active") => Self::Active,
            Some("idle") => Self::Idle,
            Some("idle in transaction") => Self::IdleInTransaction,
            Some("idle in transaction (aborted)") => Self::IdleInTransactionAborted,
            _ => Self::Unknown,
        }
    }
}

/// A standby's place behind its primary.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Standby {
    /// Whether it streams. One that replays an archive, or has lost its primary, does not.
    pub streaming: bool,
    /// Seconds behind: 0 while it streams and has replayed all that came; else the age of the last transaction replayed, which grows while
    /// the primary has nothing to do. Absent before the first.
    pub lag_seconds: Option<f64>,
    /// Bytes received and not replayed.
    pub replay_bytes: Option<u64>,
}

/// Counters of one database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// Its name, at most 63 bytes.
    pub name: String,
    /// Connections to it.
    pub connections: Option<u64>,
    /// Transactions committed.
    pub commits: Option<u64>,
    /// Transactions rolled back.
    pub rollbacks: Option<u64>,
    /// Blocks found in the server's cache.
    pub blocks_hit: Option<u64>,
    /// Blocks read, from disk or the kernel's cache.
    pub blocks_read: Option<u64>,
    /// Deadlocks.
    pub deadlocks: Option<u64>,
    /// Bytes of temporary files.
    pub temp_bytes: Option<u64>,
    /// Queries cancelled because a standby had to replay.
    pub conflicts: Option<u64>,
    /// Its size on disk in bytes; absent unless asked for and allowed.
    pub size_bytes: Option<u64>,
}

impl Database {
    /// Hits of all blocks wanted, 0 to 1; absent where none was.
    pub fn cache_hit_ratio(&self) -> Option<f64> {
        let (hit, read) = (self.blocks_hit?, self.blocks_read?);
        let all = hit.saturating_add(read);
        // Counts beyond 2^53 lose their last digits, which no ratio shows.
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        (all > 0).then(|| hit as f64 / all as f64)
    }
}

/// The server itself. What only a standby knows comes back NULL elsewhere.
const SERVER: &str = "select extract(epoch from pg_postmaster_start_time()), current_setting('max_connections'), \
    current_setting('superuser_reserved_connections'), pg_has_role('pg_read_all_stats', 'usage'), \
    (select count(*) from pg_stat_replication), pg_is_in_recovery(), exists (select from pg_stat_wal_receiver), \
    case when pg_is_in_recovery() then pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) end, \
    extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp()), \
    (select extract(epoch from clock_timestamp() - min(xact_start)) from pg_stat_activity \
     where pid <> pg_backend_pid() and backend_type = 'client backend')";

/// Clients by state. A role that may not see a session sees neither its kind nor its state, but its database.
const SESSIONS: &str = "select state, count(*) from pg_stat_activity \
    where backend_type = 'client backend' or (backend_type is null and datid is not null) group by 1";

/// Databases in the order of their making, so that the same ones are told each time; last, how many there are.
fn databases(sizes: bool) -> String {
    let size = if sizes {
        "case when has_database_privilege(d.oid, 'connect') or pg_has_role('pg_read_all_stats', 'usage') then pg_database_size(d.oid) end"
    } else {
        "null"
    };
    format!(
        "select d.datname, numbackends, xact_commit, xact_rollback, blks_hit, blks_read, deadlocks, temp_bytes, conflicts, {size}, \
         count(*) over () from pg_database d join pg_stat_database s on s.datid = d.oid \
         where d.datallowconn and not d.datistemplate order by d.oid limit {MAX_DATABASES}"
    )
}

/// Logs in, reads, and says goodbye. `stream` is fresh, or fresh out of a TLS handshake.
///
/// Cancel it at any point: the server ends the transaction with the connection.
///
/// # Errors
///
/// Where it is no PostgreSQL, does not let us in, or does not answer a query.
pub async fn read<S>(stream: &mut S, login: Login<'_>, ask: Ask) -> Result<Statistics, PostgresError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut wire = Wire::new(stream, ANSWER_BYTES);
    let entry = login::log_in(&mut wire, login).await?;
    let mut statistics = Statistics { open: entry.open, version: entry.version, ..Statistics::default() };
    query(&mut wire, "begin read only").await?;
    // Not as settings of the start-up message, which a pooler in between refuses.
    let timeout = ask.statement_timeout.as_millis().clamp(1, i32::MAX.cast_unsigned().into());
    query(&mut wire, &format!("set local statement_timeout = {timeout}")).await?;
    statistics.take_server(query(&mut wire, SERVER).await?);
    statistics.take_sessions(query(&mut wire, SESSIONS).await?);
    statistics.take_databases(query(&mut wire, &databases(ask.sizes)).await?);
    query(&mut wire, "commit").await?;
    wire.bye().await;
    Ok(statistics)
}

/// Asks one query; its rows, [`MAX_ROWS`] at most.
async fn query<S>(wire: &mut Wire<'_, S>, sql: &str) -> Result<Vec<Row>, PostgresError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    wire.send(&message::query(sql)).await?;
    let mut rows = Vec::new();
    loop {
        match wire.next().await? {
            Message::Row(row) if rows.len() < MAX_ROWS => rows.push(Row::new(row)),
            Message::Error(refusal) => return Err(PostgresError::Query(refusal)),
            Message::Ready => return Ok(rows),
            _ => {}
        }
    }
}
