//! Which containers are read: the inventory's, but for those that somebody keeps out and the agent itself.

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use super::{
    super::{
        board::ServiceLog,
        declare::{LineFormat, Policy},
        followers::TOO_MANY,
        loki::{self, Metadata},
        parse::Hint,
        redact::MAX_GROWTH,
        source::{Source as From, SourcePlan, source_of},
        stream::{Origin, Stream},
    },
    Worker, resume,
    shape::{Output, Whose},
    source::{Reader, Source, behind},
};
use crate::{
    inventory::{Entry, Snapshot},
    logs::{SourceChoice, assemble, assemble::Assembler, rules::Allowance},
    model::{Container, ContainerId, ContainerState, Identity, Labels, LogStream},
};

/// Who a container is, from an inspection or from an event.
pub(super) struct Who<'a> {
    pub(super) id: &'a ContainerId,
    pub(super) name: &'a str,
    pub(super) identity: &'a Identity,
    pub(super) replica: &'a str,
}

/// What Loki's limit leaves for the words around a line that was cut.
const MARKS: usize = 256;

impl Worker {
    /// Follows the inventory, when it has changed.
    pub(super) fn see_inventory(&mut self) {
        let snapshot = self.inventory.load();
        if self.generation == Some(snapshot.generation) || snapshot.host.is_none() {
            return;
        }
        self.generation = Some(snapshot.generation);
        let mut seen = HashSet::new();
        for entry in &snapshot.containers {
            if let Some(number) = self.see_container(&snapshot, entry) {
                seen.insert(number);
            }
        }
        let now = self.shaper.clock.now();
        for (number, source) in &mut self.sources {
            let expected = source.early.is_some_and(|until| now < until);
            if !seen.contains(number) && !source.gone && !expected {
                (source.gone, source.ended) = (true, true);
                source.caught_up = !matches!(source.reader, Reader::File(_));
                self.hungry.insert(*number);
            }
        }
        self.forget_cursors(&snapshot);
        self.forget_unseen();
        self.board.keep(|key| snapshot.services.iter().any(|service| service.key == *key));
        self.publish_sources();
    }

    /// One container: a source of it is made or brought up to date; its number where it is read.
    fn see_container(&mut self, snapshot: &Snapshot, entry: &Arc<Entry>) -> Option<u64> {
        let container = &entry.container;
        let key = &container.identity.key;
        let known = self.numbers.get(&container.id).copied();
        let early = known.and_then(|number| self.sources.get_mut(&number)).filter(|source| source.early.is_some());
        let was_early = early.is_some();
        if let Some(source) = early {
            source.early = None;
            source.assembler.set_tty(container.log.tty);
        }
        let policy = Policy::of(&container.labels, &self.options.lines);
        let wanted = policy.enabled
            && self.options.lines.containers.admits(&key.project, &container.name)
            && self.own.as_ref() != Some(&container.id);
        if !wanted {
            return None;
        }
        // Created and never started, it has no output, and its files are made with the first start.
        if known.is_none() && container.state == ContainerState::Created && container.started_at.is_none() {
            return None;
        }
        if was_early {
            // Its event told who it is, and not how its lines are kept.
            let lossy = self.introduce(container, &policy).lossy_upstream.is_some();
            known.into_iter().for_each(|number| self.mark_lossy(number, lossy));
        }
        let number = known.unwrap_or_else(|| self.adopt(snapshot, entry, &policy));
        let followers = &mut self.followers;
        let source = self.sources.get_mut(&number)?;
        // Read and not started: its start was heard of before the inventory knew.
        let goes_on = matches!(container.state, ContainerState::Restarting | ContainerState::Created);
        let ended = !container.has_processes() && !goes_on;
        if source.ended != ended {
            source.ended = ended;
            source.caught_up = !matches!(source.reader, Reader::File(_) | Reader::Awaited { .. });
            self.hungry.insert(number);
            if !ended {
                followers.again(&source.id);
            }
        }
        if matches!(source.reader, Reader::Api) && !followers.follows(&source.id) {
            let origin = source.whose.origin.as_ref();
            if let Some(origin) = origin {
                source.behind = behind(origin, None, &self.streams);
            }
            let from = LogStream::ALL.map(|output| resume::start(origin, output, &self.streams));
            if !followers.start(&source.id, container.log.tty, from) {
                source.reader = Reader::None(TOO_MANY);
            }
        }
        Some(number)
    }

