//! Metrics made from spans, under Tempo's names or the collector's.

use crate::{
    exposition::{Bucket, Exemplar, LabelSet, Page, catalogue::traces as family},
    model::metric::Family,
    traces::{
        Names,
        red::{
            Calls, Edge, Series,
            figures::{Figures, Row},
            histogram::{self, GRAPH, Histogram, Scale},
        },
    },
};

/// What a family of names calls things.
struct Style {
    calls: &'static Family,
    latency: &'static Family,
    size: Option<&'static Family>,
    service: &'static str,
    trace_id: &'static str,
    overflow: &'static str,
}

static TEMPO: Style = Style {
    calls: &family::CALLS,
    latency: &family::LATENCY,
    size: Some(&family::SIZE),
    service: "service",
    trace_id: "traceID",
    overflow: "metric_overflow",
};

static CONNECTOR: Style = Style {
    calls: &family::CONNECTOR_CALLS,
    latency: &family::CONNECTOR_DURATION,
    size: None,
    service: "service_name",
    trace_id: "trace_id",
    overflow: "otel_metric_overflow",
};

pub(super) fn write(figures: &Figures, host: &LabelSet, page: &mut Page) {
    page.family(&family::RED_SERIES).sample(host, figures.rows.len());
    page.family(&family::RED_OVERFLOW).sample(host, figures.overflowed);
    let mut ignored = page.family(&family::RED_IGNORED);
    for (reason, spans) in [("old", figures.old), ("future", figures.ahead)] {
        ignored.sample_with(host, &[("reason", reason)], spans);
    }
    let style = match figures.names {
        Names::Tempo => &TEMPO,
        Names::Connector => &CONNECTOR,
    };
    spans(style, figures, host, page);
    if figures.graph {
        calls(style, figures, host, page);
        page.family(&family::GRAPH_UNPAIRED).sample(host, figures.unpaired);
        page.family(&family::GRAPH_DROPPED).sample(host, figures.dropped_halves);
    }
}

fn spans(style: &Style, figures: &Figures, host: &LabelSet, page: &mut Page) {
    let of_row = |row: &Row| {
        with(
            host,
            [
                (style.service, &*row.service),
                ("span_name", &row.name),
                ("span_kind", row.kind),
                ("status_code", row.status),
                ("project", &row.project),
                ("compose_service", &row.compose_service),
            ],
        )
    };
    let mut rows: Vec<(LabelSet, &Series)> = figures.rows.iter().map(|row| (of_row(row), &row.series)).collect();
    // A page in another order each time compresses worse, and nobody can read two side by side.
    rows.sort_unstable_by(|(one, _), (two, _)| one.as_str().cmp(two.as_str()));
    rows.extend(figures.overflow.iter().map(|series| (with(host, [(style.overflow, "true")]), series)));
    let mut writer = page.family(style.calls);
    for (labels, series) in &rows {
        writer.sample(labels, series.latency.count());
    }
    write_histograms(style, style.latency, figures.scale, &rows, |series| &series.latency, page);
    if let Some(size) = style.size {
        let mut writer = page.family(size);
        for (labels, series) in &rows {
            writer.sample(labels, series.size);
        }
    }
}

fn calls(style: &Style, figures: &Figures, host: &LabelSet, page: &mut Page) {
    let of_edge = |edge: &Edge| {
        with(
            host,
            [
                ("client", &*edge.client.0),
                ("server", &*edge.server.0),
                ("connection_type", edge.connection_type),
                ("client_project", &edge.client.1),
                ("server_project", &edge.server.1),
            ],
        )
    };
    let mut rows: Vec<(LabelSet, &Calls)> = figures.edges.iter().map(|edge| (of_edge(edge), &edge.calls)).collect();
    rows.sort_unstable_by(|(one, _), (two, _)| one.as_str().cmp(two.as_str()));
    // The service graph has Tempo's names in both.
    rows.extend(figures.edge_overflow.iter().map(|calls| (with(host, [(TEMPO.overflow, "true")]), calls)));
    let mut writer = page.family(&family::GRAPH_REQUESTS);
    for (labels, calls) in &rows {
        writer.sample(labels, calls.server.count());
    }
    let mut writer = page.family(&family::GRAPH_FAILED);
    for (labels, calls) in &rows {
        writer.sample(labels, calls.failed);
    }
    write_histograms(style, &family::GRAPH_SERVER, &GRAPH, &rows, |calls| &calls.server, page);
    write_histograms(style, &family::GRAPH_CLIENT, &GRAPH, &rows, |calls| &calls.client, page);
}

fn with<const N: usize>(host: &LabelSet, pairs: [(&str, &str); N]) -> LabelSet {
    let mut labels = host.clone();
    labels.extend(pairs);
    labels
}

fn write_histograms<T>(
    style: &Style,
    family: &'static Family,
    scale: &Scale,
    rows: &[(LabelSet, &T)],
    histogram: impl Fn(&T) -> &Histogram,
    page: &mut Page,
) {
    let mut writer = page.family(family);
    for (labels, row) in rows {
        let histogram = histogram(row);
        writer.buckets(labels, buckets(style, scale, histogram), scale.in_unit(histogram.sum_ns));
    }
}

fn buckets<'a>(style: &'a Style, scale: &'a Scale, histogram: &'a Histogram) -> impl Iterator<Item = Bucket<'a>> {
    let bounds = scale.bounds.iter().map(|(_, text)| *text).chain(["+Inf"]);
    let cells = histogram.counts.iter().zip(&histogram.exemplars);
    bounds.zip(cells).map(|(bound, (count, exemplar))| Bucket {
        bound,
        count: *count,
        exemplar: exemplar.as_ref().map(|exemplar| example(style, scale, exemplar)),
    })
}

fn example(style: &Style, scale: &Scale, exemplar: &histogram::Exemplar) -> Exemplar {
    Exemplar {
        label: style.trace_id,
        trace_id: exemplar.trace_id,
        value: scale.in_unit(exemplar.ns.into()),
        // A millisecond is what Prometheus keeps.
        at: (exemplar.at_ns / 1_000_000) as f64 / 1e3,
    }
}
