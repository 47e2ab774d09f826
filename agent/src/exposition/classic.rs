//! The agent's own registry speaks OpenMetrics only; this turns its text into the classic format.
//!
//! An OpenMetrics body served as `text/plain` takes the whole target down (`invalid metric type "unknown"`), so the words
//! which only OpenMetrics has must go. The input is what prometheus-client writes, one line an item, label values escaped.

/// Appends `openmetrics` to `out` as classic text: `_total` and `_info` move into the family's name, `unknown` becomes
/// `untyped`, `info` and `stateset` become `gauge`, `UNIT` and `EOF` lines are dropped. A family without samples leaves nothing.
pub(super) fn adapt(openmetrics: &str, out: &mut Vec<u8>) {
    let mut help: Option<(&str, &str)> = None;
    let mut pending = Pending::default();
    for line in openmetrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = Some(rest.split_once(' ').unwrap_or((rest, "")));
            pending = Pending::default();
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "unknown"));
            let help = help.take().filter(|(helped, _)| *helped == name).map(|(_, text)| text);
            pending = Pending::new(name, kind, help);
        } else if !line.starts_with('#') && !line.is_empty() {
            pending.flush(out);
            out.extend_from_slice(without_exemplar(line).as_bytes());
            out.push(b'\n');
        }
    }
}

/// Appends `openmetrics` as it is, but for the heads of families without a sample: prometheus-client writes those of families whose
/// labels nobody has used yet.
pub(super) fn drop_empty(openmetrics: &str, out: &mut Vec<u8>) {
    let mut at = 0;
    let mut head = None;
    for line in openmetrics.split_inclusive('\n') {
        let end = at + line.len();
        if line.starts_with("# HELP ") {
            head = Some(at);
        } else if !line.starts_with('#') {
            let from = head.take().unwrap_or(at);
            out.extend_from_slice(openmetrics.get(from..end).unwrap_or_default().as_bytes());
        }
        at = end;
    }
}

/// Head of a family, held back until its first sample.
#[derive(Default)]
struct Pending<'a> {
    head: Option<(&'a str, &'static str, &'static str, Option<&'a str>)>,
}

impl<'a> Pending<'a> {
    fn new(name: &'a str, kind: &str, help: Option<&'a str>) -> Self {
        let (suffix, kind) = match kind {
            "counter" => ("_total", "counter"),
            "info" => ("_info", "gauge"),
            "gauge" | "stateset" => ("", "gauge"),
            "histogram" => ("", "histogram"),
            "summary" => ("", "summary"),
            _ => ("", "untyped"),
        };
        Self { head: Some((name, suffix, kind, help)) }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        let Some((name, suffix, kind, help)) = self.head.take() else { return };
        if let Some(help) = help {
            for part in ["# HELP ", name, suffix, " ", help, "\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        for part in ["# TYPE ", name, suffix, " ", kind, "\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

/// The classic format has no exemplars. A `#` inside a label value stands before the closing brace of the labels.
fn without_exemplar(line: &str) -> &str {
    let after_labels = end_of_labels(line);
    match line.get(after_labels..).and_then(|rest| rest.find(" # ")) {
        Some(at) => line.get(..after_labels + at).unwrap_or(line),
        None => line,
    }
}

/// Position behind the closing brace of the sample's labels; 0 without labels.
fn end_of_labels(line: &str) -> usize {
    // A sample without labels has its first brace, if any, in the exemplar behind the value.
    let Some(open) = line.find(['{', ' ']).filter(|at| line.as_bytes().get(*at) == Some(&b'{')) else { return 0 };
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in line.bytes().enumerate().skip(open) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return at + 1,
            _ => {}
        }
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use prometheus_client::{
        encoding::text::encode,
        metrics::{
            counter::{ConstCounter, Counter},
            exemplar::CounterWithExemplar,
            family::Family,
            gauge::{ConstGauge, Gauge},
            histogram::Histogram,
            info::Info,
        },
        registry::{Registry, Unit},
    };

    use super::*;

    fn adapted(registry: &Registry) -> String {
        let mut text = String::new();
        encode(&mut text, registry).unwrap();
        let mut out = Vec::new();
        adapt(&text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn adapts_every_kind_exactly() {
        let mut registry = Registry::default();
        registry.register("runs", "Runs", ConstCounter::new(7_u64));
        registry.register("build", "What was built", Info::new([("version", "1 # 2 } {\"x\\\n")]));
        registry.register("level", "Level", ConstGauge::new(1_i64));
        registry.register_with_unit("age", "Age", Unit::Seconds, Gauge::<i64>::default());
        let latency = Histogram::new([0.5]);
        latency.observe(0.25);
        registry.register("latency", "Latency", latency);
        let empty = Family::<Vec<(String, String)>, Counter>::default();
        registry.register("never", "Never", empty);
        let expected = r##"# HELP runs_total Runs.
# TYPE runs_total counter
runs_total 7
# HELP build_info What was built.
# TYPE build_info gauge
build_info{version="1 # 2 } {\"x\\\n"} 1
# HELP level Level.
# TYPE level gauge
level 1
# HELP age_seconds Age.
# TYPE age_seconds gauge
age_seconds 0
# HELP latency Latency.
# TYPE latency histogram
latency_sum 0.25
latency_count 1
latency_bucket{le="0.5"} 1
latency_bucket{le="+Inf"} 1
"##;
        assert_eq!(adapted(&registry), expected);
    }

    #[test]
    fn families_without_a_sample_leave_no_head() {
        let mut registry = Registry::default();
        registry.register("never", "Never", Family::<Vec<(String, String)>, Counter>::default());
        registry.register_with_unit("age", "Age", Unit::Seconds, Gauge::<i64>::default());
        registry.register("nor", "Nor", Family::<Vec<(String, String)>, Counter>::default());
        let (mut text, mut out) = (String::new(), Vec::new());
        prometheus_client::encoding::text::encode_registry(&mut text, &registry).unwrap();
        drop_empty(&text, &mut out);
        let expected = "# HELP age_seconds Age.\n# TYPE age_seconds gauge\n# UNIT age_seconds seconds\nage_seconds 0\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn drops_exemplars_and_nothing_else() {
        let counter = CounterWithExemplar::<Vec<(String, String)>>::default();
        counter.inc_by(1, Some(vec![("trace".to_owned(), "abc".to_owned())]), None);
        let mut registry = Registry::default();
        registry.register("hits", "Hits", counter);
        assert_eq!(adapted(&registry), "# HELP hits_total Hits.\n# TYPE hits_total counter\nhits_total 1\n");
        assert_eq!(without_exemplar("a{b=\"x # y\"} 1"), "a{b=\"x # y\"} 1");
        assert_eq!(without_exemplar("a{b=\"\\\"} # y\"} 1 # {c=\"d\"} 2"), "a{b=\"\\\"} # y\"} 1");
    }

    #[test]
    fn odd_input_is_kept_or_dropped_without_a_panic() {
        let mut out = Vec::new();
        adapt("# TYPE lonely\nlonely 1\n\n# HELP other text\n# TYPE third unknown\nthird 2\n# EOF\n", &mut out);
        let expected = "# TYPE lonely untyped\nlonely 1\n# TYPE third untyped\nthird 2\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
