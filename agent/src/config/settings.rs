//! The configuration as the rest of the program sees it: plain values which cannot be wrong.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    access::Access,
    engine::Engine,
    keys,
    layers::{Setting, Values},
    loki::Loki,
    otlp::Otlp,
};
use crate::{
    model::{ContainerFilter, metric::Group},
    policy::Policy,
    targets,
    telemetry::log::{Format, Level},
};

/// A configuration. Only [`super::load`] makes one, from sources without a mistake.
#[derive(Clone, Debug)]
pub struct Config {
    /// The HTTP server.
    pub http: Http,
    /// The container engine.
    pub engine: Engine,
    /// The host.
    pub host: Host,
    /// The metrics page.
    pub metrics: Metrics,
    /// Endpoints which containers declare.
    pub targets: targets::Settings,
    /// Roots for targets which speak TLS, as named in the configuration.
    pub targets_ca_file: Option<PathBuf>,
    /// Which containers are watched.
    pub containers: ContainerFilter,
    /// Where logs go; nowhere by default.
    pub loki: Vec<Loki>,
    /// Services.
    pub services: Services,
    /// State on disk.
    pub state: State,
    /// Lines which containers write.
    pub logs: crate::logs::Options,
    /// The agent's own log.
    pub log: Log,
    /// Who reaches whom.
    pub isolation: crate::isolation::Settings,
    /// Where OTLP goes.
    pub otlp: Vec<Otlp>,
    /// What is taken as OTLP, and what is made of it.
    pub traces: crate::traces::Settings,
    /// What the host should look like.
    pub policy: Arc<Policy>,
    /// It stood in the configuration file itself.
    pub(super) policy_inline: bool,
    /// File it was read from; `None` when the default file does not exist.
    pub file: Option<PathBuf>,
    /// Every key with its value and where that came from, in the order of the table.
    pub(super) settings: Vec<Setting>,
}

/// Section `http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// Connections served at once, at least 1.
    pub max_connections: usize,
    /// From the first byte of a request to the end of its head, above 0.
    pub header_timeout: Duration,
    /// How long a connection may be silent between two requests, above 0.
    pub idle_timeout: Duration,
    /// From the end of a request's head to the start of its answer, above 0.
    pub answer_timeout: Duration,
    /// How long a client may take nothing of an answer that waits for it, above 0.
    pub write_timeout: Duration,
    /// From the first byte of an answer to its last, above 0.
    pub transfer_timeout: Duration,
    /// How long requests in flight may go on at shutdown.
    pub drain_timeout: Duration,
    /// Bytes of answers kept for clients which have not read them yet, over all connections.
    pub max_unread_bytes: usize,
    /// Who may ask.
    pub access: Access,
}

/// Section `host`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Value of the label `host`; `None` is the engine's name.
    pub name: Option<String>,
    /// The host's /proc, absolute.
    pub proc: PathBuf,
    /// The host's /sys, absolute.
    pub sys: PathBuf,
    /// The host's root directory.
    pub rootfs: RootFilesystem,
}

/// Where the host's root directory is, as the agent sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootFilesystem {
    /// To be found out at start.
    Auto,
    /// Nowhere: no filesystem metrics.
    Off,
    /// There, absolute.
    At(PathBuf),
}

impl RootFilesystem {
    /// Where `compose/agent.yml` mounts the host's root.
    const MOUNTED: &str = "/host/rootfs";
    /// Files by which a container is known from inside: Docker's and Podman's.
    const CONTAINER_MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];

    /// The directory, `auto` decided by what this process sees; `None` is off.
    pub fn resolve(&self) -> Option<PathBuf> {
        self.resolve_by(Path::exists)
    }

    /// `auto`: the place of the documented mount if it is there; else `/`, which is the host's unless this is a container, whose own
    /// root would be shown as the host's.
    fn resolve_by(&self, exists: impl Fn(&Path) -> bool) -> Option<PathBuf> {
        match self {
            Self::Off => None,
            Self::At(path) => Some(path.clone()),
            Self::Auto if exists(Path::new(Self::MOUNTED)) => Some(PathBuf::from(Self::MOUNTED)),
            Self::Auto if Self::CONTAINER_MARKS.iter().any(|mark| exists(Path::new(mark))) => None,
            Self::Auto => Some(PathBuf::from("/")),
        }
    }
}

/// Section `metrics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Groups on the page; always holds [`Group::Agent`].
    pub collect: BTreeSet<Group>,
    /// Container labels on `container_*` series: whole keys, or the beginning of keys followed by `*`.
    pub container_labels: BTreeSet<String>,
    /// Interfaces of the host without `node_network_*` series, written in the same way.
    pub hidden_interfaces: BTreeSet<String>,
}

