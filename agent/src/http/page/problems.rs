//! What is wrong, in the order in which somebody woken at night wants to know it.
//!
//! Two kinds stand side by side: what has gone wrong (a service is down, a check fails, lines are kept back), and what is not as the policy
//! wants it. What would be told by an alert has the alert's runbook.

use jiff::{SignedDuration, Timestamp};

use super::{
    facts::{Facts, missing, place},
    html::{Age, Cores, Count, Percent, Size},
};
use crate::{
    http::api::probes::Probe,
    inventory::{Entry, ServiceEntry},
    model::{ContainerState, HealthStatus, InOrder as _, ServiceKey},
    policy::{Class, Severity},
};

/// A certificate that ends sooner is told although nothing fails.
const SOON: SignedDuration = SignedDuration::from_hours(21 * 24);
/// A shorter lag of lines is the time they take.
const LAG: f64 = 60.0;
/// Memory in use of what is allowed from which on it is near the limit: what `SpyhopMemoryNearLimit` asks.
const NEAR: f64 = 0.9;
/// Burn of a budget from which on it is gone in two days: what `SpyhopSloBurnFast` asks.
const FAST: f64 = 14.4;

/// One thing that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Problem {
    pub(super) severity: Severity,
    /// A word for its kind.
    pub(super) class: &'static str,
    /// Where: `project/service`, `host`, or whatever fails.
    pub(super) place: String,
    pub(super) what: String,
    pub(super) since: Option<Timestamp>,
    /// What to do, in a sentence; empty where the runbook says it.
    pub(super) help: &'static str,
    /// Page and section of the runbooks.
    pub(super) runbook: (&'static str, &'static str),
}

impl Problem {
    fn new(severity: Severity, class: &'static str, runbook: (&'static str, &'static str)) -> Self {
        Self { severity, class, place: String::new(), what: String::new(), since: None, help: "", runbook }
    }

    fn at(self, place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), ..self }
    }

    fn since(self, since: Option<Timestamp>) -> Self {
        Self { since, ..self }
    }
}

/// All of them, the worst first; among equals what has gone wrong before what the policy says.
pub(super) fn problems(facts: &Facts<'_>) -> Vec<Problem> {
    let mut all = Vec::new();
    engine(facts, &mut all);
    for service in &facts.view.snapshot.services {
        of_service(facts, service, &mut all);
    }
    facts.probes.iter().for_each(|probe| of_probe(facts, probe, &mut all));
    objectives(facts, &mut all);
    pipelines(facts, &mut all);
    policy(facts, &mut all);
    // Stable.
    all.order_by_key(|problem| std::cmp::Reverse(problem.severity));
    all
}

fn engine(facts: &Facts<'_>, all: &mut Vec<Problem>) {
    let engine = facts.view.engine();
    if engine.connected || engine.ready_since.is_none() {
        return;
    }
    let why = engine.trouble.map(|trouble| format!(": {trouble}")).unwrap_or_default();
    let problem = Problem::new(Severity::Critical, "engine_silent", ("agent", "SpyhopEngineUnreachable"));
    let what = format!("the container engine is silent{why}; what is below is as it was last heard");
    all.push(problem.at("host", what).since(engine.heard_at));
}

fn of_service(facts: &Facts<'_>, service: &ServiceEntry, all: &mut Vec<Problem>) {
    let replicas = facts.replicas(&service.key);
    let weight = facts.weight(&service.key);
    let named = || place(&service.key.project, &service.key.service);
    if missing(service) > 0 {
        all.push(down(service, replicas, weight).at(named(), why_down(service, replicas)).since(last_end(replicas)));
    }
    for entry in replicas.iter().filter(|entry| super::facts::health(entry) == Some(HealthStatus::Unhealthy)) {
        let problem = Problem::new(weight, "unhealthy", ("services", "SpyhopUnhealthy"));
        let (what, since) = why_unhealthy(entry);
        all.push(problem.at(named(), told_of(entry, replicas.len(), what)).since(since));
    }
    for entry in replicas.iter().filter(|entry| entry.container.has_processes()) {
        let used = facts.usage(entry).and_then(|usage| usage.memory_bytes);
        let (Some(used), Some(limit)) = (used, entry.container.limits.memory_bytes) else { continue };
        let share = used as f64 / limit.max(1) as f64;
        if share >= NEAR {
            let problem = Problem::new(Severity::Warning, "memory_near_limit", ("services", "SpyhopMemoryNearLimit"));
            let what = format!("{} of its {} of memory are in use", Size(used), Size(limit));
            all.push(problem.at(named(), told_of(entry, replicas.len(), what)));
        }
    }
}

