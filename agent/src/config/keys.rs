//! The table of keys: the one source of what the file may hold, of the environment's names, of `config print` and of
//! `docs/configuration.md`.
//!
//! A new key is an entry here, its line in [`ALL`], and its line in `settings.rs`; a test holds the three together.

pub(super) mod access;
pub(super) mod engine;
pub(super) mod isolation;
pub(super) mod logs;
pub(super) mod loki;
pub(super) mod otlp;
pub(super) mod policy;
mod server;
pub(super) mod traces;

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, time::Duration};

use super::{
    kinds::{self, Kind, Raw},
    settings::RootFilesystem,
};
use crate::{
    collectors::HIDDEN_INTERFACES,
    model::{ContainerFilter, IDENTITY_LABELS, Pattern, metric::Group},
    targets::{Agent, Mode},
    telemetry::log::{Format, Level},
};

/// When a changed value takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// On SIGHUP.
    Reload,
    /// At the next start.
    Restart,
}

/// What stands about a key in the documentation.
#[derive(Debug)]
pub(super) struct Facts {
    /// Dotted path.
    pub(super) path: &'static str,
    /// Flag which sets it too.
    pub(super) flag: Option<&'static str>,
    /// What it does, in a sentence or two.
    pub(super) help: &'static str,
    /// Version it came with.
    pub(super) since: &'static str,
    /// When a change takes effect.
    pub(super) effect: Effect,
}

impl Facts {
    /// The variable which sets it: `http.listen` is `SPYHOP__HTTP__LISTEN`.
    pub(super) fn variable(&self) -> String {
        format!("{}{}", super::source::KEY_PREFIX, self.path.to_uppercase().replace('.', "__"))
    }
}

/// A key and everything known of it.
pub(super) struct Key<T> {
    pub(super) facts: Facts,
    pub(super) kind: Kind<T>,
    /// The value without any source.
    pub(super) default: fn() -> T,
}

/// A key with its type left out, as the table holds it.
pub(super) trait AnyKey: Sync {
    /// What stands about it.
    fn facts(&self) -> &Facts;
    /// Name of its kind and what is allowed.
    fn kind(&self) -> (&'static str, String);
    /// Whether it takes a list.
    fn is_list(&self) -> bool;
    /// Its default, as a source would give it.
    fn default(&self) -> Raw;
}

impl<T> AnyKey for Key<T> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn kind(&self) -> (&'static str, String) {
        (self.kind.name, (self.kind.range)())
    }

    fn is_list(&self) -> bool {
        self.kind.list
    }

    fn default(&self) -> Raw {
        (self.kind.show)(&(self.default)())
    }
}

/// Sections in the order they are documented, with what they are about.
pub(super) const SECTIONS: &[(&str, &str)] = &[
    ("http", "The page, the API and the health endpoints."),
    ("engine", "The container engine."),
    ("host", "The host and where its kernel files are."),
    ("metrics", "What is on the /metrics page."),
    ("targets", "Metrics endpoints which containers declare: /sd and /proxy."),
    ("containers", "Which containers are watched."),
    ("loki", "Where the lines of containers go. Nothing is sent while no address is given."),
    ("loki_2", "A second place for the same lines, independent of the first."),
    ("loki_3", "A third one."),
    ("logs", "Lines which containers write: which are sent, and what is replaced in them first."),
    ("otlp", "Where traces go, and what else is taken as OTLP. Nothing is sent while no endpoint is given."),
    ("otlp_2", "A second back end for the same, independent of the first."),
    ("otlp_3", "A third one."),
    ("traces", "What applications send as OTLP, and what containers go through: see [traces.md](traces.md)."),
    (
        "policy",
        "What the host should look like: where that is written. The policy itself is another language, see [policy.md](policy.md).",
    ),
    ("isolation", "Who reaches whom, held against what the policy lets them: see [isolation.md](isolation.md)."),
    ("services", "Services, which outlive their containers."),
    ("state", "What survives a restart of the agent."),
    ("log", "The agent's own log, on standard error."),
];

