//! The agent's own disk is full, torn or not there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    loki::Receiver,
    shop::Shop,
    support::{
        log_writer::LogFile,
        wait::{eventually, holds, within},
    },
};

/// A small filesystem of its own, unmounted when dropped.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path, size: &str) -> Self {
        fs::create_dir_all(at).unwrap();
        run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", &at.display().to_string()]);
        Self(at.to_owned())
    }

    /// Remounts it, read-only or not. Nobody can while a file in it is open for writing, which the agent's are for a moment at a time.
    fn remount(&self, how: &str) {
        let path = self.0.display().to_string();
        eventually("the disk is remounted", || {
            let done = Command::new("mount").args(["-o", &format!("remount,{how}"), &path]).output().unwrap();
            holds(done.status.success(), || String::from_utf8_lossy(&done.stderr).into_owned())
        });
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: the agent may still hold a file in it.
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

#[track_caller]
fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}: {status}");
}

fn newest(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    files.filter(|path| path.is_file() && fs::metadata(path).unwrap().len() > 200).max().unwrap()
}

/// [12] A torn spool and positions that are gone or nonsense: it starts, says so, and goes on; loss 0 for what container files still hold.
#[test]
fn torn_state_costs_nothing_that_files_still_hold() {
    for damage in ["torn spool", "torn positions", "empty positions", "garbage positions"] {
        let mut shop = Shop::open(&["web"]);
        shop.write(300);
        shop.complete();
        shop.loki.refuse();
        shop.write(300);
        eventually("all of it is read", || {
            let read = shop.counted("spyhop_logs_read_lines_total", "web", &[]);
            holds(read >= 600.0, || format!("{read} lines"))
        });
        shop.terminate();
        assert!(shop.spooled() > 0, "the spool holds what Loki did not take");
        let positions = shop.spool().with_file_name("positions");
        let cut = |path: &Path, less: u64| {
            let length = fs::metadata(path).unwrap().len();
            fs::File::options().write(true).open(path).unwrap().set_len(length.saturating_sub(less)).unwrap();
        };
        match damage {
            "torn spool" => cut(&newest(&shop.spool()), 100),
            "torn positions" => cut(&positions, 10),
            "empty positions" => cut(&positions, u64::MAX),
            _ => fs::write(&positions, "garbage ".repeat(100)).unwrap(),
        }
        shop.start();
        shop.write(100);
        shop.loki.listen();
        let account = shop.settle().remove("web").unwrap();
        // Without a position the files are read from their beginning: lines come twice rather than not at all.
        println!("{damage}: {} lines, {} twice", account.found, account.twice);
        assert!(account.missing.is_empty() && account.broken == 0, "{damage}: {:?}", account.missing);
        if damage == "torn spool" {
            assert_eq!(account.twice, 0);
        }
    }
}

/// [12] The disk of the state is full while Loki is away: lines stay in the containers' files, one clear error, loss 0 and nothing twice.
#[test]
fn a_full_disk_leaves_lines_where_they_are() {
    let mut shop = Shop::open(&["web"]);
    shop.terminate();
    let logs = shop.spool().parent().unwrap().to_owned();
    let _small = Small::mount(&logs, "600k");
    shop.start();
    shop.loki.refuse();
    shop.service("web").run.payload = 2000;
    shop.write(7000);
    within(Duration::from_secs(60), "the agent says that its disk is full", || {
        let log = shop.agent().log();
        holds(log.contains("No space left"), || format!("{} bytes spooled", shop.spooled()))
    });
    shop.loki.listen();
    shop.complete();
    let told = shop.agent().log().matches("spool log lines").count();
    assert_eq!(told, 1, "told once");
}

