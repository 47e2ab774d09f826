//! What the task knows from one look to the next, and what each look does to it.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tracing::Instrument as _;

use super::{
    super::{
        Intent, Tier,
        active::Probed,
        events,
        fixed::{self, Judged},
        passive::Observed,
        settings::{Enabled, Settings},
        verdict::{Court, Look, Report, Sweep, Wanted as _},
    },
    Eyes, Hands, Isolation, Parts, Round,
    confirm::Confirmed,
};
use crate::{
    inventory::{Reader, Snapshot},
    model::ContainerId,
    policy::{self, Policy},
    telemetry::spans,
};

/// What a sweep gives back: the eyes, unless it panicked, and what they saw.
pub(super) type Swept = (Option<Box<dyn Eyes>>, Observed, Duration);

pub(super) struct Watch {
    pub(super) isolation: Isolation,
    reader: Reader,
    policy: policy::Board,
    own: Option<ContainerId>,
    eyes: Result<Box<dyn Eyes>, String>,
    hands: Result<Arc<dyn Hands>, String>,
    pub(super) settings: Settings,
    court: Court,
    /// What is wanted, by which policy of which picture.
    intent: Arc<Intent>,
    of: Option<(Arc<Policy>, u64)>,
    snapshot: Arc<Snapshot>,
    fixed: Judged,
    /// Neighbours without a flow.
    excess: Judged,
    observed: Option<Arc<Observed>>,
    probed: Option<Probed>,
    /// What a second round has to agree with.
    confirmed: Confirmed,
    sweeps: BTreeMap<Tier, Sweep>,
    probes: [u64; 5],
    pub(super) sweeping: Option<BoxFuture<'static, Swept>>,
    pub(super) probing: Option<BoxFuture<'static, (Probed, Duration)>>,
    /// What was last said in the log of who runs and who does not.
    said: Option<BTreeMap<Tier, String>>,
}

impl Watch {
    pub(super) fn new(isolation: Isolation, parts: Parts) -> Self {
        let Parts { reader, policy, own, eyes, hands } = parts;
        let settings = isolation.settings();
        let (court, intent, of, fixed, observed, probed, sweeps, probes, sweeping, probing, said) = Default::default();
        let excess = Judged::default();
        let snapshot = reader.load();
        Self {
            isolation,
            reader,
            policy,
            own,
            eyes,
            hands,
            settings,
            court,
            intent,
            of,
            snapshot,
            fixed,
            excess,
            observed,
            probed,
            confirmed: Confirmed::default(),
            sweeps,
            probes,
            sweeping,
            probing,
            said,
        }
    }

    /// Whether there is anything to look at.
    pub(super) fn is_awake(&self) -> bool {
        let ready = self.snapshot.engine.ready_since.is_some();
        ready
            && match self.settings.enabled {
                Enabled::Never => false,
                Enabled::Always => true,
                Enabled::Auto => !self.intent.projects().is_empty(),
            }
    }

    /// A new picture, policy or configuration: what is written down is judged at once.
    pub(super) fn picture(&mut self) {
        self.settings = self.isolation.settings();
        self.snapshot = self.reader.load();
        let policy = self.policy.policy();
        let known =
            self.of.as_ref().is_some_and(|(of, shape)| Arc::ptr_eq(of, &policy) && *shape == self.snapshot.shape);
        if !known {
            let began = Instant::now();
            self.intent = match self.settings.enabled {
                Enabled::Never => Arc::default(),
                Enabled::Auto | Enabled::Always => {
                    let own = self.own.as_ref().map(ContainerId::as_str);
                    Arc::new(Intent::resolve(&policy, &self.snapshot).with_agent(&self.snapshot, own))
                }
            };
            self.fixed = fixed::look(&self.intent, &self.snapshot);
            self.crowd();
            self.of = Some((policy, self.snapshot.shape));
            self.sweeps.insert(Tier::Static, Sweep { at: Timestamp::now(), took: began.elapsed() });
        }
        if self.settings.enabled == Enabled::Never {
            self.of = None;
        }
        if !self.is_awake() {
            self.rest();
            return;
        }
        if let Ok(eyes) = &mut self.eyes {
            eyes.note(&self.snapshot, Timestamp::now());
        }
        if !self.settings.passive {
            self.observed = None;
            self.crowd();
            self.sweeps.remove(&Tier::Passive);
            self.let_go();
        }
        if !self.settings.active {
            self.probed = None;
            self.confirmed = Confirmed::default();
            self.sweeps.remove(&Tier::Active);
        }
        self.judge();
    }

    /// Nothing is looked at any more: no descriptor keeps the namespace of a container alive.
    fn let_go(&mut self) {
        if let Ok(eyes) = &mut self.eyes {
            eyes.note(&Snapshot::default(), Timestamp::now());
        }
    }

    /// Nobody has a say any more: nothing stands.
    fn rest(&mut self) {
        (self.observed, self.probed) = (None, None);
        self.confirmed = Confirmed::default();
        self.sweeps.clear();
        self.let_go();
        if self.said.take().is_some() {
            events::tell(&events::between(&self.isolation.0.board.report(), &Report::default()));
            tracing::info!("isolation is no longer looked at: no project of the policy has a say in it, or it is off");
        }
        self.isolation.0.board.put(Report::default());
    }

