//! Both readers against a real engine and real containers.
//!
//! Promised: every message once, byte by byte, through rotation, packing, restarts and kills; and the file and the API tell the same.
//! What a container wrote is known from its script, not from either reader.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod support;

use std::{path::PathBuf, time::Duration};

use spyhop::{
    engine::{Address, Engine},
    logs::{
        Follow, FollowError, Position,
        tail::{Buffer, Progress, Tail, TailError},
    },
    model::{ContainerId, LogStream},
    telemetry::Metrics,
};
use support::{
    container::{Recipe, Role, Running},
    docker::{Docker, Turn},
    wait::{eventually, holds},
};

/// One message, as both readers tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Told {
    stream: LogStream,
    time: i64,
    text: String,
    ended: bool,
}

/// A container's files, read from the beginning.
struct Files {
    tail: Tail,
    buffer: Buffer,
    told: Vec<Told>,
    places: [Option<Position>; 2],
    sum: Progress,
}

impl Files {
    fn of(container: &Running) -> Option<Self> {
        let inspect = container.inspect();
        let path = PathBuf::from(inspect["LogPath"].as_str().expect("a path"));
        let max_files = inspect["HostConfig"]["LogConfig"]["Config"]["max-file"].as_str();
        let max_files = max_files.map(|count| count.parse().expect("a number"));
        match Tail::open(&path, max_files, &[]) {
            Ok(tail) => {
                let (told, places, sum) = (Vec::new(), [None; 2], Progress::default());
                Some(Self { tail, buffer: Buffer::default(), told, places, sum })
            }
            Err(TailError::Forbidden { .. }) => support::docker::skip("right to read log files", "run as root"),
            Err(error) => panic!("{error}"),
        }
    }

    fn read(&mut self) {
        let (told, places) = (&mut self.told, &mut self.places);
        let progress = self.tail.read(&mut self.buffer, 1 << 20, &mut |piece| {
            places[piece.stream.index()] = Some(piece.end.position);
            let text = String::from_utf8(piece.text.to_vec()).expect("json-file holds text");
            told.push(Told { stream: piece.stream, time: piece.time, text, ended: piece.ended });
        });
        let progress = progress.expect("files can be read");
        self.sum.rotations += progress.rotations;
        self.sum.rotations_missed += progress.rotations_missed;
        self.sum.corrupt_bytes += progress.corrupt_bytes;
    }

    /// Reads until the last message is this one.
    #[track_caller]
    fn until(&mut self, last: &str) {
        eventually(&format!("{last} in the files"), || {
            self.read();
            let told = self.told.last().map(|told| told.text.clone());
            holds(told.as_deref() == Some(last), || format!("{} messages, {told:?}", self.told.len()))
        });
    }

    fn texts(&self) -> Vec<&str> {
        self.told.iter().map(|told| told.text.as_str()).collect()
    }
}

fn engine(docker: &Docker) -> Engine {
    let address = docker.socket().to_str().expect("a path of text");
    Engine::new(Address::parse(address).expect("a socket"), Metrics::default()).expect("a handle")
}

/// All that the API tells of a container, to its end.
async fn api(docker: &Docker, container: &Running) -> Vec<Told> {
    let tty = container.inspect()["Config"]["Tty"] == true;
    let mut follow = Follow::new(engine(docker), ContainerId::new(container.id.as_str()), tty, [None; 2], true);
    let mut told = Vec::new();
    while let Some(piece) = tokio::time::timeout(Duration::from_secs(60), follow.next()).await.expect("in time") {
        let piece = piece.expect("no error");
        let text = String::from_utf8_lossy(piece.text).into_owned();
        told.push(Told { stream: piece.stream, time: piece.time, text, ended: piece.ended });
    }
    told
}

fn script(docker: &Docker, stem: &str, options: &[&str], script: &str) -> Recipe {
    docker.container(stem).options(options).role(Role::Script(script.into()))
}

/// Waits until the container has ended.
#[track_caller]
fn ended(container: &Running) {
    eventually("the end of the container", || {
        holds(container.inspect()["State"]["Running"] == false, || "still running".into())
    });
}

