//! What `spyhop status` says of what the agent's processes have given up: one line.

use std::{collections::BTreeMap, time::Duration};

use hyper::StatusCode;
use serde::Deserialize;

use super::{
    super::{
        client::{self, Question},
        door::Door,
        harmless,
    },
    MAX_CELL,
};

const QUESTION: Question = Question { path: "/api/v1/version", timeout: Duration::from_secs(2), max_bytes: 64 * 1024 };

/// The part of `/api/v1/version` which is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Version {
    sandbox: BTreeMap<String, BTreeMap<String, bool>>,
}

/// Nothing of an agent that does not know, or not yet.
pub(super) fn lines(door: &Door) -> String {
    let answer = client::ask(door, &QUESTION).ok().filter(|answer| answer.status == StatusCode::OK);
    answer
        .and_then(|answer| serde_json::from_slice(&answer.body).ok())
        .map(|version| render(&version))
        .unwrap_or_default()
}

fn render(Version { sandbox }: &Version) -> String {
    if sandbox.is_empty() {
        return String::new();
    }
    let lacking = sandbox.iter().filter_map(|(process, measures)| {
        let lacking = measures.iter().filter(|(_, holds)| !**holds).map(|(measure, _)| harmless(measure, MAX_CELL));
        let lacking: Vec<_> = lacking.collect();
        (!lacking.is_empty()).then(|| format!("{} lacks {}", harmless(process, MAX_CELL), lacking.join(", ")))
    });
    let lacking: Vec<_> = lacking.collect();
    let processes: Vec<_> = sandbox.keys().map(|process| harmless(process, MAX_CELL)).collect();
    match lacking.is_empty() {
        true => format!("Sandbox: {} complete\n", processes.join(" and ")),
        false => format!("Sandbox: {}\n", lacking.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_is_named() {
        let rendered = |json: &str| render(&serde_json::from_str(json).unwrap());
        assert_eq!(rendered("{}"), "");
        assert_eq!(
            rendered(r#"{"sandbox":{"agent":{"seccomp":true,"landlock":false},"broker":{"seccomp":true}}}"#),
            "Sandbox: agent lacks landlock\n"
        );
        assert_eq!(
            rendered(r#"{"sandbox":{"agent":{"seccomp":true},"broker":{}}}"#),
            "Sandbox: agent and broker complete\n"
        );
    }
}
