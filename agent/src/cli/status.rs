//! `spyhop status`: what the running agent sees, as a table in the terminal.
//!
//! The answer is read leniently: every field may be missing, so that this command also works on an agent of another version.

mod logs;
mod probes;
mod sandbox;

use std::time::Duration;

use hyper::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;

use super::{
    Exit, answer,
    arguments::StatusArguments,
    client::{self, Question},
    door::Door,
    fail, harmless, table,
};

/// 10,000 containers with all their labels and mounts stay below it.
const QUESTION: Question =
    Question { path: "/api/v1/containers", timeout: Duration::from_secs(10), max_bytes: 64 * 1024 * 1024 };
/// Characters of a cell: names may be longer than a terminal is wide.
const MAX_CELL: usize = 40;
/// Characters of the engine's trouble.
const MAX_TROUBLE: usize = 200;
const NOTHING: &str = "-";
const HEADING: [&str; 9] =
    ["PROJECT", "SERVICE", "REPLICA", "STATE", "HEALTH", "CPU LIMIT", "MEMORY LIMIT", "RESTARTS", "UP"];

/// The part of `/api/v1/containers` which is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Page {
    host: Option<String>,
    engine: Option<Engine>,
    containers: Option<Vec<Container>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Engine {
    connected: Option<bool>,
    age_seconds: Option<f64>,
    trouble: Option<String>,
    version: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    project: Option<String>,
    service: Option<String>,
    replica: Option<String>,
    state: Option<String>,
    completed: Option<bool>,
    stopped_by_person: Option<bool>,
    exit_code: Option<i64>,
    oom_killed: Option<bool>,
    health: Option<Health>,
    limits: Option<Limits>,
    restart_count: Option<u64>,
    /// RFC 3339.
    started_at: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Health {
    status: Option<String>,
    failing_streak: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Limits {
    memory_bytes: Option<u64>,
    cpu_cores: Option<f64>,
}

pub(super) fn run(arguments: StatusArguments) -> Exit {
    let (config, sources) = match arguments.config.load_settings() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let door = match Door::with_credentials(&config, &sources.environment, &arguments.door) {
        Ok(door) => door,
        Err(reason) => return fail(&reason),
    };
    let response = match client::ask(&door, &QUESTION) {
        Ok(response) => response,
        Err(error) => return fail(&format!("{error}; is the agent running?")),
    };
    if response.status == StatusCode::UNAUTHORIZED {
        return fail(match door.authorization {
            None => "the agent wants credentials: give them with --credentials-file or http.auth.credentials_file",
            Some(_) => "the agent does not take these credentials",
        });
    }
    if response.status == StatusCode::FORBIDDEN {
        return fail("the agent wants a certificate: give one with --client-cert");
    }
    if response.status != StatusCode::OK {
        return fail(&format!("the agent answers with status {}", response.status.as_u16()));
    }
    if arguments.json {
        return answer(&format!("{}\n", String::from_utf8_lossy(&response.body).trim_end()));
    }
    match serde_json::from_slice(&response.body) {
        Ok(page) => answer(&render(
            &page,
            &(probes::lines(&door) + &logs::lines(&door) + &sandbox::lines(&door)),
            Timestamp::now(),
        )),
        Err(error) => fail(&format!("the answer is not what an agent says: {error}")),
    }
}

fn render(page: &Page, rest: &str, now: Timestamp) -> String {
    let containers = page.containers.as_deref().unwrap_or_default();
    let rows: Vec<Vec<String>> = containers.iter().map(|container| row(container, now)).collect();
    let mut text = heading(page, containers.len());
    text.push_str(rest);
    text.push('\n');
    text.push_str(&table::render(&HEADING, &rows));
    text
}

/// Host, engine and, when it is not heard, how old the rest is; a line each.
fn heading(page: &Page, containers: usize) -> String {
    let host = harmless(page.host.as_deref().unwrap_or("unknown host"), MAX_CELL);
    let containers = format!("{containers} container{}", if containers == 1 { "" } else { "s" });
    let Some(engine) = &page.engine else { return format!("{host}, {containers}\n") };
    let version = engine.version.as_deref().map(|version| format!(" {}", harmless(version, MAX_CELL)));
    let mut text = format!("{host}, engine{}, {containers}\n", version.unwrap_or_default());
    if engine.connected == Some(false) {
        let age = engine.age_seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        text.push_str(&match age {
            Some(age) => format!("The engine has not been heard for {}", table::age(age.as_secs())),
            None => "The engine has not been heard yet".to_owned(),
        });
        text.push_str(&match &engine.trouble {
            Some(trouble) => format!(": {}\n", harmless(trouble, MAX_TROUBLE)),
            None => ".\n".to_owned(),
        });
    }
    text
}

fn row(container: &Container, now: Timestamp) -> Vec<String> {
    let limits = container.limits.as_ref();
    vec![
        word(container.project.as_deref()),
        word(container.service.as_deref()),
        word(container.replica.as_deref()),
        state(container),
        health(container.health.as_ref().filter(|_| lives(container))),
        or_nothing(limits.and_then(|limits| limits.cpu_cores).map(|cores| cores.to_string())),
        or_nothing(limits.and_then(|limits| limits.memory_bytes).map(table::bytes)),
        or_nothing(container.restart_count.map(|count| count.to_string())),
        up(container, now),
    ]
}

fn word(text: Option<&str>) -> String {
    or_nothing(text.filter(|text| !text.is_empty()).map(|text| harmless(text, MAX_CELL)))
}

fn or_nothing(text: Option<String>) -> String {
    text.unwrap_or_else(|| NOTHING.to_owned())
}

/// The engine's word, or what became of an exited container.
fn state(container: &Container) -> String {
    match (container.state.as_deref(), container.exit_code) {
        (Some("exited"), _) if container.completed == Some(true) => "completed".to_owned(),
        (Some("exited"), _) if container.stopped_by_person == Some(true) => "stopped".to_owned(),
        (Some("exited"), Some(code)) if container.oom_killed == Some(true) => format!("exited ({code}, out of memory)"),
        (Some("exited"), Some(code)) => format!("exited ({code})"),
        (state, _) => word(state),
    }
}

/// Whether there is a process to be healthy. The engine keeps its last word on health when a container has ended, mostly `unhealthy`.
fn lives(container: &Container) -> bool {
    !matches!(container.state.as_deref(), Some("exited" | "dead" | "created" | "removing"))
}

fn health(health: Option<&Health>) -> String {
    let status = health.and_then(|health| health.status.as_deref());
    match health.and_then(|health| health.failing_streak) {
        Some(streak) if streak > 0 => format!("{} ({streak} failed)", word(status)),
        _ => word(status),
    }
}

/// How long the present run lasts.
fn up(container: &Container, now: Timestamp) -> String {
    let runs = matches!(container.state.as_deref(), Some("running" | "paused"));
    let started = container.started_at.as_deref().filter(|_| runs).and_then(|text| text.parse::<Timestamp>().ok());
    // A start in the future is a clock that was set back: no age can be told.
    let seconds = started.and_then(|started| u64::try_from(now.duration_since(started).as_secs()).ok());
    or_nothing(seconds.map(table::age))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(json: &str) -> String {
        render(&serde_json::from_str(json).unwrap(), "", "2026-01-02T00:00:00Z".parse().unwrap())
    }

    #[test]
    fn a_page_becomes_a_table() {
        let text = rendered(
            r#"{"host":"lab","engine":{"connected":true,"version":"20.10.24","extra":1},"containers":[
            {"project":"shop","service":"web","replica":"1","state":"running","health":{"status":"unhealthy","failing_streak":3},
             "limits":{"memory_bytes":134217728,"cpu_cores":0.5},"restart_count":2,"started_at":"2026-01-01T20:58:00Z"},
            {"project":"","service":"lone","replica":"1","state":"exited","exit_code":137,"oom_killed":true},
            {"project":"shop","service":"migrate","replica":"1","state":"exited","exit_code":0,"completed":true,"health":{"status":"unhealthy"}},
            {"project":"shop","service":"old","replica":"1","state":"exited","exit_code":143,"stopped_by_person":true},
            {"service":"evil\u001b[2J","state":"paused","started_at":"2027-01-01T00:00:00Z"}]}"#,
        );
        let expected = "\
lab, engine 20.10.24, 5 containers

PROJECT  SERVICE   REPLICA  STATE                        HEALTH                CPU LIMIT  MEMORY LIMIT  RESTARTS  UP
shop     web       1        running                      unhealthy (3 failed)  0.5        128 MiB       2         3h 2m
-        lone      1        exited (137, out of memory)  -                     -          -             -         -
shop     migrate   1        completed                    -                     -          -             -         -
shop     old       1        stopped                      -                     -          -             -         -
-        evil?[2J  -        paused                       -                     -          -             -         -
";
        assert_eq!(text, expected);
    }

    #[test]
    fn an_engine_which_is_not_heard_is_named_first() {
        let text = rendered(
            r#"{"host":"lab","engine":{"connected":false,"age_seconds":192.4,"trouble":"connection refused"}}"#,
        );
        assert!(
            text.starts_with(
                "lab, engine, 0 containers\nThe engine has not been heard for 3m 12s: connection refused\n\nPROJECT"
            ),
            "{text}"
        );
        let text = rendered(r#"{"engine":{"connected":false,"age_seconds":-1.0}}"#);
        assert!(text.starts_with("unknown host, engine, 0 containers\nThe engine has not been heard yet.\n"), "{text}");
    }

    #[test]
    fn an_empty_answer_is_an_empty_table() {
        assert_eq!(rendered("{}").lines().count(), 3);
        assert_eq!(rendered(r#"{"host":null,"engine":null,"containers":null}"#).lines().count(), 3);
    }
}
