//! The commands as a person or an engine calls them: the real binary, its output and its exit codes.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test which cannot go on has failed")]

mod agent;
mod completions;
mod config;
mod fake_agent;
mod golden;
mod help;
mod render;

use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// The binary, with nothing of this process' environment that could change what it does.
fn spyhop(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("spyhop").unwrap();
    command.env_clear().args(arguments);
    command
}

/// What a run has left behind.
struct Outcome {
    code: i32,
    stdout: String,
    stderr: String,
}

fn outcome(command: &mut Command) -> Outcome {
    let output = command.output().unwrap();
    Outcome {
        code: output.status.code().expect("ended by itself"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
