//! The thread that reads: from files and messages to chunks, for all containers.
//!
//! A thread of its own, not a task: it reads disks, computes, and sleeps in the kernel until a file has news, somebody rings, or
//! something held is due. It owns every reader and everything half done; others send it words and take chunks from the queues.
//!
//! ```text
//!  turn: inventory -> sources   bell, inotify -> hungry sources, oldest first -> read a bit of each -> flush what is due -> close chunks
//! ```

mod clock;
mod early;
mod listing;
mod shape;
mod side;
mod source;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub(super) use side::Side;

use self::{
    clock::Clock,
    early::Early,
    shape::Shaper,
    side::Sides,
    source::{Reader, Source},
};
use super::{
    Options,
    bell::Bell,
    board::{Board, Gap, Reading},
    followers::{Followers, Message},
    queue::{Queue, Room},
    redact::Redactor,
    stream::Origins,
    streams::Streams,
    tail::{Armed, Buffer, Tail, TailError, Wake},
};
use crate::{inventory, model::ContainerId};

/// Bytes read of one container before the next one has its turn.
const BUDGET: u64 = 256 << 10;

/// Bytes read in one turn, before chunks are closed and words are heard.
const TURN: u64 = 1 << 20;

/// How often files are looked at which tell no news, and those which are not there yet.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// How soon a file is looked for that has no name, as in the middle of a rotation: each time it is not there, twice as late, up to [`POLL_EVERY`].
const NAMELESS_AFTER: Duration = Duration::from_millis(1);

/// How often all are, for news that got lost.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// How soon a reader is asked again that found no room.
const ROOM_EVERY: Duration = Duration::from_millis(100);

/// A container that wrote nothing for so long keeps no handle where none is needed.
const IDLE_AFTER: Duration = Duration::from_secs(120);

/// Messages of the engine's taken in one turn.
const MESSAGES: usize = 4096;

/// A word to the worker.
#[derive(Debug)]
pub(super) enum Word {
    /// The configuration was read again.
    Options(Arc<Options>),
    /// Finish: close what grows and end.
    End,
}

/// What the worker stands between.
pub(super) struct Parts {
    pub(super) options: Arc<Options>,
    /// The agent's own container, which is not read: what it says of a line would be the next line.
    pub(super) own: Option<ContainerId>,
    pub(super) inventory: inventory::Reader,
    pub(super) queues: Vec<Queue>,
    pub(super) origins: Origins,
    pub(super) board: Board,
    pub(super) bell: Bell,
    pub(super) words: mpsc::Receiver<Word>,
    pub(super) messages: tokio::sync::mpsc::Receiver<Message>,
    pub(super) followers: Followers,
    pub(super) sides: mpsc::Receiver<Side>,
    /// What did not fit into that channel.
    pub(super) missed: Arc<AtomicU64>,
}

/// See the head of this file.
pub(super) struct Worker {
    options: Arc<Options>,
    own: Option<ContainerId>,
    inventory: inventory::Reader,
    generation: Option<u64>,
    sources: HashMap<u64, Source>,
    numbers: HashMap<ContainerId, u64>,
    next: u64,
    wake: Wake,
    bell: Bell,
    words: mpsc::Receiver<Word>,
    messages: tokio::sync::mpsc::Receiver<Message>,
    followers: Followers,
    heard: mpsc::Receiver<Side>,
    missed: Arc<AtomicU64>,
    /// Made when the host has a name.
    sides: Option<Sides>,
    early: Early,
    buffer: Buffer,
    shaper: Shaper,
    streams: Streams,
    origins: Origins,
    board: Board,
    /// Sources with something to read.
    hungry: BTreeSet<u64>,
    /// Sources whose newest file had no name when it was last looked at: when to look again, and how long that was waited for.
    nameless: HashMap<u64, (Instant, Duration)>,
    poll_at: Instant,
    sweep_at: Instant,
    /// A reader found no room: ask again then.
    room_at: Option<Instant>,
}

