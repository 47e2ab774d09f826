//! `projects:` by name, with their services, networks, flows and profiles.

use std::sync::Arc;

use super::{
    super::{
        report::{Wrong, quoted},
        yaml::{Entry, Node, Value},
    },
    fields::{self, Fields, under},
    objectives::{self, Place},
    sense, services,
};
use crate::policy::{Flow, GatewayMode, Layer, NetworkRule, Profile, Project, Publish};

const PROFILE: [&str; 5] = ["files", "services", "networks", "flows", "host"];
const PROJECT: [&str; 7] = ["hosts", "services", "networks", "flows", "host", "profiles", "objectives"];

pub(super) fn read(fields: &mut Fields<'_>, node: Node) -> Vec<Arc<Project>> {
    let (mut projects, mut places) = (Vec::new(), Vec::new());
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
        sense::of_project(fields, &path, at, &project);
        projects.push(Arc::new(project));
        places.push((path, at));
    }
    sense::between_projects(fields, &projects, &places);
    projects
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
        // A key without a value says nothing; an empty list says that there are none.
        "flows" if matches!(node.value, Value::Empty) => {}
        "flows" => layer.flows = Some(fields.list(path, node, flow)),
        _ if matches!(node.value, Value::Empty) => {}
        _ => {
            let mut reach = Vec::new();
            for Entry { value, .. } in fields.section(path, node, &["reach"]) {
                reach = fields.list(&under(path, "reach"), value, publish);
            }
            layer.host_reach = Some(reach);
        }
    }
}

fn network(fields: &mut Fields<'_>, path: &str, node: Node) -> NetworkRule {
    let mut rule = NetworkRule::default();
    for Entry { key, value, .. } in fields.section(path, node, &["internal", "gateway", "icc", "ipv6", "driver"]) {
        let path = under(path, &key);
        match key.as_str() {
            "internal" => rule.internal = fields.parsed(&path, value, fields::switch),
            "gateway" => rule.gateway = fields.parsed(&path, value, gateway),
            "icc" => rule.icc = fields.parsed(&path, value, fields::switch),
            "ipv6" => rule.ipv6 = fields.parsed(&path, value, fields::switch),
            _ => rule.driver = fields.parsed(&path, value, fields::word),
        }
    }
    rule
}

fn gateway(text: &str) -> Result<GatewayMode, Wrong> {
    let known = GatewayMode::WORDS.map(|(word, _)| word);
    fields::one_of(text, "a gateway mode", &known, GatewayMode::from_word(text))
}

fn flow(text: &str) -> Result<Flow, Wrong> {
    Flow::parse(text).ok_or_else(|| {
        Wrong::new(format!("{} is not a flow", quoted(text)))
            .hint("write source -> target:port, with /udp behind it for UDP and ! where it must work; one end may be project/service")
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
