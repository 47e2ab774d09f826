//! What INFO says: lines of `name:value` below headings. Pure.
//!
//! Fields are absent where the server does not have them (a sentinel knows no key space, Redis 3 no `maxclients`) and where the value is
//! no number: nothing is made up.

use crate::model::InOrder as _;

/// Most databases told one by one: Redis has 16 unless told otherwise, and a label each.
pub const MAX_DATABASES: usize = 16;
/// Longest version that is kept, in bytes.
const MAX_VERSION: usize = 32;

/// Counters and sizes of a server, as of now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    /// `redis_version`: `7.0.15`. Successors (Valkey, KeyDB) say the Redis they are compatible with.
    pub version: Option<String>,
    /// Seconds since its start.
    pub uptime_seconds: Option<u64>,
    /// Clients, without replicas.
    pub connected_clients: Option<u64>,
    /// Clients which wait in a blocking call.
    pub blocked_clients: Option<u64>,
    /// Most clients it takes.
    pub max_clients: Option<u64>,
    /// Bytes allocated.
    pub used_memory_bytes: Option<u64>,
    /// Limit of the data in bytes; absent where there is none (it says 0).
    pub max_memory_bytes: Option<u64>,
    /// Keys thrown out for want of memory, since the start.
    pub evicted_keys: Option<u64>,
    /// Keys whose time was over, since the start.
    pub expired_keys: Option<u64>,
    /// Look-ups which found a key, since the start.
    pub keyspace_hits: Option<u64>,
    /// Look-ups which found none, since the start.
    pub keyspace_misses: Option<u64>,
    /// Connections refused at `maxclients`, since the start.
    pub rejected_connections: Option<u64>,
    /// Commands, since the start.
    pub commands_processed: Option<u64>,
    /// What it is to others.
    pub role: Option<Role>,
    /// A replica's connection to its master; absent on a master.
    pub master_link_up: Option<bool>,
    /// Replicas connected to it.
    pub connected_replicas: Option<u64>,
    /// Whether the last snapshot was written.
    pub rdb_last_bgsave_ok: Option<bool>,
    /// Whether it appends to a file.
    pub aof_enabled: Option<bool>,
    /// Whether it reads its data set.
    pub loading: Option<bool>,
    /// Databases with keys, by number, at most [`MAX_DATABASES`].
    pub databases: Vec<Database>,
    /// Databases beyond that.
    pub databases_left_out: usize,
}

/// What a server is to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Takes writes.
    Master,
    /// Follows a master.
    Replica,
    /// Watches masters and has no data.
    Sentinel,
}

impl Role {
    /// One word, for a label.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Replica => "replica",
            Self::Sentinel => "sentinel",
        }
    }
}

/// One database which has keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Database {
    /// Its number.
    pub number: u32,
    /// Keys in it.
    pub keys: u64,
    /// Those of them with a time to live.
    pub expires: Option<u64>,
}

impl Info {
    /// Reads what INFO answered; lines that say nothing to us are passed over.
    pub fn parse(text: &str) -> Self {
        let mut info = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.trim_end().split_once(':')) {
            info.take(name, value);
        }
        info.databases.order_by_key(|database| database.number);
        info
    }

    fn take(&mut self, name: &str, value: &str) {
        let number = || value.parse().ok();
        match name {
            "redis_version" => self.version = version(value),
            "redis_mode" if value == "sentinel" => self.role = Some(Role::Sentinel),
            "uptime_in_seconds" => self.uptime_seconds = number(),
            "connected_clients" => self.connected_clients = number(),
            "blocked_clients" => self.blocked_clients = number(),
            "maxclients" => self.max_clients = number(),
            "used_memory" => self.used_memory_bytes = number(),
            "maxmemory" => self.max_memory_bytes = number().filter(|limit| *limit > 0),
            "evicted_keys" => self.evicted_keys = number(),
            "expired_keys" => self.expired_keys = number(),
            "keyspace_hits" => self.keyspace_hits = number(),
            "keyspace_misses" => self.keyspace_misses = number(),
            "rejected_connections" => self.rejected_connections = number(),
            "total_commands_processed" => self.commands_processed = number(),
            "role" => self.role = role(value).or(self.role),
            "master_link_status" => self.master_link_up = either(value, "up", "down"),
            "connected_slaves" => self.connected_replicas = number(),
            "rdb_last_bgsave_status" => self.rdb_last_bgsave_ok = either(value, "ok", "err"),
            "aof_enabled" => self.aof_enabled = either(value, "1", "0"),
            // Redis 7 says more than yes while it loads without blocking: 0 is no, everything else is yes.
            "loading" => self.loading = number().map(|loading: u64| loading != 0),
            _ => self.database(name, value),
        }
    }

    /// `db0:keys=3,expires=1,avg_ttl=0`.
    fn database(&mut self, name: &str, value: &str) {
        let Some(number) = name.strip_prefix("db").and_then(|number| number.parse().ok()) else { return };
        let field = |name: &str| {
            let mut pairs = value.split(',').filter_map(|pair| pair.split_once('='));
            pairs.find_map(|(key, value)| (key == name).then(|| value.parse::<u64>().ok()).flatten())
        };
        let Some(keys) = field("keys") else { return };
        if self.databases.len() < MAX_DATABASES {
            self.databases.push(Database { number, keys, expires: field("expires") });
        } else {
            self.databases_left_out += 1;
        }
    }
}

fn version(value: &str) -> Option<String> {
    let plain = !value.is_empty() && value.len() <= MAX_VERSION && value.bytes().all(|b| b.is_ascii_graphic());
    plain.then(|| value.to_owned())
}

fn role(value: &str) -> Option<Role> {
    match value {
        "master" => Some(Role::Master),
        // What Redis still calls it here, and Valkey too.
        "slave" | "replica" => Some(Role::Replica),
        "sentinel" => Some(Role::Sentinel),
        _ => None,
    }
}

/// A word that means yes, one that means no, and nothing else.
fn either(value: &str, yes: &str, no: &str) -> Option<bool> {
    if value == yes { Some(true) } else { (value == no).then_some(false) }
}
