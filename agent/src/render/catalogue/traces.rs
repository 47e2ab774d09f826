//! OTLP on its way to back ends, and what is made of spans. No trace wakes anybody.

use crate::{
    policy::Severity::{Info, Warning},
    render::{Alert, Amount, Board, Value, Weight},
};

const BOARD: Board = Board { uid: "spyhop-traces", by: &["host"] };
const WINDOW: Value = Value { name: "window", amount: Amount::Window(900), why: "one alert for what belongs together" };
const EVENT: &str = "It has happened; it fires on for another fifteen minutes after the last one.";

pub(super) static ALERTS: &[Alert] = &[
    Alert {
        name: "SpyhopTracesDestinationDown",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "spyhop_otlp_destination_up == 0",
        wait: 300,
        keep: 0,
        why: "A restart of the back end passes unseen.",
        values: &[],
        summary: "A back end does not take the OTLP of a host.",
        description: "{{ $labels.destination }} has taken nothing from {{ $labels.host }} for <for>: requests wait in the queue, and the oldest are lost when it is full.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopTracesQueueFull",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "spyhop_otlp_queue_bytes / spyhop_otlp_queue_limit_bytes > <most>",
        wait: 300,
        keep: 0,
        why: "A queue that is being worked off passes.",
        values: &[Value { name: "most", amount: Amount::Share(0.8), why: "a fifth of it is what there is to act in" }],
        summary: "The OTLP queue of a destination is nearly full.",
        description: "The queue of {{ $labels.destination }} on {{ $labels.host }} is {{ $value | humanizePercentage }} full, more than <most>: at the limit the oldest requests are lost.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopTracesQueueErrors",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "increase(spyhop_otlp_queue_errors_total[<window>]) > 0",
        wait: 600,
        keep: 0,
        why: "A single error is made good by the next attempt.",
        values: &[Value {
            name: "window",
            amount: Amount::Window(300),
            why: "shorter than the wait: one error alone is over before anybody is told",
        }],
        summary: "The disk under an OTLP queue does not do its work.",
        description: "The queue of {{ $labels.destination }} on {{ $labels.host }} had {{ $value | humanize }} errors in <window>: while they last, what does not fit into memory is lost.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopTracesLost",
        note: Some("Of every signal: spans, data points and log records."),
        weight: Weight::Fixed(Warning),
        expr: "increase(spyhop_otlp_destination_lost_records_total[<window>]) > 0",
        wait: 0,
        keep: 900,
        why: EVENT,
        values: &[WINDOW],
        summary: "Spans, or other records of OTLP, were lost on their way to a back end.",
        description: "{{ $labels.destination }} will never get {{ $value | humanize }} records of {{ $labels.signal }} which {{ $labels.host }} had acknowledged in <window>: {{ $labels.reason }}.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopTracesRefused",
        note: Some(
            "Applications that are refused for want of room send again; that is here as well, because they do not for ever.",
        ),
        weight: Weight::Fixed(Warning),
        expr: "sum by (host, reason) (increase(spyhop_otlp_refused_total[<window>])) > <most>",
        wait: 0,
        keep: 900,
        why: EVENT,
        values: &[
            WINDOW,
            Value {
                name: "most",
                amount: Amount::Count(10.0),
                why: "somebody's curl, a scanner or a burst is no news; ten in a quarter of an hour is an application",
            },
        ],
        summary: "Requests of applications are refused by the OTLP receiver.",
        description: "{{ $labels.host }} refused {{ $value | humanize }} requests or connections in <window>, more than <most>: {{ $labels.reason }}.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopTracesUnattributed",
        note: None,
        weight: Weight::Fixed(Info),
        expr: "sum by (host) (increase(spyhop_otlp_unattributed_total[<window>]))\n\
               /\n\
               (sum by (host) (increase(spyhop_otlp_attributed_total[<window>])) + sum by (host) (increase(spyhop_otlp_unattributed_total[<window>]))) > <most>",
        wait: 1_800,
        keep: 0,
        why: "It is how applications are connected, and no event.",
        values: &[
            Value {
                name: "window",
                amount: Amount::Window(3_600),
                why: "applications that start together do not decide it",
            },
            Value {
                name: "most",
                amount: Amount::Share(0.25),
                why: "one application of a few whose address says nothing is known to whoever set it up",
            },
        ],
        summary: "For much of what is sent as OTLP it is not known which container sent it.",
        description: "{{ $value | humanizePercentage }} of resources on {{ $labels.host }} in <window> are of no known container, more than <most>. /api/v1/traces says why.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopTracesDecidedEarly",
        note: None,
        weight: Weight::Fixed(Info),
        expr: "increase(spyhop_otlp_sampled_early_traces_total[<window>]) > 0",
        wait: 900,
        keep: 0,
        why: "A burst passes.",
        values: &[Value {
            name: "window",
            amount: Amount::Window(300),
            why: "shorter than the wait: one burst alone is over before anybody is told",
        }],
        summary: "Traces are sampled before it is known whether they fail.",
        description: "{{ $labels.host }} decided on {{ $value | humanize }} traces in <window> before their time, because what may wait was full: errors among them may be missing.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopRedOverflow",
        note: None,
        weight: Weight::Fixed(Info),
        expr: "increase(spyhop_red_overflow_total[<window>]) > 0",
        wait: 900,
        keep: 0,
        why: "Names that are used once make room again.",
        values: &[Value {
            name: "window",
            amount: Amount::Window(300),
            why: "shorter than the wait: what was over at once is told to nobody",
        }],
        summary: "Spans have more names than there are series for them.",
        description: "{{ $labels.host }} counted {{ $value | humanize }} spans or calls in <window> in the overflow series alone.",
        board: BOARD,
    },
];