/// [12] The spool is full and logs are rotated away: the oldest lines give way, in one piece and counted; what came before and after is there.
#[test]
fn a_full_spool_gives_up_the_oldest() {
    let log = LogFile::rotating(Some(128 << 10), 5, false);
    let mut shop = Shop::of(vec![("web", log, 5)], Receiver::usual(), "", "  spool_size: 1MiB\n");
    shop.write(10);
    shop.complete();
    shop.loki.refuse();
    shop.service("web").run.payload = 2000;
    within(Duration::from_secs(60), "more than spool and memory hold", || {
        shop.write(10);
        holds(shop.service("web").log.rotations > 80, || format!("{:?} rotations", shop.service("web").log.rotations))
    });
    shop.loki.listen();
    within(Duration::from_secs(60), "the newest line", || {
        let account = shop.accounts().remove("web").unwrap();
        let newest = shop.services["web"].run.next - 1;
        holds(!account.missing.contains(&newest), || format!("{} found", account.found))
    });
    let account = shop.accounts().remove("web").unwrap();
    assert_eq!((account.twice, account.disorder, account.broken), (0, 0, 0));
    let (first, last) = (account.missing[0], account.missing[account.missing.len() - 1]);
    assert_eq!(last - first + 1, account.missing.len() as u64, "the oldest in one piece: {:?}", account.missing.len());
    assert!(account.found > 300, "{}", account.found);
    assert_eq!(shop.dropped("web", "spool_full"), account.missing.len() as f64);
}

/// [12] The disk of the state turns read-only while Loki is there: lines go on from memory, positions are kept there too, and both are said
/// once. Loki away as well: lines stay in the containers' files. Writable again, it is used again. Loss 0, nothing twice.
#[test]
fn a_disk_that_turns_read_only_is_done_without() {
    let mut shop = Shop::open(&["web"]);
    shop.terminate();
    let small = Small::mount(shop.spool().parent().unwrap(), "20m");
    shop.start();
    shop.write(200);
    shop.complete();
    small.remount("ro");
    shop.write(200);
    shop.complete();
    shop.loki.refuse();
    shop.service("web").run.payload = 2000;
    shop.write(7000);
    within(Duration::from_secs(60), "the agent says that its disk is read-only", || {
        let log = shop.agent().log();
        holds(log.contains("spool log lines") && log.contains("Read-only file system"), || "it does not".to_owned())
    });
    let page = shop.agent().scrape();
    assert!(page.all("spyhop_logs_spool_errors_total", &[]).map(|sample| sample.value).sum::<f64>() > 0.0);
    small.remount("rw");
    within(Duration::from_secs(60), "lines go to disk again", || {
        let log = shop.agent().log();
        holds(shop.spooled() > 0 && log.contains("log lines are spooled again"), || "they do not".to_owned())
    });
    shop.loki.listen();
    shop.complete();
    let log = shop.agent().log();
    for told in ["write positions of logs", "positions of logs are written again"] {
        assert_eq!(log.matches(told).count(), 1, "{told}, once: {log}");
    }
    // What is written now counts: the next process goes on where this one ended.
    shop.terminate();
    shop.write(100);
    shop.start();
    shop.complete();
}

/// [12] Killed over a disk that is read-only, with lines on it: started again it says so, and sends what is on it and what files hold. Loss 0; what
/// was sent since the disk turned cannot be known to the next process and comes twice.
#[test]
fn an_agent_starts_on_a_disk_that_is_read_only() {
    let mut shop = Shop::open(&["web"]);
    shop.terminate();
    let small = Small::mount(shop.spool().parent().unwrap(), "20m");
    shop.start();
    shop.write(200);
    shop.complete();
    shop.loki.refuse();
    shop.write(300);
    within(Duration::from_secs(60), "lines go to disk", || holds(shop.spooled() > 0, || "none yet".to_owned()));
    shop.terminate();
    small.remount("ro");
    shop.loki.listen();
    let mut sent = 0;
    for _ in 0..2 {
        shop.start();
        shop.write(100);
        let account = shop.settle().remove("web").unwrap();
        assert!(account.missing.is_empty() && account.broken == 0, "{account:?}");
        // The first of both has sent nothing that was not new.
        assert!(account.twice <= sent, "{} twice of {sent}", account.twice);
        sent = 400 + account.twice;
        shop.kill();
    }
    small.remount("rw");
    shop.start();
    shop.write(100);
    let account = shop.settle().remove("web").unwrap();
    println!("{} lines, {} twice", account.found, account.twice);
    assert!(account.missing.is_empty() && account.broken == 0, "{account:?}");
    assert!(account.twice <= 400 + 500, "{} twice", account.twice);
}
