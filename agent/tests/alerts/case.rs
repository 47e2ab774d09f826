//! A case of an alert, written by hand, and the promtool test it comes to.
//!
//! Nothing here looks at the rules: times, labels and texts of what must fire stand in the tables of `cases/`. Each case says when it
//! does not fire yet (one evaluation before), when it does, what stands close by and never does, and when it is over. Where a tier
//! decides on the severity, the same series are given once more to a service of each tier.

use std::fmt::Write as _;

/// One way in which an alert fires.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) alert: &'static str,
    /// What happens, for whoever reads the test.
    pub(crate) about: &'static str,
    /// Series that set it off, a sample each 30 s. `@web` is host, project and service, `@web.1` has a replica too.
    pub(crate) series: Series,
    /// Series close by that must not. None only where there is nothing beside it.
    pub(crate) quiet: Series,
    /// The last evaluation at which nothing fires yet.
    pub(crate) until: &'static str,
    /// The next one.
    pub(crate) at: &'static str,
    /// All that fires then.
    pub(crate) fires: &'static [Fires],
    /// When all of it fires on though what set it off is over; empty where it ends with its cause.
    pub(crate) still: &'static str,
    /// When nothing fires any more.
    pub(crate) over: &'static str,
    /// Severity of a tier, and of the alert about its services.
    pub(crate) tiers: &'static [(&'static str, &'static str)],
}

pub(crate) type Series = &'static [(&'static str, &'static str)];

/// One alert that fires.
#[derive(Debug)]
pub(crate) struct Fires {
    /// All labels but `alertname`, as a YAML map without braces; `@web` as above.
    pub(crate) labels: &'static str,
    pub(crate) says: &'static str,
    /// Where its `dashboard_url` leads.
    pub(crate) link: &'static str,
}

/// Tiers of alerts that page.
pub(crate) const PAGE: &[(&str, &str)] = &[("critical", "critical"), ("warning", "warning"), ("info", "info")];
/// Tiers of alerts that are never worse than a ticket.
pub(crate) const TICKET: &[(&str, &str)] = &[("critical", "warning"), ("warning", "warning"), ("info", "info")];
/// Tiers of alerts that are context alone.
pub(crate) const NOTE: &[(&str, &str)] = &[("critical", "info"), ("warning", "info"), ("info", "info")];
/// Tiers do not matter.
pub(crate) const ANY: &[(&str, &str)] = &[];

/// Cases of one rule file.
pub(crate) struct Suite {
    /// Name of the rule file without `.yml`, and of the test file.
    pub(crate) file: &'static str,
    /// Page of the runbooks.
    pub(crate) page: &'static str,
    /// The static sentence of each alert.
    pub(crate) summaries: &'static [(&'static str, &'static str)],
    pub(crate) cases: &'static [&'static [Case]],
}

