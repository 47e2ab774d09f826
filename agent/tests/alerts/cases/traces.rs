//! OTLP on its way to back ends.

use crate::case::{ANY, Case, Fires, Suite};

pub(super) const SUITE: Suite = Suite {
    file: "traces",
    page: "traces",
    summaries: &[
        ("SpyhopTracesDestinationDown", "A back end does not take the OTLP of a host."),
        ("SpyhopTracesQueueFull", "The OTLP queue of a destination is nearly full."),
        ("SpyhopTracesQueueErrors", "The disk under an OTLP queue does not do its work."),
        ("SpyhopTracesLost", "Spans, or other records of OTLP, were lost on their way to a back end."),
        ("SpyhopTracesRefused", "Requests of applications are refused by the OTLP receiver."),
        ("SpyhopTracesUnattributed", "For much of what is sent as OTLP it is not known which container sent it."),
        ("SpyhopTracesDecidedEarly", "Traces are sampled before it is known whether they fail."),
        ("SpyhopRedOverflow", "Spans have more names than there are series for them."),
    ],
    cases: &[CASES],
};

const BOARD: &str = "/d/spyhop-traces?var-host=h";

const CASES: &[Case] = &[
    Case {
        alert: "SpyhopTracesDestinationDown",
        about: "one back end is away for five minutes; less, and another one, do not fire",
        series: &[("spyhop_otlp_destination_up{host=\"h\",destination=\"tempo:4317\"}", "1x4 0x20 1x20")],
        quiet: &[
            ("spyhop_otlp_destination_up{host=\"h\",destination=\"second:4318\"}", "1x60"),
            ("spyhop_otlp_destination_up{host=\"h\",destination=\"third:4318\"}", "1x4 0x8 1x60"),
        ],
        until: "7m",
        at: "7m30s",
        fires: &[Fires {
            labels: "severity: warning, area: traces, host: h, destination: 'tempo:4317'",
            says: "tempo:4317 has taken nothing from h for 5m: requests wait in the queue, and the oldest are lost when it is full.",
            link: BOARD,
        }],
        still: "",
        over: "13m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopTracesQueueFull",
        about: "more than four fifths; just four fifths are not",
        series: &[
            ("spyhop_otlp_queue_bytes{host=\"h\",destination=\"tempo:4317\"}", "10x4 85x20 10x20"),
            ("spyhop_otlp_queue_limit_bytes{host=\"h\",destination=\"tempo:4317\"}", "100x60"),
        ],
        quiet: &[
            ("spyhop_otlp_queue_bytes{host=\"h\",destination=\"second:4318\"}", "80x60"),
            ("spyhop_otlp_queue_limit_bytes{host=\"h\",destination=\"second:4318\"}", "100x60"),
        ],
        until: "7m",
        at: "7m30s",
        fires: &[Fires {
            labels: "severity: warning, area: traces, host: h, destination: 'tempo:4317'",
            says: "The queue of tempo:4317 on h is 85% full, more than 80%: at the limit the oldest requests are lost.",
            link: BOARD,
        }],
        still: "",
        over: "13m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopTracesQueueErrors",
        about: "errors of the disk, and errors of long ago",
        series: &[("spyhop_otlp_queue_errors_total{host=\"h\",destination=\"tempo:4317\"}", "0x4 2+2x40 82x60")],
        quiet: &[
            ("spyhop_otlp_queue_errors_total{host=\"h\",destination=\"once:4317\"}", "0x4 2x100"),
            ("spyhop_otlp_queue_errors_total{host=\"h\",destination=\"second:4318\"}", "4x110"),
        ],
        until: "12m",
        at: "12m30s",
        fires: &[Fires {
            labels: "severity: warning, area: traces, host: h, destination: 'tempo:4317'",
            says: "The queue of tempo:4317 on h had 20 errors in 5m: while they last, what does not fit into memory is lost.",
            link: BOARD,
        }],
        still: "",
        over: "29m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopTracesLost",
        about: "fires at once, and on for fifteen minutes; what is old does not",
        series: &[(
            "spyhop_otlp_destination_lost_records_total{host=\"h\",destination=\"tempo:4317\",signal=\"traces\",reason=\"age\"}",
            "0x10 3x100",
        )],
        quiet: &[(
            "spyhop_otlp_destination_lost_records_total{host=\"h\",destination=\"tempo:4317\",signal=\"logs\",reason=\"age\"}",
            "7x110",
        )],
        until: "5m",
        at: "5m30s",
        fires: &[Fires {
            labels: "severity: warning, area: traces, host: h, destination: 'tempo:4317', signal: traces, reason: age",
            says: "tempo:4317 will never get 3 records of traces which h had acknowledged in 15m: age.",
            link: BOARD,
        }],
        still: "34m30s",
        over: "36m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopTracesRefused",
        about: "more than ten; just ten are not, nor is one now and then",
        series: &[("spyhop_otlp_refused_total{host=\"h\",reason=\"too_long\"}", "0x10 11x100")],
        quiet: &[
            ("spyhop_otlp_refused_total{host=\"h\",reason=\"path\"}", "0x10 10x100"),
            ("spyhop_otlp_refused_total{host=\"h\",reason=\"slow\"}", "0+0.25x110"),
        ],
        until: "5m",
        at: "5m30s",
        fires: &[Fires {
            labels: "severity: warning, area: traces, host: h, reason: too_long",
            says: "h refused 11 requests or connections in 15m, more than 10: too_long.",
            link: BOARD,
        }],
        still: "34m30s",
        over: "36m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopTracesUnattributed",
        about: "a third of it for half an hour; just a quarter is not, nor is a start in which nobody is known yet",
        series: &[
            ("spyhop_otlp_attributed_total{host=\"h\",signal=\"traces\",rule=\"address\"}", "0+8x300"),
            ("spyhop_otlp_unattributed_total{host=\"h\",signal=\"traces\",reason=\"gateway_ip\"}", "0+4x80 320x220"),
        ],
        quiet: &[
            ("spyhop_otlp_attributed_total{host=\"g\",signal=\"traces\",rule=\"address\"}", "0+3x300"),
            ("spyhop_otlp_unattributed_total{host=\"g\",signal=\"traces\",reason=\"unknown_ip\"}", "0+1x300"),
            ("spyhop_otlp_attributed_total{host=\"f\",signal=\"traces\",rule=\"socket\"}", "0x4 0+4x300"),
            ("spyhop_otlp_unattributed_total{host=\"f\",signal=\"traces\",reason=\"host_net\"}", "0+4x4 16x300"),
            ("spyhop_otlp_attributed_total{host=\"e\",signal=\"traces\",rule=\"socket\"}", "0x300"),
            ("spyhop_otlp_unattributed_total{host=\"e\",signal=\"traces\",reason=\"host_net\"}", "0x300"),
        ],
        until: "30m",
        at: "30m30s",
        fires: &[Fires {
            labels: "severity: info, area: traces, host: h",
            says: "33.33% of resources on h in 1h are of no known container, more than 25%. /api/v1/traces says why.",
            link: BOARD,
        }],
        still: "",
        over: "60m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopTracesDecidedEarly",
        about: "for a quarter of an hour; a burst, and what is long ago, is not said",
        series: &[("spyhop_otlp_sampled_early_traces_total{host=\"h\"}", "0x4 2+2x60 122x60")],
        quiet: &[
            ("spyhop_otlp_sampled_early_traces_total{host=\"g\"}", "0x4 900x120"),
            ("spyhop_otlp_sampled_early_traces_total{host=\"f\"}", "4x120"),
        ],
        until: "17m",
        at: "17m30s",
        fires: &[Fires {
            labels: "severity: info, area: traces, host: h",
            says: "h decided on 20 traces in 5m before their time, because what may wait was full: errors among them may be missing.",
            link: BOARD,
        }],
        still: "",
        over: "39m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopRedOverflow",
        about: "for a quarter of an hour; a burst, and what is long ago, is not said",
        series: &[("spyhop_red_overflow_total{host=\"h\"}", "0x4 2+2x60 122x60")],
        quiet: &[
            ("spyhop_red_overflow_total{host=\"g\"}", "0x4 900x120"),
            ("spyhop_red_overflow_total{host=\"f\"}", "4x120"),
        ],
        until: "17m",
        at: "17m30s",
        fires: &[Fires {
            labels: "severity: info, area: traces, host: h",
            says: "h counted 20 spans or calls in 5m in the overflow series alone.",
            link: BOARD,
        }],
        still: "",
        over: "39m",
        tiers: ANY,
    },
];
