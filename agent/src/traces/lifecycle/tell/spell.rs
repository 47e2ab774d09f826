//! Spells of one container.

use std::time::Duration;

use super::{
    super::{
        counts::Kind,
        ids::{self, Link},
        machine::{Machine, Told},
        passage::{Passage, name, number, signals, stopping, text},
        span::{Span, Value},
    },
    facts, newest,
    requests::Requests,
};
use crate::model::ContainerId;

/// A spell of one container: an end, and perhaps another start. `None` when there is nothing to tell: it ended as it should.
pub(in super::super) fn spell(machine: &Machine, id: &ContainerId, elapsed: Duration) -> Option<Told> {
    let life = machine.lives.get(id)?;
    let who = life.who.as_deref()?;
    let first = life.runs.first()?;
    let began = [first.requested(), first.oom, first.end.map(|end| end.at)].into_iter().flatten().min()?;
    let again = life.runs.len() > 1 || life.runs_left_out > 0;
    let oom = life.runs.iter().any(|run| run.oom.is_some() || run.oom_killed());
    let kind = match () {
        () if oom => Kind::Oom,
        () if again => Kind::Restart,
        () if first.requested().is_some() || first.failed() => Kind::Stop,
        () => return None,
    };
    // A run ends once, and may survive more than one kill before.
    let key = first.begun.filter(|_| first.end.is_some()).or(Some(began));
    let trace = ids::trace(machine.host.key(), kind.as_str(), &who.project, id.as_str(), key);
    let cut = began.plus(elapsed).max(newest(life)?);
    let mut passage = Passage::new(trace, who, life, cut);
    let own = passage.id("root", None);
    let outcome = passage.outcome();
    if again {
        passage.runs(own, true);
    }
    let end = match (again, first.end) {
        (true, _) => outcome.at,
        (false, Some(end)) => end.at,
        (false, None) => began,
    };
    let mut span = Span::new(own, None, name(&format!("container.{} {}", kind.as_str(), who.title())), began, end);
    span.attributes = stopping(first);
    span.attributes.push(("spyhop.requested", Value::Flag(first.requested().is_some())));
    if again {
        span.attributes.push(("spyhop.outcome", text(outcome.word)));
    }
    span.attributes.extend(facts(life));
    span.events = signals(first);
    span.events.extend(first.oom.map(|at| (at, "oom", Vec::new())));
    span.error = first.error().or(outcome.error.filter(|_| again)).map(Into::into);
    if oom {
        // The kernel killed, whatever it was: also a program's child that the program outlived.
        span.attributes.push(("spyhop.oom.survived", Value::Flag(first.end.is_none())));
        span.error.get_or_insert("oom".into());
    }
    span.links = life.link.into_iter().collect();
    passage.finish(span);
    let mut requests = Requests::new(machine, trace);
    requests.group(who, &passage.spans);
    Some(Told { kind, requests: requests.finish() })
}

/// A spell of failing health checks, over or not; and its span.
pub(in super::super) fn unhealthy(machine: &Machine, id: &ContainerId, elapsed: Duration) -> Option<(Told, Link)> {
    let life = machine.lives.get(id)?;
    let (who, spell) = (life.who.as_deref()?, life.unhealthy?);
    let kind = Kind::Unhealthy;
    // What was told unfinished is told again as a whole, as another trace that points at the first.
    let phase = if spell.told.is_some() { "unhealthy_whole" } else { kind.as_str() };
    let trace = ids::trace(machine.host.key(), phase, &who.project, id.as_str(), Some(spell.since));
    let end = spell.until.unwrap_or_else(|| spell.since.plus(elapsed).max(newest(life).unwrap_or_default()));
    let mut passage = Passage::new(trace, who, life, end);
    let own = passage.id("root", None);
    let within: Vec<_> =
        life.probes.iter().filter(|probe| probe.start >= spell.since && probe.start <= end).copied().collect();
    passage.checks(own, &within);
    let mut span = Span::new(own, None, name(&format!("container.unhealthy {}", who.title())), spell.since, end);
    let recovered = life.gone.is_none() && life.run().is_some_and(|run| run.end.is_none() && run.unhealthy.is_none());
    let word = match (spell.until, recovered) {
        (None, _) => "unfinished",
        (Some(_), true) => "recovered",
        (Some(_), false) => "ended",
    };
    span.attributes.push(("spyhop.outcome", text(word)));
    if let Some(streak) = life.failing_streak.filter(|_| word != "recovered") {
        span.attributes.push(("spyhop.container.failing_streak", number(streak)));
    }
    span.error = Some("unhealthy".into());
    span.links = spell.told.into_iter().chain(life.link).collect();
    passage.finish(span);
    let mut requests = Requests::new(machine, trace);
    requests.group(who, &passage.spans);
    Some((Told { kind, requests: requests.finish() }, Link { trace, span: own }))
}
