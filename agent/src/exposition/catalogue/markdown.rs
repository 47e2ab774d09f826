//! `docs/metrics.md`, rendered from the catalogue so that it cannot fall behind.

use std::fmt::Write as _;

use super::{LEFT_OUT, all, classic_type, common_labels, openmetrics_type};
use crate::model::metric::{Family, Group, Kind};

/// The whole document. A test compares it with the committed file.
pub fn markdown() -> String {
    let mut out = String::from(HEAD);
    for group in Group::ALL {
        let (title, text) = chapter(group);
        push(&mut out, format_args!("\n## {title}\n\n`?collect[]={}`\n\n{text}\n\n", group.as_str()));
        out.push_str("| name | type | unit | labels | since | meaning |\n|---|---|---|---|---|---|\n");
        for family in all().filter(|family| family.group == group) {
            row(&mut out, family);
        }
    }
    out.push_str(LEFT_OUT_HEAD);
    for left_out in LEFT_OUT {
        let names: Vec<String> = left_out.names.iter().map(|name| format!("`{name}`")).collect();
        push(&mut out, format_args!("| {} | {} |\n", names.join(", "), left_out.reason));
    }
    out
}

fn row(out: &mut String, family: &Family) {
    let labels: Vec<String> =
        common_labels(family).iter().chain(family.labels).map(|label| format!("`{label}`")).collect();
    let unit = if family.unit.is_empty() { "" } else { family.unit };
    let help = family.help.replace('|', "\\|").replace('<', "&lt;");
    push(
        out,
        format_args!(
            "| `{}` | {} | {unit} | {} | {} | {help} |\n",
            family.name,
            type_words(family),
            labels.join(" "),
            family.since
        ),
    );
}

/// Type in both formats, one word where they agree.
fn type_words(family: &Family) -> String {
    let (classic, openmetrics) = (classic_type(family), openmetrics_type(family));
    match family.kind {
        Kind::Info => "info".to_owned(),
        _ if classic == openmetrics => classic.to_owned(),
        _ => format!("{classic} (OpenMetrics: {openmetrics})"),
    }
}

/// Title and introduction of a group.
const fn chapter(group: Group) -> (&'static str, &'static str) {
    match group {
        Group::Container => (
            "Containers, under cAdvisor's names",
            "For every running or paused container, and for the host as `id=\"/\"` without `name` and `image`. `id` is the path of the \
             container's cgroup, `name` the engine's name, `image` the reference it was created from. Labels of the container on the \
             allow-list follow as `container_label_<key>`, every character but letters, digits and `_` replaced by `_`; of two keys which \
             give one name the first in byte order wins. A label that a container does not have is absent. There are no explicit \
             timestamps: the series of a container that ended leave with the next scrape.",
        ),
        Group::Machine => (
            "The machine, under cAdvisor's names",
            "`machine_id`, `system_uuid` and `boot_id` are left out where the agent may not read them.",
        ),
        Group::Node => (
            "The host, under node_exporter's names",
            "Filesystems need a mount of the host's root and are absent without it (`spyhop_collector_available`).",
        ),
        Group::Service => (
            "Containers and services, spyhop's own",
            "State, health, limits and counters which the kernel does not have. They exist for containers of every state, and services are \
             kept while anybody expects them. The container's id, name and image stand on `spyhop_container_info` alone.",
        ),
        Group::Target => (
            "Endpoints which containers declare",
            "For every endpoint that a running container declares by label ([scraping.md](scraping.md)). `target` is the last part of its \
             path below `/proxy`. With `metrics.merge` the endpoints' own series follow on the page, with the same labels added.",
        ),
        Group::Logs => (
            "Logs on their way to Loki",
            "For every service whose lines are read, and for every destination ([logs.md](logs.md)); absent while no destination is given. All \
             reasons of a service are there from its first line on, at 0, so that `increase` sees the first drop. Counters belong to the agent's \
             process: they begin at 0 with it.",
        ),
        Group::Policy => (
            "Findings",
            "What is not as the policy ([policy.md](policy.md)) or good practice wants it; [findings.md](findings.md) says what each class means. ",
        ),
        Group::Probes => (
            "Probes",
            "For every probe that a label or the policy declares ([probes.md](probes.md)). A target elsewhere has an empty `project` and \
             `replica`, and its name as `service`. The `probe_*` families are blackbox_exporter's, so that its dashboards and rules find \
             them; `target` is what is asked, without query. What a target was never asked, or did not answer, is absent.",
        ),
        Group::Isolation => (
            "Isolation",
            "Who reaches whom and should not ([isolation.md](isolation.md)), for every project of the policy that has a say in it; absent while none \
             has. Names in labels are the policy's: whoever is in no policy is `external`, `host`, `other_project`, `unlisted` or `agent`. What a tier \
             that does not run would say is absent.",
        ),
        Group::Traces => (
            "OTLP, lifecycle traces and metrics from spans",
            "What is taken, attributed and sent as OTLP ([traces.md](traces.md)); absent while none is. `traces_spanmetrics_*` is what Tempo's \
             metrics generator makes of spans and `traces_span_metrics_*` what the collector's connector does; `traces.red` says which of the \
             two there is. They are made on the host, of every span before any is sampled away, and carry in OpenMetrics an exemplar a bucket, \
             the last trace that may be found (`traceID`, or the connector's `trace_id`). What is above `traces.red_max_series` is one series \
             without these labels, with `metric_overflow=\"true\"` or the connector's `otel_metric_overflow=\"true\"`. A series that got \
             nothing for 15 minutes goes.",
        ),
        Group::Agent => ("The agent", "Always on."),
    }
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _infallible = out.write_fmt(text);
}

const HEAD: &str = "# Metrics

Rendered from the catalogue (`agent/src/exposition/catalogue/`); do not edit. `UPDATE_GOLDEN=1 cargo test -p spyhop --test metrics_page`
renews it.

`/metrics` answers in OpenMetrics 1.0.0 when asked for it and in the Prometheus text format 0.0.4 otherwise. `?collect[]=<group>`, any number
of times, restricts the page to these groups; the agent's own group always stays.

What could not be read is absent, never 0. Where public dashboards and rules calculate with a 0 (no limit: `container_spec_memory_limit_bytes 0`)
the families under cAdvisor's names keep it; `spyhop_*` families are absent instead.
";

const LEFT_OUT_HEAD: &str = "
## What cAdvisor has by default and spyhop has not

| names | reason |
|---|---|
";
