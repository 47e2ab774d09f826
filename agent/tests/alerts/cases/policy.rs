//! Findings.

use crate::case::{ANY, Case, Fires, Suite};

pub(super) const SUITE: Suite = Suite {
    file: "policy",
    page: "policy",
    summaries: &[
        ("SpyhopFindingCritical", "Something on a host is other than the policy wants it, and dangerous."),
        ("SpyhopFindings", "Something on a host is other than the policy or good practice wants it."),
        ("SpyhopChecksIncomplete", "The agent cannot look at everything that the policy asks about."),
        ("SpyhopFindingsLeftOut", "There are more findings than series for them."),
    ],
    cases: &[CASES],
};

const CASES: &[Case] = &[
    Case {
        alert: "SpyhopFindingCritical",
        about: "two open ports of one service; closed within a deploy, of less weight, and with an alert of its own are not",
        series: &[("spyhop_finding{@web,class=\"port_unlisted\",severity=\"critical\"}", "_x4 2x30 stale")],
        quiet: &[
            ("spyhop_finding{@none,class=\"root_user\",severity=\"critical\"}", "0x200"),
            ("spyhop_finding{@none,class=\"pids\",severity=\"warning\"}", "0x200"),
            ("spyhop_finding{@api,class=\"privileged\",severity=\"critical\"}", "1x8 stale"),
            ("spyhop_finding{@gone,class=\"service_missing\",severity=\"critical\"}", "1x60"),
            ("spyhop_finding{@few,class=\"replicas_missing\",severity=\"critical\"}", "1x60"),
            ("spyhop_finding{@web,class=\"root_user\",severity=\"warning\"}", "1x60"),
        ],
        until: "6m30s",
        at: "7m",
        fires: &[Fires {
            labels: "severity: critical, area: policy, class: port_unlisted, @web",
            says: "shop/web on h: port_unlisted (2).",
            link: "/d/spyhop-tiers?var-host=h&var-project=shop",
        }],
        still: "",
        over: "17m30s",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopFindings",
        about: "the same of two services is one alert of the project; info, and what has an alert of its own, are not",
        series: &[
            ("spyhop_finding{@web,class=\"root_user\",severity=\"warning\"}", "_x4 1x150 stale"),
            ("spyhop_finding{@db,class=\"root_user\",severity=\"warning\"}", "_x4 1x150 stale"),
        ],
        quiet: &[
            ("spyhop_finding{@none,class=\"root_user\",severity=\"critical\"}", "0x200"),
            ("spyhop_finding{@none,class=\"pids\",severity=\"warning\"}", "0x200"),
            ("spyhop_finding{@web,class=\"writable_root\",severity=\"info\"}", "1x200"),
            ("spyhop_finding{@few,class=\"replicas_missing\",severity=\"warning\"}", "1x200"),
            ("spyhop_finding{@web,class=\"image_unpinned\",severity=\"warning\"}", "1x60 stale"),
        ],
        until: "61m30s",
        at: "62m",
        fires: &[Fires {
            labels: "severity: warning, area: policy, class: root_user, host: h, project: shop",
            says: "2 of root_user in project shop on h.",
            link: "/d/spyhop-tiers?var-host=h&var-project=shop",
        }],
        still: "",
        over: "77m30s",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopChecksIncomplete",
        about: "for an hour; none at all, and for half an hour, are not",
        series: &[("spyhop_checks_not_possible{host=\"h\"}", "0x4 3x130 0x20")],
        quiet: &[
            ("spyhop_checks_not_possible{host=\"shark\"}", "0x160"),
            ("spyhop_checks_not_possible{host=\"seal\"}", "0x4 3x60 0x100"),
        ],
        until: "62m",
        at: "62m30s",
        fires: &[Fires {
            labels: "severity: info, area: policy, host: h",
            says: "3 checks on h are not possible.",
            link: "/d/spyhop-tiers?var-host=h",
        }],
        still: "",
        over: "68m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopFindingsLeftOut",
        about: "for an hour; none at all, and for half an hour, are not",
        series: &[("spyhop_findings_left_out{host=\"h\"}", "0x4 3x130 0x20")],
        quiet: &[
            ("spyhop_findings_left_out{host=\"shark\"}", "0x160"),
            ("spyhop_findings_left_out{host=\"seal\"}", "0x4 3x60 0x100"),
        ],
        until: "62m",
        at: "62m30s",
        fires: &[Fires {
            labels: "severity: info, area: policy, host: h",
            says: "3 services and classes of findings on h have no series of their own.",
            link: "/d/spyhop-tiers?var-host=h",
        }],
        still: "",
        over: "68m",
        tiers: ANY,
    },
];
