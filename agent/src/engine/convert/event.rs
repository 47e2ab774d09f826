//! One line of `GET /events` -> what it means here. Words as Engine 20.10 to 29 and Podman write them.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{api, is_plausible};
use crate::model::{ContainerId, Event, EventKind, HealthStatus, Labels};

/// What a line says: nothing, one thing, or two (joining a network changes the container and the network).
///
/// The order in which an end is told is not to be relied on. Recorded: Engine 20.10 says kill, die, network disconnect (at times
/// twice), stop; Engine 28 says kill, stop, network disconnect, die. A restart adds start and restart after that, in both. A
/// start is network connect, start.
pub(in crate::engine) fn events(line: api::EventMessage, received: Timestamp) -> Vec<Event> {
    let time = time(&line).unwrap_or(received);
    let actor = line.actor.unwrap_or_default();
    let attributes = actor.attributes.unwrap_or_default();
    let action = line.action.unwrap_or_default();
    let id = actor.id.filter(|id| !id.is_empty());
    match (line.typ, id) {
        (Some(api::EventType::Container), Some(id)) => {
            let kind = of_container(ContainerId::new(id), &action, &attributes);
            vec![Event { time, kind, attributes: labels(attributes) }]
        }
        // The attributes of these are the network's: nothing in them says who a container is.
        (Some(api::EventType::Network), id) => {
            let bare = |kind| Event { time, kind, attributes: Labels::default() };
            of_network(id, &action, attributes).into_iter().map(bare).collect()
        }
        // Of the type `system`, which the API's list of types does not know.
        (_, None) if action == "log-rotation" => {
            vec![Event { time, kind: EventKind::Turnover, attributes: Labels::default() }]
        }
        _ => vec![Event { time, kind: EventKind::Other, attributes: Labels::default() }],
    }
}

fn labels(attributes: HashMap<String, String>) -> Labels {
    Labels::new(attributes.into_iter().map(|(key, value)| (key.into(), value.into())))
}

/// `timeNano`, else `time`.
fn time(line: &api::EventMessage) -> Option<Timestamp> {
    let nanoseconds = line.time_nano.filter(|time| *time > 0).map(|time| Timestamp::from_nanosecond(i128::from(time)));
    let seconds = || line.time.filter(|time| *time > 0).map(Timestamp::from_second);
    nanoseconds.or_else(seconds)?.ok().filter(is_plausible)
}

fn of_container(id: ContainerId, action: &str, attributes: &HashMap<String, String>) -> EventKind {
    let number = |key: &str| attributes.get(key).and_then(|text| text.parse().ok());
    match action {
        "create" => EventKind::Created(id),
        "start" => EventKind::Started(id),
        "die" | "died" => EventKind::Died { id, exit_code: number("exitCode").or_else(|| number("containerExitCode")) },
        "oom" => EventKind::Oom(id),
        "kill" => EventKind::StopRequested { id, signal: number("signal") },
        "stop" => EventKind::StopRequested { id, signal: None },
        "destroy" | "remove" => EventKind::Destroyed(id),
        "pause" | "unpause" | "rename" | "update" | "restart" => EventKind::Changed(id),
        _ => match action.strip_prefix("health_status") {
            Some(rest) => of_health(id, rest, attributes),
            None => EventKind::Other,
        },
    }
}

/// `health_status: healthy`; Podman may carry the word in an attribute instead.
fn of_health(id: ContainerId, rest: &str, attributes: &HashMap<String, String>) -> EventKind {
    let word = match rest.trim_start_matches(':').trim() {
        "" => attributes.get("health_status").map_or("", |word| word.as_str()),
        word => word,
    };
    let status = match word {
        "healthy" => HealthStatus::Healthy,
        "unhealthy" => HealthStatus::Unhealthy,
        "starting" => HealthStatus::Starting,
        // A check was begun: no change of the status.
        "running" => return EventKind::Other,
        _ => return EventKind::Changed(id),
    };
    EventKind::Health { id, status }
}

/// Docker names the network as the actor and the container among the attributes; with Podman, whose mark is `podId`,
/// the container is the actor.
fn of_network(actor: Option<String>, action: &str, mut attributes: HashMap<String, String>) -> Vec<EventKind> {
    match action {
        "connect" | "disconnect" => {
            let container = attributes.remove("container").filter(|id| !id.is_empty());
            let container = container.or_else(|| actor.filter(|_| attributes.contains_key("podId")));
            let changed = container.map(|id| EventKind::Changed(ContainerId::new(id)));
            changed.into_iter().chain([EventKind::NetworkChanged]).collect()
        }
        "create" | "destroy" | "remove" | "update" => vec![EventKind::NetworkChanged],
        _ => vec![EventKind::Other],
    }
}
