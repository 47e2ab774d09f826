//! Help texts, and command lines that cannot be understood.

use crate::{golden, outcome, spyhop};

#[test]
fn help_texts() {
    let commands: [(&str, &[&str]); 21] = [
        ("spyhop", &[]),
        ("run", &["run"]),
        ("check", &["check"]),
        ("init", &["init"]),
        ("status", &["status"]),
        ("render", &["render"]),
        ("render_alerts", &["render", "alerts"]),
        ("render_dashboards", &["render", "dashboards"]),
        ("render_prometheus", &["render", "prometheus"]),
        ("render_grafana", &["render", "grafana"]),
        ("render_k8s", &["render", "k8s"]),
        ("config", &["config"]),
        ("config_check", &["config", "check"]),
        ("config_print", &["config", "print"]),
        ("health", &["health"]),
        ("version", &["version"]),
        ("completions", &["completions"]),
        ("completions_bash", &["completions", "bash"]),
        ("helper", &["helper"]),
        ("helper_netns", &["helper", "netns"]),
        ("broker", &["broker"]),
    ];
    for (name, command) in commands {
        let run = outcome(spyhop(command).arg("--help"));
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{name}");
        // One help for all shells.
        let name = name.trim_end_matches("_bash");
        golden::check(&format!("help_{name}.txt"), &run.stdout);
    }
}

#[test]
fn without_a_command_help_is_shown_and_the_call_is_a_mistake() {
    for arguments in [&[][..], &["config"]] {
        let run = outcome(&mut spyhop(arguments));
        assert_eq!((run.code, run.stdout.as_str()), (64, ""), "{arguments:?}");
        assert!(run.stderr.contains("Usage: spyhop"), "{}", run.stderr);
    }
}

#[test]
fn command_lines_which_cannot_be_understood_end_with_64() {
    for (arguments, expected) in [
        (&["stauts"][..], "similar subcommand exists: 'status'"),
        (&["run", "--lisen", "x"], "similar argument exists: '--listen'"),
        (&["run", "--set", "log.level"], "write KEY=VALUE"),
        (&["completions", "tcsh"], "possible values: bash, zsh, fish"),
        (&["health", "now"], "unexpected argument 'now'"),
    ] {
        let run = outcome(&mut spyhop(arguments));
        assert_eq!((run.code, run.stdout.as_str()), (64, ""), "{arguments:?}");
        assert!(run.stderr.contains(expected), "{arguments:?}: {}", run.stderr);
    }
}

#[test]
fn the_version_is_told() {
    let run = outcome(&mut spyhop(&["version"]));
    assert_eq!(run.code, 0);
    let expected = format!("spyhop {} (revision ", env!("CARGO_PKG_VERSION"));
    assert!(run.stdout.starts_with(&expected) && run.stdout.contains("linux"), "{}", run.stdout);
    let short = outcome(&mut spyhop(&["--version"]));
    assert_eq!((short.code, short.stdout), (0, format!("spyhop {}\n", env!("CARGO_PKG_VERSION"))));
}
