//! Rules which the whole catalogue obeys.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Counters whose inherited name lacks `_total`.
const COUNTERS_WITHOUT_TOTAL: &[&str] = &["container_memory_failcnt"];

/// Gauges whose inherited name ends in `_total` all the same.
const GAUGES_WITH_TOTAL: &[&str] = &["container_fs_inodes_total"];

/// Inherited label names which are not snake_case.
const CAMEL_CASE_LABELS: &[&str] =
    &["kernelVersion", "osVersion", "dockerVersion", "cadvisorVersion", "cadvisorRevision"];

fn is_snake_case(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.contains("__")
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn names_are_unique_in_both_formats() {
    let mut seen = BTreeSet::new();
    for family in all() {
        assert!(seen.insert(family.name), "{} stands twice in the catalogue", family.name);
    }
    let mut families = BTreeSet::new();
    for family in all() {
        assert!(families.insert(openmetrics_name(family)), "{} collides in OpenMetrics", family.name);
    }
}

#[test]
fn no_family_is_named_like_a_sample_of_another() {
    let names: BTreeSet<&str> = all().map(openmetrics_name).collect();
    for family in all() {
        let suffixes: &[&str] = match family.kind {
            Kind::Counter => &["_total", "_created"],
            Kind::Histogram => &["_bucket", "_sum", "_count", "_created"],
            Kind::Info => &["_info"],
            Kind::Gauge => &[],
        };
        for suffix in suffixes {
            let sample = format!("{}{suffix}", openmetrics_name(family));
            assert!(!names.contains(sample.as_str()), "{sample} is a family and a sample of {}", family.name);
        }
    }
}

#[test]
fn suffixes_say_the_type() {
    for family in all() {
        let name = family.name;
        match family.kind {
            Kind::Counter => assert!(
                name.ends_with("_total") != COUNTERS_WITHOUT_TOTAL.contains(&name),
                "counter {name} must end in _total or stand in the list, not both"
            ),
            Kind::Info => assert!(name.ends_with("_info"), "info {name} must end in _info"),
            Kind::Gauge | Kind::Histogram => assert!(
                name.ends_with("_total") == GAUGES_WITH_TOTAL.contains(&name),
                "{name} must not end in _total unless inherited"
            ),
        }
    }
}

#[test]
fn prefixes_say_the_group() {
    for family in all() {
        let prefixes: &[&str] = match family.group {
            Group::Container => &["container_"],
            Group::Machine => &["machine_", "cadvisor_"],
            Group::Node => &["node_"],
            Group::Service => &["spyhop_container_", "spyhop_service_", "spyhop_network_"],
            Group::Target => &["spyhop_target_"],
            Group::Logs => &["spyhop_logs_"],
            Group::Policy => &["spyhop_policy_", "spyhop_finding", "spyhop_checks_", "spyhop_service_tier_info"],
            Group::Probes => &["spyhop_probe", "probe_", "spyhop_redis_", "spyhop_postgres_", "spyhop_traefik_"],
            Group::Isolation => &["spyhop_isolation_"],
            Group::Traces => &["spyhop_otlp_", "spyhop_lifecycle_", "spyhop_red_", "traces_"],
            Group::Agent => &["spyhop_", "process_"],
        };
        assert!(prefixes.iter().any(|prefix| family.name.starts_with(prefix)), "{}", family.name);
    }
}

#[test]
fn own_names_carry_their_unit_and_are_snake_case() {
    for family in all().filter(|family| family.name.starts_with("spyhop_")) {
        assert!(is_snake_case(family.name), "{}", family.name);
        assert!(family.unit.is_empty() || declares_unit(family), "{} does not end in {}", family.name, family.unit);
    }
}

#[test]
fn help_is_one_sentence() {
    for family in all() {
        let help = family.help;
        assert!(help.ends_with('.') && !help.ends_with(".."), "{}: help must end with a full stop", family.name);
        assert!(!help.contains(['\n', '\r', '\\']), "{}: help must be one plain line", family.name);
        assert!(help.starts_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit()), "{}", family.name);
        assert!(help.len() <= 250, "{}: help is longer than a reader has patience", family.name);
    }
}

#[test]
fn labels_are_snake_case_and_unique() {
    for family in all() {
        let mut seen = BTreeSet::new();
        for label in common_labels(family).iter().chain(family.labels) {
            assert!(is_snake_case(label) || CAMEL_CASE_LABELS.contains(label), "{}: {label}", family.name);
            assert!(seen.insert(label), "{}: label {label} twice", family.name);
            assert!(!["le", "quantile"].contains(label), "{}: {label} is reserved", family.name);
        }
    }
}

#[test]
fn groups_stand_together() {
    let mut last = None;
    let mut done: BTreeMap<Group, ()> = BTreeMap::new();
    for family in all() {
        if last != Some(family.group) {
            assert!(done.insert(family.group, ()).is_none(), "{:?} is split in two", family.group);
            last = Some(family.group);
        }
    }
    assert_eq!(done.len(), Group::ALL.len());
}

#[test]
fn finds_by_sample_name() {
    assert_eq!(find("container_memory_failcnt").map(openmetrics_type), Some("unknown"));
    assert_eq!(find("container_memory_failcnt").map(classic_type), Some("counter"));
    assert_eq!(find("spyhop_container_info").map(openmetrics_name), Some("spyhop_container"));
    assert!(find("container_tasks_state").is_none());
}

#[test]
fn nothing_is_both_left_out_and_complete() {
    for name in LEFT_OUT.iter().flat_map(|left_out| left_out.names) {
        if let Some(family) = find(name) {
            assert!(family.help.contains("for id=\"/\" only"), "{name} is in the catalogue");
        }
    }
}

#[test]
fn the_document_has_a_row_for_every_family() {
    let document = markdown();
    for family in all() {
        assert!(document.contains(&format!("\n| `{}` |", family.name)), "{}", family.name);
    }
    for line in document.lines().filter(|line| line.starts_with("| `")) {
        let cells = line.replace("\\|", "").matches('|').count();
        assert!(cells == 7 || cells == 3, "{line}");
    }
}
