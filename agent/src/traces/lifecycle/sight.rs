//! Pictures of the inventory: what an inspection shows of each container, against what events have told.

use std::{collections::HashSet, sync::Arc, time::Duration};

use super::{
    at::At,
    counts::Lost,
    life::{Life, News, Place, SLACK},
    machine::{Item, Machine},
    who::Who,
};
use crate::{
    inventory::{Entry, Snapshot},
    model::{ContainerId, ContainerState},
};

/// A start that an inspection shows and no event told is told up to this age.
const MAX_AGE: Duration = Duration::from_secs(3600);

impl Machine {
    /// Takes a picture. `fresh`: nothing was ever told on this host, so what began lately is told, too.
    pub(super) fn picture(&mut self, picture: &Arc<Snapshot>, fresh: bool, now: Duration) {
        if picture.engine.ready_since.is_none() {
            return;
        }
        let told = picture.engine.info.as_ref().and_then(|info| info.system_time);
        if let Some(told) = told.filter(|_| told != self.clock_told) {
            self.clock_told = Some(told);
            if self.is_set_back(told) {
                self.clock_set_back(At::from(told));
            }
        }
        let version = picture.engine.version.as_ref();
        self.runtime = version.map(|version| if version.podman { "podman" } else { "docker" });
        if self.host.name.is_none() {
            self.host.name.clone_from(&picture.host);
        }
        if self.floor.is_none() {
            let seen = || picture.containers.iter().map(|entry| entry.inspected_at).max();
            let clock = told.or_else(seen).or(picture.engine.ready_since).map(At::from);
            self.floor = clock.map(|clock| if fresh { clock.minus(self.pace.cap) } else { clock });
        }
        let before = std::mem::replace(&mut self.picture, Arc::clone(picture));
        let (old, new) = difference(&before.containers, &picture.containers);
        let same: HashSet<*const Entry> = old.iter().map(Arc::as_ptr).collect();
        for entry in new.iter().filter(|entry| !same.contains(&Arc::as_ptr(entry))) {
            self.look(entry, now);
        }
        let mut absent = match std::mem::replace(&mut self.pictured, true) {
            true => {
                let kept: HashSet<_> = new.iter().map(|entry| &entry.container.id).collect();
                let old = old.iter().map(|entry| &entry.container.id);
                old.filter(|id| !kept.contains(id)).cloned().collect()
            }
            false => self.absent(picture),
        };
        absent.sort();
        for id in absent {
            let at = self.newest.or(told.map(At::from)).unwrap_or_default();
            self.remove(&id, at, now);
        }
    }

    /// Known from pictures, and not in this one.
    fn absent(&self, picture: &Snapshot) -> Vec<ContainerId> {
        let there: HashSet<_> = picture.containers.iter().map(|entry| &entry.container.id).collect();
        let gone = self.lives.iter().filter(|(id, life)| life.pictured && life.gone.is_none() && !there.contains(id));
        gone.map(|(id, _)| id.clone()).collect()
    }

    /// The engine's clock when this was seen, as far as it is known.
    fn clock(&self, seen: At) -> At {
        self.clock_told.map_or(seen, |told| At::from(told).max(self.newest.unwrap_or_default()))
    }

    /// A container that no event told of. Whether what it shows was there before, and is not to be told; `None` for one that is not followed.
    fn first_sight(&mut self, entry: &Entry, now: Duration) -> Option<bool> {
        let container = &entry.container;
        let id = &container.id;
        if self.was_removed(id) {
            return None;
        }
        let floor = self.floor;
        let new = |time: Option<At>| time.zip(floor).is_some_and(|(time, floor)| time > floor);
        let (created, started) = (container.created.map(At::from), container.started_at.map(At::from));
        let clock = self.clock(entry.inspected_at.into());
        let old = started.max(created).is_some_and(|time| clock.since(time) > MAX_AGE);
        let told = new(created) || new(started);
        if told && old {
            self.counts.lose(Lost::Old);
        }
        if !self.add(id, Life::new(None)) {
            return None;
        }
        let created = created.filter(|_| new(created) && !old);
        if let (Some(at), Some(life)) = (created, self.lives.get_mut(id)) {
            (life.created, life.who) = (Some(at), Some(Arc::new(Who::of_entry(entry))));
            self.react(id, News::Created, at, now);
        }
        Some(!told || old)
    }

