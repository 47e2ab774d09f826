//! What survives the agent: each container by itself, as an entry of a journal.
//!
//! Entries are messages in the encoding of Protocol Buffers, as the requests are: what a later version adds, an earlier one passes over. Times
//! are nanoseconds since 1970. Moments by the agent's own clock are not kept: what is awaited is awaited anew.

use std::sync::Arc;

use super::{
    at::At,
    ids::Link,
    life::{Life, MAX_PROBES, MAX_RUNS, Place, Policy, Probe, Unhealthy},
    run::{End, MAX_SIGNALS, Run, Seen},
    who::Who,
};
use crate::{
    model::ContainerId,
    otlp::wire::{Fields, Value, Writer},
};

/// Key of the entry with what concerns all; ids of containers have no space in them.
pub(super) const COMMON: &[u8] = b" common";

/// The time of the newest event.
pub(super) fn common(newest: At) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.fixed64(1, newest.0);
    writer.into_bytes()
}

/// Reads [`common`].
pub(super) fn read_common(bytes: &[u8]) -> Option<At> {
    let mut newest = None;
    each(bytes, |number, value| {
        if let (1, Value::Fixed64(at)) = (number, value) {
            newest = Some(At(at));
        }
    })?;
    newest
}

/// A container. Who it is stands there only while something of it is to be told: otherwise the next picture says it.
pub(super) fn life(life: &Life) -> Vec<u8> {
    let mut to = Writer::new();
    time(&mut to, 1, life.created);
    time(&mut to, 2, life.create_told);
    flag(&mut to, 3, life.fresh);
    time(&mut to, 4, life.sign);
    life.runs.iter().for_each(|run| to.message(5, |to| write_run(run, to)));
    to.varint(6, u64::from(life.runs_left_out));
    life.probes.iter().for_each(|probe| to.message(7, |to| write_probe(probe, to)));
    to.varint(8, u64::from(life.probe_count));
    if let Some(checked) = life.checked {
        to.varint(9, u64::from(checked));
    }
    match life.policy {
        Policy::Unknown => {}
        Policy::Never => to.varint(10, 1),
        Policy::Always => to.varint(10, 2),
        Policy::OnFailure(most) => to.varint(10, most.map_or(3, |most| most.saturating_add(3))),
    }
    [(11, life.restart_count), (12, life.failing_streak)].into_iter().for_each(|(number, value)| {
        if let Some(value) = value {
            to.varint(number, value);
        }
    });
    flag(&mut to, 13, life.resting);
    if let Some((at, code)) = life.failed_start {
        to.message(14, |to| {
            to.fixed64(1, at.0);
            to.varint(2, code.cast_unsigned());
        });
    }
    time(&mut to, 15, life.shown);
    to.varint(
        16,
        match life.place {
            Place::Idle => 0,
            Place::Burst => 1,
            Place::Spell => 2,
        },
    );
    if let Some(spell) = &life.unhealthy {
        to.message(17, |to| {
            time(to, 1, Some(spell.since));
            time(to, 2, spell.until);
            link(to, 3, spell.told);
        });
    }
    link(&mut to, 18, life.link);
    time(&mut to, 19, life.gone);
    flag(&mut to, 20, life.pictured);
    time(&mut to, 22, life.before);
    time(&mut to, 23, life.probe_mark);
    let wanted = life.place != Place::Idle || life.unhealthy.is_some();
    if let Some(who) = life.who.as_ref().filter(|_| wanted) {
        to.message(21, |to| write_who(who, to));
    }
    to.into_bytes()
}

