//! What is counted -> expressions for the bad and for all events of a window.

use super::{PAIR, Rendering};
use crate::{
    model::DURATION_BOUNDS,
    policy::objectives::{Events, Query, Serving, Sli, Unknown, Whose},
};

/// Where the events of an objective come from.
pub(super) struct Source<'a>(Rendering<'a>);

impl<'a> Source<'a> {
    pub(super) const fn of(rendering: Rendering<'a>) -> Self {
        Self(rendering)
    }

    /// What is sampled: 1 while it is good, 0 while it is bad, absent while nobody can say. `None` for what is counted.
    pub(super) fn good(&self) -> Option<String> {
        match &self.0.objective.sli {
            Sli::Availability(serving) => Some(self.serving(*serving)),
            Sli::Sampled(expression) => Some(expression.to_string()),
            _ => None,
        }
    }

    /// Bad events of a window.
    pub(super) fn bad(&self, window: u64) -> String {
        match &self.0.objective.sli {
            Sli::Availability(_) | Sli::Sampled(_) => {
                let good = self.samples(window);
                format!("count_over_time({good}) - sum_over_time({good})")
            }
            Sli::Probe(probe) => {
                self.or_none(&self.sum("spyhop_probe_failures_total", &self.probed(probe), window), window)
            }
            Sli::Latency(probe) => {
                self.or_none(&self.sum("spyhop_probe_slow_total", &self.probed(probe), window), window)
            }
            Sli::HealthChecks => {
                self.or_none(&self.sum("spyhop_service_health_checks_total", "result!=\"passed\"", window), window)
            }
            Sli::Start(bound) => {
                let text = DURATION_BOUNDS.iter().find(|(known, _)| known == bound).map_or("+Inf", |(_, text)| *text);
                let within =
                    self.sum("spyhop_service_startup_duration_seconds_bucket", &format!("le=\"{text}\""), window);
                format!("clamp_min({} - {within}, 0)", self.total(window))
            }
            Sli::Ratio { events: Events::Bad(bad), .. } => self.or_none(&self.query(bad, window), window),
            Sli::Ratio { events: Events::Good(good), .. } => {
                format!("clamp_min({} - ({}), 0)", self.total(window), self.or_none(&self.query(good, window), window))
            }
        }
    }

    /// All events of a window.
    pub(super) fn total(&self, window: u64) -> String {
        match &self.0.objective.sli {
            Sli::Availability(_) | Sli::Sampled(_) => format!("count_over_time({})", self.samples(window)),
            Sli::Probe(probe) => self.sum("spyhop_probe_attempts_total", &self.probed(probe), window),
            // What failed was not fast: it is of another objective.
            Sli::Latency(probe) => {
                let [attempts, failures] = ["spyhop_probe_attempts_total", "spyhop_probe_failures_total"]
                    .map(|counter| self.sum(counter, &self.probed(probe), window));
                format!("clamp_min({attempts} - {failures}, 0)")
            }
            Sli::HealthChecks => self.sum("spyhop_service_health_checks_total", "", window),
            Sli::Start(_) => self.sum("spyhop_service_startup_duration_seconds_count", "", window),
            Sli::Ratio { total, .. } => self.query(total, window),
        }
    }

    /// What is absent when the objective says nothing because its source is gone.
    pub(super) fn presence(&self) -> String {
        let of = |metric: &str, matchers: &str| format!("{metric}{{{}}}", self.selector(matchers));
        match &self.0.objective.sli {
            Sli::Availability(_) => of("spyhop_service_replicas_expected", ""),
            Sli::Probe(probe) | Sli::Latency(probe) => of("spyhop_probe_attempts_total", &self.probed(probe)),
            Sli::HealthChecks => of("spyhop_service_health_checks_total", ""),
            // The family begins with the health check of a service that has one.
            Sli::Start(_) => of("spyhop_service_startup_duration_seconds_count", ""),
            Sli::Sampled(_) | Sli::Ratio { .. } => self.0.series("spyhop:slo_total:increase5m"),
        }
    }

    fn samples(&self, window: u64) -> String {
        format!("{}[{}]", self.0.series("spyhop:slo_good:bool"), self.0.span(window))
    }

