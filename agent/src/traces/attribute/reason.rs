//! By which rule a resource got its container, or why it did not; and how often.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::otlp::Signal;

/// What told the container, in the order in which the rules are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The resource says `container.id`.
    ContainerId,
    /// The kernel knows the process at the other end of a unix socket.
    Socket,
    /// The connection comes from the container's address.
    Address,
    /// The connection comes from the host, and the kernel knows whose socket it is.
    HostSocket,
    /// `host.name` is the short id of a container, which is what the engine calls a container's host by itself.
    HostName,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 5] = [Self::ContainerId, Self::Socket, Self::Address, Self::HostSocket, Self::HostName];

    /// The word in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ContainerId => "container_id",
            Self::Socket => "socket",
            Self::Address => "address",
            Self::HostSocket => "host_socket",
            Self::HostName => "host_name",
        }
    }
}

/// Why a resource was passed on without a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Miss {
    /// It comes from the gateway of a network: through a published port, or from the host. Whoever it is, his address was translated.
    GatewayIp,
    /// It comes from the host's own network, and whose socket it is cannot be told, or it is nobody's in a container.
    HostNet,
    /// Nobody known has this address.
    UnknownIp,
    /// Several containers have this address: they share a network namespace.
    Ambiguous,
    /// The resource says a `container.id`, or a unix socket leads to one, which no container here has.
    NoSuchContainer,
    /// It comes from the agent's own container, or names it.
    AgentItself,
    /// It comes over loopback, and whose loopback that is is not known.
    Loopback,
    /// The run of the container which the connection was bound to is over.
    Ended,
    /// The engine has told of a container and had not described it in time.
    NotDescribed,
    /// The container passes on what others send, and this says no `container.id`.
    Relay,
    /// The process at the other end of a unix socket is in no container.
    HostProcess,
    /// The process at the other end of a unix socket cannot be seen from here.
    UnknownProcess,
    /// The engine is on another machine: addresses mean something else there.
    RemoteEngine,
    /// It cannot be read.
    Malformed,
}

impl Miss {
    /// Every reason.
    pub const ALL: [Self; 14] = [
        Self::GatewayIp,
        Self::HostNet,
        Self::UnknownIp,
        Self::Ambiguous,
        Self::NoSuchContainer,
        Self::AgentItself,
        Self::Loopback,
        Self::Ended,
        Self::NotDescribed,
        Self::Relay,
        Self::HostProcess,
        Self::UnknownProcess,
        Self::RemoteEngine,
        Self::Malformed,
    ];

    /// The word in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GatewayIp => "gateway_ip",
            Self::HostNet => "host_net",
            Self::UnknownIp => "unknown_ip",
            Self::Ambiguous => "ambiguous",
            Self::NoSuchContainer => "no_such_container",
            Self::AgentItself => "agent_itself",
            Self::Loopback => "loopback",
            Self::Ended => "ended",
            Self::NotDescribed => "not_described",
            Self::Relay => "relay",
            Self::HostProcess => "host_process",
            Self::UnknownProcess => "unknown_process",
            Self::RemoteEngine => "remote_engine",
            Self::Malformed => "malformed",
        }
    }
}

/// How often each rule told, and how often there was which reason: resources by signal.
#[derive(Debug, Default)]
pub struct Counts {
    by_rule: [[AtomicU64; Rule::ALL.len()]; Signal::ALL.len()],
    missed: [[AtomicU64; Miss::ALL.len()]; Signal::ALL.len()],
}

impl Counts {
    /// Counts one resource.
    pub fn add(&self, signal: Signal, by: Result<Rule, Miss>) {
        if let Some(count) = self.cell(signal, by) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Resources of a signal so far which a rule named, or which were missed for a reason.
    pub fn get(&self, signal: Signal, by: Result<Rule, Miss>) -> u64 {
        self.cell(signal, by).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    fn cell(&self, signal: Signal, by: Result<Rule, Miss>) -> Option<&AtomicU64> {
        match by {
            Ok(rule) => self.by_rule.get(signal as usize)?.get(rule as usize),
            Err(miss) => self.missed.get(signal as usize)?.get(miss as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_for_itself() {
        let counts = Counts::default();
        for (times, rule) in Rule::ALL.into_iter().enumerate() {
            (0..=times).for_each(|_| counts.add(Signal::Logs, Ok(rule)));
        }
        for (times, miss) in Miss::ALL.into_iter().enumerate() {
            (0..=times).for_each(|_| counts.add(Signal::Traces, Err(miss)));
        }
        let told: Vec<u64> = Rule::ALL.into_iter().map(|rule| counts.get(Signal::Logs, Ok(rule))).collect();
        assert_eq!(told, (1..=5).collect::<Vec<_>>());
        let missed: Vec<u64> = Miss::ALL.into_iter().map(|miss| counts.get(Signal::Traces, Err(miss))).collect();
        assert_eq!(missed, (1..=14).collect::<Vec<_>>());
        assert_eq!(counts.get(Signal::Metrics, Ok(Rule::Socket)), 0);
    }

    #[test]
    fn the_documentation_has_every_word() {
        let page = include_str!("../../../../docs/traces-topologies.md");
        let words = |table: &str| -> Vec<&str> {
            let rest = page.split_once(&format!("<!-- {table} -->")).unwrap().1;
            let rows = rest.lines().skip_while(|line| line.is_empty()).take_while(|line| line.starts_with('|'));
            rows.filter_map(|row| row.strip_prefix("| `")?.split_once('`')).map(|(word, _)| word).collect()
        };
        assert_eq!(words("rules"), Rule::ALL.map(Rule::as_str));
        assert_eq!(words("reasons"), Miss::ALL.map(Miss::as_str));
    }
}
