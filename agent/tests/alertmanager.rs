//! `alerts/alertmanager.yml`: who is told of what, by amtool, and what keeps what from being told, by the real Alertmanager.
//!
//! Promised: the dead man's switch reaches no person, every severity its receiver; an alert that something larger speaks for is not told, and
//! nothing else is kept back: not another host's, not another service's, not one which merely lacks the same labels.

#![expect(clippy::expect_used, reason = "an assumption that breaks fails the test, as it should")]

mod support;

use std::{collections::BTreeSet, fs, process::Command};

use support::{
    alertmanager::{self, Alertmanager, Labels, written},
    wait::{eventually, holds},
    webhook::Webhook,
};

#[track_caller]
fn amtool(arguments: &[&str]) -> Option<(bool, String)> {
    let output = Command::new(alertmanager::program("amtool")?).args(arguments).output().expect("amtool runs");
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Some((output.status.success(), text))
}

#[test]
fn amtool_accepts_the_configuration() {
    let file = alertmanager::file().display().to_string();
    let Some((accepted, text)) = amtool(&["check-config", &file]) else { return };
    assert!(accepted && text.contains("4 receivers"), "{text}");
}

#[test]
fn each_alert_reaches_its_receiver() {
    let config = format!("--config.file={}", alertmanager::file().display());
    for (receiver, labels) in [
        ("page", "alertname=SpyhopServiceDown severity=critical tier=critical"),
        ("page", "alertname=SpyhopServiceDown severity=critical tier=supporting"),
        ("page", "alertname=SpyhopAgentDown severity=critical"),
        ("tickets", "alertname=SpyhopSloBurnSlow severity=warning tier=critical"),
        ("digest", "alertname=SpyhopCpuThrottled severity=info"),
        // Whatever its severity: it fires always.
        ("heartbeat", "alertname=SpyhopWatchdog"),
        ("heartbeat", "alertname=SpyhopWatchdog severity=info"),
        ("heartbeat", "alertname=SpyhopWatchdog severity=critical tier=critical"),
        // Rules of other people.
        ("tickets", "alertname=SomethingElse"),
        ("tickets", "alertname=SomethingElse severity=page"),
    ] {
        let verify = format!("--verify.receivers={receiver}");
        let arguments: Vec<&str> =
            ["config", "routes", "test", &config, &verify].into_iter().chain(labels.split(' ')).collect();
        let Some((as_wanted, text)) = amtool(&arguments) else { return };
        assert!(as_wanted, "{labels}: {text}");
    }
}

#[test]
fn repeats_are_multiples_of_the_interval() {
    let text = fs::read_to_string(alertmanager::file()).expect("the configuration");
    let seconds = |value: &str| {
        let (number, unit) = value.split_at(value.len() - 1);
        number.parse::<u64>().expect("a number")
            * [("s", 1), ("m", 60), ("h", 3600)].iter().find(|u| u.0 == unit).expect("a unit").1
    };
    // A route has the root's interval until it says its own.
    let (mut root, mut interval, mut seen) = (None, 0, 0);
    for line in text.lines().map(str::trim) {
        if line.starts_with("- matchers") {
            interval = root.expect("the root comes first");
        } else if let Some(value) = line.strip_prefix("group_interval: ") {
            interval = seconds(value);
            root = root.or(Some(interval));
        } else if let Some(value) = line.strip_prefix("repeat_interval: ") {
            seen += 1;
            assert_eq!(seconds(value) % interval, 0, "{line}, looked at every {interval} s");
        }
    }
    assert_eq!(seen, 6, "every repeat was read");
}

/// One set of alerts that fire together, and what of it is told.
struct Case {
    what: &'static str,
    told: &'static [Labels<'static>],
    inhibited: &'static [Labels<'static>],
}

const AGENT_DOWN: Labels<'static> =
    &[("alertname", "SpyhopAgentDown"), ("severity", "critical"), ("instance", "a:9477")];

