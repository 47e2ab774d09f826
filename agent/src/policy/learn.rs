//! A policy that says what is there now: `spyhop init`.
//!
//! What single containers come to is seen here. What they have against the rules between networks is said by `isolation`, which adds its
//! exceptions before the text is written.

mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    net::IpAddr,
    sync::Arc,
};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};

use self::text::{exceptions, projects, tiers, word};
use super::{
    Amount, Class, EgressTarget, Flow, GatewayMode, Layer, Limits, NetworkRule, Policy, Project, Publish, RootFiles,
    Scene, ServiceRule, Severity, Sharing, Tier, With, judge,
};
use crate::{
    inventory::{Entry, Snapshot},
    model::{
        Container, ContainerFilter, Gateway, Glob, InOrder as _, IntoTree as _, Network, NetworkMode, Protocol,
        ServiceKey, Shared,
    },
};

/// Days an exception for what was there from the beginning holds.
const GRACE_DAYS: i64 = 90;

/// Connections that somebody has seen. Who has seen none says nothing of flows: a policy that is guessed lets through what nobody needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Between services: source, target, the target's own port.
    pub flows: BTreeSet<(ServiceKey, ServiceKey, u16, Protocol)>,
    /// Out of the host.
    pub egress: BTreeSet<(ServiceKey, IpAddr, u16, Protocol)>,
    /// To services of the host.
    pub host: BTreeSet<(ServiceKey, u16, Protocol)>,
}

/// What is there, on its way to a text.
#[derive(Debug)]
pub struct Learnt<'a> {
    snapshot: &'a Snapshot,
    policy: Arc<Policy>,
    today: Date,
    exceptions: BTreeSet<(Class, Option<ServiceKey>, Arc<str>)>,
}

impl<'a> Learnt<'a> {
    /// A policy that has no finding by what `judge` looks at, but for what is worth knowing: what is not as it should be is excepted for
    /// [`GRACE_DAYS`].
    pub fn new(snapshot: &'a Snapshot, seen: Option<&Seen>, now: Timestamp) -> Self {
        let policy = Arc::new(policy_of(snapshot, seen));
        let (files, filter) = (RootFiles::default(), ContainerFilter::default());
        let verdict = judge(&policy, &Scene { snapshot, now, files: &files, filter: &filter });
        let today = now.to_zoned(TimeZone::UTC).date();
        let mut learnt = Self { snapshot, policy, today, exceptions: BTreeSet::new() };
        for finding in verdict.findings.iter().filter(|finding| finding.severity > Severity::Info) {
            learnt.except(finding.class, finding.service.as_ref(), &finding.subject);
        }
        for (key, port, protocol) in seen.into_iter().flat_map(|seen| &seen.host) {
            learnt.except(Class::HostReach, Some(key), &format!("{port}/{}", protocol.as_str()));
        }
        learnt
    }

    /// What is meant so far, without exceptions.
    pub const fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Excepts what was so from the beginning. What has no name in the language is left out: it stays a finding.
    pub fn except(&mut self, class: Class, service: Option<&ServiceKey>, subject: &str) {
        let names = service.iter().flat_map(|key| [&*key.project, &*key.service]);
        if names.chain([subject]).all(is_plain) {
            self.exceptions.insert((class, service.cloned(), subject.into()));
        }
    }

    /// The text.
    pub fn write(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _infallible = writeln!(
            out,
            "# What ran on {} on {}, written by spyhop init. Say which tier matters most, and what of this is not meant.\n# The language \
             is described in docs/policy.md, the findings in docs/findings.md.\nversion: 1\n",
            word(self.snapshot.host.as_deref().unwrap_or("this host")),
            self.today
        );
        tiers(&mut out, &self.policy);
        projects(&mut out, &self.policy);
        let until = self.today.checked_add(GRACE_DAYS.days()).unwrap_or(self.today);
        exceptions(&mut out, &self.exceptions, until);
        out
    }
}

