//! `services:` of a project or a profile: by name, or by pattern with `*`.

use super::{
    super::{
        report::{Wrong, quoted},
        yaml::{Entry, Node, Value},
    },
    fields::{self, Fields, under},
    objectives::{self, Place},
    probes,
    projects::publish,
    tiers,
};
use crate::policy::{EgressTarget, ServiceRule, Sharing, Unit, With};

const KEYS: [&str; 12] = [
    "tier",
    "replicas",
    "limits",
    "publish",
    "networks",
    "egress",
    "job",
    "optional",
    "probes",
    "objectives",
    "namespace",
    "multihomed",
];

/// Namespaces of which `namespace` as a section speaks; a single word is about the first.
const NAMESPACES: [&str; 4] = ["network", "pid", "ipc", "userns"];

pub(super) fn read(fields: &mut Fields<'_>, path: &str, node: Node) -> Vec<ServiceRule> {
    let mut rules = Vec::new();
    for Entry { key, at, value } in fields.map(path, node) {
        let path = under(path, &key);
        let Some(name) = fields.name(at, &path, &key) else { continue };
        let mut rule = ServiceRule { name, ..ServiceRule::default() };
        for Entry { key, value, .. } in fields.section(&path, value, &KEYS) {
            let path = under(&path, &key);
            field(fields, &path, &key, value, &mut rule);
        }
        rules.push(rule);
    }
    rules
}

fn field(fields: &mut Fields<'_>, path: &str, key: &str, node: Node, rule: &mut ServiceRule) {
    match key {
        "tier" => {
            let at = node.at;
            rule.tier = fields.parsed(path, node, fields::word);
            fields.tiers_named.extend(rule.tier.iter().map(|tier| (tier.to_string(), at, path.to_owned())));
        }
        "replicas" => rule.replicas = fields.parsed(path, node, fields::amount(Unit::Count)),
        "limits" => rule.limits = tiers::limits(fields, path, node),
        "publish" => rule.publish = Some(fields.list(path, node, publish)),
        "networks" => rule.networks = Some(fields.list(path, node, fields::word)),
        "egress" => rule.egress = Some(fields.list(path, node, egress)),
        "job" => rule.job = fields.parsed(path, node, fields::switch),
        "objectives" => rule.objectives = objectives::read(fields, path, node, Place::Service),
        "probes" => rule.probes = probes::read(fields, path, node),
        "namespace" => rule.namespace = namespace(fields, path, node),
        "multihomed" => rule.multihomed = fields.parsed(path, node, multihomed),
        _ => rule.optional = fields.parsed(path, node, fields::switch),
    }
}

/// `host`, `none`, `service:vpn`, or a section with one of these for each of [`NAMESPACES`].
fn namespace(fields: &mut Fields<'_>, path: &str, node: Node) -> Sharing {
    let mut sharing = Sharing::default();
    if !matches!(node.value, Value::Section(_)) {
        sharing.network = fields.parsed(path, node, with("network"));
        return sharing;
    }
    for Entry { key, value, .. } in fields.section(path, node, &NAMESPACES) {
        let read = fields.parsed(&under(path, &key), value, with(&key));
        match key.as_str() {
            "network" => sharing.network = read,
            "pid" => sharing.pid = read,
            "ipc" => sharing.ipc = read,
            _ => sharing.userns = read,
        }
    }
    sharing
}

/// What an engine can share of each namespace.
fn with(namespace: &str) -> impl Fn(&str) -> Result<With, Wrong> {
    let hint = match namespace {
        "network" => "write host, none, own, service:NAME or container:NAME",
        "userns" => "write host or own",
        _ => "write host, own, service:NAME or container:NAME",
    };
    let (network, userns) = (namespace == "network", namespace == "userns");
    move |text| {
        let read = With::parse(text).filter(|with| match with {
            With::Own | With::Host => true,
            With::None => network,
            With::Service(_) | With::Container(_) => !userns,
        });
        read.ok_or_else(|| Wrong::new(format!("{} is nobody's namespace", quoted(text))).hint(hint))
    }
}

fn multihomed(text: &str) -> Result<bool, Wrong> {
    match text {
        "ok" => Ok(true),
        text => {
            fields::switch(text).map_err(|wrong| wrong.hint("write ok where it is meant to stand between networks"))
        }
    }
}

fn egress(text: &str) -> Result<EgressTarget, Wrong> {
    EgressTarget::parse(text).ok_or_else(|| {
        Wrong::new(format!("{} is not a target outside", quoted(text)))
            .hint("write host:port, 10.0.0.0/8:25, or *:443 for any host, with /udp behind it for UDP")
    })
}
