//! Spans in, figures out.

use std::sync::Arc;

use super::*;
use crate::traces::Names as Style;

const NOW: Now = Now { wall_ns: 1_700_000_000_000_000_000, second: 1_000 };
const SHOP: Owner<'_> = Owner { project: "shop", service: "api-1" };

fn red(max_series: usize) -> Red {
    Red::new(&settings::Red { names: Some(Style::Tempo), max_series, graph: true }).unwrap()
}

fn later(seconds: u32) -> Now {
    Now { wall_ns: NOW.wall_ns + u64::from(seconds) * 1_000_000_000, second: NOW.second + seconds }
}

/// A server's span of 3 ms that has just ended.
fn span(name: &str, now: Now) -> Span<'_> {
    Span {
        message: &[0; 120],
        trace_id: &[1; 16],
        span_id: &[2; 8],
        parent_span_id: &[3; 8],
        name: name.as_bytes(),
        kind: words::SERVER,
        start_ns: now.wall_ns - 3_000_000,
        end_ns: now.wall_ns,
        ..Span::default()
    }
}

#[test]
fn spans_are_counted_by_service_name_kind_and_state() {
    let red = red(10);
    let mut tap = red.tap(b"api", SHOP, NOW);
    tap.record(&span("GET /", NOW), true);
    tap.record(&span("GET /", NOW), false);
    tap.record(&Span { status: words::ERROR, ..span("GET /", NOW) }, true);
    drop(tap);
    red.tap(b"api", Owner::default(), NOW).record(&span("GET /", NOW), true);
    let mut figures = red.figures(NOW);
    figures.rows.sort_by_key(|row| (row.project.clone(), row.status));
    let rows: Vec<_> = figures
        .rows
        .iter()
        .map(|row| (&*row.project, &*row.compose_service, row.kind, row.status, row.series.latency.count()))
        .collect();
    assert_eq!(
        rows,
        [
            ("", "", "SPAN_KIND_SERVER", "STATUS_CODE_UNSET", 1),
            ("shop", "api-1", "SPAN_KIND_SERVER", "STATUS_CODE_ERROR", 1),
            ("shop", "api-1", "SPAN_KIND_SERVER", "STATUS_CODE_UNSET", 2),
        ]
    );
    let two = &figures.rows[2].series;
    assert_eq!((two.size, two.latency.sum_ns, two.latency.counts[1]), (240, 6_000_000, 2));
    assert_eq!(two.latency.exemplars[1].map(|it| (it.trace_id, it.at_ns)), Some(([1; 16], NOW.wall_ns)));
    assert_eq!(figures.overflow, None);
}

#[test]
fn a_trace_that_is_not_sent_is_no_example() {
    let red = red(10);
    red.tap(b"api", SHOP, NOW).record(&span("GET /", NOW), false);
    assert_eq!(red.figures(NOW).rows[0].series.latency.exemplars, [None; histogram::MAX_BUCKETS]);
}

#[test]
fn spans_of_another_time_are_counted_apart() {
    let red = red(10);
    let mut tap = red.tap(b"api", SHOP, NOW);
    let at = |end_ns| Span { end_ns, start_ns: end_ns, ..span("GET /", NOW) };
    tap.record(&at(NOW.wall_ns - MAX_AGE_NS), true);
    tap.record(&at(NOW.wall_ns - MAX_AGE_NS - 1), true);
    tap.record(&at(NOW.wall_ns + MAX_AHEAD_NS), true);
    tap.record(&at(NOW.wall_ns + MAX_AHEAD_NS + 1), true);
    tap.record(&at(0), true);
    tap.record(&Span { start_ns: u64::MAX, ..span("backwards", NOW) }, true);
    drop(tap);
    let figures = red.figures(NOW);
    assert_eq!((figures.old, figures.ahead), (2, 1));
    let backwards = figures.rows.iter().find(|row| &*row.name == "backwards").unwrap();
    assert_eq!((backwards.series.latency.count(), backwards.series.latency.sum_ns), (1, 0));
}

#[test]
fn what_exceeds_the_ceiling_is_one_series_and_goes_on_later() {
    let red = red(3);
    let mut tap = red.tap(b"api", SHOP, NOW);
    for name in ["a", "b", "c", "d", "e", "a"] {
        tap.record(&span(name, NOW), true);
    }
    drop(tap);
    let figures = red.figures(NOW);
    assert_eq!((figures.rows.len(), figures.overflowed, red.series()), (3, 2, 3));
    assert_eq!(figures.overflow.as_ref().map(|series| series.latency.count()), Some(2));
    // The first that finds no room when others have become idle makes some for those behind it.
    let then = later(IDLE + 1);
    red.tap(b"api", SHOP, then).record(&span("d", then), true);
    red.tap(b"api", SHOP, then).record(&span("d", then), true);
    let figures = red.figures(then);
    assert_eq!((figures.rows.len(), figures.overflowed, red.series()), (1, 3, 1));
}

