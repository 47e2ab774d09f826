//! `objectives:` of a service, a tier, a project, or at the top.
//!
//! `availability: 99.9%` is enough where the name says what is counted; a section says the rest. What an objective must not be is known
//! only when all of the file is: see [`faults`].

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
    time::Duration,
};

use super::{
    super::{
        report::{Position, Wrong, quoted},
        yaml::{Entry, Node, Value},
    },
    fields::{self, Fields, under},
    queries::{balanced, query},
    tiers::severity,
};
use crate::{
    model::{DURATION_BOUNDS, IntoTree as _},
    policy::{
        Policy,
        objectives::{Events, Notify, Serving, Sli, Spec, Target, Unknown, resolve},
    },
};

/// Where an objective stands that is about no service of the policy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a service or a tier.
    Service,
    /// In a project, or at the top.
    Whole,
}

/// The time an objective is about unless it says otherwise.
pub(super) const WINDOW: Duration = Duration::from_secs(30 * 86_400);
/// Objectives of one policy: each is 13 rules.
const MAX_OBJECTIVES: usize = 500;

const OPTIONS: [&str; 6] = ["target", "window", "unknown", "min_events", "page", "ticket"];
const OF_SERVICE: [&str; 5] = ["availability", "probe", "latency", "health_checks", "within"];
const RATIO: [&str; 3] = ["bad", "good", "total"];
const OF_WHOLE: [&str; 4] = ["probe", "latency", "project", "service"];

/// Where each objective stands, by what it is called in messages.
pub(super) type Places = HashMap<Arc<str>, (Arc<Path>, Position)>;

/// Reads `objectives:`.
pub(super) fn read(fields: &mut Fields<'_>, path: &str, node: Node, place: Place) -> Vec<Spec> {
    let mut specs = Vec::new();
    for Entry { key, at, value } in fields.map(path, node) {
        let path = under(path, &key);
        let Some(name) = fields.name(at, &path, &key) else { continue };
        let blank = blank(&name, &path);
        let spec = match value.value {
            Value::Section(_) => section(fields, &path, blank, value, place),
            _ => short(fields, &path, blank, value, place),
        };
        if let Some(spec) = spec {
            fields.place(&spec.origin, at);
            specs.push(spec);
        }
    }
    specs
}

/// One with every default, and a target that is replaced.
pub(super) fn blank(name: &Arc<str>, origin: &str) -> Spec {
    Spec {
        name: Arc::clone(name),
        origin: origin.into(),
        project: "".into(),
        service: "".into(),
        sli: None,
        target: Target::HALF,
        window: WINDOW,
        unknown: Unknown::default(),
        min_events: None,
        page: Notify::default(),
        ticket: Notify::default(),
    }
}

/// `availability: 99.9%`, or `off` for one that the tier gives.
fn short(fields: &mut Fields<'_>, path: &str, blank: Spec, node: Node, place: Place) -> Option<Spec> {
    let at = node.at;
    if matches!(&node.value, Value::Text(text) if text == "off") && place == Place::Service {
        return Some(blank);
    }
    let target = fields.parsed(path, node, target)?;
    match by_name(&blank.name) {
        Some(sli) if place == Place::Service => Some(Spec { sli: Some(sli), target, ..blank }),
        _ => {
            let wrong = Wrong::new(format!("{} does not say what is counted", quoted(&blank.name)));
            fields.wrong(at, path, wrong.hint(kinds(place)));
            None
        }
    }
}

/// What is counted where the name alone says it.
fn by_name(name: &str) -> Option<Sli> {
    match name {
        "availability" => Some(Sli::Availability(Serving::Healthy)),
        "health_checks" => Some(Sli::HealthChecks),
        _ => None,
    }
}

fn kinds(place: Place) -> &'static str {
    match place {
        Place::Service => {
            "write a section with target and one of availability, probe, latency, health_checks, within, or bad and total"
        }
        Place::Whole => "write a section with target and bad and total, good and total, probe or latency",
    }
}

fn section(fields: &mut Fields<'_>, path: &str, mut spec: Spec, node: Node, place: Place) -> Option<Spec> {
    let at = node.at;
    let more: &[&str] = match place {
        Place::Service => &OF_SERVICE,
        Place::Whole => &OF_WHOLE,
    };
    let known: Vec<&str> = OPTIONS.iter().chain(&RATIO).chain(more).copied().collect();
    let mut entries: BTreeMap<String, Node> =
        fields.section(path, node, &known).into_iter().map(|entry| (entry.key, entry.value)).into_map();
    let before = fields.count();
    spec.sli = counted(fields, path, &spec.name, &mut entries, place);
    if spec.sli.is_none() && fields.count() == before {
        let wrong = Wrong::new("does not say what is counted").hint(kinds(place));
        fields.wrong(at, path, wrong);
    }
    let target = match entries.remove("target") {
        Some(node) => fields.parsed(&under(path, "target"), node, target),
        None => {
            fields.wrong(at, path, Wrong::new("has no target").hint("write target: 99.9%"));
            None
        }
    };
    for (key, node) in entries {
        option(fields, &under(path, &key), &key, node, &mut spec);
    }
    Some(Spec { target: target?, sli: Some(spec.sli.take()?), ..spec })
}

