//! Events and pictures in, traces out. Pure: no clock, no task, no disk.
//!
//! Two times go through here. [`At`] is the engine's clock, of which traces are made; nobody waits by it. `now` is the owner's own clock, which
//! never goes back: everything that is awaited is awaited by it, so that a clock that jumps makes nothing last for ever.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    Host,
    agenda::Agenda,
    at::At,
    counts::{Counts, Kind, Lost},
    gone::Gone,
    life::{Life, News, Place, Unhealthy},
    rate::Rate,
    who::Who,
};
use crate::{
    inventory::{MAX_CONTAINERS, Snapshot},
    model::{ContainerFilter, ContainerId, Event, EventKind},
};

/// Containers of one trace.
pub(super) const MAX_MEMBERS: usize = 500;
/// What ended by itself is held for so long: details follow, and so does a start, where somebody restarts it.
pub(super) const HOLD: Duration = Duration::from_secs(2);
/// An event of a container nobody knows may be so much older than the newest: beyond that it is heard again.
const DISORDER: Duration = Duration::from_secs(4);
/// A clock that shows so much less than it did was set back.
const SET_BACK: Duration = Duration::from_secs(30);

/// Label which excludes a container from everything, as in the inventory.
const ENABLE_LABEL: &str = "spyhop.enable";

/// How patient the machine is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) quiet: Duration,
    pub(super) cap: Duration,
}

/// Who starts together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    Project(Arc<str>),
    One(ContainerId),
}

/// What is under way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Item {
    Burst(Key),
    Spell(ContainerId),
    Unhealthy(ContainerId),
}

/// By the owner's clock: since when it is under way, and when something last happened in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) opened: Duration,
    pub(super) active: Duration,
}

/// One trace: requests with the number of spans in each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) kind: Kind,
    pub(super) requests: Vec<(Vec<u8>, u32)>,
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) pace: Pace,
    pub(super) host: Host,
    /// `container.runtime.name`.
    pub(super) runtime: Option<&'static str>,
    filter: ContainerFilter,
    pub(super) counts: Arc<Counts>,
    pub(super) lives: HashMap<ContainerId, Life>,
    pub(super) bursts: HashMap<Key, BTreeSet<ContainerId>>,
    pub(super) clocks: HashMap<Item, Clock>,
    pub(super) agenda: Agenda<Item>,
    gone: Gone,
    /// Newest event.
    pub(super) newest: Option<At>,
    /// What is older and not known was told before, or is not to be told. `None` before the first picture.
    pub(super) floor: Option<At>,
    pub(super) picture: Arc<Snapshot>,
    pub(super) pictured: bool,
    pub(super) clock_told: Option<Timestamp>,
    pub(super) dirty: HashSet<ContainerId>,
    pub(super) told: Vec<Told>,
    pub(super) rate: Rate,
}

impl Machine {
    /// One that knows nothing.
    pub(super) fn new(pace: Pace, host: Host, filter: ContainerFilter, counts: Arc<Counts>) -> Self {
        Self {
            pace,
            host,
            runtime: None,
            filter,
            counts,
            lives: HashMap::new(),
            bursts: HashMap::new(),
            clocks: HashMap::new(),
            agenda: Agenda::default(),
            gone: Gone::default(),
            newest: None,
            floor: None,
            picture: Arc::default(),
            pictured: false,
            clock_told: None,
            dirty: HashSet::new(),
            told: Vec::new(),
            rate: Rate::default(),
        }
    }

    /// Takes an event.
    pub(super) fn event(&mut self, event: &Event, now: Duration) {
        let at = At::from(event.time);
        let Some(id) = container(&event.kind) else { return };
        let news = self.newest.is_none_or(|newest| at.plus(DISORDER) > newest);
        self.newest = self.newest.max(Some(at));
        let known = self.lives.contains_key(id) || (news && self.meet(id, event, at));
        if !known {
            return;
        }
        if matches!(event.kind, EventKind::Started(_)) {
            self.end_before(id, at, now);
        }
        let Some(life) = self.lives.get_mut(id).filter(|life| life.gone.is_none()) else { return };
        if life.who.is_none() {
            life.who = Who::of_event(id, &event.attributes).map(Arc::new);
        }
        let news = match &event.kind {
            EventKind::Created(_) => life.created(at),
            EventKind::Started(_) => life.start_told(at),
            EventKind::Died { exit_code, .. } => life.end_told(at, *exit_code),
            EventKind::Oom(_) => life.oom_told(at),
            EventKind::StopRequested { signal, .. } => life.stop_told(at, *signal),
            EventKind::Health { status, .. } => life.health_told(at, *status),
            EventKind::Changed(_) => life.changed(at),
            EventKind::Destroyed(_) => return self.remove(id, at, now),
            EventKind::NetworkChanged | EventKind::Turnover | EventKind::Other => None,
        };
        if let Some(news) = news {
            self.react(id, news, at, now);
        }
    }

    /// Tells what has come due.
    pub(super) fn tick(&mut self, now: Duration) {
        while let Some(item) = self.agenda.take(now) {
            self.close(&item, now);
        }
    }

    /// When [`Self::tick`] has something to do; `None` while nothing is under way.
    pub(super) fn due(&self) -> Option<Duration> {
        self.agenda.next()
    }

