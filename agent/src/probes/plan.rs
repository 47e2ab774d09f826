//! From a picture and a policy to what is asked: identities, intervals, ways. Pure but for the kernel's routes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use super::declare::{Mistake, declared};
use crate::{
    inventory::{Entry, Snapshot},
    model::{ContainerState, ServiceKey},
    policy::{
        Asked, Policy, Severity, Tier,
        probe::{Backend, Elsewhere, Family, Kind, Probe},
    },
    targets::{NoWay, Standpoint, View, Way},
};

/// Probes kept at once; more are left out and counted. Those of the file come before those of labels.
pub const MAX_PROBES: usize = 2_000;

/// Time between two probes, unless said; of services in a critical tier, and of all others.
const INTERVALS: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(15)];
/// When a probe fails, unless said.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Who is asked what. A container made anew has the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// Project; empty for none, and for targets elsewhere.
    pub project: Arc<str>,
    /// Service; of a target elsewhere its name.
    pub service: Arc<str>,
    /// Replica; empty for targets elsewhere.
    pub replica: Arc<str>,
    /// Name of the probe.
    pub probe: Arc<str>,
}

impl Id {
    /// Whether it is a target elsewhere.
    pub fn is_elsewhere(&self) -> bool {
        self.replica.is_empty()
    }
}

/// One target and what it is asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    /// What is asked; `None` when that is wrong.
    pub(super) probe: Option<Arc<Probe>>,
    pub(super) interval: Duration,
    pub(super) timeout: Duration,
    /// For people, and the label `target`.
    pub(super) target: Arc<str>,
    /// Name in the greeting and in the certificate, unless the probe says another; and `Host` of a request where it is no container.
    pub(super) name: Arc<str>,
    pub(super) end: End,
    /// Which life of which container: a new one is asked anew.
    pub(super) life: Life,
}

/// What tells one life of a container from the next.
pub(super) type Life = Option<(crate::model::ContainerId, Option<jiff::Timestamp>)>;

/// How it is reached.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum End {
    /// A container.
    Container(Way),
    /// A host and a port elsewhere.
    Host(Arc<str>, u16, Option<Family>),
    /// A container that should run and does not: a failure for which nobody is asked.
    Down,
    /// Nobody is asked, and nothing is said of the target.
    Unreachable(Unreachable),
}

/// Why a target is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// Its label is wrong.
    Mistake(Mistake),
    /// There is no way to the container.
    NoWay(NoWay),
    /// Somebody stopped the container, or it has done what it was started for.
    Stopped,
    /// The container was never started.
    NotStarted,
    /// There is no container.
    NoContainer,
    /// It is the agent.
    Itself,
}

impl Unreachable {
    /// The `reason` label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mistake(mistake) => mistake.as_str(),
            Self::NoWay(no_way) => no_way.as_str(),
            Self::Stopped => "stopped",
            Self::NotStarted => "not_started",
            Self::NoContainer => "no_container",
            Self::Itself => "itself",
        }
    }

    /// For people.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Mistake(mistake) => mistake.explain(),
            Self::NoWay(no_way) => no_way.explain(),
            Self::Stopped => "the container was stopped by somebody, or has done what it was started for",
            Self::NotStarted => "the container was never started",
            Self::NoContainer => "there is no container",
            Self::Itself => "it is the agent itself",
        }
    }
}

/// What is asked of whom.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) wanted: BTreeMap<Id, Wanted>,
    /// Declarations left out.
    pub(super) refused: u64,
    /// A way may come without an event: a bridge of this host.
    pub(super) hopes: bool,
}

impl Plan {
    /// What a policy and the labels of a picture's containers ask for, seen from a standpoint.
    pub(super) fn new(snapshot: &Snapshot, policy: &Policy, standpoint: &Standpoint) -> Self {
        let mut plan = Self::default();
        let asked = Asked::new(policy, &snapshot.containers);
        let containers = || snapshot.containers.iter().filter(|entry| !entry.container.identity.one_off);
        let of_file: Vec<_> = containers().map(|entry| asked.probes(&entry.container.identity.key)).collect();
        let of_labels: Vec<_> = containers().map(|entry| declared(&entry.container.labels)).collect();
        plan.refused += of_labels.iter().map(|declared| declared.refused).sum::<u64>();
        let nobody = policy.probes.is_empty()
            && of_file.iter().all(BTreeMap::is_empty)
            && of_labels.iter().all(|declared| declared.probes.is_empty());
        // Most hosts: no route is looked at.
        if nobody {
            return plan;
        }
        let view = standpoint.look(snapshot);
        for target in &policy.probes {
            let wanted = elsewhere(target, policy, snapshot, &view);
            let id = Id {
                project: Arc::default(),
                service: Arc::clone(&target.name),
                replica: Arc::default(),
                probe: Arc::clone(&target.name),
            };
            plan.add(id, wanted);
        }
        let id = |entry: &Entry, probe: &Arc<str>| {
            let ServiceKey { project, service } = entry.container.identity.key.clone();
            Id { project, service, replica: Arc::clone(&entry.replica), probe: Arc::clone(probe) }
        };
        for (entry, probes) in containers().zip(&of_file) {
            let tier = || asked.tier(&entry.container.identity.key, &entry.container.labels);
            for (name, probe) in probes {
                if let Some(probe) = probe {
                    plan.add(id(entry, name), of_container(Ok(probe), tier().as_deref(), entry, &view));
                }
            }
        }
        for ((entry, declared), of_file) in containers().zip(&of_labels).zip(&of_file) {
            let tier = || asked.tier(&entry.container.identity.key, &entry.container.labels);
            for (name, probe) in declared.probes.iter().filter(|(name, _)| !of_file.contains_key(name)) {
                let probe = probe.as_ref().map_err(|mistake| *mistake);
                plan.add(id(entry, name), of_container(probe, tier().as_deref(), entry, &view));
            }
        }
        plan
    }

