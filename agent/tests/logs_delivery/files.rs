//! Container files are damaged, emptied, deleted and replaced while they are read.

use std::{fs, os::unix::fs::MetadataExt as _};

use crate::{
    loki::Receiver,
    shop::{Service, Shop, container},
    support::{
        log_writer::{LogFile, Run},
        wait::{eventually, holds},
    },
};

/// [23] Holes of NULs and records torn in half, the next one glued to them: every whole record arrives once, all other bytes are counted.
#[test]
fn damage_costs_nothing_but_itself() {
    let mut shop = Shop::open(&["web"]);
    for hole in [1_u64, 4096, 2 << 20] {
        shop.write(50);
        let log = &mut shop.service("web").log;
        log.raw(b"{\"log\":\"half a reco");
        log.offset += hole;
        shop.write(50);
        shop.service("web").log.raw(&[0; 100]);
        shop.write(10);
    }
    shop.complete();
    let corrupt = 3 * (19 + 100) + 1 + 4096 + (2 << 20);
    assert_eq!(shop.counted("spyhop_logs_corrupt_bytes_total", "web", &[]), f64::from(corrupt));
}

/// [24] `truncate -s 0` under a writer that goes on at its old place, twice: every line written once it was emptied arrives, none twice.
#[test]
fn an_emptied_file_is_read_on() {
    let mut shop = Shop::open(&["web"]);
    for _ in 0..3 {
        shop.write(200);
        shop.complete();
        shop.service("web").log.truncate();
    }
    shop.write(200);
    shop.complete();
}

/// [24] A file deleted under its writer, and a new one in its place: lines of both arrive once.
#[test]
fn a_deleted_file_is_read_to_its_end() {
    let mut shop = Shop::open(&["web"]);
    shop.write(200);
    shop.complete();
    shop.service("web").log.delete();
    shop.write(200);
    shop.complete();
    shop.service("web").log.create();
    shop.write(200);
    shop.complete();
}

/// [24] Another file has the inode of the one that was read: it is read from its beginning.
#[test]
fn a_used_inode_is_another_file() {
    let mut shop = Shop::open(&["web"]);
    shop.write(500);
    shop.complete();
    shop.terminate();
    let path = shop.service("web").log.path();
    let inode = fs::metadata(&path).unwrap().ino();
    // The same inode, as if it had been freed and used again: emptied and written from its beginning.
    shop.service("web").log.create();
    assert_eq!(fs::metadata(&path).unwrap().ino(), inode);
    shop.write(300);
    shop.start();
    shop.complete();
}

/// [13] The agent is away while logs are rotated and packed, and all files are still there: it goes on at the very record, nothing twice.
#[test]
fn rotation_while_nobody_reads_is_followed() {
    for packs in [false, true] {
        let log = LogFile::rotating(Some(100_000), 5, packs);
        let mut shop = Shop::of(vec![("web", log, 5)], Receiver::usual(), "", "");
        shop.write(300);
        shop.complete();
        shop.terminate();
        shop.write(1000);
        assert!(shop.service("web").log.rotations >= 2);
        shop.start();
        shop.complete();
    }
}

/// [14] Rotation as fast as the newest file can be opened, two kept and one: loss 0, and no gap that the files do not look like. Where
/// one is kept, a pause between the end of one and the beginning of the next looks like one.
#[test]
fn a_storm_of_rotation_is_followed() {
    for kept in [2, 1] {
        let log = LogFile::rotating(None, kept, false);
        let mut shop = Shop::of(vec![("web", log, kept)], Receiver::usual(), "", "");
        for _ in 0..100 {
            shop.write(50);
            let newest = fs::metadata(shop.service("web").log.path()).unwrap().ino();
            // Held is enough: what has no name any more is read all the same. Seen twice, for looking for files holds them for a moment too.
            let mut seen = 0;
            eventually("the newest file is held", || {
                let held = fs::read_dir(format!("/proc/{}/fd", shop.agent().pid())).unwrap().flatten();
                let mut inodes = held.filter_map(|entry| Some(fs::metadata(entry.path()).ok()?.ino()));
                seen = if inodes.any(|inode| inode == newest) { seen + 1 } else { 0 };
                holds(seen >= 2, || "it is not".to_owned())
            });
            shop.service("web").log.rotate();
        }
        shop.complete();
        let gaps = shop.counted("spyhop_logs_gaps_total", "web", &[("reason", "rotations_missed")]);
        let pauses = shop.service("web").log.pauses;
        assert!(gaps <= f64::from(pauses), "{gaps} gaps, {pauses} pauses");
        assert!(pauses <= if kept == 1 { 50 } else { 0 }, "{pauses} pauses");
    }
}

/// [21] The engine is away: its containers' files are read on; back, it is asked again, and a container it has got meanwhile is read too.
#[test]
fn files_are_read_on_without_their_engine() {
    let mut shop = Shop::open(&["web"]);
    shop.write(50);
    shop.complete();
    shop.engine.stop();
    shop.write(50);
    shop.complete();
    let mut log = LogFile::new();
    let mut run = Run::new("late-run");
    log.write(&mut run, 20);
    shop.engine.add(container("late", &log, 1));
    shop.engine.restart();
    shop.services.insert("late".to_owned(), Service { log, run });
    shop.write(50);
    shop.complete();
}