impl Suite {
    pub(crate) fn cases(&self) -> impl Iterator<Item = &'static Case> {
        self.cases.iter().copied().flatten()
    }

    /// The promtool file with all cases, or with those of one alert; `rules` is the path of the rule file from there.
    pub(crate) fn file(&self, rules: &str, only: Option<&str>) -> String {
        let mut text = format!(
            "# Written from the tables in agent/tests/alerts/cases/, which are written by hand.\n\
             # promtool test rules alerts/tests/{}.yml\nrule_files: [{rules}]\nevaluation_interval: 30s\ntests:\n",
            self.file
        );
        for case in self.cases().filter(|case| only.is_none_or(|only| case.alert == only)) {
            self.case(&mut text, case);
        }
        text
    }

    fn case(&self, text: &mut String, case: &Case) {
        writeln!(text, "  - name: \"{}: {}\"\n    interval: 30s\n    input_series:", case.alert, case.about).unwrap();
        let variants: Vec<(String, &str)> =
            case.tiers.iter().map(|(tier, severity)| (format!("web-{tier}"), *severity)).collect();
        let copies = || variants.iter().map(|(service, _)| service.as_str());
        for (name, values) in case.series {
            series(text, name, values);
            copies().for_each(|service| series(text, &name.replace("web", service), values));
        }
        for (name, values) in case.quiet {
            series(text, name, values);
            let Some(service) = service_of(name) else { continue };
            case.tiers
                .iter()
                .for_each(|(tier, _)| series(text, &name.replace(service, &format!("{service}-{tier}")), values));
        }
        // All of a case is from one page: what Prometheus adds to its series, it adds to all of them.
        let scraped = case.series.iter().find(|(name, _)| name.contains("{job=\"spyhop\",instance=\"h:9477\","));
        let scraped = scraped.map_or("", |_| "job=\"spyhop\",instance=\"h:9477\",");
        let mut services: Vec<&str> =
            case.series.iter().chain(case.quiet).filter_map(|(name, _)| service_of(name)).collect();
        services.sort_unstable();
        services.dedup();
        for (service, (tier, _)) in
            services.iter().flat_map(|service| case.tiers.iter().map(move |tier| (service, tier)))
        {
            let labels = format!("{scraped}@{service}-{tier},tier=\"{tier}-tier\",severity=\"{tier}\"");
            series(text, &format!("spyhop_service_tier_info{{{labels}}}"), "1x600");
        }
        writeln!(
            text,
            "    alert_rule_test:\n      - {{eval_time: {}, alertname: {}, exp_alerts: []}}",
            case.until, case.alert
        )
        .unwrap();
        writeln!(text, "      - eval_time: {}\n        alertname: {}\n        exp_alerts:", case.at, case.alert)
            .unwrap();
        for fires in case.fires {
            self.fires(text, case, fires, None);
            for ((tier, severity), service) in case.tiers.iter().zip(copies()) {
                self.fires(text, case, fires, Some((tier, severity, service)));
            }
        }
        writeln!(text, "      - {{eval_time: {}, alertname: {}, exp_alerts: []}}", case.over, case.alert).unwrap();
        if !case.still.is_empty() {
            let count = case.fires.len() * (1 + case.tiers.len());
            writeln!(
                text,
                "    promql_expr_test:\n      - expr: count(ALERTS{{alertname=\"{}\",alertstate=\"firing\"}})\n        \
                 eval_time: {}\n        exp_samples: [{{labels: '{{}}', value: {count}}}]",
                case.alert, case.still
            )
            .unwrap();
        }
    }

    fn fires(&self, text: &mut String, case: &Case, fires: &Fires, tier: Option<(&str, &str, &str)>) {
        let named = |text: &str| tier.map_or_else(|| text.to_owned(), |(_, _, service)| text.replace("web", service));
        let mut labels = expanded(&named(fires.labels), ": ", ", ", "");
        if let Some((tier, severity, _)) = tier {
            let (_, rest) = labels.split_once(", ").expect("severity first, then others");
            labels = format!("severity: {severity}, tier: {tier}-tier, {rest}");
        }
        let summary = self.summaries.iter().find(|(alert, _)| *alert == case.alert).expect("a summary").1;
        let runbook = format!("docs/runbooks/{}.md#{}", self.page, case.alert.to_lowercase());
        writeln!(
            text,
            "          - exp_labels: {{{labels}}}\n            exp_annotations:\n              summary: {}\n              \
             description: {}\n              runbook_url: {runbook}\n              dashboard_url: {}",
            quoted(summary),
            quoted(&named(fires.says)),
            quoted(&named(fires.link)),
        )
        .unwrap();
    }
}

fn series(text: &mut String, name: &str, values: &str) {
    writeln!(text, "      - {{series: '{}', values: '{values}'}}", expanded(name, "=", ",", "\"")).unwrap();
}

/// The service a series is about: behind the `@`, in the label `src`, or in the name of a container.
fn service_of(series: &str) -> Option<&str> {
    match series.split_once('@') {
        Some((_, after)) => after.split(['.', ',', '}']).next(),
        None if series.contains("src=\"") => series.split_once("src=\"").and_then(|(_, after)| after.split('"').next()),
        None => series.split_once("name=\"shop-").and_then(|(_, after)| after.split('-').next()),
    }
}

/// Puts the identity in place of `@service` and `@service.replica`.
fn expanded(text: &str, is: &str, comma: &str, quote: &str) -> String {
    let Some((before, after)) = text.split_once('@') else { return text.to_owned() };
    let end = after.find([',', '}']).unwrap_or(after.len());
    let (name, rest) = after.split_at(end);
    let (service, replica) = name.split_once('.').unwrap_or((name, ""));
    let mut identity =
        format!("host{is}{quote}h{quote}{comma}project{is}{quote}shop{quote}{comma}service{is}{quote}{service}{quote}");
    if !replica.is_empty() {
        identity.push_str(&format!("{comma}replica{is}\"{replica}\""));
    }
    format!("{before}{identity}{rest}")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
