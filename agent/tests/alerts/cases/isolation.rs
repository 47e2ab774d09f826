//! Isolation. The service of these series is in the label `src`.

use crate::case::{ANY, Case, Fires, PAGE, Suite};

pub(super) const SUITE: Suite = Suite {
    file: "isolation",
    page: "isolation",
    summaries: &[
        ("SpyhopIsolationViolation", "A wall that the policy wants around a service is not there."),
        ("SpyhopIsolationWarning", "A service is where, or talks to whom, the policy does not say."),
        ("SpyhopIsolationMissingFlow", "A flow that must work does not."),
        ("SpyhopIsolationCoverageLow", "Isolation is not looked at everywhere."),
        ("SpyhopIsolationSweepStale", "Isolation has not been looked at for longer than it should."),
        ("SpyhopIsolationDeniedAttempts", "A service keeps trying to reach whom it must not."),
        ("SpyhopIsolationTruncated", "There are more isolation findings than series for them."),
    ],
    cases: &[CASES],
};

const BOARD: &str = "/d/spyhop-isolation?var-host=h&var-project=shop";

const CASES: &[Case] = &[
    Case {
        alert: "SpyhopIsolationViolation",
        about: "a way is open across networks; within a deploy, of less weight, and a flow that is missing are not",
        series: &[(
            "spyhop_isolation_violation{host=\"h\",project=\"shop\",class=\"unexpected_reachability\",src=\"web\",dst=\"db\",port=\"5432/tcp\"}",
            "_x4 1x30 stale",
        )],
        quiet: &[
            (
                "spyhop_isolation_violation{host=\"h\",project=\"shop\",class=\"exposure\",src=\"none\",dst=\"\",port=\"80/tcp\"}",
                "0x200",
            ),
            (
                "spyhop_isolation_violation{host=\"h\",project=\"shop\",class=\"exposure\",src=\"api\",dst=\"\",port=\"80/tcp\"}",
                "1x3 stale",
            ),
            ("spyhop_isolation_violation{host=\"h\",project=\"shop\",class=\"placement\",src=\"api\"}", "1x60"),
            (
                "spyhop_isolation_violation{host=\"h\",project=\"shop\",class=\"missing_flow\",src=\"few\",dst=\"db\"}",
                "1x60",
            ),
        ],
        until: "3m30s",
        at: "4m",
        fires: &[Fires {
            labels: "severity: critical, area: isolation, class: unexpected_reachability, src: web, dst: db, port: 5432/tcp, @web",
            says: "shop/web on h: unexpected_reachability db 5432/tcp, for 2m.",
            link: BOARD,
        }],
        still: "",
        over: "17m30s",
        tiers: PAGE,
    },
    Case {
        alert: "SpyhopIsolationViolation",
        about: "what is about a network of the project has no service, so no tier",
        series: &[(
            "spyhop_isolation_violation{host=\"h\",project=\"shop\",class=\"internal_flag\"}",
            "_x4 1x30 stale",
        )],
        quiet: &[("spyhop_isolation_violation{host=\"h\",project=\"yard\",class=\"internal_flag\"}", "0x60")],
        until: "3m30s",
        at: "4m",
        fires: &[Fires {
            labels: "severity: critical, area: isolation, class: internal_flag, host: h, project: shop",
            says: "shop/ on h: internal_flag  , for 2m.",
            link: BOARD,
        }],
        still: "",
        over: "17m30s",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopIsolationWarning",
        about: "connections that are over within minutes are told; a count that nobody can change, and what wakes somebody, are not",
        series: &[("spyhop_isolation_violations{host=\"h\",project=\"shop\",class=\"egress\"}", "0x4 2x4 0x100")],
        quiet: &[
            ("spyhop_isolation_violations{host=\"h\",project=\"yard\",class=\"egress\"}", "0x200"),
            ("spyhop_isolation_violations{host=\"h\",project=\"shop\",class=\"excess_reachability\"}", "40x200"),
            ("spyhop_isolation_violations{host=\"h\",project=\"shop\",class=\"exposure\"}", "1x200"),
        ],
        until: "7m",
        at: "7m30s",
        fires: &[Fires {
            labels: "severity: warning, area: isolation, class: egress, host: h, project: shop",
            says: "2 of egress in project shop on h within 15m.",
            link: BOARD,
        }],
        still: "",
        over: "20m30s",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopIsolationMissingFlow",
        about: "a flow that must work does not; for less than a minute, and other classes, are not said",
        series: &[(
            "spyhop_isolation_violation{host=\"h\",project=\"shop\",class=\"missing_flow\",src=\"web\",dst=\"db\",port=\"5432/tcp\"}",
            "_x4 1x30 stale",
        )],
        quiet: &[
            (
                "spyhop_isolation_violation{host=\"h\",project=\"shop\",class=\"missing_flow\",src=\"none\",dst=\"db\",port=\"1/tcp\"}",
                "0x200",
            ),
            (
                "spyhop_isolation_violation{host=\"h\",project=\"shop\",class=\"missing_flow\",src=\"api\",dst=\"db\",port=\"1/tcp\"}",
                "1x1 stale",
            ),
            (
                "spyhop_isolation_violation{host=\"h\",project=\"shop\",class=\"exposure\",src=\"few\",dst=\"\",port=\"1/tcp\"}",
                "1x60",
            ),
        ],
        until: "2m30s",
        at: "3m",
        fires: &[Fires {
            labels: "severity: critical, area: isolation, class: missing_flow, src: web, dst: db, port: 5432/tcp, @web",
            says: "shop/web on h does not get through to db:5432/tcp, for 1m.",
            link: BOARD,
        }],
        still: "",
        over: "17m30s",
        tiers: PAGE,
    },
    Case {
        alert: "SpyhopIsolationCoverageLow",
        about: "half of a project for ten minutes; just nine of ten, and for eight minutes, are not said",
        series: &[("spyhop_isolation_coverage_ratio{host=\"h\",project=\"shop\",mode=\"passive\"}", "1x4 0.5x40 1x60")],
        quiet: &[
            ("spyhop_isolation_coverage_ratio{host=\"h\",project=\"shop\",mode=\"static\"}", "0.9x200"),
            ("spyhop_isolation_coverage_ratio{host=\"h\",project=\"yard\",mode=\"passive\"}", "1x4 0.5x16 1x200"),
        ],
        until: "12m",
        at: "12m30s",
        fires: &[Fires {
            labels: "severity: warning, area: isolation, mode: passive, host: h, project: shop",
            says: "The passive tier sees 50% of project shop on h, less than 90%. /api/v1/isolation says what is missing, and why.",
            link: BOARD,
        }],
        still: "",
        over: "23m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopIsolationCoverageLow",
        about: "a service of eight that nobody looks at",
        series: &[(
            "spyhop_isolation_coverage_ratio{host=\"h\",project=\"shop\",mode=\"passive\"}",
            "1x4 0.875x40 1x60",
        )],
        quiet: &[],
        until: "12m",
        at: "12m30s",
        fires: &[Fires {
            labels: "severity: warning, area: isolation, mode: passive, host: h, project: shop",
            says: "The passive tier sees 87.5% of project shop on h, less than 90%. /api/v1/isolation says what is missing, and why.",
            link: BOARD,
        }],
        still: "",
        over: "23m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopIsolationSweepStale",
        about: "no sweep for three minutes and one; just three minutes, and a tier that waits for changes, are not said",
        series: &[(
            "spyhop_isolation_last_sweep_timestamp_seconds{host=\"h\",mode=\"passive\"}",
            "0+30x4 120x30 1080+30x100",
        )],
        quiet: &[
            ("spyhop_isolation_last_sweep_timestamp_seconds{host=\"h\",mode=\"static\"}", "0x200"),
            ("spyhop_isolation_last_sweep_timestamp_seconds{host=\"h\",mode=\"active\"}", "-180+30x200"),
        ],
        until: "6m",
        at: "6m30s",
        fires: &[Fires {
            labels: "severity: warning, area: isolation, mode: passive, host: h",
            says: "The passive tier on h looked last 4m 30s ago, more than 3m.",
            link: "/d/spyhop-isolation?var-host=h",
        }],
        still: "",
        over: "18m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopIsolationDeniedAttempts",
        about: "eleven attempts at once; ten of them, and one every two minutes, are not said",
        series: &[("spyhop_isolation_denied_attempts_total{host=\"h\",project=\"shop\",src=\"web\"}", "0x9 11x200")],
        quiet: &[
            ("spyhop_isolation_denied_attempts_total{host=\"h\",project=\"shop\",src=\"api\"}", "0x9 10x200"),
            ("spyhop_isolation_denied_attempts_total{host=\"h\",project=\"shop\",src=\"cron\"}", "0+0.25x200"),
        ],
        until: "4m30s",
        at: "5m",
        fires: &[Fires {
            labels: "severity: warning, area: isolation, host: h, project: shop, src: web",
            says: "shop/web on h has begun 11 connections in 15m that the policy does not name and nobody answered, more than 10.",
            link: BOARD,
        }],
        still: "33m30s",
        over: "35m30s",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopIsolationTruncated",
        about: "for an hour; none at all, and for half an hour, are not",
        series: &[("spyhop_isolation_violations_truncated{host=\"h\",project=\"shop\"}", "0x4 1x130 0x20")],
        quiet: &[
            ("spyhop_isolation_violations_truncated{host=\"h\",project=\"yard\"}", "0x160"),
            ("spyhop_isolation_violations_truncated{host=\"h\",project=\"dock\"}", "0x4 1x60 0x100"),
        ],
        until: "62m",
        at: "62m30s",
        fires: &[Fires {
            labels: "severity: info, area: isolation, host: h, project: shop",
            says: "Project shop on h has more findings, or more edges, than are shown one by one.",
            link: BOARD,
        }],
        still: "",
        over: "68m",
        tiers: ANY,
    },
];
