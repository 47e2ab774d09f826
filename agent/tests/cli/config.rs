//! `spyhop config`: reports, printed configurations, and the documentation in step with the table.

use std::fs;

use crate::{golden, outcome, repository, spyhop};

/// A file with a mistake of every kind; `hunter2` must never be seen again.
const WRONG: &str = "\
# secret: hunter2
http:
  listen: localhost:9477
  max_connections: lots
  header_timeout: 5
  idle_timeout: 3d
  write_timeout:
  max_unread_size: 64 mib
  listen: 0.0.0.0:9477
htpp:
  listen: hunter2
listen: 127.0.0.1:1
engine:
  address: tcp://me:hunter2@10.0.0.1:2375
host:
  name: \"two words\"
  proc: proc
  rootfs: [/]
metrics: all
containers:
  include: web-*
  exclude: [project=ci-*, web, {name: x}]
services: {forget_after: 2 hours}
state:
  directory: !path /var/lib/spyhop
loki:
  password: hunter2
log:
  level: verbose
  format: &format jsn
  colour: *format
";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn every_mistake_is_in_one_report() {
    let folder = folder();
    fs::write(folder.path().join("spyhop.yml"), WRONG).unwrap();
    let mut command =
        spyhop(&["config", "check", "--config", "spyhop.yml", "--listen", "9477", "--set", "metric.collect=node"]);
    command.env("SPYHOP__METRICS__COLLECT", "nodes,container,hosts").env("SPYHOP__LOG_LEVEL", "info");
    let run = outcome(command.env("SPYHOP_OTLP_ENDPOINT", "http://hunter2@tempo:4318").current_dir(&folder));
    assert_eq!((run.code, run.stdout.as_str()), (3, ""));
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
    golden::check("config_errors.txt", &run.stderr);
}

#[test]
fn mistakes_before_a_syntax_error_are_in_the_same_report() {
    let folder = folder();
    fs::write(folder.path().join("spyhop.yml"), "http:\n  listen: nowhere\nlog:\n  level: [info\n").unwrap();
    let run = outcome(spyhop(&["config", "check", "--config", "spyhop.yml"]).current_dir(&folder));
    assert_eq!(run.code, 3);
    let lines: Vec<_> = run.stderr.lines().collect();
    assert!(lines[1].starts_with("spyhop.yml:2:11: http.listen: \"nowhere\" is not an address"), "{}", run.stderr);
    assert!(run.stderr.contains("not valid YAML"), "{}", run.stderr);
}

#[test]
fn a_good_file_is_ok() {
    let folder = folder();
    fs::write(folder.path().join("spyhop.yml"), "log: {level: debug}\n").unwrap();
    let run = outcome(spyhop(&["config", "check", "--config", "spyhop.yml"]).current_dir(&folder));
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "ok: spyhop.yml\n", ""));
}

#[test]
fn a_missing_file_is_a_mistake_only_when_it_was_asked_for() {
    let run = outcome(spyhop(&["config", "check"]).env("SPYHOP_CONFIG", "/nonexistent.yml"));
    assert_eq!(run.code, 3);
    assert!(run.stderr.contains("environment SPYHOP_CONFIG: read /nonexistent.yml: No such file"), "{}", run.stderr);
    assert_eq!(outcome(&mut spyhop(&["run", "--config", "/nonexistent.yml"])).code, 3);
}

#[test]
fn the_default_configuration_is_printed_and_can_be_loaded() {
    let run = outcome(&mut spyhop(&["config", "print", "--config", "/dev/null"]));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    golden::check("default_config.yml", &run.stdout);
    let path = repository("agent/tests/golden/default_config.yml");
    let again = outcome(spyhop(&["config", "check", "--config"]).arg(&path));
    assert_eq!((again.code, again.stderr.as_str()), (0, ""));
}

#[test]
fn the_printed_configuration_says_where_values_came_from() {
    let folder = folder();
    fs::write(folder.path().join("spyhop.yml"), "http:\n  max_connections: 8\ncontainers:\n  exclude: [name=tmp*]\n")
        .unwrap();
    let mut command =
        spyhop(&["config", "print", "--config", "spyhop.yml", "--log-level", "debug", "--set", "host.name=web-01"]);
    let run = outcome(
        command.env("SPYHOP__STATE__DIRECTORY", "off").env("DOCKER_HOST", "unix:///run/d.sock").current_dir(&folder),
    );
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    for line in [
        "  listen: 127.0.0.1:9477 # default",
        "  max_connections: 8 # spyhop.yml:2:20",
        "  address: unix:///run/d.sock # environment DOCKER_HOST",
        "  name: web-01 # flag --set",
        "  exclude: # spyhop.yml:4:12\n    - \"name=tmp*\"",
        "  directory: off # environment SPYHOP__STATE__DIRECTORY",
        "  level: debug # flag --log-level",
    ] {
        assert!(run.stdout.contains(line), "{line}\n{}", run.stdout);
    }
}

#[test]
fn a_reader_who_has_seen_enough_is_no_failure() {
    let shell = format!("{} config print | head -n 1", env!("CARGO_BIN_EXE_spyhop"));
    let run = std::process::Command::new("bash").args(["-o", "pipefail", "-c", &shell]).output().unwrap();
    assert!(run.status.success() && run.stderr.is_empty(), "{run:?}");
}

#[test]
fn the_documentation_is_in_step_with_the_table() {
    golden::check_file(&repository("docs/configuration.md"), &spyhop::config::markdown());
}
