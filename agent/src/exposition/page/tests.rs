//! The writer against the formats' rules, and against prometheus-client as oracle.

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family as Counters, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};
use proptest::prelude::*;
use std::sync::atomic::AtomicU64;

use super::*;
use crate::model::metric::{Group, Kind};

const fn family(name: &'static str, kind: Kind, unit: &'static str, help: &'static str) -> Family {
    Family { name, kind, unit, help, labels: &[], since: "0.1.0", group: Group::Agent }
}

static RUNS: Family = family("runs_total", Kind::Counter, "", "Runs");
static BYTES: Family = family("read_bytes_total", Kind::Counter, "bytes", "Bytes read.");
static FAILCNT: Family = family("container_failcnt", Kind::Counter, "", "Old name.");
static LEVEL: Family = family("level", Kind::Gauge, "", "Level");
static BUILD: Family = family("build_info", Kind::Info, "", "A \"quoted\" C:\\path\nand a second line.");

fn text(page: &mut Page) -> String {
    String::from_utf8(page.finish().to_vec()).unwrap()
}

fn small_page(format: Format) -> String {
    let mut page = Page::new(format);
    let labels = LabelSet::new([("host", "a")]);
    page.family(&BYTES).sample(&labels, 12_u64);
    page.family(&FAILCNT).sample_with(&labels, &[("device", "x\"y")], 1_u64);
    let _without_samples = page.family(&RUNS);
    page.family(&BUILD).sample_with(&LabelSet::EMPTY, &[("version", "1"), ("revision", "2")], 1_u64);
    page.family(&LEVEL).sample(&LabelSet::EMPTY, 0.5);
    text(&mut page)
}

#[test]
fn writes_openmetrics() {
    let expected = r#"# HELP read_bytes Bytes read.
# TYPE read_bytes counter
# UNIT read_bytes bytes
read_bytes_total{host="a"} 12
# HELP container_failcnt Old name.
# TYPE container_failcnt unknown
container_failcnt{host="a",device="x\"y"} 1
# HELP build A \"quoted\" C:\\path\nand a second line.
# TYPE build info
build_info{version="1",revision="2"} 1
# HELP level Level
# TYPE level gauge
level 0.5
# EOF
"#;
    assert_eq!(small_page(Format::OpenMetrics), expected);
}

#[test]
fn writes_classic_text() {
    let expected = r#"# HELP read_bytes_total Bytes read.
# TYPE read_bytes_total counter
read_bytes_total{host="a"} 12
# HELP container_failcnt Old name.
# TYPE container_failcnt counter
container_failcnt{host="a",device="x\"y"} 1
# HELP build_info A "quoted" C:\\path\nand a second line.
# TYPE build_info gauge
build_info{version="1",revision="2"} 1
# HELP level Level
# TYPE level gauge
level 0.5
"#;
    assert_eq!(small_page(Format::Text), expected);
}

#[test]
fn a_family_beyond_its_ceiling_is_cut_and_counted() {
    let mut page = Page::new(Format::Text);
    let mut writer = page.family(&LEVEL);
    for _ in 0..MAX_SAMPLES_PER_FAMILY + 3 {
        writer.sample(&LabelSet::EMPTY, 1_u64);
    }
    page.family(&RUNS).sample(&LabelSet::EMPTY, 1_u64);
    assert_eq!(page.refused(), 3);
    let lines = text(&mut page).lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(lines, MAX_SAMPLES_PER_FAMILY as usize + 1);
    page.clear(Format::Text);
    assert_eq!((page.refused(), page.finish().len()), (0, 0));
}

/// One series as a reader sees it.
type Sample = (String, Vec<(String, String)>, f64);

/// Reads a page back, the simplest way that is right for what the two writers emit.
fn parse(page: &str) -> Vec<Sample> {
    page.lines().filter(|line| !line.starts_with('#')).map(parse_sample).collect()
}

