//! Lines of every kind, and times of every kind.

use std::time::{Duration, Instant};

use crate::{
    shop::Shop,
    support::{
        log_writer::now,
        wait::{factor, holds, within},
    },
};

const HOUR: i64 = 3_600_000_000_000;

/// [25] The engine's clock jumps back and forth, and two outputs are not in order: loss 0, nothing refused; what is moved says where it was.
#[test]
fn clock_steps_lose_nothing() {
    let mut shop = Shop::open(&["web"]);
    let service = shop.service("web");
    let began = now();
    let steps = [0, -2 * HOUR, -2 * HOUR + 1, 0, 2 * HOUR, 2 * HOUR + 5, 1_000_000, -1, 0, 900_000_000, -900_000_000];
    for (at, step) in (0..).zip(steps.iter().cycle().take(110)) {
        let text = service.run.line() + "\n";
        let stream = if at % 3 == 0 { "stderr" } else { "stdout" };
        service.log.record(stream, &text, began + step + at);
    }
    let account = shop.settle().remove("web").unwrap();
    // Two outputs are two streams: order is kept within each.
    assert!(account.missing.is_empty() && account.twice == 0 && account.broken == 0, "{account:?}");
    for stream in ["stdout", "stderr"] {
        let entries = shop.loki.entries("stream", stream);
        let numbers: Vec<u64> = entries.iter().filter_map(|entry| entry.line.split(' ').nth(1)?.parse().ok()).collect();
        assert!(numbers.is_sorted(), "{stream}: {numbers:?}");
    }
    assert_eq!(shop.loki.all_discarded(), 0);
}

/// [27] A line of 5 MB, deeply nested JSON and 131 KB with secrets: others' lines are there within two seconds, and no secret leaves.
#[test]
fn monstrous_lines_hold_up_nobody() {
    let mut shop = Shop::open(&["monster", "web"]);
    shop.write_to("web", 1);
    shop.complete();
    let secret = "postgres://user:hunter-two@db/shop";
    let nested = format!("{}1{}", "{\"a\":".repeat(1000), "}".repeat(1000));
    let lines = [
        "x".repeat(5_000_000),
        format!("{{\"pad\":\"{}\",\"deep\":{nested}}}", "y".repeat(1_000_000)),
        format!("{}password={secret} ", "token of no worth ".repeat(60)).repeat(115),
    ];
    for line in lines {
        let service = shop.service("monster");
        let time = now();
        // As dockerd keeps it: parts of 16 KiB, all of one time.
        let parts: Vec<_> = line.as_bytes().chunks(16 << 10).collect();
        for (at, part) in parts.iter().enumerate() {
            let end = if at + 1 == parts.len() { "\n" } else { "" };
            service.log.record("stdout", &(String::from_utf8_lossy(part).into_owned() + end), time);
        }
        let begun = Instant::now();
        shop.write_to("web", 1);
        let wanted = shop.services["web"].run.next as usize;
        within(Duration::from_secs(2).mul_f64(factor()), "a line of the other one", || {
            let found = shop.loki.entries("service_name", "web").len();
            holds(found == wanted, || format!("{found} of {wanted}"))
        });
        println!("{} bytes: the other line after {} ms", line.len(), begun.elapsed().as_millis());
    }
    within(Duration::from_secs(20), "all three", || {
        let found = shop.loki.entries("service_name", "monster").len();
        holds(found == 3, || format!("{found} of 3"))
    });
    for entry in shop.loki.entries("service_name", "monster") {
        assert!(entry.line.len() <= 262_144, "{}", entry.line.len());
        assert!(!entry.line.contains("hunter-two"), "a secret left");
    }
}

/// [28] A trace on one output and lines on the other, parted by rotation and by a restart: each trace is one entry, nothing is mixed or lost.
#[test]
fn a_trace_is_one_entry_across_rotation_and_restart() {
    let mut shop = Shop::open(&["web"]);
    let trace = ["java.lang.IllegalStateException: no whale", "\tat a.B.c(B.java:1)", "\tat a.B.d(B.java:2)"];
    let tell = |shop: &mut Shop, from: usize, to: usize| {
        for line in &trace[from..to] {
            let service = shop.service("web");
            service.log.record("stderr", &format!("{line}\n"), now());
            service.log.write(&mut service.run, 1);
        }
    };
    tell(&mut shop, 0, 2);
    shop.service("web").log.rotate();
    tell(&mut shop, 2, 3);
    shop.complete();
    tell(&mut shop, 0, 1);
    shop.terminate();
    tell(&mut shop, 1, 3);
    shop.start();
    shop.complete();
    let whole = trace.join("\n");
    within(Duration::from_secs(20), "two traces", || {
        let traces: Vec<_> = shop.loki.entries("stream", "stderr").into_iter().map(|entry| entry.line).collect();
        holds(traces == [whole.clone(), whole.clone()], || format!("{traces:?}"))
    });
}
