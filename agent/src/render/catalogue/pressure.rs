//! Want of CPU, memory and disk, as the kernel feels it: of containers, and of the host.

use super::{
    host,
    services::{BOARD, NOTE, TICKET},
};
use crate::{
    policy::Severity::Warning,
    render::{Alert, Amount, Value, Weight},
};

const WINDOW: Value = Value { name: "window", amount: Amount::Window(300), why: "a minute's peak is not pressure" };

/// Where the kernel has no such figures (cgroup v1, `psi=0`) there are no series, and `spyhop_collector_available` says so.
pub(super) static CONTAINERS: &[Alert] = &[
    Alert {
        name: "SpyhopCpuThrottled",
        note: None,
        weight: NOTE,
        expr: "(\n\
               \x20 sum by (job, instance, name) (rate(container_cpu_cfs_throttled_periods_total{job=\"<job>\"}[<window>]))\n\
               \x20 / (sum by (job, instance, name) (rate(container_cpu_cfs_periods_total{job=\"<job>\"}[<window>])) > 0)\n\
               \x20 > <most>\n\
               )\n\
               <container>",
        wait: 900,
        keep: 0,
        why: "A start that takes all it gets is over by then. Held back is not slow yet: it is context for other alerts.",
        values: &[WINDOW, Value { name: "most", amount: Amount::Share(0.25), why: "below that nobody notices" }],
        summary: "A container is held back by its CPU limit.",
        description: "{{ $labels.project }}/{{ $labels.service }} replica {{ $labels.replica }} on {{ $labels.host }} was held back in {{ $value | humanizePercentage }} of its CPU periods, more than <most>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopMemoryPressure",
        note: None,
        weight: TICKET,
        expr: "(sum by (job, instance, name) (rate(container_pressure_memory_stalled_seconds_total{job=\"<job>\"}[<window>])) > <most>)\n\
               <container>",
        wait: 300,
        keep: 300,
        why: "Reclaim after a start or a large request passes.",
        values: &[
            WINDOW,
            Value {
                name: "most",
                amount: Amount::Share(0.1),
                why: "a tenth of the time all of it waits for memory: users notice",
            },
        ],
        summary: "A container spends its time waiting for memory.",
        description: "All of {{ $labels.project }}/{{ $labels.service }} replica {{ $labels.replica }} on {{ $labels.host }} waited for memory {{ $value | humanizePercentage }} of the time, more than <most>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopIoPressure",
        note: None,
        weight: TICKET,
        expr: "(sum by (job, instance, name) (rate(container_pressure_io_stalled_seconds_total{job=\"<job>\"}[<window>])) > <most>)\n\
               <container>",
        wait: 600,
        keep: 300,
        why: "Backups and compactions pass.",
        values: &[
            WINDOW,
            Value { name: "most", amount: Amount::Share(0.2), why: "a fifth of the time nothing of it goes on" },
        ],
        summary: "A container spends its time waiting for disks.",
        description: "All of {{ $labels.project }}/{{ $labels.service }} replica {{ $labels.replica }} on {{ $labels.host }} waited for disks {{ $value | humanizePercentage }} of the time, more than <most>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopCpuPressure",
        note: None,
        weight: NOTE,
        expr: "(sum by (job, instance, name) (rate(container_pressure_cpu_waiting_seconds_total{job=\"<job>\"}[<window>])) > <most>)\n\
               <container>",
        wait: 600,
        keep: 300,
        why: "A batch of work passes.",
        values: &[
            WINDOW,
            Value { name: "most", amount: Amount::Share(0.5), why: "half of the time something of it waits for a CPU" },
        ],
        summary: "A container waits for CPUs.",
        description: "Something of {{ $labels.project }}/{{ $labels.service }} replica {{ $labels.replica }} on {{ $labels.host }} waited for a CPU {{ $value | humanizePercentage }} of the time, more than <most>.",
        board: BOARD,
    },
];

pub(super) static HOST: &[Alert] = &[
    Alert {
        name: "SpyhopHostMemoryPressure",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "rate(node_pressure_memory_stalled_seconds_total{job=\"<job>\"}[<window>]) > <most>",
        wait: 300,
        keep: 300,
        why: "Reclaim after a start passes.",
        values: &[
            WINDOW,
            Value {
                name: "most",
                amount: Amount::Share(0.1),
                why: "a tenth of the time nothing on the host goes on for want of memory",
            },
        ],
        summary: "A host spends its time waiting for memory.",
        description: "Everything on {{ $labels.instance }} waited for memory {{ $value | humanizePercentage }} of the time, more than <most>.",
        board: host::BOARD,
    },
    Alert {
        name: "SpyhopHostIoPressure",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "rate(node_pressure_io_stalled_seconds_total{job=\"<job>\"}[<window>]) > <most>",
        wait: 600,
        keep: 300,
        why: "Backups pass.",
        values: &[
            WINDOW,
            Value {
                name: "most",
                amount: Amount::Share(0.2),
                why: "a fifth of the time nothing on the host goes on for want of its disks",
            },
        ],
        summary: "A host spends its time waiting for disks.",
        description: "Everything on {{ $labels.instance }} waited for disks {{ $value | humanizePercentage }} of the time, more than <most>.",
        board: host::BOARD,
    },
    Alert {
        name: "SpyhopHostCpuPressure",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "rate(node_pressure_cpu_waiting_seconds_total{job=\"<job>\"}[<window>]) > <most>",
        wait: 600,
        keep: 300,
        why: "A build or a batch passes.",
        values: &[
            WINDOW,
            Value {
                name: "most",
                amount: Amount::Share(0.5),
                why: "half of the time something waits for a CPU: requests do too",
            },
        ],
        summary: "A host has too few CPUs for what runs on it.",
        description: "Something on {{ $labels.instance }} waited for a CPU {{ $value | humanizePercentage }} of the time, more than <most>.",
        board: host::BOARD,
    },
];
