//! The host.

use super::pressure;
use crate::case::{ANY, Case, Fires, Suite};

pub(super) const SUITE: Suite = Suite {
    file: "host",
    page: "host",
    summaries: &[
        ("SpyhopDiskAlmostFull", "A filesystem of a host is nearly full."),
        ("SpyhopDiskFillingUp", "A filesystem of a host will be full within a day."),
        ("SpyhopInodesLow", "A filesystem of a host has nearly no room for further files."),
        ("SpyhopFilesystemReadOnly", "A filesystem of a host cannot be written any more."),
        ("SpyhopHostRebooted", "A host has started a short while ago."),
        ("SpyhopClockSkew", "The clocks of a host and of Prometheus differ."),
        ("SpyhopNetworkErrors", "An interface of a host makes errors."),
        ("SpyhopHostMemoryPressure", "A host spends its time waiting for memory."),
        ("SpyhopHostIoPressure", "A host spends its time waiting for disks."),
        ("SpyhopHostCpuPressure", "A host has too few CPUs for what runs on it."),
    ],
    cases: &[CASES, pressure::OF_HOST],
};

pub(super) const HOST: &str = "/d/spyhop-host?var-instance=h%3A9477";

const CASES: &[Case] = &[
    Case {
        alert: "SpyhopDiskAlmostFull",
        about: "four percent is a warning, two are both; five, a read-only one, and another job's are none",
        series: &[
            (
                "node_filesystem_avail_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sda1\",fstype=\"ext4\",mountpoint=\"/\"}",
                "50x4 4x80 50x20",
            ),
            (
                "node_filesystem_size_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sda1\",fstype=\"ext4\",mountpoint=\"/\"}",
                "100x120",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sda1\",fstype=\"ext4\",mountpoint=\"/\"}",
                "0x120",
            ),
            (
                "node_filesystem_avail_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdb1\",fstype=\"ext4\",mountpoint=\"/var\"}",
                "50x4 2x80 50x20",
            ),
            (
                "node_filesystem_size_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdb1\",fstype=\"ext4\",mountpoint=\"/var\"}",
                "100x120",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdb1\",fstype=\"ext4\",mountpoint=\"/var\"}",
                "0x120",
            ),
        ],
        quiet: &[
            (
                "node_filesystem_avail_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdc1\",fstype=\"ext4\",mountpoint=\"/edge\"}",
                "5x120",
            ),
            (
                "node_filesystem_size_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdc1\",fstype=\"ext4\",mountpoint=\"/edge\"}",
                "100x120",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdc1\",fstype=\"ext4\",mountpoint=\"/edge\"}",
                "0x120",
            ),
            (
                "node_filesystem_avail_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdd1\",fstype=\"ext4\",mountpoint=\"/image\"}",
                "1x120",
            ),
            (
                "node_filesystem_size_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdd1\",fstype=\"ext4\",mountpoint=\"/image\"}",
                "100x120",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdd1\",fstype=\"ext4\",mountpoint=\"/image\"}",
                "1x120",
            ),
            (
                "node_filesystem_avail_bytes{job=\"node\",instance=\"h:9477\",device=\"/dev/sde1\",fstype=\"ext4\",mountpoint=\"/other\"}",
                "1x120",
            ),
            (
                "node_filesystem_size_bytes{job=\"node\",instance=\"h:9477\",device=\"/dev/sde1\",fstype=\"ext4\",mountpoint=\"/other\"}",
                "100x120",
            ),
            (
                "node_filesystem_readonly{job=\"node\",instance=\"h:9477\",device=\"/dev/sde1\",fstype=\"ext4\",mountpoint=\"/other\"}",
                "0x120",
            ),
            (
                "node_filesystem_avail_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/tmpfs\",fstype=\"tmpfs\",mountpoint=\"/run\"}",
                "1x120",
            ),
            (
                "node_filesystem_size_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/tmpfs\",fstype=\"tmpfs\",mountpoint=\"/run\"}",
                "100x120",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/tmpfs\",fstype=\"tmpfs\",mountpoint=\"/run\"}",
                "0x120",
            ),
        ],
        until: "32m",
        at: "32m30s",
        fires: &[
            Fires {
                labels: "severity: warning, area: host, job: spyhop, instance: 'h:9477', device: /dev/sda1, fstype: ext4, mountpoint: /",
                says: "/ of h:9477 has 4% left, less than 5%.",
                link: HOST,
            },
            Fires {
                labels: "severity: warning, area: host, job: spyhop, instance: 'h:9477', device: /dev/sdb1, fstype: ext4, mountpoint: /var",
                says: "/var of h:9477 has 2% left, less than 5%.",
                link: HOST,
            },
            Fires {
                labels: "severity: critical, area: host, job: spyhop, instance: 'h:9477', device: /dev/sdb1, fstype: ext4, mountpoint: /var",
                says: "/var of h:9477 has 2% left, less than 3%.",
                link: HOST,
            },
        ],
        still: "",
        over: "43m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopDiskFillingUp",
        about: "less than a fifth left and none of it in a day; falling with room left, full and still, and slower are not",
        series: &[
            (
                "node_filesystem_avail_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sda1\",fstype=\"ext4\",mountpoint=\"/\"}",
                "19-0.01x160 50x20",
            ),
            (
                "node_filesystem_size_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sda1\",fstype=\"ext4\",mountpoint=\"/\"}",
                "100x200",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sda1\",fstype=\"ext4\",mountpoint=\"/\"}",
                "0x200",
            ),
        ],
        quiet: &[
            (
                "node_filesystem_avail_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdb1\",fstype=\"ext4\",mountpoint=\"/roomy\"}",
                "25-0.01x200",
            ),
            (
                "node_filesystem_size_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdb1\",fstype=\"ext4\",mountpoint=\"/roomy\"}",
                "100x200",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdb1\",fstype=\"ext4\",mountpoint=\"/roomy\"}",
                "0x200",
            ),
            (
                "node_filesystem_avail_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdc1\",fstype=\"ext4\",mountpoint=\"/still\"}",
                "10x200",
            ),
            (
                "node_filesystem_size_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdc1\",fstype=\"ext4\",mountpoint=\"/still\"}",
                "100x200",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdc1\",fstype=\"ext4\",mountpoint=\"/still\"}",
                "0x200",
            ),
            (
                "node_filesystem_avail_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdd1\",fstype=\"ext4\",mountpoint=\"/slow\"}",
                "19-0.005x200",
            ),
            (
                "node_filesystem_size_bytes{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdd1\",fstype=\"ext4\",mountpoint=\"/slow\"}",
                "100x200",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdd1\",fstype=\"ext4\",mountpoint=\"/slow\"}",
                "0x200",
            ),
        ],
        until: "60m",
        at: "60m30s",
        fires: &[Fires {
            labels: "severity: warning, area: host, job: spyhop, instance: 'h:9477', device: /dev/sda1, fstype: ext4, mountpoint: /",
            says: "/ of h:9477 has 17.79% left, less than 20%, and at the rate of the last 6h nothing in 1d.",
            link: HOST,
        }],
        still: "",
        over: "81m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopInodesLow",
        about: "four percent is a warning, two are both; five, a read-only one, and another job's are none",
        series: &[
            (
                "node_filesystem_files_free{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sda1\",fstype=\"ext4\",mountpoint=\"/\"}",
                "50x4 4x80 50x20",
            ),
            (
                "node_filesystem_files{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sda1\",fstype=\"ext4\",mountpoint=\"/\"}",
                "100x120",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sda1\",fstype=\"ext4\",mountpoint=\"/\"}",
                "0x120",
            ),
            (
                "node_filesystem_files_free{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdb1\",fstype=\"ext4\",mountpoint=\"/var\"}",
                "50x4 2x80 50x20",
            ),
            (
                "node_filesystem_files{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdb1\",fstype=\"ext4\",mountpoint=\"/var\"}",
                "100x120",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdb1\",fstype=\"ext4\",mountpoint=\"/var\"}",
                "0x120",
            ),
        ],
        quiet: &[
            (
                "node_filesystem_files_free{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdc1\",fstype=\"ext4\",mountpoint=\"/edge\"}",
                "5x120",
            ),
            (
                "node_filesystem_files{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdc1\",fstype=\"ext4\",mountpoint=\"/edge\"}",
                "100x120",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdc1\",fstype=\"ext4\",mountpoint=\"/edge\"}",
                "0x120",
            ),
            (
                "node_filesystem_files_free{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdd1\",fstype=\"ext4\",mountpoint=\"/image\"}",
                "1x120",
            ),
            (
                "node_filesystem_files{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdd1\",fstype=\"ext4\",mountpoint=\"/image\"}",
                "100x120",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdd1\",fstype=\"ext4\",mountpoint=\"/image\"}",
                "1x120",
            ),
            (
                "node_filesystem_files_free{job=\"node\",instance=\"h:9477\",device=\"/dev/sde1\",fstype=\"ext4\",mountpoint=\"/other\"}",
                "1x120",
            ),
            (
                "node_filesystem_files{job=\"node\",instance=\"h:9477\",device=\"/dev/sde1\",fstype=\"ext4\",mountpoint=\"/other\"}",
                "100x120",
            ),
            (
                "node_filesystem_readonly{job=\"node\",instance=\"h:9477\",device=\"/dev/sde1\",fstype=\"ext4\",mountpoint=\"/other\"}",
                "0x120",
            ),
        ],
        until: "32m",
        at: "32m30s",
        fires: &[
            Fires {
                labels: "severity: warning, area: host, job: spyhop, instance: 'h:9477', device: /dev/sda1, fstype: ext4, mountpoint: /",
                says: "/ of h:9477 has 4% of its inodes left, less than 5%.",
                link: HOST,
            },
            Fires {
                labels: "severity: warning, area: host, job: spyhop, instance: 'h:9477', device: /dev/sdb1, fstype: ext4, mountpoint: /var",
                says: "/var of h:9477 has 2% of its inodes left, less than 5%.",
                link: HOST,
            },
            Fires {
                labels: "severity: critical, area: host, job: spyhop, instance: 'h:9477', device: /dev/sdb1, fstype: ext4, mountpoint: /var",
                says: "/var of h:9477 has 2% of its inodes left, less than 3%.",
                link: HOST,
            },
        ],
        still: "",
        over: "43m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopFilesystemReadOnly",
        about: "one that could be written before; an image never could",
        series: &[(
            "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sda1\",fstype=\"ext4\",mountpoint=\"/\"}",
            "0x4 1x20 0x20",
        )],
        quiet: &[
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sr0\",fstype=\"ext4\",mountpoint=\"/cd\"}",
                "1x60",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdb1\",fstype=\"ext4\",mountpoint=\"/var\"}",
                "0x60",
            ),
            (
                "node_filesystem_readonly{job=\"spyhop\",instance=\"h:9477\",device=\"/dev/sdc1\",fstype=\"ext4\",mountpoint=\"/hand\"}",
                "0x4 1 0x60",
            ),
            (
                "node_filesystem_readonly{job=\"node\",instance=\"h:9477\",device=\"/dev/sdd1\",fstype=\"ext4\",mountpoint=\"/other\"}",
                "0x4 1x40",
            ),
        ],
        until: "3m",
        at: "3m30s",
        fires: &[Fires {
            labels: "severity: critical, area: host, job: spyhop, instance: 'h:9477', device: /dev/sda1, fstype: ext4, mountpoint: /",
            says: "/ of h:9477 became read-only within the last 1d: the kernel does so after errors of the disk.",
            link: HOST,
        }],
        still: "",
        over: "13m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopHostRebooted",
        about: "up for half a minute, until it has been up for ten",
        series: &[
            ("node_time_seconds{job=\"spyhop\",instance=\"h:9477\"}", "100000+30x60"),
            ("node_boot_time_seconds{job=\"spyhop\",instance=\"h:9477\"}", "1x4 100120x60"),
        ],
        quiet: &[
            ("node_time_seconds{job=\"spyhop\",instance=\"well:9477\"}", "1000+30x60"),
            ("node_boot_time_seconds{job=\"spyhop\",instance=\"well:9477\"}", "400x60"),
            ("node_time_seconds{job=\"node\",instance=\"h:9100\"}", "1000+30x60"),
            ("node_boot_time_seconds{job=\"node\",instance=\"h:9100\"}", "990x60"),
        ],
        until: "2m",
        at: "2m30s",
        fires: &[Fires {
            labels: "severity: info, area: host, job: spyhop, instance: 'h:9477'",
            says: "h:9477 has been up for 30s, less than 10m.",
            link: HOST,
        }],
        still: "",
        over: "12m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopHostRebooted",
        about: "still within ten minutes at the last evaluation before",
        series: &[
            ("node_time_seconds{job=\"spyhop\",instance=\"h:9477\"}", "100000+30x60"),
            ("node_boot_time_seconds{job=\"spyhop\",instance=\"h:9477\"}", "1x4 100120x60"),
        ],
        quiet: &[],
        until: "2m",
        at: "11m30s",
        fires: &[Fires {
            labels: "severity: info, area: host, job: spyhop, instance: 'h:9477'",
            says: "h:9477 has been up for 9m 30s, less than 10m.",
            link: HOST,
        }],
        still: "",
        over: "12m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopClockSkew",
        about: "six seconds fast, and six slow; five are not enough",
        series: &[
            ("node_time_seconds{job=\"spyhop\",instance=\"h:9477\"}", "0+30x4 156+30x20 780+30x20"),
            ("node_time_seconds{job=\"spyhop\",instance=\"slow:9477\"}", "0+30x4 144+30x20 780+30x20"),
        ],
        quiet: &[
            ("node_time_seconds{job=\"spyhop\",instance=\"well:9477\"}", "5+30x60"),
            ("node_time_seconds{job=\"node\",instance=\"h:9100\"}", "50+30x60"),
        ],
        until: "7m",
        at: "7m30s",
        fires: &[
            Fires {
                labels: "severity: warning, area: host, job: spyhop, instance: 'h:9477'",
                says: "The clock of h:9477 is 6s off, more than 5s.",
                link: HOST,
            },
            Fires {
                labels: "severity: warning, area: host, job: spyhop, instance: 'slow:9477'",
                says: "The clock of slow:9477 is 6s off, more than 5s.",
                link: "/d/spyhop-host?var-instance=slow%3A9477",
            },
        ],
        still: "",
        over: "13m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopNetworkErrors",
        about: "one packet in seventy; fewer than one in a hundred, and an interface with hardly any packets, are not",
        series: &[
            (
                "node_network_receive_errs_total{job=\"spyhop\",instance=\"h:9477\",device=\"eth0\"}",
                "0x4 5.8+5.8x60 354x60",
            ),
            (
                "node_network_transmit_errs_total{job=\"spyhop\",instance=\"h:9477\",device=\"eth0\"}",
                "0x4 2.9+2.9x60 177x60",
            ),
            ("node_network_receive_packets_total{job=\"spyhop\",instance=\"h:9477\",device=\"eth0\"}", "0+300x150"),
            ("node_network_transmit_packets_total{job=\"spyhop\",instance=\"h:9477\",device=\"eth0\"}", "0+300x150"),
        ],
        quiet: &[
            ("node_network_receive_errs_total{job=\"spyhop\",instance=\"h:9477\",device=\"eth1\"}", "0+5.4x150"),
            ("node_network_transmit_errs_total{job=\"spyhop\",instance=\"h:9477\",device=\"eth1\"}", "0x150"),
            ("node_network_receive_packets_total{job=\"spyhop\",instance=\"h:9477\",device=\"eth1\"}", "0+300x150"),
            ("node_network_transmit_packets_total{job=\"spyhop\",instance=\"h:9477\",device=\"eth1\"}", "0+300x150"),
            ("node_network_receive_errs_total{job=\"spyhop\",instance=\"h:9477\",device=\"eth2\"}", "0+6x150"),
            ("node_network_transmit_errs_total{job=\"spyhop\",instance=\"h:9477\",device=\"eth2\"}", "0x150"),
            ("node_network_receive_packets_total{job=\"spyhop\",instance=\"h:9477\",device=\"eth2\"}", "0+120x150"),
            ("node_network_transmit_packets_total{job=\"spyhop\",instance=\"h:9477\",device=\"eth2\"}", "0+120x150"),
            ("node_network_receive_errs_total{job=\"node\",instance=\"h:9477\",device=\"eth3\"}", "0+60x150"),
            ("node_network_transmit_errs_total{job=\"node\",instance=\"h:9477\",device=\"eth3\"}", "0+60x150"),
            ("node_network_receive_packets_total{job=\"node\",instance=\"h:9477\",device=\"eth3\"}", "0+300x150"),
            ("node_network_transmit_packets_total{job=\"node\",instance=\"h:9477\",device=\"eth3\"}", "0+300x150"),
        ],
        until: "21m",
        at: "21m30s",
        fires: &[Fires {
            labels: "severity: warning, area: host, job: spyhop, instance: 'h:9477', device: eth0",
            says: "eth0 of h:9477: 1.45% of its packets are errors, more than 1%.",
            link: HOST,
        }],
        still: "",
        over: "40m",
        tiers: ANY,
    },
];
