//! A machine, a clock, and words for what happens to containers.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, any_value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message as _;

use super::super::{
    Counts, Host,
    machine::{Machine, Pace, Told},
};
use crate::{
    inventory::{EngineStatus, Entry, Snapshot},
    model::{
        Container, ContainerFilter, ContainerId, ContainerState, Event, EventKind, Health, HealthCheck, HealthResult,
        HealthStatus, Labels, RestartPolicy,
    },
};

/// Where times of stories begin; they are milliseconds after it.
const BEGAN: i64 = 1_700_000_000_000;

pub(super) fn time(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(BEGAN + millisecond).unwrap()
}

pub(super) struct Scene {
    pub(super) machine: Machine,
    pub(super) counts: Arc<Counts>,
    /// Milliseconds by the owner's clock.
    pub(super) now: u64,
    containers: BTreeMap<String, Container>,
    /// Of containers that are not in pictures.
    labels: HashMap<String, Labels>,
    pub(super) told: Vec<Told>,
    /// The first picture was of a host on which nothing was ever told.
    pub(super) fresh: bool,
}

impl Default for Scene {
    fn default() -> Self {
        let counts = Arc::new(Counts::default());
        let machine = machine(&counts);
        Self {
            machine,
            counts,
            now: 0,
            containers: BTreeMap::new(),
            labels: HashMap::new(),
            told: Vec::new(),
            fresh: false,
        }
    }
}

pub(super) fn machine(counts: &Arc<Counts>) -> Machine {
    let pace = Pace { quiet: Duration::from_secs(10), cap: Duration::from_secs(300) };
    let host = Host { name: Some("shed".into()), id: Some("m-1".into()) };
    Machine::new(pace, host, ContainerFilter::default(), Arc::clone(counts))
}

impl Scene {
    /// A scene whose first picture showed what there is by now.
    pub(super) fn watched() -> Self {
        let mut scene = Self::default();
        scene.look();
        scene
    }

    /// Names the labels of a container to come.
    pub(super) fn declare(&mut self, name: &str, project: &str, service: &str, depends_on: &str) {
        let pairs = [
            ("com.docker.compose.project", project),
            ("com.docker.compose.service", service),
            ("com.docker.compose.container-number", "1"),
            ("com.docker.compose.depends_on", depends_on),
        ];
        let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
        let labels = Labels::new(pairs.map(|(key, value)| (key.into(), value.into())));
        self.labels.insert(name.to_owned(), labels);
    }

