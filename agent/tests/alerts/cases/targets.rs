//! Endpoints which containers declare.

use super::services::WEB;
use crate::case::{ANY, Case, Fires, Suite};

pub(super) const SUITE: Suite = Suite {
    file: "targets",
    page: "targets",
    summaries: &[
        ("SpyhopTargetUnreachable", "A declared metrics endpoint cannot be reached by the agent."),
        ("SpyhopTargetNotMerged", "A declared metrics endpoint is missing on the agent's page."),
    ],
    cases: &[CASES],
};

const CASES: &[Case] = &[
    Case {
        alert: "SpyhopTargetUnreachable",
        about: "no way to it for ten minutes; a way, and no way during a deploy, are not",
        series: &[(
            "spyhop_target_reachable{@web.1,target=\"9100/metrics\",reason=\"no_shared_network\"}",
            "_x4 0x30 stale",
        )],
        quiet: &[
            ("spyhop_target_reachable{@web.1,target=\"9101/metrics\",reason=\"\"}", "1x60"),
            ("spyhop_target_reachable{@db.1,target=\"9100/metrics\",reason=\"no_address\"}", "0x10 stale"),
        ],
        until: "11m30s",
        at: "12m",
        fires: &[Fires {
            labels: "severity: warning, area: targets, reason: no_shared_network, target: 9100/metrics, @web.1",
            says: "shop/web replica 1 on h declares metrics which nobody scrapes: no_shared_network.",
            link: WEB,
        }],
        still: "",
        over: "17m30s",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopTargetNotMerged",
        about: "missing on the page for ten minutes; merged, and missing for a moment, are not",
        series: &[("spyhop_target_up{@web.1,target=\"9100/metrics\"}", "1x4 0x30 1x20")],
        quiet: &[
            ("spyhop_target_up{@web.1,target=\"9101/metrics\"}", "1x60"),
            ("spyhop_target_up{@db.1,target=\"9100/metrics\"}", "1x4 0x10 1x40"),
        ],
        until: "12m",
        at: "12m30s",
        fires: &[Fires {
            labels: "severity: warning, area: targets, target: 9100/metrics, @web.1",
            says: "shop/web replica 1 on h is dead, slow, too large or not sound: its series are missing.",
            link: WEB,
        }],
        still: "",
        over: "18m",
        tiers: ANY,
    },
];