/// What is there as a policy, without exceptions.
fn policy_of(snapshot: &Snapshot, seen: Option<&Seen>) -> Policy {
    let named = limits_by_size(snapshot);
    let tiers: Vec<Arc<Tier>> = named
        .into_iter()
        .map(|(limits, name)| Arc::new(Tier { name, severity: Severity::Warning, limits, objectives: Vec::new() }))
        .collect();
    let mut projects: BTreeMap<Arc<str>, Project> = BTreeMap::new();
    for group in snapshot.containers.chunk_by(|a, b| a.container.identity.key == b.container.identity.key) {
        let members: Vec<&Entry> =
            group.iter().map(|entry| &**entry).filter(|entry| !entry.container.identity.one_off).collect();
        let Some(first) = members.first() else { continue };
        let key = &first.container.identity.key;
        if !is_plain(&key.project) || !is_plain(&key.service) {
            continue;
        }
        let project = projects.entry(Arc::clone(&key.project)).or_default();
        project.name = Arc::clone(&key.project);
        let mut rule = rule(&members, key, &tiers);
        rule.namespace = sharing(&first.container, snapshot);
        rule.egress = seen.map(|seen| outside(seen, key)).filter(|targets| !targets.is_empty());
        project.base.services.push(rule);
    }
    for project in projects.values_mut() {
        let Project { name, base, .. } = project;
        networks_of(base, name, snapshot);
        base.flows = seen.map(|seen| flows(seen, name)).filter(|flows| !flows.is_empty());
    }
    Policy { tiers, projects: projects.into_values().map(Arc::new).collect(), ..Policy::default() }
}

/// Networks of the services by the names of the compose file, with what the engine says of each.
fn networks_of(base: &mut Layer, project: &str, snapshot: &Snapshot) {
    let all: BTreeSet<Arc<str>> =
        base.services.iter().flat_map(|rule| rule.networks.iter().flatten()).cloned().into_set();
    let found = |name: &str| snapshot.networks.iter().find(|network| *network.name == *name);
    // As the compose file calls it, unless another network has that very name.
    let short = |name: &Arc<str>| -> Arc<str> {
        let bare = Network { name: Arc::clone(name), ..Network::default() };
        let short: Arc<str> = found(name).map_or(&bare, |network| network).short_name(project).into();
        let is_taken = all.contains(&short) && short != *name;
        if is_taken || !is_plain(&short) { Arc::clone(name) } else { short }
    };
    for rule in &mut base.services {
        let closed = |name: &Arc<str>| found(name).is_some_and(|network| network.internal == Some(true));
        let networks = rule.networks.take().unwrap_or_default();
        // An engine that publishes on internal networks has no place in the language: where such a service is stays unsaid.
        let odd = rule.publish.is_some() && !networks.is_empty() && networks.iter().all(closed);
        let shares = rule.namespace.network.is_some();
        rule.networks = (!odd && !shares).then(|| networks.iter().map(short).collect());
    }
    let used: BTreeSet<Arc<str>> =
        base.services.iter().flat_map(|rule| rule.networks.iter().flatten()).cloned().into_set();
    base.networks = all
        .iter()
        .filter(|name| used.contains(&short(name)))
        .map(|name| (short(name), found(name).map(|network| network_rule(network)).unwrap_or_default()))
        .collect();
}

fn network_rule(network: &Network) -> NetworkRule {
    let modes = [network.options.gateway_v4, network.options.gateway_v6];
    let gateway = match modes {
        [Some(Gateway::Isolated), Some(Gateway::Isolated)] => Some(GatewayMode::Isolated),
        modes if modes.contains(&Some(Gateway::NatUnprotected)) => Some(GatewayMode::NatUnprotected),
        modes if modes.contains(&Some(Gateway::Routed)) => Some(GatewayMode::Routed),
        _ => None,
    };
    let internal = network.internal.filter(|internal| *internal);
    NetworkRule {
        gateway: gateway.filter(|gateway| *gateway != GatewayMode::Isolated || internal.is_some()),
        internal,
        icc: network.options.icc.filter(|icc| !icc),
        ipv6: None,
        driver: network.driver.clone().filter(|driver| **driver != *"bridge" && is_plain(driver)),
    }
}

/// Namespaces that are another's.
fn sharing(container: &Container, snapshot: &Snapshot) -> Sharing {
    let whose = |other: &Arc<str>| {
        let is = |entry: &&Arc<Entry>| entry.container.id.as_str() == &**other || entry.container.name == *other;
        let found = snapshot.containers.iter().find(is).map(|entry| &entry.container);
        match found {
            Some(found) if found.identity.key.project == container.identity.key.project => {
                Some(With::Service(Arc::clone(&found.identity.key.service)))
                    .filter(|_| is_plain(&found.identity.key.service))
            }
            Some(found) => Some(With::Container(Arc::clone(&found.name))).filter(|_| is_plain(&found.name)),
            None => None,
        }
    };
    let with = |shared: &Shared| match shared {
        Shared::Own => None,
        Shared::Host => Some(With::Host),
        Shared::Container(other) => whose(other),
    };
    Sharing {
        network: match &container.network_mode {
            NetworkMode::Host => Some(With::Host),
            NetworkMode::Container(other) => whose(other),
            NetworkMode::None | NetworkMode::Own(_) => None,
        },
        pid: with(&container.confinement.pid),
        ipc: with(&container.confinement.ipc),
        userns: container.confinement.userns_host.then_some(With::Host),
    }
}