    /// Any labels.
    pub(super) fn label(&mut self, name: &str, labels: &[(&str, &str)]) {
        let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into()));
        self.labels.insert(name.to_owned(), Labels::new(labels));
    }

    /// What the engine would show of a container from now on.
    pub(super) fn show(&mut self, name: &str, change: impl FnOnce(&mut Container)) {
        let labels = self.labels.get(name).cloned().unwrap_or_default();
        let bare = || {
            let mut container = Container::bare(id(name).as_str(), name, labels);
            container.image = "reg:5000/thing:7".into();
            container
        };
        change(self.containers.entry(name.to_owned()).or_insert_with(bare));
    }

    pub(super) fn hide(&mut self, name: &str) {
        self.containers.remove(name);
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        let at = time(i64::try_from(self.now).unwrap());
        let before: HashMap<_, _> =
            self.machine.picture.containers.iter().map(|entry| (entry.container.id.clone(), entry)).collect();
        let entry = |container: &Container| match before.get(&container.id) {
            Some(entry) if entry.container == *container => Arc::clone(entry),
            _ => Arc::new(Entry::bare(container.clone(), at)),
        };
        let containers = self.containers.values().map(entry).collect();
        let engine =
            EngineStatus { ready_since: Some(time(i64::try_from(self.now).unwrap() - 1)), ..EngineStatus::default() };
        Arc::new(Snapshot { containers, engine, host: Some("shed".into()), ..Snapshot::default() })
    }

    /// A picture.
    pub(super) fn look(&mut self) {
        let picture = self.snapshot();
        self.machine.picture(&picture, self.fresh, Duration::from_millis(self.now));
        self.collect();
    }

    /// An event at this moment of the engine's clock, heard when the owner's clock shows the same, or later.
    pub(super) fn event(&mut self, millisecond: u64, name: &str, kind: EventKind) {
        self.to(self.now.max(millisecond));
        self.hear(millisecond, name, kind);
    }

    pub(super) fn hear(&mut self, millisecond: u64, name: &str, kind: EventKind) {
        let labels = self.labels.get(name).cloned().unwrap_or_default();
        let named = [("name", name), ("image", "reg:5000/thing:7")].map(|(key, value)| (key.into(), value.into()));
        let pairs = labels.iter().map(|(key, value)| (key.into(), value.into())).chain(named);
        let event = Event { time: time(i64::try_from(millisecond).unwrap()), kind, attributes: Labels::new(pairs) };
        self.machine.event(&event, Duration::from_millis(self.now));
        self.collect();
    }

    pub(super) fn create(&mut self, at: u64, name: &str) {
        self.event(at, name, EventKind::Created(id(name)));
    }

    pub(super) fn start(&mut self, at: u64, name: &str) {
        self.event(at, name, EventKind::Started(id(name)));
    }

    pub(super) fn die(&mut self, at: u64, name: &str, code: i64) {
        self.event(at, name, EventKind::Died { id: id(name), exit_code: Some(code) });
    }

    pub(super) fn kill(&mut self, at: u64, name: &str, signal: Option<i64>) {
        self.event(at, name, EventKind::StopRequested { id: id(name), signal });
    }

    pub(super) fn oom(&mut self, at: u64, name: &str) {
        self.event(at, name, EventKind::Oom(id(name)));
    }

    pub(super) fn health(&mut self, at: u64, name: &str, status: HealthStatus) {
        self.event(at, name, EventKind::Health { id: id(name), status });
    }

    pub(super) fn destroy(&mut self, at: u64, name: &str) {
        self.hide(name);
        self.event(at, name, EventKind::Destroyed(id(name)));
    }

    /// Lets time pass, telling what comes due when it does.
    pub(super) fn to(&mut self, millisecond: u64) {
        let until = Duration::from_millis(millisecond);
        while let Some(due) = self.machine.due().filter(|due| *due <= until) {
            self.machine.tick(due);
            self.now = u64::try_from(due.as_millis()).unwrap().max(self.now);
            self.collect();
        }
        self.now = millisecond.max(self.now);
    }

    fn collect(&mut self) {
        self.told.extend(self.machine.take_told());
    }

    /// Everything told, as waterfalls.
    pub(super) fn waterfalls(&self) -> Vec<String> {
        self.told.iter().map(waterfall).collect()
    }
}

pub(super) fn id(name: &str) -> ContainerId {
    ContainerId::new(format!("{name:-<64}"))
}

/// Runs since then.
pub(super) fn runs(started: i64) -> impl FnOnce(&mut Container) {
    move |container| {
        container.created.get_or_insert(time(started - 100));
        container.started_at = Some(time(started));
        container.state = ContainerState::Running;
        (container.exit_code, container.finished_at) = (None, None);
        container.pid = Some(1);
    }
}

/// Has ended.
pub(super) fn ended(finished: i64, code: i64) -> impl FnOnce(&mut Container) {
    move |container| {
        container.finished_at = Some(time(finished));
        container.state = ContainerState::Exited;
        (container.exit_code, container.pid) = (Some(code), None);
    }
}

pub(super) fn policy(policy: RestartPolicy) -> impl FnOnce(&mut Container) {
    move |container| container.restart_policy = policy
}

/// A health check with these results: start, end, code.
pub(super) fn checked(status: HealthStatus, results: &[(i64, i64, i64)]) -> impl FnOnce(&mut Container) {
    let result = |(start, end, exit_code): &(i64, i64, i64)| HealthResult {
        start: time(*start),
        end: Some(time(*end)),
        exit_code: *exit_code,
    };
    let second = Duration::from_secs(1);
    let check = HealthCheck { interval: second, timeout: second, start_period: Duration::ZERO, retries: 3 };
    let health = Health { status, failing_streak: None, results: results.iter().map(result).collect(), check };
    move |container| container.health = Some(health)
}

