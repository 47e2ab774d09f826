//! What is under way: who is part of it, when it is over, and what is left of it then.

use std::time::Duration;

use super::{
    at::At,
    counts::Lost,
    life::{Life, Place},
    machine::{Clock, HOLD, Item, Key, MAX_MEMBERS, Machine, Told},
    tell,
};
use crate::model::ContainerId;

impl Machine {
    /// A container takes part in the start of its project, or in one of its own.
    pub(super) fn join(&mut self, id: &ContainerId, now: Duration) {
        let Some(life) = self.lives.get_mut(id) else { return };
        if life.place == Place::Burst {
            return self.touch(id, now);
        }
        let key = key(id, life);
        let members = self.bursts.entry(key.clone()).or_default();
        if members.len() >= MAX_MEMBERS {
            return self.counts.lose(Lost::Members);
        }
        members.insert(id.clone());
        life.place = Place::Burst;
        life.forget_probes();
        let item = Item::Burst(key);
        self.clocks.entry(item.clone()).or_insert(Clock { opened: now, active: now }).active = now;
        self.schedule(item);
    }

    /// Something happened in what a container is part of.
    pub(super) fn touch(&mut self, id: &ContainerId, now: Duration) {
        if let Some(item) = self.item_of(id) {
            if let Some(clock) = self.clocks.get_mut(&item) {
                clock.active = now;
            }
            self.schedule(item);
        }
    }

    /// Something became known of a container: what it is part of may be over at another time.
    pub(super) fn schedule_of(&mut self, id: &ContainerId) {
        if let Some(item) = self.item_of(id) {
            self.schedule(item);
        }
    }

    fn item_of(&self, id: &ContainerId) -> Option<Item> {
        let life = self.lives.get(id)?;
        match life.place {
            Place::Idle => None,
            Place::Burst => Some(Item::Burst(key(id, life))),
            Place::Spell => Some(Item::Spell(id.clone())),
        }
    }

    /// The spell of failing checks of a container, which may have ended just now.
    pub(super) fn schedule_unhealthy(&mut self, id: &ContainerId, now: Duration) {
        let item = Item::Unhealthy(id.clone());
        let ended = self.lives.get(id).and_then(|life| life.unhealthy).is_some_and(|spell| spell.until.is_some());
        if let Some(clock) = self.clocks.get_mut(&item).filter(|_| ended) {
            clock.active = now;
            self.schedule(item);
        }
    }

    /// There was none after all.
    pub(super) fn drop_unhealthy(&mut self, id: &ContainerId) {
        let item = Item::Unhealthy(id.clone());
        self.clocks.remove(&item);
        self.agenda.set(item, None);
    }

    pub(super) fn schedule(&mut self, item: Item) {
        let due = self.over(&item);
        self.agenda.set(item, due);
    }

    /// When something is over, if nothing more happens.
    fn over(&self, item: &Item) -> Option<Duration> {
        let clock = self.clocks.get(item)?;
        let (cap, quiet, hold) = (clock.opened + self.pace.cap, clock.active + self.pace.quiet, clock.active + HOLD);
        let due = match item {
            Item::Burst(key) => {
                let mut members = self.bursts.get(key)?.iter().filter_map(|id| self.lives.get(id)).peekable();
                let alone = matches!(key, Key::One(_)) && members.peek().is_some_and(|life| life.gone.is_some());
                let settled = members.all(Life::settled);
                if alone {
                    clock.active
                } else if settled {
                    quiet
                } else {
                    cap
                }
            }
            Item::Spell(id) => {
                let life = self.lives.get(id)?;
                let run = life.run()?;
                match run.end {
                    _ if life.gone.is_some() => clock.active,
                    // Somebody in it was killed, and it lives.
                    None if life.runs.len() == 1 && life.runs_left_out == 0 => hold,
                    None if life.settled() => quiet,
                    Some(_) if !life.comes_back() => hold,
                    _ => cap,
                }
            }
            Item::Unhealthy(id) => match self.lives.get(id)?.unhealthy? {
                spell if spell.until.is_some() => return Some(hold),
                spell if spell.told.is_some() => return None,
                _ => cap,
            },
        };
        Some(due.min(cap))
    }

    /// Tells something that is over.
    pub(super) fn close(&mut self, item: &Item, now: Duration) {
        self.agenda.set(item.clone(), None);
        match item {
            Item::Burst(key) => self.close_burst(key, now),
            Item::Spell(id) => self.close_spell(id, now),
            Item::Unhealthy(id) => self.close_unhealthy(id, now),
        }
    }