    fn look(&mut self, entry: &Entry, now: Duration) {
        let container = &entry.container;
        let id = &container.id;
        let seen = if self.lives.contains_key(id) { Some(false) } else { self.first_sight(entry, now) };
        let Some(silent) = seen else { return };
        let clock = self.clock(entry.inspected_at.into());
        let Some(life) = self.lives.get_mut(id).filter(|life| life.gone.is_none()) else { return };
        describe(life, entry);
        if silent {
            life.restart_count = container.restart_count;
            facts(life, entry, clock);
            // What it went through is not told; its next start is a restart, and no start of its project.
            if container.state == ContainerState::Restarting {
                life.place = Place::Spell;
                self.open(Item::Spell(id.clone()), now);
            }
            return;
        }
        self.restarted(entry, clock, now);
        if let Some(started) = container.started_at {
            self.end_before(id, At::from(started), now);
        }
        let Some(life) = self.lives.get_mut(id) else { return };
        for (news, at) in facts(life, entry, clock) {
            if clock.since(at) <= MAX_AGE {
                self.react(id, news, at, now);
            } else {
                self.dirty.insert(id.clone());
                self.counts.lose(Lost::Old);
            }
        }
        let Some(life) = self.lives.get_mut(id) else { return };
        let probes = container.health.as_ref().is_some_and(|health| life.probes_seen(&health.results));
        if probes {
            self.dirty.insert(id.clone());
        }
        self.schedule_of(id);
    }

    /// A run that ended and began again by the engine's own doing, of which no event told: a restart, and no start of its project.
    fn restarted(&mut self, entry: &Entry, clock: At, now: Duration) {
        let container = &entry.container;
        let Some(life) = self.lives.get_mut(&container.id) else { return };
        let grew = life.restart_count.zip(container.restart_count).is_some_and(|(before, count)| count > before);
        life.restart_count = container.restart_count.or(life.restart_count);
        let begun = life.run().and_then(|run| run.begun);
        let started = container.started_at.map(At::from).filter(|started| clock.since(*started) <= MAX_AGE);
        let later = started.zip(begun).is_some_and(|(started, begun)| started > begun.plus(SLACK));
        if grew && later && life.place == Place::Idle {
            life.place = Place::Spell;
            life.forget_probes();
            self.open(Item::Spell(container.id.clone()), now);
        }
    }
}

/// What a container is, rather than what happened to it.
fn describe(life: &mut Life, entry: &Entry) {
    let container = &entry.container;
    let who = Who::of_entry(entry);
    if life.who.as_deref() != Some(&who) {
        life.who = Some(Arc::new(who));
    }
    life.pictured = true;
    life.created = container.created.map(At::from).or(life.created);
    life.checked = Some(container.health.is_some());
    life.policy = (&container.restart_policy).into();
    let streak = container.health.as_ref().and_then(|health| health.failing_streak);
    life.failing_streak = streak.or(life.failing_streak);
}

/// What an inspection shows that was not known, in the order of what happens.
fn facts(life: &mut Life, entry: &Entry, seen: At) -> Vec<(News, At)> {
    let container = &entry.container;
    let mut facts = Vec::new();
    let finished = container.finished_at.map(At::from);
    let Some(started) = container.started_at.map(At::from) else {
        let code = container.exit_code.filter(|code| *code != 0 && life.runs.is_empty());
        if let (Some(code), None) = (code, life.failed_start) {
            let at = life.sign.or(life.create_told).or(life.created).unwrap_or(seen);
            life.failed_start = Some((at, code));
            facts.push((News::Detail, at));
        }
        return facts;
    };
    match life.start_seen(started, finished) {
        Ok(news) => facts.extend(news.map(|news| (news, started))),
        Err(super::seen::Stale) => return facts,
    }
    let over = matches!(
        container.state,
        ContainerState::Exited | ContainerState::Dead | ContainerState::Restarting | ContainerState::Removing
    );
    if let Some(at) = finished.filter(|at| over && *at >= started) {
        let news = life.end_seen(at, container.exit_code, container.oom_killed == Some(true));
        facts.extend(news.map(|news| (news, at)));
        // The engine would say that it restarts.
        let rests = matches!(container.state, ContainerState::Exited | ContainerState::Dead);
        if rests && !life.resting && life.run().and_then(|run| run.end).is_some() {
            life.resting = true;
            facts.push((News::Detail, at));
        }
    }
    if let Some(health) = container.health.as_ref().filter(|_| !over) {
        let news = life.health_seen(health.status, &health.results, seen);
        let at = life.run().and_then(|run| run.health_at).unwrap_or(seen);
        facts.extend(news.map(|news| (news, at)));
    }
    facts
}

/// What differs between two pictures: the same containers stand at the beginning and at the end of both, nearly always nearly all.
fn difference<'a>(old: &'a [Arc<Entry>], new: &'a [Arc<Entry>]) -> (&'a [Arc<Entry>], &'a [Arc<Entry>]) {
    let same = |(a, b): &(&Arc<Entry>, &Arc<Entry>)| Arc::ptr_eq(a, b);
    let head = old.iter().zip(new).take_while(same).count();
    let (old, new) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
    (old.get(..old.len() - tail).unwrap_or_default(), new.get(..new.len() - tail).unwrap_or_default())
}