#[tokio::test]
async fn rotation_with_one_and_three_files_packed_or_not() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    for options in [
        &["--log-opt", "max-size=64k", "--log-opt", "max-file=1"][..],
        &["--log-opt", "max-size=64k", "--log-opt", "max-file=3"],
        &["--log-opt", "max-size=64k", "--log-opt", "max-file=3", "--log-opt", "compress=true"],
    ] {
        // 250 lines are about 40 KiB of records: no more than one rotation between two looks.
        let writer = "i=0; while read n; do n=$((i+250)); while [ $i -lt $n ]; do echo line $i of many, written in a hurry; i=$((i+1)); done; done";
        let writer = script(&docker, "rotate", &[options, &["--interactive"]].concat(), writer);
        let container = writer.start();
        let Some(mut files) = Files::of(&container) else { return };
        let mut input = Input::of(&docker, &container);
        for round in 1..=8 {
            input.line();
            files.until(&format!("line {} of many, written in a hurry", round * 250 - 1));
        }
        let wanted: Vec<_> = (0..2000).map(|number| format!("line {number} of many, written in a hurry")).collect();
        assert_eq!(files.texts(), wanted, "{options:?}");
        assert!(files.sum.rotations >= 3, "{:?}", files.sum);
        assert_eq!((files.sum.rotations_missed, files.sum.corrupt_bytes), (0, 0), "{options:?}");
        drop(input);
        // What is still kept, the API tells in the same words.
        container.act(&["kill"]);
        ended(&container);
        let told = api(&docker, &container).await;
        assert!(!told.is_empty() && files.told.ends_with(&told), "{options:?}: {} of {}", told.len(), files.told.len());
    }
}

/// A container's standard input, which the engine keeps open.
struct Input(std::process::Child);

impl Input {
    fn of(docker: &Docker, container: &Running) -> Self {
        let socket = format!("unix://{}", docker.socket().display());
        let mut attach = std::process::Command::new("docker");
        attach.args(["--host", &socket, "attach", "--sig-proxy=false", &container.id]);
        let quiet = std::process::Stdio::null;
        Self(attach.stdin(std::process::Stdio::piped()).stdout(quiet()).stderr(quiet()).spawn().expect("docker runs"))
    }

