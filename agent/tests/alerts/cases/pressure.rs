//! Want of CPU, memory and disk.

use super::{host::HOST, services::WEB};
use crate::case::{ANY, Case, Fires, NOTE, TICKET};

pub(super) const CONTAINERS: &[Case] = &[
    Case {
        alert: "SpyhopCpuThrottled",
        about: "three tenths of the periods, with an old container's description still there; a quarter is not enough, no quota is no figure",
        series: &[
            (
                "container_cpu_cfs_throttled_periods_total{job=\"spyhop\",instance=\"h:9477\",id=\"/docker/web\",name=\"shop-web-1\",image=\"i\"}",
                "0x4 90+90x60 5490x60",
            ),
            (
                "container_cpu_cfs_periods_total{job=\"spyhop\",instance=\"h:9477\",id=\"/docker/web\",name=\"shop-web-1\",image=\"i\"}",
                "0+300x140",
            ),
            (
                "spyhop_container_info{job=\"spyhop\",instance=\"h:9477\",@web.1,id=\"web\",name=\"shop-web-1\",image=\"i\",image_id=\"d\"}",
                "1x140",
            ),
            (
                "spyhop_container_info{job=\"spyhop\",instance=\"h:9477\",@web.1,id=\"web-before\",name=\"shop-web-1\",image=\"i\",image_id=\"d\"}",
                "1x140",
            ),
        ],
        quiet: &[
            (
                "container_cpu_cfs_throttled_periods_total{job=\"spyhop\",instance=\"h:9477\",id=\"/docker/db\",name=\"shop-db-1\",image=\"i\"}",
                "0+75x140",
            ),
            (
                "container_cpu_cfs_periods_total{job=\"spyhop\",instance=\"h:9477\",id=\"/docker/db\",name=\"shop-db-1\",image=\"i\"}",
                "0+300x140",
            ),
            (
                "spyhop_container_info{job=\"spyhop\",instance=\"h:9477\",@db.1,id=\"db\",name=\"shop-db-1\",image=\"i\",image_id=\"d\"}",
                "1x140",
            ),
            (
                "container_cpu_cfs_throttled_periods_total{job=\"spyhop\",instance=\"h:9477\",id=\"/docker/idle\",name=\"shop-idle-1\",image=\"i\"}",
                "0x140",
            ),
            (
                "container_cpu_cfs_periods_total{job=\"spyhop\",instance=\"h:9477\",id=\"/docker/idle\",name=\"shop-idle-1\",image=\"i\"}",
                "0x140",
            ),
            (
                "spyhop_container_info{job=\"spyhop\",instance=\"h:9477\",@idle.1,id=\"idle\",name=\"shop-idle-1\",image=\"i\",image_id=\"d\"}",
                "1x140",
            ),
            (
                "container_cpu_cfs_throttled_periods_total{job=\"cadvisor\",instance=\"h:8080\",id=\"/docker/x\",name=\"shop-x-1\",image=\"i\"}",
                "0+290x140",
            ),
            (
                "container_cpu_cfs_periods_total{job=\"cadvisor\",instance=\"h:8080\",id=\"/docker/x\",name=\"shop-x-1\",image=\"i\"}",
                "0+300x140",
            ),
        ],
        until: "21m",
        at: "21m30s",
        fires: &[Fires {
            labels: "severity: info, area: containers, job: spyhop, instance: 'h:9477', name: shop-web-1, @web.1",
            says: "shop/web replica 1 on h was held back in 30% of its CPU periods, more than 25%.",
            link: WEB,
        }],
        still: "",
        over: "33m30s",
        tiers: NOTE,
    },
    Case {
        alert: "SpyhopMemoryPressure",
        about: "waits for longer than it may; just as long as it may is not enough",
        series: &[
            (
                "container_pressure_memory_stalled_seconds_total{job=\"spyhop\",instance=\"h:9477\",id=\"/docker/web\",name=\"shop-web-1\",image=\"i\"}",
                "0x4 6+6x40 246x100",
            ),
            (
                "spyhop_container_info{job=\"spyhop\",instance=\"h:9477\",@web.1,id=\"web\",name=\"shop-web-1\",image=\"i\",image_id=\"d\"}",
                "1x200",
            ),
        ],
        quiet: &[
            (
                "container_pressure_memory_stalled_seconds_total{job=\"spyhop\",instance=\"h:9477\",id=\"/docker/db\",name=\"shop-db-1\",image=\"i\"}",
                "0+3x200",
            ),
            (
                "spyhop_container_info{job=\"spyhop\",instance=\"h:9477\",@db.1,id=\"db\",name=\"shop-db-1\",image=\"i\",image_id=\"d\"}",
                "1x200",
            ),
        ],
        until: "9m30s",
        at: "10m",
        fires: &[Fires {
            labels: "severity: warning, area: containers, job: spyhop, instance: 'h:9477', name: shop-web-1, @web.1",
            says: "All of shop/web replica 1 on h waited for memory 20% of the time, more than 10%.",
            link: WEB,
        }],
        still: "29m30s",
        over: "31m",
        tiers: TICKET,
    },
    Case {
        alert: "SpyhopIoPressure",
        about: "waits for longer than it may; just as long as it may is not enough",
        series: &[
            (
                "container_pressure_io_stalled_seconds_total{job=\"spyhop\",instance=\"h:9477\",id=\"/docker/web\",name=\"shop-web-1\",image=\"i\"}",
                "0x4 12+12x60 732x100",
            ),
            (
                "spyhop_container_info{job=\"spyhop\",instance=\"h:9477\",@web.1,id=\"web\",name=\"shop-web-1\",image=\"i\",image_id=\"d\"}",
                "1x200",
            ),
        ],
        quiet: &[
            (
                "container_pressure_io_stalled_seconds_total{job=\"spyhop\",instance=\"h:9477\",id=\"/docker/db\",name=\"shop-db-1\",image=\"i\"}",
                "0+6x200",
            ),
            (
                "spyhop_container_info{job=\"spyhop\",instance=\"h:9477\",@db.1,id=\"db\",name=\"shop-db-1\",image=\"i\",image_id=\"d\"}",
                "1x200",
            ),
        ],
        until: "14m30s",
        at: "15m",
        fires: &[Fires {
            labels: "severity: warning, area: containers, job: spyhop, instance: 'h:9477', name: shop-web-1, @web.1",
            says: "All of shop/web replica 1 on h waited for disks 40% of the time, more than 20%.",
            link: WEB,
        }],
        still: "39m30s",
        over: "41m",
        tiers: TICKET,
    },
    Case {
        alert: "SpyhopCpuPressure",
        about: "waits for longer than it may; just as long as it may is not enough",
        series: &[
            (
                "container_pressure_cpu_waiting_seconds_total{job=\"spyhop\",instance=\"h:9477\",id=\"/docker/web\",name=\"shop-web-1\",image=\"i\"}",
                "0x4 24+24x60 1464x100",
            ),
            (
                "spyhop_container_info{job=\"spyhop\",instance=\"h:9477\",@web.1,id=\"web\",name=\"shop-web-1\",image=\"i\",image_id=\"d\"}",
                "1x200",
            ),
        ],
        quiet: &[
            (
                "container_pressure_cpu_waiting_seconds_total{job=\"spyhop\",instance=\"h:9477\",id=\"/docker/db\",name=\"shop-db-1\",image=\"i\"}",
                "0+15x200",
            ),
            (
                "spyhop_container_info{job=\"spyhop\",instance=\"h:9477\",@db.1,id=\"db\",name=\"shop-db-1\",image=\"i\",image_id=\"d\"}",
                "1x200",
            ),
        ],
        until: "15m",
        at: "15m30s",
        fires: &[Fires {
            labels: "severity: info, area: containers, job: spyhop, instance: 'h:9477', name: shop-web-1, @web.1",
            says: "Something of shop/web replica 1 on h waited for a CPU 80% of the time, more than 50%.",
            link: WEB,
        }],
        still: "39m",
        over: "41m",
        tiers: NOTE,
    },
];