/// Spans of a trace with the service each is of.
pub(super) fn spans(told: &Told) -> Vec<(String, Span)> {
    let mut all = Vec::new();
    for (bytes, count) in &told.requests {
        let request = ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap();
        let mut spans = 0;
        for group in request.resource_spans {
            let resource = group.resource.unwrap();
            let service = resource.attributes.iter().find(|pair| pair.key == "service.name").unwrap();
            let service = text(service.value.as_ref().unwrap());
            for scope in group.scope_spans {
                assert_eq!(scope.scope.unwrap().name, "spyhop.lifecycle");
                spans += scope.spans.len();
                all.extend(scope.spans.into_iter().map(|span| (service.clone(), span)));
            }
        }
        assert_eq!(usize::try_from(*count).unwrap(), spans);
    }
    assert_sound(&all);
    all
}

/// What holds of every trace.
fn assert_sound(spans: &[(String, Span)]) {
    let ids: HashMap<_, _> = spans.iter().map(|(_, span)| (span.span_id.clone(), span)).collect();
    assert_eq!(ids.len(), spans.len(), "ids are unique");
    let trace = &spans.first().unwrap().1.trace_id;
    assert_eq!(trace.len(), 16);
    let mut roots = 0;
    for (_, span) in spans {
        assert_eq!(&span.trace_id, trace);
        assert_eq!(span.kind, i32::from(SpanKind::Internal));
        assert!(span.span_id.len() == 8 && span.end_time_unix_nano >= span.start_time_unix_nano, "{span:?}");
        assert!(span.name.len() <= 512);
        match ids.get(&span.parent_span_id) {
            Some(parent) => {
                assert!(
                    parent.start_time_unix_nano <= span.start_time_unix_nano,
                    "{} before {}",
                    span.name,
                    parent.name
                );
                assert!(parent.end_time_unix_nano >= span.end_time_unix_nano, "{} after {}", span.name, parent.name);
            }
            None => {
                assert!(span.parent_span_id.is_empty(), "{} has a parent nobody has told", span.name);
                roots += 1;
            }
        }
    }
    assert_eq!(roots, 1);
}

pub(super) fn text(value: &AnyValue) -> String {
    match value.value.as_ref().unwrap() {
        any_value::Value::StringValue(text) => text.clone(),
        any_value::Value::BoolValue(flag) => flag.to_string(),
        any_value::Value::IntValue(number) => number.to_string(),
        any_value::Value::DoubleValue(number) => format!("{number}"),
        any_value::Value::ArrayValue(array) => array.values.iter().map(text).collect::<Vec<_>>().join(","),
        other => panic!("{other:?}"),
    }
}

pub(super) fn attribute(span: &Span, key: &str) -> Option<String> {
    span.attributes.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.as_ref()).map(text)
}

/// A trace as lines: depth, name, times in milliseconds, error, outcome.
pub(super) fn waterfall(told: &Told) -> String {
    let spans = spans(told);
    let mut lines = String::new();
    let children = |parent: &[u8]| {
        let mut children: Vec<&Span> =
            spans.iter().map(|(_, span)| span).filter(|span| span.parent_span_id == parent).collect();
        children.sort_by_key(|span| (span.start_time_unix_nano, span.end_time_unix_nano, span.name.clone()));
        children
    };
    let mut waiting: Vec<(usize, &Span)> = children(&[]).into_iter().map(|root| (0, root)).collect();
    while let Some((depth, span)) = waiting.pop() {
        let at = |nanoseconds: u64| i64::try_from(nanoseconds / 1_000_000).unwrap() - BEGAN;
        let (from, to) = (at(span.start_time_unix_nano), at(span.end_time_unix_nano));
        write!(lines, "{}{} {from}..{to}", "  ".repeat(depth), span.name).unwrap();
        if span.status.as_ref().is_some_and(|status| status.code == i32::from(StatusCode::Error)) {
            write!(lines, " ERROR {}", attribute(span, "error.type").unwrap()).unwrap();
        }
        if let Some(outcome) = attribute(span, "spyhop.outcome") {
            write!(lines, " {outcome}").unwrap();
        }
        for event in &span.events {
            write!(lines, " @{} {}", at(event.time_unix_nano), event.name).unwrap();
        }
        if !span.links.is_empty() {
            write!(lines, " ->{}", span.links.len()).unwrap();
        }
        lines.push('\n');
        waiting.extend(children(&span.span_id).into_iter().rev().map(|child| (depth + 1, child)));
    }
    lines
}
