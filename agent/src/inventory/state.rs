//! The inventory itself: events and inspections in, a picture and counters out.
//!
//! Pure: no I/O, no clock, no task. The task in `watch.rs` owns it, asks the engine what [`Reaction`] says, and hands answers
//! back. Containers labelled `spyhop.enable=false` are known by id alone.

mod serving;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use super::{
    EngineStatus, Entry, Expect, MAX_CONTAINERS, Settings, Snapshot,
    images::Images,
    ledger::{Ledger, Sight},
    picture,
    reaction::{Listed, Reaction, Verdict},
    saved::{Saved, SavedContainer, Unsaved, loss},
    service::{End, Service, Services},
    tracked::Tracked,
};
use crate::{
    model::{
        Container, ContainerFilter, ContainerId, Event, EventKind, Identity, InOrder as _, IntoTree as _, Labels,
        Network, ServiceCounters, ServiceKey,
    },
    telemetry::{Metrics, Reason},
};

/// Label which excludes a container from everything.
const ENABLE_LABEL: &str = "spyhop.enable";

/// All that is known.
#[derive(Debug)]
pub(super) struct State {
    host: Option<Arc<str>>,
    forget_after: Duration,
    filter: ContainerFilter,
    expect: Option<Expect>,
    /// Version of what was expected when that was last asked for.
    expected_by: Option<usize>,
    metrics: Metrics,
    containers: HashMap<ContainerId, Tracked>,
    /// Not watched, with the services they are of.
    excluded: HashMap<ContainerId, ServiceKey>,
    /// The engine did not describe them when it was asked last.
    undescribed: HashSet<ContainerId>,
    services: Services,
    networks: Vec<Arc<Network>>,
    images: Images,
    /// The engine and how well it is heard; the watch keeps it.
    pub(super) engine: EngineStatus,
    /// Events heard, of whatever and however old.
    heard: u64,
    /// Time of the newest event heard.
    last_event: Option<Timestamp>,
    /// The engine's clock when a whole list was last begun after a gap: what started before and is unknown was not missed.
    listed_at: Option<Timestamp>,
    generation: u64,
    shape: u64,
    news: News,
    unsaved: Unsaved,
}

/// What the next picture has that the last one had not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    #[default]
    Nothing,
    /// Results of health checks, and when containers were looked at.
    Results,
    /// Something else.
    All,
}

impl News {
    fn note(&mut self, news: bool) {
        if news {
            *self = Self::All;
        }
    }
}

impl State {
    /// The state as the file kept it, or an empty one.
    pub(super) fn new(settings: &Settings, saved: Saved, metrics: Metrics) -> Self {
        let mut services = Services::new(metrics.clone());
        for (key, service) in saved.services {
            services.restore(key, service);
        }
        let mut state = Self {
            host: settings.host.clone(),
            forget_after: settings.forget_after,
            filter: settings.filter.clone(),
            expect: settings.expect.clone(),
            expected_by: settings.expect.as_ref().map(Expect::version),
            metrics,
            containers: HashMap::new(),
            excluded: HashMap::new(),
            undescribed: HashSet::new(),
            services,
            networks: Vec::new(),
            images: Images::default(),
            engine: EngineStatus::default(),
            heard: 0,
            last_event: saved.last_event,
            listed_at: saved.listed_at,
            generation: 0,
            shape: 0,
            news: News::All,
            unsaved: Unsaved::Nothing,
        };
        for SavedContainer { id, key, one_off, ledger } in saved.containers.into_iter().take(MAX_CONTAINERS) {
            let member = !one_off && state.services.join(&key);
            state.containers.insert(id, Tracked::new(key, one_off, member, ledger));
        }
        state
    }

