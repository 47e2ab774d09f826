//! `--isolation`: the tiers look once, and what they say joins the verdict.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Context as _;
use jiff::Timestamp;

use crate::{
    app,
    config::Config,
    inventory::Snapshot,
    isolation::{
        Intent, fixed,
        verdict::{Court, Look, Report, Wanted as _},
        watch::Round,
    },
    model::ContainerId,
    policy::{Class, Finding, NotChecked, Verdict},
    targets::Standpoint,
};

/// Names in one line of a report for people.
const NAMES: usize = 8;

/// What is looked at, beside what the engine tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Connections are tried from inside the networks of containers, whatever the configuration says.
    pub(super) active: bool,
    /// The engine is on another machine.
    pub(super) elsewhere: bool,
}

/// Looks with each tier that can, and joins what they say to `verdict`. The sweep of sockets is one: the kernel still lists what ended within a minute.
///
/// # Errors
/// When probes are asked for and the helper cannot be.
pub(super) fn join(
    config: &Config,
    snapshot: &Arc<Snapshot>,
    verdict: &Verdict,
    wanted: Wanted,
) -> anyhow::Result<Verdict> {
    // `docker exec` into the agent's container runs beside the agent: what is its own is no finding either way.
    let own = Standpoint::own_container_in(snapshot, !wanted.elsewhere);
    let id = own.as_ref().map(ContainerId::as_str);
    let intent = Arc::new(Intent::resolve(&config.policy, snapshot).with_agent(snapshot, id));
    let fixed = fixed::look(&intent, snapshot);
    let around = &app::IsolationAround {
        elsewhere: wanted.elsewhere,
        port: config.http.listen.port(),
        own,
        helper: app::helper(config, None),
        probes: Default::default(),
    };
    let mut court = Court::for_one_look();
    let mut unseen = Vec::new();
    let now = Timestamp::now();
    let mut observed = None;
    if config.isolation.passive && !intent.projects().is_empty() {
        match app::isolation_eyes(config, around) {
            Ok(mut eyes) => {
                let mut seen = eyes.sweep(snapshot, now);
                court.meet(snapshot, now);
                court.saw(&*intent, &mut seen, now);
                observed = Some(Arc::new(seen));
            }
            Err(why) => unseen.push(why),
        }
    }
    let mut probed = None;
    if (wanted.active || config.isolation.active) && !intent.projects().is_empty() {
        let hands = app::isolation_hands(config, around).map_err(anyhow::Error::msg).context("try connections")?;
        let round = Round {
            intent: Arc::clone(&intent),
            snapshot: Arc::clone(snapshot),
            observed: observed.clone(),
            settings: config.isolation.clone(),
        };
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().context("start the async runtime")?;
        probed = Some(runtime.block_on(hands.probe(round)));
    }
    let listeners = observed.as_ref().map(|observed| &observed.listeners);
    let excess = listeners.map(|listeners| fixed::excess(&intent, snapshot, listeners).drafts).unwrap_or_default();
    let report = court.judge(&Look {
        policy: &config.policy,
        wanted: &*intent,
        snapshot,
        fixed: &fixed,
        excess: &excess,
        observed: observed.as_deref(),
        probed: probed.as_ref(),
        now: Timestamp::now(),
    });
    Ok(joined(verdict, &report, unseen))
}

fn joined(verdict: &Verdict, report: &Report, unseen: Vec<String>) -> Verdict {
    let mut joined = report.join(verdict);
    for finding in &mut joined.findings {
        // Everything is new to a command that looks once.
        finding.since = None;
    }
    joined.not_checked.extend(unseen.into_iter().map(|why| NotChecked {
        class: Some(Class::UnexpectedFlow),
        service: None,
        reason: format!("passive tier: {why}"),
    }));
    joined
}

/// Whether it is about two services on one network, and not about another thing that is only worth knowing.
fn is_pair(finding: &Finding) -> bool {
    finding.class == Class::ExcessReachability && finding.message.contains(&format!("network with {}", finding.subject))
}

/// For people: one line for all with whom a service shares a network, and not one for each.
pub(super) fn gathered(verdict: &Verdict) -> Verdict {
    let mut pairs = BTreeMap::<_, (Finding, Vec<&str>)>::new();
    let mut gathered = Vec::new();
    for finding in &verdict.findings {
        if is_pair(finding) {
            let (_, names) = pairs.entry(&finding.service).or_insert_with(|| (finding.clone(), Vec::new()));
            names.push(&finding.subject);
        } else {
            gathered.push(finding.clone());
        }
    }
    for (finding, names) in pairs.into_values() {
        let more = names.len().saturating_sub(NAMES);
        let first = names.iter().take(NAMES).copied().collect::<Vec<_>>().join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let message = format!("it shares networks with {first}{more}, and no flow is between them");
        gathered.push(Finding { message, ..finding });
    }
    verdict.with(gathered, [], Vec::new(), 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{model::ServiceKey, policy::Severity};

    #[test]
    fn people_read_one_line_for_all_neighbours_of_a_service() {
        let finding = |service: &str, subject: String| Finding {
            class: Class::ExcessReachability,
            severity: Severity::Info,
            service: Some(ServiceKey { project: "shop".into(), service: service.into() }),
            message: format!("shares a network with {subject}, which listens"),
            subject: subject.into(),
            since: None,
        };
        let mut findings: Vec<_> = (0..10).map(|at| finding("api", format!("s{at}"))).collect();
        findings.push(finding("web", "db".to_owned()));
        findings.push(Finding { message: "it could forward".to_owned(), ..finding("api", "s-forwarding".to_owned()) });
        let verdict = Verdict::default().with(findings, [], Vec::new(), 0);
        let messages: Vec<_> = gathered(&verdict).findings.into_iter().map(|finding| finding.message).collect();
        assert_eq!(
            messages,
            [
                "it could forward",
                "it shares networks with s0, s1, s2, s3, s4, s5, s6, s7 and 2 more, and no flow is between them",
                "it shares networks with db, and no flow is between them"
            ]
        );
    }
}
