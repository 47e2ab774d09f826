//! What `spyhop status` says of probes: how many fail, and a line for each of the first few.

use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;

use super::{
    super::{
        client::{self, Question},
        door::Door,
        harmless,
    },
    MAX_CELL, MAX_TROUBLE,
};

const QUESTION: Question =
    Question { path: "/api/v1/probes", timeout: Duration::from_secs(2), max_bytes: 16 * 1024 * 1024 };

/// Failing probes that are named.
const NAMED: usize = 5;

/// The part of `/api/v1/probes` which is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Probes {
    probes: Vec<Probe>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Probe {
    project: String,
    service: String,
    probe: String,
    state: String,
    text: String,
}

/// Nothing where nobody is asked, and of an agent that does not know the question.
pub(super) fn lines(door: &Door) -> String {
    let answer = client::ask(door, &QUESTION).ok().filter(|answer| answer.status == StatusCode::OK);
    answer
        .and_then(|answer| serde_json::from_slice(&answer.body).ok())
        .map(|probes| render(&probes))
        .unwrap_or_default()
}

fn render(Probes { probes }: &Probes) -> String {
    if probes.is_empty() {
        return String::new();
    }
    let failing: Vec<_> = probes.iter().filter(|probe| probe.state == "failing").collect();
    let mut text = match failing.len() {
        0 => format!("Probes: {}, none fails\n", probes.len()),
        count => format!("Probes: {count} of {} fail\n", probes.len()),
    };
    for Probe { project, service, probe, text: why, .. } in failing.into_iter().take(NAMED) {
        let [project, service, probe] = [project, service, probe].map(|name| harmless(name, MAX_CELL));
        let name = if project.is_empty() { service } else { format!("{project}/{service}") };
        text.push_str(&format!("  {name}, {probe}: {}\n", harmless(why, MAX_TROUBLE)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_probes_are_named() {
        let said = |json: &str| render(&serde_json::from_str(json).unwrap());
        let text = said(
            r#"{"probes":[{"project":"shop","service":"web","probe":"health","state":"failing","text":"answered 503\u001b[2J"},
                {"service":"site","probe":"site","state":"failing","text":"nobody listens on the port"},{"state":"ok"}]}"#,
        );
        let expected =
            "Probes: 2 of 3 fail\n  shop/web, health: answered 503?[2J\n  site, site: nobody listens on the port\n";
        assert_eq!(text, expected);
        assert_eq!(said(r#"{"probes":[{"state":"ok"}]}"#), "Probes: 1, none fails\n");
        assert_eq!(said(r#"{"probes":[]}"#) + &said("{}"), "");
    }
}
