//! Lines come whole, however the engine took them apart.

use std::time::Duration;

use crate::{
    support::{
        log_writer::{Run, line},
        wait::{eventually, holds, within},
    },
    yard::{Yard, said, wait_for_end},
};

/// [14] Rotation at 64 KiB, some seven times a second: loss 0.
#[test]
fn a_storm_of_rotation_is_followed() {
    let Some(yard) = Yard::or_skip() else { return };
    let mut run = Run::new("storm");
    for part in 1..=60 {
        yard.give(&format!("storm{part}"), &mut run, 200);
    }
    // What is rotated away before anybody knows of the container is another matter. The pause leaves an unoptimised reader its share.
    let script = "echo here; until test -e /go; do sleep 0.1; done; for n in $(seq 60); do cat /lines/storm$n; sleep 0.1; done; sleep 1000";
    let container = yard
        .container("storm", script)
        .options(&["--log-driver", "json-file", "--log-opt", "max-size=64k", "--log-opt", "max-file=20"])
        .start();
    yard.has("storm", "stdout", &["here".to_owned()]);
    container.exec("touch /go");
    yard.complete("storm", &run);
    container.remove();
}

/// [15] Lines around 16 KiB, one of 90 KB across rotations, and long ones on both outputs at once: each is one line, to the byte.
#[test]
fn long_lines_come_whole() {
    let Some(yard) = Yard::or_skip() else { return };
    let sizes = [16_383, 16_384, 16_385, 32_768, 90_000, 90_000, 1];
    let out: Vec<String> = (0..).zip(sizes).map(|(at, size)| line("long", at, size)).collect();
    let err: Vec<String> = (0..20).map(|at| line("err", at, 40_000)).collect();
    let both: Vec<String> = (0..20).map(|at| line("out", at, 40_000)).collect();
    yard.put("long", &(out.join("\n") + "\n"));
    yard.put("out", &(both.join("\n") + "\n"));
    yard.put("err", &(err.join("\n") + "\n"));
    let container = yard
        .container("long", "cat /lines/long; cat /lines/out & cat /lines/err >&2; wait; sleep 1000")
        .options(&["--log-driver", "json-file", "--log-opt", "max-size=64k", "--log-opt", "max-file=100"])
        .start();
    yard.has("long", "stdout", &[out, both].concat());
    yard.has("long", "stderr", &err);
    container.remove();
}

/// [16] A last line without an end, and another run of the same container: two lines. A container killed in the middle of one: the fragment is
/// there within five seconds.
#[test]
fn a_line_without_an_end_is_a_line() {
    let Some(yard) = Yard::or_skip() else { return };
    let script = "if test -e /again; then echo bar; else touch /again; printf foo; fi";
    let container = yard.container("fragment", script).start();
    wait_for_end(&container);
    container.act(&["start"]);
    yard.has("fragment", "stdout", &["foo".to_owned(), "bar".to_owned()]);
    let killed = yard.container("killed", "printf 'half a li'; touch /said; sleep 1000").start();
    eventually("it has spoken", || said(&yard, &killed));
    killed.act(&["kill"]);
    let (_, took) = within(Duration::from_secs(5), "the fragment", || {
        let texts = yard.texts("killed", "stdout");
        holds(texts == ["half a li"], || format!("{texts:?}"))
    });
    println!("fragment after {} ms", took.as_millis());
}

/// [17] A terminal: CR is no part of lines, colours are gone, lines of 40 KB are whole.
#[test]
fn a_terminal_leaves_no_trace_in_lines() {
    let Some(yard) = Yard::or_skip() else { return };
    let long = line("tty", 0, 40_000);
    yard.put("tty", &format!("plain\n\u{1b}[31mred\u{1b}[0m line\n{long}\n"));
    let container = yard.container("tty", "cat /lines/tty; sleep 1000").options(&["--tty"]).start();
    yard.has("tty", "stdout", &["plain".to_owned(), "red line".to_owned(), long]);
    container.remove();
}

/// [28] Traces as programs print them, on both outputs: each is one entry.
#[test]
fn a_trace_of_a_real_program_is_one_entry() {
    let Some(yard) = Yard::or_skip() else { return };
    let python = [
        "Traceback (most recent call last):",
        "  File \"a.py\", line 1, in <module>",
        "    f()",
        "ValueError: no whale",
    ];
    let java = [
        "java.lang.IllegalStateException: no whale",
        "\tat a.B.c(B.java:1)",
        "Caused by: java.io.IOException: sea",
        "\t... 3 more",
    ];
    yard.put("python", &(python.join("\n") + "\n"));
    yard.put("java", &(java.join("\n") + "\n"));
    let script = "for n in 1 2 3; do cat /lines/python; echo between; cat /lines/java >&2; done; sleep 1000";
    let container = yard.container("traces", script).start();
    let out = [python.join("\n"), "between".to_owned()];
    yard.has("traces", "stdout", &[out.clone(), out.clone(), out].concat());
    let java = java.join("\n");
    yard.has("traces", "stderr", &[java.clone(), java.clone(), java]);
    container.remove();
}