    /// Applies one event.
    pub(super) fn apply(&mut self, event: &Event) -> Reaction {
        self.heard += 1;
        // A container that is unknown though its event is not new was destroyed before: heard again, not seen anew.
        let news = self.known_until().is_none_or(|until| event.time > until);
        self.last_event = self.last_event.max(Some(event.time));
        let id = match &event.kind {
            EventKind::NetworkChanged => return Reaction::Networks,
            EventKind::Turnover | EventKind::Other => return Reaction::Nothing,
            EventKind::Destroyed(id) => {
                self.count(id, event);
                self.remove(id, event.time);
                return Reaction::Forget(id.clone());
            }
            EventKind::Created(id)
            | EventKind::Started(id)
            | EventKind::Died { id, .. }
            | EventKind::Oom(id)
            | EventKind::StopRequested { id, .. }
            | EventKind::Health { id, .. }
            | EventKind::Changed(id) => id,
        };
        if self.excluded.contains_key(id) {
            return Reaction::Nothing;
        }
        if !self.containers.contains_key(id) {
            let name = event.attributes.get("name");
            let identity = name.map(|name| Identity::from_labels(&event.attributes, name));
            if name.zip(identity.as_ref()).is_some_and(|(name, who)| self.is_excluded(&event.attributes, who, name)) {
                self.exclude(id.clone(), identity.map(|who| who.key).unwrap_or_default());
                return Reaction::Nothing;
            }
            if let Some(identity) = identity.filter(|_| news) {
                self.track(id.clone(), &identity);
            }
        }
        self.count(id, event);
        Reaction::Look(id.clone())
    }

    /// An inspection of this container is being asked for.
    pub(super) fn asked(&mut self, id: &ContainerId) {
        if let Some(tracked) = self.containers.get_mut(id) {
            tracked.ledger.asked();
            tracked.asked_after = self.heard;
        }
    }

    /// Takes the answer to an inspection. `now` is the agent's own clock.
    pub(super) fn inspected(&mut self, container: Container, sight: Sight, now: Timestamp) -> Verdict {
        self.news.note(self.undescribed.remove(&container.id));
        if self.is_excluded(&container.labels, &container.identity, &container.name) {
            self.remove(&container.id, sight.at);
            self.exclude(container.id, container.identity.key);
            return Verdict::default();
        }
        // The first sight of what ran before we listened counts nothing; it sets the marks.
        let old = self.listed_at.is_none_or(|listed| container.started_at.is_none_or(|started| started <= listed));
        let baseline = old && !self.containers.contains_key(&container.id);
        if !self.containers.contains_key(&container.id) && !self.track(container.id.clone(), &container.identity) {
            return Verdict::default();
        }
        self.follow_rename(&container, sight.at);
        let known = container.image_id.as_ref().and_then(|id| self.images.get(id));
        let image = container.image_id.clone().filter(|_| known.is_none());
        let image_created = known.flatten();
        let is_unknown = |name: &Arc<str>| !self.networks.iter().any(|network| network.name == *name);
        let unknown_network =
            !self.networks.is_empty() && container.networks.iter().any(|attachment| is_unknown(&attachment.network));
        let id = container.id.clone();
        let Some(tracked) = self.containers.get_mut(&id) else { return Verdict::default() };
        let before = tracked.ledger.kept();
        let mut nowhere = ServiceCounters::default();
        let counters = self.services.counters(&tracked.key).filter(|_| tracked.member).unwrap_or(&mut nowhere);
        let unsettled = match baseline {
            true => tracked.ledger.baseline(&container, sight),
            false => tracked.ledger.inspect(&container, sight, counters),
        };
        self.unsaved = self.unsaved.max(loss(&before, &tracked.ledger.kept()));
        tracked.touched = tracked.touched.max(Some(sight.at));
        let image_created = image_created.or(tracked.entry.as_ref().and_then(|entry| entry.image_created));
        let entry = Entry {
            replica: container.identity.replica.clone(),
            stopped_by_person: tracked.ledger.stopped,
            oom_events: tracked.ledger.oom_events,
            image_created,
            inspected_at: now,
            asked_after: tracked.asked_after,
            container,
        };
        let alike = tracked.entry.as_ref().is_some_and(|known| known.differs_in_results_alone(&entry));
        tracked.entry = Some(Arc::new(entry));
        self.news = self.news.max(if alike { News::Results } else { News::All });
        self.settle_seen(&id, sight.at);
        Verdict { kept: true, unsettled, image, unknown_network }
    }

