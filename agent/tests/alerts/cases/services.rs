//! Services: down, short of replicas, looping, flapping, out of memory.

use super::{containers, pressure};
use crate::case::{Case, Fires, NOTE, PAGE, Suite, TICKET};

pub(super) const SUITE: Suite = Suite {
    file: "containers",
    page: "services",
    summaries: &[
        ("SpyhopServiceDown", "No replica of an expected service is running."),
        ("SpyhopReplicasMissing", "A service runs with fewer replicas than expected."),
        ("SpyhopRestartLooping", "A service restarts again and again."),
        ("SpyhopFlapping", "The number of running replicas of a service keeps changing."),
        ("SpyhopOomKilled", "The kernel killed a process of a service because memory ran out."),
        ("SpyhopUnhealthy", "The health check of a container fails."),
        ("SpyhopHealthStarting", "A container does not get healthy."),
        ("SpyhopExitedWithError", "A container ended with an error and stays down."),
        ("SpyhopMemoryNearLimit", "A container uses nearly all the memory it may."),
        ("SpyhopPidsNearLimit", "A container has nearly all the threads it may."),
        ("SpyhopCpuThrottled", "A container is held back by its CPU limit."),
        ("SpyhopMemoryPressure", "A container spends its time waiting for memory."),
        ("SpyhopIoPressure", "A container spends its time waiting for disks."),
        ("SpyhopCpuPressure", "A container waits for CPUs."),
    ],
    cases: &[CASES, containers::CASES, pressure::CONTAINERS],
};

pub(super) const WEB: &str = "/d/spyhop-service?var-host=h&var-project=shop&var-service=web";