fn down(service: &ServiceEntry, replicas: &[&std::sync::Arc<Entry>], weight: Severity) -> Problem {
    // Whoever stopped it knows.
    if service.stopped >= missing(service) {
        return Problem::new(Severity::Info, "stopped", ("services", "SpyhopServiceDown"));
    }
    if replicas.iter().any(|entry| entry.container.state == ContainerState::Restarting) {
        return Problem::new(weight, "restarting", ("services", "SpyhopRestartLooping"));
    }
    if service.running == 0 {
        return Problem::new(weight, "down", ("services", "SpyhopServiceDown"));
    }
    Problem::new(weight.min(Severity::Warning), "replicas_missing", ("services", "SpyhopReplicasMissing"))
}

fn why_down(service: &ServiceEntry, replicas: &[&std::sync::Arc<Entry>]) -> String {
    let mut what = match (service.running, service.expected) {
        (0, 1) => "does not run".to_owned(),
        (running, expected) => format!("{running} of {expected} run"),
    };
    let ended = replicas.iter().filter(|entry| !entry.container.has_processes());
    let last = ended.max_by_key(|entry| entry.container.finished_at);
    match last {
        None if replicas.is_empty() => what.push_str("; it has no container"),
        None => {}
        Some(entry) if service.stopped >= missing(service) && entry.stopped() => what.push_str("; somebody stopped it"),
        Some(entry) => {
            if let Some(code) = entry.container.exit_code {
                what.push_str(&format!("; it ended with {code}"));
            }
            if entry.container.oom_killed == Some(true) {
                what.push_str(", killed for want of memory");
            }
            if entry.container.state == ContainerState::Restarting {
                what.push_str(", and is being started again");
            }
        }
    }
    what
}

fn last_end(replicas: &[&std::sync::Arc<Entry>]) -> Option<Timestamp> {
    let ended = replicas.iter().filter(|entry| !entry.container.has_processes());
    ended.filter_map(|entry| entry.container.finished_at).max()
}

/// Of several replicas, which.
fn told_of(entry: &Entry, of: usize, what: String) -> String {
    if of > 1 { format!("replica {}: {what}", entry.replica) } else { what }
}

fn why_unhealthy(entry: &Entry) -> (String, Option<Timestamp>) {
    let Some(health) = &entry.container.health else { return ("unhealthy".to_owned(), None) };
    let failed: Vec<_> = health.results.iter().rev().take_while(|result| !result.passed()).collect();
    let streak = health.failing_streak.unwrap_or(failed.len() as u64);
    // The engine keeps five results: of a longer streak nobody knows the first.
    let first = failed.last().filter(|_| failed.len() as u64 >= streak).map(|result| result.start);
    (format!("unhealthy: its check failed {streak} times in a row"), first)
}

fn of_probe(facts: &Facts<'_>, probe: &Probe, all: &mut Vec<Problem>) {
    let key = ServiceKey { project: probe.project.as_str().into(), service: probe.service.as_str().into() };
    let named = place(&probe.project, &probe.service);
    if probe.state == "failing" {
        let why = probe.text.as_deref().unwrap_or("it fails");
        let runbook = if probe.kind == "traefik" { "SpyhopRouteMissing" } else { "SpyhopProbeFailing" };
        let problem = Problem::new(facts.weight(&key), "probe_failing", ("probes", runbook));
        all.push(problem.at(named.clone(), format!("probe {}: {why}", probe.probe)).since(probe.failing_since));
    }
    let ends = probe.certificate.as_ref().and_then(|certificate| certificate.not_after);
    let Some(ends) = ends.filter(|ends| ends.duration_since(facts.view.now) < SOON) else { return };
    let left = ends.duration_since(facts.view.now);
    let (severity, what) = if left.is_negative() {
        (Severity::Critical, format!("probe {}: its certificate ended {} ago", probe.probe, Age(-left)))
    } else {
        (Severity::Warning, format!("probe {}: its certificate ends in {}", probe.probe, Age(left)))
    };
    let runbook = ("probes", "SpyhopProbeCertificateExpiring");
    all.push(Problem::new(severity, "certificate", runbook).at(named, what));
}

