//! From what was under way to requests: `ExportTraceServiceRequest`s, each of one trace.

mod requests;
mod spell;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use self::requests::Requests;
pub(super) use self::spell::{spell, unhealthy};
use super::{
    at::At,
    counts::Kind,
    ids::{self, Link, TraceId},
    life::{Life, Place},
    machine::{Key, Machine, Told},
    passage::{Passage, depends_on, name, number, of_end, text},
    run::Run,
    span::{Attributes, Span, Value},
    who::Who,
};
use crate::model::ContainerId;

/// Links of one span.
const MAX_LINKS: usize = 32;

/// The start of a project, or of one container, that is over.
pub(super) struct Start<'a> {
    machine: &'a Machine,
    project: Option<Arc<str>>,
    trace: TraceId,
    members: Vec<(At, &'a ContainerId, &'a Who, &'a Life)>,
    cut: At,
}

impl<'a> Start<'a> {
    /// `None` when nothing is known of anybody in it. `elapsed`: for how long it was under way.
    pub(super) fn new(
        machine: &'a Machine,
        key: &Key,
        ids: &'a BTreeSet<ContainerId>,
        elapsed: Duration,
    ) -> Option<Self> {
        let known = |id: &'a ContainerId| {
            let life = machine.lives.get(id)?;
            Some((began(life)?, id, life.who.as_deref()?, life))
        };
        let mut members: Vec<_> = ids.iter().filter_map(known).collect();
        members.sort_by_key(|(began, id, ..)| (*began, *id));
        let (first, id, who, life) = members.first()?;
        // What began it: a creation, which is once, or a start.
        let time = if life.fresh { None } else { life.runs.first().and_then(|run| run.begun) };
        let trace = ids::trace(machine.host.key(), Kind::Start.as_str(), &who.project, id.as_str(), time);
        let newest = members.iter().filter_map(|(.., life)| newest(life)).max();
        let cut = first.plus(elapsed).max(newest.unwrap_or(*first));
        let project = match key {
            Key::Project(project) => Some(Arc::clone(project)),
            Key::One(_) => None,
        };
        Some(Self { machine, project, trace, members, cut })
    }

    /// The trace, and the span of each member.
    pub(super) fn tell(&self) -> (Told, HashMap<ContainerId, Link>) {
        let mut requests = Requests::new(self.machine, self.trace);
        let mut links = HashMap::with_capacity(self.members.len());
        let root = ids::span(&self.trace, "", "root", None);
        let (mut begin, mut end, mut failed) = (self.cut, At::default(), Vec::new());
        for (began, id, who, life) in &self.members {
            let mut passage = Passage::new(self.trace, who, life, self.cut);
            let own = passage.id("startup", None);
            let parent = self.project.as_ref().map(|_| root);
            let outcome = passage.outcome();
            let title = match &self.project {
                Some(_) => format!("{} startup", who.title()),
                None => format!("container.start {}", who.title()),
            };
            passage.making(own);
            passage.runs(own, false);
            let mut span = Span::new(own, parent, name(&title), *began, outcome.at);
            span.attributes.push(("spyhop.outcome", text(outcome.word)));
            span.attributes.extend(facts(life));
            if let Some((_, code)) = life.failed_start.filter(|_| life.runs.is_empty()) {
                span.attributes.push(("spyhop.container.exit_code", Value::Number(code)));
            }
            if !who.depends_on.is_empty() {
                span.attributes.push(depends_on(who));
                span.links = self.dependencies(who);
            }
            span.error = outcome.error.map(Into::into);
            if span.error.is_some() {
                failed.push(who.title());
            }
            let (from, to) = passage.finish(span);
            (begin, end) = (begin.min(from), end.max(to));
            links.insert((*id).clone(), Link { trace: self.trace, span: own });
            requests.group(who, &passage.spans);
        }
        if let Some(project) = &self.project {
            let mut span = Span::new(root, None, name(&self.title(project)), begin, end);
            span.attributes.push(("spyhop.project", Value::Text((&**project).into())));
            span.attributes.push(("spyhop.members", number(self.members.len() as u64)));
            if !failed.is_empty() {
                failed.truncate(MAX_LINKS);
                span.attributes
                    .push(("spyhop.members.failed", Value::Texts(failed.into_iter().map(Into::into).collect())));
                span.error = Some("member_failed".into());
            }
            requests.root(project, &[span]);
        }
        (Told { kind: Kind::Start, requests: requests.finish() }, links)
    }

    fn title(&self, project: &str) -> String {
        let compose = self.members.iter().any(|(_, _, who, _)| who.compose);
        format!("{} {project}", if compose { "compose.up" } else { "stack.up" })
    }

    /// Spans of what a member waits for: of this start, or of the one they were started in.
    fn dependencies(&self, who: &Who) -> Vec<Link> {
        let mut links = Vec::new();
        for service in &who.depends_on {
            let of_service =
                |(_, id, other, _): &&(At, &ContainerId, &Who, &Life)| other.service == *service && **id != who.id;
            let here = self.members.iter().filter(of_service);
            let here: Vec<Link> = here
                .map(|(_, id, ..)| Link {
                    trace: self.trace,
                    span: ids::span(&self.trace, id.as_str(), "startup", None),
                })
                .collect();
            if !here.is_empty() {
                links.extend(here);
                continue;
            }
            let same = |other: &&Who| other.service == *service && other.project == who.project;
            let lives = self.machine.lives.values();
            let mut before: Vec<_> =
                lives.filter(|life| life.who.as_deref().filter(same).is_some()).filter_map(|life| life.link).collect();
            before.sort_unstable_by_key(|link| (link.trace, link.span));
            links.extend(before);
        }
        links.truncate(MAX_LINKS);
        links
    }
}

/// When what is known of a start began.
fn began(life: &Life) -> Option<At> {
    let made = life.created.into_iter().chain(life.create_told).min().filter(|_| life.fresh);
    let first = life.runs.first();
    made.or_else(|| first?.starting()).or_else(|| first?.end.map(|end| end.at)).or(life.sign)
}

/// The newest that is known.
fn newest(life: &Life) -> Option<At> {
    let made = life.create_told.max(life.created).filter(|_| life.fresh);
    let runs = life.runs.iter().filter_map(Run::newest).max();
    let probes = life.probes.iter().filter_map(|probe| probe.end.or(Some(probe.start))).max();
    [made, runs, probes, life.gone, life.failed_start.map(|(at, _)| at)].into_iter().flatten().max()
}

/// What the newest run and the engine say of it.
fn facts(life: &Life) -> Attributes<'static> {
    let mut attributes = Vec::new();
    if let Some(run) = life.run().filter(|_| life.runs.len() == 1 && life.place != Place::Spell) {
        attributes.extend(of_end(run));
    }
    if let Some(count) = life.restart_count.filter(|count| *count > 0) {
        attributes.push(("spyhop.container.restart_count", number(count)));
    }
    if life.runs_left_out > 0 {
        attributes.push(("spyhop.runs_left_out", number(u64::from(life.runs_left_out))));
    }
    let checks = u64::from(life.probe_count).saturating_sub(life.probes.len() as u64);
    if checks > 0 && !life.probes.is_empty() {
        attributes.push(("spyhop.probes_left_out", number(checks)));
    }
    if life.gone.is_some() {
        attributes.push(("spyhop.removed", Value::Flag(true)));
    }
    attributes
}