    /// The engine does not know a container any more; its `destroy` event, or the next list, takes it out for good.
    pub(super) fn vanished(&mut self, id: &ContainerId) {
        if let Some(tracked) = self.containers.get_mut(id) {
            self.news.note(tracked.entry.take().is_some());
        }
    }

    /// The engine has told of it and does not describe it.
    pub(super) fn not_described(&mut self, id: &ContainerId) {
        if self.undescribed.len() < MAX_CONTAINERS {
            self.news.note(self.undescribed.insert(id.clone()));
        }
    }

    /// Compares a whole list with what is known.
    pub(super) fn listed(&mut self, ids: &[ContainerId]) -> Listed {
        let listed: HashSet<&ContainerId> = ids.iter().collect();
        self.excluded.retain(|id, _| listed.contains(id));
        self.undescribed.retain(|id| listed.contains(id));
        let wanted = ids.iter().filter(|id| !self.excluded.contains_key(id)).cloned();
        let (known, unknown) = wanted.partition(|id| self.containers.contains_key(id));
        let absent = self.containers.keys().filter(|id| !listed.contains(id)).cloned().collect();
        Listed { unknown, known, absent }
    }

    /// Removes a container that was absent from a list asked for at `asked_at` of the engine's clock, unless newer things are
    /// known of it. After a gap the events which wait are applied first: they may tell how it ended. `true` when it is gone.
    pub(super) fn absent(&mut self, id: &ContainerId, asked_at: Timestamp) -> bool {
        let older = |tracked: &Tracked| tracked.touched.is_none_or(|touched| touched < asked_at);
        let gone = self.containers.get(id).is_some_and(older);
        if gone {
            self.remove(id, asked_at);
        }
        gone
    }

    /// All containers that a list begun at `at` named have been inspected.
    pub(super) fn caught_up(&mut self, at: Timestamp) {
        self.listed_at = Some(at);
        self.unsaved = self.unsaved.max(Unsaved::Major);
    }

    /// The engine's clock was set back to `to`: marks must not lie in its future.
    pub(super) fn clock_set_back(&mut self, to: Timestamp) {
        for tracked in self.containers.values_mut() {
            tracked.ledger.clock_set_back(to);
            tracked.touched = tracked.touched.map(|touched| touched.min(to));
        }
        for (_, service) in self.services.iter_mut() {
            service.lost_at = service.lost_at.map(|time| time.min(to));
        }
        self.last_event = self.last_event.map(|time| time.min(to));
        self.listed_at = self.listed_at.map(|time| time.min(to));
    }

    /// Takes the list of networks.
    pub(super) fn set_networks(&mut self, mut networks: Vec<Network>) {
        networks.order_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        if !networks.iter().eq(self.networks.iter().map(Arc::as_ref)) {
            self.networks = networks.into_iter().map(Arc::new).collect();
            self.news = News::All;
        }
    }

    /// Whether a container is made from an image whose build time was not told yet.
    pub(super) fn lacks_image(&self, id: &Arc<str>) -> bool {
        self.images.get(id).is_none() && self.containers.values().any(|tracked| tracked.is_of_image(id))
    }

    /// Takes the build time of an image, `None` when it has none.
    pub(super) fn set_image(&mut self, id: Arc<str>, created: Option<Timestamp>) {
        for tracked in self.containers.values_mut().filter(|tracked| tracked.is_of_image(&id)) {
            let Some(entry) = tracked.entry.as_mut().filter(|entry| entry.image_created != created) else { continue };
            Arc::make_mut(entry).image_created = created;
            self.news = News::All;
        }
        let entries = self.containers.values().filter_map(|tracked| tracked.entry.as_ref());
        self.images.insert(id, created, || entries.filter_map(|entry| entry.container.image_id.clone()).collect());
    }

