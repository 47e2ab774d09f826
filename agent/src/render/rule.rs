//! Rule files as plain values.

use std::time::Duration;

/// One rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, without a folder.
    pub name: String,
    /// What stands at its head, a line each.
    pub about: Vec<String>,
    /// Its groups.
    pub groups: Vec<Group>,
}

/// Rules that are evaluated one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its name, unique in a Prometheus.
    pub name: String,
    /// How often.
    pub interval: Duration,
    /// Its rules, in order: a later one sees what an earlier one recorded.
    pub rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What has to be said of it to whoever reads the file.
    pub note: Option<String>,
    /// What it makes.
    pub kind: Kind,
    /// The expression, of one line or several.
    pub expr: String,
    /// Labels it adds.
    pub labels: Vec<(&'static str, String)>,
}

/// What a rule makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A series of this name.
    Record(String),
    /// An alert.
    Alert {
        /// Its name.
        name: String,
        /// `for`: how long the expression must give something before it fires.
        wait: Duration,
        /// `keep_firing_for`: how long it fires on after that is over.
        keep: Duration,
        /// Text for people, in the order of the file.
        annotations: Vec<(&'static str, String)>,
    },
}

impl Rule {
    /// A recording rule.
    pub fn record(name: impl Into<String>, expr: impl Into<String>, labels: Vec<(&'static str, String)>) -> Self {
        Self { note: None, kind: Kind::Record(name.into()), expr: expr.into(), labels }
    }

    /// The name of the alert or of the series.
    pub fn name(&self) -> &str {
        match &self.kind {
            Kind::Record(name) | Kind::Alert { name, .. } => name,
        }
    }
}
