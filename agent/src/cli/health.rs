//! `spyhop health`: one question to the running agent, for HEALTHCHECK in an image without a shell.

use std::time::Duration;

use super::{
    Exit, answer,
    arguments::ConfigArguments,
    client::{self, Question},
    complain,
    door::Door,
    harmless,
};

/// Shorter than any sensible HEALTHCHECK timeout, so that the reason is ours and not the engine's.
const QUESTION: Question = Question { path: "/health/ready", timeout: Duration::from_secs(2), max_bytes: 64 * 1024 };
/// Characters of the agent's reason which are printed.
const MAX_REASON: usize = 200;

pub(super) fn run(arguments: ConfigArguments) -> Exit {
    let (config, sources) = match arguments.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let door = match Door::open(&config, &sources.environment) {
        Ok(door) => door,
        Err(reason) => return no(&reason),
    };
    match client::ask(&door, &QUESTION) {
        Ok(response) if response.status.is_success() => answer("ready\n"),
        Ok(response) => {
            let body = String::from_utf8_lossy(&response.body);
            let reason = harmless(body.lines().next().unwrap_or_default(), MAX_REASON);
            no(&format!("not ready: status {}: {reason}", response.status.as_u16()))
        }
        Err(error) => no(&error.to_string()),
    }
}

fn no(reason: &str) -> Exit {
    complain(reason);
    Exit::No
}