    fn line(&mut self) {
        use std::io::Write as _;
        self.0.stdin.as_mut().expect("a pipe").write_all(b"go\n").expect("docker takes it");
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // Both fail only when it has ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test]
async fn a_reader_that_was_away_goes_on_at_the_record_in_a_packed_file() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let options =
        ["--interactive", "--log-opt", "max-size=32k", "--log-opt", "max-file=5", "--log-opt", "compress=true"];
    let writer = "i=0; while read n; do n=$((i+200)); while [ $i -lt $n ]; do echo line $i; i=$((i+1)); done; done";
    let container = script(&docker, "away", &options, writer).start();
    let Some(mut files) = Files::of(&container) else { return };
    let mut input = Input::of(&docker, &container);
    input.line();
    files.until("line 199");
    let (path, place) = (files.tail.path().to_owned(), files.places[0].expect("a place"));
    drop(files.tail);
    for _ in 0..5 {
        input.line();
    }
    eventually("rotation and packing", || {
        let packed = PathBuf::from(format!("{}.2.gz", path.display()));
        holds(packed.exists(), || "not yet".into())
    });
    files.tail = Tail::open(&path, Some(5), &[place]).expect("files are there");
    assert!(!files.tail.lost());
    files.until("line 1199");
    assert_eq!(files.texts(), (0..1200).map(|number| format!("line {number}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn lines_around_sixteen_kibibytes_are_parts_of_one_time() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    for tty in [false, true] {
        let lengths = [16_383, 16_384, 16_385, 32_768, 40_000];
        let lines: String =
            lengths.iter().map(|length| format!("head -c {length} /dev/zero | tr '\\0' x; echo; ")).collect();
        let options: &[&str] = if tty { &["--tty"] } else { &[] };
        let container = script(&docker, "parts", options, &format!("{lines} echo end")).start();
        ended(&container);
        let Some(mut files) = Files::of(&container) else { return };
        files.until("end");
        // Parts rejoined by hand: a part has no line end, and the next one has its time.
        let mut whole: Vec<(i64, usize)> = Vec::new();
        let mut open = false;
        for told in &files.told {
            match whole.last_mut().filter(|_| open) {
                Some((time, length)) => {
                    assert_eq!(*time, told.time);
                    *length += told.text.len();
                }
                None => whole.push((told.time, told.text.len())),
            }
            open = !told.ended;
        }
        let got: Vec<_> = whole.iter().map(|(_, length)| *length).collect();
        let cr = |line: &Told| line.text.contains('\r');
        if !tty {
            assert_eq!(got, [&lengths[..], &[3]].concat());
        }
        // A part may end between CR and LF; nowhere else does one stand.
        assert!(files.told.iter().filter(|told| cr(told)).all(|told| tty && !told.ended), "{:?}", got);
        assert_eq!(api(&docker, &container).await, files.told, "tty {tty}");
    }
}

#[tokio::test]
async fn a_line_without_its_end_and_the_first_of_the_next_run_are_two() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let container =
        script(&docker, "runs", &[], "if [ -e /been ]; then echo bar; else touch /been; printf foo; fi").start();
    ended(&container);
    let Some(mut files) = Files::of(&container) else { return };
    files.until("foo");
    assert!(files.tail.suspend(true));
    container.act(&["start"]);
    files.until("bar");
    ended(&container);
    let [foo, bar] = files.told.as_slice() else { panic!("{:?}", files.told) };
    assert!(!foo.ended && bar.ended && foo.time < bar.time);
    assert_eq!(api(&docker, &container).await, files.told);
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_line_leaves_what_was_written() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let container = script(&docker, "killed", &[], "echo one; printf two; echo err >&2; sleep 1000").start();
    let Some(mut files) = Files::of(&container) else { return };
    eventually("both outputs", || {
        files.read();
        holds(files.told.len() >= 2, || format!("{:?}", files.told))
    });
    container.act(&["kill"]);
    files.until("two");
    let mut told = api(&docker, &container).await;
    let order = |told: &Told| (told.stream, told.time);
    told.sort_by_key(order);
    files.told.sort_by_key(order);
    assert_eq!(told, files.told);
    assert_eq!(files.texts(), ["one", "two", "err"]);
}

#[tokio::test]
async fn what_the_engine_keeps_in_its_own_form_comes_through_the_api() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let lines =
        "i=0; while [ $i -lt 500 ]; do echo line $i; i=$((i+1)); done; printf '\\377\\376 raw\\n'; echo last >&2";
    let container = script(&docker, "local", &["--log-driver", "local"], lines).start();
    ended(&container);
    let told = api(&docker, &container).await;
    let out: Vec<_> =
        told.iter().filter(|told| told.stream == LogStream::Stdout).map(|told| told.text.clone()).collect();
    let mut wanted: Vec<_> = (0..500).map(|number| format!("line {number}")).collect();
    wanted.push("\u{fffd}\u{fffd} raw".into());
    assert_eq!(out, wanted);
    assert_eq!(told.iter().filter(|told| told.stream == LogStream::Stderr).count(), 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_told_once_and_for_all() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let container = docker.container("none").options(&["--log-driver", "none"]).start();
    let id = ContainerId::new(container.id.as_str());
    let mut follow = Follow::new(engine(&docker), id, false, [None; 2], true);
    assert!(matches!(follow.next().await, Some(Err(FollowError::Unreadable(_)))));
    container.remove();
    assert!(matches!(follow.next().await, Some(Err(FollowError::Gone(_)))));
}

#[tokio::test]
async fn a_container_is_followed_across_its_restart_and_another_process_goes_on() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let container =
        script(&docker, "follow", &[], "echo out; echo err >&2; trap 'echo bye; exit 0' TERM; sleep 1000 & wait")
            .start();
    let id = || ContainerId::new(container.id.as_str());
    let mut follow = Follow::new(engine(&docker), id(), false, [None; 2], true);
    let mut places = [None; 2];
    let mut texts = Vec::new();
    for run in 0..2 {
        while texts.len() < 2 + run * 3 {
            let piece = follow.next().await.expect("runs").expect("no error");
            places[piece.stream.index()] = Some(piece.end.position);
            texts.push(String::from_utf8_lossy(piece.text).into_owned());
        }
        container.act(&["stop"]);
        let bye = follow.next().await.expect("a last word").expect("no error");
        places[bye.stream.index()] = Some(bye.end.position);
        texts.push(String::from_utf8_lossy(bye.text).into_owned());
        assert!(follow.next().await.is_none(), "the container has ended");
        container.act(&["start"]);
    }
    let mut sorted = texts.clone();
    sorted.sort();
    assert_eq!(sorted, ["bye", "bye", "err", "err", "out", "out"]);
    assert_eq!(follow.counts().gaps, 0);
    // The third run, for somebody who knows nothing but two places.
    let mut other = Follow::new(engine(&docker), id(), false, places, true);
    let mut fresh = Vec::new();
    while fresh.len() < 2 {
        let piece = other.next().await.expect("runs").expect("no error");
        fresh.push(String::from_utf8_lossy(piece.text).into_owned());
    }
    fresh.sort();
    assert_eq!(fresh, ["err", "out"]);
    assert_eq!(other.counts().gaps, 0);
}

#[tokio::test]
async fn a_storm_of_rotations_loses_nothing_silently() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    for max_file in ["1", "2"] {
        let options = ["--log-opt", "max-size=64k", "--log-opt", &format!("max-file={max_file}"), "--interactive"];
        // About 50,000 lines a second: a file is full in some ten milliseconds.
        let writer = "line=0123456789012345678901234567890123456789012345678901234567890123456789
            lines=$line; for n in $(seq 49); do lines=\"$lines\n$line\"; done
            read go; i=0; while [ $i -lt 1000 ]; do echo -e \"$lines\"; usleep 500; i=$((i+1)); done; echo end";
        let container = script(&docker, "storm", &options, writer).start();
        let Some(mut files) = Files::of(&container) else { return };
        let mut input = Input::of(&docker, &container);
        let path = files.tail.path().to_owned();
        let mut wake = spyhop::logs::tail::Wake::new();
        wake.watch(1, &path);
        input.line();
        let begun = std::time::Instant::now();
        let mut turns = 0;
        while files.told.last().is_none_or(|told| told.text != "end") {
            assert!(begun.elapsed() < Duration::from_secs(120), "{} lines", files.told.len());
            files.read();
            if wake.watch(1, &path) == spyhop::logs::tail::Armed::Still {
                let fd = wake.fd().expect("inotify");
                let mut fds = [rustix::event::PollFd::new(&fd, rustix::event::PollFlags::IN)];
                let patience = rustix::event::Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
                rustix::event::poll(&mut fds, Some(&patience)).expect("poll");
            }
            wake.news(&mut std::collections::BTreeSet::new());
            turns += 1;
        }
        eprintln!(
            "max-file {max_file}: {} of 50001, {:?}, {turns} turns, {:?}",
            files.told.len(),
            files.sum,
            begun.elapsed()
        );
        // A reader on a machine this busy may come too late. With one file kept, what comes and goes within milliseconds leaves no trace.
        let told = files.sum.rotations_missed > 0 || max_file == "1";
        assert!(files.told.len() == 50_001 || told, "{max_file}: {} lines, {:?}", files.told.len(), files.sum);
        assert!(files.told.len() <= 50_001, "{max_file}: {} lines, some told twice", files.told.len());
        let whole = files.told.iter().filter(|told| told.text.len() == 70).count();
        assert_eq!(whole + 1, files.told.len(), "a line was cut or made up");
    }
}