const CASES: &[Case] = &[
    Case {
        what: "an agent that is down, by the address it is scraped at",
        told: &[
            AGENT_DOWN,
            &[("alertname", "SpyhopWatchdog"), ("instance", "a:9477"), ("severity", "info")],
            &[("alertname", "SpyhopOomKilled"), ("instance", "b:9477"), ("host", "b"), ("severity", "warning")],
            // Neither has an instance and a host: they are not equal for that.
            &[("alertname", "SomethingElse"), ("severity", "warning")],
        ],
        inhibited: &[
            &[("alertname", "SpyhopOomKilled"), ("instance", "a:9477"), ("host", "a"), ("severity", "warning")],
            &[("alertname", "SpyhopEngineUnreachable"), ("instance", "a:9477"), ("severity", "critical")],
        ],
    },
    Case {
        what: "an agent that is down, by the name of its host",
        told: &[
            &[("alertname", "SpyhopAgentDown"), ("severity", "critical"), ("host", "c")],
            &[("alertname", "SpyhopFindings"), ("host", "d"), ("project", "shop"), ("severity", "warning")],
            &[("alertname", "SomethingElse"), ("severity", "critical")],
        ],
        inhibited: &[&[("alertname", "SpyhopFindings"), ("host", "c"), ("project", "shop"), ("severity", "warning")]],
    },
    Case {
        what: "two agents that are down",
        told: &[AGENT_DOWN, &[("alertname", "SpyhopAgentDown"), ("severity", "critical"), ("instance", "b:9477")]],
        inhibited: &[],
    },
    Case {
        what: "a service that is down",
        told: &[
            &[
                ("alertname", "SpyhopServiceDown"),
                ("host", "a"),
                ("project", "shop"),
                ("service", "api"),
                ("severity", "critical"),
            ],
            &[
                ("alertname", "SpyhopOomKilled"),
                ("host", "a"),
                ("project", "shop"),
                ("service", "api"),
                ("severity", "warning"),
            ],
            &[
                ("alertname", "SpyhopUnhealthy"),
                ("host", "a"),
                ("project", "shop"),
                ("service", "web"),
                ("severity", "critical"),
            ],
            &[
                ("alertname", "SpyhopUnhealthy"),
                ("host", "a"),
                ("project", "bank"),
                ("service", "api"),
                ("severity", "critical"),
            ],
            &[
                ("alertname", "SpyhopUnhealthy"),
                ("host", "b"),
                ("project", "shop"),
                ("service", "api"),
                ("severity", "critical"),
            ],
            &[
                ("alertname", "SpyhopSloBurnFast"),
                ("host", "a"),
                ("project", "shop"),
                ("service", "api"),
                ("slo", "up"),
                ("severity", "critical"),
            ],
        ],
        inhibited: &[
            &[
                ("alertname", "SpyhopUnhealthy"),
                ("host", "a"),
                ("project", "shop"),
                ("service", "api"),
                ("replica", "1"),
                ("severity", "critical"),
            ],
            &[
                ("alertname", "SpyhopExitedWithError"),
                ("host", "a"),
                ("project", "shop"),
                ("service", "api"),
                ("severity", "warning"),
            ],
            &[
                ("alertname", "SpyhopRestartLooping"),
                ("host", "a"),
                ("project", "shop"),
                ("service", "api"),
                ("severity", "critical"),
            ],
            &[
                ("alertname", "SpyhopProbeFailing"),
                ("host", "a"),
                ("project", "shop"),
                ("service", "api"),
                ("probe", "health"),
                ("severity", "critical"),
            ],
            &[
                ("alertname", "SpyhopAuthenticationNotEnforced"),
                ("host", "a"),
                ("project", "shop"),
                ("service", "api"),
                ("severity", "critical"),
            ],
        ],
    },
    Case {
        what: "an unhealthy one that belongs to no service",
        told: &[
            &[("alertname", "SpyhopServiceDown"), ("host", "a"), ("severity", "critical")],
            &[("alertname", "SpyhopProbeFailing"), ("host", "a"), ("probe", "outside"), ("severity", "critical")],
        ],
        inhibited: &[],
    },
    Case {
        what: "a budget that burns fast",
        told: &[
            &[
                ("alertname", "SpyhopSloBurnFast"),
                ("slo", "availability"),
                ("host", "a"),
                ("service", "api"),
                ("severity", "critical"),
            ],
            &[
                ("alertname", "SpyhopSloBurnSlow"),
                ("slo", "latency"),
                ("host", "a"),
                ("service", "api"),
                ("severity", "warning"),
            ],
            &[
                ("alertname", "SpyhopSloBurnSlow"),
                ("slo", "availability"),
                ("host", "b"),
                ("service", "api"),
                ("severity", "warning"),
            ],
        ],
        inhibited: &[&[
            ("alertname", "SpyhopSloBurnSlow"),
            ("slo", "availability"),
            ("host", "a"),
            ("service", "api"),
            ("severity", "warning"),
        ]],
    },
    Case {
        what: "one alert at several severities",
        told: &[
            &[
                ("alertname", "SpyhopProbeCertificateExpiring"),
                ("host", "a"),
                ("service", "edge"),
                ("probe", "shop"),
                ("severity", "critical"),
            ],
            &[
                ("alertname", "SpyhopProbeCertificateExpiring"),
                ("host", "a"),
                ("service", "edge"),
                ("probe", "bank"),
                ("severity", "warning"),
            ],
            &[
                ("alertname", "SpyhopDiskAlmostFull"),
                ("instance", "a:9100"),
                ("mountpoint", "/"),
                ("severity", "critical"),
            ],
            &[
                ("alertname", "SpyhopDiskAlmostFull"),
                ("instance", "a:9100"),
                ("mountpoint", "/srv"),
                ("severity", "warning"),
            ],
            // Two of somebody else's, of which nothing is known.
            &[("alertname", "SomethingElse"), ("severity", "critical"), ("pod", "x")],
            &[("alertname", "SomethingElse"), ("severity", "warning"), ("pod", "y")],
        ],
        inhibited: &[
            &[
                ("alertname", "SpyhopProbeCertificateExpiring"),
                ("host", "a"),
                ("service", "edge"),
                ("probe", "shop"),
                ("severity", "warning"),
            ],
            &[
                ("alertname", "SpyhopDiskAlmostFull"),
                ("instance", "a:9100"),
                ("mountpoint", "/"),
                ("severity", "warning"),
            ],
            &[("alertname", "SpyhopDiskAlmostFull"), ("instance", "a:9100"), ("mountpoint", "/"), ("severity", "info")],
        ],
    },
];

