//! What a page should say of one container, and how it differs from what it says.
//!
//! A fact is a series (name and the labels beside the container's own) with the value it was seen to have. Facts read
//! before and after a scrape make an [`Expected`]: what did not move must be met exactly, what moved must lie between.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

use super::page::{Labels, Sample};

/// A series without the labels that say which container it is of.
pub type Key = (String, Labels);

/// One look at the truth.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts(BTreeMap<Key, f64>);

impl Facts {
    /// Notes a value; `None` is a thing which is not there, and then its series must not be either.
    pub fn set(&mut self, name: &str, labels: &[(&str, &str)], value: Option<f64>) {
        if let Some(value) = value {
            self.0.insert((name.to_owned(), owned(labels)), value);
        }
    }

    /// Notes a count of something smaller than the page's unit: `count / scale`.
    pub fn scaled(&mut self, name: &str, count: Option<u64>, scale: f64) {
        self.set(name, &[], count.map(|count| float(count) / scale));
    }

    /// Notes a number without labels.
    pub fn count(&mut self, name: &str, count: Option<u64>) {
        self.scaled(name, count, 1.0);
    }

    /// Takes out a number which is needed to work out others and is no series itself.
    pub fn take(&mut self, name: &str) -> Option<f64> {
        self.0.remove(&(name.to_owned(), Labels::new()))
    }

    /// Keeps the series that `wanted` says yes to.
    pub fn retain(&mut self, wanted: impl Fn(&str, &Labels) -> bool) {
        self.0.retain(|(name, labels), _| wanted(name, labels));
    }

    /// A value noted before.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        self.0.get(&(name.to_owned(), owned(labels))).copied()
    }
}

/// What will be accepted of one series.
#[derive(Clone, Debug, PartialEq)]
struct Accepted {
    low: f64,
    high: f64,
    /// It was there at every look.
    required: bool,
}

/// Everything a page must say of one container, no more and no less.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected(BTreeMap<Key, Accepted>);

impl Expected {
    /// What several looks, some before and some after the scrape, allow.
    pub fn of(looks: &[Facts]) -> Self {
        let mut expected = BTreeMap::<Key, Accepted>::new();
        for (key, &value) in looks.iter().flat_map(|look| &look.0) {
            let required = looks.iter().all(|look| look.0.contains_key(key));
            let accepted = expected.entry(key.clone()).or_insert(Accepted { low: value, high: value, required });
            accepted.low = accepted.low.min(value);
            accepted.high = accepted.high.max(value);
        }
        Self(expected)
    }

    /// Adds a series with a range of its own.
    pub fn between(&mut self, name: &str, labels: &[(&str, &str)], low: f64, high: f64) {
        self.0.insert((name.to_owned(), owned(labels)), Accepted { low, high, required: true });
    }

    /// Adds a series which may also be absent.
    pub fn perhaps(&mut self, name: &str, labels: &[(&str, &str)], low: f64, high: f64) {
        self.0.insert((name.to_owned(), owned(labels)), Accepted { low, high, required: false });
    }

    /// Adds everything another part of the truth says.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Number of series expected at least.
    pub fn len(&self) -> usize {
        self.0.values().filter(|accepted| accepted.required).count()
    }

    /// Every series that is expected, or may be there.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.0.keys()
    }

    /// Every way in which `samples`, all of one container, differ; `own` are the labels which say whose they are.
    pub fn disagreements<'a>(&self, samples: impl IntoIterator<Item = &'a Sample>, own: &[&str]) -> Vec<String> {
        self.disagreeing(samples, own).into_values().collect()
    }

    /// The same, by series.
    pub fn disagreeing<'a>(
        &self,
        samples: impl IntoIterator<Item = &'a Sample>,
        own: &[&str],
    ) -> BTreeMap<Key, String> {
        let mut found = BTreeSet::new();
        let mut wrong = BTreeMap::new();
        for sample in samples {
            let mut labels = sample.labels.clone();
            labels.retain(|name, _| !own.contains(&name.as_str()));
            let key = (sample.name.clone(), labels);
            match self.0.get(&key) {
                None => drop(wrong.insert(key.clone(), format!("{} should not be there", show(&key, sample.value)))),
                Some(accepted) if !accepted.takes(sample.value) => {
                    let Accepted { low, high, .. } = accepted;
                    wrong.insert(key.clone(), format!("{} should be {low}..{high}", show(&key, sample.value)));
                }
                Some(_) => {}
            }
            found.insert(key);
        }
        let missing = self.0.iter().filter(|(key, accepted)| accepted.required && !found.contains(*key));
        wrong.extend(missing.map(|(key, accepted)| (key.clone(), format!("{} is missing", show(key, accepted.low)))));
        wrong
    }
}

impl Accepted {
    /// The page and the test may divide in another order: the last digit of a double is not compared.
    fn takes(&self, value: f64) -> bool {
        let slack = 1e-12 * self.low.abs().max(self.high.abs());
        self.low - slack <= value && value <= self.high + slack
    }
}

fn show(key: &Key, value: impl Display) -> String {
    format!("{}{:?} {value}", key.0, key.1)
}

fn owned(labels: &[(&str, &str)]) -> Labels {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Kernel counters as the page's number type.
#[expect(clippy::cast_precision_loss, reason = "Prometheus itself keeps doubles only")]
pub fn float(count: u64) -> f64 {
    count as f64
}
