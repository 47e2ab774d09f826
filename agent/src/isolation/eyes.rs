//! The passive tier as the task uses it: sweeps, and quicker ways to the lists of sockets where the helper gives them.

use std::{path::PathBuf, sync::Arc};

use jiff::Timestamp;
use tokio::runtime::Handle;

use super::{
    passive::{Around, Observed, Sweeper},
    watch::Eyes,
};
use crate::{helper, inventory::Snapshot};

/// Descriptors asked for before one sweep: each costs the helper some ten microseconds, and the rest comes with the next.
const ASKED: usize = 64;

/// A sweeper with all that a sweep needs.
pub struct Lookout {
    sweeper: Sweeper,
    proc: PathBuf,
    own: Option<Arc<str>>,
    /// The helper, and where its answers are waited for.
    helper: Option<(helper::Client, Handle)>,
}

impl Lookout {
    /// Looks through the host's `/proc`; `own` is the id of the agent's own container.
    pub fn new(proc: PathBuf, own: Option<Arc<str>>) -> Self {
        Self { sweeper: Sweeper::new(), proc, own, helper: None }
    }

    /// Asks the helper for descriptors by which the kernel lists sockets quicker than in files. Sweeps have to be on a thread for what
    /// blocks, from here on.
    #[must_use]
    pub fn helped(mut self, helper: helper::Client, runtime: Handle) -> Self {
        self.helper = Some((helper, runtime));
        self
    }

    fn fetch(&mut self) {
        let Some((helper, runtime)) = &self.helper else { return };
        for process in self.sweeper.wanting().into_iter().take(ASKED) {
            let of = helper::Process { pid: process.pid, start_time: process.start_time };
            match runtime.block_on(helper.diag(of)) {
                Ok(diag) => self.sweeper.give(process, diag),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    // It is away, or refuses: files do as well.
                    tracing::debug!(%error, "ask the helper for a list of sockets");
                    return;
                }
            }
        }
    }
}

impl std::fmt::Debug for Lookout {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lookout")
            .field("proc", &self.proc)
            .field("helped", &self.helper.is_some())
            .finish_non_exhaustive()
    }
}

impl Eyes for Lookout {
    fn sweep(&mut self, snapshot: &Snapshot, now: Timestamp) -> Observed {
        self.fetch();
        let around = Around { proc: &self.proc, now, own: self.own.as_deref(), ours: &|_, _| false };
        self.sweeper.sweep(snapshot, &around)
    }

    fn note(&mut self, snapshot: &Snapshot, now: Timestamp) {
        self.sweeper.note(snapshot, now);
    }
}
