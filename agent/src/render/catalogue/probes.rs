//! Probes: whether targets answer, how fast, with which certificate, and to whom.

use super::services::{PAGE, TICKET};
use crate::{
    policy::Severity::{Critical, Warning},
    render::{Alert, Amount, Board, Value, Weight},
};

const BOARD: Board = Board { uid: "spyhop-edge", by: &["host", "project", "service"] };

pub(super) static ALERTS: &[Alert] = &[
    Alert {
        name: "SpyhopProbeFailing",
        note: Some(
            "Over two minutes: a single failed probe is in the counter and wakes nobody, whatever the interval.",
        ),
        weight: PAGE,
        expr: "avg_over_time(spyhop_probe_success[<window>]) < <least>",
        wait: 60,
        keep: 0,
        why: "With the window it makes two minutes of nothing but failures; a recreate takes less.",
        values: &[
            Value { name: "window", amount: Amount::Window(120), why: "eight scrapes, and eight probes or more" },
            Value {
                name: "least",
                amount: Amount::Share(0.5),
                why: "what fails every other time is down to whoever waits",
            },
        ],
        summary: "A target does not answer its probe as it should.",
        description: "{{ $labels.probe }} of {{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }} succeeded in {{ $value | humanizePercentage }} of the last <window>, less than <least>. The reason is in spyhop_probe_failure.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopProbeSlow",
        note: None,
        weight: TICKET,
        expr: "increase(spyhop_probe_slow_total[<window>])\n\
               / (increase(spyhop_probe_attempts_total[<window>]) > 0)\n\
               > <most>",
        wait: 600,
        keep: 0,
        why: "A peak that passes is seen in the objective, not here.",
        values: &[
            Value { name: "window", amount: Amount::Window(600), why: "forty probes at the usual pace" },
            Value {
                name: "most",
                amount: Amount::Share(0.5),
                why: "the middle of all answers is above the budget that was set for one",
            },
        ],
        summary: "A target answers its probe more slowly than it may.",
        description: "{{ $labels.probe }} of {{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }}: {{ $value | humanizePercentage }} of the answers of the last <window> took longer than max_duration, more than <most>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopProbeUnreachable",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "spyhop_probe_reachable{reason!~\"stopped|no_container\"} == 0",
        wait: 600,
        keep: 0,
        why: "A deploy takes networks away and brings them back.",
        values: &[],
        summary: "The agent has no way to a target that it is to probe.",
        description: "{{ $labels.probe }} of {{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }} is not probed: {{ $labels.reason }}. Whether it answers nobody knows.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopProbeStale",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "time() - spyhop_probe_last_run_timestamp_seconds > <intervals> * spyhop_probe_interval_seconds + <more>\n\
               and\n\
               spyhop_probe_success >= 0",
        wait: 300,
        keep: 0,
        why: "After a pause of the machine probes catch up within it.",
        values: &[
            Value {
                name: "intervals",
                amount: Amount::Count(3.0),
                why: "one that is late, and one that takes its whole timeout",
            },
            Value {
                name: "more",
                amount: Amount::Seconds(60),
                why: "a scrape and an evaluation, and the longest timeout",
            },
        ],
        summary: "A target has not been probed for longer than it should.",
        description: "{{ $labels.probe }} of {{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }} was last probed {{ $value | humanizeDuration }} ago, more than <intervals> intervals and <more>: what is said of it is old.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopProbeCertificateExpiring",
        note: Some(
            "By days and by share of its life: of a certificate for six days two are early enough. The agent keeps what it saw last.",
        ),
        weight: Weight::Levels(&[
            (
                Critical,
                &[
                    Value { name: "days", amount: Amount::Seconds(7 * 86_400), why: "what renews weekly has failed" },
                    Value { name: "share", amount: Amount::Count(6.0), why: "a sixth of its life: a day of six" },
                ],
            ),
            (
                Warning,
                &[
                    Value {
                        name: "days",
                        amount: Amount::Seconds(21 * 86_400),
                        why: "clients of ACME renew at thirty days: the second attempt has failed too",
                    },
                    Value {
                        name: "share",
                        amount: Amount::Count(3.0),
                        why: "a third of its life, when ACME renews short ones",
                    },
                ],
            ),
        ]),
        expr: "spyhop_probe_certificate_not_after_timestamp_seconds - time() < <days>\n\
               and\n\
               spyhop_probe_certificate_not_after_timestamp_seconds - time()\n\
               < (\n\
               \x20 spyhop_probe_certificate_not_after_timestamp_seconds\n\
               \x20 - spyhop_probe_certificate_not_before_timestamp_seconds\n\
               ) / <share>",
        wait: 3_600,
        keep: 0,
        why: "A renewal that is under way may take an hour.",
        values: &[],
        summary: "The certificate of a target ends soon.",
        description: "The certificate shown to {{ $labels.probe }} of {{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }} ends in {{ $value | humanizeDuration }}, less than <days> and than its life over <share>.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopProbeCertificateInvalid",
        note: None,
        weight: PAGE,
        expr: "spyhop_probe_certificate_valid == 0",
        wait: 300,
        keep: 0,
        why: "Certificate and chain are often put in place one after the other.",
        values: &[],
        summary: "Clients refuse the certificate of a target.",
        description: "The certificate shown to {{ $labels.probe }} of {{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }} does not pass: {{ $labels.check }}.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopAuthenticationNotEnforced",
        note: None,
        weight: Weight::Fixed(Critical),
        expr: "spyhop_probe_authentication_enforced == 0",
        wait: 60,
        keep: 0,
        why: "Twice in a row: a start without its middleware is over by then.",
        values: &[],
        summary: "A target answers without credentials that should refuse.",
        description: "{{ $labels.probe }} of {{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }} got an answer without credentials: whoever reaches it is let in.",
        board: BOARD,
    },
    Alert {
        name: "SpyhopProbesRefused",
        note: None,
        weight: Weight::Fixed(Warning),
        expr: "increase(spyhop_probes_refused_total[<window>]) > 0",
        wait: 600,
        keep: 0,
        why: "A single burst is in the counter and wakes nobody.",
        values: &[Value {
            name: "window",
            amount: Amount::Window(300),
            why: "shorter than the wait: a burst alone is over before anybody is told",
        }],
        summary: "The agent left probes out because a ceiling was reached.",
        description: "The agent on {{ $labels.host }} left out {{ $value | humanize }} probes in <window>: {{ $labels.reason }}.",
        board: Board { uid: "spyhop-edge", by: &["host"] },
    },
    Alert {
        name: "SpyhopRouteMissing",
        note: None,
        weight: Weight::ByTier { otherwise: Warning, most: Critical },
        expr: "spyhop_traefik_route_missing == 1",
        wait: 120,
        keep: 0,
        why: "Traefik takes over a new container within seconds, a recreate within a minute.",
        values: &[],
        summary: "A route that a service asks for does not exist.",
        description: "{{ $labels.router }} of {{ $labels.project }}/{{ $labels.service }} on {{ $labels.host }} is missing in Traefik for <for>: {{ $labels.reason }}.",
        board: BOARD,
    },
];
