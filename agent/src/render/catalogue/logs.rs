//! Lines on their way to Loki.

use crate::{
    policy::Severity::{Critical, Info, Warning},
    render::{Alert, Amount, Board, Value, Weight},
};

const BOARD: Board = Board { uid: "spyhop-logs", by: &["host", "project", "service"] };
const OF_HOST: Board = Board { uid: "spyhop-logs", by: &["host"] };
const WINDOW: &[Value] =
    &[Value { name: "window", amount: Amount::Window(900), why: "one alert for what belongs together" }];
const EVENT: &str = "It has happened; it fires on for another fifteen minutes after the last one.";

pub(super) static ALERTS: &[Alert] = &[
    Alert {
        name: "SpyhopLogsNotTaken",
        note: None,
        weight: Weight::Fixed(Critical),
        expr: "max without (kind) (spyhop_logs_destination_trouble) == 1",
        wait: 300,
        keep: 0,
        why: "A restart of Loki passes unseen.",
        values: &[],
        summary: "A Loki does not take the lines of a host.",
        description: "{{ $labels.destination }} has taken nothing from {{ $labels.host }} for <for>: lines wait in the spool, and the oldest are lost when it is full.",
        board: OF_HOST,
    },
    Alert {
        name: "SpyhopLogsLate",
        note: Some("While a destination takes nothing SpyhopLogsNotTaken says so, once and not for each service."),
        weight: Weight::Fixed(Warning),
        expr: "spyhop_logs_lag_seconds > <most>\n\
               unless on (host, instance)\n\
               spyhop_logs_destination_trouble == 1",
        wait: 300,
        keep: 0,
        why: "A burst that is worked off passes.",
        values: &[Value {
            name: "most",
            amount: Amount::Seconds(300),
            why: "whoever looks for what has just happened looks in vain",
        }],
        summary: "Lines of a service reach Loki late.",
        description: "{{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }}: the oldest line that waits is {{ $value | humanizeDuration }} old, more than <most>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopLogsDropped",
        note: Some("Without what somebody asked for: rules, levels, samples and rates."),
        weight: Weight::Fixed(Warning),
        expr: "increase(spyhop_logs_dropped_lines_total{reason!~\"rule|level|sampled|rate_lines|rate_size\"}[<window>]) > 0",
        wait: 0,
        keep: 900,
        why: EVENT,
        values: WINDOW,
        summary: "Lines of a service were lost.",
        description: "{{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }} lost {{ $value | humanize }} lines in <window>: {{ $labels.reason }}.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopLogsGap",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "increase(spyhop_logs_gaps_total[<window>]) > 0",
        wait: 0,
        keep: 900,
        why: EVENT,
        values: WINDOW,
        summary: "Lines of a service may be missing which the agent never saw.",
        description: "{{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }}: {{ $labels.reason }}.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopLogsCorrupt",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "increase(spyhop_logs_corrupt_bytes_total[<window>]) > 0",
        wait: 0,
        keep: 900,
        why: EVENT,
        values: WINDOW,
        summary: "A container's log file holds what is no record.",
        description: "{{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }}: {{ $value | humanize }} bytes were passed over in <window>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopLogsSpoolFilling",
        note: None,
        weight: Weight::Fixed(Critical),
        expr: "spyhop_logs_spool_bytes / spyhop_logs_spool_limit_bytes > <most>",
        wait: 300,
        keep: 0,
        why: "A spool that is being worked off passes.",
        values: &[Value { name: "most", amount: Amount::Share(0.8), why: "a fifth of it is what there is to act in" }],
        summary: "The spool of a destination is nearly full.",
        description: "The spool of {{ $labels.destination }} on {{ $labels.host }} is {{ $value | humanizePercentage }} full, more than <most>: at the limit the oldest lines are lost.",
        board: OF_HOST,
    },
    Alert {
        name: "SpyhopLogsSpoolErrors",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "increase(spyhop_logs_spool_errors_total[<window>]) > 0",
        wait: 600,
        keep: 0,
        why: "A single error is made good by the next attempt.",
        values: &[Value {
            name: "window",
            amount: Amount::Window(300),
            why: "shorter than the wait: one error alone is over before anybody is told",
        }],
        summary: "The disk under a spool does not do its work.",
        description: "The spool of {{ $labels.destination }} on {{ $labels.host }} had {{ $value | humanize }} errors in <window>: while they last, what does not fit into memory is lost.",
        board: OF_HOST,
    },
    Alert {
        name: "SpyhopLogsUpstreamLossy",
        note: None,
        weight: Weight::Fixed(Info),
        expr: "spyhop_logs_upstream_lossy == 1",
        wait: 3_600,
        keep: 0,
        why: "It is how a service is set up, and no event.",
        values: &[],
        summary: "The engine may lose lines of a service before anybody reads them.",
        description: "{{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }} has a log driver that gives up lines when they come too fast; nobody can count them.",
        board: BOARD,
    },
];