fn objectives(facts: &Facts<'_>, all: &mut Vec<Problem>) {
    for objective in &facts.objectives {
        let key = ServiceKey { project: objective.project.clone(), service: objective.service.clone() };
        let named = place(&objective.project, &objective.service);
        let (name, target) = (&objective.name, objective.target);
        if objective.known_left().is_some_and(|left| left <= 0.0) {
            let what = format!("{name}: less than {target} were good, and nothing of its budget is left");
            let problem = Problem::new(facts.weight(&key), "budget_exhausted", ("slo", "SpyhopSloBudgetExhausted"));
            all.push(problem.at(named, what));
        } else if let Some(burn) = objective.known_burn().filter(|burn| *burn >= FAST) {
            let what = format!("{name}: its budget goes {} times as fast as it may", Cores(burn));
            let problem = Problem::new(facts.weight(&key), "budget_burns", ("slo", "SpyhopSloBurnFast"));
            all.push(problem.at(named, what));
        }
    }
}

/// Lines and spans that do not get where they should.
fn pipelines(facts: &Facts<'_>, all: &mut Vec<Problem>) {
    for destination in &facts.logs.destinations {
        if let Some(trouble) = &destination.trouble {
            let problem = Problem::new(Severity::Warning, "logs_kept_back", ("logs", "SpyhopLogsNotTaken"));
            let what = format!("lines are kept back: {}", trouble.text);
            all.push(problem.at(&*destination.name, what).since(destination.last_ack_at));
        }
    }
    let late: Vec<_> = facts.logs.services.iter().filter(|service| service.lag_seconds >= LAG).collect();
    let kept_back = facts.logs.destinations.iter().any(|destination| destination.trouble.is_some());
    if let Some(worst) = late.iter().max_by(|one, two| one.lag_seconds.total_cmp(&two.lag_seconds))
        && !kept_back
    {
        let lag = SignedDuration::try_from_secs_f64(worst.lag_seconds).unwrap_or_default();
        let of = Count(late.len(), "service is", "services are");
        let what = format!("lines of {of} late: the oldest that waits is {} old", Age(lag));
        let problem = Problem::new(Severity::Warning, "logs_late", ("logs", "SpyhopLogsLate"));
        all.push(problem.at(place(&worst.project, &worst.service), what));
    }
    for destination in &facts.traces.destinations {
        if let Some(trouble) = &destination.trouble {
            let problem =
                Problem::new(Severity::Warning, "traces_kept_back", ("traces", "SpyhopTracesDestinationDown"));
            all.push(
                problem.at(&*destination.name, format!("nothing is sent: {trouble}")).since(destination.last_ack_at),
            );
        }
    }
}

/// What is not as the policy wants it, but for what has been said in better words.
fn policy(facts: &Facts<'_>, all: &mut Vec<Problem>) {
    let Some(findings) = &facts.findings else { return };
    let told: Vec<String> =
        all.iter().filter(|problem| is_down(problem)).map(|problem| problem.place.clone()).collect();
    for finding in &findings.findings {
        let class = Class::from_word(finding.class);
        if matches!(class, Some(Class::ServiceMissing | Class::ReplicasMissing)) && told.contains(&finding.place) {
            continue;
        }
        let severity = Severity::from_word(finding.severity).unwrap_or(Severity::Warning);
        let runbook = match class {
            Some(Class::MissingFlow) => ("isolation", "SpyhopIsolationMissingFlow"),
            Some(class) if class.is_isolation() && severity == Severity::Critical => {
                ("isolation", "SpyhopIsolationViolation")
            }
            Some(class) if class.is_isolation() => ("isolation", "SpyhopIsolationWarning"),
            _ if severity == Severity::Critical => ("policy", "SpyhopFindingCritical"),
            _ => ("policy", "SpyhopFindings"),
        };
        let problem = Problem { help: finding.help, ..Problem::new(severity, finding.class, runbook) };
        all.push(problem.at(&*finding.place, &*finding.message).since(finding.since));
    }
}

fn is_down(problem: &Problem) -> bool {
    matches!(problem.class, "down" | "restarting" | "stopped" | "replicas_missing")
}

/// How far the policy could be looked at, where that is not all of it.
pub(super) fn coverage(facts: &Facts<'_>) -> Option<String> {
    let findings = facts.findings.as_ref()?;
    let unseen = findings.not_checked.len();
    (unseen > 0).then(|| {
        let of = Count(unseen, "check", "checks");
        format!("{of} could not be made: {} of what the policy asks was looked at", Percent(findings.coverage_ratio))
    })
}
