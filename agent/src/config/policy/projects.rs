//! `projects:` by name, with their services, networks, flows and profiles.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    super::{
        report::{Position, Wrong, quoted},
        yaml::{Entry, Node},
    },
    fields::{self, Fields, under},
    objectives::{self, Place},
    services,
};
use crate::policy::{Flow, GatewayMode, Layer, NetworkRule, Profile, Project, Publish};

const PROFILE: [&str; 5] = ["files", "services", "networks", "flows", "host"];
const PROJECT: [&str; 7] = ["hosts", "services", "networks", "flows", "host", "profiles", "objectives"];

pub(super) fn read(fields: &mut Fields<'_>, node: Node) -> Vec<Arc<Project>> {
    let mut projects = Vec::new();
    for Entry { key, at, value } in fields.map("projects", node) {
        let path = under("projects", &key);
        let Some(name) = fields.name(at, &path, &key) else { continue };
        let mut project = Project { name, ..Project::default() };
        for Entry { key, value, .. } in fields.section(&path, value, &PROJECT) {
            let path = under(&path, &key);
            match key.as_str() {
                "hosts" => project.hosts = fields.list(&path, value, fields::glob),
                "objectives" => project.objectives = objectives::read(fields, &path, value, Place::Whole),
                "profiles" => project.profiles = profiles(fields, &path, value),
                key => layer(fields, &path, key, value, &mut project.base),
            }
        }
        names(fields, &path, at, &project);
        projects.push(Arc::new(project));
    }
    projects
}

/// Names of networks and of services in flows lead to something the project has, in itself or in a profile.
fn names(fields: &mut Fields<'_>, path: &str, at: Position, project: &Project) {
    let layers: Vec<&Layer> = [&project.base].into_iter().chain(project.profiles.iter().map(|it| &it.layer)).collect();
    let networks: BTreeSet<&str> = layers.iter().flat_map(|layer| layer.networks.keys()).map(|name| &**name).collect();
    let rules = || layers.iter().flat_map(|layer| &layer.services);
    let mut unknown = BTreeSet::new();
    // A project that describes no network says nothing about them.
    for name in rules().flat_map(|rule| rule.networks.iter().flatten()).filter(|_| !networks.is_empty()) {
        if !networks.contains(&**name) {
            unknown.insert(format!("a service is on network {}, which `networks` does not have", quoted(name)));
        }
    }
    for end in layers.iter().flat_map(|layer| &layer.flows).flat_map(|flow| [&flow.source, &flow.target]) {
        let name = end.as_str();
        let known = name.contains('*') || rules().any(|rule| rule.matches(name) || *rule.name == *name);
        if !known {
            unknown.insert(format!("a flow names {}, which is no service of the project", quoted(name)));
        }
    }
    for what in unknown {
        fields.wrong(at, path, Wrong::new(what).hint("add it, or correct the name"));
    }
}

fn profiles(fields: &mut Fields<'_>, path: &str, node: Node) -> Vec<Profile> {
    let mut profiles = Vec::new();
    for Entry { key, at, value } in fields.map(path, node) {
        let path = under(path, &key);
        let Some(name) = fields.name(at, &path, &key) else { continue };
        let mut profile = Profile { name, ..Profile::default() };
        for Entry { key, value, .. } in fields.section(&path, value, &PROFILE) {
            let path = under(&path, &key);
            match key.as_str() {
                "files" => profile.files = fields.list(&path, value, file_name),
                key => layer(fields, &path, key, value, &mut profile.layer),
            }
        }
        profiles.push(profile);
    }
    profiles
}

/// What projects and profiles have in common.
fn layer(fields: &mut Fields<'_>, path: &str, key: &str, node: Node, layer: &mut Layer) {
    match key {
        "services" => layer.services = services::read(fields, path, node),
        "networks" => {
            for Entry { key, at, value } in fields.map(path, node) {
                let path = under(path, &key);
                let Some(name) = fields.name(at, &path, &key) else { continue };
                layer.networks.insert(name, network(fields, &path, value));
            }
        }
        "flows" => layer.flows = fields.list(path, node, flow),
        _ => {
            for Entry { value, .. } in fields.section(path, node, &["reach"]) {
                layer.host_reach = fields.list(&under(path, "reach"), value, publish);
            }
        }
    }
}

fn network(fields: &mut Fields<'_>, path: &str, node: Node) -> NetworkRule {
    let mut rule = NetworkRule::default();
    for Entry { key, value, .. } in fields.section(path, node, &["internal", "gateway"]) {
        let path = under(path, &key);
        match key.as_str() {
            "internal" => rule.internal = fields.parsed(&path, value, fields::switch),
            _ => rule.gateway = fields.parsed(&path, value, gateway),
        }
    }
    rule
}

fn gateway(text: &str) -> Result<GatewayMode, Wrong> {
    let mode = match text {
        "nat" => Some(GatewayMode::Nat),
        "routed" => Some(GatewayMode::Routed),
        "isolated" => Some(GatewayMode::Isolated),
        "any" => Some(GatewayMode::Any),
        _ => None,
    };
    fields::one_of(text, "a gateway mode", &["nat", "routed", "isolated", "any"], mode)
}

fn flow(text: &str) -> Result<Flow, Wrong> {
    Flow::parse(text).ok_or_else(|| {
        Wrong::new(format!("{} is not a flow", quoted(text)))
            .hint("write source -> target:port, with /udp behind it for UDP and ! where it must work")
    })
}

/// An entry of `publish` and of `host.reach`.
pub(super) fn publish(text: &str) -> Result<Publish, Wrong> {
    Publish::parse(text).ok_or_else(|| {
        let wrong = Wrong::new(format!("{} is not a port of the host", quoted(text)));
        // What a compose file has under `ports`.
        wrong.hint("write the host's side alone: 443, 127.0.0.1:5432, 53/udp or 8000-8010")
    })
}

fn file_name(text: &str) -> Result<Arc<str>, Wrong> {
    if text.is_empty() || text.contains(['/', ',']) {
        return Err(Wrong::new(format!("{} is not the name of a compose file", quoted(text)))
            .hint("write it without its folder: compose.override.yml"));
    }
    Ok(text.into())
}
