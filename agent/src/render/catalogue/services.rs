//! Services: what is expected of them, over all their containers.

use crate::{
    policy::Severity::{Critical, Info, Warning},
    render::{Alert, Amount, Board, Value, Weight},
};

pub(super) const BOARD: Board = Board { uid: "spyhop-service", by: &["host", "project", "service"] };
/// Tiers decide between page, ticket and note.
pub(super) const PAGE: Weight = Weight::ByTier { otherwise: Critical, most: Critical };
/// Never a page, whatever the tier.
pub(super) const TICKET: Weight = Weight::ByTier { otherwise: Warning, most: Warning };
/// Context for other alerts.
pub(super) const NOTE: Weight = Weight::ByTier { otherwise: Info, most: Info };

pub(super) static ALERTS: &[Alert] = &[
    Alert {
        name: "SpyhopServiceDown",
        note: None,
        weight: PAGE,
        expr: "(spyhop_service_replicas_expected - ignoring (state) spyhop_service_replicas{state=\"stopped\"}) > 0\n\
               and ignoring (state)\n\
               spyhop_service_replicas{state=\"running\"} == 0",
        wait: 120,
        keep: 0,
        why: "A recreate (`docker compose up` with a new image) passes unseen.",
        values: &[],
        summary: "No replica of an expected service is running.",
        description: "{{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }}: {{ $value }} expected, none running for <for>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopReplicasMissing",
        note: None,
        weight: TICKET,
        expr: "(\n\
               \x20 spyhop_service_replicas_expected\n\
               \x20 - ignoring (state) spyhop_service_replicas{state=\"stopped\"}\n\
               \x20 - ignoring (state) spyhop_service_replicas{state=\"running\"}\n\
               ) > 0\n\
               and ignoring (state)\n\
               spyhop_service_replicas{state=\"running\"} > 0",
        wait: 600,
        keep: 0,
        why: "Scaling up and down does not fire.",
        values: &[],
        summary: "A service runs with fewer replicas than expected.",
        description: "{{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }} is {{ $value }} replicas short for <for>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopRestartLooping",
        note: None,
        weight: PAGE,
        expr: "increase(spyhop_service_restarts_total[<window>]) > <most>",
        wait: 0,
        keep: 900,
        why: "Each restart would start the clock anew; it fires on until fifteen minutes have passed without one.",
        values: &[
            Value {
                name: "window",
                amount: Amount::Window(900),
                why: "the engine's back-off grows to a minute: a slow loop makes fifteen in it",
            },
            Value {
                name: "most",
                amount: Amount::Count(3.5),
                why: "somebody who tries something restarts a service two or three times; increase() makes a little more of three",
            },
        ],
        summary: "A service restarts again and again.",
        description: "{{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }} restarted {{ $value | humanize }} times in <window>, more than <most>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopFlapping",
        note: None,
        weight: NOTE,
        expr: "changes(spyhop_service_replicas{state=\"running\"}[<window>]) > <most>",
        wait: 0,
        keep: 1_800,
        why: "It is about the past half hour, and fires on for another: flapping pauses.",
        values: &[
            Value {
                name: "window",
                amount: Amount::Window(1_800),
                why: "slow flapping, which a restart loop's window does not see",
            },
            Value {
                name: "most",
                amount: Amount::Count(6.0),
                why: "three deploys, each down and up, are not flapping",
            },
        ],
        summary: "The number of running replicas of a service keeps changing.",
        description: "{{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }} changed its running replicas {{ $value }} times in <window>, more than <most>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopOomKilled",
        note: None,
        weight: TICKET,
        expr: "increase(spyhop_service_oom_kills_total[<window>]) > 0",
        wait: 0,
        keep: 900,
        why: "It has happened; a worker that dies every few minutes is one alert and not ten.",
        values: &[Value {
            name: "window",
            amount: Amount::Window(600),
            why: "a kill is seen in many evaluations, and not for an hour",
        }],
        summary: "The kernel killed a process of a service because memory ran out.",
        description: "{{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }}: {{ $value | humanize }} kills in <window>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopStartSlow",
        note: None,
        weight: NOTE,
        expr: "increase(spyhop_service_startup_duration_seconds_count[<window>])\n\
               - ignoring (le) increase(spyhop_service_startup_duration_seconds_bucket{le=\"30.0\"}[<window>])\n\
               > <most>",
        wait: 0,
        keep: 0,
        why: "It has happened; it is said for an hour.",
        values: &[
            Value { name: "window", amount: Amount::Window(3_600), why: "starts are rare" },
            Value { name: "most", amount: Amount::Count(0.5), why: "one of them; increase() makes fractions" },
        ],
        summary: "A service took long to get healthy after a start.",
        description: "{{ $value | humanize }} starts of {{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }} in <window> took more than 30s until healthy; none may (more than <most>).",
        board: BOARD,
    },
    Alert {
        name: "SpyhopFailoverSlow",
        note: None,
        weight: NOTE,
        expr: "increase(spyhop_service_failover_duration_seconds_count[<window>])\n\
               - ignoring (le) increase(spyhop_service_failover_duration_seconds_bucket{le=\"10.0\"}[<window>])\n\
               > <most>",
        wait: 0,
        keep: 0,
        why: "It has happened; it is said for an hour.",
        values: &[
            Value { name: "window", amount: Amount::Window(3_600), why: "failovers are rare" },
            Value { name: "most", amount: Amount::Count(0.5), why: "one of them; increase() makes fractions" },
        ],
        summary: "A service was without any serving replica for longer than a failover may take.",
        description: "{{ $value | humanize }} failovers of {{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }} in <window> took more than 10s; none may (more than <most>).",
        board: BOARD,
    },
];
