//! Findings. Services that are missing or too few have alerts of their own.

use crate::{
    policy::Severity::{Critical, Info, Warning},
    render::{Alert, Board, Weight},
};

const BOARD: Board = Board { uid: "spyhop-tiers", by: &["host", "project"] };
const OF_HOST: Board = Board { uid: "spyhop-tiers", by: &["host"] };

pub(super) static ALERTS: &[Alert] = &[
    Alert {
        name: "SpyhopFindingCritical",
        note: Some(
            "Services that are missing or too few have alerts of their own (SpyhopServiceDown, SpyhopReplicasMissing).",
        ),
        weight: Weight::Fixed(Critical),
        expr: "spyhop_finding{severity=\"critical\",class!~\"service_missing|replicas_missing\"} > 0",
        wait: 300,
        keep: 0,
        why: "A deploy takes containers away and brings others.",
        values: &[],
        summary: "Something on a host is other than the policy wants it, and dangerous.",
        description: "{{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }}: {{ $labels.class }} ({{ $value }}).",
        board: BOARD,
    },
    Alert {
        name: "SpyhopFindings",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "sum by (host, project, class) (spyhop_finding{severity=\"warning\",class!~\"service_missing|replicas_missing\"}) > 0",
        wait: 3_600,
        keep: 0,
        why: "Nothing burns; what is tried out for half an hour wakes nobody.",
        values: &[],
        summary: "Something on a host is other than the policy or good practice wants it.",
        description: "{{ $value }} of {{ $labels.class }} in project {{ $labels.project }} on {{ $labels.host }}.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopChecksIncomplete",
        note: None,
        weight: Weight::Fixed(Info),
        expr: "spyhop_checks_not_possible > 0",
        wait: 3_600,
        keep: 0,
        why: "A container that has just come is described within seconds.",
        values: &[],
        summary: "The agent cannot look at everything that the policy asks about.",
        description: "{{ $value }} checks on {{ $labels.host }} are not possible.",
        board: OF_HOST,
    },
    Alert {
        name: "SpyhopFindingsLeftOut",
        note: None,
        weight: Weight::Fixed(Info),
        expr: "spyhop_findings_left_out > 0",
        wait: 3_600,
        keep: 0,
        why: "It is how a host is set up, and no event.",
        values: &[],
        summary: "There are more findings than series for them.",
        description: "{{ $value }} services and classes of findings on {{ $labels.host }} have no series of their own.",
        board: OF_HOST,
    },
];
