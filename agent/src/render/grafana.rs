//! Provisioning for Grafana: the three data sources with the ways between them, and the folder of our dashboards.
//!
//! Grafana reads these files at its start and puts environment variables in for every `$`: one that is meant stands twice.

use super::{Rendered, yaml::scalar};

/// Uid of the Prometheus that has our metrics; dashboards ask by a variable, links between data sources by these.
pub const PROMETHEUS: &str = "spyhop-prometheus";
/// Uid of the Loki that has the lines.
pub const LOKI: &str = "spyhop-loki";
/// Uid of the Tempo that has the traces.
pub const TEMPO: &str = "spyhop-tempo";

/// Where Grafana finds what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Address of Prometheus.
    pub prometheus: String,
    /// Address of Loki; without it nothing leads to lines.
    pub loki: Option<String>,
    /// Address of Tempo; without it nothing leads to traces.
    pub tempo: Option<String>,
    /// Folder of the dashboards, as Grafana sees it.
    pub dashboards: String,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            prometheus: "http://prometheus:9090".to_owned(),
            loki: Some("http://loki:3100".to_owned()),
            tempo: Some("http://tempo:3200".to_owned()),
            dashboards: "/etc/grafana/dashboards".to_owned(),
        }
    }
}

/// Files for `/etc/grafana`, with their folders below it.
pub fn grafana(sources: &Sources) -> Vec<Rendered> {
    vec![
        Rendered { name: "provisioning/datasources/spyhop.yml".to_owned(), text: datasources(sources) },
        Rendered { name: "provisioning/dashboards/spyhop.yml".to_owned(), text: dashboards(sources) },
    ]
}

fn datasources(sources: &Sources) -> String {
    let (loki, tempo) = (sources.loki.as_deref(), sources.tempo.as_deref());
    let mut text = String::from(
        "# Data sources of Grafana. Rendered by `spyhop render grafana`: change its options, not this file.\n\
         apiVersion: 1\n\
         datasources:\n",
    );
    source(&mut text, "Prometheus", PROMETHEUS, &sources.prometheus);
    // The interval is that of `spyhop render prometheus`: $__rate_interval is four of them.
    text.push_str("    isDefault: true\n    jsonData:\n      httpMethod: POST\n      timeInterval: 15s\n");
    if tempo.is_some() {
        text.push_str(EXEMPLARS);
    }
    if let Some(url) = loki {
        source(&mut text, "Loki", LOKI, url);
        text.push_str("    jsonData:\n      maxLines: 1000\n");
        if tempo.is_some() {
            text.push_str(LINES_TO_TRACES);
        }
    }
    if let Some(url) = tempo {
        source(&mut text, "Tempo", TEMPO, url);
        text.push_str("    jsonData:\n");
        if loki.is_some() {
            text.push_str(TRACES_TO_LINES);
        }
        text.push_str(TRACES_TO_METRICS);
    }
    text
}

fn source(text: &mut String, name: &str, uid: &str, url: &str) {
    let kind = name.to_lowercase();
    let url = scalar(&meant(url));
    text.push_str(&format!(
        "  - name: {name}\n    uid: {uid}\n    type: {kind}\n    access: proxy\n    url: {url}\n    editable: false\n"
    ));
}

/// The label that names the trace: Tempo's metrics generator and the collector's connector spell it differently (`traces.red`).
const EXEMPLARS: &str =
    "      # From a point of a histogram to the trace it is of (Prometheus: --enable-feature=exemplar-storage).
      exemplarTraceIdDestinations:
        - { name: traceID, datasourceUid: spyhop-tempo }
        - { name: trace_id, datasourceUid: spyhop-tempo }
";

const LINES_TO_TRACES: &str =
    "      # From a line to its trace: the id that spyhop takes out of lines is structured metadata.
      derivedFields:
        - name: trace
          matcherType: label
          matcherRegex: trace_id
          datasourceUid: spyhop-tempo
          url: \"$${__value.raw}\"
          urlDisplayLabel: Trace
";

const TRACES_TO_LINES: &str = "      # From a span to the lines of its trace, of everything in its project on its host.
      tracesToLogsV2:
        datasourceUid: spyhop-loki
        spanStartTimeShift: -5m
        spanEndTimeShift: 5m
        tags:
          - { key: host.name, value: host }
          - { key: service.namespace, value: project }
        filterByTraceID: false
        filterBySpanID: false
        customQuery: true
        query: \"{$${__tags}} | trace_id = `$${__trace.traceId}`\"
";

const TRACES_TO_METRICS: &str = "      # From a span to how its service does as a whole.
      tracesToMetrics:
        datasourceUid: spyhop-prometheus
        spanStartTimeShift: -30m
        spanEndTimeShift: 30m
        tags:
          - { key: service.name, value: service }
        queries:
          - name: Calls a second
            query: \"sum by (span_name) (rate(traces_spanmetrics_calls_total{$$__tags}[$$__rate_interval]))\"
          - name: Errors a second
            query: \"sum by (span_name) (rate(traces_spanmetrics_calls_total{$$__tags,status_code=\\\"STATUS_CODE_ERROR\\\"}[$$__rate_interval]))\"
          - name: Slowest twentieth
            query: \"histogram_quantile(0.95, sum by (le) (rate(traces_spanmetrics_latency_bucket{$$__tags}[$$__rate_interval])))\"
      serviceMap: { datasourceUid: spyhop-prometheus }
      nodeGraph: { enabled: true }
      # Ids come from lines and exemplars without a time: look around where the link was.
      traceQuery: { timeShiftEnabled: true, spanStartTimeShift: -30m, spanEndTimeShift: 30m }
