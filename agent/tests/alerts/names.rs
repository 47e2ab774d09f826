//! Metrics and labels in rules are in the catalogue of metrics.

use std::collections::BTreeSet;

use spyhop::{
    exposition::catalogue,
    model::metric::{Family, Kind},
    policy::Policy,
    render::{self, Options, Rule},
};

use crate::rendered::example;

/// Series Prometheus itself makes for each target.
const MADE_BY_PROMETHEUS: &str = "up";
/// Labels Prometheus adds to every series of a target.
const OF_TARGET: [&str; 2] = ["job", "instance"];

#[test]
fn every_metric_and_label_in_a_rule_is_in_the_catalogue() {
    for rule in rules() {
        let selectors = selectors(&rule.expr);
        assert!(!selectors.is_empty(), "{}: no metric found in `{}`", rule.name(), rule.expr);
        let mut known: BTreeSet<&str> = OF_TARGET.into();
        for selector in &selectors {
            let labels = labels_of(&selector.metric)
                .unwrap_or_else(|| panic!("{}: `{}` is not in the catalogue", rule.name(), selector.metric));
            for label in &selector.labels {
                let exists = labels.contains(label.as_str()) || OF_TARGET.contains(&label.as_str());
                assert!(exists, "{}: `{}` has no label `{label}`", rule.name(), selector.metric);
            }
            known.extend(labels);
        }
        for label in grouped(&rule.expr) {
            assert!(known.contains(label.as_str()), "{}: no series in it has a label `{label}`", rule.name());
        }
    }
}

#[test]
fn figures_that_others_have_too_are_asked_of_our_job_alone() {
    for rule in rules() {
        for selector in selectors(&rule.expr).iter().filter(|selector| !selector.metric.starts_with("spyhop_")) {
            assert!(selector.labels.iter().any(|label| label == "job"), "{}: {}", rule.name(), selector.metric);
        }
    }
}

#[test]
fn counters_are_never_compared_bare() {
    for rule in rules() {
        for (at, _) in rule.expr.match_indices("_total") {
            let before = &rule.expr[..at];
            let opened = before.rfind('(').map_or("", |open| before[..open].trim_end());
            let function = opened.rsplit(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default();
            assert!(["increase", "rate"].contains(&function), "{}: {}", rule.name(), rule.expr);
        }
    }
}

fn rules() -> Vec<Rule> {
    all_rules(&Policy::default())
}

fn all_rules(policy: &Policy) -> Vec<Rule> {
    let files = render::rules(policy, &Options::default());
    files.into_iter().flat_map(|file| file.groups).flat_map(|group| group.rules).collect()
}

#[test]
fn objectives_ask_the_catalogue_and_what_they_have_recorded_themselves() {
    let rules = all_rules(&example());
    let recorded: BTreeSet<&str> = rules.iter().map(Rule::name).filter(|name| name.starts_with("spyhop:")).collect();
    assert!(recorded.len() > 10, "{recorded:?}");
    for rule in rules.iter().filter(|rule| rule.labels.iter().any(|(label, _)| *label == "slo")) {
        // Metrics of applications have other names.
        for selector in selectors(&rule.expr) {
            let labels =
                labels_of(&selector.metric).unwrap_or_else(|| panic!("{}: `{}`", rule.name(), selector.metric));
            for label in &selector.labels {
                assert!(
                    labels.contains(label.as_str()),
                    "{}: `{}` has no label `{label}`",
                    rule.name(),
                    selector.metric
                );
            }
        }
        for (at, _) in rule.expr.match_indices("spyhop:") {
            let name =
                rule.expr[at..].split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')).next().unwrap();
            assert!(recorded.contains(name), "{}: nobody records `{name}`", rule.name());
        }
    }
}

/// Every label a series of this name can have.
fn labels_of(metric: &str) -> Option<BTreeSet<&'static str>> {
    if metric == MADE_BY_PROMETHEUS {
        return Some(OF_TARGET.into());
    }
    let of = |family: &'static Family| family.labels.iter().chain(catalogue::common_labels(family)).copied();
    if let Some(family) = catalogue::find(metric) {
        return Some(of(family).collect());
    }
    let stem = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| metric.strip_suffix(suffix))?;
    let family = catalogue::find(stem).filter(|family| family.kind == Kind::Histogram)?;
    Some(of(family).chain(["le"]).collect())
}

struct Selector {
    metric: String,
    labels: Vec<String>,
}

/// Names which look like metrics, with the labels in the braces behind them.
fn selectors(expression: &str) -> Vec<Selector> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(is_name) {
        let word = rest[start..].split(|c: char| !is_name(c)).next().unwrap_or_default();
        let after = &rest[start + word.len()..];
        let ours = ["spyhop_", "container_", "node_", "process_", "machine_", "probe_"]
            .iter()
            .any(|prefix| word.starts_with(prefix));
        rest = after;
        if (ours && !after.starts_with(':')) || word == MADE_BY_PROMETHEUS {
            let inside = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
            let labels = inside.map_or_else(Vec::new, |(inside, _)| matchers(inside));
            rest = inside.map_or(after, |(_, rest)| rest);
            found.push(Selector { metric: word.to_owned(), labels });
        } else if let Some((_, list)) = word_with_list(word, after) {
            // The names in a list of labels are no metrics.
            rest = list;
        }
    }
    found
}

/// The words which have a list of labels behind them.
const WITH_LABELS: [&str; 5] = ["by", "without", "on", "ignoring", "group_left"];

fn word_with_list<'a>(word: &str, after: &'a str) -> Option<(&'a str, &'a str)> {
    let list = WITH_LABELS.contains(&word).then(|| after.trim_start().strip_prefix('('))??;
    list.split_once(')')
}

/// Labels in every `by (...)` and its kin.
fn grouped(expression: &str) -> Vec<String> {
    let mut found = Vec::new();
    for keyword in WITH_LABELS {
        for (at, _) in expression.match_indices(&format!("{keyword} (")) {
            let bound = expression[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            let list = word_with_list(keyword, &expression[at + keyword.len()..]).filter(|_| !bound);
            let labels = list.map_or("", |(list, _)| list).split(',').map(|label| label.trim().to_owned());
            found.extend(labels.filter(|label| !label.is_empty()));
        }
    }
    found
}

/// Names of labels in `a="b",c=~"d,e"`.
fn matchers(inside: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut quoted = false;
    let mut name = String::new();
    for c in inside.chars() {
        match c {
            '"' => quoted = !quoted,
            _ if quoted => {}
            '=' | '!' | '~' => {
                if !name.is_empty() {
                    names.push(std::mem::take(&mut name));
                }
            }
            ',' => name.clear(),
            c if c.is_whitespace() => {}
            c => name.push(c),
        }
    }
    names
}