/// Every key, in the order they are documented.
pub(super) static ALL: &[&dyn AnyKey] = &[
    &HTTP_LISTEN,
    &HTTP_MAX_CONNECTIONS,
    &HTTP_HEADER_TIMEOUT,
    &HTTP_IDLE_TIMEOUT,
    &HTTP_ANSWER_TIMEOUT,
    &HTTP_WRITE_TIMEOUT,
    &HTTP_TRANSFER_TIMEOUT,
    &HTTP_DRAIN_TIMEOUT,
    &HTTP_MAX_UNREAD_SIZE,
    &HTTP_EXTERNAL_URL,
    &access::HTTP_ALLOWED_HOSTS,
    &access::HTTP_WEB_CONFIG_FILE,
    &access::HTTP_TLS_CERT_FILE,
    &access::HTTP_TLS_KEY_FILE,
    &access::HTTP_TLS_CLIENT_CA_FILE,
    &access::HTTP_AUTH_USERS_FILE,
    &access::HTTP_AUTH_BEARER_TOKEN_FILE,
    &access::HTTP_AUTH_CREDENTIALS_FILE,
    &ENGINE_ADDRESS,
    &engine::CONTEXT,
    &engine::CA_FILE,
    &engine::CERT_FILE,
    &engine::KEY_FILE,
    &engine::STATS,
    &engine::STATS_INTERVAL,
    &engine::BROKER,
    &HOST_NAME,
    &HOST_PROC,
    &HOST_SYS,
    &HOST_ROOTFS,
    &METRICS_COLLECT,
    &METRICS_CONTAINER_LABELS,
    &METRICS_HIDDEN_INTERFACES,
    &METRICS_MERGE,
    &METRICS_MERGE_TIMEOUT,
    &METRICS_MERGE_MAX_SIZE,
    &TARGETS_MODE,
    &TARGETS_TIMEOUT,
    &TARGETS_MAX_BODY_SIZE,
    &TARGETS_MAX_FETCHES,
    &TARGETS_CA_FILE,
    &CONTAINERS_INCLUDE,
    &CONTAINERS_EXCLUDE,
    &loki::first::URL,
    &loki::first::TENANT,
    &loki::first::USERNAME,
    &loki::first::PASSWORD_FILE,
    &loki::first::BEARER_TOKEN_FILE,
    &loki::first::CA_FILE,
    &loki::first::CERT_FILE,
    &loki::first::KEY_FILE,
    &loki::first::TIMEOUT,
    &loki::second::URL,
    &loki::second::TENANT,
    &loki::second::USERNAME,
    &loki::second::PASSWORD_FILE,
    &loki::second::BEARER_TOKEN_FILE,
    &loki::second::CA_FILE,
    &loki::second::CERT_FILE,
    &loki::second::KEY_FILE,
    &loki::second::TIMEOUT,
    &loki::third::URL,
    &loki::third::TENANT,
    &loki::third::USERNAME,
    &loki::third::PASSWORD_FILE,
    &loki::third::BEARER_TOKEN_FILE,
    &loki::third::CA_FILE,
    &loki::third::CERT_FILE,
    &loki::third::KEY_FILE,
    &loki::third::TIMEOUT,
    &logs::INCLUDE,
    &logs::EXCLUDE,
    &logs::REDACT,
    &logs::PATTERNS,
    &logs::DROP,
    &logs::SAMPLE,
    &logs::MIN_LEVEL,
    &logs::RATE_LINES,
    &logs::RATE_SIZE,
    &logs::SOURCE,
    &logs::BATCH_WAIT,
    &logs::MAX_LINE_SIZE,
    &logs::MAX_AGE,
    &logs::EVENTS,
    &logs::OWN,
    &logs::SPOOL_SIZE,
    &logs::SPOOL_AGE,
    &logs::STREAM_RATE,
    &otlp::first::ENDPOINT,
    &otlp::first::PROTOCOL,
    &otlp::first::SIGNALS,
    &otlp::first::COMPRESSION,
    &otlp::first::USERNAME,
    &otlp::first::PASSWORD_FILE,
    &otlp::first::BEARER_TOKEN_FILE,
    &otlp::first::HEADERS_FILE,
    &otlp::first::CA_FILE,
    &otlp::first::CERT_FILE,
    &otlp::first::KEY_FILE,
    &otlp::first::TIMEOUT,
    &otlp::second::ENDPOINT,
    &otlp::second::PROTOCOL,
    &otlp::second::SIGNALS,
    &otlp::second::COMPRESSION,
    &otlp::second::USERNAME,
    &otlp::second::PASSWORD_FILE,
    &otlp::second::BEARER_TOKEN_FILE,
    &otlp::second::HEADERS_FILE,
    &otlp::second::CA_FILE,
    &otlp::second::CERT_FILE,
    &otlp::second::KEY_FILE,
    &otlp::second::TIMEOUT,
    &otlp::third::ENDPOINT,
    &otlp::third::PROTOCOL,
    &otlp::third::SIGNALS,
    &otlp::third::COMPRESSION,
    &otlp::third::USERNAME,
    &otlp::third::PASSWORD_FILE,
    &otlp::third::BEARER_TOKEN_FILE,
    &otlp::third::HEADERS_FILE,
    &otlp::third::CA_FILE,
    &otlp::third::CERT_FILE,
    &otlp::third::KEY_FILE,
    &otlp::third::TIMEOUT,
    &traces::ENABLED,
    &traces::GRPC,
    &traces::HTTP,
    &traces::SOCKET,
    &traces::MAX_REQUEST,
    &traces::MAX_PENDING,
    &traces::MAX_CONNECTIONS,
    &traces::TRUSTED_PROXIES,
    &traces::LABELS,
    &traces::ENVIRONMENT,
    &traces::LIFECYCLE,
    &traces::RED,
    &traces::RED_MAX_SERIES,
    &traces::GRAPH,
    &traces::DROP,
    &traces::RATIO_SENT,
    &traces::KEEP_ERRORS,
    &traces::KEEP_SLOW,
    &traces::MAX_WAITING,
    &traces::QUEUE_SIZE,
    &traces::QUEUE_MEMORY,
    &traces::QUEUE_AGE,
    &traces::SYNC,
    &traces::OWN,
    &policy::FILE,
    &policy::PROFILES,
    &isolation::ENABLED,
    &isolation::INTERVAL,
    &isolation::PASSIVE,
    &isolation::ACTIVE,
    &isolation::ACTIVE_ALLOWED,
    &isolation::HELPER,
    &isolation::HOST_PORTS_TRIED,
    &isolation::PROBE_TIMEOUT,
    &isolation::OUTSIDE_NAME,
    &SERVICES_FORGET_AFTER,
    &STATE_DIRECTORY,
    &LOG_LEVEL,
    &LOG_FORMAT,
];

