//! The counters against the truth, over random lives of an engine and of an agent that loses it, dies and comes back.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use jiff::Timestamp;
use proptest::prelude::*;

use super::model_engine::{ModelEngine, class_index};
use crate::{
    inventory::{
        Settings,
        ledger::Sight,
        reaction::Reaction,
        saved::Saved,
        schedule::Looks,
        session::{SETTLE, SLACK},
        state::State,
    },
    model::{Container, Event, ExitClass, RestartPolicy, ServiceCounters, ServiceKey},
    telemetry::Metrics,
};

/// What may happen to the engine. Containers are picked by number among those that exist.
#[derive(Clone, Debug)]
enum Act {
    Create { service: u8, restarts: bool, checked: bool },
    Start(u8, i64),
    Die(u8, i64, bool, i64),
    Stop(u8),
    Check(u8, i64),
    Destroy(u8),
    Noise(u32),
    Pass(u64),
}

/// What may happen to the agent, or around it.
#[derive(Clone, Debug)]
enum Step {
    Act(Act),
    /// Apply so many events which wait in the stream.
    Deliver(usize),
    /// Ask for an inspection that an event made necessary, or of any container.
    Ask(Option<u8>),
    /// The oldest inspection on its way arrives.
    Answer,
    Disconnect,
    /// Connect, while the engine goes on between the steps.
    Connect(Vec<Act>),
    Save,
    /// Stop (writing the file first) or crash, and start again.
    Restart {
        crash: bool,
    },
    /// The engine drops an event for a slow reader.
    Lose(usize),
}

struct Agent {
    engine: ModelEngine,
    state: State,
    /// Read from the live stream, not applied.
    stream: VecDeque<Event>,
    /// Place in the engine's log up to which the live stream has been read; `None` without a stream.
    subscribed: Option<usize>,
    /// Place in the engine's log up to which the state knows everything; of the state and of the file.
    applied: usize,
    saved: (Saved, usize),
    looks: Looks,
    /// Answers on their way, and when they were asked for.
    flying: VecDeque<(Container, Timestamp)>,
    counting: bool,
    /// Events were lost which no history tells again.
    lossy: bool,
    /// Containers lived on while they were seen for the very first time: which of their starts were restarts is beyond knowing.
    blurred: bool,
}

impl Agent {
    fn new() -> Self {
        Self {
            engine: ModelEngine::new(),
            state: State::new(&settings(), Saved::default(), Metrics::default()),
            stream: VecDeque::new(),
            subscribed: None,
            applied: 0,
            saved: (Saved::default(), 0),
            looks: Looks::new(8),
            flying: VecDeque::new(),
            counting: false,
            lossy: false,
            blurred: false,
        }
    }

    fn act(&mut self, act: &Act) {
        let engine = &mut self.engine;
        let pick = |number: u8| {
            let index = usize::from(number) % engine.containers.len().max(1);
            engine.containers.keys().nth(index).cloned()
        };
        match *act {
            Act::Create { service, restarts, checked } => {
                let policy = if restarts { RestartPolicy::OnFailure(None) } else { RestartPolicy::No };
                if engine.containers.len() < 6 {
                    engine.create(&format!("s{service}"), policy, checked);
                }
            }
            Act::Start(number, lag) => pick(number).into_iter().for_each(|id| engine.start(&id, lag)),
            Act::Die(number, code, oom, lag) => pick(number).into_iter().for_each(|id| engine.die(&id, code, oom, lag)),
            Act::Stop(number) => pick(number).into_iter().for_each(|id| engine.stop(&id)),
            Act::Check(number, code) => pick(number).into_iter().for_each(|id| engine.check(&id, code)),
            Act::Destroy(number) => pick(number).into_iter().for_each(|id| engine.destroy(&id)),
            Act::Noise(count) => engine.noise(count),
            Act::Pass(milliseconds) => engine.pass(Duration::from_millis(milliseconds)),
        }
        engine.clock += 1_000;
    }

    /// What the engine has logged arrives in the stream.
    fn receive(&mut self) {
        if let Some(place) = &mut self.subscribed {
            self.stream.extend(self.engine.log[*place..].iter().cloned());
            *place = self.engine.log.len();
        }
    }

    fn deliver(&mut self, count: usize) {
        self.receive();
        for event in self.stream.drain(..count.min(self.stream.len())) {
            match self.state.apply(&event) {
                Reaction::Look(id) => self.looks.want(&id),
                Reaction::Forget(id) => self.looks.forget(&id),
                Reaction::Nothing | Reaction::Networks => {}
            }
        }
        if let (Some(place), true) = (self.subscribed, self.stream.is_empty()) {
            self.applied = place;
        }
    }

