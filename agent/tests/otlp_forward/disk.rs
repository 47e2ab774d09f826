//! The disk of the queue is full, read-only or not there, and the process is killed.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use spyhop::{
    otlp::Signal,
    traces::{
        Queue, Sync,
        forward::{Forwarder, Lost},
    },
};
use tokio_util::sync::CancellationToken;

use crate::{
    otlp_backend::{Backend, Speaks},
    post::{Post, QUEUE, destination, numbers, request},
    wait::{eventually, holds},
};

/// Names the folder and the back end to the process that is killed, and the number of its first span.
const STATE: &str = "SPYHOP_TEST_OTLP_STATE";
const ADDRESS: &str = "SPYHOP_TEST_OTLP_ADDRESS";
const FIRST: &str = "SPYHOP_TEST_OTLP_FIRST";

/// A small filesystem of its own, unmounted when dropped.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path, size: &str) -> Self {
        let this = Self(at.to_owned());
        run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", &at.display().to_string()]);
        this
    }

    /// Remounts it, read-only or not. Nobody can while a file in it is open for writing.
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
        Command::new("umount").arg("--lazy").arg(&self.0).status().ok();
    }
}

#[track_caller]
fn run(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap();
    assert!(status.success(), "{program} {arguments:?}: {status}");
}

/// The disk is full while the back end is away: memory takes over, then the oldest give way, all of it counted; nothing is twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_costs_the_oldest_and_is_told() {
    let (backend, state) = (Backend::start(Speaks::Grpc), tempfile::tempdir().unwrap());
    let _small = Small::mount(state.path(), "2m");
    let mut post = Post::open(vec![destination(&backend, Speaks::Grpc, "otlp")], QUEUE, state.path());
    backend.refuse();
    for _ in 0..120 {
        post.put(100, 1000).await.unwrap();
    }
    assert!(post.board().disk_errors() > 0);
    let lost = post.lost(Lost::QueueFull);
    assert!(lost > 0, "twelve megabytes in six");
    backend.listen();
    post.complete();
    let found = numbers(&backend);
    assert_eq!(found.len(), found.iter().collect::<BTreeSet<_>>().len());
    assert_eq!(found.len() as u64 + post.lost(Lost::QueueFull), 12_000);
    backend.is_content();
}

/// The disk turns read-only and back: memory alone, then the disk again; nothing lost while memory has room.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_disk_is_done_without() {
    let (backend, state) = (Backend::start(Speaks::Grpc), tempfile::tempdir().unwrap());
    let small = Small::mount(state.path(), "20m");
    let mut post = Post::open(vec![destination(&backend, Speaks::Grpc, "otlp")], QUEUE, state.path());
    backend.refuse();
    post.put(100, 1000).await.unwrap();
    small.remount("ro");
    for _ in 0..20 {
        post.put(100, 1000).await.unwrap();
    }
    assert!(post.board().disk_errors() > 0);
    small.remount("rw");
    let errors = post.board().disk_errors();
    post.put(100, 1000).await.unwrap();
    assert_eq!(post.board().disk_errors(), errors);
    backend.listen();
    post.arrived(&backend);
}

/// Where each request is to be on disk before it is acknowledged, one that the disk does not take is not, and is not kept either.
#[tokio::test(flavor = "multi_thread")]
async fn what_must_be_on_disk_is_not_taken_without_it() {
    let (backend, state) = (Backend::start(Speaks::Grpc), tempfile::tempdir().unwrap());
    let small = Small::mount(state.path(), "2m");
    let queue = Queue { sync: Sync::Always, ..QUEUE };
    let mut post = Post::open(vec![destination(&backend, Speaks::Grpc, "otlp")], queue, state.path());
    backend.refuse();
    let mut refused = 0;
    for _ in 0..60 {
        refused += u64::from(post.put(100, 1000).await.is_err());
    }
    assert!((30..60).contains(&refused) && post.taken.len() > 1_000, "{refused} of six megabytes in two");
    let errors = post.board().disk_errors();
    assert_eq!((errors >= refused, post.lost(Lost::QueueFull)), (true, 0), "{errors} {refused}");
    small.remount("ro");
    assert!(post.put(1, 10).await.is_err());
    small.remount("rw");
    backend.listen();
    post.complete();
    post.put(100, 1000).await.unwrap();
    post.arrived(&backend);

    let none = tempfile::tempdir().unwrap();
    std::fs::write(none.path().join("otlp"), "in the way").unwrap();
    let mut post = Post::open(vec![destination(&backend, Speaks::Grpc, "otlp")], queue, none.path());
    assert!(post.put(1, 10).await.is_err(), "there is no disk");
    assert_eq!(post.board().queue_bytes(), 0);
}