pub(super) const OF_HOST: &[Case] = &[
    Case {
        alert: "SpyhopHostMemoryPressure",
        about: "waits for longer than it may; just as long, and another job's host, do not count",
        series: &[(
            "node_pressure_memory_stalled_seconds_total{job=\"spyhop\",instance=\"h:9477\"}",
            "0x4 6+6x40 246x100",
        )],
        quiet: &[
            ("node_pressure_memory_stalled_seconds_total{job=\"spyhop\",instance=\"well:9477\"}", "0+3x200"),
            ("node_pressure_memory_stalled_seconds_total{job=\"node\",instance=\"h:9100\"}", "0+29x200"),
        ],
        until: "9m30s",
        at: "10m",
        fires: &[Fires {
            labels: "severity: warning, area: host, job: spyhop, instance: 'h:9477'",
            says: "Everything on h:9477 waited for memory 20% of the time, more than 10%.",
            link: HOST,
        }],
        still: "29m30s",
        over: "31m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopHostIoPressure",
        about: "waits for longer than it may; just as long, and another job's host, do not count",
        series: &[(
            "node_pressure_io_stalled_seconds_total{job=\"spyhop\",instance=\"h:9477\"}",
            "0x4 12+12x60 732x100",
        )],
        quiet: &[
            ("node_pressure_io_stalled_seconds_total{job=\"spyhop\",instance=\"well:9477\"}", "0+6x200"),
            ("node_pressure_io_stalled_seconds_total{job=\"node\",instance=\"h:9100\"}", "0+29x200"),
        ],
        until: "14m30s",
        at: "15m",
        fires: &[Fires {
            labels: "severity: warning, area: host, job: spyhop, instance: 'h:9477'",
            says: "Everything on h:9477 waited for disks 40% of the time, more than 20%.",
            link: HOST,
        }],
        still: "39m30s",
        over: "41m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopHostCpuPressure",
        about: "waits for longer than it may; just as long, and another job's host, do not count",
        series: &[(
            "node_pressure_cpu_waiting_seconds_total{job=\"spyhop\",instance=\"h:9477\"}",
            "0x4 24+24x60 1464x100",
        )],
        quiet: &[
            ("node_pressure_cpu_waiting_seconds_total{job=\"spyhop\",instance=\"well:9477\"}", "0+15x200"),
            ("node_pressure_cpu_waiting_seconds_total{job=\"node\",instance=\"h:9100\"}", "0+29x200"),
        ],
        until: "15m",
        at: "15m30s",
        fires: &[Fires {
            labels: "severity: warning, area: host, job: spyhop, instance: 'h:9477'",
            says: "Something on h:9477 waited for a CPU 80% of the time, more than 50%.",
            link: HOST,
        }],
        still: "39m",
        over: "41m",
        tiers: ANY,
    },
];
