//! Whatever is named exists: metrics, labels, labels in legends, labels of lines.

use std::collections::BTreeSet;

use super::{
    Fleet,
    targets::{marks, trees},
};
use crate::{
    interpolate::MARKED,
    logql,
    names::{Catalogue, Metric},
    promql::Node,
    queries::{self, Asked, Language},
};

/// Every metric is in the catalogue, is recorded by rules, or stands in the list of a named exporter.
pub(crate) fn metrics(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for (asked, tree) in trees(board) {
            for (selector, _) in tree.selectors() {
                match selector.metric() {
                    None => found.push(format!("{}: {selector} has no name", asked.place)),
                    Some(name) if fleet.catalogue.get(name).is_none() => {
                        found.push(format!("{}: nobody has `{name}`", asked.place))
                    }
                    Some(_) => {}
                }
            }
        }
    })
}

/// Every label that is selected, grouped or matched by is one that the series have.
pub(crate) fn labels(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for (asked, tree) in trees(board) {
            tree.walk(&mut Vec::new(), &mut |node, _| {
                let unknown = unknown_labels(node, fleet.catalogue);
                found.extend(
                    unknown.into_iter().map(|label| format!("{}: no series there has a label `{label}`", asked.place)),
                );
            });
            if let Some(queries::Lookup::LabelValues { label, .. }) = lookup(&asked) {
                let has = tree
                    .selectors()
                    .iter()
                    .all(|(s, _)| metric(s.metric(), fleet.catalogue).is_none_or(|m| m.has(&label)));
                if !has {
                    found.push(format!("{}: no series there has a label `{label}`", asked.place));
                }
            }
        }
    })
}

fn lookup(asked: &Asked<'_>) -> Option<queries::Lookup> {
    matches!(asked.place, queries::Place::Variable(_)).then(|| queries::lookup(asked.text).ok()).flatten()
}

fn metric<'a>(name: Option<&str>, catalogue: &'a Catalogue) -> Option<&'a Metric> {
    catalogue.get(name?)
}

/// Labels which a node names and nothing below it has.
fn unknown_labels(node: &Node, catalogue: &Catalogue) -> Vec<String> {
    match node {
        Node::Selector(selector) => {
            let Some(metric) = metric(selector.metric(), catalogue) else { return Vec::new() };
            let named = selector.matchers.iter().map(|matcher| &matcher.label).filter(|label| *label != "__name__");
            named.filter(|label| !metric.has(label)).cloned().collect()
        }
        Node::Aggregate { grouping: Some(grouping), arguments, .. } => {
            let below = Below::of(arguments.iter(), catalogue);
            grouping.labels.iter().filter(|label| !below.has(label)).cloned().collect()
        }
        Node::Binary { left, right, matching: Some(matching), .. } => {
            let sides = [Below::of([&**left], catalogue), Below::of([&**right], catalogue)];
            let by = matching.labels.iter().filter(|label| !sides.iter().all(|side| side.has(label)));
            let brought = matching.brought.iter().filter(|label| !sides.iter().any(|side| side.has(label)));
            by.chain(brought).cloned().collect()
        }
        _ => Vec::new(),
    }
}

/// Labels that series below a node can have.
struct Below<'a> {
    metrics: Vec<&'a Metric>,
    made: BTreeSet<String>,
    /// A metric that nobody knows: another rule's business.
    unknown: bool,
}

impl<'a> Below<'a> {
    fn of<'n>(nodes: impl IntoIterator<Item = &'n Node>, catalogue: &'a Catalogue) -> Self {
        let mut below = Self { metrics: Vec::new(), made: BTreeSet::new(), unknown: false };
        for node in nodes {
            node.walk(&mut Vec::new(), &mut |node, _| match node {
                Node::Selector(selector) => match metric(selector.metric(), catalogue) {
                    Some(metric) => below.metrics.push(metric),
                    None => below.unknown = true,
                },
                Node::Call { name, arguments } if ["label_replace", "label_join"].contains(&name.as_str()) => {
                    below.makes(&arguments[1])
                }
                Node::Aggregate { operator, arguments, .. } if operator == "count_values" => below.makes(&arguments[0]),
                _ => {}
            });
        }
        below
    }

    fn makes(&mut self, label: &Node) {
        if let Node::Text(label) = label {
            self.made.insert(label.clone());
        }
    }

    fn has(&self, label: &str) -> bool {
        self.unknown || self.made.contains(label) || self.metrics.iter().any(|metric| metric.has(label))
    }
}

/// Every label in a legend is one that the answers have.
pub(crate) fn legends(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for (asked, tree) in trees(board) {
            let Some(answers) = answers(&tree, fleet.catalogue) else { continue };
            for label in in_legend(asked.legend).into_iter().filter(|label| !answers.has(label)) {
                found.push(format!("{}: the legend names `{label}`, which answers do not have", asked.place));
            }
        }
        let of_loki = queries::all(board).into_iter().filter(|asked| asked.language == Language::LogQl);
        for (asked, label) in
            of_loki.flat_map(|asked| in_legend(asked.legend).into_iter().map(move |label| (asked.place, label)))
        {
            if !logql::LABELS.contains(&label) && !logql::METADATA.contains(&label) {
                found.push(format!("{asked}: the legend names `{label}`, which no line has"));
            }
        }
    })
}

