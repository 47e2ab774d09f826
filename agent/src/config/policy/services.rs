//! `services:` of a project or a profile: by name, or by pattern with `*`.

use super::{
    super::{
        report::{Wrong, quoted},
        yaml::{Entry, Node},
    },
    fields::{self, Fields, under},
    objectives::{self, Place},
    probes,
    projects::publish,
    tiers,
};
use crate::policy::{EgressTarget, ServiceRule, Unit};

const KEYS: [&str; 10] =
    ["tier", "replicas", "limits", "publish", "networks", "egress", "job", "optional", "probes", "objectives"];

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
        _ => rule.optional = fields.parsed(path, node, fields::switch),
    }
}

fn egress(text: &str) -> Result<EgressTarget, Wrong> {
    EgressTarget::parse(text).ok_or_else(|| {
        Wrong::new(format!("{} is not a target outside", quoted(text)))
            .hint("write host:port, 10.0.0.0/8:25, or *:443 for any host")
    })
}
