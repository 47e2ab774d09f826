//! The task around the machine: its clock, its disk, its way in and out.

use std::{future, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    Counts, Host, Lost,
    journal::{Change, Keeper},
    keep,
    machine::{Machine, Pace},
};
use crate::{
    inventory::Reader,
    model::{ContainerFilter, Event, EventKind},
};

/// Events that wait to be taken; more come only while the task does not run at all.
const MAX_WAITING: usize = 8192;
/// Changes are on the disk so soon.
const SAVE_DELAY: Duration = Duration::from_secs(1);
/// A disk that does not answer holds up the end of the process no longer than this.
const LAST_WRITE: Duration = Duration::from_secs(2);

/// What the task is told by the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// When a start is over.
    pub pace: crate::traces::Lifecycle,
    /// Which containers are watched at all: as the inventory is told.
    pub filter: ContainerFilter,
    /// Folder of the journal; with `None` a restart of the agent forgets what was under way.
    pub state_dir: Option<PathBuf>,
    /// The host in what is told.
    pub host: Host,
}

/// The way in: cheap to clone, never blocks.
#[derive(Clone, Debug)]
pub struct Handle {
    events: mpsc::Sender<Event>,
    bell: Arc<Notify>,
    counts: Arc<Counts>,
}

impl Handle {
    /// Hears an event of the engine ([`crate::inventory::Listener`]), before the picture it leads to is rung for.
    pub fn event(&self, event: &Event) {
        let of_container = !matches!(event.kind, EventKind::NetworkChanged | EventKind::Turnover | EventKind::Other);
        if of_container && self.events.try_send(event.clone()).is_err() {
            self.counts.lose(Lost::Queue);
        }
    }

    /// There is a new picture.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// What was told and what was lost.
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }
}

/// Makes traces of what happens to containers, until `shutdown` or until every handle is dropped. `out` is given each
/// `ExportTraceServiceRequest` with the number of its spans, at its own pace: it must not block. The future ends when what is under way is
/// on the disk; nothing happens before it is polled.
pub fn start(
    reader: Reader,
    settings: Settings,
    out: impl Fn(Bytes, u32) + Send + 'static,
    shutdown: CancellationToken,
) -> (Handle, impl Future<Output = ()> + Send) {
    let (events, waiting) = mpsc::channel(MAX_WAITING);
    let (bell, counts) = (Arc::new(Notify::new()), Arc::new(Counts::default()));
    let handle = Handle { events, bell: Arc::clone(&bell), counts: Arc::clone(&counts) };
    (handle, run(reader, settings, out, shutdown, waiting, bell, counts))
}

async fn run(
    reader: Reader,
    Settings { pace, filter, state_dir, host }: Settings,
    out: impl Fn(Bytes, u32) + Send + 'static,
    shutdown: CancellationToken,
    mut waiting: mpsc::Receiver<Event>,
    bell: Arc<Notify>,
    counts: Arc<Counts>,
) {
    let began = Instant::now();
    let mut machine = Machine::new(Pace { quiet: pace.quiet, cap: pace.cap }, host, filter, Arc::clone(&counts));
    // A panic while reading has been reported by the runtime, and is as good as no file.
    let opened = tokio::task::spawn_blocking(move || Keeper::open(state_dir.as_deref())).await;
    let (keeper, kept) = opened.unwrap_or_default();
    if kept.refused {
        counts.lose(Lost::State);
    }
    machine.resume(kept.lives, kept.newest, began.elapsed());
    let mut disk = Saving { keeper: Some(keeper), due: None, under_way: None, counts };
    loop {
        let due = machine.due().map(|due| began + due);
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            event = waiting.recv() => match event {
                Some(event) => machine.event(&event, began.elapsed()),
                None => break,
            },
            () = bell.notified() => {
                // Whatever is in this picture was told as an event before it, if ever: those come first.
                let picture = reader.load();
                hear(&mut machine, &mut waiting, began);
                machine.picture(&picture, kept.fresh, began.elapsed());
            }
            () = at(due) => machine.tick(began.elapsed()),
            () = disk.step() => {}
        }
        send(&mut machine, &out);
        disk.follow(&mut machine);
    }
    hear(&mut machine, &mut waiting, began);
    send(&mut machine, &out);
    disk.finish(&mut machine).await;
}

fn hear(machine: &mut Machine, waiting: &mut mpsc::Receiver<Event>, began: Instant) {
    for _ in 0..MAX_WAITING {
        let Ok(event) = waiting.try_recv() else { return };
        machine.event(&event, began.elapsed());
    }
}

fn send(machine: &mut Machine, out: &impl Fn(Bytes, u32)) {
    let requests = machine.take_told().into_iter().flat_map(|told| told.requests);
    requests.for_each(|(bytes, spans)| out(Bytes::from(bytes), spans));
}

async fn at(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => future::pending().await,
    }
}

/// Changes on their way to the disk: one save at a time, in its own thread.
struct Saving {
    keeper: Option<Keeper>,
    due: Option<Instant>,
    under_way: Option<JoinHandle<(Keeper, bool)>>,
    counts: Arc<Counts>,
}

impl Saving {
    /// Waits for the save under way, or for the moment of the next one, which [`Self::follow`] begins.
    async fn step(&mut self) {
        let Some(saving) = &mut self.under_way else { return at(self.due).await };
        let saved = saving.await;
        self.under_way = None;
        self.take(saved.ok());
    }

    fn take(&mut self, saved: Option<(Keeper, bool)>) {
        let (keeper, done) = saved.unwrap_or_default();
        self.keeper = Some(keeper);
        if !done {
            self.counts.lose(Lost::State);
        }
    }

    fn follow(&mut self, machine: &mut Machine) {
        let Some(keeper) = self.keeper.as_ref().filter(|_| machine.has_unsaved()) else { return };
        if !keeper.keeps() {
            return machine.dirty.clear();
        }
        let now = Instant::now();
        let due = *self.due.get_or_insert(now + SAVE_DELAY);
        if due <= now {
            self.begin(machine.unsaved());
        }
    }

    fn begin(&mut self, changes: Vec<Change>) {
        self.due = None;
        if let Some(mut keeper) = self.keeper.take() {
            self.under_way = Some(tokio::task::spawn_blocking(move || {
                let done = keeper.save(&changes);
                (keeper, done)
            }));
        }
    }

    async fn finish(&mut self, machine: &mut Machine) {
        let last = async {
            if let Some(saving) = self.under_way.take() {
                let saved = saving.await.ok();
                self.take(saved);
            }
            self.begin(machine.unsaved());
            if let Some(saving) = self.under_way.take() {
                let saved = saving.await.ok();
                self.take(saved);
            }
        };
        if tokio::time::timeout(LAST_WRITE, last).await.is_err() {
            tracing::warn!("what is under way of containers was not written in time");
        }
    }
}

impl Machine {
    fn has_unsaved(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// What the journal has to be told.
    pub(super) fn unsaved(&mut self) -> Vec<Change> {
        let dirty = std::mem::take(&mut self.dirty);
        let change = |id: &crate::model::ContainerId| {
            let value = self.lives.get(id).map(keep::life);
            (id.as_str().as_bytes().to_vec(), value)
        };
        let mut changes: Vec<Change> = dirty.iter().map(change).collect();
        let newest = self.newest.max(self.floor);
        changes.extend(newest.map(|newest| (keep::COMMON.to_vec(), Some(keep::common(newest)))));
        changes
    }
}