/// `{{a}} of {{ b }}` -> a, b.
fn in_legend(legend: &str) -> Vec<&str> {
    legend.split("{{").skip(1).filter_map(|part| Some(part.split_once("}}")?.0.trim())).collect()
}

/// Labels of what an expression gives.
#[derive(Clone)]
struct Answers<'a> {
    /// All that its series have.
    of: Vec<&'a Metric>,
    /// Only these, and those that were made or brought.
    only: Option<BTreeSet<String>>,
    and: BTreeSet<String>,
    without: BTreeSet<String>,
}

impl Answers<'_> {
    fn has(&self, label: &str) -> bool {
        let kept = self
            .only
            .as_ref()
            .map_or_else(|| self.of.iter().any(|metric| metric.has(label)), |only| only.contains(label));
        self.and.contains(label) || (kept && !self.without.contains(label))
    }
}

fn answers<'a>(node: &Node, catalogue: &'a Catalogue) -> Option<Answers<'a>> {
    let nothing = || Answers { of: Vec::new(), only: None, and: BTreeSet::new(), without: BTreeSet::new() };
    Some(match node {
        Node::Number | Node::Text(_) => nothing(),
        Node::Selector(selector) => Answers { of: vec![metric(selector.metric(), catalogue)?], ..nothing() },
        Node::Range { of, .. } | Node::Inside(of) => answers(of, catalogue)?,
        Node::Call { name, arguments } => {
            let series = arguments.iter().find(|argument| !argument.selectors().is_empty());
            let mut inner = series.map_or_else(|| Some(nothing()), |series| answers(series, catalogue))?;
            match (name.as_str(), arguments.get(1)) {
                ("label_replace" | "label_join", Some(Node::Text(label))) => drop(inner.and.insert(label.clone())),
                ("histogram_quantile", _) => drop(inner.without.insert("le".to_owned())),
                _ => {}
            }
            inner
        }
        Node::Aggregate { operator, grouping, arguments } => {
            let mut inner = answers(arguments.last()?, catalogue)?;
            let keeps = ["topk", "bottomk", "limitk", "limit_ratio"].contains(&operator.as_str());
            match grouping {
                _ if keeps => {}
                Some(grouping) if grouping.by => {
                    inner = Answers { only: Some(grouping.labels.iter().cloned().collect()), ..nothing() }
                }
                Some(grouping) => inner.without.extend(grouping.labels.iter().cloned()),
                None => inner = Answers { only: Some(BTreeSet::new()), ..nothing() },
            }
            if let ("count_values", Some(Node::Text(label))) = (operator.as_str(), arguments.first()) {
                inner.and.insert(label.clone());
            }
            inner
        }
        Node::Binary { operator, left, right, matching } => {
            let (mut a, b) = (answers(left, catalogue)?, answers(right, catalogue)?);
            match matching {
                _ if operator == "or" => {
                    // Either side's.
                    let both = |label: &String| a.has(label) || b.has(label);
                    let named: BTreeSet<String> =
                        b.only.iter().flatten().chain(&b.and).filter(|label| both(label)).cloned().collect();
                    if b.only.is_none() {
                        a.of.extend(&b.of);
                    }
                    a.and.extend(named);
                }
                Some(matching) if matching.many => {
                    // Which side is the many one is not told apart: the labels of both are in question.
                    a.and.extend(matching.brought.iter().cloned());
                    if b.only.is_none() {
                        a.of.extend(&b.of);
                    }
                }
                _ if a.of.is_empty() && a.only.is_none() => return Some(b),
                _ => {}
            }
            a
        }
    })
}

/// Labels of streams are the five that the agent sends; other names are its metadata, or taken out of lines.
pub(crate) fn log_labels(fleet: &Fleet<'_>) -> Vec<String> {
    fleet.each(|board, found| {
        for asked in queries::all(board).into_iter().filter(|asked| asked.language == Language::LogQl) {
            let Ok(query) = asked.expression(&marks(board), MARKED).and_then(|text| logql::parse(&text)) else {
                continue;
            };
            for (label, ..) in
                query.selectors.iter().flatten().filter(|(label, ..)| !logql::LABELS.contains(&label.as_str()))
            {
                found.push(format!("{}: no stream has a label `{label}`", asked.place));
            }
            let known =
                |name: &&String| logql::LABELS.contains(&name.as_str()) || logql::METADATA.contains(&name.as_str());
            for name in query.names.iter().filter(|name| !known(name) && !query.extracts) {
                found.push(format!("{}: no line has `{name}`", asked.place));
            }
        }
    })
}