    /// The interval is over.
    pub(super) fn tick(&mut self) {
        self.snapshot = self.reader.load();
        if self.settings.passive && self.sweeping.is_none() && self.eyes.is_ok() {
            let away = Err("a sweep is under way".to_owned());
            if let Ok(eyes) = std::mem::replace(&mut self.eyes, away) {
                self.sweeping =
                    Some(Box::pin(sweep(eyes, Arc::clone(&self.snapshot)).instrument(spans::sweep("passive"))));
            }
        }
        if self.settings.active
            && self.probing.is_none()
            && let Ok(hands) = &self.hands
        {
            let round = Round {
                intent: Arc::clone(&self.intent),
                snapshot: Arc::clone(&self.snapshot),
                observed: self.observed.clone(),
                settings: self.settings.clone(),
            };
            let (hands, began) = (Arc::clone(hands), Instant::now());
            self.probing = Some(Box::pin(
                async move { (hands.probe(round).await, began.elapsed()) }.instrument(spans::sweep("active")),
            ));
        }
        // What waits for time to pass, while nobody else looks.
        if self.sweeping.is_none() && self.probing.is_none() && self.court.wakes().is_some() {
            self.judge();
        }
    }

    pub(super) fn swept(&mut self, eyes: Option<Box<dyn Eyes>>, mut observed: Observed, took: Duration) {
        let now = Timestamp::now();
        let Some(eyes) = eyes else {
            self.eyes = Err("it failed, which is a mistake of the program".to_owned());
            self.observed = None;
            self.crowd();
            // When it last looked stays said: by that somebody is told.
            tracing::error!("the sweep of sockets has failed and is not tried again");
            self.judge();
            return;
        };
        self.eyes = Ok(eyes);
        if !self.settings.passive || !self.is_awake() {
            // It was under way when the last was told to let go.
            self.let_go();
            return;
        }
        self.court.meet(&self.reader.load(), now);
        self.court.saw(&*self.intent, &mut observed, now);
        let same = self.observed.as_ref().is_some_and(|known| known.listeners == observed.listeners);
        self.observed = Some(Arc::new(observed));
        if !same {
            self.crowd();
        }
        self.sweeps.insert(Tier::Passive, Sweep { at: now, took });
        self.judge();
    }

    pub(super) fn probed(&mut self, mut probed: Probed, took: Duration) {
        if !self.settings.active || !self.is_awake() {
            return;
        }
        for (count, more) in self.probes.iter_mut().zip(probed.asked) {
            *count += more;
        }
        self.confirmed.confirm(&mut probed);
        self.probed = Some(probed);
        self.sweeps.insert(Tier::Active, Sweep { at: Timestamp::now(), took });
        self.judge();
    }

    /// Whom nothing parts from somebody who listens.
    fn crowd(&mut self) {
        let listeners = self.observed.as_ref().map(|observed| &observed.listeners);
        let found = listeners.map(|listeners| fixed::excess(&self.intent, &self.snapshot, listeners));
        self.excess = found.unwrap_or_default();
    }

    fn judge(&mut self) {
        let policy = self.policy.policy();
        let mut report = self.court.judge(&Look {
            policy: &policy,
            wanted: &*self.intent,
            snapshot: &self.snapshot,
            fixed: &self.fixed,
            excess: &self.excess.drafts,
            observed: self.observed.as_deref(),
            probed: self.probed.as_ref(),
            now: Timestamp::now(),
        });
        if self.excess.left_out > 0 {
            report.projects.values_mut().for_each(|project| project.truncated = true);
        }
        (report.sweeps, report.probes) = (self.sweeps.clone(), self.probes);
        report.idle = self.idle();
        self.say(&report.idle);
        events::tell(&events::between(&self.isolation.0.board.report(), &report));
        self.isolation.0.board.put(report);
    }

    /// Tiers that do not run, with the reason.
    fn idle(&self) -> BTreeMap<Tier, String> {
        let mut idle = BTreeMap::new();
        if !self.settings.passive {
            idle.insert(Tier::Passive, "isolation.passive is off".to_owned());
        } else if let (Err(why), None) = (&self.eyes, &self.sweeping) {
            idle.insert(Tier::Passive, why.clone());
        }
        if !self.settings.active {
            idle.insert(Tier::Active, "isolation.active is off".to_owned());
        } else if let Err(why) = &self.hands {
            idle.insert(Tier::Active, why.clone());
        }
        idle
    }

    /// Once, and again when it is other than it was.
    fn say(&mut self, idle: &BTreeMap<Tier, String>) {
        if self.said.as_ref() == Some(idle) {
            return;
        }
        let runs: Vec<&str> = Tier::ALL.into_iter().filter(|tier| !idle.contains_key(tier)).map(Tier::as_str).collect();
        let projects = self.intent.projects().len();
        tracing::info!(tiers = ?runs, projects, interval = ?self.settings.interval, "isolation is looked at");
        for (tier, why) in idle {
            tracing::info!(tier = tier.as_str(), why, "this tier of isolation does not run");
        }
        self.said = Some(idle.clone());
    }
}

/// One sweep on a thread for what blocks.
async fn sweep(mut eyes: Box<dyn Eyes>, snapshot: Arc<Snapshot>) -> Swept {
    let began = Instant::now();
    let work = tokio::task::spawn_blocking(move || {
        let observed = eyes.sweep(&snapshot, Timestamp::now());
        (eyes, observed)
    });
    match work.await {
        Ok((eyes, observed)) => (Some(eyes), observed, began.elapsed()),
        Err(_) => (None, Observed::default(), began.elapsed()),
    }
}
