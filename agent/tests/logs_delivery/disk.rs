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
