//! The host under the containers. Its figures are node_exporter's names, so the job is named: another one may have them too.

use crate::{
    policy::Severity::{Critical, Info, Warning},
    render::{Alert, Amount, Board, Value, Weight},
};

pub(super) const BOARD: Board = Board { uid: "spyhop-host", by: &["instance"] };

const LEAST: &str = "below five percent programs begin to fail, and most filesystems get slow";
const LAST: &str = "at three percent there are minutes left";

pub(super) static ALERTS: &[Alert] = &[
    Alert {
        name: "SpyhopDiskAlmostFull",
        note: None,
        weight: Weight::Levels(&[
            (Critical, &[Value { name: "least", amount: Amount::Share(0.03), why: LAST }]),
            (Warning, &[Value { name: "least", amount: Amount::Share(0.05), why: LEAST }]),
        ]),
        expr: "node_filesystem_avail_bytes{job=\"<job>\",fstype!~\"tmpfs|ramfs|overlay|squashfs|iso9660|erofs\"}\n\
               / (node_filesystem_size_bytes{job=\"<job>\"} > 0)\n\
               < <least>\n\
               and\n\
               node_filesystem_readonly{job=\"<job>\"} == 0",
        wait: 1_800,
        keep: 0,
        why: "A build or an upload that cleans up after itself passes.",
        values: &[],
        summary: "A filesystem of a host is nearly full.",
        description: "{{ $labels.mountpoint }} of {{ $labels.instance }} has {{ $value | humanizePercentage }} left, less than <least>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopDiskFillingUp",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "node_filesystem_avail_bytes{job=\"<job>\",fstype!~\"tmpfs|ramfs|overlay|squashfs|iso9660|erofs\"}\n\
               / (node_filesystem_size_bytes{job=\"<job>\"} > 0)\n\
               < <least>\n\
               and\n\
               predict_linear(node_filesystem_avail_bytes{job=\"<job>\"}[<window>], <ahead>) < 0\n\
               and\n\
               node_filesystem_readonly{job=\"<job>\"} == 0",
        wait: 3_600,
        keep: 0,
        why: "A line through six hours swings with every large file.",
        values: &[
            Value {
                name: "least",
                amount: Amount::Share(0.2),
                why: "a line alone points to zero on an empty disk as well",
            },
            Value { name: "window", amount: Amount::Window(21_600), why: "a night's backup does not make a trend" },
            Value { name: "ahead", amount: Amount::Ahead(86_400), why: "a day to do something about it" },
        ],
        summary: "A filesystem of a host will be full within a day.",
        description: "{{ $labels.mountpoint }} of {{ $labels.instance }} has {{ $value | humanizePercentage }} left, less than <least>, and at the rate of the last <window> nothing in <ahead>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopInodesLow",
        note: None,
        weight: Weight::Levels(&[
            (Critical, &[Value { name: "least", amount: Amount::Share(0.03), why: LAST }]),
            (Warning, &[Value { name: "least", amount: Amount::Share(0.05), why: LEAST }]),
        ]),
        expr: "node_filesystem_files_free{job=\"<job>\"}\n\
               / (node_filesystem_files{job=\"<job>\"} > 0)\n\
               < <least>\n\
               and\n\
               node_filesystem_readonly{job=\"<job>\"} == 0",
        wait: 1_800,
        keep: 0,
        why: "Unpacking an image and removing another passes.",
        values: &[],
        summary: "A filesystem of a host has nearly no room for further files.",
        description: "{{ $labels.mountpoint }} of {{ $labels.instance }} has {{ $value | humanizePercentage }} of its inodes left, less than <least>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopFilesystemReadOnly",
        note: Some("Only of what could be written within a day: images and snapshots are read-only for good."),
        weight: Weight::Fixed(Critical),
        expr: "node_filesystem_readonly{job=\"<job>\"} == 1\n\
               and\n\
               min_over_time(node_filesystem_readonly{job=\"<job>\"}[<window>]) == 0",
        wait: 60,
        keep: 0,
        why: "Somebody who remounts by hand takes less.",
        values: &[Value { name: "window", amount: Amount::Window(86_400), why: "a day on, somebody has seen it" }],
        summary: "A filesystem of a host cannot be written any more.",
        description: "{{ $labels.mountpoint }} of {{ $labels.instance }} became read-only within the last <window>: the kernel does so after errors of the disk.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopHostRebooted",
        note: None,
        weight: Weight::Fixed(Info),
        expr: "node_time_seconds{job=\"<job>\"} - node_boot_time_seconds{job=\"<job>\"} < <age>",
        wait: 0,
        keep: 0,
        why: "It has happened; it explains what else fires now.",
        values: &[Value {
            name: "age",
            amount: Amount::Seconds(600),
            why: "as long as what a boot sets off takes to settle",
        }],
        summary: "A host has started a short while ago.",
        description: "{{ $labels.instance }} has been up for {{ $value | humanizeDuration }}, less than <age>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopClockSkew",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "abs(timestamp(node_time_seconds{job=\"<job>\"}) - node_time_seconds{job=\"<job>\"}) > <most>",
        wait: 300,
        keep: 0,
        why: "A slow scrape is not a wrong clock.",
        values: &[Value {
            name: "most",
            amount: Amount::Seconds(5),
            why: "a scrape takes less than a second; tokens and certificates begin to fail at thirty",
        }],
        summary: "The clocks of a host and of Prometheus differ.",
        description: "The clock of {{ $labels.instance }} is {{ $value | humanizeDuration }} off, more than <most>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopNetworkErrors",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "(\n\
               \x20 rate(node_network_receive_errs_total{job=\"<job>\"}[<window>])\n\
               \x20 + rate(node_network_transmit_errs_total{job=\"<job>\"}[<window>])\n\
               )\n\
               / (\n\
               \x20 rate(node_network_receive_packets_total{job=\"<job>\"}[<window>])\n\
               \x20 + rate(node_network_transmit_packets_total{job=\"<job>\"}[<window>])\n\
               \x20 > <traffic>\n\
               )\n\
               > <most>",
        wait: 900,
        keep: 0,
        why: "A cable that is plugged in makes errors too.",
        values: &[
            Value { name: "window", amount: Amount::Window(600), why: "errors come in bursts" },
            Value {
                name: "traffic",
                amount: Amount::Count(10.0),
                why: "packets a second: of ten packets one bad one says nothing",
            },
            Value { name: "most", amount: Amount::Share(0.01), why: "TCP slows down markedly from one percent" },
        ],
        summary: "An interface of a host makes errors.",
        description: "{{ $labels.device }} of {{ $labels.instance }}: {{ $value | humanizePercentage }} of its packets are errors, more than <most>.",
        board: BOARD,
    },
];
