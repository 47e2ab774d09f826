//! Single containers.

use super::services::WEB;
use crate::case::{Case, Fires, PAGE, TICKET};

pub(super) const CASES: &[Case] = &[
    Case {
        alert: "SpyhopUnhealthy",
        about: "running and unhealthy; ended, starting and without a check are not",
        series: &[
            ("spyhop_container_state{@web.1,state=\"running\"}", "1x20"),
            ("spyhop_container_health_state{@web.1,state=\"unhealthy\"}", "0x4 1x6 0x10"),
        ],
        quiet: &[
            ("spyhop_container_state{@ended.1,state=\"running\"}", "0x20"),
            ("spyhop_container_health_state{@ended.1,state=\"unhealthy\"}", "1x20"),
            ("spyhop_container_state{@slow.1,state=\"running\"}", "1x20"),
            ("spyhop_container_health_state{@slow.1,state=\"starting\"}", "1x20"),
            ("spyhop_container_health_state{@slow.1,state=\"unhealthy\"}", "0x20"),
            ("spyhop_container_state{@none.1,state=\"running\"}", "1x20"),
            ("spyhop_container_health_state{@none.1,state=\"none\"}", "1x20"),
            ("spyhop_container_state{@moment.1,state=\"running\"}", "1x20"),
            ("spyhop_container_health_state{@moment.1,state=\"unhealthy\"}", "0x4 1 0x15"),
        ],
        until: "3m",
        at: "3m30s",
        fires: &[Fires {
            labels: "severity: critical, area: containers, state: unhealthy, @web.1",
            says: "shop/web replica 1 on h is unhealthy for 1m; the engine does not restart it by itself.",
            link: WEB,
        }],
        still: "",
        over: "6m",
        tiers: PAGE,
    },
    Case {
        alert: "SpyhopHealthStarting",
        about: "starting for ten minutes; one that gets there in nine, and one that has ended",
        series: &[
            ("spyhop_container_state{@web.1,state=\"running\"}", "1x60"),
            ("spyhop_container_health_state{@web.1,state=\"starting\"}", "0x4 1x30 0x20"),
        ],
        quiet: &[
            ("spyhop_container_state{@slow.1,state=\"running\"}", "1x60"),
            ("spyhop_container_health_state{@slow.1,state=\"starting\"}", "0x4 1x18 0x30"),
            ("spyhop_container_state{@ended.1,state=\"running\"}", "0x60"),
            ("spyhop_container_health_state{@ended.1,state=\"starting\"}", "1x60"),
        ],
        until: "12m",
        at: "12m30s",
        fires: &[Fires {
            labels: "severity: warning, area: containers, state: starting, @web.1",
            says: "shop/web replica 1 on h has been starting for 10m: neither healthy nor given up.",
            link: WEB,
        }],
        still: "",
        over: "18m",
        tiers: TICKET,
    },
    Case {
        alert: "SpyhopExitedWithError",
        about: "exited with 3; with 0, and stopped by a person, are not meant",
        series: &[
            ("spyhop_container_state{@web.1,state=\"exited\"}", "0x4 1x6 0x20"),
            ("spyhop_container_exit_code{@web.1}", "3x30"),
        ],
        quiet: &[
            ("spyhop_container_state{@well.1,state=\"exited\"}", "1x30"),
            ("spyhop_container_exit_code{@well.1}", "0x30"),
            ("spyhop_container_state{@stopped.1,state=\"exited\"}", "0x30"),
            ("spyhop_container_state{@stopped.1,state=\"stopped\"}", "1x30"),
            ("spyhop_container_exit_code{@stopped.1}", "137x30"),
            ("spyhop_container_state{@replaced.1,state=\"exited\"}", "0x4 1 0x30"),
            ("spyhop_container_exit_code{@replaced.1}", "1x30"),
        ],
        until: "3m",
        at: "3m30s",
        fires: &[Fires {
            labels: "severity: warning, area: containers, state: exited, @web.1",
            says: "shop/web replica 1 on h has exited with an error; nobody stopped it.",
            link: WEB,
        }],
        still: "",
        over: "6m",
        tiers: TICKET,
    },
    Case {
        alert: "SpyhopMemoryNearLimit",
        about: "above nine tenths, and on for five minutes; exactly nine tenths, and another resource, are not",
        series: &[("spyhop_container_limit_utilization_ratio{@web.1,resource=\"memory\"}", "0.5x4 0.95x20 0.5x30")],
        quiet: &[
            ("spyhop_container_limit_utilization_ratio{@full.1,resource=\"memory\"}", "0.9x60"),
            ("spyhop_container_limit_utilization_ratio{@web.1,resource=\"cpu\"}", "1x60"),
        ],
        until: "7m",
        at: "7m30s",
        fires: &[Fires {
            labels: "severity: warning, area: containers, resource: memory, @web.1",
            says: "shop/web replica 1 on h uses 95% of its memory limit, more than 90%.",
            link: WEB,
        }],
        still: "17m",
        over: "18m",
        tiers: TICKET,
    },
    Case {
        alert: "SpyhopPidsNearLimit",
        about: "above nine tenths; exactly nine tenths are not",
        series: &[("spyhop_container_limit_utilization_ratio{@web.1,resource=\"pids\"}", "0.5x4 0.99x20 0.5x30")],
        quiet: &[
            ("spyhop_container_limit_utilization_ratio{@full.1,resource=\"pids\"}", "0.9x60"),
            ("spyhop_container_limit_utilization_ratio{@web.1,resource=\"memory\"}", "0.99x60"),
        ],
        until: "7m",
        at: "7m30s",
        fires: &[Fires {
            labels: "severity: warning, area: containers, resource: pids, @web.1",
            says: "shop/web replica 1 on h uses 99% of its pids limit, more than 90%.",
            link: WEB,
        }],
        still: "",
        over: "13m",
        tiers: TICKET,
    },
];