const CASES: &[Case] = &[
    Case {
        alert: "SpyhopServiceDown",
        about: "nothing runs; stopped by a person, completed, recreated within two minutes and one of two are not down",
        series: &[
            ("spyhop_service_replicas_expected{@web}", "1x40"),
            ("spyhop_service_replicas{@web,state=\"running\"}", "1x4 0x15 1x20"),
            ("spyhop_service_replicas{@web,state=\"stopped\"}", "0x40"),
        ],
        quiet: &[
            ("spyhop_service_replicas_expected{@stopped}", "1x40"),
            ("spyhop_service_replicas{@stopped,state=\"running\"}", "0x40"),
            ("spyhop_service_replicas{@stopped,state=\"stopped\"}", "1x40"),
            ("spyhop_service_replicas_expected{@migrate}", "0x40"),
            ("spyhop_service_replicas{@migrate,state=\"running\"}", "0x40"),
            ("spyhop_service_replicas{@migrate,state=\"stopped\"}", "0x40"),
            ("spyhop_service_replicas_expected{@deployed}", "1x40"),
            ("spyhop_service_replicas{@deployed,state=\"running\"}", "1x4 0x3 1x30"),
            ("spyhop_service_replicas{@deployed,state=\"stopped\"}", "0x40"),
            ("spyhop_service_replicas_expected{@pair}", "2x40"),
            ("spyhop_service_replicas{@pair,state=\"running\"}", "1x40"),
            ("spyhop_service_replicas{@pair,state=\"stopped\"}", "0x40"),
        ],
        until: "4m",
        at: "4m30s",
        fires: &[Fires {
            labels: "severity: critical, area: services, @web",
            says: "shop/web on h: 1 expected, none running for 2m.",
            link: WEB,
        }],
        over: "11m",
        tiers: PAGE,
    },
    Case {
        alert: "SpyhopServiceDown",
        about: "two agents of one host that overlap, each with its picture of the tier, are no error; another host's tier is not this one's",
        series: &[
            ("spyhop_service_replicas_expected{instance=\"new\",@web}", "1x10"),
            ("spyhop_service_replicas{instance=\"new\",@web,state=\"running\"}", "1x4 0x4 1x10"),
            ("spyhop_service_replicas{instance=\"new\",@web,state=\"stopped\"}", "0x10"),
            ("spyhop_service_tier_info{instance=\"old\",@web,tier=\"gold\",severity=\"warning\"}", "1x10"),
            ("spyhop_service_tier_info{instance=\"new\",@web,tier=\"gold\",severity=\"warning\"}", "1x10"),
            (
                "spyhop_service_tier_info{instance=\"other\",host=\"other\",project=\"shop\",service=\"web\",tier=\"lead\",severity=\"info\"}",
                "1x10",
            ),
        ],
        quiet: &[
            (
                "spyhop_service_replicas_expected{instance=\"other\",host=\"other\",project=\"shop\",service=\"web\"}",
                "1x10",
            ),
            (
                "spyhop_service_replicas{instance=\"other\",host=\"other\",project=\"shop\",service=\"web\",state=\"running\"}",
                "1x10",
            ),
            (
                "spyhop_service_replicas{instance=\"other\",host=\"other\",project=\"shop\",service=\"web\",state=\"stopped\"}",
                "0x10",
            ),
        ],
        until: "4m",
        at: "4m30s",
        fires: &[Fires {
            labels: "severity: warning, area: services, instance: new, tier: gold, @web",
            says: "shop/web on h: 1 expected, none running for 2m.",
            link: WEB,
        }],
        over: "5m",
        tiers: &[],
    },
    Case {
        alert: "SpyhopReplicasMissing",
        about: "two of three; none at all is down, and a stopped one is not missing",
        series: &[
            ("spyhop_service_replicas_expected{@web}", "3x60"),
            ("spyhop_service_replicas{@web,state=\"running\"}", "3x4 2x30 3x20"),
            ("spyhop_service_replicas{@web,state=\"stopped\"}", "0x60"),
        ],
        quiet: &[
            ("spyhop_service_replicas_expected{@down}", "3x60"),
            ("spyhop_service_replicas{@down,state=\"running\"}", "0x60"),
            ("spyhop_service_replicas{@down,state=\"stopped\"}", "0x60"),
            ("spyhop_service_replicas_expected{@lowered}", "3x60"),
            ("spyhop_service_replicas{@lowered,state=\"running\"}", "2x60"),
            ("spyhop_service_replicas{@lowered,state=\"stopped\"}", "1x60"),
        ],
        until: "12m",
        at: "12m30s",
        fires: &[Fires {
            labels: "severity: warning, area: services, @web",
            says: "shop/web on h is 1 replicas short for 10m.",
            link: WEB,
        }],
        over: "18m",
        tiers: TICKET,
    },
    Case {
        alert: "SpyhopRestartLooping",
        about: "the fourth restart fires without waiting and on for fifteen minutes; three do not",
        series: &[("spyhop_service_restarts_total{@web}", "0x4 1 2 3 4x100")],
        quiet: &[("spyhop_service_restarts_total{@db}", "0x4 1 2 3x100")],
        until: "3m30s",
        at: "4m",
        fires: &[Fires {
            labels: "severity: critical, area: services, @web",
            says: "shop/web on h restarted 4 times in 15m, more than 3.",
            link: WEB,
        }],
        over: "33m",
        tiers: PAGE,
    },
    Case {
        alert: "SpyhopFlapping",
        about: "seven changes in half an hour; six are two deploys and a scaling",
        series: &[("spyhop_service_replicas{@web,state=\"running\"}", "1x4 0 1 0 1 0 1 0 1x140")],
        quiet: &[
            ("spyhop_service_replicas{@db,state=\"running\"}", "1x4 0 1 0 1 0 1x142"),
            ("spyhop_service_replicas{@db,state=\"healthy\"}", "0x4 1 0 1 0 1 0 1 0 1x140"),
        ],
        until: "5m",
        at: "5m30s",
        fires: &[Fires {
            labels: "severity: info, area: services, state: running, @web",
            says: "shop/web on h changed its running replicas 7 times in 30m, more than 6.",
            link: WEB,
        }],
        over: "64m",
        tiers: NOTE,
    },
    Case {
        alert: "SpyhopOomKilled",
        about: "one kill fires at once and on for fifteen minutes after it is ten minutes old; an old count does not",
        series: &[("spyhop_service_oom_kills_total{@web}", "0x10 1x100")],
        quiet: &[("spyhop_service_oom_kills_total{@db}", "5x110")],
        until: "5m",
        at: "5m30s",
        fires: &[Fires {
            labels: "severity: warning, area: services, @web",
            says: "shop/web on h: 1 kills in 10m.",
            link: WEB,
        }],
        over: "31m",
        tiers: TICKET,
    },
];
