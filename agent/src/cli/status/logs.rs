//! What `spyhop status` says of logs: a line for each destination, and one for the service whose lines have waited longest.

use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;

use super::{
    super::{
        client::{self, Question},
        door::Door,
        harmless, table,
    },
    MAX_CELL, MAX_TROUBLE,
};

const QUESTION: Question =
    Question { path: "/api/v1/logs", timeout: Duration::from_secs(2), max_bytes: 16 * 1024 * 1024 };

/// A shorter lag is the time lines take.
const LAG: f64 = 60.0;

/// The part of `/api/v1/logs` which is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Logs {
    destinations: Vec<Destination>,
    services: Vec<Service>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Destination {
    name: String,
    trouble: Option<Trouble>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Trouble {
    text: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Service {
    project: String,
    service: String,
    lag_seconds: f64,
}

/// Nothing where logs go nowhere, and of an agent that does not know the question: containers are what was asked for.
pub(super) fn lines(door: &Door) -> String {
    let answer = client::ask(door, &QUESTION).ok().filter(|answer| answer.status == StatusCode::OK);
    answer.and_then(|answer| serde_json::from_slice(&answer.body).ok()).map(|logs| render(&logs)).unwrap_or_default()
}

fn render(logs: &Logs) -> String {
    let mut text = String::new();
    for Destination { name, trouble } in &logs.destinations {
        let name = harmless(name, MAX_CELL);
        text.push_str(&match trouble {
            Some(trouble) => format!("Logs to {name} are kept back: {}\n", harmless(&trouble.text, MAX_TROUBLE)),
            None => format!("Logs to {name}: ok\n"),
        });
    }
    let late = logs.services.iter().max_by(|a, b| a.lag_seconds.total_cmp(&b.lag_seconds));
    if let Some(late) = late.filter(|late| late.lag_seconds >= LAG) {
        let age = Duration::try_from_secs_f64(late.lag_seconds).unwrap_or_default();
        let [project, service] = [&late.project, &late.service].map(|name| harmless(name, MAX_CELL));
        let name = if project.is_empty() { service } else { format!("{project}/{service}") };
        text.push_str(&format!("The oldest line that waits is {} old, of {name}\n", table::age(age.as_secs())));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_and_the_latest_service_are_named() {
        let said = |json: &str| render(&serde_json::from_str(json).unwrap());
        let text = said(
            r#"{"destinations":[{"name":"loki:3100","state":"ok"},
                {"name":"far","trouble":{"kind":"unreachable","text":"connection refused\u001b[2J"}}],
            "services":[{"project":"shop","service":"web","lag_seconds":605.0},{"project":"","service":"lone","lag_seconds":61.5}]}"#,
        );
        let expected = "Logs to loki:3100: ok\nLogs to far are kept back: connection refused?[2J\nThe oldest line that waits is 10m 5s old, of shop/web\n";
        assert_eq!(text, expected);
        assert_eq!(said(r#"{"destinations":[],"services":[{"lag_seconds":2}]}"#), "");
        assert_eq!(said("{}"), "");
    }
}