    /// Drops services which are expected no longer.
    pub(super) fn forget(&mut self, now: Timestamp) {
        let version = self.expect.as_ref().map(Expect::version);
        self.news.note(version != self.expected_by);
        self.expected_by = version;
        if self.services.forget(now, self.forget_after) {
            self.news = News::All;
            self.unsaved = Unsaved::Major;
        }
    }

    /// Whether the picture differs from the last one taken.
    pub(super) fn changed(&self) -> bool {
        self.news > News::Nothing
    }

    /// Marks the picture as changed: [`Self::engine`] says something new.
    pub(super) const fn engine_changed(&mut self) {
        self.news = News::All;
    }

    /// The picture as of now. Before the first complete inventory it names nothing: half of a host looks like a broken one.
    pub(super) fn picture(&mut self) -> Snapshot {
        let news = std::mem::take(&mut self.news);
        self.generation += u64::from(news > News::Nothing);
        self.shape += u64::from(news == News::All);
        let engine = self.engine.clone();
        let host = self.host.clone().or_else(|| engine.info.as_ref().map(|info| info.name.clone()));
        if engine.ready_since.is_none() {
            return Snapshot { generation: self.generation, shape: self.shape, host, engine, ..Snapshot::default() };
        }
        let containers = picture::containers(&mut self.containers);
        let entries = || containers.iter().map(|placed| Arc::clone(&placed.entry)).collect::<Vec<_>>();
        let expect = self.expect.as_ref().filter(|expect| expect.expects());
        let mut wanted =
            expect.map(|expect| expect.ask(&entries(), host.as_deref().unwrap_or_default())).unwrap_or_default();
        let excluded: BTreeSet<ServiceKey> = self.excluded.values().cloned().into_set();
        wanted.retain(|key, _| !excluded.contains(key));
        self.services.name(&wanted);
        let services = picture::services(&mut self.services, &containers, &wanted);
        let networks = self.networks.clone();
        let containers = containers.into_iter().map(|placed| placed.entry).collect();
        let key = |id: &ContainerId| self.containers.get(id).map(|tracked| tracked.key.clone());
        let unseen = self.undescribed.iter().filter(|id| self.containers.get(id).is_none_or(|it| it.entry.is_none()));
        let mut undescribed: Vec<_> = unseen.map(|id| (id.clone(), key(id))).collect();
        undescribed.order();
        let excluded = excluded.into_iter().collect();
        let Self { generation, shape, .. } = *self;
        Snapshot { generation, shape, host, containers, undescribed, excluded, services, networks, engine }
    }

    /// What the state file has to keep, if it differs from what was last taken.
    pub(super) const fn unsaved(&self) -> Unsaved {
        self.unsaved
    }

    /// Takes what the state file has to keep.
    pub(super) fn save(&mut self) -> Saved {
        self.unsaved = Unsaved::Nothing;
        let containers = self.containers.iter().map(|(id, tracked)| SavedContainer {
            id: id.clone(),
            key: tracked.key.clone(),
            one_off: tracked.one_off,
            ledger: tracked.ledger.kept(),
        });
        let containers: BTreeMap<_, _> = containers.map(|saved| (saved.id.clone(), saved)).into_map();
        let services = self.services.iter().map(|(key, service)| {
            (key.clone(), Service { members: 0, serving: 0, published: None, ..service.clone() })
        });
        Saved {
            last_event: self.last_event,
            listed_at: self.listed_at,
            services: services.collect(),
            containers: containers.into_values().collect(),
        }
    }

