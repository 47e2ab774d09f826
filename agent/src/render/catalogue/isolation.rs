//! Who reaches whom and should not.
//!
//! A finding is there while a tier says so, and a connection of a second is one for a sweep: what is asked about connections looks back.

use super::services::PAGE;
use crate::{
    policy::Severity::{Info, Warning},
    render::{Alert, Amount, Board, Value, Weight},
};

const BOARD: Board = Board { uid: "spyhop-isolation", by: &["host", "project"] };
const OF_HOST: Board = Board { uid: "spyhop-isolation", by: &["host"] };

pub(super) static ALERTS: &[Alert] = &[
    Alert {
        name: "SpyhopIsolationViolation",
        note: Some(
            "The service is the one that reaches, or has too much open. What is about a network of the project has none.",
        ),
        weight: PAGE,
        expr: "label_replace(spyhop_isolation_violation{class=~\"internal_flag|exposure|unexpected_reachability\"}, \"service\", \"$1\", \"src\", \"(.*)\") > 0",
        wait: 120,
        keep: 0,
        why: "A deploy makes networks and containers one after the other.",
        values: &[],
        summary: "A wall that the policy wants around a service is not there.",
        description: "{{ $labels.project }}/{{ $labels.src }} on {{ $labels.host }}: {{ $labels.class }} {{ $labels.dst }} {{ $labels.port }}, for <for>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopIsolationWarning",
        note: Some("A connection of a second is a finding for one sweep: what was seen is asked for, not what is."),
        weight: Weight::Fixed(Warning),
        expr: "max by (host, project, class) (max_over_time(spyhop_isolation_violations{class=~\"placement|namespace|unexpected_flow|egress|host_reach\"}[<window>])) > 0",
        wait: 300,
        keep: 0,
        why: "What is put right at once wakes nobody; one connection is told all the same, because it is remembered for longer.",
        values: &[Value {
            name: "window",
            amount: Amount::Window(900),
            why: "three times as long as is waited, so that one connection is told, and for as long as somebody needs to see it",
        }],
        summary: "A service is where, or talks to whom, the policy does not say.",
        description: "{{ $value }} of {{ $labels.class }} in project {{ $labels.project }} on {{ $labels.host }} within <window>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopIsolationMissingFlow",
        note: Some("The service is the one that needs the flow."),
        weight: PAGE,
        expr: "label_replace(spyhop_isolation_violation{class=\"missing_flow\"}, \"service\", \"$1\", \"src\", \"(.*)\") > 0",
        wait: 60,
        keep: 0,
        why: "Whoever has just started gets half a minute from the agent already.",
        values: &[],
        summary: "A flow that must work does not.",
        description: "{{ $labels.project }}/{{ $labels.src }} on {{ $labels.host }} does not get through to {{ $labels.dst }}:{{ $labels.port }}, for <for>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopIsolationCoverageLow",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "spyhop_isolation_coverage_ratio < <least>",
        wait: 600,
        keep: 0,
        why: "Containers that come and go are missed for a sweep.",
        values: &[Value {
            name: "least",
            amount: Amount::Share(0.9),
            why: "one service of ten that nobody looks at is enough to hide in",
        }],
        summary: "Isolation is not looked at everywhere.",
        description: "The {{ $labels.mode }} tier sees {{ $value | humanizePercentage }} of project {{ $labels.project }} on {{ $labels.host }}, less than <least>. /api/v1/isolation says what is missing, and why.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopIsolationSweepStale",
        note: Some("The static tier looks when something changes, and may be silent for weeks."),
        weight: Weight::Fixed(Warning),
        expr: "time() - spyhop_isolation_last_sweep_timestamp_seconds{mode!=\"static\"} > <late>",
        wait: 60,
        keep: 0,
        why: "One evaluation more than a scrape that was late.",
        values: &[Value {
            name: "late",
            amount: Amount::Seconds(180),
            why: "three of the longest interval there can be (isolation.interval)",
        }],
        summary: "Isolation has not been looked at for longer than it should.",
        description: "The {{ $labels.mode }} tier on {{ $labels.host }} looked last {{ $value | humanizeDuration }} ago, more than <late>.",
        board: OF_HOST,
    },
    Alert {
        name: "SpyhopIsolationDeniedAttempts",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "sum by (host, project, src) (increase(spyhop_isolation_denied_attempts_total[<window>])) > <most>",
        wait: 0,
        keep: 900,
        why: "It would be over before anybody looks.",
        values: &[
            Value {
                name: "window",
                amount: Amount::Window(900),
                why: "a client that tries once a minute is seen as well",
            },
            Value {
                name: "most",
                amount: Amount::Count(10.0),
                why: "a wrong address in one configuration is tried now and then; ten are somebody who looks around, or who cannot work",
            },
        ],
        summary: "A service keeps trying to reach whom it must not.",
        description: "{{ $labels.project }}/{{ $labels.src }} on {{ $labels.host }} has begun {{ $value | humanize }} connections in <window> that the policy does not name and nobody answered, more than <most>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopIsolationTruncated",
        note: None,
        weight: Weight::Fixed(Info),
        expr: "spyhop_isolation_violations_truncated > 0",
        wait: 3_600,
        keep: 0,
        why: "It is how a project is set up, and no event.",
        values: &[],
        summary: "There are more isolation findings than series for them.",
        description: "Project {{ $labels.project }} on {{ $labels.host }} has more findings, or more edges, than are shown one by one.",
        board: BOARD,
    },
];