    fn close_burst(&mut self, key: &Key, now: Duration) {
        let clock = self.clocks.remove(&Item::Burst(key.clone()));
        let members = self.bursts.remove(key).unwrap_or_default();
        let elapsed = clock.map_or(Duration::ZERO, |clock| now.saturating_sub(clock.opened));
        let start = tell::Start::new(self, key, &members, elapsed);
        let (told, links) = start.map(|start| start.tell()).unzip();
        let told = told.is_some_and(|told| self.say(told, now));
        for id in &members {
            let Some(life) = self.lives.get_mut(id) else { continue };
            life.link = links.as_ref().and_then(|links| links.get(id).copied()).filter(|_| told);
            self.rest(id, now);
        }
    }

    fn close_spell(&mut self, id: &ContainerId, now: Duration) {
        let clock = self.clocks.remove(&Item::Spell(id.clone()));
        let elapsed = clock.map_or(Duration::ZERO, |clock| now.saturating_sub(clock.opened));
        if let Some(told) = tell::spell(self, id, elapsed) {
            self.say(told, now);
        }
        self.rest(id, now);
    }

    /// Its container is part of nothing any more. One that is still unhealthy has its recovery told later.
    fn rest(&mut self, id: &ContainerId, now: Duration) {
        self.dirty.insert(id.clone());
        let Some(life) = self.lives.get_mut(id) else { return };
        let moved = life.runs.len() > 1 || life.place == Place::Burst;
        life.rest();
        // Cut while the engine waits before it starts it again: that start is a restart still. Once only, should it never come.
        if moved && life.comes_back() {
            life.place = Place::Spell;
            self.open(Item::Spell(id.clone()), now);
        }
        let Some(life) = self.lives.get_mut(id) else { return };
        let unwell = life.run().and_then(|run| run.unhealthy).filter(|_| life.runs_now() && life.unhealthy.is_none());
        if let Some(since) = unwell {
            self.open_unhealthy(id, since, now);
        }
        self.forget_if_over(id);
    }

    fn close_unhealthy(&mut self, id: &ContainerId, now: Duration) {
        let item = Item::Unhealthy(id.clone());
        let elapsed = self.clocks.get(&item).map_or(Duration::ZERO, |clock| now.saturating_sub(clock.opened));
        let Some((told, link)) = tell::unhealthy(self, id, elapsed) else { return };
        let said = self.say(told, now);
        self.dirty.insert(id.clone());
        let Some(spell) = self.lives.get_mut(id).and_then(|life| life.unhealthy.as_mut()) else { return };
        if spell.until.is_none() {
            // It lasts: what is told now is half of it, and nobody wakes before it ends.
            spell.told = Some(link).filter(|_| said);
            if spell.told.is_some() {
                return;
            }
        }
        self.clocks.remove(&item);
        if let Some(life) = self.lives.get_mut(id) {
            life.unhealthy = None;
        }
        self.forget_if_over(id);
    }

    /// Whether a trace may be told; it is on its way then.
    fn say(&mut self, told: Told, now: Duration) -> bool {
        let may = self.rate.take(now);
        if may {
            self.counts.told(told.kind);
            self.told.push(told);
        } else {
            self.counts.lose(Lost::Rate);
        }
        may
    }

    /// Takes up what a file kept: everything that was under way is so again, from now on.
    pub(super) fn resume(
        &mut self,
        lives: impl IntoIterator<Item = (ContainerId, Life)>,
        newest: Option<At>,
        now: Duration,
    ) {
        (self.newest, self.floor) = (newest, newest);
        for (id, mut life) in lives {
            let (place, unhealthy) = (std::mem::take(&mut life.place), life.unhealthy.is_some());
            let link = life.link;
            let probes = (std::mem::take(&mut life.probes), life.probe_count);
            if !self.add(&id, life) {
                continue;
            }
            match place {
                Place::Idle => {}
                Place::Burst => self.join(&id, now),
                Place::Spell => self.open(Item::Spell(id.clone()), now),
            }
            if let Some(life) = self.lives.get_mut(&id) {
                ((life.probes, life.probe_count), life.link) = (probes, link);
                if place == Place::Spell {
                    life.place = Place::Spell;
                }
            }
            self.schedule_of(&id);
            if unhealthy {
                self.open(Item::Unhealthy(id.clone()), now);
            }
            self.forget_if_over(&id);
        }
        self.dirty.clear();
    }
}

/// Who starts with whom: a project together, a container without one, or one of `docker compose run`, by itself.
pub(super) fn key(id: &ContainerId, life: &Life) -> Key {
    match &life.who {
        Some(who) if !who.project.is_empty() && !who.one_off => Key::Project(who.project.clone()),
        _ => Key::One(id.clone()),
    }
}
