//! What the policy wants of networks and flows, laid on the services and networks that are there.
//!
//! A project has a say when a layer in force describes networks, flows or the host, or a service of it has networks or egress. What a
//! project with a say does not list is denied; of a project without one nothing is asked. Profiles lie on top of the base: of a
//! network and a service the winning layer says what it says and the others the rest, flows and ports of the host are all that any
//! layer has.

mod hash;
#[cfg(test)]
pub(in crate::isolation) mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use super::{Edge, End};
use crate::{
    inventory::{Entry, Snapshot},
    model::{Container, ContainerId, Network, Protocol, ServiceKey},
    policy::{Asked, EgressTarget, Flow, NetworkRule, Policy, Project, Publish, Sharing},
};

/// Edges that patterns of flows are written out to, of one intent. Whether an edge is allowed does not depend on it.
pub const MAX_EDGES: usize = 20_000;

/// What is wanted of every project that has a say in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intent {
    /// By name.
    pub projects: BTreeMap<Arc<str>, ProjectIntent>,
    /// Whom the agent runs as, where it runs in a container: flows to and from it are implied.
    pub agent: Option<ServiceKey>,
}

/// What is wanted of one project.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProjectIntent {
    /// Services of the policy and of the picture, by name.
    pub services: BTreeMap<Arc<str>, ServiceIntent>,
    /// Its networks by the names of the compose file; empty when it describes none.
    pub networks: BTreeMap<Arc<str>, NetworkRule>,
    /// Flows by the port they lead to; `None` when no layer in force says anything of flows.
    pub flows: Option<BTreeMap<(Protocol, u16), Vec<Flow>>>,
    /// Ports of the host that its containers may use.
    pub host: Vec<Publish>,
    /// First eight bytes of the SHA-256 of all that is said, as hexadecimal digits: another one is another intent, whatever runs.
    pub hash: Arc<str>,
}

/// What is wanted of one service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceIntent {
    /// A rule of the policy is about it.
    pub listed: bool,
    /// A container of it is in the picture.
    pub present: bool,
    /// Networks it belongs on, by the names of the compose file; `None` is not said.
    pub networks: Option<Vec<Arc<str>>>,
    /// Where it may get out to; `None` is not said: what is seen is a finding, what is possible none.
    pub egress: Option<Vec<EgressTarget>>,
    /// Ports it may publish; empty is none.
    pub publish: Vec<Publish>,
    /// Namespaces it may share.
    pub namespace: Sharing,
    /// It may forward between its networks.
    pub multihomed: bool,
    /// Ports of its own that are known: by flows, by what is exposed, by what is published. Bounded by the policy and the picture.
    pub ports: BTreeSet<(Protocol, u16)>,
    /// Ports of its own that are published as the policy lists: meant for everybody.
    pub public: BTreeSet<(Protocol, u16)>,
}

impl Intent {
    /// Lays the policy on a picture.
    pub fn resolve(policy: &Policy, snapshot: &Snapshot) -> Self {
        let asked = Asked::new(policy, &snapshot.containers);
        let projects = policy.projects.iter().filter_map(|project| {
            let layers: Vec<_> = asked.layers(project).collect();
            let speaks = layers.iter().any(|layer| layer.speaks_of_isolation());
            speaks.then(|| (Arc::clone(&project.name), ProjectIntent::resolve(project, &asked, snapshot)))
        });
        Self { projects: projects.collect(), agent: None }
    }

    /// With the container that the agent runs in, by the id that [`crate::targets::Targets::own_container`] knows; `None` on the host.
    ///
    /// Nobody is excused by a name that two have: labels are not to be trusted, and whoever copies those of the agent gains nothing by it.
    #[must_use]
    pub fn with_agent(mut self, snapshot: &Snapshot, id: Option<&str>) -> Self {
        let own = id.and_then(|id| snapshot.container(&ContainerId::new(id)));
        let own = own.map(|entry| &entry.container.identity.key);
        let of_name = |key: &&ServiceKey| {
            let running = snapshot.containers.iter().filter(|entry| entry.container.has_processes());
            running.filter(|entry| entry.container.identity.key == **key).count() <= 1
        };
        self.agent = own.filter(of_name).cloned();
        self
    }

    /// What is wanted of a service.
    pub fn service(&self, key: &ServiceKey) -> Option<&ServiceIntent> {
        self.projects.get(&key.project)?.services.get(&key.service)
    }