";

fn dashboards(sources: &Sources) -> String {
    // `allowUiUpdates: false`: a dashboard is changed where it is rendered, or copied.
    format!(
        "# Dashboards of Grafana. Rendered by `spyhop render grafana`: change its options, not this file.\n\
         apiVersion: 1\n\
         providers:\n  \
         - name: spyhop\n    \
         type: file\n    \
         folder: spyhop\n    \
         folderUid: spyhop\n    \
         # A file that goes takes its dashboard with it, and nobody edits what the next start would undo.\n    \
         disableDeletion: false\n    \
         allowUiUpdates: false\n    \
         updateIntervalSeconds: 30\n    \
         options: {{ path: {} }}\n",
        scalar(&meant(&sources.dashboards))
    )
}

/// A text in which no `$` is a variable.
fn meant(text: &str) -> String {
    text.replace('$', "$$")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;

    /// The data sources as Grafana gets them, by uid.
    fn read(sources: &Sources) -> BTreeMap<String, Value> {
        let files = grafana(sources);
        let whole: Value = serde_saphyr::from_str(&files[0].text.replace("$$", "$")).expect("YAML");
        assert_eq!(whole["apiVersion"], 1);
        let list = whole["datasources"].as_array().expect("a list").iter();
        list.map(|source| (source["uid"].as_str().expect("a uid").to_owned(), source.clone())).collect()
    }

    /// Every uid that something in it leads to.
    fn leads_to(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(key, value)| match value.as_str() {
                Some(uid) if key == "datasourceUid" => drop(found.insert(uid.to_owned())),
                _ => leads_to(value, found),
            }),
            Value::Array(list) => list.iter().for_each(|value| leads_to(value, found)),
            _ => {}
        }
    }

    #[test]
    fn whatever_is_left_out_nothing_leads_there() {
        for (loki, tempo) in [(true, true), (true, false), (false, true), (false, false)] {
            let all = Sources::default();
            let sources =
                Sources { loki: all.loki.filter(|_| loki), tempo: all.tempo.filter(|_| tempo), ..Sources::default() };
            let read = read(&sources);
            let mut wanted = vec![PROMETHEUS];
            wanted.extend(loki.then_some(LOKI));
            wanted.extend(tempo.then_some(TEMPO));
            wanted.sort_unstable();
            assert_eq!(read.keys().map(String::as_str).collect::<Vec<_>>(), wanted);
            let mut found = BTreeSet::new();
            read.values().for_each(|source| leads_to(source, &mut found));
            assert!(found.iter().all(|uid| read.contains_key(uid)), "{found:?}");
        }
    }

    #[test]
    fn every_way_between_lines_traces_and_metrics_is_there() {
        let read = read(&Sources::default());
        let data = |uid: &str| read[uid]["jsonData"].clone();
        for name in ["traceID", "trace_id"] {
            let destinations = &data(PROMETHEUS)["exemplarTraceIdDestinations"];
            let found = destinations
                .as_array()
                .expect("a list")
                .iter()
                .any(|to| to["name"] == name && to["datasourceUid"] == TEMPO);
            assert!(found, "{name}: {destinations}");
        }
        let derived = &data(LOKI)["derivedFields"][0];
        assert_eq!((&derived["matcherRegex"], &derived["url"]), (&"trace_id".into(), &"${__value.raw}".into()));
        let logs = &data(TEMPO)["tracesToLogsV2"];
        assert_eq!(logs["query"], "{${__tags}} | trace_id = `${__trace.traceId}`");
        assert_eq!(data(TEMPO)["serviceMap"]["datasourceUid"], PROMETHEUS);
        let queries = data(TEMPO)["tracesToMetrics"]["queries"].clone();
        let catalogue = |query: &Value| {
            let query = query["query"].as_str().expect("a query");
            let name = query.split_once("traces_").and_then(|(_, rest)| rest.split_once('{')).expect("a metric").0;
            let name = format!("traces_{}", name.trim_end_matches("_bucket"));
            crate::exposition::catalogue::find(&name).is_some()
        };
        assert!(queries.as_array().is_some_and(|list| list.len() == 3 && list.iter().all(catalogue)), "{queries}");
    }

    #[test]
    fn an_address_is_taken_as_it_is() {
        let sources = Sources {
            prometheus: "http://p:9090/a$b: {c}".into(),
            dashboards: "/a b/$HOME".into(),
            ..Sources::default()
        };
        assert_eq!(read(&sources)[PROMETHEUS]["url"], "http://p:9090/a$b: {c}");
        let provider: Value = serde_saphyr::from_str(&grafana(&sources)[1].text).expect("YAML");
        assert_eq!(provider["providers"][0]["options"]["path"], "/a b/$$HOME");
        assert_eq!(provider["providers"][0]["allowUiUpdates"], false);
    }
}
