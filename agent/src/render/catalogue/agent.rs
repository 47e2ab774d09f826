//! The agent itself.

use crate::{
    policy::Severity::{Critical, Info, Warning},
    render::{Alert, Amount, Board, Value, Weight},
};

const BOARD: Board = Board { uid: "spyhop-agent", by: &["instance"] };

pub(super) static ALERTS: &[Alert] = &[
    Alert {
        name: "SpyhopAgentDown",
        note: Some("The host is remembered from before: series of an agent that does not answer end at once."),
        weight: Weight::Fixed(Critical),
        expr: "max by (job, instance, host) (last_over_time(spyhop_policy_info[<memory>:<step>]))\n\
               and on (job, instance)\n\
               up{job=\"<job>\"} == 0\n\
               or on (job, instance)\n\
               up{job=\"<job>\"} == 0",
        wait: 300,
        keep: 0,
        why: "An update of the agent passes unseen.",
        values: &[
            Value {
                name: "memory",
                amount: Amount::Window(7 * 86_400),
                why: "for which host a dead agent stood is remembered for a week: with another label it would be another alert",
            },
            Value { name: "step", amount: Amount::Window(300), why: "what is remembered does not change" },
        ],
        summary: "Prometheus cannot scrape an agent.",
        description: "{{ $labels.instance }} has not answered for <for>: nothing is known of {{ with $labels.host }}host {{ . }}{{ else }}its host{{ end }}.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopAgentRestarting",
        note: Some(
            "One that ends every few minutes is never down for long enough, and each start begins the clocks of all other alerts anew.",
        ),
        weight: Weight::Fixed(Warning),
        expr: "changes(process_start_time_seconds{job=\"<job>\"}[<window>]) > <most>",
        wait: 0,
        keep: 900,
        why: "It has happened; between two starts nothing changes.",
        values: &[
            Value { name: "window", amount: Amount::Window(900), why: "an end every five minutes is seen" },
            Value {
                name: "most",
                amount: Amount::Count(2.0),
                why: "an update and a change of its configuration are two",
            },
        ],
        summary: "An agent starts again and again.",
        description: "The agent at {{ $labels.instance }} started anew {{ $value }} times in <window>, more than <most>: alerts of its host may be late or missing.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopAgentLost",
        note: Some("A target that nobody lists any more has no `up`."),
        weight: Weight::Fixed(Warning),
        expr: "max by (job, instance, host) (last_over_time(spyhop_policy_info{job=\"<job>\"}[<memory>:<step>]))\n\
               unless on (job, instance)\n\
               up{job=\"<job>\"}",
        wait: 900,
        keep: 0,
        why: "A list of targets that is written anew passes unseen.",
        values: &[
            Value {
                name: "memory",
                amount: Amount::Window(86_400),
                why: "a host that was taken out on purpose is asked about for a day and no longer",
            },
            Value { name: "step", amount: Amount::Window(300), why: "what is remembered does not change" },
        ],
        summary: "Prometheus no longer has an agent among its targets.",
        description: "{{ $labels.instance }} on {{ $labels.host }} was scraped within <memory> and is no target any more for <for>: nothing is known of that host, and no other alert says so.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopEngineUnreachable",
        note: None,
        weight: Weight::Fixed(Critical),
        expr: "spyhop_engine_up == 0",
        wait: 120,
        keep: 0,
        why: "A restart of the engine takes less.",
        values: &[],
        summary: "The agent cannot hear the container engine.",
        description: "The agent at {{ $labels.instance }} lost its engine: states on the page are as old as spyhop_engine_silence_seconds says, kernel figures are fresh.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopStateNotSaved",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "increase(spyhop_state_writes_total{outcome=\"error\"}[<window>]) > 0",
        wait: 600,
        keep: 0,
        why: "One failed write is made good by the next.",
        values: &[Value {
            name: "window",
            amount: Amount::Window(300),
            why: "shorter than the wait: one failure alone is over before anybody is told",
        }],
        summary: "The agent cannot save its counters.",
        description: "The agent at {{ $labels.instance }} failed to write its state file {{ $value | humanize }} times in <window>: a restart of the agent would lose counts.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopCeilingReached",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "increase(spyhop_refused_total[<window>]) > 0",
        wait: 600,
        keep: 0,
        why: "A single burst is in the counter and wakes nobody.",
        values: &[Value {
            name: "window",
            amount: Amount::Window(300),
            why: "shorter than the wait: a burst alone is over before anybody is told",
        }],
        summary: "The agent left something out because a ceiling was reached.",
        description: "The agent at {{ $labels.instance }} refused {{ $value | humanize }} {{ $labels.reason }} in <window>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopCertificateExpiring",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "spyhop_tls_certificate_expiry_timestamp_seconds - time() < <least>",
        wait: 3_600,
        keep: 0,
        why: "A renewal that is under way may take an hour.",
        values: &[Value {
            name: "least",
            amount: Amount::Seconds(14 * 86_400),
            why: "two weeks are two chances for whoever renews weekly",
        }],
        summary: "The certificate of an agent ends soon.",
        description: "The certificate which the agent at {{ $labels.instance }} serves with ends in {{ $value | humanizeDuration }}, less than <least>; after that Prometheus refuses it.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopAccessNotReloaded",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "spyhop_access_last_reload_successful == 0",
        wait: 300,
        keep: 0,
        why: "Certificate and key are often written one after the other.",
        values: &[],
        summary: "An agent cannot use its new certificate, users or tokens.",
        description: "The files of the agent at {{ $labels.instance }} changed and cannot be used; the old certificate, users and tokens stay in place until they can, or until a restart, which would fail.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopWrongCredentials",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "sum without (reason) (increase(spyhop_http_refused_total{reason=~\"credentials|guessing\"}[<window>])) > <most>",
        wait: 300,
        keep: 0,
        why: "A password that is being changed everywhere passes unseen.",
        values: &[
            Value { name: "window", amount: Amount::Window(900), why: "a scraper at 15 s makes 60 attempts in it" },
            Value {
                name: "most",
                amount: Amount::Count(50.0),
                why: "just below what one scraper with an old password makes",
            },
        ],
        summary: "Somebody shows an agent wrong credentials again and again.",
        description: "The agent at {{ $labels.instance }} refused wrong credentials {{ $value | humanize }} times in <window>, more than <most>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopWatchdog",
        note: Some(
            "Always fires while fresh samples are evaluated and delivered: whoever waits for it hears its silence. Never for people.",
        ),
        weight: Weight::Fixed(Info),
        expr: "time() - max(timestamp(up{job=\"<job>\"})) < <age>",
        wait: 0,
        keep: 0,
        why: "It is the absence that is waited for.",
        values: &[Value {
            name: "age",
            amount: Amount::Ahead(120),
            why: "a Prometheus that no longer takes samples falls silent within two minutes; a constant would fire on",
        }],
        summary: "Samples are taken, rules are evaluated and alerts are delivered.",
        description: "The newest sample is {{ $value | humanizeDuration }} old, less than <age>. When this alert is missing, the way of all others is broken.",
        board: Board { uid: "spyhop-agent", by: &[] },
    },
];