/// No folder can be made: memory alone, and what is in it at the end is counted.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_folder_memory_is_all_there_is() {
    let (backend, state) = (Backend::start(Speaks::Grpc), tempfile::tempdir().unwrap());
    std::fs::write(state.path().join("otlp"), "in the way").unwrap();
    let mut post = Post::open(vec![destination(&backend, Speaks::Grpc, "otlp")], QUEUE, state.path());
    assert_eq!(post.board().disk_errors(), 1);
    post.put(100, 1000).await.unwrap();
    post.arrived(&backend);
    backend.refuse();
    post.put(100, 1000).await.unwrap();
    post.forwarder.stop().await;
    assert_eq!(post.lost(Lost::Shutdown), 100);
    assert!(post.put(1, 1).await.is_err(), "nothing is taken any more");
}

#[test]
#[ignore = "not a test of its own: what the other one starts and kills"]
fn child() {
    let state = PathBuf::from(std::env::var_os(STATE).unwrap());
    let url = format!("http://{}", std::env::var(ADDRESS).unwrap());
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let forwarder = forwarder(&url, &state);
        let mut say = std::io::stdout();
        for number in (first..).step_by(10) {
            let taken = forwarder.put(Signal::Traces, request(number..number + 10, 300), 10).await;
            if taken.is_ok() {
                writeln!(say, "taken {number}").unwrap();
            }
        }
    });
}

fn forwarder(url: &str, state: &Path) -> Forwarder {
    let backend = Backend::start(Speaks::Grpc);
    let mut destination = destination(&backend, Speaks::Grpc, "otlp");
    destination.server.url = url.to_owned();
    let queue = Queue { sync: Sync::Off, ..QUEUE };
    Forwarder::start(vec![destination], queue, Some(state), &CancellationToken::new()).unwrap()
}

/// SIGKILL under load, again and again, with a back end that comes and goes: what was acknowledged arrives.
#[test]
fn a_kill_at_any_moment_costs_nothing_that_was_acknowledged() {
    let (backend, state) = (Backend::start(Speaks::Grpc), tempfile::tempdir().unwrap());
    let mut taken = BTreeSet::new();
    for kill in 0..6_u64 {
        if kill % 2 == 1 {
            backend.refuse()
        } else if kill > 0 {
            backend.listen()
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "disk::child", "--nocapture"])
            .env(STATE, state.path())
            .env(ADDRESS, backend.address().to_string())
            .env(FIRST, (kill * 1_000_000 + 1).to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut hear = |line: &str| {
            let number = line.rsplit_once("taken ").and_then(|(_, number)| number.parse::<u64>().ok());
            taken.extend(number.into_iter().flat_map(|number| number..number + 10));
        };
        let moment = 50 + usize::try_from(kill * 37 % 100).unwrap();
        lines.by_ref().take(moment).for_each(|line| hear(&line.unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it said before it died, but for a line which is not whole.
        let rest: Vec<_> = lines.map_while(Result::ok).collect();
        rest.iter().take(rest.len().saturating_sub(1)).for_each(|line| hear(line));
    }
    backend.listen();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let forwarder = runtime.block_on(async { forwarder(&backend.url(), state.path()) });
    eventually("all of it arrives", || {
        let found: BTreeSet<_> = numbers(&backend).into_iter().collect();
        let missing = taken.difference(&found).count();
        holds(missing == 0, || format!("{missing} of {} are missing", taken.len()))
    });
    assert!(taken.len() > 3000, "{}", taken.len());
    runtime.block_on(forwarder.stop());
}
