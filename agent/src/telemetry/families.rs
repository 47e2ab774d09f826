//! Catalogue entries of the agent's own metrics; [`super::Metrics`] registers exactly these.

use crate::model::metric::{Family, Group, Kind};

const fn family(
    name: &'static str,
    kind: Kind,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Family {
    Family { name, kind, unit, help, labels, since: "0.1.0", group: Group::Agent }
}

pub(super) const ENGINE_REQUESTS: Family = family(
    "spyhop_engine_requests_total",
    Kind::Counter,
    "",
    &["call", "outcome"],
    "Requests to the container engine, by call and outcome.",
);
pub(super) const ENGINE_EVENTS: Family =
    family("spyhop_engine_events_total", Kind::Counter, "", &[], "Events received from the container engine.");
pub(super) const ENGINE_RECONNECTS: Family = family(
    "spyhop_engine_reconnects_total",
    Kind::Counter,
    "",
    &[],
    "Times the event stream of the container engine was opened again after it broke.",
);
pub(super) const ENGINE_REPAIRS: Family = family(
    "spyhop_engine_repaired_answers_total",
    Kind::Counter,
    "",
    &[],
    "Engine answers with words unknown to the API's own types which were read all the same.",
);
pub(super) const INVENTORY_RECONCILIATIONS: Family = family(
    "spyhop_inventory_reconciliations_total",
    Kind::Counter,
    "",
    &[],
    "Times the whole inventory was compared with the engine's list.",
);
pub(super) const REFUSED: Family = family(
    "spyhop_refused_total",
    Kind::Counter,
    "",
    &["reason"],
    "Things beyond a ceiling which were left out, by ceiling.",
);
pub(super) const STATE_WRITES: Family = family(
    "spyhop_state_writes_total",
    Kind::Counter,
    "",
    &["outcome"],
    "Writes of the state file which carries counters over a restart of the agent.",
);
pub(super) const TARGET_REQUESTS: Family = family(
    "spyhop_target_requests_total",
    Kind::Counter,
    "",
    &["outcome"],
    "Requests for declared targets through /proxy, by how they ended.",
);
pub(super) const SCRAPE_DURATION: Family = family(
    "spyhop_scrape_duration_seconds",
    Kind::Histogram,
    "seconds",
    &[],
    "Time to read the kernel and write the page of one scrape, compression left out.",
);
pub(super) const SCRAPE_ERRORS: Family = family(
    "spyhop_scrape_errors_total",
    Kind::Counter,
    "",
    &[],
    "Kernel files which existed and could not be read or understood during a scrape.",
);
pub(super) const HTTP_REQUESTS: Family = family(
    "spyhop_http_requests_total",
    Kind::Counter,
    "",
    &["route", "code"],
    "HTTP requests answered, by route and status code.",
);
pub(super) const HTTP_CONNECTIONS: Family =
    family("spyhop_http_connections", Kind::Gauge, "", &[], "HTTP connections open now.");
pub(super) const PAGE_VIEWERS: Family =
    family("spyhop_page_viewers", Kind::Gauge, "", &[], "Pages for people that are open and told of changes.");
pub(super) const HTTP_REFUSED: Family = family(
    "spyhop_http_refused_total",
    Kind::Counter,
    "",
    &["reason"],
    "HTTP connections and requests refused because of who asked or how, by reason.",
);
pub(super) const ACCESS_RELOADS: Family = family(
    "spyhop_access_reloads_total",
    Kind::Counter,
    "",
    &["outcome"],
    "Times certificates, users and tokens were read, by outcome; what cannot be used leaves the old ones in place.",
);
pub(super) const ACCESS_CURRENT: Family = family(
    "spyhop_access_last_reload_successful",
    Kind::Gauge,
    "",
    &[],
    "1 while certificates, users and tokens in use are those of their files, 0 while the files cannot be used; absent without any.",
);
pub(super) const TLS_CERTIFICATE_EXPIRY: Family = family(
    "spyhop_tls_certificate_expiry_timestamp_seconds",
    Kind::Gauge,
    "seconds",
    &[],
    "When the certificate ends which the agent shows to its clients, in Unix seconds; absent without TLS.",
);
pub(super) const LOG_LINES_SUPPRESSED: Family = family(
    "spyhop_log_lines_suppressed_total",
    Kind::Counter,
    "",
    &[],
    "Lines of the agent's own log left out because the same message came too often.",
);

pub(super) const BROKER_REFUSED: Family = family(
    "spyhop_broker_refused_total",
    Kind::Counter,
    "",
    &[],
    "Requests that the broker before the engine has refused since it started, whoever made them: one of each start of an agent is its self-test. \
     Told with its answers; absent without a broker.",
);
pub(super) const SANDBOX_STATE: Family = family(
    "spyhop_sandbox_state",
    Kind::Gauge,
    "",
    &["process", "measure"],
    "1 where a process of the agent has given up what this measure takes from it, else 0; see docs/security.md.",
);

/// Everything [`super::Metrics`] registers.
pub const SELF_FAMILIES: &[&Family] = &[
    &ENGINE_REQUESTS,
    &ENGINE_EVENTS,
    &ENGINE_RECONNECTS,
    &ENGINE_REPAIRS,
    &INVENTORY_RECONCILIATIONS,
    &REFUSED,
    &STATE_WRITES,
    &TARGET_REQUESTS,
    &SCRAPE_DURATION,
    &SCRAPE_ERRORS,
    &HTTP_REQUESTS,
    &HTTP_CONNECTIONS,
    &PAGE_VIEWERS,
    &HTTP_REFUSED,
    &ACCESS_RELOADS,
    &ACCESS_CURRENT,
    &TLS_CERTIFICATE_EXPIRY,
    &LOG_LINES_SUPPRESSED,
    &BROKER_REFUSED,
    &SANDBOX_STATE,
];
