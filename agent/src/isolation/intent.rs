//! What the policy wants of networks and flows, laid on the services and networks that are there.

use std::{collections::BTreeMap, sync::Arc};

use super::Edge;
use crate::{inventory::Snapshot, model::ServiceKey, policy::Policy};

/// What is wanted of every project that has a say in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intent {
    /// By name.
    pub projects: BTreeMap<Arc<str>, ProjectIntent>,
}

/// What is wanted of one project.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProjectIntent {
    /// Services of the policy and of the picture, by name.
    pub services: BTreeMap<Arc<str>, ServiceIntent>,
}

/// What is wanted of one service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceIntent {}

impl Intent {
    /// Lays the policy on a picture.
    pub fn resolve(policy: &Policy, snapshot: &Snapshot) -> Self {
        let _nothing_is_wanted_yet = (policy, snapshot);
        Self::default()
    }

    /// Whether a flow of the policy names the edge; `None` where the policy says nothing of flows of its source.
    pub fn allows(&self, edge: &Edge) -> Option<bool> {
        let project = self.projects.get(&edge.from.project)?;
        project.services.get(&edge.from.service).map(|_| false)
    }

    /// Edges that must work (`!`), with names of services instead of patterns.
    pub fn required(&self) -> Vec<Edge> {
        Vec::new()
    }

    /// Whether the project of a service has a say at all.
    pub fn speaks_of(&self, key: &ServiceKey) -> bool {
        self.projects.contains_key(&key.project)
    }
}
