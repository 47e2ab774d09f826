//! What a drill is, and the list of them.

use super::{
    disks, probes, published, second, services,
    stage::{Prop, Stage},
    support::webhook::Told,
    walls,
};

/// One fault: what stands before it, how it is made, how it is mended.
pub(crate) struct Drill {
    /// Name in `alerts/drills.yml`, and of the service that suffers.
    pub name: &'static str,
    /// What is done, in words for `docs/drills.md`.
    pub fault: &'static str,
    /// What is healthy before.
    pub prepare: fn(&Stage) -> Vec<Prop>,
    /// The fault.
    pub inject: fn(&Stage, &mut Vec<Prop>),
    /// Its end.
    pub repair: fn(&Stage, &mut Vec<Prop>),
    /// What is told, all of it.
    pub expected: Vec<Expect>,
    /// What is told once it is mended: that it took long.
    pub then: Vec<Expect>,
    /// What may be told of this service as well, by the luck of when Prometheus looks.
    pub may: &'static [&'static str],
}

/// One alert that must be told.
#[derive(Debug)]
pub(crate) struct Expect {
    /// Its name.
    pub alert: &'static str,
    /// Its severity, which decides who is told.
    pub severity: &'static str,
    /// Further labels. `PROJECT` stands for the project of the drills, `WALLS` for the one with flows, `FIRST` and `SECOND` for the two hosts, `MOUNT` for the folder of disks.
    pub labels: &'static [(&'static str, &'static str)],
    /// What passes before the expression is true, beside the rule's `for`, at full scale.
    pub seconds_before: u32,
}

impl Expect {
    /// Whether this is what was told.
    pub(crate) fn is(&self, stage: &Stage, told: &Told) -> bool {
        let fits = |(name, value): &(&str, &str)| told.label(name) == stage.resolve(value);
        told.label("alertname") == self.alert && told.label("severity") == self.severity && self.labels.iter().all(fits)
    }

    /// Whom it is for.
    pub(crate) fn receiver(&self) -> &'static str {
        match self.severity {
            "critical" => "page",
            "warning" => "tickets",
            _ => "digest",
        }
    }

    /// Fails unless the message is complete: right receiver, tier where the service has one, words and a link to what to do.
    #[track_caller]
    pub(crate) fn holds(&self, stage: &Stage, told: &Told) {
        assert_eq!(told.receiver, self.receiver(), "{told:#?}");
        if ["services", "containers"].contains(&told.label("area")) && told.label("host") == stage.resolve("FIRST") {
            assert_eq!(told.label("tier"), "first", "{told:#?}");
        }
        let annotation = |name: &str| told.annotations.get(name).map_or("", String::as_str);
        assert!(annotation("summary").ends_with('.') && !annotation("description").is_empty(), "{told:#?}");
        assert!(annotation("runbook_url").ends_with(&format!("#{}", self.alert.to_lowercase())), "{told:#?}");
        // A template that found nothing leaves its words behind.
        assert!(!annotation("description").contains("<no value>"), "{told:#?}");
    }

    /// The longest it takes to be told at full scale, in seconds: until the expression is true, until a scrape and an evaluation have seen it, the
    /// rule's own wait, and Alertmanager's.
    pub(crate) fn published(&self) -> u32 {
        self.seconds_before + published::SEEN + published::waits(self.alert, self.severity) + published::GROUPED
    }
}

/// The drill that ends all others.
pub(crate) const AGENT_DOWN: Expect = Expect {
    alert: "SpyhopAgentDown",
    severity: "critical",
    labels: &[("instance", "FIRST_INSTANCE")],
    seconds_before: 0,
};

/// What it is called.
pub(crate) const AGENT: (&str, &str) = ("agent", "the agent is killed");

/// Every drill but [`AGENT_DOWN`].
pub(crate) fn all() -> Vec<Drill> {
    [services::drills(), probes::drills(), walls::drills(), disks::drills(), second::drills()]
        .into_iter()
        .flatten()
        .collect()
}
