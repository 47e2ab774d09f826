//! The store itself: written at readings, read by the page.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{
    Figures, HostSparks, Objective, Sparks, UNWATCHED, Usage, WATCHED,
    file::File,
    ledger::{Ledger, Moment},
    usage::Usages,
};
use crate::{
    inventory::{Entry, Snapshot},
    model::{ContainerId, HostSample},
    policy::Policy,
    probes::Record,
};

/// Everything that is kept; cheap to clone, all clones are the same board.
#[derive(Clone, Debug)]
pub struct Board(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    usages: Mutex<Usages>,
    ledger: Mutex<Ledger>,
    file: File,
    began: Instant,
    /// When containers were last read, or that was tried.
    read: Mutex<Option<Instant>>,
    watchers: AtomicUsize,
    woken: Notify,
    #[cfg(test)]
    told: std::sync::OnceLock<Vec<Objective>>,
}

impl Default for Board {
    fn default() -> Self {
        Self::new(None)
    }
}

impl Board {
    /// An empty board; what it has seen of objectives outlives it in `folder`.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            usages: Mutex::default(),
            ledger: Mutex::default(),
            file: File::new(folder),
            began: Instant::now(),
            read: Mutex::default(),
            watchers: AtomicUsize::new(0),
            woken: Notify::new(),
            #[cfg(test)]
            told: Default::default(),
        }))
    }

    /// What a container uses now; `None` before its first reading and once it was not in the last.
    pub fn usage(&self, id: &ContainerId) -> Option<Usage> {
        self.usages().usage(id)
    }

    /// What a container used in the last hour; `None` of one that was not read in it.
    pub fn container(&self, id: &ContainerId) -> Option<Sparks> {
        self.container_at(id, Timestamp::now())
    }

    /// The same for the hour that ends at `at`.
    pub fn container_at(&self, id: &ContainerId, at: Timestamp) -> Option<Sparks> {
        self.usages().sparks(id, minute(at))
    }

    /// What the host used in the last hour; `None` before its first reading.
    pub fn host(&self) -> Option<HostSparks> {
        self.host_at(Timestamp::now())
    }

    /// The same for the hour that ends at `at`.
    pub fn host_at(&self, at: Timestamp) -> Option<HostSparks> {
        self.usages().host_sparks(minute(at))
    }

    /// Containers that run and have no place ([`super::MAX_CONTAINERS`]).
    pub fn left_out(&self) -> usize {
        self.usages().left_out()
    }

    /// The objectives of the policy in its order, services in theirs, as they stand now.
    pub fn objectives(&self) -> Vec<Objective> {
        #[cfg(test)]
        if let Some(told) = self.0.told.get() {
            return told.clone();
        }
        self.objectives_at(self.now())
    }

    /// The same at some moment, not before any that was told.
    pub fn objectives_at(&self, now: Moment) -> Vec<Objective> {
        self.ledger().objectives(now)
    }

    /// Has the board say these, for tests of who reads it.
    #[cfg(test)]
    pub(crate) fn say(&self, objectives: Vec<Objective>) {
        self.0.told.set(objectives).unwrap();
    }

    /// Objectives of services that have no place, because there are too many.
    pub fn objectives_left_out(&self) -> usize {
        self.ledger().left_out()
    }

    /// Notes what a reading of everything says, which `take` tells. How many more containers have no place than before.
    pub fn reading(&self, at: Timestamp, take: impl FnOnce(&mut Reading<'_>)) -> usize {
        let mut usages = self.usages();
        usages.begin(minute(at));
        take(&mut Reading { usages: &mut usages, at });
        let more = usages.end();
        drop(usages);
        self.tried();
        more
    }

    /// A reading was tried, whatever came of it.
    pub fn tried(&self) {
        *self.0.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Looks at who serves: with each new picture of the inventory. Nothing is looked at before its first is complete.
    pub fn look(&self, policy: &Arc<Policy>, snapshot: &Snapshot, now: Moment) -> usize {
        let mut ledger = self.ledger();
        let wanted = ledger.follow(policy) && snapshot.engine.ready_since.is_some();
        if wanted { ledger.look(snapshot, now) } else { 0 }
    }

    /// Looks at who serves, and at what services and probes have counted: with each reading. `probes` gives the records of all.
    /// How many more objectives have no place than before.
    pub fn count(
        &self,
        policy: &Arc<Policy>,
        snapshot: &Snapshot,
        probes: impl FnOnce() -> Vec<Arc<Record>>,
        now: Moment,
    ) -> usize {
        let mut ledger = self.ledger();
        let wanted = ledger.follow(policy) && snapshot.engine.ready_since.is_some();
        if wanted { ledger.read(snapshot, &probes(), now) } else { 0 }
    }

    /// Readings come every [`WATCHED`] while what this gives is held.
    #[must_use]
    pub fn watch(&self) -> Watching {
        self.0.watchers.fetch_add(1, Ordering::AcqRel);
        self.0.woken.notify_one();
        Watching(Arc::clone(&self.0))
    }

    /// Whether somebody looks.
    pub fn is_watched(&self) -> bool {
        self.0.watchers.load(Ordering::Acquire) > 0
    }

    /// Waits until somebody begins to look. For one waiter.
    pub async fn woken(&self) {
        self.0.woken.notified().await;
    }

    /// How long until a reading is due that nobody else has asked for.
    pub fn due(&self) -> Duration {
        let pace = if self.is_watched() { WATCHED } else { UNWATCHED };
        let read = *self.0.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.map_or(Duration::ZERO, |read| pace.saturating_sub(read.elapsed()))
    }

    /// Goes on with what the last agent has seen of objectives. Once, before anything is looked at; blocks on the disk.
    pub fn restore(&self) {
        if let Some(bytes) = self.0.file.read()
            && let Err(error) = self.ledger().restore(&bytes)
        {
            self.0.file.set_aside(error);
        }
    }

    /// Writes down what was seen of objectives, where that has changed. Blocks on the disk; a failure is logged, once until it works again.
    pub fn save(&self) {
        let kept = self.ledger().take_kept(self.now());
        if let Some(bytes) = kept
            && !self.0.file.write(&bytes)
        {
            self.ledger().not_kept();
        }
    }

    /// Now, by both clocks.
    pub fn now(&self) -> Moment {
        Moment::now(self.0.began.elapsed())
    }

    fn usages(&self) -> MutexGuard<'_, Usages> {
        // Points are written one by one: a panic elsewhere leaves a reading without some of them.
        self.0.usages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reading that goes on.
#[derive(Debug)]
pub struct Reading<'a> {
    usages: &'a mut Usages,
    at: Timestamp,
}

impl Reading<'_> {
    /// What it says of a container that runs.
    pub fn container(&mut self, entry: &Entry, figures: Figures) {
        self.usages.container(entry, self.at, figures);
    }

    /// What it says of the host, `at` on the clock by which figures of containers are told.
    pub fn host(&mut self, sample: &HostSample, at: Duration) {
        self.usages.host(sample, at);
    }
}

