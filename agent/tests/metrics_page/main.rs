//! The whole page of a synthetic host: golden files in both formats, promtool's verdict, and the rules every page obeys.
//!
//! `UPDATE_GOLDEN=1 cargo test -p spyhop --test metrics_page` renews the golden files and `docs/metrics.md`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test may panic: that is how it fails"
)]

mod containers;
mod isolation;
mod kernel;
mod probes;
mod synthetic;
mod traces;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use spyhop::{
    collectors::Collector,
    exposition::{Format, catalogue},
    model::metric::{Family, Group},
    telemetry::SELF_FAMILIES,
    traces::Names,
};

fn page(format: Format, groups: Option<&[Group]>) -> String {
    page_of(synthetic::collector(), format, groups)
}

fn page_of(mut collector: Collector<synthetic::Kernel>, format: Format, groups: Option<&[Group]>) -> String {
    let groups = groups.map(|groups| groups.iter().copied().collect::<BTreeSet<_>>());
    String::from_utf8(collector.scrape(format, groups.as_ref(), synthetic::moment(1)).to_vec()).unwrap()
}

/// Compares with a committed file, or renews it.
fn assert_golden(path: &str, actual: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let first_difference = actual.lines().zip(expected.lines()).position(|(a, b)| a != b);
    if let Some(line) = first_difference {
        let of = |text: &str| text.lines().nth(line).unwrap_or_default().to_owned();
        panic!("{}:{}: expected\n{}\ngot\n{}", path.display(), line + 1, of(&expected), of(actual));
    }
    assert_eq!(actual.len(), expected.len(), "{} is longer or shorter", path.display());
}

/// Family name, type and series of each family in the order of the page.
fn families(page: &str) -> Vec<(String, String, Vec<String>)> {
    let mut families: Vec<(String, String, Vec<String>)> = Vec::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            families.push((name.to_owned(), kind.to_owned(), Vec::new()));
        } else if !line.starts_with('#') {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            families.last_mut().expect("a sample without a family").2.push(series.to_owned());
        }
    }
    families
}

fn samples<'p>(page: &'p str, needle: &str) -> Vec<&'p str> {
    page.lines().filter(|line| !line.starts_with('#') && line.contains(needle)).collect()
}

/// The page with the series of each counter in order: the registry keeps them in a hash map.
fn in_order(page: &str) -> String {
    let mut lines: Vec<&str> = page.lines().collect();
    let name = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
    for series in lines.chunk_by_mut(|a, b| name(a) == name(b)) {
        let from_the_registry = SELF_FAMILIES.iter().any(|family| series[0].starts_with(family.name));
        if from_the_registry && name(series[0]).ends_with("_total") {
            series.sort_unstable();
        }
    }
    lines.join("\n") + "\n"
}

#[test]
fn the_pages_are_the_golden_ones() {
    assert_golden("tests/golden/metrics.txt", &in_order(&page(Format::Text, None)));
    assert_golden("tests/golden/metrics.om", &in_order(&page(Format::OpenMetrics, None)));
}

#[test]
fn the_document_is_the_catalogue() {
    assert_golden("../docs/metrics.md", &catalogue::markdown());
}

#[test]
fn page_and_catalogue_hold_the_same_families() {
    type Read = fn(&Family) -> &'static str;
    let in_text: (Read, Read) = (|family| family.name, catalogue::classic_type);
    let in_openmetrics: (Read, Read) = (catalogue::openmetrics_name, catalogue::openmetrics_type);
    for (format, (name_of, type_of)) in [(Format::Text, in_text), (Format::OpenMetrics, in_openmetrics)] {
        let page = page(format, None);
        let mut on_page: BTreeMap<String, String> = BTreeMap::new();
        for (name, kind, series) in families(&page) {
            assert!(!series.is_empty(), "{name} is empty and should have left nothing");
            assert!(on_page.insert(name.clone(), kind).is_none(), "{name} stands on the page twice");
        }
        let in_catalogue: BTreeMap<String, String> =
            catalogue::all().map(|family| (name_of(family).to_owned(), type_of(family).to_owned())).collect();
        // A page has metrics from spans under one of two families of names.
        let others = families(&page_of(synthetic::collector_under(Names::Connector), format, Some(&[Group::Traces])));
        on_page.extend(others.into_iter().map(|(name, kind, _)| (name, kind)));
        assert_eq!(on_page, in_catalogue);
    }
}

