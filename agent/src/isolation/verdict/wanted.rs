//! What the verdict asks of the intent, and nothing else of it.

use std::{net::IpAddr, sync::Arc};

use crate::{
    isolation::{Edge, End, Intent},
    model::{Protocol, ServiceKey},
};

/// What is wanted, as far as a judgement needs it. Replies, replicas of one service and the agent itself are implied everywhere.
pub trait Wanted {
    /// Projects that have a say, in order.
    fn projects(&self) -> Vec<Arc<str>>;

    /// What tells the intent of a project from any other, as hexadecimal digits.
    fn hash(&self, project: &str) -> Arc<str>;

    /// Services of such a project: those of the policy and those that are there.
    fn services(&self, project: &str) -> Vec<Arc<str>>;

    /// Whether a flow names an edge to a service, or to nobody who is known; `None` where neither the project of its source nor that of its
    /// target says anything of flows. True as well for a port which the policy has published, because that is meant for everybody.
    fn allows(&self, edge: &Edge) -> Option<bool>;

    /// Whether whoever comes may use a port of a service, because the policy has published it; `None` where the service's project says nothing
    /// of flows.
    fn admits_anybody(&self, to: &ServiceKey, port: u16, protocol: Protocol) -> Option<bool>;

    /// Edges that flows name, with names of services instead of patterns.
    fn allowed(&self) -> Vec<Edge>;

    /// Those of them that must work (`!`).
    fn required(&self) -> Vec<Edge>;

    /// Whether a service may go to an address outside this host.
    fn may_leave(&self, from: &ServiceKey, to: IpAddr, port: u16, protocol: Protocol) -> bool;

    /// Whether a service may go anywhere outside, so that it needs names from there.
    fn may_resolve(&self, from: &ServiceKey) -> bool;

    /// Whether a service may use a port of the host.
    fn may_reach_host(&self, from: &ServiceKey, port: u16, protocol: Protocol) -> bool;

    /// Whether a project has a say.
    fn speaks_of(&self, project: &str) -> bool {
        self.projects().iter().any(|known| **known == *project)
    }
}

impl Wanted for Intent {
    fn projects(&self) -> Vec<Arc<str>> {
        self.projects.keys().cloned().collect()
    }

    fn hash(&self, project: &str) -> Arc<str> {
        self.projects.get(project).map(|project| Arc::clone(&project.hash)).unwrap_or_default()
    }

    fn services(&self, project: &str) -> Vec<Arc<str>> {
        self.projects.get(project).map(|project| project.services.keys().cloned().collect()).unwrap_or_default()
    }

    fn allows(&self, edge: &Edge) -> Option<bool> {
        Self::allows(self, edge)
    }

    fn admits_anybody(&self, to: &ServiceKey, port: u16, protocol: Protocol) -> Option<bool> {
        Self::admits_anybody(self, to, port, protocol)
    }

    fn allowed(&self) -> Vec<Edge> {
        Self::allowed(self)
    }

    fn required(&self) -> Vec<Edge> {
        Self::required(self)
    }

    fn may_leave(&self, from: &ServiceKey, to: IpAddr, port: u16, protocol: Protocol) -> bool {
        Self::allows(self, &Edge { from: from.clone(), to: End::External(to), port, protocol }).unwrap_or(true)
    }

    fn may_resolve(&self, from: &ServiceKey) -> bool {
        self.service(from).and_then(|service| service.egress.as_ref()).is_some_and(|targets| !targets.is_empty())
    }

    fn may_reach_host(&self, from: &ServiceKey, port: u16, protocol: Protocol) -> bool {
        Self::allows(self, &Edge { from: from.clone(), to: End::Host, port, protocol }).unwrap_or(true)
    }

    fn speaks_of(&self, project: &str) -> bool {
        self.projects.contains_key(project)
    }
}
