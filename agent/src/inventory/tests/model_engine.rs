//! An engine made of values, which keeps the truth beside what it tells: a ring of 256 events, noise of health checks in it,
//! and inspections that show a fact only once its event is logged.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;

use crate::model::{
    Container, ContainerId, ContainerState, Event, EventKind, ExitClass, Health, HealthCheck, HealthResult,
    HealthStatus, Labels, NetworkMode, RestartPolicy, ServiceCounters, ServiceKey,
};

/// What moby keeps.
const RING: usize = 256;

pub(crate) struct ModelEngine {
    /// Nanoseconds since the epoch.
    pub(crate) clock: i64,
    pub(crate) containers: BTreeMap<ContainerId, Container>,
    ring: VecDeque<Event>,
    /// Everything ever logged which a subscriber would get.
    pub(crate) log: Vec<Event>,
    pub(crate) truth: BTreeMap<ServiceKey, ServiceCounters>,
    made: u64,
    /// What happens is kept and not told: the reader of the stream has not looked since, and its file is being changed.
    pub(crate) deaf: bool,
}

impl ModelEngine {
    pub(crate) fn new() -> Self {
        Self {
            clock: 1_700_000_000_000_000_000,
            containers: BTreeMap::new(),
            ring: VecDeque::new(),
            log: Vec::new(),
            truth: BTreeMap::new(),
            made: 0,
            deaf: false,
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        time(self.clock)
    }

    pub(crate) fn pass(&mut self, duration: Duration) {
        self.clock += i64::try_from(duration.as_nanos()).unwrap();
    }

    /// What `GET /events?since=&until=` replays: walks back from the newest and stops at the first that is too old, as moby does.
    pub(crate) fn history(&self, since: Timestamp, until: Option<Timestamp>) -> Vec<Event> {
        let recent = self.ring.iter().rev().take_while(|event| event.time >= since);
        let mut events: Vec<_> = recent
            .filter(|event| event.kind != EventKind::Other && until.is_none_or(|until| event.time <= until))
            .cloned()
            .collect();
        events.reverse();
        events
    }

    /// Whether the event at this place of the log can still be replayed.
    pub(crate) fn remembers(&self, at: usize) -> bool {
        self.log.get(at).is_none_or(|event| self.ring.contains(event))
    }

    pub(crate) fn create(&mut self, service: &str, policy: RestartPolicy, checked: bool) -> ContainerId {
        self.create_with(service, policy, checked, &[])
    }

    pub(crate) fn create_with(
        &mut self,
        service: &str,
        policy: RestartPolicy,
        checked: bool,
        more: &[(&str, &str)],
    ) -> ContainerId {
        self.made += 1;
        let number = self.made.to_string();
        let labels = [
            ("com.docker.compose.project", "model"),
            ("com.docker.compose.service", service),
            ("com.docker.compose.container-number", &number),
        ];
        let labels = labels.iter().chain(more).map(|(key, value)| ((*key).into(), (*value).into()));
        let labels = Labels::new(labels);
        let name = format!("model-{service}-{number}");
        let mut container = container(&format!("{:064x}", self.made), &name, labels);
        container.created = Some(self.now());
        container.restart_policy = policy;
        container.health = checked.then(health);
        let id = container.id.clone();
        self.containers.insert(id.clone(), container);
        self.log(&id, EventKind::Created(id.clone()), 1);
        id
    }

    pub(crate) fn start(&mut self, id: &ContainerId, lag: i64) {
        let now = self.now();
        let Some(container) = self.containers.get_mut(id).filter(|c| c.state != ContainerState::Running) else {
            return;
        };
        // An explicit start resets the count, one by the policy does not.
        if container.state != ContainerState::Restarting {
            container.restart_count = Some(0);
        }
        let ran_before = container.started_at.is_some();
        container.state = ContainerState::Running;
        container.pid = Some(1000);
        container.started_at = Some(now);
        container.exit_code = None;
        if let Some(health) = &mut container.health {
            health.status = HealthStatus::Starting;
            health.failing_streak = Some(0);
        }
        self.truth(id, |truth| {
            truth.starts += 1;
            truth.restarts += u64::from(ran_before);
        });
        self.log(id, EventKind::Started(id.clone()), lag);
    }

    pub(crate) fn die(&mut self, id: &ContainerId, code: i64, oom: bool, lag: i64) {
        if self.containers.get(id).is_none_or(|c| c.state != ContainerState::Running) {
            return;
        }
        if oom {
            self.truth(id, |truth| truth.oom_kills += 1);
            self.log(id, EventKind::Oom(id.clone()), 1);
        }
        let now = self.now();
        let Some(container) = self.containers.get_mut(id) else { return };
        let again = matches!(container.restart_policy, RestartPolicy::OnFailure(_)) && code != 0;
        container.state = if again { ContainerState::Restarting } else { ContainerState::Exited };
        container.restart_count = container.restart_count.map(|count| count + u64::from(again));
        (container.pid, container.finished_at, container.exit_code) = (None, Some(now), Some(code));
        container.oom_killed = Some(oom);
        self.truth(id, |truth| truth.exits[class_index(ExitClass::of(code, oom && code == 137))] += 1);
        self.log(id, EventKind::Died { id: id.clone(), exit_code: Some(code) }, lag);
    }

    pub(crate) fn stop(&mut self, id: &ContainerId) {
        if self.containers.get(id).is_some_and(|c| c.state == ContainerState::Running) {
            self.log(id, EventKind::StopRequested { id: id.clone(), signal: Some(15) }, 1);
            let policy =
                self.containers.get_mut(id).map(|c| std::mem::replace(&mut c.restart_policy, RestartPolicy::No));
            self.die(id, 143, false, 1_000_000);
            if let (Some(container), Some(policy)) = (self.containers.get_mut(id), policy) {
                container.restart_policy = policy;
            }
            self.log(id, EventKind::StopRequested { id: id.clone(), signal: None }, 1_000);
        }
    }

    /// One run of the health check.
    pub(crate) fn check(&mut self, id: &ContainerId, exit_code: i64) {
        let start = self.now();
        self.clock += 1_000_000;
        let end = self.now();
        let Some(container) = self.containers.get_mut(id).filter(|c| c.state == ContainerState::Running) else {
            return;
        };
        let Some(health) = &mut container.health else { return };
        health.results.push(HealthResult { start, end: Some(end), exit_code });
        let excess = health.results.len().saturating_sub(5);
        health.results.drain(..excess);
        let streak = if exit_code == 0 { 0 } else { health.failing_streak.unwrap_or_default() + 1 };
        health.failing_streak = Some(streak);
        let status = match (exit_code, streak >= health.check.retries) {
            (0, _) => HealthStatus::Healthy,
            (_, true) => HealthStatus::Unhealthy,
            _ => health.status,
        };
        let changed = std::mem::replace(&mut health.status, status) != status;
        self.truth(id, |truth| {
            match exit_code {
                0 => truth.health_passed += 1,
                -1 => truth.health_timed_out += 1,
                _ => truth.health_failed += 1,
            }
            truth.became_healthy += u64::from(changed && status == HealthStatus::Healthy);
            truth.became_unhealthy += u64::from(changed && status == HealthStatus::Unhealthy);
        });
        self.noise(3);
        if changed {
            self.log(id, EventKind::Health { id: id.clone(), status }, 1_000);
        }
    }

    pub(crate) fn destroy(&mut self, id: &ContainerId) {
        self.die(id, 137, false, 1_000_000);
        let Some(container) = self.containers.remove(id) else { return };
        let event =
            Event { time: self.now(), kind: EventKind::Destroyed(id.clone()), attributes: attributes(&container) };
        self.push(event);
    }

    /// Events which nobody asked for but which take room in the ring.
    pub(crate) fn noise(&mut self, count: u32) {
        for _ in 0..count {
            self.push(Event { time: self.now(), kind: EventKind::Other, attributes: Labels::default() });
        }
    }

    /// The counters from now on are the truth: what happened before, nobody counted.
    pub(crate) fn begin_truth(&mut self) {
        self.truth.clear();
    }

    pub(crate) fn log(&mut self, id: &ContainerId, kind: EventKind, lag: i64) {
        self.clock += lag;
        let attributes = self.containers.get(id).map(attributes).unwrap_or_default();
        self.push(Event { time: self.now(), kind, attributes });
    }

    fn push(&mut self, event: Event) {
        self.clock += 1;
        if event.kind != EventKind::Other && !self.deaf {
            self.log.push(event.clone());
        }
        self.ring.push_back(event);
        if self.ring.len() > RING {
            self.ring.pop_front();
        }
    }

    /// Changes the file behind the stream as Podman does, from the second time on: its marks stand in the new file, the
    /// stream tells an older mark, unless that is `older` than what was asked for, all that follows it again, and the new one.
    pub(crate) fn turn_over(&mut self, older: bool) {
        self.deaf = false;
        let again: Vec<_> = self.ring.iter().filter(|event| event.kind != EventKind::Other).cloned().collect();
        let oldest = again.first().map_or(self.now(), |event| event.time);
        let mark = |time| Event { time, kind: EventKind::Turnover, attributes: Labels::default() };
        let now = mark(self.now());
        if !older {
            self.log.push(mark(oldest));
        }
        self.log.extend(again);
        self.log.push(now.clone());
        self.ring.push_back(now);
    }

    fn truth(&mut self, id: &ContainerId, count: impl FnOnce(&mut ServiceCounters)) {
        let Some(container) = self.containers.get(id) else { return };
        count(self.truth.entry(container.identity.key.clone()).or_default());
    }
}

/// The attributes of an event of this container.
pub(crate) fn attributes(container: &Container) -> Labels {
    let own = [("name".into(), container.name.clone()), ("image".into(), container.image.clone())];
    Labels::new(container.labels.iter().map(|(key, value)| (Arc::from(key), Arc::from(value))).chain(own))
}

pub(crate) fn class_index(class: ExitClass) -> usize {
    ExitClass::ALL.iter().position(|each| *each == class).unwrap()
}

pub(crate) fn time(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into()).unwrap()
}

/// A container that was created and never started.
pub(crate) fn container(id: &str, name: &str, labels: Labels) -> Container {
    Container {
        image: "app:1".into(),
        image_id: Some("sha256:1".into()),
        created: Some(time(0)),
        state: ContainerState::Created,
        restart_count: Some(0),
        network_mode: NetworkMode::Own("bridge".into()),
        ..Container::bare(id, name, labels)
    }
}

/// A health check that has not run yet.
pub(crate) fn health() -> Health {
    Health {
        status: HealthStatus::Starting,
        failing_streak: Some(0),
        results: Vec::new(),
        check: HealthCheck {
            interval: Duration::from_secs(10),
            timeout: Duration::from_secs(3),
            start_period: Duration::ZERO,
            retries: 2,
        },
    }
}