/// Reads [`life`]; `None` for what is no such entry.
pub(super) fn read_life(id: &ContainerId, bytes: &[u8]) -> Option<Life> {
    let mut life = Life::new(None);
    each(bytes, |number, value| match (number, value) {
        (1, Value::Fixed64(at)) => life.created = Some(At(at)),
        (2, Value::Fixed64(at)) => life.create_told = Some(At(at)),
        (3, Value::Varint(flag)) => life.fresh = flag != 0,
        (4, Value::Fixed64(at)) => life.sign = Some(At(at)),
        (5, Value::Bytes(run)) if life.runs.len() < MAX_RUNS => life.runs.extend(read_run(run)),
        (6, Value::Varint(count)) => life.runs_left_out = u32::try_from(count).unwrap_or(u32::MAX),
        (7, Value::Bytes(probe)) if life.probes.len() < MAX_PROBES => life.probes.extend(read_probe(probe)),
        (8, Value::Varint(count)) => life.probe_count = u32::try_from(count).unwrap_or(u32::MAX),
        (9, Value::Varint(checked)) => life.checked = Some(checked != 0),
        (10, Value::Varint(policy)) => {
            life.policy = match policy {
                1 => Policy::Never,
                2 => Policy::Always,
                3 => Policy::OnFailure(None),
                most => Policy::OnFailure(Some(most.saturating_sub(3))),
            };
        }
        (11, Value::Varint(count)) => life.restart_count = Some(count),
        (12, Value::Varint(count)) => life.failing_streak = Some(count),
        (13, Value::Varint(flag)) => life.resting = flag != 0,
        (14, Value::Bytes(bytes)) => life.failed_start = read_failed(bytes),
        (15, Value::Fixed64(at)) => life.shown = Some(At(at)),
        (16, Value::Varint(1)) => life.place = Place::Burst,
        (16, Value::Varint(2)) => life.place = Place::Spell,
        (17, Value::Bytes(bytes)) => life.unhealthy = read_unhealthy(bytes),
        (18, Value::Bytes(bytes)) => life.link = read_link(bytes),
        (19, Value::Fixed64(at)) => life.gone = Some(At(at)),
        (20, Value::Varint(flag)) => life.pictured = flag != 0,
        (22, Value::Fixed64(at)) => life.before = Some(At(at)),
        (23, Value::Fixed64(at)) => life.probe_mark = Some(At(at)),
        (21, Value::Bytes(bytes)) => life.who = read_who(id, bytes).map(Arc::new),
        _ => {}
    })?;
    // Nothing can be told of somebody unknown.
    if life.who.is_none() {
        (life.place, life.unhealthy) = (Place::Idle, None);
    }
    Some(life)
}

fn write_run(run: &Run, to: &mut Writer) {
    time(to, 1, run.begun);
    flag(to, 2, run.exact);
    time(to, 3, run.told);
    time(to, 4, run.prepared);
    if let Some(end) = run.end {
        time(to, 5, Some(end.at));
        flag(to, 6, end.told);
        flag(to, 8, end.oom);
        if let Some(code) = end.code {
            to.varint(7, code.cast_unsigned());
        }
    }
    time(to, 9, run.oom);
    for (at, signal) in &run.signals {
        to.message(10, |to| {
            to.fixed64(1, at.0);
            to.varint(2, signal.cast_unsigned());
        });
    }
    time(to, 11, run.stopped);
    time(to, 12, run.healthy.map(|seen| seen.at));
    flag(to, 13, run.healthy.is_some_and(|seen| seen.inferred));
    time(to, 14, run.unhealthy);
    time(to, 15, run.health_at);
    time(to, 16, run.oom_told);
}

fn read_run(bytes: &[u8]) -> Option<Run> {
    let mut run = Run::default();
    let (mut end, mut healthy) = (None, None);
    let (mut told, mut code, mut oom, mut inferred) = (false, None, false, false);
    each(bytes, |number, value| match (number, value) {
        (1, Value::Fixed64(at)) => run.begun = Some(At(at)),
        (2, Value::Varint(flag)) => run.exact = flag != 0,
        (3, Value::Fixed64(at)) => run.told = Some(At(at)),
        (4, Value::Fixed64(at)) => run.prepared = Some(At(at)),
        (5, Value::Fixed64(at)) => end = Some(At(at)),
        (6, Value::Varint(flag)) => told = flag != 0,
        (7, Value::Varint(number)) => code = Some(number.cast_signed()),
        (8, Value::Varint(flag)) => oom = flag != 0,
        (9, Value::Fixed64(at)) => run.oom = Some(At(at)),
        (10, Value::Bytes(bytes)) if run.signals.len() < MAX_SIGNALS => run.signals.extend(read_failed(bytes)),
        (11, Value::Fixed64(at)) => run.stopped = Some(At(at)),
        (12, Value::Fixed64(at)) => healthy = Some(At(at)),
        (13, Value::Varint(flag)) => inferred = flag != 0,
        (14, Value::Fixed64(at)) => run.unhealthy = Some(At(at)),
        (15, Value::Fixed64(at)) => run.health_at = Some(At(at)),
        (16, Value::Fixed64(at)) => run.oom_told = Some(At(at)),
        _ => {}
    })?;
    run.end = end.map(|at| End { at, told, code, oom });
    run.healthy = healthy.map(|at| Seen { at, inferred });
    Some(run)
}

