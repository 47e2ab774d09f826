//! Lines that no container wrote: the engine's events, and what the agent says of itself.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use serde::Serialize;

use super::{
    super::{
        Mark, Position, Rank,
        assemble::Line,
        board::{Board, Dropped, ServiceLog},
        loki::Metadata,
        parse::Hint,
        redact::Names,
        rules::{Allowance, Rules},
        stream::Stream,
        streams::Streams,
    },
    listing::labels,
    shape::{Output, Shaper, Whose},
};
use crate::model::{Event, EventKind, HealthStatus, Identity, LogStream, ServiceKey};

/// The service of the engine's events.
const EVENTS: &str = "docker-events";
/// The service of the agent's own lines.
const OWN: &str = "spyhop";

/// Events are told again after a gap in the connection: so many are remembered.
const REMEMBERED: usize = 1024;

/// Something to be sent that is no container's line.
#[derive(Debug)]
pub(in crate::logs) enum Side {
    /// An event.
    Event(Event),
    /// A line of the agent's own log, and when it was said, in nanoseconds since 1970.
    Own(String, i64),
}

/// Makes lines of both.
#[derive(Debug)]
pub(super) struct Sides {
    events: Option<Voice>,
    own: Option<Voice>,
    recent: VecDeque<u64>,
}

/// One of them.
#[derive(Debug)]
struct Voice {
    whose: Whose,
    output: Output,
}

impl Sides {
    /// Of the host with this name; those that are switched on.
    pub(super) fn new(
        host: &str,
        (events, own): (bool, bool),
        board: &Board,
        shaper: &Shaper,
        streams: &mut Streams,
    ) -> Self {
        let mut voice = |on: bool, service: &str| on.then(|| Voice::new(host, service, board, shaper, streams));
        Self { events: voice(events, EVENTS), own: voice(own, OWN), recent: VecDeque::new() }
    }

    /// Puts one into its stream's chunk.
    pub(super) fn take(&mut self, side: &Side, shaper: &mut Shaper, streams: &mut Streams) {
        match side {
            Side::Event(event) => {
                let Some(text) = describe(event) else { return };
                let time = i64::try_from(event.time.as_nanosecond()).unwrap_or(i64::MAX);
                if let Some(voice) = &mut self.events
                    && is_new(&mut self.recent, time, &text)
                {
                    voice.say(time, &text, shaper, streams);
                }
            }
            Side::Own(text, time) => {
                if let Some(voice) = &mut self.own {
                    voice.say(*time, text, shaper, streams);
                }
            }
        }
    }

    /// Counts what came faster than it was taken.
    pub(super) fn missed(&self, lines: u64) {
        if let Some(voice) = self.events.as_ref().or(self.own.as_ref()).filter(|_| lines > 0) {
            voice.whose.service.drop_lines(Dropped::Flood, lines);
        }
    }
}

impl Voice {
    fn new(host: &str, service: &str, board: &Board, shaper: &Shaper, streams: &mut Streams) -> Self {
        let key = ServiceKey { project: "".into(), service: service.into() };
        let log: Arc<ServiceLog> = board.service(&key);
        let stream = LogStream::Stderr;
        let labels = labels(host, &key.project, &key.service, stream);
        let slot = streams.slot(&Arc::new(Stream { labels, service: Arc::clone(&log) }), shaper.clock.now());
        let whose = Whose {
            origin: None,
            service: log,
            metadata: Metadata::new(),
            rules: Rules::default(),
            allowance: Allowance::default(),
            names: Names::NONE,
            reads_facts: true,
        };
        let output = Output { stream, slot, hint: Hint::default(), secrets: shaper.redactor.state(Names::NONE) };
        Self { whose, output }
    }

    fn say(&mut self, time: i64, text: &str, shaper: &mut Shaper, streams: &mut Streams) {
        let nowhere = Mark { position: Position::Time { time, taken: 0 }, rank: Rank(0, 0) };
        let stream = self.output.stream;
        let (cut_bytes, joined_lines) = (0, 1);
        let line = Line { stream, time, text, beyond: "", start: nowhere, end: nowhere, cut_bytes, joined_lines };
        let everywhere = streams.everywhere();
        shaper.shape(&line, &mut self.whose, &mut self.output, everywhere, streams);
    }
}

