//! What back ends answer.

use std::time::{Duration, Instant};

use spyhop::{
    otlp::Signal,
    traces::forward::{Lost, Outcome},
};

use crate::{
    otlp_backend::{Backend, Fault, Refusal, Speaks},
    post::{Post, QUEUE, SHORT, destination, hurried},
    wait::{eventually, holds},
};

const BOTH: [Speaks; 2] = [Speaks::Grpc, Speaks::Http];

/// Everything is taken: once each, compressed, and the figures say so.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_arrives_once() {
    for speaks in BOTH {
        let (backend, state) = (Backend::start(speaks), tempfile::tempdir().unwrap());
        let mut post = Post::open(vec![destination(&backend, speaks, "otlp")], QUEUE, state.path());
        for _ in 0..50 {
            post.put(20, 100).await.unwrap();
        }
        post.arrived(&backend);
        let board = post.board();
        assert_eq!((board.sent(Signal::Traces), board.rejected(Signal::Traces)), (1000, 0));
        assert!(board.last_ack_ms().is_some() && board.oldest_ms().is_none() && board.trouble().is_none());
        assert!(
            backend.asked().iter().all(|asked| asked.compressed && asked.headers["user-agent"].starts_with("spyhop/"))
        );
        assert_eq!(std::fs::read_dir(state.path().join("otlp/otlp")).unwrap().count(), 0, "nothing is left on disk");
    }
}

/// Every retryable answer and every end without one: sent again after a wait, nothing lost; twice only what was stored without an answer.
#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_sent_again_is() {
    for speaks in BOTH {
        let (backend, state) = (Backend::start(speaks), tempfile::tempdir().unwrap());
        let mut post = Post::open(vec![hurried(&backend, speaks, "otlp")], QUEUE, state.path());
        let codes = if speaks == Speaks::Grpc { vec![1, 4, 10, 11, 14, 15] } else { vec![14] };
        for code in codes {
            backend.fail(1, Fault::Refuse(Refusal::new(code, 503, "not now")));
            post.put(10, 100).await.unwrap();
            post.complete();
        }
        for fault in [Fault::Cut, Fault::Silence] {
            backend.fail(1, fault);
            post.put(10, 100).await.unwrap();
            post.complete();
        }
        post.arrived(&backend);
        let retried = post.requests(Outcome::Retry);
        assert_eq!(retried, if speaks == Speaks::Grpc { 8 } else { 3 });
        for fault in [Fault::Lost, Fault::Torn, Fault::Slow(SHORT * 2)] {
            backend.fail(1, fault.clone());
            post.put(10, 100).await.unwrap();
            post.complete();
        }
        // Three requests were stored, and their senders could not know.
        assert_eq!(crate::post::numbers(&backend).len(), post.taken.len() + 30);
    }
}

/// What must not be sent again is not: counted, and others go on.
#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_sent_again_is_not() {
    for speaks in BOTH {
        let (backend, state) = (Backend::start(speaks), tempfile::tempdir().unwrap());
        let mut post = Post::open(vec![destination(&backend, speaks, "otlp")], QUEUE, state.path());
        let refusals = [(2, 500), (3, 400), (5, 422), (6, 409), (8, 408), (9, 418), (13, 500)];
        for (code, status) in refusals {
            backend.fail(1, Fault::Refuse(Refusal::new(code, status, "never")));
            post.put(10, 100).await.unwrap();
            post.complete();
            post.put(1, 100).await.unwrap();
            post.complete();
        }
        assert_eq!(post.lost(Lost::Refused), 70);
        assert_eq!((post.board().sent(Signal::Traces), backend.records()), (7, 7));
        assert_eq!((post.requests(Outcome::Refused), post.requests(Outcome::Retry)), (7, 0));
        backend.is_content();
    }
}

