//! Files of OpenSLO: what is taken over, and what is refused with its line.

use std::path::PathBuf;

use super::*;
use crate::policy::objectives::{Events, Query};

fn read_text(text: &str) -> (Vec<Spec>, Vec<String>) {
    let mut mistakes = Vec::new();
    let path: Arc<Path> = PathBuf::from("policy.yml").into();
    let mut fields = Fields::new(&path, &mut mistakes);
    let specs = file(&mut fields, &PathBuf::from("slo.yml").into(), text);
    (specs, mistakes.iter().map(ToString::to_string).collect())
}

/// An SLO whose parts can be replaced.
fn slo(indicator: &str, window: &str, objectives: &str) -> String {
    format!(
        "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{ name: pay }}\nspec:\n  service: shop\n  {indicator}\n  timeWindow: {window}\n  \
         budgetingMethod: Occurrences\n  objectives: {objectives}\n"
    )
}

const RATIO: &str = "indicator: { spec: { ratioMetric: { counter: true, \
                     bad: { metricSource: { type: Prometheus, spec: { query: bad_total } } }, \
                     total: { metricSource: { type: Prometheus, spec: { query: all_total } } } } } }";
const ROLLING: &str = "[{ duration: 30d, isRolling: true }]";

#[test]
fn what_the_fixture_says_is_taken_over() {
    let (specs, mistakes) = read_text(include_str!("../../../../tests/fixtures/policy/openslo.yml"));
    assert_eq!(mistakes, [] as [&str; 0]);
    let [payments, queue] = specs.as_slice() else { panic!("{specs:?}") };
    assert_eq!((&*payments.name, &*payments.project, &*payments.service), ("payments", "shop", "checkout"));
    assert_eq!((payments.target.to_string(), payments.window.as_secs()), ("99.5%".to_owned(), 28 * 86_400));
    let good = Events::Good(Query::Counter("payments_total{outcome=\"ok\"}".into()));
    assert_eq!(payments.sli, Some(Sli::Ratio { events: good, total: Query::Counter("payments_total".into()) }));
    assert_eq!(queue.sli, Some(Sli::Sampled("avg((max(payments_waiting)) <= bool 100)".into())));
    assert_eq!(queue.window.as_secs(), 28 * 86_400);
}

#[test]
fn counters_deltas_raw_figures_and_several_objectives_are_told_apart() {
    let (specs, mistakes) = read_text(&slo(RATIO, ROLLING, "[{ target: 0.99 }, { targetPercent: 99.9 }]"));
    assert_eq!(mistakes, [] as [&str; 0]);
    let names: Vec<_> = specs.iter().map(|spec| (&*spec.name, spec.target.to_string())).collect();
    assert_eq!(names, [("pay-1", "99%".to_owned()), ("pay-2", "99.9%".to_owned())]);
    let delta = RATIO.replace("counter: true", "counter: false");
    let (specs, _) = read_text(&slo(&delta, ROLLING, "[{ target: 0.99 }]"));
    let events = Events::Bad(Query::Delta("bad_total".into()));
    assert_eq!(specs[0].sli, Some(Sli::Ratio { events, total: Query::Delta("all_total".into()) }));
    for (kind, expected) in [("success", "clamp(avg(x), 0, 1)"), ("failure", "1 - clamp(avg(x), 0, 1)")] {
        let raw = format!(
            "indicator: {{ spec: {{ ratioMetric: {{ rawType: {kind}, raw: {{ metricSource: {{ spec: {{ query: x }} }} }} }} }} }}"
        );
        let (specs, mistakes) = read_text(&slo(&raw, ROLLING, "[{ target: 0.99 }]"));
        assert_eq!((specs[0].sli.clone(), mistakes), (Some(Sli::Sampled(expected.into())), vec![]));
    }
}

