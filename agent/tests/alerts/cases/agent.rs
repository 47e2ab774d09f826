//! The agent itself.

use crate::case::{ANY, Case, Fires, Suite};

pub(super) const SUITE: Suite = Suite {
    file: "agent",
    page: "agent",
    summaries: &[
        ("SpyhopAgentDown", "Prometheus cannot scrape an agent."),
        ("SpyhopEngineUnreachable", "The agent cannot hear the container engine."),
        ("SpyhopAgentRestarting", "An agent starts again and again."),
        ("SpyhopAgentLost", "Prometheus no longer has an agent among its targets."),
        ("SpyhopStateNotSaved", "The agent cannot save its counters."),
        ("SpyhopCeilingReached", "The agent left something out because a ceiling was reached."),
        ("SpyhopCertificateExpiring", "The certificate of an agent ends soon."),
        ("SpyhopAccessNotReloaded", "An agent cannot use its new certificate, users or tokens."),
        ("SpyhopWrongCredentials", "Somebody shows an agent wrong credentials again and again."),
        ("SpyhopWatchdog", "Samples are taken, rules are evaluated and alerts are delivered."),
    ],
    cases: &[CASES],
};

const AGENT: &str = "/d/spyhop-agent?var-instance=h%3A9477";

const CASES: &[Case] = &[
    Case {
        alert: "SpyhopAgentDown",
        about: "one that was seen names its host, one that never was does not; other jobs are nobody's business",
        series: &[
            ("up{job=\"spyhop\",instance=\"h:9477\"}", "1x14 0x20 1x20"),
            (
                "spyhop_policy_info{job=\"spyhop\",instance=\"h:9477\",host=\"h\",digest=\"\",tiers=\"0\",projects=\"0\",exceptions=\"0\"}",
                "1x14 stale",
            ),
            ("up{job=\"spyhop\",instance=\"new:9477\"}", "1x14 0x20 1x20"),
        ],
        quiet: &[
            ("up{job=\"node\",instance=\"h:9100\"}", "0x60"),
            ("up{job=\"spyhop\",instance=\"well:9477\"}", "1x60"),
            ("up{job=\"spyhop\",instance=\"short:9477\"}", "1x14 0x9 1x40"),
            (
                "spyhop_policy_info{job=\"spyhop\",instance=\"well:9477\",host=\"well\",digest=\"\",tiers=\"0\",projects=\"0\",exceptions=\"0\"}",
                "1x60",
            ),
        ],
        until: "12m",
        at: "12m30s",
        fires: &[
            Fires {
                labels: "severity: critical, area: agent, job: spyhop, instance: 'h:9477', host: h",
                says: "h:9477 has not answered for 5m: nothing is known of host h.",
                link: AGENT,
            },
            Fires {
                labels: "severity: critical, area: agent, job: spyhop, instance: 'new:9477'",
                says: "new:9477 has not answered for 5m: nothing is known of its host.",
                link: "/d/spyhop-agent?var-instance=new%3A9477",
            },
        ],
        still: "",
        over: "18m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopAgentRestarting",
        about: "the third start within fifteen minutes; two, and other jobs, are not meant",
        series: &[("process_start_time_seconds{job=\"spyhop\",instance=\"h:9477\"}", "1x4 2x4 3x4 4x100")],
        quiet: &[
            ("process_start_time_seconds{job=\"spyhop\",instance=\"well:9477\"}", "1x4 2x4 3x110"),
            ("process_start_time_seconds{job=\"node\",instance=\"h:9100\"}", "1x4 2x4 3x4 4x4 5x100"),
        ],
        until: "7m",
        at: "7m30s",
        fires: &[Fires {
            labels: "severity: warning, area: agent, job: spyhop, instance: 'h:9477'",
            says: "The agent at h:9477 started anew 3 times in 15m, more than 2: alerts of its host may be late or missing.",
            link: AGENT,
        }],
        still: "31m",
        over: "34m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopAgentLost",
        about: "one that is no target any more; one that is down, and one that came back in time, are not meant",
        series: &[
            ("up{job=\"spyhop\",instance=\"h:9477\"}", "1x14 stale _x60 1x20"),
            (
                "spyhop_policy_info{job=\"spyhop\",instance=\"h:9477\",host=\"h\",digest=\"\",tiers=\"0\",projects=\"0\",exceptions=\"0\"}",
                "1x14 stale _x60 1x20",
            ),
        ],
        quiet: &[
            ("up{job=\"spyhop\",instance=\"down:9477\"}", "1x14 0x80"),
            (
                "spyhop_policy_info{job=\"spyhop\",instance=\"down:9477\",host=\"down\",digest=\"\",tiers=\"0\",projects=\"0\",exceptions=\"0\"}",
                "1x14 stale",
            ),
            ("up{job=\"spyhop\",instance=\"short:9477\"}", "1x14 stale _x20 1x60"),
            (
                "spyhop_policy_info{job=\"spyhop\",instance=\"short:9477\",host=\"short\",digest=\"\",tiers=\"0\",projects=\"0\",exceptions=\"0\"}",
                "1x14 stale _x20 1x60",
            ),
        ],
        until: "22m",
        at: "22m30s",
        fires: &[Fires {
            labels: "severity: warning, area: agent, job: spyhop, instance: 'h:9477', host: h",
            says: "h:9477 on h was scraped within 1d and is no target any more for 15m: nothing is known of that host, and no other alert says so.",
            link: AGENT,
        }],
        still: "",
        over: "39m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopEngineUnreachable",
        about: "the engine is gone for longer than a restart takes",
        series: &[("spyhop_engine_up{instance=\"h:9477\"}", "1x4 0x10 1x10")],
        quiet: &[
            ("spyhop_engine_up{instance=\"well:9477\"}", "1x30"),
            ("spyhop_engine_up{instance=\"restarted:9477\"}", "1x4 0x3 1x30"),
        ],
        until: "4m",
        at: "4m30s",
        fires: &[Fires {
            labels: "severity: critical, area: agent, instance: 'h:9477'",
            says: "The agent at h:9477 lost its engine: states on the page are as old as spyhop_engine_silence_seconds says, kernel figures are fresh.",
            link: AGENT,
        }],
        still: "",
        over: "8m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopStateNotSaved",
        about: "writes that fail, and writes that do not",
        series: &[("spyhop_state_writes_total{instance=\"h:9477\",outcome=\"error\"}", "0x4 2+2x40 82x60")],
        quiet: &[
            ("spyhop_state_writes_total{instance=\"once:9477\",outcome=\"error\"}", "0x4 2x100"),
            ("spyhop_state_writes_total{instance=\"h:9477\",outcome=\"ok\"}", "0+1x100"),
            ("spyhop_state_writes_total{instance=\"well:9477\",outcome=\"error\"}", "3x100"),
        ],
        until: "12m",
        at: "12m30s",
        fires: &[Fires {
            labels: "severity: warning, area: agent, instance: 'h:9477', outcome: error",
            says: "The agent at h:9477 failed to write its state file 20 times in 5m: a restart of the agent would lose counts.",
            link: AGENT,
        }],
        still: "",
        over: "29m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopCeilingReached",
        about: "something is left out",
        series: &[("spyhop_refused_total{instance=\"h:9477\",reason=\"labels\"}", "0x4 5+5x40 205x60")],
        quiet: &[
            ("spyhop_refused_total{instance=\"once:9477\",reason=\"labels\"}", "0x4 5x100"),
            ("spyhop_refused_total{instance=\"h:9477\",reason=\"samples\"}", "7x100"),
        ],
        until: "12m",
        at: "12m30s",
        fires: &[Fires {
            labels: "severity: warning, area: agent, instance: 'h:9477', reason: labels",
            says: "The agent at h:9477 refused 50 labels in 5m.",
            link: AGENT,
        }],
        still: "",
        over: "29m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopCertificateExpiring",
        about: "a second below two weeks for an hour, until it is renewed; two weeks and a day are enough",
        series: &[("spyhop_tls_certificate_expiry_timestamp_seconds{instance=\"h:9477\"}", "1210230x143 9999999x20")],
        quiet: &[("spyhop_tls_certificate_expiry_timestamp_seconds{instance=\"well:9477\"}", "1296000x170")],
        until: "70m30s",
        at: "71m",
        fires: &[Fires {
            labels: "severity: warning, area: agent, instance: 'h:9477'",
            says: "The certificate which the agent at h:9477 serves with ends in 13d 22h 59m 30s, less than 14d; after that Prometheus refuses it.",
            link: AGENT,
        }],
        still: "",
        over: "72m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopAccessNotReloaded",
        about: "files that cannot be used",
        series: &[("spyhop_access_last_reload_successful{instance=\"h:9477\"}", "1x4 0x20 1x20")],
        quiet: &[
            ("spyhop_access_last_reload_successful{instance=\"well:9477\"}", "1x60"),
            ("spyhop_access_last_reload_successful{instance=\"between:9477\"}", "1x4 0x8 1x60"),
        ],
        until: "7m",
        at: "7m30s",
        fires: &[Fires {
            labels: "severity: warning, area: agent, instance: 'h:9477'",
            says: "The files of the agent at h:9477 changed and cannot be used; the old certificate, users and tokens stay in place until they can, or until a restart, which would fail.",
            link: AGENT,
        }],
        still: "",
        over: "13m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopWrongCredentials",
        about: "fifty-one of both reasons together; fifty are not enough, and other reasons are not counted",
        series: &[
            ("spyhop_http_refused_total{instance=\"h:9477\",reason=\"credentials\"}", "0x4 40x100"),
            ("spyhop_http_refused_total{instance=\"h:9477\",reason=\"guessing\"}", "0x4 11x100"),
        ],
        quiet: &[
            ("spyhop_http_refused_total{instance=\"few:9477\",reason=\"credentials\"}", "0x4 40x100"),
            ("spyhop_http_refused_total{instance=\"few:9477\",reason=\"guessing\"}", "0x4 10x100"),
            ("spyhop_http_refused_total{instance=\"h:9477\",reason=\"host\"}", "0x4 400x100"),
        ],
        until: "7m",
        at: "7m30s",
        fires: &[Fires {
            labels: "severity: warning, area: agent, instance: 'h:9477'",
            says: "The agent at h:9477 refused wrong credentials 51 times in 15m, more than 50.",
            link: AGENT,
        }],
        still: "",
        over: "18m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopWatchdog",
        about: "fires from the first sample, whether agents answer or not",
        series: &[("up{job=\"spyhop\",instance=\"h:9477\"}", "_x4 0x10 _x20")],
        quiet: &[("up{job=\"node\",instance=\"h:9100\"}", "1x40")],
        until: "1m30s",
        at: "2m",
        fires: &[watchdog(
            "The newest sample is 0s old, less than 2m. When this alert is missing, the way of all others is broken.",
        )],
        still: "",
        over: "9m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopWatchdog",
        about: "fires on for two minutes after the last sample and not for longer",
        series: &[("up{job=\"spyhop\",instance=\"h:9477\"}", "_x4 1x10 _x20")],
        quiet: &[("up{job=\"node\",instance=\"h:9100\"}", "1x40")],
        until: "1m30s",
        at: "8m30s",
        fires: &[watchdog(
            "The newest sample is 1m 30s old, less than 2m. When this alert is missing, the way of all others is broken.",
        )],
        still: "",
        over: "9m",
        tiers: ANY,
    },
];

const fn watchdog(says: &'static str) -> Fires {
    Fires { labels: "severity: info, area: agent", says, link: "/d/spyhop-agent" }
}
