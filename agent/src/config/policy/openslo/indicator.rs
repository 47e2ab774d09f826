//! An indicator of OpenSLO -> what is counted.

use super::{Document, Fields, Sli, Tree, Wrong, quoted};
use crate::{
    config::policy::{
        objectives::sampled,
        queries::{is_selector, query},
    },
    policy::objectives::{Events, Query},
};

/// What an indicator says; a threshold needs the objective's value as well.
pub(super) enum Indicator {
    Counted(Sli),
    /// An expression that is compared with the objective's `op` and `value`.
    Threshold(String),
}

impl Indicator {
    /// What is counted for one objective.
    pub(super) fn of(&self, fields: &mut Fields<'_>, key: &str, objective: Tree<'_>) -> Option<Sli> {
        let expression = match self {
            Self::Counted(sli) => return Some(sli.clone()),
            Self::Threshold(expression) => expression,
        };
        let text = |name: &str| objective.get(name).and_then(Tree::text).unwrap_or_default();
        let op = match text("op") {
            "lt" => "<",
            "lte" => "<=",
            "gt" => ">",
            "gte" => ">=",
            other => {
                let wrong =
                    Wrong::new(format!("{} is not an operator", quoted(other))).hint("write lt, lte, gt or gte");
                fields.wrong(objective.at(), &format!("{key}.op"), wrong);
                return None;
            }
        };
        let Some(value) = text("value").parse::<f64>().ok().filter(|value| value.is_finite()) else {
            let wrong = Wrong::new(format!("{} is not a number", quoted(text("value")))).hint("write value: 0.5");
            fields.wrong(objective.at(), &format!("{key}.value"), wrong);
            return None;
        };
        Some(Sli::Sampled(format!("avg(({expression}) {op} bool {value})").into()))
    }
}

/// The indicator of an SLO, in it or beside it.
pub(super) fn read(fields: &mut Fields<'_>, slo: &Document, all: &[Document]) -> Option<Indicator> {
    let spec = slo.spec();
    let key = format!("{}.indicator", slo.name);
    let mut wrong = |at, what: String, hint: &str| {
        fields.wrong(at, &key, Wrong::new(what).hint(hint));
        None
    };
    let spec = match (spec.get("indicator"), spec.get("indicatorRef")) {
        (Some(inline), None) => match inline.get("spec") {
            Some(spec) => spec,
            None => {
                return wrong(inline.at(), "has no spec".to_owned(), "write ratioMetric or thresholdMetric below spec");
            }
        },
        (None, Some(reference)) => {
            let name = reference.text().unwrap_or_default();
            match all.iter().find(|document| document.kind == "SLI" && document.name == name) {
                Some(document) => document.spec(),
                None => {
                    return wrong(
                        reference.at(),
                        format!("there is no SLI {}", quoted(name)),
                        "put it into the same file",
                    );
                }
            }
        }
        _ => return wrong(slo.at, "has no indicator, or two".to_owned(), "write indicator or indicatorRef"),
    };
    match (spec.get("ratioMetric"), spec.get("thresholdMetric")) {
        (Some(ratio), None) => self::ratio(fields, &key, ratio).map(Indicator::Counted),
        (None, Some(threshold)) => {
            let text = source(fields, &key, threshold)?;
            checked(fields, &key, threshold, sampled(&text)).map(|text| Indicator::Threshold(text.to_string()))
        }
        _ => wrong(spec.at(), "has no ratioMetric or thresholdMetric, or both".to_owned(), "write one of them"),
    }
}

fn ratio(fields: &mut Fields<'_>, key: &str, ratio: Tree<'_>) -> Option<Sli> {
    if let Some(raw) = ratio.get("raw") {
        let text = source(fields, key, raw)?;
        let text = checked(fields, key, raw, sampled(&text))?;
        return match ratio.get("rawType").and_then(Tree::text) {
            Some("success") => Some(Sli::Sampled(format!("clamp(avg({text}), 0, 1)").into())),
            Some("failure") => Some(Sli::Sampled(format!("1 - clamp(avg({text}), 0, 1)").into())),
            _ => {
                let wrong = Wrong::new("does not say what raw is").hint("write rawType: success or failure");
                fields.wrong(ratio.at(), key, wrong);
                None
            }
        };
    }
    let counter = ratio.get("counter").and_then(Tree::text) == Some("true");
    let (events, is_bad) = match (ratio.get("good"), ratio.get("bad"), ratio.get("total")) {
        (Some(good), None, Some(_)) => (good, false),
        (None, Some(bad), Some(_)) => (bad, true),
        _ => {
            let wrong = Wrong::new("has not good and total, or bad and total").hint("write two of them");
            fields.wrong(ratio.at(), key, wrong);
            return None;
        }
    };
    let total = ratio.get("total").and_then(|total| counted(fields, key, total, counter));
    let events = counted(fields, key, events, counter)?;
    let events = if is_bad { Events::Bad(events) } else { Events::Good(events) };
    Some(Sli::Ratio { events, total: total? })
}

/// `metricSource: { type: Prometheus, spec: { query: ... } }`.
fn source(fields: &mut Fields<'_>, key: &str, metric: Tree<'_>) -> Option<String> {
    let source = metric.get("metricSource");
    let kind = source.and_then(|source| source.get("type")).and_then(Tree::text);
    if let Some(kind) = kind.filter(|kind| !kind.eq_ignore_ascii_case("prometheus")) {
        let wrong = Wrong::new(format!("{} is not asked", quoted(kind))).hint("write type: Prometheus");
        fields.wrong(metric.at(), key, wrong);
        return None;
    }
    let spec = source.and_then(|source| source.get("spec"));
    let query = spec.and_then(|spec| spec.get("query").or_else(|| spec.get("promql")));
    match query.and_then(Tree::text) {
        Some(query) => Some(query.to_owned()),
        None => {
            let wrong = Wrong::new("has no query").hint("write metricSource: {type: Prometheus, spec: {query: ...}}");
            fields.wrong(metric.at(), key, wrong);
            None
        }
    }
}

/// A counter, `sum(...)` of one, or an expression about a window.
fn counted(fields: &mut Fields<'_>, key: &str, metric: Tree<'_>, counter: bool) -> Option<Query> {
    let text = source(fields, key, metric)?;
    let text = text.trim();
    let inside = text.strip_prefix("sum(").and_then(|rest| rest.strip_suffix(')')).map_or(text, str::trim);
    let plain = if is_selector(inside) { inside } else { text };
    match checked(fields, key, metric, query(plain))? {
        // Not a counter: what happened since the sample before.
        Query::Counter(name) if !counter => Some(Query::Delta(name)),
        other => Some(other),
    }
}

fn checked<T>(fields: &mut Fields<'_>, key: &str, metric: Tree<'_>, read: Result<T, Wrong>) -> Option<T> {
    read.map_err(|wrong| fields.wrong(metric.at(), key, wrong)).ok()
}
