//! Single containers: health, exits, limits.

use super::services::{BOARD, PAGE, TICKET};
use crate::render::{Alert, Amount, Value};

const NEAR: &[Value] =
    &[Value { name: "most", amount: Amount::Share(0.9), why: "what is left is one request or one thread pool" }];

pub(super) static ALERTS: &[Alert] = &[
    Alert {
        name: "SpyhopUnhealthy",
        note: Some("Of running containers only: the engine calls the health of a stopped one unhealthy."),
        weight: PAGE,
        expr: "spyhop_container_health_state{state=\"unhealthy\"} == 1\n\
               and ignoring (state)\n\
               spyhop_container_state{state=\"running\"} == 1",
        wait: 60,
        keep: 0,
        why: "The check has failed as often as its `retries` says already.",
        values: &[],
        summary: "The health check of a container fails.",
        description: "{{ $labels.project }}/{{ $labels.service }} replica {{ $labels.replica }} on {{ $labels.host }} is unhealthy for <for>; the engine does not restart it by itself.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopHealthStarting",
        note: None,
        weight: TICKET,
        expr: "spyhop_container_health_state{state=\"starting\"} == 1\n\
               and ignoring (state)\n\
               spyhop_container_state{state=\"running\"} == 1",
        wait: 600,
        keep: 0,
        why: "Start periods of minutes are common; one of ten belongs to a migration, which is a job.",
        values: &[],
        summary: "A container does not get healthy.",
        description: "{{ $labels.project }}/{{ $labels.service }} replica {{ $labels.replica }} on {{ $labels.host }} has been starting for <for>: neither healthy nor given up.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopExitedWithError",
        note: None,
        weight: TICKET,
        expr: "spyhop_container_state{state=\"exited\"} == 1\n\
               and ignoring (state)\n\
               spyhop_container_exit_code != 0",
        wait: 60,
        keep: 0,
        why: "A container that Compose is about to replace is gone by then.",
        values: &[],
        summary: "A container ended with an error and stays down.",
        description: "{{ $labels.project }}/{{ $labels.service }} replica {{ $labels.replica }} on {{ $labels.host }} has exited with an error; nobody stopped it.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopMemoryNearLimit",
        note: None,
        weight: TICKET,
        expr: "spyhop_container_limit_utilization_ratio{resource=\"memory\"} > <most>",
        wait: 300,
        keep: 300,
        why: "A peak that passes is what a limit is for; garbage collectors swing, so it fires on for five minutes.",
        values: NEAR,
        summary: "A container uses nearly all the memory it may.",
        description: "{{ $labels.project }}/{{ $labels.service }} replica {{ $labels.replica }} on {{ $labels.host }} uses {{ $value | humanizePercentage }} of its memory limit, more than <most>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopPidsNearLimit",
        note: None,
        weight: TICKET,
        expr: "spyhop_container_limit_utilization_ratio{resource=\"pids\"} > <most>",
        wait: 300,
        keep: 0,
        why: "A burst of threads passes.",
        values: NEAR,
        summary: "A container has nearly all the threads it may.",
        description: "{{ $labels.project }}/{{ $labels.service }} replica {{ $labels.replica }} on {{ $labels.host }} uses {{ $value | humanizePercentage }} of its pids limit, more than <most>.",
        board: BOARD,
    },
];
