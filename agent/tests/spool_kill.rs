//! A process that fills and empties a spool is killed at moments of nobody's choosing: what it was told is kept is kept, what it was told is
//! taken out does not come back, and the order holds.

#![expect(clippy::expect_used, reason = "helpers of tests")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use spyhop::delivery::{
    journal::Journal,
    spool::{Limits, Record, Spool},
};

/// Names the folder to the process that is killed, and the number of its first record.
const FOLDER: &str = "SPYHOP_TEST_SPOOL";
const FIRST: &str = "SPYHOP_TEST_SPOOL_FIRST";
const KILLS: u64 = 40;
const LIMITS: Limits = Limits { max_bytes: 1 << 30, max_age: Duration::from_secs(1 << 30), segment_bytes: 64 * 1024 };

fn open(folder: &Path) -> Spool {
    Spool::open(&folder.join("spool"), LIMITS).expect("a spool that opens").0
}

fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("a number"))
}

#[test]
#[ignore = "not a test of its own: what the other one starts and kills"]
fn child() {
    let folder = std::env::var_os(FOLDER).unwrap();
    let mut spool = open(Path::new(&folder));
    let (mut journal, _) = Journal::open(&Path::new(&folder).join("journal")).unwrap();
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let mut say = std::io::stdout();
    for n in first.. {
        let payload = vec![7; usize::try_from(n * 7919 % 9000).unwrap()];
        let record = Record { time_ms: 0, lines: 1, meta: &n.to_le_bytes(), payload: &payload };
        spool.append(b"lane", record, &mut |lost| panic!("{lost:?}")).unwrap();
        writeln!(say, "kept {n}").unwrap();
        journal.put_all(&[(b"newest", &n.to_le_bytes())]).unwrap();
        writeln!(say, "noted {n}").unwrap();
        if n % 3 != 0 {
            let kept = spool.front(b"lane", &mut |lost| panic!("{lost:?}")).unwrap().unwrap();
            assert!(spool.pop(b"lane", kept.place).unwrap());
            writeln!(say, "taken {}", number(&kept.meta)).unwrap();
        }
    }
}

#[test]
fn a_kill_at_any_moment_costs_at_most_what_was_not_finished() {
    let folder = tempfile::tempdir().unwrap();
    let (mut next, mut first) = (0, 0);
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "child", "--nocapture"])
            .env(FOLDER, folder.path())
            .env(FIRST, next.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut kept, mut noted, mut taken) = (None, None, None);
        let mut hear = |line: &str| {
            // The first one stands behind what the test harness says.
            let Some((word, n)) = line.rsplit_once(' ').and_then(|(word, n)| Some((word, n.parse::<u64>().ok()?)))
            else {
                return;
            };
            match word.rsplit(' ').next() {
                Some("kept") => kept = Some(n),
                Some("noted") => noted = Some(n),
                Some("taken") => taken = Some(n),
                _ => {}
            }
        };
        // A different moment each time; the process does not wait for the pipe to be read, so it is somewhere behind it.
        let moment = 20 + usize::try_from(kill * 37 % 200).unwrap();
        lines.by_ref().take(moment).for_each(|line| hear(&line.unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died, but for a line which is not whole.
        lines.map_while(Result::ok).for_each(|line| hear(&line));

        let spool = open(folder.path());
        let mut found = Vec::new();
        spool.scan(b"lane", &mut |meta| found.push(number(meta))).unwrap();
        let (kept, noted, taken) = (kept.unwrap(), noted.unwrap(), taken.unwrap());
        assert!(found.windows(2).all(|two| matches!(two, [a, b] if a + 1 == *b)), "{found:?}");
        let (oldest, newest) = (*found.first().unwrap(), *found.last().unwrap());
        assert!(newest == kept || newest == kept + 1, "kept {kept}, found {newest}");
        assert!(oldest == taken + 1 || oldest == taken + 2, "taken {taken}, found {oldest}");
        assert!(oldest > first, "something was taken out in each turn");
        let (journal, _) = Journal::open(&folder.path().join("journal")).unwrap();
        let note = number(journal.get(b"newest").unwrap());
        assert!(note == noted || note == noted + 1, "noted {noted}, found {note}");
        (first, next) = (oldest, newest + 1);
    }
    let mut spool = open(folder.path());
    while let Some(kept) = spool.front(b"lane", &mut |lost| panic!("{lost:?}")).unwrap() {
        assert!(spool.pop(b"lane", kept.place).unwrap());
    }
    assert_eq!(std::fs::read_dir(folder.path().join("spool")).unwrap().count(), 0);
}
