//! Containers' output through the API of a scripted engine on a real socket.
//!
//! Promised: every message once, whatever breaks in between; what is gone is told; what can never be read is told apart from what
//! cannot be read now.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of tests")]

mod support;

use std::time::Duration;

use spyhop::{
    engine::{Engine, Error},
    logs::{Follow, FollowError, Position},
    model::LogStream,
};
use support::{
    client::{connect, id},
    fake_engine::{FakeContainer, FakeEngine, Fault, Route, STDERR, STDOUT, TROUBLE, World},
};

/// A second of 2026, in nanoseconds.
const T: i64 = 1_795_253_396_000_000_000;

fn running() -> FakeEngine {
    FakeEngine::start(World::new().with(FakeContainer::new("web").running(7)))
}

fn follow(engine: &Engine, resume: [Option<Position>; 2]) -> Follow {
    Follow::new(engine.clone(), id("web"), false, resume, true)
}

/// What was read: text with `|` for a line end, and the place behind it.
#[derive(Debug, Default)]
struct Read {
    texts: Vec<String>,
    places: [Option<Position>; 2],
}

impl Read {
    /// Reads until so many texts are there, all in all; fails when that takes long.
    async fn until(&mut self, follow: &mut Follow, count: usize) {
        while self.texts.len() < count {
            let next = tokio::time::timeout(Duration::from_secs(10), follow.next()).await;
            let piece = next.expect("in time").expect("not the end").expect("no error");
            assert!(piece.start.rank < piece.end.rank);
            self.places[piece.stream.index()] = Some(piece.end.position);
            let end = if piece.ended { "|" } else { "" };
            self.texts.push(format!("{}{end}", String::from_utf8_lossy(piece.text)));
        }
    }
}

async fn error(follow: &mut Follow) -> FollowError {
    follow.next().await.expect("not the end").expect_err("an error")
}

#[tokio::test]
async fn what_is_kept_then_what_comes_until_the_container_ends() {
    let fake = running();
    let (engine, _) = connect(&fake);
    fake.log("web", STDOUT, T, "one\n");
    fake.log("web", STDERR, T + 1, "two\n");
    let (mut follow, mut read) = (follow(&engine, [None; 2]), Read::default());
    read.until(&mut follow, 2).await;
    fake.log("web", STDOUT, T + 2, "half");
    read.until(&mut follow, 3).await;
    fake.die("web", 0);
    assert!(follow.next().await.is_none());
    // Started again, it is followed again, with nothing told twice.
    fake.start_container("web", 8);
    fake.log("web", STDOUT, T + 3, "again\n");
    read.until(&mut follow, 4).await;
    assert_eq!(read.texts, ["one|", "two|", "half", "again|"]);
    assert_eq!((follow.counts().reconnects, follow.counts().gaps), (1, 0));
    let requests = fake.requests();
    let query = &requests.iter().rfind(|request| request.route == Route::Logs).unwrap().query;
    assert_eq!((query["follow"].as_str(), query["timestamps"].as_str()), ("1", "1"));
    assert_eq!(query["since"], "1795253394.000000002", "a little before the newest");
}

