//! A policy as text, in the language that is read back.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
};

use jiff::civil::Date;

use super::super::{Amount, Class, Limits, NetworkRule, Policy, ServiceRule, Sharing, Unit};
use crate::model::ServiceKey;

pub(super) fn tiers(out: &mut String, policy: &Policy) {
    out.push_str("tiers:");
    if policy.tiers.is_empty() {
        out.push_str(" {}\n");
        return;
    }
    out.push('\n');
    for tier in &policy.tiers {
        let Limits { memory, cpus, .. } = tier.limits;
        let limit = |name: &str, amount: Option<Amount>, unit| Some(format!("{name}: {}", exact(amount?, unit)));
        let limits: Vec<_> =
            [limit("memory", memory, Unit::Bytes), limit("cpus", cpus, Unit::Cores)].into_iter().flatten().collect();
        let (name, severity, limits) = (word(&tier.name), tier.severity, limits.join(", "));
        let _infallible = writeln!(out, "  {name}: {{ severity: {severity}, limits: {{ {limits} }} }}");
    }
}

/// As the language writes it: bytes without a rounding.
fn exact(amount: Amount, unit: Unit) -> String {
    let Some(value) = amount.most else { return "any".to_owned() };
    let shown = unit.show(value);
    if unit == Unit::Bytes && shown.contains('.') { format!("{value}B") } else { shown }
}

pub(super) fn projects(out: &mut String, policy: &Policy) {
    if policy.projects.is_empty() {
        return;
    }
    out.push_str("\nprojects:\n");
    for project in &policy.projects {
        let _infallible = writeln!(out, "  {}:\n    services:", word(&project.name));
        for rule in &project.base.services {
            let _infallible = writeln!(out, "      {}: {{ {} }}", word(&rule.name), fields(rule).join(", "));
        }
        networks(out, &project.base.networks);
        match &project.base.flows {
            None => out.push_str(
                "    # Nobody has looked who talks to whom: flows: [api -> db:5432] says it, and nothing else may.\n",
            ),
            Some(flows) => {
                out.push_str("    flows:\n");
                for flow in flows {
                    let _infallible = writeln!(out, "      - {}", word(&flow.to_string()));
                }
            }
        }
    }
}

/// What is said of a service.
fn fields(rule: &ServiceRule) -> Vec<String> {
    let list = |key: &str, items: Vec<String>| {
        let items: Vec<_> = items.iter().map(|item| word(item)).collect();
        (!items.is_empty()).then(|| format!("{key}: [{}]", items.join(", ")))
    };
    let mut fields = Vec::new();
    fields.extend(rule.tier.as_ref().map(|tier| format!("tier: {}", word(tier))));
    fields.extend(rule.replicas.and_then(|amount| Some(format!("replicas: {}", amount.most?))));
    fields.extend(list("publish", rule.publish.iter().flatten().map(ToString::to_string).collect()));
    fields.extend(list("networks", rule.networks.iter().flatten().map(ToString::to_string).collect()));
    fields.extend(list("egress", rule.egress.iter().flatten().map(ToString::to_string).collect()));
    fields.extend(namespace(&rule.namespace));
    fields.extend(rule.job.map(|_| "job: true".to_owned()));
    fields
}

fn namespace(sharing: &Sharing) -> Option<String> {
    let named =
        [("network", &sharing.network), ("pid", &sharing.pid), ("ipc", &sharing.ipc), ("userns", &sharing.userns)];
    let said = named.into_iter().filter_map(|(name, with)| Some((name, word(&with.as_ref()?.to_string()))));
    let said: Vec<(&str, String)> = said.collect();
    match said.as_slice() {
        [] => None,
        [("network", with)] => Some(format!("namespace: {with}")),
        all => {
            let all: Vec<_> = all.iter().map(|(name, with)| format!("{name}: {with}")).collect();
            Some(format!("namespace: {{ {} }}", all.join(", ")))
        }
    }
}

fn networks(out: &mut String, networks: &BTreeMap<Arc<str>, NetworkRule>) {
    if networks.is_empty() {
        return;
    }
    out.push_str("    networks:\n");
    for (name, rule) in networks {
        let mut said = Vec::new();
        said.extend(rule.internal.map(|internal| format!("internal: {internal}")));
        said.extend(rule.gateway.map(|gateway| format!("gateway: {}", gateway.as_str())));
        said.extend(rule.icc.map(|icc| format!("icc: {icc}")));
        said.extend(rule.driver.as_ref().map(|driver| format!("driver: {}", word(driver))));
        let said = if said.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", said.join(", ")) };
        let _infallible = writeln!(out, "      {}: {said}", word(name));
    }
}

pub(super) fn exceptions(out: &mut String, lines: &BTreeSet<(Class, Option<ServiceKey>, Arc<str>)>, until: Date) {
    if lines.is_empty() {
        return;
    }
    out.push_str("\n# Each was so when this was written. Put it right, or give it a reason of yours.\nexceptions:\n");
    for (class, key, subject) in lines {
        let mut fields = vec![format!("finding: {}", class.as_str())];
        fields.extend(key.as_ref().map(|key| format!("project: {}", word(&key.project))));
        fields.extend(key.as_ref().map(|key| format!("service: {}", word(&key.service))));
        fields.extend((!subject.is_empty()).then(|| format!("subject: {}", word(subject))));
        let reason = match class {
            Class::HostReach => "it reached this port of the host when this was written",
            _ => "so from the beginning",
        };
        let _infallible = writeln!(out, "  - {{ {}, reason: {reason}, until: {until} }}", fields.join(", "));
    }
}

/// A word as YAML reads it back, quoted where it could be taken for anything else.
pub(super) fn word(text: &str) -> String {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    let plain = first && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    let taken = ["null", "true", "false", "yes", "no", "on", "off"].contains(&text.to_ascii_lowercase().as_str());
    if plain && !taken {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() || c == '\u{feff}' => quoted.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