    fn ask(&mut self, number: Option<u8>) {
        if self.subscribed.is_none() {
            return;
        }
        if let Some(id) = number.and_then(|n| self.engine.containers.keys().nth(usize::from(n))) {
            self.looks.want(id);
        }
        let Some(id) = self.looks.start() else { return };
        self.state.asked(&id);
        match self.engine.containers.get(&id) {
            Some(container) => self.flying.push_back((container.clone(), self.engine.now())),
            None if self.looks.done(&id) => self.state.vanished(&id),
            None => {}
        }
    }

    /// The oldest answer arrives; `horizon` is that of a gap, else that of calm times, when old events do not wait.
    fn answer(&mut self, horizon: Option<Timestamp>) {
        self.engine.clock += 1_000;
        let Some((container, asked)) = self.flying.pop_front() else { return };
        let (at, calm) = (self.engine.now(), asked - SETTLE);
        if horizon.is_none() {
            self.receive();
            let old = self.stream.iter().take_while(|event| event.time < asked - SETTLE / 2).count();
            self.deliver(old);
        }
        if self.looks.done(&container.id) {
            let sight = Sight { at, horizon: horizon.unwrap_or(calm) };
            self.state.inspected(container, sight, at);
        }
    }

    fn disconnect(&mut self) {
        self.subscribed = None;
        self.stream.clear();
        self.looks = Looks::new(8);
        self.flying.clear();
    }

    /// The order of `session.rs`: clock, live stream, history, list, inspections, held events.
    fn connect(&mut self, acts: &[Act]) {
        if self.subscribed.is_some() {
            return;
        }
        let (lives_on, mut acts) = (!acts.is_empty(), acts.iter());
        let mut meanwhile = |agent: &mut Self| acts.next().into_iter().for_each(|act| agent.act(act));
        let t1 = self.engine.now();
        let since = self.state.known_until();
        let horizon = if since.is_none() { t1 } else { t1 - SLACK };
        if !self.counting {
            self.engine.begin_truth();
            (self.counting, self.applied) = (true, self.engine.log.len());
            self.blurred = lives_on;
        }
        meanwhile(self);
        self.lossy |= (self.applied..self.engine.log.len()).any(|place| !self.engine.remembers(place));
        self.stream.extend(self.engine.history(horizon, None));
        self.subscribed = Some(self.engine.log.len());
        meanwhile(self);
        if let Some(since) = since {
            self.lossy |= (self.applied..self.engine.log.len()).any(|place| !self.engine.remembers(place));
            for event in self.engine.history(since - SLACK, Some(t1)) {
                self.state.apply(&event);
            }
        }
        meanwhile(self);
        let ids: Vec<_> = self.engine.containers.keys().cloned().collect();
        let (asked_at, listed) = (self.engine.now() - SLACK, self.state.listed(&ids));
        ids.iter().for_each(|id| self.looks.want(id));
        for _ in ids {
            meanwhile(self);
            self.ask(None);
            meanwhile(self);
            self.answer(Some(horizon));
        }
        self.state.caught_up(t1);
        self.deliver(usize::MAX);
        for id in &listed.absent {
            self.state.absent(id, asked_at);
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Act(act) => self.act(act),
            Step::Deliver(count) => self.deliver(*count),
            Step::Ask(number) => self.ask(*number),
            Step::Answer => self.answer(None),
            Step::Disconnect => self.disconnect(),
            Step::Connect(acts) => self.connect(acts),
            Step::Save => self.saved = (self.state.save(), self.applied),
            Step::Restart { crash } => {
                if !crash {
                    self.step(&Step::Save);
                }
                self.disconnect();
                self.state = State::new(&settings(), self.saved.0.clone(), Metrics::default());
                self.applied = self.saved.1;
                // Without a file it is a first start: counting begins anew.
                self.counting = self.saved.0.listed_at.is_some();
                self.lossy &= self.counting;
            }
            Step::Lose(at) => {
                self.receive();
                if *at < self.stream.len() {
                    self.stream.remove(*at);
                    self.lossy = true;
                }
            }
        }
    }

