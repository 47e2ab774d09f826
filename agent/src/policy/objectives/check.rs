//! What an objective must not be: one that can never fire, one that pages on a single failure, one about too long or too short a time.

use std::time::Duration;

use super::{Objective, Sli};

/// Seconds between two samples of what is sampled: the interval of the rules. Prometheus scrapes as often by default.
pub const SAMPLE_SECONDS: u64 = 15;

const LEAST_WINDOW: Duration = Duration::from_secs(3_600);
const MOST_WINDOW: Duration = Duration::from_secs(90 * 86_400);

/// What is wrong, and what to write instead.
pub(super) type Wrong = (String, String);

/// All that is wrong with one. `interval` is that of its probe in seconds.
pub(super) fn check(objective: &Objective, interval: Option<u64>) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    if !(LEAST_WINDOW..=MOST_WINDOW).contains(&objective.window) {
        wrong.push((
            "is about less than an hour, or more than 90 days".to_owned(),
            "write window: 30d, and keep as much in Prometheus".to_owned(),
        ));
        return wrong;
    }
    wrong.extend(tells_nobody(objective));
    wrong.extend(cannot_fire(objective));
    wrong.extend(fires_on_one(objective, interval));
    wrong
}

/// Somebody is to be told, and no burn rate fits into the time.
fn tells_nobody(objective: &Objective) -> Option<Wrong> {
    let told = objective.page.is_some() || objective.ticket.is_some();
    (told && objective.burns().is_empty()).then(|| {
        let what = "is about less time than a burn rate of its alerts needs, so that none can fire".to_owned();
        (what, "write window: 1d or longer, or page: off and ticket: off".to_owned())
    })
}

/// A burn rate above what is possible: everything is bad, and it is still not reached.
fn cannot_fire(objective: &Objective) -> Option<Wrong> {
    let burns = objective.burns();
    let dead = burns.iter().find(|burn| burn.threshold.value() >= 1.0)?;
    let (factor, target) = (dead.factor, objective.target);
    let what = format!("{factor} times the budget of {target} is more than everything, so that it can never fire");
    let off = match dead.kind {
        super::BurnKind::Fast => "page",
        super::BurnKind::Slow => "ticket",
    };
    Some((what, format!("raise the target, or write {off}: off")))
}

/// One failure, in a window of attempts at a fixed pace, is already above the threshold.
fn fires_on_one(objective: &Objective, interval: Option<u64>) -> Option<Wrong> {
    let (interval, what) = match objective.sli {
        Sli::Probe(_) | Sli::Latency(_) => (interval?, "failed probe"),
        Sli::Availability(_) | Sli::Sampled(_) => (SAMPLE_SECONDS, "bad sample"),
        _ => return None,
    };
    for burn in &objective.burns() {
        let longest = burn.long as f64 * burn.threshold.value();
        if burn.kind == super::BurnKind::Fast && interval as f64 >= longest {
            let hint = match objective.sli {
                Sli::Probe(_) | Sli::Latency(_) => {
                    format!("probe more often than every {longest:.1} s, lower the target, or write page: off")
                }
                _ => "lower the target, or write page: off".to_owned(),
            };
            return Some((format!("would page on a single {what}: one every {interval} s"), hint));
        }
        let events = burn.long / interval.max(1);
        if burn.min_events > events {
            let what =
                format!("asks for {} events in a window that has {events}, so that it can never fire", burn.min_events);
            return Some((what, "lower min_events".to_owned()));
        }
    }
    None
}