    /// Whether the policy lets an edge be: a flow names it, it is implied, or it leads to where the service may get out to. `None` where
    /// the policy says nothing of it: neither the project of the source nor that of the target speaks of flows.
    ///
    /// Names of hosts in `egress` admit every address on their ports here; [`Self::lets_out`] takes names into account.
    pub fn allows(&self, edge: &Edge) -> Option<bool> {
        let Edge { from, to, port, protocol } = edge;
        // Whoever is asked says yes to the agent.
        if self.agent.as_ref() == Some(from) {
            return Some(true);
        }
        let own = self.projects.get(&from.project);
        match to {
            End::Agent => Some(true),
            End::Host => own.map(|own| own.host.iter().any(|entry| is_port(entry, *port, *protocol))),
            End::External(address) => own.map(|_| self.lets_out(from, *address, *port, *protocol, None)),
            End::Unlisted(_) => own?.flows.as_ref().map(|_| false),
            End::Service(key) => self.allows_between(from, key, *port, *protocol),
        }
    }

    /// A flow stands in the policy of either project; only who speaks of flows can have something against one.
    fn allows_between(&self, from: &ServiceKey, to: &ServiceKey, port: u16, protocol: Protocol) -> Option<bool> {
        let names = if from.project == to.project { vec![&from.project] } else { vec![&from.project, &to.project] };
        let said: Vec<_> = names.into_iter().filter_map(|name| Some((name, self.projects.get(name)?))).collect();
        let judged = said.iter().any(|(_, project)| project.flows.is_some());
        let named = said.iter().any(|(name, project)| {
            let flows = project.flows.as_ref().and_then(|flows| flows.get(&(protocol, port)));
            flows.into_iter().flatten().any(|flow| flow.admits(name, from, to, port, protocol))
        });
        let public = || self.is_public(to, port, protocol);
        judged.then(|| from == to || self.agent.as_ref() == Some(to) || named || public())
    }

    fn is_public(&self, to: &ServiceKey, port: u16, protocol: Protocol) -> bool {
        self.service(to).is_some_and(|service| service.public.contains(&(protocol, port)))
    }

    /// Whether whoever comes may use a port of a service: it is published as the policy lists. `None` where its project says nothing of flows.
    pub fn admits_anybody(&self, to: &ServiceKey, port: u16, protocol: Protocol) -> Option<bool> {
        self.projects.get(&to.project)?.flows.as_ref()?;
        Some(self.agent.as_ref() == Some(to) || self.is_public(to, port, protocol))
    }

    /// Whether `egress` of a service admits an address; `names` are those it is known under, `None` when nobody has looked.
    pub fn lets_out(
        &self,
        from: &ServiceKey,
        to: IpAddr,
        port: u16,
        protocol: Protocol,
        names: Option<&[Arc<str>]>,
    ) -> bool {
        let targets = self.service(from).and_then(|service| service.egress.as_deref()).unwrap_or_default();
        targets.iter().any(|target| target.admits(to, port, protocol, names))
    }

    /// Edges that must work (`!`), with names of services instead of patterns, in order; at most [`MAX_EDGES`].
    pub fn required(&self) -> Vec<Edge> {
        self.expand(|flow| flow.required)
    }

    /// Edges that flows name, with names of services instead of patterns, in order; at most [`MAX_EDGES`].
    pub fn allowed(&self) -> Vec<Edge> {
        self.expand(|_| true)
    }

    fn expand(&self, wanted: impl Fn(&Flow) -> bool) -> Vec<Edge> {
        let mut edges = BTreeSet::new();
        for (name, project) in &self.projects {
            let flows = project.flows.iter().flatten();
            for ((protocol, port), flow) in flows.flat_map(|(port, flows)| flows.iter().map(move |flow| (port, flow))) {
                if !wanted(flow) {
                    continue;
                }
                for from in self.matching(flow.source_project.as_ref().unwrap_or(name), flow.source.as_str()) {
                    for to in self.matching(flow.target_project.as_ref().unwrap_or(name), flow.target.as_str()) {
                        if edges.len() >= MAX_EDGES {
                            return edges.into_iter().collect();
                        }
                        if from != to {
                            let to = End::Service(to);
                            edges.insert(Edge { from: from.clone(), to, port: *port, protocol: *protocol });
                        }
                    }
                }
            }
        }
        edges.into_iter().collect()
    }

