//! A metrics page as a test asks it: families and samples by name and labels.
//!
//! [`Page::text`] and [`Page::openmetrics`] refuse whatever a careful reader of the format may refuse; the rules are
//! in `page_rules.rs`. Nothing here is shared with the agent's own writer.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::page_rules;

/// Labels of a series, without its name.
pub type Labels = BTreeMap<String, String>;

/// One line of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name as the line carries it.
    pub name: String,
    /// Labels, unescaped.
    pub labels: Labels,
    /// Value as written, so that integers beyond 2^53 can be compared.
    pub raw: String,
    /// Value as a number.
    pub value: f64,
}

impl Sample {
    /// A label's value; absent and empty are the same to Prometheus, and here.
    pub fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }

    /// Whether every one of `wanted` is there.
    pub fn matches(&self, wanted: &[(&str, &str)]) -> bool {
        wanted.iter().all(|(name, value)| self.label(name) == *value)
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:?} {}", self.name, self.labels, self.raw)
    }
}

/// What stands above the samples of one family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// `# TYPE`.
    pub kind: String,
    /// `# HELP`, unescaped.
    pub help: String,
    /// `# UNIT` (OpenMetrics only).
    pub unit: Option<String>,
}

/// A parsed page.
#[derive(Debug, Default)]
pub struct Page {
    /// Headers by family name (in OpenMetrics without `_total` and `_info`).
    pub families: BTreeMap<String, Header>,
    /// Samples in the order of the page.
    pub samples: Vec<Sample>,
    by_name: BTreeMap<String, Vec<usize>>,
}

impl Page {
    /// Reads the Prometheus text format 0.0.4.
    pub fn text(body: &str) -> Result<Self, String> {
        page_rules::text(body).map(|(families, samples)| Self::indexed(families, samples))
    }

    /// Reads OpenMetrics 1.0.
    pub fn openmetrics(body: &str) -> Result<Self, String> {
        page_rules::openmetrics(body).map(|(families, samples)| Self::indexed(families, samples))
    }

    fn indexed(families: BTreeMap<String, Header>, samples: Vec<Sample>) -> Self {
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (at, sample) in samples.iter().enumerate() {
            by_name.entry(sample.name.clone()).or_default().push(at);
        }
        Self { families, samples, by_name }
    }

    /// All series of that name which carry the labels.
    pub fn all<'a>(&'a self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = &'a Sample> {
        let rows = self.by_name.get(name).map_or(&[][..], Vec::as_slice);
        rows.iter().filter_map(|at| self.samples.get(*at)).filter(|sample| sample.matches(labels))
    }

    /// The one series of that name with those labels; `None` when there is none, a panic when there are several.
    #[track_caller]
    pub fn one<'a>(&'a self, name: &str, labels: &[(&str, &str)]) -> Option<&'a Sample> {
        let mut found = self.all(name, labels);
        let first = found.next();
        if let Some(second) = found.next() {
            panic!(
                "{name}{labels:?} is not one series: {} and {second}",
                first.map(ToString::to_string).unwrap_or_default()
            );
        }
        first
    }

    /// The value of the one series of that name with those labels.
    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.one(name, labels).map(|sample| sample.value)
    }

    /// The value, or what is missing, for [`super::wait::eventually`].
    #[track_caller]
    pub fn require(&self, name: &str, labels: &[(&str, &str)]) -> Result<f64, String> {
        self.value(name, labels).ok_or_else(|| format!("no {name}{labels:?} on the page"))
    }

    /// `Ok` when the one series has that value, else what is there instead.
    #[track_caller]
    pub fn expect(&self, name: &str, labels: &[(&str, &str)], value: f64) -> Result<(), String> {
        let found = self.require(name, labels)?;
        if found == value { Ok(()) } else { Err(format!("{name}{labels:?} is {found}, expected {value}")) }
    }

    /// The value of a state set (`name{.., key="x"} 1`): the one label value whose series is 1.
    pub fn state(&self, name: &str, labels: &[(&str, &str)], key: &str) -> Result<String, String> {
        let on: Vec<_> = self.all(name, labels).filter(|s| s.value == 1.0).map(|s| s.label(key).to_owned()).collect();
        match on.as_slice() {
            [state] => Ok(state.clone()),
            [] => Err(format!("no {name}{labels:?} is 1")),
            several => Err(format!("{name}{labels:?} is 1 for {several:?}")),
        }
    }

    /// `Ok` when no series of that name carries the labels.
    pub fn absent(&self, name: &str, labels: &[(&str, &str)]) -> Result<(), String> {
        self.all(name, labels).next().map_or(Ok(()), |sample| Err(format!("{sample} is still on the page")))
    }

    /// Every value of one label of one family.
    pub fn label_values(&self, name: &str, label: &str) -> BTreeSet<String> {
        self.all(name, &[]).map(|sample| sample.label(label).to_owned()).collect()
    }
}
