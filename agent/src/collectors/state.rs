//! `spyhop_container_*`: what the engine says of containers of every state.

use jiff::Timestamp;

use super::{reading::Reading, row::Row, units::unix_seconds};
use crate::{
    exposition::{LabelSet, Page, Value, catalogue::service as family},
    inventory::Entry,
    model::{ContainerState, HealthResult, metric::Family},
};

pub(super) fn write(reading: &Reading, page: &mut Page) {
    info(reading, page);
    one_of(reading, page, &family::CONTAINER_STATE, &STATES, state);
    health(reading, page);
    each(reading, page, &family::CONTAINER_RESTARTS, |row| row.entry.container.restart_count.map(Value::U64));
    time(reading, page, &family::CONTAINER_CREATED, |entry| entry.container.created);
    time(reading, page, &family::CONTAINER_STARTED, |entry| entry.container.started_at);
    time(reading, page, &family::CONTAINER_FINISHED, |entry| entry.container.finished_at);
    each(reading, page, &family::CONTAINER_EXIT_CODE, |row| exit_code(&row.entry).map(Value::from));
    each(reading, page, &family::CONTAINER_OOM_KILLED, |row| row.entry.container.oom_killed.map(Value::from));
    each(reading, page, &family::CONTAINER_OOM_KILLS, |row| Some(Value::U64(row.oom_kills())));
    time(reading, page, &family::CONTAINER_IMAGE_CREATED, |entry| entry.image_created);
    ports(reading, page);
    time(reading, page, &family::CONTAINER_INSPECTED, |entry| Some(entry.inspected_at));
}

/// Every value of the label `state`.
const STATES: [&str; 10] =
    ["created", "running", "paused", "restarting", "removing", "exited", "completed", "stopped", "dead", "unknown"];

/// The engine's word, but for the two sorts of exit that are no failure. A person's wish comes first: whoever stops a
/// one-shot container wants to see it stopped.
fn state(entry: &Entry) -> &'static str {
    let container = &entry.container;
    match container.state {
        ContainerState::Exited if entry.stopped_by_person => "stopped",
        ContainerState::Exited if container.completed() => "completed",
        state => state.as_str(),
    }
}

/// Every value of the label `state` of health.
const HEALTH_STATES: [&str; 5] = ["none", "starting", "healthy", "unhealthy", "unknown"];

fn health_state(entry: &Entry) -> &'static str {
    entry.container.health.as_ref().map_or("none", |health| health.status.as_str())
}

fn health(reading: &Reading, page: &mut Page) {
    one_of(reading, page, &family::CONTAINER_HEALTH_STATE, &HEALTH_STATES, health_state);
    each(reading, page, &family::CONTAINER_HEALTH_FAILING_STREAK, |row| {
        row.entry.container.health.as_ref()?.failing_streak.map(Value::U64)
    });
    let newest = |row: &Row| row.entry.container.health.as_ref()?.results.last().copied();
    each(reading, page, &family::CONTAINER_HEALTH_CHECK_DURATION, |row| {
        newest(row)?.duration().map(|duration| duration.as_secs_f64().into())
    });
    each(reading, page, &family::CONTAINER_HEALTH_CHECK_SUCCESS, |row| {
        newest(row).as_ref().map(HealthResult::passed).map(Value::from)
    });
    each(reading, page, &family::CONTAINER_HEALTH_CHECK_TIMESTAMP, |row| {
        newest(row).map(|result| unix_seconds(result.start).into())
    });
    each(reading, page, &family::CONTAINER_HEALTH_CHECK_INTERVAL, |row| {
        row.entry.container.health.as_ref().map(|health| health.check.interval.as_secs_f64().into())
    });
}

/// Of the newest run; while a container runs, the engine still shows the code of the run before.
fn exit_code(entry: &Entry) -> Option<i64> {
    let container = &entry.container;
    let runs = matches!(container.state, ContainerState::Running | ContainerState::Paused);
    container.exit_code.filter(|_| !runs && container.finished_at.is_some())
}

fn info(reading: &Reading, page: &mut Page) {
    let mut writer = page.family(&family::CONTAINER_INFO);
    for row in &reading.rows {
        let container = &row.entry.container;
        let extra = [
            ("id", container.id.as_str()),
            ("name", &container.name),
            ("image", &container.image),
            ("image_id", container.image_id.as_deref().unwrap_or_default()),
        ];
        writer.sample_with(&row.own, &extra, 1_u64);
    }
}

