//! Which family a sample belongs to, and what a family of a type may hold.

use std::collections::HashMap;

use super::super::{
    Format,
    parse::{Kind, Label},
};

/// A family as it will stand on the page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    /// As `TYPE` names it in the page's format.
    pub(super) family: Box<str>,
    /// Its type in the page's format.
    pub(super) kind: Kind,
}

/// The family under which `sample` was exposed in the format `from`, as it is called in the format `to`. `declared` are
/// the types of that page; a sample without one is a family of its own.
pub(super) fn resolve(sample: &str, declared: &HashMap<Box<str>, Kind>, from: Format, to: Format) -> Option<Name> {
    let name = |family: &str, kind| Some(Name { family: family.into(), kind });
    let of = |suffix: &str| {
        let base = sample.strip_suffix(suffix).filter(|base| !base.is_empty())?;
        declared.get(base).map(|kind| (base, *kind))
    };
    let by_suffix = || ["_bucket", "_sum", "_count"].into_iter().find_map(of);
    match (from, declared.get(sample).copied()) {
        (_, Some(Kind::Histogram)) => None,
        (Format::Text, Some(Kind::Counter)) => match (to, sample.strip_suffix("_total")) {
            (Format::OpenMetrics, Some(base)) if !base.is_empty() => name(base, Kind::Counter),
            // OpenMetrics knows no counter without `_total`.
            (Format::OpenMetrics, _) => name(sample, Kind::Unknown),
            (Format::Text, _) => name(sample, Kind::Counter),
        },
        (_, Some(kind @ (Kind::Gauge | Kind::Summary | Kind::Unknown))) => name(sample, kind),
        (_, Some(Kind::StateSet)) => name(sample, if to == Format::Text { Kind::Gauge } else { Kind::StateSet }),
        // OpenMetrics: such families have samples with a suffix only.
        (_, Some(Kind::Counter | Kind::Info | Kind::GaugeHistogram)) => name(sample, Kind::Unknown),
        (_, None) => match (by_suffix(), from) {
            (Some((base, kind @ (Kind::Histogram | Kind::Summary))), _) => name(base, kind),
            (_, Format::Text) => name(sample, Kind::Unknown),
            (_, Format::OpenMetrics) => openmetrics(sample, of, to),
        },
    }
}

/// Samples which only OpenMetrics has.
fn openmetrics<'a>(sample: &'a str, of: impl Fn(&str) -> Option<(&'a str, Kind)>, to: Format) -> Option<Name> {
    let name = |family: &str, kind| Some(Name { family: family.into(), kind });
    match (of("_total"), of("_info"), of("_created")) {
        (Some((base, Kind::Counter)), ..) if to == Format::OpenMetrics => name(base, Kind::Counter),
        (Some((_, Kind::Counter)), ..) => name(sample, Kind::Counter),
        (_, Some((base, Kind::Info)), _) if to == Format::OpenMetrics => name(base, Kind::Info),
        (_, Some((_, Kind::Info)), _) => name(sample, Kind::Gauge),
        // When a series began: of no use to Prometheus 2, and a family of its own in the classic format.
        (_, _, Some((_, Kind::Counter | Kind::Histogram | Kind::Summary))) => None,
        _ => name(sample, Kind::Unknown),
    }
}

impl Name {
    /// Names of samples which are this family's alone.
    pub(super) fn claims(&self, format: Format) -> Vec<String> {
        let suffixes: &[&str] = match (self.kind, format) {
            (Kind::Counter, Format::OpenMetrics) => &["", "_total", "_created"],
            (Kind::Info, Format::OpenMetrics) => &["", "_info"],
            (Kind::Histogram, Format::Text) => &["", "_bucket", "_sum", "_count"],
            (Kind::Histogram, Format::OpenMetrics) => &["", "_bucket", "_sum", "_count", "_created"],
            (Kind::Summary, Format::Text) => &["", "_sum", "_count"],
            (Kind::Summary, Format::OpenMetrics) => &["", "_sum", "_count", "_created"],
            (Kind::GaugeHistogram, Format::OpenMetrics) => &["", "_bucket", "_gsum", "_gcount"],
            _ => &[""],
        };
        suffixes.iter().map(|suffix| format!("{}{suffix}", self.family)).collect()
    }

    /// Whether such a sample may stand in the family.
    pub(super) fn fits(&self, format: Format, sample: &str, shape: Shape) -> bool {
        let Some(suffix) = sample.strip_prefix(&*self.family) else { return false };
        match (self.kind, format, suffix) {
            (Kind::Counter, Format::Text, "") | (Kind::Counter, Format::OpenMetrics, "_total") => shape.counts,
            (Kind::Gauge | Kind::Unknown, _, "") => true,
            (Kind::Histogram, _, "_bucket") => shape.counts && shape.le,
            (Kind::Histogram | Kind::Summary, _, "_count") => shape.counts && !shape.le,
            (Kind::Histogram | Kind::Summary, _, "_sum") => !shape.le,
            (Kind::Summary, _, "") => shape.quantile,
            (Kind::Info, Format::OpenMetrics, "_info") => shape.one,
            (Kind::StateSet, Format::OpenMetrics, "") => shape.state,
            _ => false,
        }
    }
}

/// What of a sample decides where it fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    /// Not negative and a number.
    counts: bool,
    /// Exactly 1.
    one: bool,
    /// It carries `le`.
    le: bool,
    /// It carries `quantile`.
    quantile: bool,
    /// It carries its own name as a label, and is 0 or 1.
    state: bool,
}

impl Shape {
    #[expect(clippy::float_cmp, reason = "0 and 1 are exact")]
    pub(super) fn of(sample: &str, labels: &[Label<'_>], value: f64) -> Self {
        let has = |name: &str| labels.iter().any(|label| label.name == name && !label.value.is_empty());
        Self {
            counts: value >= 0.0,
            one: value == 1.0,
            le: has("le"),
            quantile: has("quantile"),
            state: has(sample) && (value == 0.0 || value == 1.0),
        }
    }

    /// As it is when only the line is known: enough for appending to what was built under the same rules.
    pub(super) const fn bits(self) -> u8 {
        self.counts as u8
            | (self.one as u8) << 1
            | (self.le as u8) << 2
            | (self.quantile as u8) << 3
            | (self.state as u8) << 4
    }

    /// Undoes [`Self::bits`].
    pub(super) const fn from_bits(bits: u8) -> Self {
        Self {
            counts: bits & 1 != 0,
            one: bits & 2 != 0,
            le: bits & 4 != 0,
            quantile: bits & 8 != 0,
            state: bits & 16 != 0,
        }
    }
}