    fn add(&mut self, id: Id, wanted: Wanted) {
        if self.wanted.len() >= MAX_PROBES || self.wanted.contains_key(&id) {
            self.refused += 1;
            return;
        }
        self.hopes |= wanted.end == End::Unreachable(Unreachable::NoWay(NoWay::NoBridge));
        self.wanted.insert(id, wanted);
    }

    /// Who is asked at which interval.
    pub(super) fn intervals(&self) -> HashMap<Id, Duration> {
        let asked = self.wanted.iter().filter(|(_, wanted)| !matches!(wanted.end, End::Unreachable(_)));
        asked.map(|(id, wanted)| (id.clone(), wanted.interval)).collect()
    }
}

fn of_container(probe: Result<&Arc<Probe>, Mistake>, tier: Option<&Tier>, entry: &Entry, view: &View<'_>) -> Wanted {
    let container = &entry.container;
    let ServiceKey { project, service } = &container.identity.key;
    let place = if project.is_empty() { service.to_string() } else { format!("{project}/{service}") };
    let (target, end) = match probe {
        Ok(probe) => (target(&place, probe), container_end(entry, probe.aim.port, view)),
        Err(mistake) => (place, End::Unreachable(Unreachable::Mistake(mistake))),
    };
    let (interval, timeout) = pace(probe.ok(), tier);
    Wanted {
        probe: probe.ok().cloned(),
        interval,
        timeout,
        target: target.into(),
        name: Arc::clone(service),
        end,
        life: Some((container.id.clone(), container.started_at)),
    }
}

fn elsewhere(target: &Elsewhere, policy: &Policy, snapshot: &Snapshot, view: &View<'_>) -> Wanted {
    let probe = &target.probe;
    let tier = target.tier.as_deref().and_then(|name| policy.tier(name));
    let (interval, timeout) = pace(Some(probe), tier.map(Arc::as_ref));
    let (end, life) = match &target.connect {
        None => (End::Host(Arc::clone(&target.host), probe.aim.port, target.family), None),
        Some(backend) => backend_end(backend, snapshot, view),
    };
    let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.to_string() };
    let shown = self::target(&host, probe).into();
    Wanted {
        probe: Some(Arc::clone(probe)),
        interval,
        timeout,
        target: shown,
        name: Arc::clone(&target.host),
        end,
        life,
    }
}

/// The first running container of a service that can be reached, else why none can.
fn backend_end(backend: &Backend, snapshot: &Snapshot, view: &View<'_>) -> (End, Life) {
    let is = |key: &ServiceKey| key.project == backend.project && key.service == backend.service;
    let entries = snapshot.containers.iter().filter(|entry| is(&entry.container.identity.key));
    let mut best = (End::Unreachable(Unreachable::NoContainer), None);
    for entry in entries.filter(|entry| !entry.container.identity.one_off) {
        let life = Some((entry.container.id.clone(), entry.container.started_at));
        match container_end(entry, backend.port, view) {
            end @ End::Container(_) => return (end, life),
            // One that should run and does not says more than one that need not.
            End::Down => best = (End::Down, life),
            end if best.0 != End::Down => best = (end, life),
            _ => {}
        }
    }
    best
}

fn container_end(entry: &Entry, port: u16, view: &View<'_>) -> End {
    match entry.container.state {
        ContainerState::Running | ContainerState::Paused => match view.way(entry, port) {
            Ok(Way::Itself) => End::Unreachable(Unreachable::Itself),
            Ok(way) => End::Container(way),
            Err(no_way) => End::Unreachable(Unreachable::NoWay(no_way)),
        },
        ContainerState::Created => End::Unreachable(Unreachable::NotStarted),
        _ if entry.stopped() || entry.completed() => End::Unreachable(Unreachable::Stopped),
        ContainerState::Removing => End::Unreachable(Unreachable::Stopped),
        ContainerState::Exited | ContainerState::Dead | ContainerState::Restarting | ContainerState::Unknown => {
            End::Down
        }
    }
}

fn pace(probe: Option<&Arc<Probe>>, tier: Option<&Tier>) -> (Duration, Duration) {
    let [critical, usual] = INTERVALS;
    let of_tier = if tier.is_some_and(|tier| tier.severity == Severity::Critical) { critical } else { usual };
    let interval = probe.and_then(|probe| probe.interval).unwrap_or(of_tier);
    let timeout = probe.and_then(|probe| probe.timeout).unwrap_or(TIMEOUT.min(interval));
    (interval, timeout)
}

/// `http://shop/api:8000/health`: without the query, which may hold what is nobody's business.
fn target(place: &str, probe: &Probe) -> String {
    let path = match (&probe.aim.path, probe.aim.kind) {
        (Some(path), _) => path.split('?').next().unwrap_or_default(),
        (None, Kind::Http | Kind::Https) => "/health",
        (None, _) => "",
    };
    format!("{}://{place}:{}{path}", probe.aim.kind.as_str(), probe.aim.port)
}