/// Whether this was not said lately.
fn is_new(recent: &mut VecDeque<u64>, time: i64, text: &str) -> bool {
    let mut hasher = DefaultHasher::new();
    (time, text).hash(&mut hasher);
    let hash = hasher.finish();
    if recent.contains(&hash) {
        return false;
    }
    if recent.len() >= REMEMBERED {
        recent.pop_front();
    }
    recent.push_back(hash);
    true
}

/// An event as a line. What is absent is left out.
#[derive(Serialize)]
struct Described<'a> {
    level: &'static str,
    action: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<&'static str>,
    container_id: &'a str,
    container_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    project: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    service: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
}

/// The line of an event; `None` for those that tell nothing to anybody.
fn describe(event: &Event) -> Option<String> {
    let (id, level, action) = match &event.kind {
        EventKind::Created(id) => (id, "info", "create"),
        EventKind::Started(id) => (id, "info", "start"),
        EventKind::Died { id, exit_code } => (id, if *exit_code == Some(0) { "info" } else { "warn" }, "die"),
        EventKind::Oom(id) => (id, "error", "oom"),
        EventKind::StopRequested { id, signal: Some(_) } => (id, "info", "kill"),
        EventKind::StopRequested { id, signal: None } => (id, "info", "stop"),
        EventKind::Health { id, status: HealthStatus::Unhealthy } => (id, "error", "health_status"),
        EventKind::Health { id, .. } => (id, "info", "health_status"),
        EventKind::Changed(id) => (id, "info", "change"),
        EventKind::Destroyed(id) => (id, "info", "destroy"),
        EventKind::NetworkChanged | EventKind::Turnover | EventKind::Other => return None,
    };
    // What networks tell of their members comes without the member's name, and says nothing the container's own events do not.
    let name = event.attributes.get("name").filter(|name| !name.is_empty())?;
    let identity = Identity::from_labels(&event.attributes, name);
    let described = Described {
        level,
        action,
        exit_code: if let EventKind::Died { exit_code, .. } = event.kind { exit_code } else { None },
        signal: if let EventKind::StopRequested { signal, .. } = event.kind { signal } else { None },
        health: if let EventKind::Health { status, .. } = event.kind { Some(status.as_str()) } else { None },
        container_id: id.short(),
        container_name: name,
        project: &identity.key.project,
        service: &identity.key.service,
        image: event.attributes.get("image"),
    };
    serde_json::to_string(&described).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ContainerId, Labels};

    #[test]
    fn events_are_told_once_and_in_words() {
        let attributes = [
            ("name", "shop-web-1"),
            ("image", "web:1"),
            ("com.docker.compose.service", "web"),
            ("com.docker.compose.project", "shop"),
            ("exitCode", "137"),
        ];
        let event = Event {
            time: "2026-11-28T06:00:00.000000001Z".parse().unwrap(),
            kind: EventKind::Died { id: ContainerId::new("a".repeat(64)), exit_code: Some(137) },
            attributes: Labels::new(attributes.map(|(key, value)| (key.into(), value.into()))),
        };
        let text = describe(&event).unwrap();
        assert_eq!(
            text,
            r#"{"level":"warn","action":"die","exit_code":137,"container_id":"aaaaaaaaaaaa","container_name":"shop-web-1","project":"shop","service":"web","image":"web:1"}"#
        );
        let mut recent = VecDeque::new();
        assert!(is_new(&mut recent, 1, &text) && !is_new(&mut recent, 1, &text) && is_new(&mut recent, 2, &text));
        assert_eq!((0..5000).filter(|time| is_new(&mut recent, *time, "flood")).count(), 5000);
        assert!(recent.len() <= REMEMBERED);
        assert_eq!(describe(&Event { kind: EventKind::NetworkChanged, ..event }), None);
    }
}
