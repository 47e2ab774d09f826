//! Loki is away, or does not say that it was there.

use std::time::Duration;

use crate::{
    loki::{Fault, Limits, Receiver},
    shop::Shop,
    support::{
        log_writer::{LogFile, now},
        tls_proxy::Authority,
        wait::{eventually, holds, within},
    },
};

/// [1] Down and back: loss 0 although logs keep two seconds of lines only, which shows that readers never waited; nothing twice; memory flat.
#[test]
fn down_costs_nothing_while_the_spool_has_room() {
    let logs = ["web", "db", "cache"].map(|name| (name, LogFile::rotating(Some(64 << 10), 3, false), 3));
    let mut shop = Shop::of(logs.into(), Receiver::usual(), "", "");
    shop.write(10);
    shop.complete();
    let before = shop.agent().usage();
    shop.loki.refuse();
    within(Duration::from_secs(40), "lines go to disk", || {
        shop.write(8);
        holds(shop.spooled() > 100_000, || format!("{} bytes spooled", shop.spooled()))
    });
    let during = shop.agent().usage();
    assert!(during.rss < before.rss + (24 << 20), "{before:?} {during:?}");
    shop.loki.listen();
    shop.complete();
    eventually("the spool is empty again", || {
        let left = shop.spooled();
        holds(left == 0, || format!("{left} bytes left"))
    });
}

/// [1] The spool outlives the process: down, SIGTERM, lines written meanwhile, started again, back: loss 0, nothing twice.
#[test]
fn what_waits_on_disk_is_sent_by_the_next_process() {
    let mut shop = Shop::open(&["web", "db"]);
    shop.write(100);
    shop.complete();
    shop.loki.refuse();
    shop.write(500);
    let took = shop.terminate();
    assert!(took < Duration::from_secs(10), "{took:?}");
    shop.write(500);
    shop.start();
    shop.write(100);
    shop.loki.listen();
    shop.complete();
}

/// [2] Connections that are taken and never answered: given up after the timeout, none is left open, loss 0, nothing twice.
#[test]
fn a_black_hole_is_left_after_the_timeout() {
    let mut shop = Shop::with(&["web"], Receiver::usual(), "  timeout: 1s\n", "");
    shop.write(10);
    shop.complete();
    let handles = shop.agent().usage().handles;
    shop.loki.black_hole(true);
    let (taken, _) = shop.loki.connections();
    shop.write(200);
    within(Duration::from_secs(30), "three attempts", || {
        let now = shop.loki.connections().0;
        holds(now >= taken + 3, || format!("{taken} to {now}"))
    });
    assert!(shop.agent().usage().handles <= handles + 2, "{handles} before, {:?}", shop.agent().usage());
    shop.loki.black_hole(false);
    shop.complete();
}

/// [2] An answer that comes byte by byte, later than the timeout: sent again byte for byte, so that Loki knows it again; nothing twice.
#[test]
fn a_slow_answer_is_no_reason_to_send_anything_else() {
    let mut shop = Shop::with(&["web"], Receiver::usual(), "  timeout: 1s\n", "");
    shop.loki.fail(2, Fault::Slow(Duration::from_millis(200)));
    shop.write(300);
    shop.complete();
    let asked = shop.loki.asked();
    assert_eq!(asked[0].body, asked[1].body, "the same bytes again");
    assert!(shop.loki.streams().iter().map(|stream| stream.recognised).sum::<u64>() > 0);
}

/// [2] A certificate nobody vouches for: nothing leaves, one clear warning, loss 0 once the authority is given.
#[test]
fn lines_wait_for_a_certificate_that_can_be_trusted() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    authority.write_client(folder.path());
    let loki = Receiver::tls(Limits::default(), authority.server("localhost"));
    let mut shop = Shop::with(&["web"], loki, "", "");
    let url = format!("https://localhost:{}", shop.loki.address().port());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let client = format!("  cert_file: {}\n  key_file: {}\n", file("cert.pem"), file("key.pem"));
    shop.terminate();
    shop.configure(&url, &client, "");
    shop.start();
    shop.write(200);
    eventually("the agent says why", || {
        let log = shop.agent().log();
        holds(log.contains("log lines are kept back") && log.contains("certificate"), || log)
    });
    assert_eq!(shop.loki.count(), 0);
    shop.terminate();
    shop.configure(&url, &format!("{client}  ca_file: {}\n", file("ca.pem")), "");
    shop.start();
    shop.complete();
}

/// [2] A name nobody knows: loss 0 once it is mended.
#[test]
fn lines_wait_for_a_name_that_can_be_resolved() {
    let mut shop = Shop::open(&["web"]);
    shop.terminate();
    shop.configure("http://loki.invalid:3100", "", "");
    shop.start();
    shop.write(200);
    eventually("the agent says why", || {
        let log = shop.agent().log();
        holds(log.contains("log lines are kept back"), || log)
    });
    shop.terminate();
    shop.configure(&shop.loki.url(), "", "");
    shop.start();
    shop.complete();
}

/// [3] Three hours of lines wait, and new ones are written while they are sent: oldest first, none too far behind.
#[test]
fn a_backlog_is_sent_oldest_first() {
    let mut shop = Shop::open(&["web", "db"]);
    shop.loki.refuse();
    let began = now() - 3 * 3_600_000_000_000;
    for service in shop.services.values_mut() {
        for step in 0..1080 {
            let text = service.run.line() + "\n";
            service.log.record("stdout", &text, began + step * 10_000_000_000);
        }
    }
    within(Duration::from_secs(30), "the backlog goes to disk", || {
        shop.write(1);
        holds(shop.spooled() > 0, || "nothing spooled".to_owned())
    });
    shop.loki.listen();
    within(Duration::from_secs(40), "all of it arrives while more is written", || {
        shop.write(1);
        holds(shop.loki.count() > 2200, || format!("{} lines", shop.loki.count()))
    });
    shop.complete();
    assert_eq!(shop.loki.all_discarded(), 0);
}

/// [4] Every twentieth push is stored and its answer lost: loss 0, seen twice at most a chunk of each stream for each, below 0.5 % of all.
#[test]
fn a_lost_answer_costs_next_to_nothing() {
    let mut shop = Shop::with(&["web", "db"], Receiver::usual(), "", "");
    for round in 0..60_usize {
        match round % 20 {
            5 => shop.loki.fail(1, Fault::LostAnswer { status: 502 }),
            15 => shop.loki.fail(1, Fault::LostReset),
            _ => {}
        }
        let pushes = shop.loki.pushes();
        shop.write(100);
        eventually("another push", || holds(shop.loki.pushes() > pushes, || format!("{pushes} pushes")));
    }
    let written: usize = 2 * 60 * 100;
    let accounts = shop.settle();
    let twice: usize = accounts.values().map(|account| account.twice).sum();
    let recognised: u64 = shop.loki.streams().iter().map(|stream| stream.recognised).sum();
    println!("{written} lines, {recognised} recognised, {twice} seen twice");
    assert!(recognised > 0 && twice * 200 < written, "{recognised} recognised, {twice} of {written} seen twice");
    accounts.values().for_each(|account| account.is_complete(200));
}