    /// Everything arrives, and everything is looked at until it has settled.
    fn finish(&mut self) -> BTreeMap<ServiceKey, ServiceCounters> {
        self.connect(&[]);
        for _ in 0..2 {
            self.deliver(usize::MAX);
            self.engine.pass(SETTLE * 2);
            for number in 0..20 {
                self.ask(Some(number % 10));
                self.answer(None);
            }
        }
        self.state.save().services.into_iter().map(|(key, service)| (key, service.counters)).collect()
    }
}

fn settings() -> Settings {
    Settings { forget_after: Duration::from_secs(1_000_000), ..Settings::default() }
}

fn act() -> impl Strategy<Value = Act> {
    let lag = 1_000..1_500_000_000_i64;
    let code = prop_oneof![Just(0_i64), Just(1), Just(137), Just(143)];
    prop_oneof![
        2 => (0..2_u8, any::<bool>(), any::<bool>()).prop_map(|(service, restarts, checked)| Act::Create { service, restarts, checked }),
        8 => (any::<u8>(), lag.clone()).prop_map(|(n, lag)| Act::Start(n, lag)),
        6 => (any::<u8>(), code, any::<bool>(), lag).prop_map(|(n, code, oom, lag)| Act::Die(n, if oom { 137 } else { code }, oom, lag)),
        1 => any::<u8>().prop_map(Act::Stop),
        4 => (any::<u8>(), -1..2_i64).prop_map(|(n, code)| Act::Check(n, code)),
        1 => any::<u8>().prop_map(Act::Destroy),
        1 => prop_oneof![Just(1_u32), Just(60), Just(300)].prop_map(Act::Noise),
        2 => (1..40_000_u64).prop_map(Act::Pass),
    ]
}

fn step(loses: bool) -> impl Strategy<Value = Step> {
    let lose = (0..6_usize).prop_map(Step::Lose);
    prop_oneof![
        40 => act().prop_map(Step::Act),
        12 => (1..6_usize).prop_map(Step::Deliver),
        10 => proptest::option::of(0..6_u8).prop_map(Step::Ask),
        10 => Just(Step::Answer),
        3 => Just(Step::Disconnect),
        8 => proptest::collection::vec(act(), 0..8).prop_map(Step::Connect),
        3 => Just(Step::Save),
        2 => any::<bool>().prop_map(|crash| Step::Restart { crash }),
        if loses { 4 } else { 0 } => lose,
    ]
}

/// The counters that events carry, in a comparable form; health-check results are sampled and may be fewer.
fn exact(counters: &ServiceCounters, blurred: bool) -> [u64; 9] {
    let ServiceCounters { starts, restarts, exits: [a, b, c, d], oom_kills, became_healthy, became_unhealthy, .. } =
        *counters;
    let restarts = if blurred { 0 } else { restarts };
    [starts, restarts, a, b, c, d, oom_kills, became_healthy, became_unhealthy]
}

/// Counters none of which may exceed the truth, also after losses. Whether a lost `oom` belongs to an end by SIGKILL may be beyond
/// knowing, so those two classes are compared together.
fn bounded(counters: &ServiceCounters) -> [u64; 10] {
    let exits = |class| counters.exits[class_index(class)];
    [
        counters.starts,
        counters.restarts,
        exits(ExitClass::Success),
        exits(ExitClass::Error),
        exits(ExitClass::Signal) + exits(ExitClass::Oom),
        counters.oom_kills,
        counters.became_healthy + counters.became_unhealthy,
        counters.health_passed,
        counters.health_failed,
        counters.health_timed_out,
    ]
}

fn check(steps: &[Step]) -> Result<(), TestCaseError> {
    let mut agent = Agent::new();
    for step in steps {
        agent.step(step);
    }
    let counted = agent.finish();
    for (key, truth) in &agent.engine.truth {
        let counted = counted.get(key).copied().unwrap_or_default();
        if !agent.lossy {
            prop_assert_eq!(exact(&counted, agent.blurred), exact(truth, agent.blurred), "{:?}: counted, truth", key);
        }
        let within = bounded(&counted).into_iter().zip(bounded(truth)).all(|(counted, truth)| counted <= truth);
        prop_assert!(within, "{:?}: counted {:?}, truth {:?}", key, bounded(&counted), bounded(truth));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn counters_equal_the_truth_unless_events_were_lost_and_never_exceed_it(
        steps in proptest::collection::vec(step(false), 1..250),
    ) {
        check(&steps)?;
    }

    #[test]
    fn counters_never_exceed_the_truth_when_the_engine_drops_events(
        steps in proptest::collection::vec(step(true), 1..250),
    ) {
        check(&steps)?;
    }
}