/// Wrong credentials: what was refused is given up, as the specification wants it, and all else waits until they are right.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_cost_next_to_nothing() {
    for speaks in BOTH {
        let (backend, state) = (Backend::start(speaks), tempfile::tempdir().unwrap());
        let mut post = Post::open(vec![destination(&backend, speaks, "otlp")], QUEUE, state.path());
        backend.always(Some(Fault::unauthenticated()));
        for _ in 0..20 {
            post.put(10, 100).await.unwrap();
        }
        eventually("it is said", || holds(post.board().trouble().is_some(), || "all is well".to_owned()));
        backend.always(None);
        post.complete();
        assert_eq!(post.lost(Lost::Refused), 10);
        assert_eq!(backend.records(), 190);
        backend.is_content();
    }
}

/// 429 with Retry-After, RESOURCE_EXHAUSTED with RetryInfo: nothing comes before, nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_is_asked_for_is_kept() {
    for speaks in BOTH {
        let (backend, state) = (Backend::start(speaks), tempfile::tempdir().unwrap());
        let mut post = Post::open(vec![destination(&backend, speaks, "otlp")], QUEUE, state.path());
        post.put(10, 100).await.unwrap();
        post.complete();
        backend.fail(1, Fault::throttled(Duration::from_millis(2500)));
        let begun = Instant::now();
        for _ in 0..40 {
            post.put(10, 100).await.unwrap();
        }
        post.arrived(&backend);
        assert!(begun.elapsed() >= Duration::from_millis(2500), "{:?}", begun.elapsed());
    }
}

/// A partial success is counted, told, and never sent again; a warning is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_partial_success_is_an_end() {
    for speaks in BOTH {
        let (backend, state) = (Backend::start(speaks), tempfile::tempdir().unwrap());
        let mut post = Post::open(vec![destination(&backend, speaks, "otlp")], QUEUE, state.path());
        for (rejected, words) in [(3, "three are bad"), (0, "deprecated"), (99, "more than there were"), (-1, "")] {
            backend.fail(1, Fault::Partial(rejected, words.to_owned()));
            post.put(10, 100).await.unwrap();
            post.complete();
        }
        let board = post.board();
        assert_eq!((board.sent(Signal::Traces), board.rejected(Signal::Traces)), (27, 13));
        assert_eq!((post.requests(Outcome::Partial), post.requests(Outcome::Ok)), (2, 2));
        assert_eq!(backend.requests(), 4);
        backend.is_content();
    }
}

/// More than a back end takes: in parts that it takes, and the next one without being asked; one span that is too large alone is counted.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_comes_in_parts() {
    for speaks in BOTH {
        let (backend, state) = (Backend::start(speaks), tempfile::tempdir().unwrap());
        let mut post = Post::open(vec![destination(&backend, speaks, "otlp")], QUEUE, state.path());
        // Above what is sent at once anywhere: parted before it is asked.
        post.put(900, 10_000).await.unwrap();
        post.arrived(&backend);
        assert_eq!(post.requests(Outcome::Split), 0);
        backend.limit(|limits| limits.request = 300_000);
        post.put(100, 10_000).await.unwrap();
        post.arrived(&backend);
        let split = post.requests(Outcome::Split);
        assert!((1..=3).contains(&split), "{split}");
        post.put(100, 10_000).await.unwrap();
        post.arrived(&backend);
        assert_eq!(post.requests(Outcome::Split), split, "known by now");
        post.put(1, 400_000).await.unwrap();
        post.complete();
        assert_eq!(post.lost(Lost::TooLarge), 1);
        backend.is_content();
    }
}

/// A signal for which there is nobody at the back end holds up no other.
#[tokio::test(flavor = "multi_thread")]
async fn one_signal_that_is_not_taken_holds_no_other() {
    for speaks in BOTH {
        let (backend, state) = (Backend::start(speaks), tempfile::tempdir().unwrap());
        let mut post = Post::open(vec![destination(&backend, speaks, "otlp")], QUEUE, state.path());
        backend.limit(|limits| limits.signals[Signal::Metrics as usize] = false);
        let metrics = crate::post::metrics(3);
        post.forwarder.put(Signal::Metrics, metrics, 3).await.unwrap();
        for _ in 0..10 {
            post.put(10, 100).await.unwrap();
        }
        post.arrived(&backend);
        assert_eq!(post.board().lost(Signal::Metrics, Lost::Refused), 3);
    }
}
