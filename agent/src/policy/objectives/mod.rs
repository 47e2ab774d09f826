//! Objectives: how much of what may be bad, over which time, and who is told when the budget burns.
//!
//! ```text
//!  written: Spec, in a service, a tier, a project or at the top --resolve--> Objective, one a service, faults with their place
//! ```
//!
//! A [`Spec`] is what somebody wrote, an [`Objective`] what the rules are rendered from: whose it is, with every default filled in.

mod burn;
mod check;
mod resolve;
mod target;

use std::{sync::Arc, time::Duration};

pub use burn::{Burn, BurnKind, PAIRS};
pub use check::SAMPLE_SECONDS;
pub use resolve::{Fault, resolve};
pub use target::{Decimal, Target};

use super::Severity;

/// An objective as it is written. What is `None` has a default that depends on whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// What it is called beside others of the same service.
    pub name: Arc<str>,
    /// Where it stands: the dotted path of its key, or a file and what it is called there.
    pub origin: Arc<str>,
    /// Project it is said to be of, at the top and in files of OpenSLO; empty elsewhere.
    pub project: Arc<str>,
    /// Service it is said to be of, where nothing else says so; or empty.
    pub service: Arc<str>,
    /// What is counted; `None` takes away one that the tier would give.
    pub sli: Option<Sli>,
    /// The share that has to be good.
    pub target: Target,
    /// The time it is about.
    pub window: Duration,
    /// What time of which nothing is known counts as.
    pub unknown: Unknown,
    /// Fewest events in a window that say anything; `None` is as many that a single bad one is not enough.
    pub min_events: Option<u64>,
    /// Severity of the fast burn.
    pub page: Notify,
    /// Severity of the slow burn.
    pub ticket: Notify,
}

/// Whom an alert reaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notify {
    /// As the tier wants it.
    #[default]
    ByTier,
    /// At this severity.
    At(Severity),
    /// Nobody.
    Off,
}

/// What time counts as of which nothing is known: the agent was off, or not scraped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// Neither good nor bad.
    #[default]
    Ignore,
    /// Bad, for a day after the service was last seen.
    Bad,
}

/// What is counted.
#[derive(Clone, Debug, PartialEq)]
pub enum Sli {
    /// Whether the service serves, sampled.
    Availability(Serving),
    /// Attempts of a probe that succeed.
    Probe(Arc<str>),
    /// Answers to a probe within its `max_duration`.
    Latency(Arc<str>),
    /// Health checks that pass.
    HealthChecks,
    /// Starts that get healthy within this many seconds, a bound of [`crate::model::DURATION_BOUNDS`].
    Start(f64),
    /// Events of any two Prometheus counters.
    Ratio {
        /// The ones.
        events: Events,
        /// All.
        total: Query,
    },
    /// A figure that is good or not, sampled: an expression which gives 1 or 0, or something between.
    Sampled(Arc<str>),
}

impl Sli {
    /// Whether its events come at a pace that we set, rather than when somebody does something.
    pub const fn is_paced(&self) -> bool {
        matches!(self, Self::Availability(_) | Self::Sampled(_) | Self::Probe(_) | Self::Latency(_))
    }
}

/// When a service serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serving {
    /// At least one replica runs and is healthy, where that is checked.
    Healthy,
    /// At least one replica runs.
    Running,
    /// All that are expected run and are healthy.
    Expected,
}

/// Which events are written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Events {
    /// Those that are bad.
    Bad(Query),
    /// Those that are good.
    Good(Query),
}

/// How often something happened in a window, asked of Prometheus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// A counter: `http_requests_total{code=~"5.."}`.
    Counter(Arc<str>),
    /// What happened since the sample before: it is summed up.
    Delta(Arc<str>),
    /// An expression with `$window` in it.
    Expression(Arc<str>),
}

/// Whose an objective is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// One service.
    Service {
        /// Its project; empty for a probe of something elsewhere.
        project: Arc<str>,
        /// Its name.
        service: Arc<str>,
    },
    /// All services of a project that a pattern matches, without some which have one of their own of that name.
    Pattern {
        /// The project.
        project: Arc<str>,
        /// With `*`.
        pattern: Arc<str>,
        /// Without these.
        except: Vec<Arc<str>>,
    },
    /// Nobody's that we know: a ratio, with what somebody wrote down of whose it is.
    Named {
        /// A project, or empty.
        project: Arc<str>,
        /// A service, or empty.
        service: Arc<str>,
    },
}

/// An objective with everything said.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// The label `slo`: unique in a policy, small letters, digits and dashes.
    pub slo: Arc<str>,
    /// Where it was written.
    pub origin: Arc<str>,
    /// Whose it is.
    pub whose: Whose,
    /// Name of its tier.
    pub tier: Option<Arc<str>>,
    /// What is counted.
    pub sli: Sli,
    /// The share that has to be good.
    pub target: Target,
    /// The time it is about.
    pub window: Duration,
    /// What time of which nothing is known counts as.
    pub unknown: Unknown,
    /// Fewest events; `None` is by window.
    pub min_events: Option<u64>,
    /// Severity of the fast burn; `None` is not told.
    pub page: Option<Severity>,
    /// Severity of the slow burn; `None` is not told.
    pub ticket: Option<Severity>,
}

impl Objective {
    /// The burn rates that are looked for, the fastest first.
    pub fn burns(&self) -> Vec<Burn> {
        PAIRS.iter().filter_map(|pair| Burn::of(pair, self)).collect()
    }
}

#[cfg(test)]
mod tests;