/// Somebody looks at the page for as long as this lives.
#[derive(Debug)]
pub struct Watching(Arc<Inner>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Minutes since 1970.
fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_due_by_who_looks() {
        let board = Board::default();
        assert_eq!(board.due(), Duration::ZERO, "nobody has ever read");
        board.tried();
        assert!(board.due() > WATCHED && board.due() <= UNWATCHED);
        let (one, other) = (board.watch(), board.watch());
        assert!(board.is_watched() && board.due() <= WATCHED);
        drop(one);
        assert!(board.is_watched());
        drop(other);
        assert!(!board.is_watched() && board.due() > WATCHED);
    }

    #[tokio::test]
    async fn who_begins_to_look_wakes_whoever_reads() {
        let board = Board::default();
        let _watching = board.clone().watch();
        board.woken().await;
    }

    #[test]
    fn what_cannot_be_used_is_set_aside_and_what_was_seen_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let names = || {
            let mut names: Vec<_> =
                std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let board = || Board::new(Some(folder.path().to_owned()));
        board().restore();
        board().save();
        assert_eq!(names(), [""; 0], "nothing was seen, nothing is written");
        std::fs::write(folder.path().join("objectives"), "spyhop objectives 9\n").unwrap();
        board().restore();
        assert_eq!(names(), ["objectives.corrupt"]);
    }
}