/// The key of that path.
pub(super) fn find(path: &str) -> Option<&'static dyn AnyKey> {
    ALL.iter().copied().find(|key| key.facts().path == path)
}

/// A key which needs a restart to change; [`Key::reloads`] and [`Key::flag`] say otherwise.
const fn key<T>(path: &'static str, kind: Kind<T>, default: fn() -> T, help: &'static str) -> Key<T> {
    Key { facts: Facts { path, flag: None, help, since: "0.1.0", effect: Effect::Restart }, kind, default }
}

impl<T> Key<T> {
    const fn reloads(mut self) -> Self {
        self.facts.effect = Effect::Reload;
        self
    }

    const fn flag(mut self, flag: &'static str) -> Self {
        self.facts.flag = Some(flag);
        self
    }
}

pub(super) static HTTP_LISTEN: Key<SocketAddr> = key(
    "http.listen",
    kinds::LISTEN,
    || SocketAddr::from(([127, 0, 0, 1], 9477)),
    "Address and port to serve on. Loopback by default: no password is asked for unless `http.auth` says so. In the container image it is 0.0.0.0:9477.",
)
.flag("--listen");

pub(super) static HTTP_MAX_CONNECTIONS: Key<usize> = key(
    "http.max_connections",
    kinds::count::<1, 10_000>(),
    || 64,
    "Connections served at once. One more ends the one whose client keeps the agent waiting longest; where none does it is answered 503. Both are counted.",
);