/// Section `services`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    /// Time a service stays expected after its last container was removed.
    pub forget_after: Duration,
}

/// Section `state`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Where counters are kept, absolute; `None` keeps nothing.
    pub directory: Option<PathBuf>,
}

/// Section `log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Least important lines to write.
    pub level: Level,
    /// What a line looks like.
    pub format: Format,
}

impl Config {
    /// Takes every key once. Where a value is wrong its default stands in, so that the next mistake is found too; the caller throws
    /// the result away then.
    pub(super) fn assemble(values: &mut Values, file: Option<PathBuf>, policy: Policy) -> Self {
        let otlp = Otlp::take_all(values);
        let state = State { directory: values.take(&keys::STATE_DIRECTORY) };
        Self {
            http: Http {
                listen: values.take(&keys::HTTP_LISTEN),
                max_connections: values.take(&keys::HTTP_MAX_CONNECTIONS),
                header_timeout: values.take(&keys::HTTP_HEADER_TIMEOUT),
                idle_timeout: values.take(&keys::HTTP_IDLE_TIMEOUT),
                answer_timeout: values.take(&keys::HTTP_ANSWER_TIMEOUT),
                write_timeout: values.take(&keys::HTTP_WRITE_TIMEOUT),
                transfer_timeout: values.take(&keys::HTTP_TRANSFER_TIMEOUT),
                drain_timeout: values.take(&keys::HTTP_DRAIN_TIMEOUT),
                max_unread_bytes: usize::try_from(values.take(&keys::HTTP_MAX_UNREAD_SIZE)).unwrap_or(usize::MAX),
                access: Access::take(values),
            },
            engine: Engine::take(values),
            host: Host {
                name: values.take(&keys::HOST_NAME),
                proc: values.take(&keys::HOST_PROC),
                sys: values.take(&keys::HOST_SYS),
                rootfs: values.take(&keys::HOST_ROOTFS),
            },
            metrics: Metrics {
                collect: values.take(&keys::METRICS_COLLECT),
                container_labels: values.take(&keys::METRICS_CONTAINER_LABELS),
                hidden_interfaces: values.take(&keys::METRICS_HIDDEN_INTERFACES),
            },
            targets: targets::Settings {
                external: values.take(&keys::HTTP_EXTERNAL_URL),
                mode: values.take(&keys::TARGETS_MODE),
                timeout: values.take(&keys::TARGETS_TIMEOUT),
                max_body: values.take(&keys::TARGETS_MAX_BODY_SIZE),
                max_fetches: values.take(&keys::TARGETS_MAX_FETCHES),
                merge: targets::MergeSettings {
                    enabled: values.take(&keys::METRICS_MERGE),
                    timeout: values.take(&keys::METRICS_MERGE_TIMEOUT),
                    max_bytes: values.take(&keys::METRICS_MERGE_MAX_SIZE),
                },
            },
            targets_ca_file: values.take(&keys::TARGETS_CA_FILE),
            containers: ContainerFilter {
                include: values.take(&keys::CONTAINERS_INCLUDE),
                exclude: values.take(&keys::CONTAINERS_EXCLUDE),
            },
            loki: Loki::take_all(values),
            traces: super::traces::take(values, &otlp, state.directory.is_some()),
            otlp,
            logs: super::logs::take(values),
            services: Services { forget_after: values.take(&keys::SERVICES_FORGET_AFTER) },
            state,
            log: Log { level: values.take(&keys::LOG_LEVEL), format: values.take(&keys::LOG_FORMAT) },
            isolation: super::isolation::take(values),
            policy: Arc::new(policy),
            policy_inline: values.policy_inline(),
            file,
            settings: values.settings(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_filesystem_is_found() {
        let at = |path: &str| Some(PathBuf::from(path));
        let table: [(RootFilesystem, &[&str], Option<PathBuf>); 7] = [
            (RootFilesystem::Auto, &[], at("/")),
            (RootFilesystem::Auto, &["/host/rootfs"], at("/host/rootfs")),
            (RootFilesystem::Auto, &["/.dockerenv"], None),
            (RootFilesystem::Auto, &["/run/.containerenv"], None),
            (RootFilesystem::Auto, &["/.dockerenv", "/host/rootfs"], at("/host/rootfs")),
            (RootFilesystem::Off, &["/host/rootfs"], None),
            (RootFilesystem::At("/mnt".into()), &[], at("/mnt")),
        ];
        for (setting, present, expected) in table {
            let found = setting.resolve_by(|path| present.iter().any(|there| path == Path::new(there)));
            assert_eq!(found, expected, "{setting:?} with {present:?}");
        }
    }
}