#[test]
fn what_cannot_be_expressed_is_refused_with_line_and_hint() {
    let calendar = "[{ duration: 1M, calendar: { startTime: 2026-01-01 }, isRolling: false }]";
    let threshold =
        "indicator: { spec: { thresholdMetric: { metricSource: { type: Prometheus, spec: { query: x } } } } }";
    let foreign = RATIO.replace("type: Prometheus", "type: Datadog");
    let expression = RATIO.replace("bad_total", "'rate(bad_total[5m])'");
    let nobody = "indicatorRef: nobody";
    let one = "[{ target: 0.99 }]";
    for (text, line, part) in [
        (slo(RATIO, calendar, one), 7, "pay.timeWindow: is no rolling window; write isRolling: true"),
        (
            slo(RATIO, "[{ duration: 30d, isRolling: true }, { duration: 7d, isRolling: true }]", one),
            7,
            "has no time window, or several",
        ),
        (slo(RATIO, ROLLING, "[{ target: 1 }]"), 9, "\"1\" is not a share below all"),
        (slo(RATIO, ROLLING, "[{ target: 0.9, targetPercent: 90 }]"), 9, "has no target, or two"),
        (slo(RATIO, ROLLING, "[]"), 1, "has no objectives"),
        (slo(RATIO, ROLLING, "[{ target: 0.99, compositeWeight: 2 }]"), 9, "is not expressed by a single ratio"),
        (
            slo(threshold, ROLLING, "[{ target: 0.99, op: eq, value: 1 }]"),
            9,
            "\"eq\" is not an operator; write lt, lte, gt or gte",
        ),
        (slo(threshold, ROLLING, "[{ target: 0.99, op: lt, value: many }]"), 9, "\"many\" is not a number"),
        (slo(&foreign, ROLLING, one), 6, "\"Datadog\" is not asked; write type: Prometheus"),
        (slo(&expression, ROLLING, one), 6, "is neither a counter nor an expression about a window"),
        (slo(nobody, ROLLING, one), 6, "there is no SLI \"nobody\""),
        (slo(RATIO, ROLLING, one).replace("Occurrences", "Timeslices"), 8, "counts time slices; write Occurrences"),
        (slo(RATIO, ROLLING, one).replace("openslo/v1", "openslo/v1alpha"), 1, "\"openslo/v1alpha\" is not openslo/v1"),
        (slo(RATIO, ROLLING, one).replace("kind: SLO", "kind: SLOs"), 2, "\"SLOs\" is not a kind of OpenSLO"),
        (slo(RATIO, ROLLING, one).replace("name: pay", "name: 'a b'"), 1, "\"a b\" is not a name"),
        ("text".to_owned(), 1, "is not an object of OpenSLO"),
        ("a: 1\na: 2\n".to_owned(), 2, "stands here for the second time"),
    ] {
        let (_, mistakes) = read_text(&text);
        let found =
            mistakes.iter().any(|mistake| mistake.starts_with(&format!("slo.yml:{line}:")) && mistake.contains(part));
        assert!(found, "line {line}: {part}\nis not among\n{}\nof\n{text}", mistakes.join("\n"));
    }
}

#[test]
fn alert_conditions_have_to_be_ours() {
    let policy = |kind: &str, threshold: &str, lookback: &str| {
        format!(
            "apiVersion: openslo/v1\nkind: AlertPolicy\nmetadata: {{ name: fast }}\nspec:\n  conditions:\n    - kind: AlertCondition\n      spec: \
             {{ severity: page, condition: {{ kind: {kind}, op: gte, threshold: {threshold}, lookbackWindow: {lookback} }} }}\n"
        )
    };
    for (threshold, lookback) in [("14.4", "1h"), ("6.0", "6h"), ("3", "24h"), ("1", "3d"), ("1", "72h")] {
        assert_eq!(
            read_text(&policy("burnrate", threshold, lookback)).1,
            [] as [&str; 0],
            "{threshold} over {lookback}"
        );
    }
    for (kind, threshold, lookback) in [("burnrate", "2", "1h"), ("burnrate", "14.4", "2h"), ("ratio", "14.4", "1h")] {
        let (_, mistakes) = read_text(&policy(kind, threshold, lookback));
        assert!(mistakes[0].starts_with("slo.yml:7:") && mistakes[0].contains("times the budget over"), "{mistakes:?}");
    }
}

#[test]
fn documents_keep_the_places_of_the_file() {
    let text = format!("{}---\n{}", slo(RATIO, ROLLING, "[{ target: 0.99 }]"), slo(RATIO, ROLLING, "[{ target: 2 }]"));
    let (specs, mistakes) = read_text(&text);
    assert_eq!(specs.len(), 1);
    assert!(mistakes[0].starts_with("slo.yml:19:"), "{mistakes:?}");
    let many = "---\n".repeat(201);
    assert!(read_text(&many).1[0].contains("has 201 documents, at most 200 are read"), "{:?}", read_text(&many).1);
}

proptest::proptest! {
    #[test]
    fn no_text_panics_the_reader(text in "(apiVersion: openslo/v1\n|kind: SLO\n|metadata: \\{name: a\\}\n|spec:\n|  objectives: \\[\\{target: 0.9\\}\\]\n|---\n|[a-z:{}\\[\\] \n-]{0,9}){0,20}") {
        let _read = read_text(&text);
    }
}