// Shorter than Prometheus' own 10 s, so that a client which never speaks cannot outlive a scrape.
pub(super) static HTTP_HEADER_TIMEOUT: Key<Duration> = key(
    "http.header_timeout",
    kinds::duration::<100, 60_000>(),
    || Duration::from_secs(5),
    "Time a client has to send a request, from its first byte.",
);

// Longer than a scrape interval of two minutes, so that Prometheus keeps its connection.
pub(super) static HTTP_IDLE_TIMEOUT: Key<Duration> = key(
    "http.idle_timeout",
    kinds::duration::<1_000, 3_600_000>(),
    || Duration::from_secs(125),
    "Time a connection may be silent between two requests.",
);

// Longer than Prometheus' own 10 s: whoever still waits gets an answer.
pub(super) static HTTP_ANSWER_TIMEOUT: Key<Duration> = key(
    "http.answer_timeout",
    kinds::duration::<100, 600_000>(),
    || Duration::from_secs(15),
    "Time the agent has to begin an answer; later it gives up with status 503.",
);

pub(super) static HTTP_WRITE_TIMEOUT: Key<Duration> = key(
    "http.write_timeout",
    kinds::duration::<100, 600_000>(),
    || Duration::from_secs(10),
    "Time a client may take nothing of an answer that waits for it.",
);

pub(super) static HTTP_TRANSFER_TIMEOUT: Key<Duration> = key(
    "http.transfer_timeout",
    kinds::duration::<1_000, 3_600_000>(),
    || Duration::from_secs(60),
    "Time a client has to take a whole answer.",
);

// Within the 10 s an engine gives a container between SIGTERM and SIGKILL.
pub(super) static HTTP_DRAIN_TIMEOUT: Key<Duration> = key(
    "http.drain_timeout",
    kinds::duration::<0, 60_000>(),
    || Duration::from_secs(5),
    "Time which requests in flight get at shutdown.",
);

// Twenty uncompressed pages of a hundred containers, or three compressed ones of a thousand; a larger one gets through alone.
pub(super) static HTTP_MAX_UNREAD_SIZE: Key<u64> = key(
    "http.max_unread_size",
    kinds::size::<1_048_576, 1_073_741_824>(),
    || 4 << 20,
    "Bytes of answers kept for clients which have not read them yet, over all connections; beyond it further pages are answered 503.",
);

pub(super) static HTTP_EXTERNAL_URL: Key<Option<Agent>> = key(
    "http.external_url",
    kinds::EXTERNAL_URL,
    || None,
    "Where Prometheus reaches the agent, for the addresses on /sd. `auto` is what the client of /sd wrote into its Host header, over http or, where the agent serves TLS, https.",
);

pub(super) static ENGINE_ADDRESS: Key<Option<String>> = key(
    "engine.address",
    kinds::ENGINE,
    || None,
    "Where the engine listens. Where neither a flag nor the environment nor the file says it, DOCKER_HOST does. `auto` looks as the \
     docker command does: see [engines.md](engines.md).",
)
.flag("--engine");

pub(super) static HOST_NAME: Key<Option<String>> = key(
    "host.name",
    kinds::HOST_NAME,
    || None,
    "Value of the label `host` on every series. `auto` is the name the engine gives.",
);