/// Flows that a service of the project begins, and that the language has words for.
fn flows(seen: &Seen, project: &str) -> Vec<Flow> {
    let of_project = seen.flows.iter().filter(|(from, to, ..)| *from.project == *project && from != to);
    let flow = |(from, to, port, protocol): &(ServiceKey, ServiceKey, u16, Protocol)| {
        let flow = Flow {
            source: Glob::new(&*from.service),
            source_project: None,
            target: Glob::new(&*to.service),
            target_project: (to.project != from.project).then(|| Arc::clone(&to.project)),
            port: *port,
            protocol: protocol.as_str().into(),
            required: false,
        };
        let plain = is_plain(&from.service) && is_plain(&to.service);
        (plain && Flow::parse(&flow.to_string()).as_ref() == Some(&flow)).then_some(flow)
    };
    of_project.filter_map(flow).collect()
}

fn outside(seen: &Seen, key: &ServiceKey) -> Vec<EgressTarget> {
    let of_service = seen.egress.iter().filter(|(from, ..)| from == key);
    let targets = of_service.filter_map(|(_, address, port, protocol)| {
        let address = if address.is_ipv6() { format!("[{address}]") } else { address.to_string() };
        EgressTarget::parse(&format!("{address}:{port}/{}", protocol.as_str()))
    });
    targets.collect()
}

/// Whether it is a name in the language: neither a pattern nor somebody's joke of a label.
fn is_plain(name: &str) -> bool {
    !name.contains('*') && !name.chars().any(char::is_control)
}

/// What the containers of one service come to.
fn rule(members: &[&Entry], key: &ServiceKey, tiers: &[Arc<Tier>]) -> ServiceRule {
    let running: Vec<_> = members.iter().filter(|entry| entry.container.has_processes()).collect();
    let mut publish: Vec<Publish> =
        running.iter().flat_map(|entry| &entry.container.ports).filter_map(entry_of).collect();
    publish.order_by_key(|entry| (entry.first, entry.to_string()));
    publish.dedup();
    let networks: BTreeSet<Arc<str>> =
        members.iter().flat_map(|entry| &entry.container.networks).map(|on| Arc::clone(&on.network)).into_set();
    let limits = members.first().map(|entry| limits_of(entry)).unwrap_or_default();
    let job = members.iter().all(|entry| entry.completed());
    ServiceRule {
        name: Arc::clone(&key.service),
        tier: tiers.iter().find(|tier| tier.limits == limits).map(|tier| Arc::clone(&tier.name)),
        replicas: (running.len() > 1).then(|| Amount::exactly(running.len() as f64)),
        publish: (!publish.is_empty()).then_some(publish),
        networks: Some(networks.into_iter().filter(|network| is_plain(network)).collect()),
        job: job.then_some(true),
        ..ServiceRule::default()
    }
}

/// Each set of limits, the largest first, with a name.
fn limits_by_size(snapshot: &Snapshot) -> Vec<(Limits, Arc<str>)> {
    let mut all: Vec<Limits> = Vec::new();
    for entry in &snapshot.containers {
        let limits = limits_of(entry);
        if !all.contains(&limits) {
            all.push(limits);
        }
    }
    let size = |amount: Option<Amount>| amount.and_then(|amount| amount.most).unwrap_or(-1.0);
    all.order_by(|a, b| size(b.memory).total_cmp(&size(a.memory)).then(size(b.cpus).total_cmp(&size(a.cpus))));
    let named = (1..).zip(all).map(|(number, limits)| match limits {
        Limits { memory: Some(Amount::ANY), cpus: Some(Amount::ANY), .. } => (limits, "unlimited".into()),
        _ => (limits, format!("tier-{number}").into()),
    });
    named.collect()
}

fn limits_of(entry: &Entry) -> Limits {
    let given = &entry.container.limits;
    Limits {
        // Missing: there must be one, and that there is none is excepted for a while.
        memory: Some(given.memory_bytes.map_or(Amount::ANY, |bytes| Amount::exactly(bytes as f64))),
        cpus: Some(given.cpu_cores.map_or(Amount::ANY, Amount::exactly)),
        ..Limits::default()
    }
}

fn entry_of(port: &crate::model::PublishedPort) -> Option<Publish> {
    let address = match &*port.host_ip {
        "" => Some(std::net::Ipv4Addr::UNSPECIFIED.into()),
        text => Some(text.parse().ok()?),
    };
    Some(Publish { address, first: port.host_port, last: port.host_port, protocol: Arc::clone(&port.protocol) })
}
