//! An objective as this agent has seen it kept.

use std::{sync::Arc, time::Duration};

use crate::policy::objectives::Target;

/// What [`Objective::burn_1h`] looks back on.
const HOUR: Duration = Duration::from_secs(3600);

/// One objective of one service.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// The label `slo` of its series.
    pub name: Arc<str>,
    /// Project of the service; may be empty.
    pub project: Arc<str>,
    /// The service; empty where the objective is about none.
    pub service: Arc<str>,
    /// Name of its tier.
    pub tier: Option<Arc<str>>,
    /// The share that has to be good; shown as `99.9%`.
    pub target: Target,
    /// The time it is about.
    pub window: Duration,
    /// Who judges it.
    pub judge: Judge,
    /// Share of the budget that is left by what this agent has seen: 1 is all of it, 0 or less is none. `None` where nothing was
    /// seen, or Prometheus judges.
    pub left: Option<f64>,
    /// How much of the window this agent has seen, [`Self::window`] at most.
    pub covers: Duration,
    /// How many times as fast as it may the budget went in the last hour: 1 uses it up exactly at the end of the window. `None` where
    /// nothing was seen in that hour.
    pub burn_1h: Option<f64>,
}

impl Objective {
    /// [`Self::left`] once half of the window was seen: before that a single bad minute is the whole of what there is to judge by.
    /// The same half that `SpyhopSloBudgetExhausted` waits for.
    pub fn known_left(&self) -> Option<f64> {
        self.left.filter(|_| self.covers.saturating_mul(2) >= self.window)
    }

    /// [`Self::burn_1h`] once a whole hour was seen.
    pub fn known_burn(&self) -> Option<f64> {
        self.burn_1h.filter(|_| self.covers >= HOUR.min(self.window))
    }
}

/// Who knows whether an objective is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// The agent sees what it is about.
    Agent,
    /// Its events are series which the agent does not have: only Prometheus can tell.
    Prometheus,
}
