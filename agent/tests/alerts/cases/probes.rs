//! Probes.

use crate::case::{ANY, Case, Fires, PAGE, Suite, TICKET};

pub(super) const SUITE: Suite = Suite {
    file: "probes",
    page: "probes",
    summaries: &[
        ("SpyhopProbeFailing", "A target does not answer its probe as it should."),
        ("SpyhopProbeSlow", "A target answers its probe more slowly than it may."),
        ("SpyhopProbeUnreachable", "The agent has no way to a target that it is to probe."),
        ("SpyhopProbeStale", "A target has not been probed for longer than it should."),
        ("SpyhopProbeCertificateExpiring", "The certificate of a target ends soon."),
        ("SpyhopProbeCertificateInvalid", "Clients refuse the certificate of a target."),
        ("SpyhopAuthenticationNotEnforced", "A target answers without credentials that should refuse."),
        ("SpyhopProbesRefused", "The agent left probes out because a ceiling was reached."),
        ("SpyhopRouteMissing", "A route that a service asks for does not exist."),
    ],
    cases: &[CASES],
};

const EDGE: &str = "/d/spyhop-edge?var-host=h&var-project=shop&var-service=web";

const CASES: &[Case] = &[
    Case {
        alert: "SpyhopProbeFailing",
        about: "two minutes of failures; one failed probe, and one out of reach, are not said",
        series: &[("spyhop_probe_success{@web.1,probe=\"health\",kind=\"http\"}", "1x9 0x10 1x20")],
        quiet: &[
            ("spyhop_probe_success{@db.1,probe=\"health\",kind=\"http\"}", "1x9 0 1x30"),
            ("spyhop_probe_success{@gone.1,probe=\"health\",kind=\"http\"}", "1x9 _x30"),
            ("spyhop_probe_success{@half.1,probe=\"health\",kind=\"http\"}", "1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0 1 0"),
        ],
        until: "6m30s",
        at: "7m",
        fires: &[Fires {
            labels: "severity: critical, area: probes, probe: health, kind: http, @web.1",
            says: "health of shop/web on h succeeded in 0% of the last 2m, less than 50%. The reason is in spyhop_probe_failure.",
            link: EDGE,
        }],
        still: "",
        over: "11m30s",
        tiers: PAGE,
    },
    Case {
        alert: "SpyhopProbeSlow",
        about: "every answer above the budget; just half of them, and no probes at all, are not",
        series: &[
            ("spyhop_probe_slow_total{@web.1,probe=\"health\",kind=\"http\"}", "0x4 2+2x60 122x60"),
            ("spyhop_probe_attempts_total{@web.1,probe=\"health\",kind=\"http\"}", "0+2x200"),
        ],
        quiet: &[
            ("spyhop_probe_slow_total{@db.1,probe=\"health\",kind=\"http\"}", "0+1x200"),
            ("spyhop_probe_attempts_total{@db.1,probe=\"health\",kind=\"http\"}", "0+2x200"),
            ("spyhop_probe_slow_total{@idle.1,probe=\"health\",kind=\"http\"}", "0x200"),
            ("spyhop_probe_attempts_total{@idle.1,probe=\"health\",kind=\"http\"}", "0x200"),
        ],
        until: "14m",
        at: "14m30s",
        fires: &[Fires {
            labels: "severity: warning, area: probes, probe: health, kind: http, @web.1",
            says: "health of shop/web on h: 100% of the answers of the last 10m took longer than max_duration, more than 50%.",
            link: EDGE,
        }],
        still: "",
        over: "38m",
        tiers: TICKET,
    },
    Case {
        alert: "SpyhopProbeUnreachable",
        about: "no way to it for ten minutes; a container that somebody stopped, one that is gone, and a way, are not said",
        series: &[(
            "spyhop_probe_reachable{@web.1,probe=\"health\",kind=\"http\",reason=\"no_shared_network\"}",
            "_x4 0x30 stale",
        )],
        quiet: &[
            ("spyhop_probe_reachable{@stopped.1,probe=\"health\",kind=\"http\",reason=\"stopped\"}", "0x60"),
            ("spyhop_probe_reachable{@scaled.3,probe=\"health\",kind=\"http\",reason=\"no_container\"}", "0x60"),
            ("spyhop_probe_reachable{@db.1,probe=\"health\",kind=\"http\",reason=\"\"}", "1x60"),
            ("spyhop_probe_reachable{@deployed.1,probe=\"health\",kind=\"http\",reason=\"no_address\"}", "0x10 stale"),
        ],
        until: "11m30s",
        at: "12m",
        fires: &[Fires {
            labels: "severity: warning, area: probes, reason: no_shared_network, probe: health, kind: http, @web.1",
            says: "health of shop/web on h is not probed: no_shared_network. Whether it answers nobody knows.",
            link: EDGE,
        }],
        still: "",
        over: "17m30s",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopProbeStale",
        about: "longer ago than three intervals and a minute; a slow pace, and what is out of reach, are not old",
        series: &[
            (
                "spyhop_probe_last_run_timestamp_seconds{@web.1,probe=\"health\",kind=\"http\"}",
                "0+30x9 270x40 1500+30x20",
            ),
            ("spyhop_probe_interval_seconds{@web.1,probe=\"health\",kind=\"http\"}", "15x80"),
            ("spyhop_probe_success{@web.1,probe=\"health\",kind=\"http\"}", "1x80"),
        ],
        quiet: &[
            (
                "spyhop_probe_last_run_timestamp_seconds{@slow.1,probe=\"health\",kind=\"http\"}",
                "0+30x9 270x40 1500+30x20",
            ),
            ("spyhop_probe_interval_seconds{@slow.1,probe=\"health\",kind=\"http\"}", "600x80"),
            ("spyhop_probe_success{@slow.1,probe=\"health\",kind=\"http\"}", "1x80"),
            (
                "spyhop_probe_last_run_timestamp_seconds{@gone.1,probe=\"health\",kind=\"http\"}",
                "0+30x9 270x40 1500+30x20",
            ),
            ("spyhop_probe_interval_seconds{@gone.1,probe=\"health\",kind=\"http\"}", "15x80"),
        ],
        until: "11m",
        at: "11m30s",
        fires: &[Fires {
            labels: "severity: warning, area: probes, probe: health, kind: http, @web.1",
            says: "health of shop/web on h was last probed 7m 0s ago, more than 3 intervals and 1m: what is said of it is old.",
            link: EDGE,
        }],
        still: "",
        over: "25m30s",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopProbeCertificateExpiring",
        about: "three weeks before the end of one for ninety days, two days before that of one for six; three weeks and a day are enough",
        series: &[
            (
                "spyhop_probe_certificate_not_after_timestamp_seconds{@web.1,probe=\"health\",kind=\"http\"}",
                "1815030x143 99999999x20",
            ),
            (
                "spyhop_probe_certificate_not_before_timestamp_seconds{@web.1,probe=\"health\",kind=\"http\"}",
                "-5960970x170",
            ),
            (
                "spyhop_probe_certificate_not_after_timestamp_seconds{@web.1,probe=\"short\",kind=\"http\"}",
                "173430x143 99999999x20",
            ),
            (
                "spyhop_probe_certificate_not_before_timestamp_seconds{@web.1,probe=\"short\",kind=\"http\"}",
                "-344970x170",
            ),
        ],
        quiet: &[
            (
                "spyhop_probe_certificate_not_after_timestamp_seconds{@db.1,probe=\"health\",kind=\"http\"}",
                "1900800x170",
            ),
            (
                "spyhop_probe_certificate_not_before_timestamp_seconds{@db.1,probe=\"health\",kind=\"http\"}",
                "-5875200x170",
            ),
        ],
        until: "70m30s",
        at: "71m",
        fires: &[
            Fires {
                labels: "severity: warning, area: probes, probe: health, kind: http, @web.1",
                says: "The certificate shown to health of shop/web on h ends in 20d 22h 59m 30s, less than 21d and than its life over 3.",
                link: EDGE,
            },
            Fires {
                labels: "severity: warning, area: probes, probe: short, kind: http, @web.1",
                says: "The certificate shown to short of shop/web on h ends in 1d 22h 59m 30s, less than 21d and than its life over 3.",
                link: EDGE,
            },
        ],
        still: "",
        over: "72m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopProbeCertificateExpiring",
        about: "days before the end, of a long and of a short life, on both sides of where it becomes critical",
        series: &[
            (
                "spyhop_probe_certificate_not_after_timestamp_seconds{@web.1,probe=\"a\",kind=\"http\"}",
                "99999999x4 518550x125 99999999x20",
            ),
            ("spyhop_probe_certificate_not_before_timestamp_seconds{@web.1,probe=\"a\",kind=\"http\"}", "-7257450x170"),
            (
                "spyhop_probe_certificate_not_after_timestamp_seconds{@web.1,probe=\"b\",kind=\"http\"}",
                "99999999x4 691350x125 99999999x20",
            ),
            ("spyhop_probe_certificate_not_before_timestamp_seconds{@web.1,probe=\"b\",kind=\"http\"}", "-7084650x170"),
            (
                "spyhop_probe_certificate_not_after_timestamp_seconds{@web.1,probe=\"c\",kind=\"http\"}",
                "99999999x4 147030x125 99999999x20",
            ),
            ("spyhop_probe_certificate_not_before_timestamp_seconds{@web.1,probe=\"c\",kind=\"http\"}", "-889770x170"),
            (
                "spyhop_probe_certificate_not_after_timestamp_seconds{@web.1,probe=\"d\",kind=\"http\"}",
                "99999999x4 190230x125 99999999x20",
            ),
            ("spyhop_probe_certificate_not_before_timestamp_seconds{@web.1,probe=\"d\",kind=\"http\"}", "-846570x170"),
        ],
        quiet: &[],
        until: "62m",
        at: "62m30s",
        fires: &[
            Fires {
                labels: "severity: warning, area: probes, probe: a, kind: http, @web.1",
                says: "The certificate shown to a of shop/web on h ends in 5d 23h 0m 0s, less than 21d and than its life over 3.",
                link: EDGE,
            },
            Fires {
                labels: "severity: critical, area: probes, probe: a, kind: http, @web.1",
                says: "The certificate shown to a of shop/web on h ends in 5d 23h 0m 0s, less than 7d and than its life over 6.",
                link: EDGE,
            },
            Fires {
                labels: "severity: warning, area: probes, probe: b, kind: http, @web.1",
                says: "The certificate shown to b of shop/web on h ends in 7d 23h 0m 0s, less than 21d and than its life over 3.",
                link: EDGE,
            },
            Fires {
                labels: "severity: warning, area: probes, probe: c, kind: http, @web.1",
                says: "The certificate shown to c of shop/web on h ends in 1d 15h 48m 0s, less than 21d and than its life over 3.",
                link: EDGE,
            },
            Fires {
                labels: "severity: critical, area: probes, probe: c, kind: http, @web.1",
                says: "The certificate shown to c of shop/web on h ends in 1d 15h 48m 0s, less than 7d and than its life over 6.",
                link: EDGE,
            },
            Fires {
                labels: "severity: warning, area: probes, probe: d, kind: http, @web.1",
                says: "The certificate shown to d of shop/web on h ends in 2d 3h 48m 0s, less than 21d and than its life over 3.",
                link: EDGE,
            },
        ],
        still: "",
        over: "65m30s",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopProbeCertificateInvalid",
        about: "the name is missing; what passes, and a chain that follows its certificate, are not said",
        series: &[(
            "spyhop_probe_certificate_valid{@web.1,probe=\"health\",kind=\"http\",check=\"names\"}",
            "1x4 0x20 1x20",
        )],
        quiet: &[
            ("spyhop_probe_certificate_valid{@web.1,probe=\"health\",kind=\"http\",check=\"time\"}", "1x60"),
            ("spyhop_probe_certificate_valid{@db.1,probe=\"health\",kind=\"http\",check=\"chain\"}", "1x4 0x8 1x60"),
        ],
        until: "7m",
        at: "7m30s",
        fires: &[Fires {
            labels: "severity: critical, area: probes, check: names, probe: health, kind: http, @web.1",
            says: "The certificate shown to health of shop/web on h does not pass: names.",
            link: EDGE,
        }],
        still: "",
        over: "13m",
        tiers: PAGE,
    },
    Case {
        alert: "SpyhopAuthenticationNotEnforced",
        about: "answered without credentials three times; once, and refused, are not said",
        series: &[("spyhop_probe_authentication_enforced{@web.1,probe=\"health\",kind=\"http\"}", "1x4 0x6 1x20")],
        quiet: &[
            ("spyhop_probe_authentication_enforced{@db.1,probe=\"health\",kind=\"http\"}", "1x4 0 1x20"),
            ("spyhop_probe_authentication_enforced{@api.1,probe=\"health\",kind=\"http\"}", "1x30"),
        ],
        until: "3m",
        at: "3m30s",
        fires: &[Fires {
            labels: "severity: critical, area: probes, probe: health, kind: http, @web.1",
            says: "health of shop/web on h got an answer without credentials: whoever reaches it is let in.",
            link: EDGE,
        }],
        still: "",
        over: "6m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopProbesRefused",
        about: "left out now; long ago does not count",
        series: &[("spyhop_probes_refused_total{host=\"h\",reason=\"declared\"}", "0x4 5+5x40 205x60")],
        quiet: &[
            ("spyhop_probes_refused_total{host=\"once\",reason=\"declared\"}", "0x4 5x100"),
            ("spyhop_probes_refused_total{host=\"h\",reason=\"run\"}", "3x110"),
        ],
        until: "12m",
        at: "12m30s",
        fires: &[Fires {
            labels: "severity: warning, area: probes, host: h, reason: declared",
            says: "The agent on h left out 50 probes in 5m: declared.",
            link: "/d/spyhop-edge?var-host=h",
        }],
        still: "",
        over: "29m",
        tiers: ANY,
    },
    Case {
        alert: "SpyhopRouteMissing",
        about: "missing for two minutes; during a recreate is not said",
        series: &[("spyhop_traefik_route_missing{@web,router=\"web-http\",reason=\"not_in_api\"}", "_x4 1x20 stale")],
        quiet: &[
            ("spyhop_traefik_route_missing{@db,router=\"db-http\",reason=\"not_in_api\"}", "_x4 1x3 stale"),
            ("spyhop_traefik_route_missing{@none,router=\"none-http\",reason=\"\"}", "0x40"),
        ],
        until: "3m30s",
        at: "4m",
        fires: &[Fires {
            labels: "severity: warning, area: probes, router: web-http, reason: not_in_api, @web",
            says: "web-http of shop/web on h is missing in Traefik for 2m: not_in_api.",
            link: EDGE,
        }],
        still: "",
        over: "12m30s",
        tiers: PAGE,
    },
];