    /// Says what somebody should know of a container that is read from now on; where and how that is.
    fn introduce(&self, container: &Container, policy: &Policy) -> SourcePlan {
        for mistake in &policy.mistakes {
            let label = format_args!("spyhop.logs.{}", mistake.label);
            tracing::warn!(container = &*container.name, %label, what = mistake.what, "a label counts for nothing");
        }
        let from_files = self.options.source == SourceChoice::Auto;
        let planned = source_of(&container.log, |path| from_files && is_visible(path));
        if let Some(why) = planned.lossy_upstream {
            tracing::warn!(container = &*container.name, why, "the engine may drop lines before they can be read");
        }
        planned
    }

    /// Notes whether the engine may drop lines of a container. A service is lossy as long as one of those read here is.
    fn mark_lossy(&mut self, number: u64, lossy: bool) {
        if let Some(source) = self.sources.get_mut(&number) {
            source.lossy = lossy;
            if lossy {
                source.whose.service.lossy_upstream.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Counts a container out that was lossy.
    fn clear_lossy(&self, service: &Arc<ServiceLog>) {
        let of_service = |source: &&Source| Arc::ptr_eq(&source.whose.service, service);
        let still = self.sources.values().filter(of_service).any(|source| source.lossy);
        service.lossy_upstream.store(still, Ordering::Relaxed);
    }

    /// A container that was not read before.
    fn adopt(&mut self, snapshot: &Snapshot, entry: &Entry, policy: &Policy) -> u64 {
        let container = &entry.container;
        let planned = self.introduce(container, policy);
        let reader = match planned.source {
            From::File(path) => Reader::Awaited { path, max_files: container.log.max_files },
            From::Api => Reader::Api,
            From::Unreadable(reason) => Reader::None(reason),
        };
        let who =
            Who { id: &container.id, name: &container.name, identity: &container.identity, replica: &entry.replica };
        let number = self.add_source(snapshot, &who, policy, container.log.tty, reader);
        self.mark_lossy(number, planned.lossy_upstream.is_some());
        // Now, not in its turn: a container that is removed with its end leaves nothing but what is held open.
        self.open_awaited(number);
        number
    }

    /// A source of its own for a container.
    pub(super) fn add_source(
        &mut self,
        snapshot: &Snapshot,
        who: &Who<'_>,
        policy: &Policy,
        tty: bool,
        reader: Reader,
    ) -> u64 {
        let key = &who.identity.key;
        let number = self.next;
        self.next += 1;
        let service = self.board.service(key);
        let host = snapshot.host.as_deref().unwrap_or_default();
        let now = self.shaper.clock.now();
        let outputs = LogStream::ALL.map(|stream| {
            let labels = labels(host, &key.project, &key.service, stream);
            let slot = self.streams.slot(&Arc::new(Stream { labels, service: Arc::clone(&service) }), now);
            Output { stream, slot, hint: Hint::default(), secrets: self.shaper.redactor.state(policy.redact) }
        });
        let mut metadata = Metadata::new();
        metadata.push("container_id", who.id.short());
        metadata.push("container_name", who.name);
        metadata.push("replica", who.replica);
        let source = Source {
            id: who.id.clone(),
            whose: whose(self.origins.of(who.id.as_str()), service, metadata, policy),
            assembler: Assembler::new(assembly(policy, tty, self.options.max_line_bytes)),
            reader,
            outputs,
            behind: Default::default(),
            pending: [0; 2],
            last_time: i64::MIN,
            ended: false,
            gone: false,
            early: None,
            lossy: false,
            caught_up: false,
            told_all: false,
            behind_bytes: 0,
            idle_since: now,
        };
        self.sources.insert(number, source);
        self.numbers.insert(who.id.clone(), number);
        self.hungry.insert(number);
        number
    }

    /// Rules and patterns anew, after a reload.
    pub(super) fn renew_rules(&mut self) {
        let snapshot = self.inventory.load();
        for entry in &snapshot.containers {
            let Some(number) = self.numbers.get(&entry.container.id) else { continue };
            let Some(source) = self.sources.get_mut(number) else { continue };
            let policy = Policy::of(&entry.container.labels, &self.options.lines);
            for output in &mut source.outputs {
                output.secrets = self.shaper.redactor.state(policy.redact);
            }
            (source.whose.rules, source.whose.names) = (policy.rules, policy.redact);
        }
    }

    /// Lets go of containers that are gone and read to the end.
    pub(super) fn forget_finished(&mut self) {
        let finished: Vec<_> =
            self.sources.iter().filter(|(_, source)| source.is_finished()).map(|(number, _)| *number).collect();
        if finished.is_empty() {
            return;
        }
        for number in finished {
            self.wake.forget(number);
            self.hungry.remove(&number);
            self.nameless.remove(&number);
            if let Some(mut source) = self.sources.remove(&number) {
                source.let_go();
                self.followers.stop(&source.id);
                self.numbers.remove(&source.id);
                if source.lossy {
                    self.clear_lossy(&source.whose.service);
                }
            }
        }
        self.streams.prune();
        self.publish_sources();
    }

    /// Cursors of containers which the engine knows no more, and of which nothing waits, are forgotten. An inventory that is not
    /// complete says nothing about who is gone.
    fn forget_cursors(&self, snapshot: &Snapshot) {
        if !snapshot.engine.connected {
            return;
        }
        let here: HashSet<&str> = snapshot.containers.iter().map(|entry| entry.container.id.as_str()).collect();
        for queue in self.streams.queues() {
            queue.cursors(|cursors| {
                for id in cursors.ids() {
                    let origin = self.origins.of(&id);
                    let settled = LogStream::ALL.iter().all(|output| origin.is_settled(queue.index(), *output));
                    let read = self.numbers.keys().any(|known| known.as_str() == &*id);
                    if !here.contains(&*id) && settled && !read {
                        cursors.forget(&id);
                    }
                }
            });
        }
        self.origins.prune();
    }
}

fn whose(origin: Arc<Origin>, service: Arc<ServiceLog>, metadata: Metadata, policy: &Policy) -> Whose {
    Whose {
        origin: Some(origin),
        service,
        metadata,
        rules: policy.rules.clone(),
        allowance: Allowance::default(),
        names: policy.redact,
        reads_facts: policy.format != LineFormat::Plain,
    }
}

fn assembly(policy: &Policy, tty: bool, max_line_bytes: usize) -> assemble::Settings {
    assemble::Settings {
        tty,
        // Marks of redaction lengthen a line.
        max_line_bytes: max_line_bytes.saturating_sub(MAX_GROWTH + MARKS).max(1024),
        multiline: policy.multiline.clone(),
        ..assemble::Settings::default()
    }
}

/// Whether somebody keeps a container out of everything.
pub(super) fn is_watched(labels: &Labels) -> bool {
    labels.get("spyhop.enable").is_none_or(|value| !value.eq_ignore_ascii_case("false"))
}

/// Whether a log file the engine names is one of ours to look for: its folder is there. In a container without that mount it is not, and
/// the engine is asked. The file itself may be missing for a moment, while it is rotated.
fn is_visible(path: &Path) -> bool {
    path.parent().is_some_and(|folder| folder.metadata().is_ok_and(|folder| folder.is_dir()))
}

/// The five labels of every stream.
pub(super) fn labels(host: &str, project: &str, service: &str, stream: LogStream) -> Arc<str> {
    let pairs = [
        ("host", host),
        ("project", project),
        ("service", service),
        ("service_name", service),
        ("stream", stream.as_str()),
    ];
    loki::labels(pairs).into()
}

/// The files went away under a reader: it waits for them to come back.
pub(super) fn await_again(source: &mut Source) {
    if let Reader::File(tail) = &source.reader {
        source.reader = Reader::Awaited { path: tail.path().to_owned(), max_files: None };
    }
}