    /// Up to when everything is known: where the history has to begin after a gap. `None` before the first inventory ever.
    pub(super) fn known_until(&self) -> Option<Timestamp> {
        self.listed_at.map(|listed| self.last_event.map_or(listed, |event| event.max(listed)))
    }

    /// Containers known, inspected or not, without excluded ones.
    pub(super) fn ids(&self) -> impl Iterator<Item = &ContainerId> {
        self.containers.keys()
    }

    fn count(&mut self, id: &ContainerId, event: &Event) {
        let Some(tracked) = self.containers.get_mut(id) else { return };
        tracked.touched = tracked.touched.max(Some(event.time));
        let mut nowhere = ServiceCounters::default();
        let counters = self.services.counters(&tracked.key).filter(|_| tracked.member).unwrap_or(&mut nowhere);
        if !tracked.ledger.apply(event.time, &event.kind, counters) {
            return;
        }
        self.news = News::All;
        self.unsaved = Unsaved::Major;
        if let Some(entry) = tracked.entry.as_mut() {
            let told = (tracked.ledger.stopped, tracked.ledger.oom_events);
            if (entry.stopped_by_person, entry.oom_events) != told {
                let entry = Arc::make_mut(entry);
                (entry.stopped_by_person, entry.oom_events) = told;
            }
        }
        tracked.running = tracked.ledger.runs();
        self.settle(id, event.time);
    }

    /// Whether the file or the container itself asks to leave it out of everything.
    fn is_excluded(&self, labels: &Labels, identity: &Identity, name: &str) -> bool {
        labels.get(ENABLE_LABEL).is_some_and(|value| value.trim().eq_ignore_ascii_case("false"))
            || !self.filter.admits(&identity.key.project, name)
    }

    fn track(&mut self, id: ContainerId, identity: &Identity) -> bool {
        if self.containers.len() + self.excluded.len() >= MAX_CONTAINERS {
            self.metrics.refuse(Reason::Containers, 1);
            return false;
        }
        let Identity { key, one_off, .. } = identity.clone();
        let member = !one_off && self.services.join(&key);
        self.containers.insert(id, Tracked::new(key, one_off, member, Ledger::default()));
        self.news = News::All;
        true
    }

    fn exclude(&mut self, id: ContainerId, key: ServiceKey) {
        if self.containers.len() + self.excluded.len() < MAX_CONTAINERS {
            self.news.note(self.excluded.insert(id, key).is_none());
        }
    }

    fn remove(&mut self, id: &ContainerId, at: Timestamp) {
        self.news.note(self.excluded.remove(id).is_some() | self.undescribed.remove(id));
        let Some(tracked) = self.containers.remove(id) else { return };
        self.news = News::All;
        self.unsaved = Unsaved::Major;
        if tracked.member {
            let end = match () {
                () if tracked.was_completed() => End::Done,
                () if tracked.was_taken_down(at) => End::TakenDown,
                () => End::Lost,
            };
            self.services.leave(&tracked.key, at, end);
            self.settle_removed(&tracked, at, end);
        }
    }

    /// A renamed container without Compose or Swarm labels is another service from now on. The old name is expected no longer;
    /// its counters wait there, because `rename` and a new container of the old name is how people recreate by hand.
    fn follow_rename(&mut self, container: &Container, at: Timestamp) {
        let Some(tracked) = self.containers.get_mut(&container.id) else { return };
        let Identity { key, one_off, .. } = &container.identity;
        if tracked.key == *key && tracked.one_off == *one_off {
            return;
        }
        let (old_key, was_member) = (tracked.key.clone(), tracked.member);
        if let Some(service) = self.services.get_mut(&old_key).filter(|_| std::mem::take(&mut tracked.serving)) {
            service.lost(at, true);
        }
        tracked.member = !one_off && self.services.join(key);
        (tracked.key, tracked.one_off) = (key.clone(), *one_off);
        self.unsaved = Unsaved::Major;
        if was_member {
            self.services.leave(&old_key, at, End::Done);
        }
    }
}
