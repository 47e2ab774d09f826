//! The agent ends, well or badly, while lines are written: what was read goes on at the very record.
//!
//! Numbers in brackets are those of the list in docs/decisions/0015-log-failures.md.

#[path = "support/loki/mod.rs"]
mod loki;
#[path = "support/log_shop.rs"]
mod shop;
mod support;

use std::{fs, process::Command, time::Duration};

use loki::Receiver;
use shop::Shop;
use support::{
    log_writer::LogFile,
    scene::binary,
    wait::{eventually, holds, within},
};

/// Lines of a chunk of 64 KiB at most: each has some 200 bytes of its own, and its metadata.
const CHUNK: usize = (64 << 10) / 200;

/// [11] SIGKILL again and again under load, Loki there: loss 0, at most one chunk of each stream twice for each kill, order kept.
#[test]
fn a_kill_repeats_what_was_on_its_way_and_no_more() {
    const KILLS: usize = 25;
    let logs = ["web", "db"].map(|name| (name, LogFile::rotating(Some(512 << 10), 10, true), 10));
    let mut shop = Shop::of(logs.into(), Receiver::usual(), "", "");
    for kill in 0..KILLS {
        let before = shop.loki.count();
        // Under load: it dies between any two things it does, now after little, now after much.
        within(Duration::from_secs(30), "lines arrive", || {
            shop.write(20);
            holds(shop.loki.count() > before + kill * 40, || format!("{} lines", shop.loki.count()))
        });
        shop.kill();
        shop.write(50);
        shop.start();
    }
    for (name, account) in shop.settle() {
        println!("{name}: {} lines, {} twice in {KILLS} kills", account.found, account.twice);
        account.is_complete(KILLS * CHUNK);
    }
}

/// [11] SIGKILL while Loki is away and lines go to disk: loss 0, and nothing twice but what was in memory.
#[test]
fn a_kill_during_an_outage_loses_nothing() {
    const KILLS: usize = 4;
    let mut shop = Shop::open(&["web", "db"]);
    shop.write(10);
    shop.complete();
    shop.loki.refuse();
    for _ in 0..KILLS {
        let spooled = shop.spooled();
        within(Duration::from_secs(30), "more goes to disk", || {
            shop.write(10);
            holds(shop.spooled() > spooled, || format!("{spooled} bytes"))
        });
        shop.kill();
        shop.start();
    }
    shop.loki.listen();
    for (name, account) in shop.settle() {
        println!("{name}: {} lines, {} twice in {KILLS} kills", account.found, account.twice);
        account.is_complete(KILLS * CHUNK);
    }
}

/// [11] SIGTERM under load, Loki there: loss 0, nothing twice.
#[test]
fn a_good_end_repeats_nothing() {
    let mut shop = Shop::open(&["web", "db"]);
    for _ in 0..5 {
        shop.write(300);
        let took = shop.terminate();
        assert!(took < Duration::from_secs(10), "{took:?}");
        shop.write(100);
        shop.start();
    }
    shop.complete();
}

/// [11] SIGTERM with a Loki that is down, and with one that takes connections and says nothing: ended within ten seconds, nothing twice.
#[test]
fn an_end_does_not_wait_for_loki() {
    let mut shop = Shop::open(&["web"]);
    shop.write(100);
    shop.complete();
    shop.loki.refuse();
    shop.write(200);
    let took = shop.terminate();
    println!("down: {} ms", took.as_millis());
    assert!(took < Duration::from_secs(10), "{took:?}");
    shop.loki.listen();
    shop.loki.black_hole(true);
    let taken = shop.loki.connections().0;
    shop.start();
    shop.write(200);
    eventually("it tries", || holds(shop.loki.connections().0 > taken, || "no connection".to_owned()));
    let took = shop.terminate();
    println!("silent: {} ms", took.as_millis());
    assert!(took < Duration::from_secs(10), "{took:?}");
    shop.loki.black_hole(false);
    shop.start();
    shop.complete();
}

/// [32] A second agent with the same state: it does not start, says why, and costs the first one nothing.
#[test]
fn two_agents_do_not_share_a_state() {
    let mut shop = Shop::open(&["web"]);
    shop.write(50);
    let second = Command::new(binary()).arg("run").arg("--config").arg(shop.home.config()).output().unwrap();
    assert!(!second.status.success());
    let said = format!("{}{}", String::from_utf8_lossy(&second.stdout), String::from_utf8_lossy(&second.stderr));
    assert!(said.contains("state"), "{said}");
    shop.write(50);
    shop.complete();
}

/// [32] A second agent with a state of its own: both ship, the first as if it were alone.
#[test]
fn two_agents_with_a_state_each_both_ship() {
    let mut shop = Shop::open(&["web"]);
    let loki = Receiver::usual();
    let home = support::agent::Home::with(&binary(), &shop.engine.socket(), &shop::settings(&loki.url(), "", ""));
    let second = home.start();
    shop.write(200);
    shop.complete();
    eventually("the second ships them too", || holds(loki.count() == 200, || format!("{} lines", loki.count())));
    drop(second);
}

/// [31] What an older or newer version left is set aside, not misread: it starts, and loss is 0 for what container files still hold.
#[test]
fn state_of_another_version_is_set_aside() {
    let mut shop = Shop::open(&["web"]);
    shop.write(100);
    shop.complete();
    shop.loki.refuse();
    shop.write(100);
    shop.terminate();
    let positions = shop.spool().with_file_name("positions");
    let mut bytes = fs::read(&positions).unwrap();
    // The version stands behind seven letters that say what it is.
    let version = bytes.get_mut(7).unwrap();
    *version = version.wrapping_add(1);
    fs::write(&positions, bytes).unwrap();
    shop.start();
    shop.loki.listen();
    shop.write(10);
    let account = shop.settle().remove("web").unwrap();
    assert!(account.missing.is_empty() && account.broken == 0, "{:?}", account.missing);
    assert!(shop.agent().log().contains("positions of logs were not whole"), "{}", shop.agent().log());
}