    /// While it is expected, and nobody stopped it.
    fn serving(&self, serving: Serving) -> String {
        let service = self.selector("");
        let replicas = |state: &str| format!("spyhop_service_replicas{{{service},state=\"{state}\"}}");
        let wanted =
            format!("(spyhop_service_replicas_expected{{{service}}} - ignoring (state) {})", replicas("stopped"));
        let good = match serving {
            Serving::Healthy => format!("{} > bool 0", replicas("healthy")),
            Serving::Running => format!("{} > bool 0", replicas("running")),
            Serving::Expected => format!("{} >= bool ignoring (state) {wanted}", replicas("healthy")),
        };
        let by = "max by (host, project, service)";
        let known = format!("{by} (\n  {good}\n  and ignoring (state)\n  {wanted} > 0\n)");
        match self.0.objective.unknown {
            Unknown::Ignore => known,
            Unknown::Bad => {
                let seen = format!("spyhop_service_replicas_expected{{{service}}}");
                let wanted = self.remembered(&wanted);
                format!("{known}\nor\n0 * {by} ({wanted} > 0)\nunless on (host, project, service)\n{seen}")
            }
        }
    }

    /// How many replicas were wanted when that was last known; `None` of what is no service of ours.
    pub(super) fn last_wanted(&self) -> Option<String> {
        let objective = self.0.objective;
        let of_agent = !matches!(objective.sli, Sli::Sampled(_) | Sli::Ratio { .. });
        let of_service = match &objective.whose {
            Whose::Service { project, .. } | Whose::Pattern { project, .. } => !project.is_empty(),
            Whose::Named { .. } => false,
        };
        let service = self.selector("");
        (of_agent && of_service).then(|| {
            self.remembered(&format!(
                "(spyhop_service_replicas_expected{{{service}}} - ignoring (state) spyhop_service_replicas{{{service},state=\"stopped\"}})"
            ))
        })
    }

    /// The last value of an expression within a day: what was stopped before it was forgotten is remembered as stopped.
    fn remembered(&self, expression: &str) -> String {
        format!("last_over_time({expression}[{}:{}])", self.0.span(86_400), self.0.span(PAIR))
    }

    /// `increase` of a counter of the agent, one series a service.
    fn sum(&self, metric: &str, matchers: &str, window: u64) -> String {
        format!(
            "sum by (host, project, service) (increase({metric}{{{}}}[{}]))",
            self.selector(matchers),
            self.0.span(window)
        )
    }

    /// A series that begins with its first event is none until then.
    fn or_none(&self, events: &str, window: u64) -> String {
        format!("{events} or 0 * {}", self.total(window))
    }

    fn query(&self, query: &Query, window: u64) -> String {
        let seconds = self.0.scale.of(window).as_secs_f64();
        let window = self.0.span(window);
        match query {
            Query::Counter(counter) => format!("sum(increase({counter}[{window}]))"),
            Query::Delta(delta) => format!("sum(sum_over_time({delta}[{window}]))"),
            Query::Expression(expression) => {
                let filled = expression.replace("$window", &window);
                // Events are counted, and a rate is none: a second has few of them.
                match expression.contains("rate(") && !expression.contains("increase(") {
                    true => format!("({filled}) * {seconds}"),
                    false => format!("({filled})"),
                }
            }
        }
    }

    fn probed(&self, probe: &str) -> String {
        format!("probe={}", quoted(probe))
    }

    /// Matchers of whose it is, and others.
    fn selector(&self, others: &str) -> String {
        let mut matchers = match &self.0.objective.whose {
            Whose::Service { project, service } | Whose::Named { project, service } => {
                vec![format!("project={}", quoted(project)), format!("service={}", quoted(service))]
            }
            Whose::Pattern { project, pattern, except } => {
                let mut matchers =
                    vec![format!("project={}", quoted(project)), format!("service=~{}", quoted(&regex(pattern)))];
                let except: Vec<String> = except.iter().map(|name| regex(name)).collect();
                matchers.extend((!except.is_empty()).then(|| format!("service!~{}", quoted(&except.join("|")))));
                matchers
            }
        };
        matchers.extend((!others.is_empty()).then(|| others.to_owned()));
        matchers.join(",")
    }
}

/// A text in PromQL.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A pattern with `*` as a regular expression, anchored as Prometheus does it.
fn regex(pattern: &str) -> String {
    pattern.split('*').map(regex_escaped).collect::<Vec<_>>().join(".*")
}

fn regex_escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if "\\.+*?()|[]{}^$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
