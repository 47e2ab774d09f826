//! The tiers as the task uses them: sweeps, with quicker ways to the lists of sockets where the helper gives them, and rounds of probes.

use std::{path::PathBuf, sync::Arc};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::{
    active::{self, Own, Probed, Prober},
    passive::{Around, Observed, Sweeper},
    settings::HOST_PORTS,
    watch::{Eyes, Hands, Round},
};
use crate::{helper, inventory::Snapshot};

/// Descriptors asked for before one sweep: each costs the helper some ten microseconds, and the rest comes with the next.
const ASKED: usize = 64;

/// A sweeper with all that a sweep needs.
pub struct Lookout {
    sweeper: Sweeper,
    proc: PathBuf,
    own: Option<Arc<str>>,
    /// What the active tier does, which nobody else did.
    probes: Own,
    /// The helper, and where its answers are waited for.
    helper: Option<(helper::Client, Handle)>,
}

impl Lookout {
    /// Looks through the host's `/proc`; `own` is the id of the agent's own container, `probes` what it does itself.
    pub fn new(proc: PathBuf, own: Option<Arc<str>>, probes: Own) -> Self {
        Self { sweeper: Sweeper::new(), proc, own, probes, helper: None }
    }

    /// Where the agent itself is found: on the host's network this port is the agent's, and no service of the host.
    #[must_use]
    pub fn listening_on(mut self, port: u16) -> Self {
        self.sweeper = self.sweeper.listening_on(port);
        self
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
            match runtime.block_on(helper.diag(process)) {
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
        let Self { sweeper, proc, own, probes, .. } = self;
        let ours = |pid, local, to| probes.is_ours(pid, local, to);
        sweeper.sweep(snapshot, &Around { proc, now, own: own.as_deref(), ours: &ours })
    }

    fn note(&mut self, snapshot: &Snapshot, now: Timestamp) {
        self.sweeper.note(snapshot, now);
    }
}

impl Hands for Prober {
    fn probe(&self, round: Round) -> BoxFuture<'static, Probed> {
        let prober = self.clone();
        Box::pin(async move {
            let Round { intent, snapshot, observed, settings } = round;
            let settings = active::Settings {
                timeout: settings.probe_timeout,
                // Whoever names ports means these.
                host_listeners: settings.host_ports == HOST_PORTS,
                host_ports: settings.host_ports,
                allowed: settings.active_allowed,
                name: settings.outside_name,
            };
            prober.round(&intent, &snapshot, observed.as_deref(), &settings).await
        })
    }
}