#[test]
fn no_flood_of_services_stays() {
    let red = red(5);
    for number in 0..1_000 {
        red.tap(format!("service-{number}").as_bytes(), SHOP, NOW).record(&span("a", NOW), true);
    }
    let figures = red.figures(NOW);
    assert_eq!((figures.rows.len(), figures.overflowed), (5, 995));
    for number in 0..1_000 {
        drop(red.tap(format!("silent-{number}").as_bytes(), SHOP, NOW));
    }
    assert_eq!(red.shards.iter().map(|shard| lock(shard).len()).sum::<usize>(), 5);
}

#[test]
fn a_noisy_one_lands_in_the_overflow_and_others_keep_theirs() {
    const NOISY: Owner<'_> = Owner { project: "shop", service: "noisy" };
    let red = red(160);
    red.tap(b"api", SHOP, NOW).record(&span("mine", NOW), true);
    for number in 0..5_000 {
        // It makes up names of services, too.
        let mut tap = red.tap(format!("noisy-{}", number / 10).as_bytes(), NOISY, NOW);
        tap.record(&span(&number.to_string(), NOW), true);
    }
    let services = |figures: &figures::Figures, of: &str| {
        figures
            .rows
            .iter()
            .filter(|row| &*row.compose_service == of)
            .map(|row| row.name.to_string())
            .collect::<Vec<_>>()
    };
    // Another one comes late, and has its share of the places all the same.
    for number in 0..60 {
        let mut late = red.tap(b"late", Owner { project: "shop", service: "late" }, later(1));
        late.record(&span(&number.to_string(), later(1)), true);
    }
    let figures = red.figures(later(1));
    assert_eq!(services(&figures, "api-1"), ["mine"]);
    assert!(services(&figures, "late").len() >= 160 / 3, "{}", services(&figures, "late").len());
    let noisy = services(&figures, "noisy").len();
    assert!((160 / 3..160).contains(&noisy), "{noisy}");
    let counted: u64 = figures.rows.iter().map(|row| row.series.latency.count()).sum();
    assert!(figures.overflowed > 4_800 && counted + figures.overflowed <= 5_061, "{counted} {}", figures.overflowed);
    assert_eq!(lock(&red.origins).len(), 3);
    // When all are idle nothing is left of who they were.
    red.sweep(later(IDLE + 10));
    assert_eq!((red.series(), lock(&red.origins).len()), (0, 0));
}

#[test]
fn idle_series_go_and_busy_ones_stay() {
    let red = red(10);
    red.tap(b"old", SHOP, NOW).record(&span("a", NOW), true);
    let open = red.tap(b"open", SHOP, NOW);
    let then = later(IDLE);
    red.tap(b"new", SHOP, then).record(&span("a", then), true);
    assert_eq!(red.figures(then).rows.len(), 2);
    let then = later(IDLE + 1);
    assert_eq!(red.figures(then).rows.iter().map(|row| &*row.service).collect::<Vec<_>>(), ["new"]);
    // Nothing is lost of a tap that was open all the while.
    let mut open = open;
    open.record(&Span { name: b"late", ..span("late", NOW) }, true);
    drop(open);
    assert_eq!(red.series(), 2);
}

#[test]
fn calls_between_services_are_found() {
    let red = red(10);
    let client = Span { kind: words::CLIENT, span_id: &[3; 8], parent_span_id: &[4; 8], ..span("GET", NOW) };
    red.tap(b"web", Owner { project: "shop", service: "web" }, NOW).record(&client, true);
    red.tap(b"api", SHOP, NOW).record(&span("GET /", NOW), true);
    let figures = red.figures(NOW);
    let [edge] = figures.edges.as_slice() else { panic!("{:?}", figures.edges) };
    assert_eq!((&*edge.client.0, &*edge.client.1, &*edge.server.0), ("web", "shop", "api"));
}

#[test]
fn the_page_sees_the_last_minute_of_what_was_asked() {
    let red = red(10);
    let mut tap = red.tap(b"api", SHOP, NOW);
    for status in [0, words::ERROR] {
        tap.record(&Span { status, ..span("GET /", NOW) }, true);
    }
    tap.record(&Span { kind: 1, ..span("inner", NOW) }, true);
    tap.record(&Span { kind: 1, parent_span_id: &[], ..span("nightly", NOW) }, true);
    drop(tap);
    let recently = red.recently(later(10));
    assert_eq!(recently.len(), 1);
    assert_eq!((recently[0].minute.requests, recently[0].minute.errors), (3, 1));
    assert_eq!(recently[0].minute.p50_ns, Some(3_000_000));
}

#[test]
fn many_threads_count_every_span_once() {
    const THREADS: u64 = 4;
    const ROUNDS: u64 = 500;
    let red = Arc::new(red(1_000));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let red = &red;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let mut tap = red.tap(b"api", SHOP, NOW);
                    tap.record(&span("shared", NOW), true);
                    tap.record(&span(&format!("{thread} {}", round % 7), NOW), true);
                    if round % 50 == 0 {
                        red.sweep(NOW);
                    }
                }
            });
        }
    });
    let figures = red.figures(NOW);
    let all: u64 = figures.rows.iter().map(|row| row.series.latency.count()).sum();
    assert_eq!((all, figures.overflowed, red.series()), (2 * THREADS * ROUNDS, 0, 1 + 4 * 7));
}