fn ports(reading: &Reading, page: &mut Page) {
    let mut writer = page.family(&family::CONTAINER_PUBLISHED_PORT);
    for row in &reading.rows {
        let mut last = None;
        for port in &row.entry.container.ports {
            // Ports are sorted: the engine lists one twice when two families of addresses share it.
            if last.replace(port) == Some(port) {
                continue;
            }
            let (mut inner, mut outer) = (itoa::Buffer::new(), itoa::Buffer::new());
            let extra = [
                ("port", inner.format(port.container_port)),
                ("protocol", &port.protocol),
                ("host_ip", &port.host_ip),
                ("host_port", outer.format(port.host_port)),
            ];
            writer.sample_with(&row.own, &extra, 1_u64);
        }
    }
}

/// A state set: 1 for the word that holds, 0 for the others, so that a rule can ask for each without `absent`.
fn one_of(
    reading: &Reading,
    page: &mut Page,
    family: &'static Family,
    words: &[&str],
    read: impl Fn(&Entry) -> &'static str,
) {
    let words: Vec<_> = words.iter().map(|word| (*word, LabelSet::new([("state", *word)]))).collect();
    let mut writer = page.family(family);
    for row in &reading.rows {
        let holds = read(&row.entry);
        for (word, tag) in &words {
            writer.tagged(&row.own, tag, *word == holds);
        }
    }
}

fn time(reading: &Reading, page: &mut Page, family: &'static Family, read: impl Fn(&Entry) -> Option<Timestamp>) {
    each(reading, page, family, |row| read(&row.entry).map(|time| unix_seconds(time).into()));
}

/// One family over containers of every state.
pub(super) fn each(reading: &Reading, page: &mut Page, family: &'static Family, read: impl Fn(&Row) -> Option<Value>) {
    let mut writer = page.family(family);
    let mut write = |labels: &LabelSet, value: Value| writer.sample(labels, value);
    for row in &reading.rows {
        if let Some(value) = read(row) {
            write(&row.own, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{collectors::row::tests::entry, model::RestartPolicy};

    #[test]
    fn exits_are_told_apart() {
        let exited = |code, by_person, policy| {
            let mut entry = entry("job", 1);
            entry.container.state = ContainerState::Exited;
            entry.container.exit_code = Some(code);
            entry.container.restart_policy = policy;
            entry.stopped_by_person = by_person;
            state(&entry)
        };
        assert_eq!(exited(0, false, RestartPolicy::No), "completed");
        assert_eq!(exited(0, true, RestartPolicy::No), "stopped");
        assert_eq!(exited(0, false, RestartPolicy::Always), "exited");
        assert_eq!(exited(1, false, RestartPolicy::No), "exited");
        assert_eq!(exited(137, true, RestartPolicy::Always), "stopped");
        let mut running = entry("web", 1);
        running.stopped_by_person = true;
        assert_eq!(state(&running), "running");
    }

    #[test]
    fn every_word_of_the_engine_is_a_state() {
        use ContainerState::{Created, Dead, Exited, Paused, Removing, Restarting, Running, Unknown};
        for word in [Created, Running, Paused, Restarting, Removing, Exited, Dead, Unknown].map(ContainerState::as_str)
        {
            assert!(STATES.contains(&word), "{word}");
        }
        use crate::model::HealthStatus::{self, Healthy, Starting, Unhealthy};
        for word in [Starting, Healthy, Unhealthy, HealthStatus::Unknown].map(HealthStatus::as_str) {
            assert!(HEALTH_STATES.contains(&word), "{word}");
        }
    }

    #[test]
    fn the_exit_code_shows_while_the_container_does_not_run() {
        let mut entry = entry("job", 1);
        entry.container.exit_code = Some(3);
        entry.container.finished_at = Some(Timestamp::UNIX_EPOCH);
        assert_eq!(exit_code(&entry), None);
        for state in [ContainerState::Exited, ContainerState::Restarting, ContainerState::Dead] {
            entry.container.state = state;
            assert_eq!(exit_code(&entry), Some(3));
        }
        entry.container.finished_at = None;
        assert_eq!(exit_code(&entry), None);
    }
}