#[test]
fn no_series_stands_twice_and_samples_carry_their_familys_name() {
    let page = page(Format::Text, None);
    let mut seen = BTreeSet::new();
    for (name, kind, series) in families(&page) {
        for series in series {
            let sample = series.split('{').next().unwrap();
            let suffix = sample.strip_prefix(&name).unwrap_or_else(|| panic!("{series} stands under {name}"));
            assert!(suffix.is_empty() || kind == "histogram", "{series} stands under {name}");
            assert!(seen.insert(series.clone()), "{series} stands twice");
        }
    }
}

#[test]
fn labels_are_those_of_the_catalogue() {
    let page = page(Format::Text, None);
    for (name, _, series) in families(&page) {
        let family = catalogue::find(&name).unwrap();
        let known: Vec<&str> = catalogue::common_labels(family).iter().chain(family.labels).copied().collect();
        // Values hold `="` only behind a backslash, so every match begins a value.
        for label in series.iter().flat_map(|series| series.match_indices("=\"").map(|(at, _)| &series[..at])) {
            let label = label.rsplit(['{', ',']).next().unwrap();
            let foreign = label.starts_with("container_label_") && family.group == Group::Container;
            assert!(known.contains(&label) || foreign || label == "le", "{name} carries {label}");
        }
    }
}

#[test]
fn only_containers_which_the_kernel_knows_have_kernel_series() {
    let page = page(Format::Text, None);
    for name in ["shop-job-1", "shop-web-2"] {
        assert_eq!(samples(&page, &format!("name=\"{name}\"")).len(), 1, "{name} has its info series alone");
    }
    assert_eq!(samples(&page, "spyhop_container_state{host=\"whale\",project=\"shop\",service=\"job\"").len(), 10);
    let hostile = samples(&page, "id=\"/evil");
    assert!(hostile.iter().all(|line| !line.starts_with("container_network") && !line.starts_with("container_memory")));
    assert!(hostile.iter().any(|line| line.starts_with("container_last_seen{")));
}

#[test]
fn absent_is_not_zero() {
    let page = page(Format::Text, None);
    // No quota: no throttling series. No swap accounting: no swap limit. No limit: 0 for cAdvisor, absent for us.
    let legacy = samples(&page, "name=\"stack_api.2.k3yt\"");
    let has = |prefix: &str| legacy.iter().any(|line| line.starts_with(prefix));
    assert!(!has("container_cpu_cfs_") && !has("container_spec_cpu_quota") && !has("container_memory_swap"));
    assert!(!has("container_spec_memory_swap_limit_bytes") && !has("container_pressure_"));
    assert!(legacy.iter().any(|l| l.starts_with("container_spec_memory_limit_bytes{") && l.ends_with("} 0")));
    assert!(samples(&page, "service=\"api\"").iter().all(|line| !line.starts_with("spyhop_container_memory_limit")));
    // Counts above 2^53 are exact.
    assert!(has("container_memory_usage_bytes{") && legacy.iter().any(|line| line.ends_with("} 9007199254740993")));
}

#[test]
fn utilization_is_use_by_limit() {
    let page = page(Format::Text, None);
    let shares = samples(&page, "spyhop_container_limit_utilization_ratio{");
    let share = |resource: &str| {
        let line = shares.iter().find(|line| line.contains(&format!("resource=\"{resource}\""))).unwrap();
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    assert_eq!(shares.len(), 3);
    assert_eq!((share("memory"), share("pids")), (0.5, 0.25));
    assert!((share("cpu") - 0.5 / 1.5).abs() < 1e-9);
}

#[test]
fn groups_are_chosen_by_the_client() {
    for group in Group::ALL {
        let on_page: BTreeSet<Group> = families(&page(Format::Text, Some(&[group])))
            .iter()
            .map(|(name, ..)| catalogue::find(name).unwrap().group)
            .collect();
        assert_eq!(on_page, BTreeSet::from([group, Group::Agent]));
    }
}

/// promtool's findings as `name: what`, sorted.
fn promtool(page: &str) -> Option<String> {
    let mut promtool = Command::new(std::env::var_os("SPYHOP_PROMTOOL").unwrap_or_else(|| "promtool".into()))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .inspect_err(|error| eprintln!("skipped: promtool does not start here: {error}"))
        .ok()?;
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let parsed = matches!(output.status.code(), Some(0 | 3));
    assert!(parsed, "promtool could not read the page: {said}");
    let mut findings: Vec<&str> = said.lines().collect();
    findings.sort_unstable();
    Some(findings.join("\n") + "\n")
}

#[test]
fn promtool_finds_what_is_inherited_and_nothing_of_ours() {
    let Some(findings) = promtool(&page(Format::Text, None)) else { return };
    let ours: Vec<&str> = findings.lines().filter(|line| line.starts_with("spyhop_")).collect();
    assert_eq!(ours, [""; 0]);
    assert_golden("tests/golden/promtool_inherited.txt", &findings);
}