    /// A container nobody knew; `false` when it is to be left alone.
    fn meet(&mut self, id: &ContainerId, event: &Event, at: At) -> bool {
        let begins = matches!(event.kind, EventKind::Created(_) | EventKind::Started(_) | EventKind::Died { .. });
        if !begins || self.gone.contains(id) || self.floor.is_some_and(|floor| at <= floor) {
            return false;
        }
        let Some(who) = Who::of_event(id, &event.attributes) else { return false };
        let off = event.attributes.get(ENABLE_LABEL).is_some_and(|value| value.trim().eq_ignore_ascii_case("false"));
        if off || !self.filter.admits(&who.project, &who.name) {
            return false;
        }
        self.add(id, Life::new(Some(Arc::new(who))))
    }

    pub(super) fn add(&mut self, id: &ContainerId, life: Life) -> bool {
        if self.lives.len() >= MAX_CONTAINERS {
            self.counts.lose(Lost::Containers);
            return false;
        }
        self.dirty.insert(id.clone());
        self.lives.insert(id.clone(), life);
        true
    }

    pub(super) fn was_removed(&self, id: &ContainerId) -> bool {
        self.gone.contains(id)
    }

    /// A start that comes when a spell is over, though nobody has closed it yet, is a start of its own.
    pub(super) fn end_before(&mut self, id: &ContainerId, at: At, now: Duration) {
        let over = |life: &Life| {
            let end = life.run().and_then(|run| run.end);
            life.place == Place::Spell && !life.comes_back() && end.is_some_and(|end| at.since(end.at) > HOLD)
        };
        if self.lives.get(id).is_some_and(over) {
            self.close(&Item::Spell(id.clone()), now);
        }
    }

    /// What follows from a new fact.
    pub(super) fn react(&mut self, id: &ContainerId, news: News, at: At, now: Duration) {
        self.dirty.insert(id.clone());
        let Some(life) = self.lives.get_mut(id) else { return };
        if let (News::Began | News::Ended, Some(spell)) = (news, &mut life.unhealthy) {
            spell.until.get_or_insert(at);
            if life.was_dying() {
                life.unhealthy = None;
                self.drop_unhealthy(id);
            }
        }
        let Some(life) = self.lives.get_mut(id) else { return };
        match (news, &life.place) {
            (News::Created, _) => {
                life.fresh = true;
                self.join(id, now);
            }
            (News::Began, Place::Idle) => self.join(id, now),
            (News::Ended | News::Oom, Place::Idle) => {
                life.place = Place::Spell;
                life.forget_probes();
                self.open(Item::Spell(id.clone()), now);
            }
            (News::Unhealthy, Place::Idle) => self.open_unhealthy(id, at, now),
            (News::Asked | News::Detail, _) => self.schedule_of(id),
            _ => self.touch(id, now),
        }
        self.schedule_unhealthy(id, now);
    }

    /// The engine does not have it any more.
    pub(super) fn remove(&mut self, id: &ContainerId, at: At, now: Duration) {
        let Some(life) = self.lives.get_mut(id).filter(|life| life.gone.is_none()) else { return };
        let at = life.run().and_then(super::run::Run::newest).max(Some(at)).unwrap_or(at);
        life.gone = Some(at);
        if let Some(spell) = &mut life.unhealthy {
            spell.until.get_or_insert(at);
        }
        self.dirty.insert(id.clone());
        self.touch(id, now);
        self.schedule_unhealthy(id, now);
        self.forget_if_over(id);
    }

    /// Lets go of a container that is gone and part of nothing.
    pub(super) fn forget_if_over(&mut self, id: &ContainerId) {
        let over = |life: &Life| life.gone.is_some() && life.place == Place::Idle && life.unhealthy.is_none();
        if self.lives.get(id).is_some_and(over) {
            self.lives.remove(id);
            self.dirty.insert(id.clone());
            self.gone.add(id);
        }
    }

    pub(super) fn open_unhealthy(&mut self, id: &ContainerId, since: At, now: Duration) {
        if let Some(life) = self.lives.get_mut(id) {
            life.forget_probes();
            life.unhealthy = Some(Unhealthy { since, until: None, told: None });
            self.open(Item::Unhealthy(id.clone()), now);
        }
    }

    pub(super) fn open(&mut self, item: Item, now: Duration) {
        self.clocks.insert(item.clone(), Clock { opened: now, active: now });
        self.schedule(item);
    }

    /// The engine's clock was set back: [`Life::clock_set_back`].
    pub(super) fn clock_set_back(&mut self, to: At) {
        self.newest = self.newest.map(|newest| newest.min(to));
        self.floor = self.floor.map(|floor| floor.min(to));
        self.lives.values_mut().for_each(|life| life.clock_set_back(to));
        self.dirty.extend(self.lives.keys().cloned());
    }

    /// The engine's clock told anew; whether it shows far less than events have.
    pub(super) fn is_set_back(&self, told: Timestamp) -> bool {
        self.newest.is_some_and(|newest| At::from(told).plus(SET_BACK) < newest)
    }

    /// Takes what was told since the last call.
    pub(super) fn take_told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.told)
    }
}

/// Whom an event is about.
const fn container(kind: &EventKind) -> Option<&ContainerId> {
    match kind {
        EventKind::Created(id)
        | EventKind::Started(id)
        | EventKind::Died { id, .. }
        | EventKind::Oom(id)
        | EventKind::StopRequested { id, .. }
        | EventKind::Health { id, .. }
        | EventKind::Changed(id)
        | EventKind::Destroyed(id) => Some(id),
        EventKind::NetworkChanged | EventKind::Turnover | EventKind::Other => None,
    }
}
