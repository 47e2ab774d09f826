//! `tiers:` a name, a severity, limits.

use std::sync::Arc;

use super::{
    super::yaml::{Entry, Node},
    fields::{self, Fields, under},
    objectives::{self, Place},
};
use crate::policy::{Limits, Severity, Tier, Unit};

const KEYS: [&str; 3] = ["severity", "limits", "objectives"];
const LIMITS: [&str; 4] = ["memory", "cpus", "pids", "memory_reservation"];

pub(super) fn read(fields: &mut Fields<'_>, node: Node) -> Vec<Arc<Tier>> {
    let mut tiers = Vec::new();
    for Entry { key, at, value } in fields.map("tiers", node) {
        let path = under("tiers", &key);
        let Some(name) = fields.name(at, &path, &key) else { continue };
        let mut tier = Tier { name, severity: Severity::Warning, limits: Limits::default(), objectives: Vec::new() };
        for Entry { key, value, .. } in fields.section(&path, value, &KEYS) {
            let path = under(&path, &key);
            match key.as_str() {
                "severity" => tier.severity = fields.parsed(&path, value, severity).unwrap_or(tier.severity),
                "objectives" => tier.objectives = objectives::read(fields, &path, value, Place::Service),
                _ => tier.limits = limits(fields, &path, value),
            }
        }
        tiers.push(Arc::new(tier));
    }
    tiers
}

pub(super) fn severity(text: &str) -> Result<Severity, super::Wrong> {
    let known = Severity::ALL.map(Severity::as_str);
    fields::one_of(text, "a severity", &known, Severity::from_word(text))
}

/// `limits:` of a tier or a service.
pub(super) fn limits(fields: &mut Fields<'_>, path: &str, node: Node) -> Limits {
    let mut limits = Limits::default();
    for Entry { key, value, .. } in fields.section(path, node, &LIMITS) {
        let path = under(path, &key);
        let (unit, field) = match key.as_str() {
            "memory" => (Unit::Bytes, &mut limits.memory),
            "cpus" => (Unit::Cores, &mut limits.cpus),
            "pids" => (Unit::Count, &mut limits.pids),
            _ => (Unit::Bytes, &mut limits.memory_reservation),
        };
        *field = fields.parsed(&path, value, fields::amount(unit));
    }
    limits
}
