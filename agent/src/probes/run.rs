//! The one task that asks: it follows pictures and policies, begins what is due, and writes down how it ended.

use std::{
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use jiff::Timestamp;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    Parts, Probes,
    ask::{Asker, Task},
    names::Threads,
    outcome::{Facts, Outcome, Reason},
    plan::{End, Id, Life, Plan},
    schedule::Schedule,
    tls::Greeter,
};
use crate::{
    policy::{Policy, probe::Kind},
    telemetry::spans,
};

/// Pictures come in bursts; a plan is made of the last one.
const GAP: Duration = Duration::from_millis(100);
/// How soon a bridge is looked for again that a target needs.
const HOPE: Duration = Duration::from_secs(2);
/// How often those are looked after whose container is gone.
const FORGET: Duration = Duration::from_secs(60);

/// Asks until `shutdown`.
pub(super) async fn run(probes: Probes, parts: Parts, greeter: Greeter, shutdown: CancellationToken) {
    let mut runner = Runner::new(probes, parts, greeter);
    loop {
        let wake = runner.turn();
        let wake = wake.map(|wake| sleep_until((runner.began + wake).into()));
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = runner.probes.0.bell.notified() => runner.rung |= runner.has_news(),
            Some(ended) = runner.running.next() => runner.ended(ended),
            // Never, while there is nothing to wake up for.
            () = async { match wake { Some(wake) => wake.await, None => std::future::pending().await } } => {}
        }
    }
}

/// A probe that is over: whose it was, in which life, whether it was one beside, and what came of it.
type Ended = (Id, Life, bool, Outcome);

struct Runner {
    probes: Probes,
    parts: Parts,
    asker: Arc<Asker>,
    plan: Plan,
    schedule: Schedule<Id>,
    /// All in this task: each probe waits most of its time, and a task of its own would wake another thread for each step of it.
    running: FuturesUnordered<BoxFuture<'static, Ended>>,
    began: Instant,
    /// When the plan was made.
    planned: Option<Duration>,
    /// Of what: this policy, and pictures of this shape.
    of: Option<(Arc<Policy>, u64)>,
    /// There is a new picture, or a new policy.
    rung: bool,
    /// Somebody is remembered whose container is gone.
    remembers: bool,
}

impl Runner {
    fn new(probes: Probes, parts: Parts, greeter: Greeter) -> Self {
        let (dial, secrets) = (Arc::clone(&parts.dial), parts.secrets.clone());
        let asker = Arc::new(Asker { dial, threads: Threads::new(), greeter, secrets });
        Self {
            probes,
            parts,
            asker,
            plan: Plan::default(),
            schedule: Schedule::new(),
            running: FuturesUnordered::new(),
            began: Instant::now(),
            planned: None,
            of: None,
            rung: true,
            remembers: false,
        }
    }

    /// Does what is due, and says when something is next.
    fn turn(&mut self) -> Option<Duration> {
        let now = self.began.elapsed();
        let again = self.replan_at();
        if again.is_some_and(|again| again <= now) {
            self.replan(now);
        }
        self.start(now);
        [self.replan_at(), self.schedule.next()].into_iter().flatten().min()
    }

    fn replan_at(&self) -> Option<Duration> {
        let Some(planned) = self.planned else { return Some(Duration::ZERO) };
        let wait = [self.rung.then_some(GAP), self.plan.hopes.then_some(HOPE), self.remembers.then_some(FORGET)];
        wait.into_iter().flatten().min().map(|wait| planned + wait)
    }

    /// Whether another plan may come of what there is now: pictures change with each result of a health check, of which plans know nothing.
    fn has_news(&self) -> bool {
        let policy = self.parts.policy.policy();
        self.of.as_ref().is_none_or(|(of, shape)| !Arc::ptr_eq(of, &policy) || *shape != self.parts.reader.load().shape)
    }

    fn replan(&mut self, now: Duration) {
        (self.planned, self.rung) = (Some(now), false);
        let (snapshot, policy) = (self.parts.reader.load(), self.parts.policy.policy());
        self.plan = Plan::new(&snapshot, &policy, &self.parts.standpoint);
        self.of = Some((policy, snapshot.shape));
        self.schedule.replace(&self.plan.intervals(), now);
        let exists = |id: &Id| {
            snapshot.containers.iter().any(|entry| {
                let key = &entry.container.identity.key;
                key.project == id.project && key.service == id.service && entry.replica == id.replica
            })
        };
        let followed = self.probes.board().follow(&self.plan, exists, now);
        self.remembers = followed.remembers;
        for id in followed.soon {
            self.schedule.hurry(&id, now);
        }
    }

    fn start(&mut self, now: Duration) {
        for start in self.schedule.start(now) {
            self.probes.board().missed(start.missed);
            let (id, extra) = (start.key, start.extra);
            let Some(wanted) = self.plan.wanted.get(&id) else { continue };
            let Some(probe) = wanted.probe.clone().filter(|_| wanted.end != End::Down) else {
                self.took(&id, Outcome::without(Reason::NotRunning), extra, now);
                continue;
            };
            let found_path = self.probes.board().record(&id).and_then(|record| record.found_path);
            let picture = (probe.aim.kind == Kind::Traefik).then(|| self.parts.reader.load());
            let task = Task {
                probe,
                end: wanted.end.clone(),
                timeout: wanted.timeout,
                name: Arc::clone(&wanted.name),
                elsewhere: id.is_elsewhere(),
                found_path,
                picture,
            };
            let life = wanted.life.clone();
            let asker = Arc::clone(&self.asker);
            // Whatever goes wrong with one ends that one: what they share is behind locks that recover.
            let asking =
                AssertUnwindSafe(async move { asker.ask(&task).await }.instrument(spans::probe(&wanted.target)))
                    .catch_unwind();
            let ended = |asked: Result<Outcome, _>| asked.unwrap_or_else(|_| Outcome::without(Reason::Internal));
            self.running.push(asking.map(move |asked| (id, life, extra, ended(asked))).boxed());
        }
    }

    fn ended(&mut self, (id, life, extra, outcome): Ended) {
        let now = self.began.elapsed();
        // What was asked of the container before says nothing of this one.
        if self.plan.wanted.get(&id).is_some_and(|wanted| wanted.life == life) {
            self.took(&id, outcome, extra, now);
        } else {
            self.schedule.ended(&id, outcome.failure.is_none(), now);
            self.schedule.hurry(&id, now);
        }
    }

    fn took(&mut self, id: &Id, outcome: Outcome, extra: bool, now: Duration) {
        self.schedule.ended(id, outcome.failure.is_none(), now);
        self.probes.board().took(id, outcome, extra, Timestamp::now(), now);
    }
}

impl Outcome {
    /// A failure for which nobody was asked.
    fn without(reason: Reason) -> Self {
        Self { failure: Some(reason.into()), took: Duration::ZERO, facts: Facts::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{inventory::Reader, policy, policy::examples, probes::tests::on_host, targets::OwnNetwork};

    #[tokio::test]
    async fn without_probes_nothing_wakes_up() {
        let reader = Reader::new();
        reader.publish(examples::snapshot(vec![examples::sound("shop", "web")]));
        let parts = Parts {
            reader,
            policy: policy::Board::default(),
            standpoint: on_host(),
            dial: Arc::new(OwnNetwork),
            secrets: "/nowhere".into(),
        };
        let mut runner = Runner::new(Probes::default(), parts, Greeter::new().unwrap());
        assert_eq!(runner.turn(), None, "until somebody rings");
        runner.rung = true;
        assert!(runner.turn().is_some_and(|wake| wake <= runner.began.elapsed() + GAP));
    }
}
