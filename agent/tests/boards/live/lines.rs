//! What asks Loki and Tempo, against what the agent really sent: streams that a selector fits, labels and metadata that are there, attributes
//! of spans.

use std::collections::BTreeSet;

use super::workload::Workload;
use crate::{
    interpolate::Chosen,
    logql,
    model::{Board, Variable},
    queries::{self, Language},
    support::wire,
};

/// Complaints about all boards.
pub(crate) fn all(boards: &[&Board], workload: &Workload) -> Vec<String> {
    let streams = workload.loki.streams();
    let labels: BTreeSet<&str> = streams.iter().flat_map(|stream| stream.labels.keys()).map(String::as_str).collect();
    let mut found = Vec::new();
    if labels != BTreeSet::from(logql::LABELS) {
        found.push(format!("streams have the labels {labels:?}, not {:?}", logql::LABELS));
    }
    for board in boards {
        for asked in queries::all(board).into_iter().filter(|asked| asked.language == Language::LogQl) {
            let all = |variable: &Variable| Chosen::All(variable.all_value.clone().unwrap_or_else(|| ".+".to_owned()));
            let values = board.templating.list.iter().map(|variable| (variable.name.clone(), all(variable))).collect();
            let query = asked.expression(&values, super::ask::clock()).and_then(|text| logql::parse(&text));
            let Ok(query) = query else { continue };
            for matchers in &query.selectors {
                let matchers: Vec<_> = matchers
                    .iter()
                    .map(|(label, operator, value)| format!("{label}{operator}\"{}\"", value.replace('\\', "\\\\")))
                    .collect();
                let selector = format!("{{{}}}", matchers.join(","));
                let path = format!("/loki/api/v1/query_range?limit=1&query={}", wire::encode(&selector));
                let answer = wire::get(workload.loki.address(), &path, &[], crate::support::wait::patience());
                let lines = answer.map_err(|error| error.to_string()).and_then(|answer| {
                    let body: serde_json::Value =
                        serde_json::from_slice(&answer.body).map_err(|_| answer.text().to_owned())?;
                    Ok(body["data"]["result"].as_array().map_or(0, Vec::len))
                });
                if lines != Ok(1) {
                    found.push(format!("{}: {}: {selector} fits no stream: {lines:?}", board.uid, asked.place));
                }
            }
        }
    }
    found
}
