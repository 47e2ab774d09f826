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
mod hearing;
mod listing;
mod reading;
mod resume;
mod shape;
mod side;
mod sort;
mod source;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, atomic::AtomicU64, mpsc},
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
    board::Board,
    followers::{Followers, Message},
    queue::Queue,
    redact::Redactor,
    stream::Origins,
    streams::Streams,
    tail::{Buffer, Wake},
};
use crate::{inventory, model::ContainerId};

/// How often files are looked at which tell no news, and those which are not there yet.
const POLL_EVERY: Duration = Duration::from_secs(1);

/// How soon a file is looked for that has no name, as in the middle of a rotation: each time it is not there, twice as late, up to [`POLL_EVERY`].
const NAMELESS_AFTER: Duration = Duration::from_millis(1);

/// How often all are, for news that got lost.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

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
}