fn write_probe(probe: &Probe, to: &mut Writer) {
    to.varint(1, u64::from(probe.number));
    to.fixed64(2, probe.start.0);
    time(to, 3, probe.end);
    to.varint(4, probe.exit_code.cast_unsigned());
}

fn read_probe(bytes: &[u8]) -> Option<Probe> {
    let mut probe = Probe { number: 0, start: At(0), end: None, exit_code: 0 };
    each(bytes, |number, value| match (number, value) {
        (1, Value::Varint(number)) => probe.number = u32::try_from(number).unwrap_or(u32::MAX),
        (2, Value::Fixed64(at)) => probe.start = At(at),
        (3, Value::Fixed64(at)) => probe.end = Some(At(at)),
        (4, Value::Varint(code)) => probe.exit_code = code.cast_signed(),
        _ => {}
    })?;
    Some(probe)
}

/// A time and a number.
fn read_failed(bytes: &[u8]) -> Option<(At, i64)> {
    let (mut at, mut code) = (None, 0);
    each(bytes, |number, value| match (number, value) {
        (1, Value::Fixed64(time)) => at = Some(At(time)),
        (2, Value::Varint(number)) => code = number.cast_signed(),
        _ => {}
    })?;
    at.map(|at| (at, code))
}

fn read_unhealthy(bytes: &[u8]) -> Option<Unhealthy> {
    let (mut since, mut until, mut told) = (None, None, None);
    each(bytes, |number, value| match (number, value) {
        (1, Value::Fixed64(at)) => since = Some(At(at)),
        (2, Value::Fixed64(at)) => until = Some(At(at)),
        (3, Value::Bytes(bytes)) => told = read_link(bytes),
        _ => {}
    })?;
    since.map(|since| Unhealthy { since, until, told })
}

fn write_who(who: &Who, to: &mut Writer) {
    [(1, &who.name), (2, &who.project), (3, &who.service), (4, &who.replica), (5, &who.image)]
        .into_iter()
        .for_each(|(number, word)| to.string(number, word));
    flag(to, 6, who.compose);
    flag(to, 7, who.one_off);
    who.depends_on.iter().for_each(|service| to.string(8, service));
}

fn read_who(id: &ContainerId, bytes: &[u8]) -> Option<Who> {
    let mut words: [Arc<str>; 5] = Default::default();
    let (mut compose, mut one_off, mut depends_on) = (false, false, Vec::new());
    each(bytes, |number, value| match (number, value) {
        (number @ 1..=5, Value::Bytes(bytes)) => {
            let place = words.iter_mut().zip(1..).find(|(_, place)| *place == number);
            if let (Some((word, _)), Ok(text)) = (place, std::str::from_utf8(bytes)) {
                *word = text.into();
            }
        }
        (6, Value::Varint(flag)) => compose = flag != 0,
        (7, Value::Varint(flag)) => one_off = flag != 0,
        (8, Value::Bytes(bytes)) => depends_on.extend(std::str::from_utf8(bytes).ok().map(Arc::from)),
        _ => {}
    })?;
    let [name, project, service, replica, image] = words;
    Some(Who { id: id.clone(), name, project, service, replica, image, compose, one_off, depends_on })
}

fn link(to: &mut Writer, number: u32, link: Option<Link>) {
    if let Some(link) = link {
        to.bytes(number, &[link.trace.as_slice(), link.span.as_slice()].concat());
    }
}

fn read_link(bytes: &[u8]) -> Option<Link> {
    let (trace, span) = bytes.split_first_chunk()?;
    Some(Link { trace: *trace, span: span.try_into().ok()? })
}

fn time(to: &mut Writer, number: u32, at: Option<At>) {
    if let Some(at) = at {
        to.fixed64(number, at.0);
    }
}

fn flag(to: &mut Writer, number: u32, flag: bool) {
    if flag {
        to.varint(number, 1);
    }
}

/// Calls `take` with each field; `None` for what is no message.
fn each<'a>(bytes: &'a [u8], mut take: impl FnMut(u32, Value<'a>)) -> Option<()> {
    for field in Fields::new(bytes) {
        let field = field.ok()?;
        take(field.number, field.value);
    }
    Some(())
}
