//! What a metric family is: the entries of the catalogue.

/// Type of a family, in the words of the Prometheus text format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, falls to 0 when its source restarts.
    Counter,
    /// May go up and down.
    Gauge,
    /// Constant 1 whose labels are the value; OpenMetrics type `info`, classic type `gauge`.
    Info,
    /// Buckets, sum and count.
    Histogram,
}

/// The part of the page a family belongs to: what `?collect[]=` and the file switch on and off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// `container_*`: cAdvisor's names.
    Container,
    /// `machine_*` and `cadvisor_version_info`: cAdvisor's names.
    Machine,
    /// `node_*`: node_exporter's names.
    Node,
    /// `spyhop_container_*` and `spyhop_service_*`: what the engine and the agent know of containers.
    Service,
    /// `spyhop_target_*`: the endpoints which containers declare, and with `metrics.merge` what these expose.
    Target,
    /// `spyhop_logs_*`: lines read and sent, and what became of the others. Absent while logs go nowhere.
    Logs,
    /// `spyhop_finding*`: what is not as the policy or good practice wants it, and the tier of each service.
    Policy,
    /// `spyhop_probe_*` and blackbox_exporter's `probe_*`: what was asked of targets, and what they answered.
    Probes,
    /// `spyhop_isolation_*`: who reaches whom and should not. Absent while no project of the policy has a say in it.
    Isolation,
    /// `spyhop_otlp_*`, `spyhop_lifecycle_*` and what is counted of spans under Tempo's or the collector's names: `traces_*`. Absent while no
    /// OTLP is taken and none sent.
    Traces,
    /// The agent's own health: `spyhop_*` and `process_*`. Always on.
    Agent,
}

impl Group {
    /// Every group, in the order of the page.
    pub const ALL: [Self; 11] = [
        Self::Container,
        Self::Machine,
        Self::Node,
        Self::Service,
        Self::Target,
        Self::Logs,
        Self::Policy,
        Self::Probes,
        Self::Isolation,
        Self::Traces,
        Self::Agent,
    ];

    /// The word in `?collect[]=` and in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Machine => "machine",
            Self::Node => "node",
            Self::Service => "service",
            Self::Target => "target",
            Self::Logs => "logs",
            Self::Policy => "policy",
            Self::Probes => "probes",
            Self::Isolation => "isolation",
            Self::Traces => "traces",
            Self::Agent => "agent",
        }
    }

    /// The group of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.as_str() == word)
    }
}

/// One metric family: what stands in `docs/metrics.md` and above its samples.
#[derive(Debug)]
pub struct Family {
    /// Full name as a sample carries it, `_total` and `_info` included.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Base unit as the name spells it (`seconds`, `bytes`, `ratio`), empty for counts.
    pub unit: &'static str,
    /// One sentence, with the source of the figure.
    pub help: &'static str,
    /// Labels beside the common ones of its group.
    pub labels: &'static [&'static str],
    /// Version it came with.
    pub since: &'static str,
    /// Group.
    pub group: Group,
}