fn option(fields: &mut Fields<'_>, path: &str, key: &str, node: Node, spec: &mut Spec) {
    match key {
        "window" => spec.window = fields.parsed(path, node, fields::duration).unwrap_or(spec.window),
        "unknown" => spec.unknown = fields.parsed(path, node, unknown).unwrap_or_default(),
        "min_events" => spec.min_events = fields.parsed(path, node, count),
        "page" => spec.page = fields.parsed(path, node, notify).unwrap_or_default(),
        "ticket" => spec.ticket = fields.parsed(path, node, notify).unwrap_or_default(),
        "project" => spec.project = fields.parsed(path, node, fields::word).unwrap_or_default(),
        _ => spec.service = fields.parsed(path, node, fields::word).unwrap_or_default(),
    }
}

/// What is counted, by the key that says it; nothing where none does, or with a mistake.
fn counted(
    fields: &mut Fields<'_>,
    path: &str,
    name: &str,
    entries: &mut BTreeMap<String, Node>,
    place: Place,
) -> Option<Sli> {
    let kinds = ["availability", "probe", "latency", "health_checks", "within", "bad", "good"];
    let mut given: Vec<(&str, Node)> = kinds.iter().filter_map(|kind| Some((*kind, entries.remove(*kind)?))).collect();
    let total = entries.remove("total");
    if let [_, (second, node), ..] = given.as_slice() {
        let wrong =
            Wrong::new("is counted by another key already").hint("keep one of them, each in an objective of its own");
        fields.wrong(node.at, &under(path, second), wrong);
        return None;
    }
    let Some((kind, node)) = given.pop() else { return by_name(name).filter(|_| place == Place::Service) };
    let key = under(path, kind);
    match kind {
        "availability" => fields.parsed(&key, node, serving).map(Sli::Availability),
        "probe" => fields.parsed(&key, node, fields::word).map(Sli::Probe),
        "latency" => fields.parsed(&key, node, fields::word).map(Sli::Latency),
        "health_checks" => fields.parsed(&key, node, fields::switch)?.then_some(Sli::HealthChecks),
        "within" => fields.parsed(&key, node, within).map(Sli::Start),
        _ => {
            let at = node.at;
            let events = fields.parsed(&key, node, query);
            let Some(total) = total else {
                fields.wrong(at, path, Wrong::new("has no total").hint("write total: http_requests_total"));
                return None;
            };
            let total = fields.parsed(&under(path, "total"), total, query)?;
            let events = if kind == "bad" { Events::Bad(events?) } else { Events::Good(events?) };
            Some(Sli::Ratio { events, total })
        }
    }
}

pub(super) fn target(text: &str) -> Result<Target, Wrong> {
    Target::parse(text).ok_or_else(|| {
        Wrong::new(format!("{} is not a share below all", quoted(text)))
            .hint("write 99.9% or 0.999; a budget of nothing is used up by the first failure")
    })
}

fn serving(text: &str) -> Result<Serving, Wrong> {
    let serving = match text {
        "healthy" => Some(Serving::Healthy),
        "running" => Some(Serving::Running),
        "expected" => Some(Serving::Expected),
        _ => None,
    };
    fields::one_of(text, "a way to serve", &["healthy", "running", "expected"], serving)
}

/// A bound of the histogram of starts, in seconds.
fn within(text: &str) -> Result<f64, Wrong> {
    let asked = fields::duration(text)?.as_secs_f64();
    let bound = DURATION_BOUNDS.iter().map(|(bound, _)| *bound).find(|bound| *bound == asked);
    bound.ok_or_else(|| {
        let bounds: Vec<String> = DURATION_BOUNDS.iter().map(|(bound, _)| format!("{bound}s")).collect();
        Wrong::new(format!("{} is not a bound that starts are counted by", quoted(text)))
            .hint(format!("write one of {}", bounds.join(", ").replace("0.5s", "500ms").replace("2.5s", "2s500ms")))
    })
}

fn unknown(text: &str) -> Result<Unknown, Wrong> {
    let unknown = match text {
        "ignore" => Some(Unknown::Ignore),
        "bad" => Some(Unknown::Bad),
        _ => None,
    };
    fields::one_of(text, "a way to count unknown time", &["ignore", "bad"], unknown)
}

fn count(text: &str) -> Result<u64, Wrong> {
    let read = text.parse().ok().filter(|count| (1..=1_000_000_000).contains(count));
    read.ok_or_else(|| Wrong::new(format!("{} is not a number of events", quoted(text))).hint("write 100"))
}

fn notify(text: &str) -> Result<Notify, Wrong> {
    match text {
        "off" | "false" | "no" => Ok(Notify::Off),
        text => severity(text).map(Notify::At).map_err(|wrong| wrong.hint("write critical, warning, info or off")),
    }
}

/// A sampled expression, as files of OpenSLO have them.
pub(super) fn sampled(text: &str) -> Result<Arc<str>, Wrong> {
    balanced(text)
}

/// What is wrong with the objectives of a whole policy.
pub(super) fn faults(fields: &mut Fields<'_>, policy: &Policy) {
    let (all, faults) = resolve(policy);
    for fault in faults {
        fields.wrong_at_place(&fault.origin, Wrong::new(fault.what).hint(fault.hint));
    }
    if let Some(first) = all.get(MAX_OBJECTIVES) {
        let what = format!("there are {} objectives, at most {MAX_OBJECTIVES} are taken", all.len());
        fields.wrong_at_place(&first.origin, Wrong::new(what).hint("aim at fewer services, or at a tier less"));
    }
}