impl Worker {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { options, own, inventory, queues, origins, board, bell, words, messages, followers, sides, missed } =
            parts;
        let clock = Clock::new(options.max_age);
        let redactor = Arc::new(Redactor::new(&options.lines.redact));
        let now = clock.now();
        Self {
            inventory,
            generation: None,
            sources: HashMap::new(),
            numbers: HashMap::new(),
            next: 0,
            wake: Wake::new(),
            bell,
            words,
            messages,
            followers,
            heard: sides,
            missed,
            sides: None,
            early: Early::default(),
            buffer: Buffer::default(),
            shaper: Shaper::new(redactor, clock),
            streams: Streams::new(queues, options.batch_wait),
            origins,
            board,
            hungry: BTreeSet::new(),
            nameless: HashMap::new(),
            poll_at: now,
            sweep_at: now + SWEEP_EVERY,
            room_at: None,
            options,
            own,
        }
    }

    /// Works until it is told to end; then closes what grows.
    pub(super) fn run(mut self) {
        loop {
            self.shaper.clock.look();
            if !self.hear() {
                break;
            }
            self.see_inventory();
            self.see_news();
            self.take_sides();
            self.take_messages();
            let more = self.read();
            self.flush();
            self.streams.close_due(self.shaper.clock.now());
            if !more {
                self.shaper.shrink();
                self.sleep();
            }
        }
        // What is held is no whole line yet.
        self.sources.values_mut().for_each(|source| source.end(&mut self.shaper, &mut self.streams));
        self.streams.close_all(Instant::now());
    }

    /// Hears what was said; `false` at the end.
    fn hear(&mut self) -> bool {
        self.bell.heard();
        loop {
            match self.words.try_recv() {
                Ok(Word::Options(options)) => self.configure(options),
                Ok(Word::End) | Err(mpsc::TryRecvError::Disconnected) => return false,
                Err(mpsc::TryRecvError::Empty) => return true,
            }
        }
    }

    fn configure(&mut self, options: Arc<Options>) {
        self.shaper.redactor = Arc::new(Redactor::new(&options.lines.redact));
        self.options = options;
        // All rules are made anew from labels and the new settings.
        self.generation = None;
        self.renew_rules();
    }

    /// Adds to the hungry who has news, and those who may have without telling.
    fn see_news(&mut self) {
        self.wake.news(&mut self.hungry);
        let now = self.shaper.clock.now();
        self.hungry.extend(self.nameless.iter().filter(|(_, (at, _))| *at <= now).map(|(number, _)| *number));
        if now >= self.sweep_at {
            (self.sweep_at, self.poll_at) = (now + SWEEP_EVERY, now + POLL_EVERY);
            self.hungry.extend(self.sources.keys());
            self.rest_idle(now);
        } else if now >= self.poll_at {
            self.poll_at = now + POLL_EVERY;
            let awaited = |source: &Source| matches!(source.reader, Reader::Awaited { .. }) && !source.gone;
            self.hungry.extend(self.sources.iter().filter(|(_, source)| awaited(source)).map(|(number, _)| *number));
            self.hungry.extend(self.wake.polled());
        }
    }

    /// Gives the handles of silent containers back.
    fn rest_idle(&mut self, now: Instant) {
        for source in self.sources.values_mut() {
            let idle = now.saturating_duration_since(source.idle_since) >= IDLE_AFTER;
            if let Reader::File(tail) = &mut source.reader
                && (idle || source.ended)
                && source.caught_up
            {
                tail.suspend(source.ended);
            }
        }
    }

    /// Takes events and the agent's own lines. While the host has no name they wait: without it they would have another stream.
    fn take_sides(&mut self) {
        if self.sides.is_none() {
            let snapshot = self.inventory.load();
            let Some(host) = &snapshot.host else { return };
            let on = (self.options.events, self.options.own);
            self.sides = Some(Sides::new(host, on, &self.board, &self.shaper, &mut self.streams));
        }
        for _ in 0..MESSAGES {
            let Ok(side) = self.heard.try_recv() else { break };
            if let Side::Event(event) = &side {
                self.hear_event(event);
            }
            if let Some(sides) = &mut self.sides {
                sides.take(&side, &mut self.shaper, &mut self.streams);
            }
        }
        if let Some(sides) = &self.sides {
            sides.missed(self.missed.swap(0, Ordering::Relaxed));
        }
    }

    fn take_messages(&mut self) {
        for _ in 0..MESSAGES {
            let Ok(message) = self.messages.try_recv() else { return };
            self.take_message(message);
        }
    }

    fn take_message(&mut self, message: Message) {
        let (Message::Batch(id, _) | Message::Gaps(id, _) | Message::Ended(id) | Message::Unreadable(id)) = &message;
        let Some(source) = self.numbers.get(id).and_then(|number| self.sources.get_mut(number)) else { return };
        match message {
            Message::Batch(_, batch) => {
                source.told_all = false;
                batch.iter().for_each(|piece| source.take(piece, &mut self.shaper, &mut self.streams));
                // What the engine had to tell: a line that may go on waits for its time from now on, not for the container's end.
                source.caught_up = true;
            }
            Message::Gaps(_, times) => source.whose.service.gap(Gap::PositionLost, times),
            Message::Ended(_) => source.told_all = true,
            Message::Unreadable(_) => {
                source.told_all = true;
                source.reader = Reader::None("the driver keeps nothing to read");
                self.followers.stop(&source.id);
                self.publish_sources();
            }
        }
    }

    /// Reads of the hungry, oldest lines first; whether there is more to read at once.
    fn read(&mut self) -> bool {
        let now = self.shaper.clock.now();
        self.room_at = None;
        let mut order: Vec<_> =
            self.hungry.iter().filter_map(|at| Some((self.sources.get(at)?.last_time, *at))).collect();
        order.sort_unstable();
        self.hungry.clear();
        let mut left = TURN;
        for (_, number) in order {
            if left == 0 {
                self.hungry.insert(number);
                continue;
            }
            if !self.has_room(number, now) {
                self.hungry.insert(number);
                self.room_at = Some(now + ROOM_EVERY);
                continue;
            }
            match self.read_one(number, BUDGET.min(left)) {
                Some(read) => left = left.saturating_sub(read),
                None => continue,
            }
            if self.sources.get(&number).is_some_and(|source| !source.caught_up) {
                self.hungry.insert(number);
            }
        }
        self.publish_reading();
        !self.hungry.is_empty() && self.room_at.is_none()
    }

    /// Whether a container's lines have somewhere to go, or are in danger where they are.
    fn has_room(&self, number: u64, now: Instant) -> bool {
        let Some(source) = self.sources.get(&number) else { return false };
        let room = source.outputs.iter().map(|output| self.streams.room(&output.slot, now)).max();
        let endangered = || matches!(&source.reader, Reader::File(tail) if tail.is_endangered());
        match room.unwrap_or(Room::Free) {
            Room::Free | Room::Stalled => true,
            // A container that is gone leaves nothing to read again: its file is held by us alone.
            Room::Busy => source.gone || endangered(),
        }
    }

    /// Reads a bit of one container; the bytes, or nothing where it has no file.
    fn read_one(&mut self, number: u64, budget: u64) -> Option<u64> {
        self.open_awaited(number);
        let source = self.sources.get_mut(&number)?;
        let Reader::File(tail) = &source.reader else { return None };
        let armed = (!source.gone).then(|| self.wake.watch(number, tail.path()));
        let before = self.nameless.remove(&number);
        match source.read(budget, &mut self.buffer, &mut self.shaper, &mut self.streams) {
            Ok(progress) => {
                if progress.bytes > 0 {
                    source.idle_since = self.shaper.clock.now();
                }
                if armed == Some(Armed::Anew) && progress.rotations > 0 {
                    source.caught_up = false;
                }
                // Nobody will tell of the file that gets the name.
                if armed == Some(Armed::Absent) || progress.missing && !source.gone {
                    let wait = before.map_or(NAMELESS_AFTER, |(_, wait)| (wait * 2).min(POLL_EVERY));
                    self.nameless.insert(number, (self.shaper.clock.now() + wait, wait));
                }
                Some(progress.bytes)
            }
            Err(error) => {
                self.unreadable(number, &error);
                None
            }
        }
    }

    /// Opens the files of a container that had none before.
    fn open_awaited(&mut self, number: u64) {
        let Some(source) = self.sources.get_mut(&number) else { return };
        let Reader::Awaited { path, max_files } = &source.reader else { return };
        let Some(origin) = source.whose.origin.clone() else { return };
        let resume = listing::resume(&origin, &self.streams);
        match Tail::open(path, *max_files, &resume) {
            Ok(tail) => {
                source.behind = source::behind(&origin, Some(&tail), &self.streams);
                let known = listing::has_cursor(&origin, &self.streams);
                if known && source.behind.iter().all(Vec::is_empty) {
                    source.whose.service.gap(Gap::PositionLost, 1);
                }
                self.streams.queues().iter().for_each(|queue| {
                    queue.cursors(|cursors| cursors.reopened(origin.id.as_str()));
                });
                source.caught_up = false;
                source.reader = Reader::File(Box::new(tail));
            }
            Err(TailError::Missing { .. }) => source.caught_up = true,
            Err(error) => self.unreadable(number, &error),
        }
    }

    /// A container's files cannot be read: the engine is asked instead.
    fn unreadable(&mut self, number: u64, error: &TailError) {
        let Some(source) = self.sources.get_mut(&number) else { return };
        source.caught_up = true;
        match error {
            // The file went away with its container.
            TailError::Missing { .. } if source.gone => {}
            TailError::Missing { .. } => listing::await_again(source),
            TailError::Forbidden { .. } | TailError::Irregular { .. } => {
                // The inventory is looked at again, which starts a follower.
                self.wake.forget(number);
                source.reader = Reader::Api;
                self.generation = None;
                self.bell.ring();
            }
            TailError::Io { .. } => {
                let error = error as &dyn std::error::Error;
                tracing::warn!(container = source.id.short(), error, "read a log file; trying again");
            }
        }
    }

    fn flush(&mut self) {
        let now = self.shaper.clock.ms();
        for source in self.sources.values_mut() {
            if source.deadline().is_some_and(|due| due <= now) {
                source.flush(&mut self.shaper, &mut self.streams);
            }
        }
        self.forget_finished();
    }

    /// Sleeps until there is something to do.
    fn sleep(&self) {
        let clock = &self.shaper.clock;
        let due = self.sources.values().filter_map(Source::deadline).map(|ms| clock.at_ms(ms)).min();
        let polls = self.wake.polled().next().is_some() || self.awaits();
        let look = polls.then_some(self.poll_at);
        let named = self.nameless.values().map(|(at, _)| *at).min();
        let times = [due, named, self.streams.deadline(), self.room_at, look, Some(self.sweep_at)];
        let wake = times.into_iter().flatten().min();
        let wait = wake.map_or(SWEEP_EVERY, |at| at.saturating_duration_since(Instant::now()));
        // Rounded up: a deadline must have passed when it is looked at.
        let wait = Timespec::try_from(wait + Duration::from_millis(1)).ok();
        let mut watched = vec![PollFd::from_borrowed_fd(self.bell.fd(), PollFlags::IN)];
        if let Some(inotify) = self.wake.fd() {
            watched.push(PollFd::from_borrowed_fd(inotify, PollFlags::IN));
        }
        // Interrupted or not: the next turn looks at everything.
        poll(&mut watched, wait.as_ref()).ok();
    }

    fn awaits(&self) -> bool {
        self.sources.values().any(|source| matches!(source.reader, Reader::Awaited { .. }) && !source.ended)
    }

    /// Shows how containers are read, and how far reading is behind.
    fn publish_reading(&self) {
        let mut behind: HashMap<*const super::board::ServiceLog, (Arc<super::board::ServiceLog>, u64)> = HashMap::new();
        for source in self.sources.values() {
            let service = &source.whose.service;
            let known = behind.entry(Arc::as_ptr(service)).or_insert_with(|| (Arc::clone(service), 0));
            known.1 += source.behind_bytes;
        }
        behind.into_values().for_each(|(service, bytes)| service.behind_bytes.set(bytes));
    }

    fn publish_sources(&self) {
        self.board.set_readings(self.sources.values().map(|source| match &source.reader {
            Reader::File(_) | Reader::Awaited { .. } => Reading { source: "file", reason: String::new() },
            Reader::Api => Reading { source: "api", reason: String::new() },
            Reader::None(reason) => Reading { source: "none", reason: (*reason).to_owned() },
        }));
    }
}
