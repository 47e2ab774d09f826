//! The catalogue: every metric family spyhop can put on a page, once.
//!
//! Collectors write only families from here, `docs/metrics.md` is rendered from here, and rules and dashboards are checked
//! against it. Names which came from cAdvisor and node_exporter are kept letter by letter, their help texts are ours.

pub mod agent;
pub mod container;
pub mod io;
pub mod isolation;
mod left_out;
pub mod logs;
pub mod machine;
mod markdown;
pub mod memory;
pub mod node;
pub mod node_memory;
pub mod policy;
pub mod probe;
pub mod probe_figures;
pub mod service;
pub mod target;
pub mod traces;

pub use left_out::{LEFT_OUT, LeftOut};
pub use markdown::markdown;

use crate::{
    model::metric::{Family, Group, Kind},
    telemetry::SELF_FAMILIES,
};

/// Declares families of one group as statics, and a table of them all in the order of the page.
macro_rules! families {
    ($group:ident; $($id:ident: $kind:ident $name:literal $unit:literal [$($label:literal),*] $help:literal;)*) => {
        $(
            #[doc = concat!("`", $name, "`; its meaning is its help.")]
            pub static $id: $crate::model::metric::Family = $crate::model::metric::Family {
                name: $name,
                kind: $crate::model::metric::Kind::$kind,
                unit: $unit,
                help: $help,
                labels: &[$($label),*],
                since: "0.1.0",
                group: $crate::model::metric::Group::$group,
            };
        )*

        pub(super) static FAMILIES: &[&$crate::model::metric::Family] = &[$(&$id),*];
    };
}
use families;

/// Every family, group by group.
pub fn all() -> impl Iterator<Item = &'static Family> {
    let tables: [&[&'static Family]; 16] = [
        container::FAMILIES,
        memory::FAMILIES,
        io::FAMILIES,
        machine::FAMILIES,
        node::FAMILIES,
        node_memory::FAMILIES,
        service::FAMILIES,
        target::FAMILIES,
        logs::FAMILIES,
        policy::FAMILIES,
        probe::FAMILIES,
        probe_figures::FAMILIES,
        isolation::FAMILIES,
        traces::FAMILIES,
        agent::FAMILIES,
        SELF_FAMILIES,
    ];
    tables.into_iter().flatten().copied()
}

/// The family of a sample name; `None` for what is not ours. Linear: for renderers and tests, not for the scrape.
pub fn find(name: &str) -> Option<&'static Family> {
    all().find(|family| family.name == name)
}

/// Labels which every series of the family carries beside [`Family::labels`]; the container's own labels by the allow-list
/// come on top in [`Group::Container`].
pub fn common_labels(family: &Family) -> &'static [&'static str] {
    match family.group {
        Group::Container if family.name == container::SCRAPE_ERROR.name => &[],
        Group::Container => &["id", "name", "image"],
        Group::Machine if family.kind == Kind::Info => &[],
        Group::Machine => &["machine_id", "system_uuid", "boot_id"],
        Group::Service if family.name.starts_with("spyhop_container_") => &["host", "project", "service", "replica"],
        Group::Service if family.name.starts_with("spyhop_service_") => &["host", "project", "service"],
        Group::Service => &["host"],
        Group::Target => &["host", "project", "service", "replica", "target"],
        Group::Logs if matches!(family.labels, ["destination" | "source", ..]) => &["host"],
        Group::Logs => &["host", "project", "service"],
        Group::Policy if [policy::FINDING.name, policy::TIER.name].contains(&family.name) => {
            &["host", "project", "service"]
        }
        Group::Policy => &["host"],
        Group::Probes if family.name == probe::REFUSED.name => &["host"],
        Group::Probes if family.name == probe::OUTAGE.name => &["host", "project", "service", "probe"],
        Group::Probes if family.name.starts_with("spyhop_traefik_") => &["host", "project", "service"],
        Group::Probes if family.name.starts_with("spyhop_") => {
            &["host", "project", "service", "replica", "probe", "kind"]
        }
        Group::Probes => &["host", "project", "service", "replica", "probe", "kind", "target"],
        Group::Isolation | Group::Traces => &["host"],
        Group::Node | Group::Agent => &[],
    }
}

/// Name of the family in OpenMetrics, where `_total` and `_info` belong to the sample alone.
pub fn openmetrics_name(family: &Family) -> &'static str {
    match family.kind {
        Kind::Counter => family.name.strip_suffix("_total").unwrap_or(family.name),
        Kind::Info => family.name.strip_suffix("_info").unwrap_or(family.name),
        Kind::Gauge | Kind::Histogram => family.name,
    }
}

/// Type in OpenMetrics. A counter must end in `_total` there; an inherited one which does not is `unknown`.
pub fn openmetrics_type(family: &Family) -> &'static str {
    match family.kind {
        Kind::Counter if !family.name.ends_with("_total") => "unknown",
        Kind::Info => "info",
        _ => classic_type(family),
    }
}

/// Type in the classic text format, which has no `info`.
pub const fn classic_type(family: &Family) -> &'static str {
    match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge | Kind::Info => "gauge",
        Kind::Histogram => "histogram",
    }
}

/// Whether OpenMetrics gets a `UNIT` line: it may only repeat what the family's name ends in.
pub fn declares_unit(family: &Family) -> bool {
    let unit = openmetrics_name(family).strip_suffix(family.unit).and_then(|stem| stem.strip_suffix('_'));
    !family.unit.is_empty() && unit.is_some() && openmetrics_type(family) != "unknown"
}

#[cfg(test)]
mod tests;