pub(super) static HOST_PROC: Key<PathBuf> =
    key("host.proc", kinds::PATH, || PathBuf::from("/proc"), "The host's /proc as the agent sees it.");

pub(super) static HOST_SYS: Key<PathBuf> =
    key("host.sys", kinds::PATH, || PathBuf::from("/sys"), "The host's /sys as the agent sees it.");

pub(super) static HOST_ROOTFS: Key<RootFilesystem> = key(
    "host.rootfs",
    kinds::ROOT_FILESYSTEM,
    || RootFilesystem::Auto,
    "The host's root directory as the agent sees it, for the filesystem metrics. `auto` takes /host/rootfs where that is mounted, else / \
     outside a container, else it is `off`.",
);

pub(super) static METRICS_COLLECT: Key<BTreeSet<Group>> = key(
    "metrics.collect",
    kinds::GROUPS,
    || BTreeSet::from(Group::ALL),
    "Groups of families on the page: `container` and `machine` are cAdvisor's names, `node` node_exporter's, `service` the rest about \
     containers, `target` the endpoints they declare, `logs` what is sent to Loki, `policy` what is not as it should be, `isolation` who reaches whom and should not, \
     `traces` what is taken and sent as OTLP and what is made of spans. `agent` is always on.",
)
.reloads();

pub(super) static METRICS_CONTAINER_LABELS: Key<BTreeSet<String>> = key(
    "metrics.container_labels",
    kinds::CONTAINER_LABELS,
    || IDENTITY_LABELS.map(str::to_owned).into(),
    "Labels of containers which `container_*` series carry as `container_label_*`: whole keys, or the beginning of keys with `*` behind it. Each costs bytes on every sample.",
)
.reloads();

pub(super) static METRICS_HIDDEN_INTERFACES: Key<BTreeSet<String>> = key(
    "metrics.hidden_interfaces",
    kinds::INTERFACES,
    || HIDDEN_INTERFACES.map(str::to_owned).into(),
    "Interfaces of the host without `node_network_*` series: whole names, or the beginning of names with `*` behind it. By default the \
     host's ends of containers' networks: 16 series for each start of a container under a random name, for traffic which \
     `container_network_*` shows under the container's own. `[]` shows all, as node_exporter does.",
)
.reloads();
pub(super) static METRICS_MERGE: Key<bool> = key(
    "metrics.merge",
    kinds::SWITCH,
    || false,
    "`on` fetches every declared endpoint with each scrape and puts its series on the page, with the labels of its container added.",
);

pub(super) static METRICS_MERGE_TIMEOUT: Key<Duration> = key(
    "metrics.merge_timeout",
    kinds::duration::<50, 60_000>(),
    || Duration::from_secs(2),
    "Longest wait for the merged endpoints, all together. It adds to the time of a scrape; later ones are left out with spyhop_target_up 0.",
);

pub(super) static METRICS_MERGE_MAX_SIZE: Key<u64> = key(
    "metrics.merge_max_size",
    kinds::size::<65_536, 1_073_741_824>(),
    || 4 << 20,
    "Memory for the series of all merged endpoints. One endpoint gets half of it at most; beyond it an endpoint is left out whole.",
);

pub(super) static TARGETS_MODE: Key<Mode> = key(
    "targets.mode",
    kinds::TARGETS_MODE,
    || Mode::Proxy,
    "What /sd points at unless `?mode=` says: `proxy` is the agent's own /proxy, so that Prometheus needs no foot in the containers' networks; \
     `direct` is the containers' addresses.",
);

// Prometheus' own default.
pub(super) static TARGETS_TIMEOUT: Key<Duration> = key(
    "targets.timeout",
    kinds::duration::<100, 120_000>(),
    || Duration::from_secs(10),
    "Longest fetch through /proxy, to the last byte. Prometheus tells its own timeout, and the shorter one counts; so does http.answer_timeout.",
);