#[test]
fn what_something_larger_speaks_for_is_not_told() {
    let webhook = Webhook::start();
    let config = alertmanager::hurried(&webhook);
    for case in CASES {
        let Some(server) = Alertmanager::or_skip(&config) else { return };
        server.fire(&[case.told, case.inhibited].concat());
        let lines =
            |alerts: &[Labels]| -> BTreeSet<String> { alerts.iter().map(|l| written(l.iter().copied())).collect() };
        let wanted = (lines(case.told), lines(case.inhibited));
        eventually(case.what, || {
            let firing = server.firing();
            let as_wanted = firing.told == wanted.0 && firing.inhibited == wanted.1;
            holds(as_wanted, || format!("{firing:#?}\n{}", server.log()))
        });
    }
}

#[test]
fn messages_arrive_and_inhibited_ones_do_not() {
    let webhook = Webhook::start();
    let Some(server) = Alertmanager::or_skip(&alertmanager::hurried(&webhook)) else { return };
    let (held, told) = (CASES.iter().flat_map(|case| case.inhibited), CASES.iter().flat_map(|case| case.told));
    let alerts: Vec<Labels> = held.chain(told).copied().collect();
    server.fire(&alerts);
    server.fire(&[&[("alertname", "SpyhopWatchdog"), ("severity", "info")]]);
    let firing = server.firing();
    eventually("every message that is not kept back", || {
        let arrived: BTreeSet<String> = webhook.told().iter().map(line).collect();
        holds(arrived == firing.told, || {
            format!("{:#?}\n{}", arrived.symmetric_difference(&firing.told).collect::<Vec<_>>(), server.log())
        })
    });
    for told in webhook.told() {
        let wanted = match (told.label("alertname"), told.label("severity")) {
            ("SpyhopWatchdog", _) => "heartbeat",
            (_, "critical") => "page",
            (_, "info") => "digest",
            _ => "tickets",
        };
        assert_eq!(told.receiver, wanted, "{}", line(&told));
    }
}

fn line(told: &support::webhook::Told) -> String {
    written(told.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}
