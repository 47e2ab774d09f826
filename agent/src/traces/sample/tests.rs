//! Verdicts, and the task that lets traces go.

use std::sync::Mutex;

use super::*;
use crate::{model::Glob, otlp::wire::Writer};

fn settings(ratio: f64, keep_errors: Option<Duration>) -> Sampling {
    Sampling {
        drop: vec![Glob::new("/health*"), Glob::new("*/metrics"), Glob::new("ping")],
        ratio,
        keep_errors,
        keep_slow: None,
        max_waiting: 1 << 20,
    }
}

/// A span of this name with one attribute, whose trace is drawn at a half if it is lucky.
fn span(name: &str, lucky: bool, key: &str, value: &str) -> Vec<u8> {
    let mut span = Writer::new();
    span.bytes(1, &[if lucky { 0xff } else { 1 }; 16]);
    span.bytes(2, &[1; 8]);
    span.string(5, name);
    span.message(9, |pair| {
        pair.string(1, key);
        pair.message(2, |text| text.string(1, value));
    });
    span.into_bytes()
}

fn judge(sampler: &Sampler, span: &[u8]) -> Verdict {
    sampler.judge(&Span::parse(span).unwrap()).unwrap()
}

#[test]
fn drop_rules_look_at_names_routes_and_targets() {
    let sampler = Sampler::new(&settings(1.0, None));
    for (name, key, value, dropped) in [
        ("GET", "http.route", "/healthz", true),
        ("GET", "url.path", "/internal/metrics", true),
        ("GET", "http.target", "/internal/metrics?name=a", true),
        ("GET", "http.target", "/find?path=/internal/metrics", true),
        ("GET", "http.target", "/find?path=/internal/metrics&x", false),
        ("ping", "http.route", "/", true),
        ("GET /healthz", "http.route", "/", false),
        ("GET", "http.url", "/healthz", false),
    ] {
        let expected = if dropped { Verdict::Dropped } else { Verdict::Keep };
        assert_eq!(judge(&sampler, &span(name, true, key, value)), expected, "{name} {key} {value}");
    }
    assert_eq!(sampler.counts().ruled.load(Ordering::Relaxed), 5);
}

#[test]
fn a_share_is_drawn_and_says_so() {
    let sampler = Sampler::new(&settings(0.5, None));
    let Verdict::Instead(marked) = judge(&sampler, &span("GET", true, "a", "b")) else { panic!("not drawn") };
    assert_eq!(Span::parse(&marked).unwrap().trace_state, b"ot=th:8");
    assert_eq!(judge(&sampler, &span("GET", false, "a", "b")), Verdict::SampledOut);
    assert_eq!(judge(&sampler, &span("GET", false, "http.route", "/health")), Verdict::Dropped, "rules come first");
    assert_eq!(sampler.counts().sampled_out.load(Ordering::Relaxed), 1);
}

#[test]
fn an_old_priority_is_honoured() {
    let sampler = Sampler::new(&settings(0.5, None));
    assert_eq!(judge(&sampler, &span("GET", false, "sampling.priority", "1")), Verdict::Keep);
    assert_eq!(judge(&sampler, &span("GET", true, "sampling.priority", "0")), Verdict::SampledOut);
    let all = Sampler::new(&settings(1.0, None));
    assert_eq!(judge(&all, &span("GET", true, "sampling.priority", "0")), Verdict::Keep, "nothing is sampled there");
}

#[test]
fn where_everything_is_kept_nothing_waits() {
    let sampler = Sampler::new(&settings(1.0, Some(Duration::from_secs(5))));
    assert!(!sampler.holds());
    let request = Bytes::from_static(b"whatever");
    assert_eq!(sampler.hold(request.clone(), 3, Duration::ZERO), Ok(vec![(request, 3)]));
    assert_eq!((sampler.hold(Bytes::new(), 0, Duration::ZERO), sampler.due(Duration::MAX)), (Ok(vec![]), vec![]));
}

#[test]
fn examples_are_traces_that_may_be_found() {
    let kept = |sampler: &Sampler, lucky, status| {
        let bytes = span("GET", lucky, "a", "b");
        sampler.may_be_kept(&Span { status, ..Span::parse(&bytes).unwrap() })
    };
    let ratio = Sampler::new(&settings(0.5, None));
    assert_eq!([kept(&ratio, true, 0), kept(&ratio, false, 0), kept(&ratio, false, 2)], [true, false, false]);
    let tail = Sampler::new(&settings(0.5, Some(Duration::from_secs(5))));
    assert_eq!([kept(&tail, true, 0), kept(&tail, false, 0), kept(&tail, false, 2)], [true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_let_go_in_time_and_at_the_end() {
    let sampler = Sampler::new(&settings(0.5, Some(Duration::from_secs(5))));
    let request = |lucky| {
        let mut request = Writer::new();
        request.message(1, |group| group.message(2, |scope| scope.bytes(2, &span("GET", lucky, "a", "b"))));
        Bytes::from(request.into_bytes())
    };
    // The clock of the tail is the caller's: this span came long ago, the next comes at a time that is far away.
    let began = Instant::now();
    assert_eq!(sampler.hold(request(true), 1, Duration::ZERO), Ok(vec![]));
    let (stop, sent) = (CancellationToken::new(), Mutex::new(Vec::new()));
    let out = |request: Bytes, spans| {
        sent.lock().unwrap().push((request.len(), spans));
        let end = sent.lock().unwrap().len() == 1;
        if end {
            stop.cancel();
        }
        async {}
    };
    let early = began.checked_sub(Duration::from_secs(6)).unwrap();
    let mut second = span("GET", true, "a", "b");
    second[2..18].copy_from_slice(&[0xfe; 16]);
    let mut waiting = Writer::new();
    waiting.message(1, |group| group.message(2, |scope| scope.bytes(2, &second)));
    assert_eq!(sampler.hold(waiting.into_bytes().into(), 1, Duration::from_secs(3_600)), Ok(vec![]));
    sampler.run(early, stop.clone(), out).await;
    assert_eq!(sent.lock().unwrap().iter().map(|(_, spans)| *spans).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(sampler.counts().drawn.load(Ordering::Relaxed), 2);
}