pub(super) static TARGETS_MAX_BODY_SIZE: Key<u64> = key(
    "targets.max_body_size",
    kinds::size::<1_024, 1_073_741_824>(),
    || 8 << 20,
    "Largest answer of a target through /proxy, unpacked. It is passed on piece by piece and never kept.",
);

// Half of http.max_connections: a page is to be had whatever the targets do.
pub(super) static TARGETS_MAX_FETCHES: Key<usize> = key(
    "targets.max_fetches",
    kinds::count::<1, 1_000>(),
    || 32,
    "Fetches through /proxy at once; one more is answered 503 and counted. Targets that failed last time get half of them. Keep it below http.max_connections.",
);

pub(super) static TARGETS_CA_FILE: Key<Option<PathBuf>> = key(
    "targets.ca_file",
    kinds::SECRET_FILE,
    || None,
    "Roots (PEM) by which targets that declare https are verified. Without it they cannot be fetched.",
);

pub(super) static CONTAINERS_INCLUDE: Key<Vec<Pattern>> = key(
    "containers.include",
    kinds::PATTERNS,
    || ContainerFilter::default().include,
    "Containers to watch: those which at least one pattern matches, on the project or on the name.",
);

pub(super) static CONTAINERS_EXCLUDE: Key<Vec<Pattern>> = key(
    "containers.exclude",
    kinds::PATTERNS,
    Vec::new,
    "Containers to leave out although they are included. A container can also leave itself out with the label spyhop.enable=false.",
);

pub(super) static SERVICES_FORGET_AFTER: Key<Duration> = key(
    "services.forget_after",
    kinds::duration::<1_000, 2_592_000_000>(),
    || Duration::from_secs(600),
    "Time a service stays expected after its last container was removed. Shorter, and a slow recreation looks like a removal.",
);

pub(super) static STATE_DIRECTORY: Key<Option<PathBuf>> = key(
    "state.directory",
    kinds::PATH_OR_OFF,
    || Some(PathBuf::from("/var/lib/spyhop")),
    "Where counters are kept over a restart. `off` keeps nothing.",
);

pub(super) static LOG_LEVEL: Key<Level> =
    key("log.level", kinds::LOG_LEVEL, || Level::Info, "Least important lines to write.").reloads().flag("--log-level");

pub(super) static LOG_FORMAT: Key<Format> = key(
    "log.format",
    kinds::LOG_FORMAT,
    || Format::Auto,
    "`json` is one object a line, `text` is for people, `auto` is text on a terminal and JSON elsewhere.",
)
.flag("--log-format");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        let mut seen = BTreeSet::new();
        for key in ALL {
            let facts = key.facts();
            assert!(seen.insert(facts.path), "{} twice", facts.path);
            assert!(
                facts.path.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '.'),
                "{}",
                facts.path
            );
            // A double underscore stands for the dot in the environment.
            assert!(!facts.path.contains("__"), "{}", facts.path);
            assert!(facts.help.ends_with('.') && facts.help.len() > 15, "{}: {}", facts.path, facts.help);
            let section = facts.path.split('.').next().unwrap();
            assert!(SECTIONS.iter().any(|(name, _)| *name == section), "{}: no such section", facts.path);
            assert!(
                ALL.iter().all(|other| !other.facts().path.starts_with(&format!("{}.", facts.path))),
                "{}",
                facts.path
            );
            assert_eq!(matches!(key.default(), Raw::Many(_)), key.is_list(), "{}", facts.path);
        }
        for (section, _) in SECTIONS {
            assert!(ALL.iter().any(|key| key.facts().path.starts_with(&format!("{section}."))), "{section} is empty");
        }
    }

    #[test]
    fn variables_follow_from_paths() {
        assert_eq!(HTTP_MAX_CONNECTIONS.facts.variable(), "SPYHOP__HTTP__MAX_CONNECTIONS");
        let variables: BTreeSet<_> = ALL.iter().map(|key| key.facts().variable()).collect();
        assert_eq!(variables.len(), ALL.len());
    }
}
