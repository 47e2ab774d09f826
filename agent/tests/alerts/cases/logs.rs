//! Lines on their way to Loki.

use crate::case::{ANY, Case, Fires, Suite};

pub(super) const SUITE: Suite = Suite {
    file: "logs",
    page: "logs",
    summaries: &[
        ("SpyhopLogsNotTaken", "A Loki does not take the lines of a host."),
        ("SpyhopLogsLate", "Lines of a service reach Loki late."),
        ("SpyhopLogsDropped", "Lines of a service were lost."),
        ("SpyhopLogsGap", "Lines of a service may be missing which the agent never saw."),
        ("SpyhopLogsCorrupt", "A container's log file holds what is no record."),
        ("SpyhopLogsSpoolFilling", "The spool of a destination is nearly full."),
        ("SpyhopLogsSpoolErrors", "The disk under a spool does not do its work."),
        ("SpyhopLogsUpstreamLossy", "The engine may lose lines of a service before anybody reads them."),
    ],
    cases: &[CASES],
};

const HOST: &str = "/d/spyhop-logs?var-host=h";
const LOGS: &str = "/d/spyhop-logs?var-host=h&var-project=shop&var-service=web";

const CASES: &[Case] = &[
    Case {
        alert: "SpyhopLogsNotTaken",
        about: "one of several reasons stands for five minutes; less, and another destination, do not fire",
        series: &[
            ("spyhop_logs_destination_trouble{host=\"h\",destination=\"loki\",kind=\"unreachable\"}", "0x4 1x20 0x20"),
            ("spyhop_logs_destination_trouble{host=\"h\",destination=\"loki\",kind=\"blocked\"}", "0x60"),
        ],
        quiet: &[
            ("spyhop_logs_destination_trouble{host=\"h\",destination=\"second\",kind=\"unreachable\"}", "0x60"),
            ("spyhop_logs_destination_trouble{host=\"h\",destination=\"third\",kind=\"unavailable\"}", "0x4 1x8 0x60"),
        ],
        until: "7m",
        at: "7m30s",
        fires: &[Fires {
            labels: "severity: critical, area: logs, host: h, destination: loki",
            says: "loki has taken nothing from h for 5m: lines wait in the spool, and the oldest are lost when it is full.",
            link: HOST,
        }],
        still: "",
        over: "13m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopLogsLate",
        about: "six minutes late; five are not, nor is it said while the destination takes nothing",
        series: &[
            ("spyhop_logs_lag_seconds{@web}", "0x4 400x20 0x20"),
            ("spyhop_logs_destination_trouble{host=\"h\",destination=\"loki\",kind=\"unreachable\"}", "0x60"),
        ],
        quiet: &[
            ("spyhop_logs_lag_seconds{@edge}", "300x60"),
            ("spyhop_logs_lag_seconds{host=\"g\",project=\"shop\",service=\"web\"}", "400x60"),
            ("spyhop_logs_destination_trouble{host=\"g\",destination=\"loki\",kind=\"unreachable\"}", "1x60"),
        ],
        until: "7m",
        at: "7m30s",
        fires: &[Fires {
            labels: "severity: warning, area: logs, @web",
            says: "shop/web on h: the oldest line that waits is 6m 40s old, more than 5m.",
            link: LOGS,
        }],
        still: "",
        over: "13m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopLogsDropped",
        about: "fires at once, and on for fifteen minutes; what is old, or was asked for, does not",
        series: &[("spyhop_logs_dropped_lines_total{@web,reason=\"too_old\"}", "0x10 3x100")],
        quiet: &[
            ("spyhop_logs_dropped_lines_total{@web,reason=\"rule\"}", "0x10 9x100"),
            ("spyhop_logs_dropped_lines_total{@web,reason=\"level\"}", "0x10 9x100"),
            ("spyhop_logs_dropped_lines_total{@web,reason=\"sampled\"}", "0x10 9x100"),
            ("spyhop_logs_dropped_lines_total{@web,reason=\"rate_lines\"}", "0x10 9x100"),
            ("spyhop_logs_dropped_lines_total{@web,reason=\"rate_size\"}", "0x10 9x100"),
            ("spyhop_logs_dropped_lines_total{@db,reason=\"too_old\"}", "7x110"),
        ],
        until: "5m",
        at: "5m30s",
        fires: &[Fires {
            labels: "severity: warning, area: logs, reason: too_old, @web",
            says: "shop/web on h lost 3 lines in 15m: too_old.",
            link: LOGS,
        }],
        still: "34m30s",
        over: "36m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopLogsGap",
        about: "fires at once, and on for fifteen minutes; what is old, or was asked for, does not",
        series: &[("spyhop_logs_gaps_total{@web,reason=\"rotations_missed\"}", "0x10 3x100")],
        quiet: &[("spyhop_logs_gaps_total{@db,reason=\"truncated\"}", "2x110")],
        until: "5m",
        at: "5m30s",
        fires: &[Fires {
            labels: "severity: warning, area: logs, reason: rotations_missed, @web",
            says: "shop/web on h: rotations_missed.",
            link: LOGS,
        }],
        still: "34m30s",
        over: "36m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopLogsCorrupt",
        about: "fires at once, and on for fifteen minutes; what is old, or was asked for, does not",
        series: &[("spyhop_logs_corrupt_bytes_total{@web}", "0x10 3x100")],
        quiet: &[("spyhop_logs_corrupt_bytes_total{@db}", "512x110")],
        until: "5m",
        at: "5m30s",
        fires: &[Fires {
            labels: "severity: warning, area: logs, @web",
            says: "shop/web on h: 3 bytes were passed over in 15m.",
            link: LOGS,
        }],
        still: "34m30s",
        over: "36m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopLogsSpoolFilling",
        about: "more than four fifths; just four fifths are not",
        series: &[
            ("spyhop_logs_spool_bytes{host=\"h\",destination=\"loki\"}", "10x4 85x20 10x20"),
            ("spyhop_logs_spool_limit_bytes{host=\"h\",destination=\"loki\"}", "100x60"),
        ],
        quiet: &[
            ("spyhop_logs_spool_bytes{host=\"h\",destination=\"second\"}", "80x60"),
            ("spyhop_logs_spool_limit_bytes{host=\"h\",destination=\"second\"}", "100x60"),
        ],
        until: "7m",
        at: "7m30s",
        fires: &[Fires {
            labels: "severity: critical, area: logs, host: h, destination: loki",
            says: "The spool of loki on h is 85% full, more than 80%: at the limit the oldest lines are lost.",
            link: HOST,
        }],
        still: "",
        over: "13m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopLogsSpoolErrors",
        about: "errors of the disk, and errors of long ago",
        series: &[("spyhop_logs_spool_errors_total{host=\"h\",destination=\"loki\"}", "0x4 2+2x40 82x60")],
        quiet: &[
            ("spyhop_logs_spool_errors_total{host=\"h\",destination=\"once\"}", "0x4 2x100"),
            ("spyhop_logs_spool_errors_total{host=\"h\",destination=\"second\"}", "4x110"),
        ],
        until: "12m",
        at: "12m30s",
        fires: &[Fires {
            labels: "severity: warning, area: logs, host: h, destination: loki",
            says: "The spool of loki on h had 20 errors in 5m: while they last, what does not fit into memory is lost.",
            link: HOST,
        }],
        still: "",
        over: "29m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopLogsUpstreamLossy",
        about: "a driver that gives up lines for an hour; half an hour of trying it is not said",
        series: &[("spyhop_logs_upstream_lossy{@web}", "0x4 1x130 0x20")],
        quiet: &[
            ("spyhop_logs_upstream_lossy{@db}", "0x160"),
            ("spyhop_logs_upstream_lossy{@tried}", "0x4 1x60 0x100"),
        ],
        until: "62m",
        at: "62m30s",
        fires: &[Fires {
            labels: "severity: info, area: logs, @web",
            says: "shop/web on h has a log driver that gives up lines when they come too fast; nobody can count them.",
            link: LOGS,
        }],
        still: "",
        over: "68m",
        tiers: ANY,
    },
];
