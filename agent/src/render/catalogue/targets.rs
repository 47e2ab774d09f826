//! Endpoints which containers declare.

use super::services::BOARD;
use crate::{
    policy::Severity::Warning,
    render::{Alert, Weight},
};

pub(super) static ALERTS: &[Alert] = &[
    Alert {
        name: "SpyhopTargetUnreachable",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "spyhop_target_reachable == 0",
        wait: 600,
        keep: 0,
        why: "A deploy takes networks away and brings them back.",
        values: &[],
        summary: "A declared metrics endpoint cannot be reached by the agent.",
        description: "{{ $labels.project }}/{{ $labels.service }} replica {{ $labels.replica }} on {{ $labels.host }} declares metrics which nobody scrapes: {{ $labels.reason }}.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopTargetNotMerged",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "spyhop_target_up == 0",
        wait: 600,
        keep: 0,
        why: "A service that starts answers by then.",
        values: &[],
        summary: "A declared metrics endpoint is missing on the agent's page.",
        description: "{{ $labels.project }}/{{ $labels.service }} replica {{ $labels.replica }} on {{ $labels.host }} is dead, slow, too large or not sound: its series are missing.",
        board: BOARD,
    },
];