fn parse_sample(line: &str) -> Sample {
    let Some((name, rest)) = line.split_once('{') else {
        let (name, value) = line.split_once(' ').unwrap();
        return (name.to_owned(), Vec::new(), value.parse().unwrap());
    };
    let mut labels = Vec::new();
    let mut chars = rest.chars();
    loop {
        let mut label = String::new();
        let end = loop {
            match chars.next().unwrap() {
                c @ ('=' | '}') => break c,
                ',' if label.is_empty() => {}
                c => label.push(c),
            }
        };
        if end == '}' {
            break;
        }
        assert_eq!(chars.next(), Some('"'));
        let mut value = String::new();
        loop {
            match chars.next().unwrap() {
                '"' => break,
                '\\' => value.push(match chars.next().unwrap() {
                    'n' => '\n',
                    c => c,
                }),
                c => value.push(c),
            }
        }
        labels.push((label, value));
    }
    let value = chars.as_str().trim().replace("inf", "Inf").parse().unwrap();
    (name.to_owned(), labels, value)
}

fn same(ours: &[Sample], theirs: &[Sample]) -> bool {
    ours.len() == theirs.len()
        && ours
            .iter()
            .zip(theirs)
            .all(|(a, b)| a.0 == b.0 && a.1 == b.1 && (a.2 == b.2 || (a.2.is_nan() && b.2.is_nan())))
}

proptest! {
    #[test]
    fn agrees_with_prometheus_client(
        labels in prop::collection::btree_map("[a-zA-Z][a-zA-Z0-9_]{0,12}", any::<String>(), 1..5),
        level in any::<f64>(),
        runs in any::<u64>(),
    ) {
        let pairs: Vec<(String, String)> = labels.into_iter().collect();
        let mut registry = Registry::default();
        let levels = Counters::<Vec<(String, String)>, Gauge<f64, AtomicU64>>::default();
        levels.get_or_create(&pairs).set(level);
        registry.register("level", "Level", levels);
        let counts = Counters::<Vec<(String, String)>, Counter>::default();
        counts.get_or_create(&pairs).inc_by(runs);
        registry.register("runs", "Runs", counts);
        let mut theirs = String::new();
        encode(&mut theirs, &registry).unwrap();

        for format in [Format::OpenMetrics, Format::Text] {
            // The last label goes through the dynamic path, the others are pre-rendered.
            let (last, first) = pairs.split_last().unwrap();
            let set = LabelSet::new(first.iter().map(|(k, v)| (k.as_str(), v.as_str())));
            let extra = [(last.0.as_str(), last.1.as_str())];
            let mut page = Page::new(format);
            page.family(&LEVEL).sample_with(&set, &extra, level);
            page.family(&RUNS).sample_with(&set, &extra, runs);
            let mut adapted = Page::new(format);
            adapted.registry(&registry);
            prop_assert!(same(&parse(&text(&mut page)), &parse(&theirs)));
            prop_assert!(same(&parse(&text(&mut adapted)), &parse(&theirs)));
        }
        // Heads agree too, but for the full stop which the registry appends to the help.
        let mut page = Page::new(Format::OpenMetrics);
        page.family(&LEVEL).sample(&LabelSet::EMPTY, 0_u64);
        page.family(&RUNS).sample(&LabelSet::EMPTY, 0_u64);
        let page = text(&mut page);
        let heads = |text: &str| -> Vec<String> {
            text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_end_matches('.').to_owned()).collect()
        };
        prop_assert_eq!(heads(&page), heads(&theirs));
    }
}

#[test]
fn a_histogram_is_what_the_library_writes() {
    static TOOK: Family = family("took_seconds", Kind::Histogram, "seconds", "How long it took.");
    let mut durations = Durations::default();
    let oracle = Histogram::new(DURATION_BOUNDS.map(|(bound, _)| bound));
    for millis in [125, 500, 1_750, 90_000, 300_500] {
        durations.observe(std::time::Duration::from_millis(millis));
        oracle.observe(millis as f64 / 1_000.0);
    }
    let mut page = Page::new(Format::OpenMetrics);
    page.family(&TOOK).histogram(&LabelSet::EMPTY, &durations);
    let mut registry = Registry::default();
    registry.register_with_unit("took", "How long it took", Unit::Seconds, oracle);
    let mut expected = String::new();
    encode(&mut expected, &registry).unwrap();
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&text(&mut page)), lines(&expected));
}
