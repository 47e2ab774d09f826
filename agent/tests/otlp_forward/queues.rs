//! Back ends that are away or slow, and what waits for them.

use std::{collections::BTreeSet, time::Duration};

use spyhop::traces::{Queue, forward::Lost};

use crate::{
    otlp_backend::{Backend, Fault, Speaks},
    post::{Post, QUEUE, destination, hurried, numbers},
    wait::{STEP, eventually, holds},
};

/// Down and back: nothing lost, nothing twice, whatever memory holds.
#[tokio::test(flavor = "multi_thread")]
async fn down_costs_nothing_while_the_queue_has_room() {
    for speaks in [Speaks::Grpc, Speaks::Http] {
        let (backend, state) = (Backend::start(speaks), tempfile::tempdir().unwrap());
        let mut post = Post::open(vec![destination(&backend, speaks, "otlp")], QUEUE, state.path());
        post.put(10, 100).await.unwrap();
        post.complete();
        backend.refuse();
        for _ in 0..120 {
            post.put(100, 1000).await.unwrap();
        }
        eventually("it is said", || holds(post.board().trouble().is_some(), || "all is well".to_owned()));
        assert!(post.board().queue_bytes() > QUEUE.max_memory as u64 * 2);
        assert!(post.board().oldest_ms().is_some());
        backend.listen();
        post.arrived(&backend);
        assert!(post.board().trouble().is_none());
    }
}

/// What waits is sent by the next process.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_outlives_the_process() {
    let (backend, state) = (Backend::start(Speaks::Grpc), tempfile::tempdir().unwrap());
    let mut post = Post::open(vec![destination(&backend, Speaks::Grpc, "otlp")], QUEUE, state.path());
    backend.refuse();
    for round in 0..3 {
        for _ in 0..20 {
            post.put(100, 500).await.unwrap();
        }
        if round < 2 {
            post.restart().await;
        }
    }
    backend.listen();
    post.arrived(&backend);
}

/// A black hole and a back end beside it: the one that takes never waits for the other.
#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_away_holds_no_other() {
    let (away, near) = (Backend::start(Speaks::Grpc), Backend::start(Speaks::Http));
    let state = tempfile::tempdir().unwrap();
    let destinations = vec![hurried(&away, Speaks::Grpc, "otlp"), destination(&near, Speaks::Http, "otlp_2")];
    let queue = Queue { max_bytes: 1 << 20, max_memory: 1 << 20, ..QUEUE };
    let mut post = Post::open(destinations, queue, state.path());
    away.black_hole(true);
    for _ in 0..40 {
        // The near one may be asked for a moment of patience, which the far one's queue never asks for.
        while post.put(100, 1000).await.is_err() {
            tokio::time::sleep(STEP).await;
        }
    }
    near.wait_records(4000);
    let distinct = |backend| numbers(backend).into_iter().collect::<BTreeSet<_>>();
    assert_eq!(distinct(&near), post.taken);
    near.is_content();
    let lost = post.lost(Lost::QueueFull);
    assert!(lost > 2000, "{lost}");
    away.black_hole(false);
    post.complete();
    // An answer that comes after the deadline makes some come twice; all of them are accounted for.
    assert_eq!(post.lost(Lost::QueueFull) + distinct(&away).len() as u64, 4000);
}

/// A full queue in front of a back end which takes slowly: senders are asked to come again, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_one_slows_its_senders_down() {
    let (backend, state) = (Backend::start(Speaks::Grpc), tempfile::tempdir().unwrap());
    let queue = Queue { max_bytes: 2 << 20, max_memory: 1 << 20, ..QUEUE };
    let mut post = Post::open(vec![destination(&backend, Speaks::Grpc, "otlp")], queue, state.path());
    post.put(1, 1).await.unwrap();
    post.complete();
    backend.always(Some(Fault::Slow(Duration::from_millis(300))));
    let mut full = 0;
    for _ in 0..60 {
        full += usize::from(post.put(100, 1000).await.is_err());
    }
    assert!(full > 10, "{full}");
    backend.always(None);
    post.arrived(&backend);
    assert_eq!(post.lost(Lost::QueueFull), 0);
}

/// What waits too long is given up and counted.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_too_long_is_given_up() {
    let (backend, state) = (Backend::start(Speaks::Grpc), tempfile::tempdir().unwrap());
    let queue = Queue { max_age: Duration::from_secs(2), ..QUEUE };
    let mut post = Post::open(vec![hurried(&backend, Speaks::Grpc, "otlp")], queue, state.path());
    backend.refuse();
    for _ in 0..10 {
        post.put(10, 100).await.unwrap();
    }
    eventually("all is given up", || {
        let lost = post.lost(Lost::Age);
        holds(lost == 100, || format!("{lost} of 100"))
    });
    post.complete();
}