#[tokio::test]
async fn another_process_goes_on_between_messages_of_one_time() {
    let fake = running();
    let (engine, _) = connect(&fake);
    for part in ["a", "b", "c", "d\n"] {
        fake.log("web", STDOUT, T, part);
        fake.log("web", STDERR, T - 5, part);
    }
    for taken in 1..8 {
        let (mut first, mut read) = (follow(&engine, [None; 2]), Read::default());
        read.until(&mut first, taken).await;
        let mut second = follow(&engine, read.places);
        read.until(&mut second, 8).await;
        assert_eq!(read.texts, ["a", "a", "b", "b", "c", "c", "d|", "d|"], "{taken}");
        assert_eq!(second.counts().gaps, 0, "{taken}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_costs_no_message_and_repeats_none() {
    let fake = running();
    let (engine, _) = connect(&fake);
    for number in 0..40 {
        // The two outputs' times cross.
        fake.log(
            "web",
            if number % 2 == 0 { STDOUT } else { STDERR },
            T + (number / 2) * 3 - number % 2 * 7,
            format!("{number}\n"),
        );
    }
    let (mut follow, mut read) = (follow(&engine, [None; 2]), Read::default());
    fake.fault_once(Route::Logs, Fault::ResetMidBody);
    loop {
        match follow.next().await {
            Some(Ok(piece)) => read.texts.push(String::from_utf8_lossy(piece.text).into_owned()),
            Some(Err(FollowError::Engine(Error::Interrupted { .. }))) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!((1..40).contains(&read.texts.len()), "{}", read.texts.len());
    read.until(&mut follow, 40).await;
    let read: Vec<_> = read.texts.iter().map(|text| text.trim_end_matches('|').parse::<i64>().unwrap()).collect();
    assert_eq!(read, (0..40).collect::<Vec<_>>());
    assert_eq!((follow.counts().reconnects, follow.counts().gaps), (1, 0));
}

#[tokio::test]
async fn a_place_that_is_no_longer_kept_is_a_gap() {
    let fake = running();
    let (engine, _) = connect(&fake);
    for number in 0..5 {
        fake.log("web", STDOUT, T + number, format!("{number}\n"));
    }
    let (mut first, mut read) = (follow(&engine, [None; 2]), Read::default());
    read.until(&mut first, 2).await;
    fake.forget_log("web", 3);
    let mut second = follow(&engine, read.places);
    read.until(&mut second, 4).await;
    assert_eq!(read.texts, ["0|", "1|", "3|", "4|"]);
    assert_eq!(second.counts().gaps, 1);
}

#[tokio::test]
async fn a_clock_set_back_drops_nothing() {
    let fake = running();
    let (engine, _) = connect(&fake);
    let (mut follow, mut read) = (follow(&engine, [None; 2]), Read::default());
    fake.log("web", STDOUT, T, "before\n");
    read.until(&mut follow, 1).await;
    fake.log("web", STDOUT, T - 7_200_000_000_000, "two hours earlier\n");
    read.until(&mut follow, 2).await;
    assert_eq!(read.texts.len(), 2);
}

#[tokio::test]
async fn what_the_engine_says_in_the_stream_is_an_error() {
    let fake = running();
    let (engine, _) = connect(&fake);
    fake.log("web", STDOUT, T, "a\n");
    fake.log("web", TROUBLE, T, "Error grabbing logs: unexpected EOF");
    let (mut follow, mut read) = (follow(&engine, [None; 2]), Read::default());
    read.until(&mut follow, 1).await;
    let FollowError::Engine(error @ Error::BrokenOff { .. }) = error(&mut follow).await else { panic!("sorted") };
    assert!(error.to_string().ends_with("engine broke off: Error grabbing logs: unexpected EOF"), "{error}");
}

#[tokio::test]
async fn refusals_are_sorted() {
    let fake = running();
    let (engine, _) = connect(&fake);
    let mut follow = follow(&engine, [None; 2]);
    let driver = |fake: &FakeEngine, driver: &str| {
        fake.change("web", |web| web.edit(|inspect| inspect["HostConfig"]["LogConfig"]["Type"] = driver.into()));
    };
    driver(&fake, "none");
    assert!(matches!(error(&mut follow).await, FollowError::Unreadable(_)));
    driver(&fake, "local");
    fake.fault_once(Route::Logs, Fault::Status(500, "out of memory".into()));
    assert!(matches!(error(&mut follow).await, FollowError::Engine(Error::Refused { status: 500, .. })));
    fake.change("web", |web| web.edit(|inspect| inspect["State"]["Dead"] = true.into()));
    assert!(matches!(error(&mut follow).await, FollowError::Gone(_)));
    fake.remove("web");
    assert!(matches!(error(&mut follow).await, FollowError::Gone(_)));
}

#[tokio::test]
async fn garbage_is_an_error_and_a_cut_frame_an_interruption() {
    let fake = running();
    let (engine, _) = connect(&fake);
    fake.log("web", STDOUT, T, "a line that is cut in half\n");
    let mut follow = follow(&engine, [None; 2]);
    fake.fault_once(Route::Logs, Fault::Body("this is no frame".into()));
    assert!(matches!(error(&mut follow).await, FollowError::Engine(Error::Malformed { .. })));
    fake.fault_once(Route::Logs, Fault::HalfJson);
    assert!(matches!(error(&mut follow).await, FollowError::Engine(Error::Interrupted { .. })));
    let mut read = Read::default();
    read.until(&mut follow, 1).await;
}

#[tokio::test]
async fn a_terminals_output_is_told_from_frames_by_the_inspection() {
    let fake = running();
    let (engine, _) = connect(&fake);
    fake.change("web", |web| web.edit(|inspect| inspect["Config"]["Tty"] = true.into()));
    fake.log("web", STDOUT, T, "one\r\n");
    fake.log("web", STDOUT, T + 1, "x".repeat(16 << 10));
    fake.log("web", STDOUT, T + 1, "y\r\n");
    let mut follow = Follow::new(engine.clone(), id("web"), true, [None; 2], false);
    let mut read = Read::default();
    read.until(&mut follow, 3).await;
    assert_eq!((read.texts[0].as_str(), read.texts[1].len(), read.texts[2].as_str()), ("one|", 16 << 10, "y|"));
    assert!(follow.next().await.is_none(), "not followed: the end of what is kept");
    assert_eq!(read.places[LogStream::Stderr.index()], None);
}

#[tokio::test]
async fn an_engine_that_does_not_answer_is_given_up() {
    let fake = running();
    let engine = connect(&fake).0;
    fake.fault(Route::Logs, Fault::HangBeforeHeaders);
    assert!(matches!(error(&mut follow(&engine, [None; 2])).await, FollowError::Engine(Error::Timeout { .. })));
}
