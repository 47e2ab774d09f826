//! A policy that says what is there now: `spyhop init`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    sync::Arc,
};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::TimeZone};

use super::{
    Amount, Class, Limits, Policy, Project, Publish, RootFiles, Scene, ServiceRule, Severity, Tier, Unit, judge,
};
use crate::{
    inventory::{Entry, Snapshot},
    model::ContainerFilter,
};

/// Days an exception for what was there from the beginning holds.
const GRACE_DAYS: i64 = 90;

/// The text of a policy for what is in the picture. It has no finding but for what is worth knowing: what is not as it should be is
/// excepted for [`GRACE_DAYS`].
pub fn learn(snapshot: &Snapshot, now: Timestamp) -> String {
    let policy = seen(snapshot);
    let (policy, files, filter) = (Arc::new(policy), RootFiles::default(), ContainerFilter::default());
    let verdict = judge(&policy, &Scene { snapshot, now, files: &files, filter: &filter });
    let today = now.to_zoned(TimeZone::UTC).date();
    let until = today.checked_add(GRACE_DAYS.days()).unwrap_or(today);
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _infallible = writeln!(
        out,
        "# What ran on {} on {today}, written by spyhop init. Say which tier matters most, and what of this is not meant.\n# The language \
         is described in docs/policy.md, the findings in docs/findings.md.\nversion: 1\n",
        word(snapshot.host.as_deref().unwrap_or("this host"))
    );
    tiers(&mut out, &policy);
    projects(&mut out, &policy, snapshot);
    let excepted = verdict.findings.iter().filter(|finding| finding.severity > Severity::Info);
    let is_meant = |finding: &&crate::policy::Finding| {
        let names = finding.service.iter().flat_map(|key| [&key.project, &key.service]);
        names.chain([&finding.subject]).all(|name| is_plain(name))
    };
    let lines: BTreeSet<_> = excepted
        .filter(is_meant)
        .map(|finding| {
            let key = finding.service.as_ref();
            (finding.class, key.map(|key| &*key.project), key.map(|key| &*key.service), &*finding.subject)
        })
        .collect();
    exceptions(&mut out, &lines, until);
    out
}

/// What is there as a policy, without exceptions.
fn seen(snapshot: &Snapshot) -> Policy {
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
        project.base.services.push(rule(&members, &key.service, &tiers));
    }
    Policy { tiers, projects: projects.into_values().map(Arc::new).collect(), ..Policy::default() }
}

/// Whether it is a name in the language: neither a pattern nor somebody's joke of a label.
fn is_plain(name: &str) -> bool {
    !name.contains('*') && !name.chars().any(char::is_control)
}

/// What the containers of one service come to.
fn rule(members: &[&Entry], service: &Arc<str>, tiers: &[Arc<Tier>]) -> ServiceRule {
    let running: Vec<_> = members.iter().filter(|entry| entry.container.has_processes()).collect();
    let mut publish: Vec<Publish> =
        running.iter().flat_map(|entry| &entry.container.ports).filter_map(entry_of).collect();
    publish.sort_by_key(|entry| (entry.first, entry.to_string()));
    publish.dedup();
    let networks: BTreeSet<Arc<str>> =
        members.iter().flat_map(|entry| &entry.container.networks).map(|on| Arc::clone(&on.network)).collect();
    let limits = members.first().map(|entry| limits_of(entry)).unwrap_or_default();
    let job = members.iter().all(|entry| entry.completed());
    ServiceRule {
        name: Arc::clone(service),
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
    all.sort_by(|a, b| size(b.memory).total_cmp(&size(a.memory)).then(size(b.cpus).total_cmp(&size(a.cpus))));
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

fn tiers(out: &mut String, policy: &Policy) {
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

fn projects(out: &mut String, policy: &Policy, snapshot: &Snapshot) {
    if policy.projects.is_empty() {
        return;
    }
    out.push_str("\nprojects:\n");
    for project in &policy.projects {
        let _infallible = writeln!(out, "  {}:\n    services:", word(&project.name));
        let all: BTreeSet<&str> =
            project.base.services.iter().flat_map(|rule| rule.networks.iter().flatten()).map(|name| &**name).collect();
        // As the compose file calls it, unless another network has that very name.
        let short = |network: &str| {
            let own = network.strip_prefix(&*project.name).and_then(|rest| rest.strip_prefix('_'));
            word(own.filter(|own| !own.is_empty() && !all.contains(own)).unwrap_or(network))
        };
        for rule in &project.base.services {
            let mut fields = Vec::new();
            fields.extend(rule.tier.as_ref().map(|tier| format!("tier: {}", word(tier))));
            fields.extend(rule.replicas.and_then(|amount| Some(format!("replicas: {}", amount.most?))));
            fields.extend(rule.publish.as_ref().map(|entries| {
                let entries: Vec<_> = entries.iter().map(|entry| word(&entry.to_string())).collect();
                format!("publish: [{}]", entries.join(", "))
            }));
            let networks = rule.networks.iter().flatten().map(|network| short(network));
            let networks: Vec<_> = networks.collect();
            fields.extend((!networks.is_empty()).then(|| format!("networks: [{}]", networks.join(", "))));
            fields.extend(rule.job.map(|_| "job: true".to_owned()));
            let _infallible = writeln!(out, "      {}: {{ {} }}", word(&rule.name), fields.join(", "));
        }
        networks(out, &all, snapshot, &short);
    }
}

/// Networks that services of the project are on, with what the engine says of each.
fn networks(out: &mut String, used: &BTreeSet<&str>, snapshot: &Snapshot, short: &dyn Fn(&str) -> String) {
    if used.is_empty() {
        return;
    }
    out.push_str("    networks:\n");
    for name in used {
        let internal =
            snapshot.networks.iter().find(|network| &*network.name == *name).and_then(|network| network.internal);
        let rule = if internal == Some(true) { "{ internal: true }" } else { "{}" };
        let _infallible = writeln!(out, "      {}: {rule}", short(name));
    }
}

fn exceptions(out: &mut String, lines: &BTreeSet<(Class, Option<&str>, Option<&str>, &str)>, until: Date) {
    if lines.is_empty() {
        return;
    }
    out.push_str("\n# Each was so when this was written. Put it right, or give it a reason of yours.\nexceptions:\n");
    for (class, project, service, subject) in lines {
        let mut fields = vec![format!("finding: {}", class.as_str())];
        fields.extend(project.map(|project| format!("project: {}", word(project))));
        fields.extend(service.map(|service| format!("service: {}", word(service))));
        fields.extend((!subject.is_empty()).then(|| format!("subject: {}", word(subject))));
        let _infallible =
            writeln!(out, "  - {{ {}, reason: so from the beginning, until: {until} }}", fields.join(", "));
    }
}

/// A word as YAML reads it back, quoted where it could be taken for anything else.
fn word(text: &str) -> String {
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