    /// Services of a project that a name or a pattern means. Of a project without a say only what is named.
    fn matching(&self, project: &Arc<str>, pattern: &str) -> Vec<ServiceKey> {
        let key = |service: &Arc<str>| ServiceKey { project: Arc::clone(project), service: Arc::clone(service) };
        match self.projects.get(project) {
            Some(intent) => {
                let named = intent.services.keys().filter(|name| crate::model::Glob::matches_pattern(pattern, name));
                named.map(key).collect()
            }
            None if pattern.contains('*') => Vec::new(),
            None => vec![key(&pattern.into())],
        }
    }

    /// Whether the project of a service has a say at all.
    pub fn speaks_of(&self, key: &ServiceKey) -> bool {
        self.projects.contains_key(&key.project)
    }
}

impl ProjectIntent {
    fn resolve(project: &Project, asked: &Asked<'_>, snapshot: &Snapshot) -> Self {
        let mut intent = Self::default();
        let mut flows: Option<BTreeMap<(Protocol, u16), Vec<Flow>>> = None;
        for layer in asked.layers(project) {
            for (name, rule) in &layer.networks {
                let known = intent.networks.entry(Arc::clone(name)).or_default();
                *known = std::mem::take(known).or(rule);
            }
            if let Some(said) = &layer.flows {
                let flows = flows.get_or_insert_default();
                for flow in said {
                    let Some(protocol) = Protocol::from_word(&flow.protocol) else { continue };
                    flows.entry((protocol, flow.port)).or_default().push(flow.clone());
                }
            }
            intent.host.extend(layer.host_reach.iter().flatten().cloned());
        }
        intent.flows = flows;
        intent.services(project, asked, snapshot);
        intent.hash = hash::of(project, asked, &intent);
        intent
    }

    fn services(&mut self, project: &Project, asked: &Asked<'_>, snapshot: &Snapshot) {
        let mut entries: BTreeMap<&Arc<str>, Vec<&Entry>> = BTreeMap::new();
        let of_project = |entry: &&Arc<Entry>| entry.container.identity.key.project == project.name;
        for entry in snapshot.containers.iter().filter(of_project) {
            entries.entry(&entry.container.identity.key.service).or_default().push(entry);
        }
        for name in asked.named(&project.name) {
            entries.entry(name).or_default();
        }
        for (name, members) in entries {
            let key = Policy::key(project, name);
            let mut service = ServiceIntent::of(asked, &key, &members);
            service.ports.extend(self.ports_of(&key));
            self.services.insert(key.service, service);
        }
    }

    /// Ports to which a flow of the project leads in a service.
    fn ports_of<'a>(&'a self, key: &'a ServiceKey) -> impl Iterator<Item = (Protocol, u16)> + 'a {
        let leads = |flow: &Flow| flow.target_project.is_none() && flow.target.matches(&key.service);
        let flows = self.flows.iter().flatten();
        flows.filter(move |(_, flows)| flows.iter().any(leads)).map(|(port, _)| *port)
    }

    /// What is wanted of a network of the engine, when it is one that the project describes.
    pub fn network<'a>(&'a self, project: &str, network: &Network) -> Option<(&'a Arc<str>, &'a NetworkRule)> {
        let by = |name: &str| self.networks.get_key_value(name);
        by(network.short_name(project)).or_else(|| by(&network.name))
    }
}

impl ServiceIntent {
    fn of(asked: &Asked<'_>, key: &ServiceKey, members: &[&Entry]) -> Self {
        let placed = asked.placed(key);
        let mut service = Self {
            listed: placed.listed,
            present: !members.is_empty(),
            networks: placed.networks.map(<[_]>::to_vec),
            egress: placed.egress.map(<[_]>::to_vec),
            publish: placed.publish.to_vec(),
            namespace: placed.namespace,
            multihomed: placed.multihomed,
            ..Self::default()
        };
        for container in members.iter().map(|entry| &entry.container) {
            service.ports.extend(container.confinement.exposed.iter().copied());
            service.open(container);
        }
        service
    }

    fn open(&mut self, container: &Container) {
        for bound in &container.ports {
            let Some(protocol) = Protocol::from_word(&bound.protocol) else { continue };
            self.ports.insert((protocol, bound.container_port));
            if self.publish.iter().any(|entry| entry.admits(bound)) {
                self.public.insert((protocol, bound.container_port));
            }
        }
    }
}

/// Whether an entry of `host.reach` names a port. The address says which address of the host is meant, and any of them leads there.
fn is_port(entry: &Publish, port: u16, protocol: Protocol) -> bool {
    (entry.first..=entry.last).contains(&port) && *entry.protocol == *protocol.as_str()
}
