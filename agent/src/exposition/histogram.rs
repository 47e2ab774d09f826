//! Histograms under any bounds, with an example in a bucket where the format has a place for one.

use super::{Format, LabelSet, Value, page::FamilyWriter};

/// One bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket<'a> {
    /// Upper bound as the label `le` says it: a number in the form of OpenMetrics, or `+Inf`, which is last.
    pub bound: &'a str,
    /// How many fell into this bucket alone.
    pub count: u64,
    /// One of them.
    pub exemplar: Option<Exemplar>,
}

/// A trace that is an example of what was counted. OpenMetrics has exemplars, the classic format has not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar {
    /// What the trace's id is called: Tempo and the collector do not agree.
    pub label: &'static str,
    /// The id.
    pub trace_id: [u8; 16],
    /// What was observed, in the unit of the family.
    pub value: f64,
    /// When, in seconds since 1970.
    pub at: f64,
}

impl FamilyWriter<'_> {
    /// Writes one histogram of whole buckets, which end with `+Inf`, and the sum of what was observed in the unit of the family.
    pub fn buckets<'b>(&mut self, labels: &LabelSet, buckets: impl IntoIterator<Item = Bucket<'b>>, sum: f64) {
        let mut below = 0_u64;
        for bucket in buckets {
            below += bucket.count;
            self.part("_bucket", labels, Some(bucket.bound), below, bucket.exemplar);
        }
        self.part("_sum", labels, None, sum, None);
        self.part("_count", labels, None, below, None);
    }
}

impl Exemplar {
    /// Appends it behind a value, in the formats that have a place for it.
    pub(super) fn write(&self, format: Format, out: &mut Vec<u8>) {
        if format != Format::OpenMetrics {
            return;
        }
        out.extend_from_slice(b" # {");
        out.extend_from_slice(self.label.as_bytes());
        out.extend_from_slice(b"=\"");
        for byte in self.trace_id {
            out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
        out.extend_from_slice(b"\"} ");
        Value::F64(self.value).write(out);
        out.push(b' ');
        Value::F64(self.at).write(out);
    }
}

const fn digit(four: u8) -> u8 {
    if four < 10 { b'0' + four } else { b'a' + four - 10 }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus_client::{
        encoding::text::encode,
        metrics::exemplar::HistogramWithExemplars,
        registry::{Registry, Unit},
    };

    use super::*;
    use crate::{
        exposition::Page,
        model::metric::{Family, Group, Kind},
    };

    static TOOK: Family = Family {
        name: "took_seconds",
        kind: Kind::Histogram,
        unit: "seconds",
        help: "How long it took.",
        labels: &[],
        since: "0.1.0",
        group: Group::Agent,
    };

    fn page(format: Format) -> String {
        let exemplar = |value| Exemplar { label: "traceID", trace_id: [0xaf; 16], value, at: 1_700_000_000.25 };
        let buckets = [
            Bucket { bound: "0.5", count: 2, exemplar: Some(exemplar(0.25)) },
            Bucket { bound: "2.0", count: 0, exemplar: None },
            Bucket { bound: "+Inf", count: 1, exemplar: Some(exemplar(4.0)) },
        ];
        let mut page = Page::new(format);
        page.family(&TOOK).buckets(&LabelSet::EMPTY, buckets, 4.75);
        String::from_utf8(page.finish().to_vec()).unwrap()
    }

    #[test]
    fn exemplars_are_what_the_library_writes() {
        let oracle = HistogramWithExemplars::<Vec<(String, String)>>::new([0.5, 2.0].into_iter());
        let at = std::time::UNIX_EPOCH + Duration::from_millis(1_700_000_000_250);
        oracle.observe(0.5, None, None);
        for value in [0.25, 4.0] {
            oracle.observe(value, Some(vec![("traceID".to_owned(), "af".repeat(16))]), Some(at));
        }
        let mut registry = Registry::default();
        registry.register_with_unit("took", "How long it took", Unit::Seconds, oracle);
        let mut expected = String::new();
        encode(&mut expected, &registry).unwrap();
        let lines = |text: &str| {
            // The library writes whole numbers with a fraction, and takes no part of a second for one.
            let whole = |line: &str| line.replace("} 4.0 ", "} 4 ").replace("} 4.0", "} 4");
            let mut lines: Vec<String> = text.lines().map(whole).collect();
            lines.sort();
            lines
        };
        assert_eq!(lines(&page(Format::OpenMetrics)), lines(&expected));
    }

    #[test]
    fn the_classic_format_has_none() {
        let text = page(Format::Text);
        assert!(!text.contains(" # {") && text.contains("took_seconds_bucket{le=\"0.5\"} 2\n"), "{text}");
        assert!(text.contains("took_seconds_bucket{le=\"+Inf\"} 3\ntook_seconds_sum 4.75\ntook_seconds_count 3\n"));
        let samples = |text: &str| text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(samples(&text), samples(&page(Format::OpenMetrics)));
    }
}
