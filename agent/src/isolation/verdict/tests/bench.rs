//! A policy by hand, a picture and sweeps to hold against it, and a court that is given them in turn.

use super::*;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(examples::now().as_second() + seconds).unwrap()
}

pub(crate) fn key(service: &str) -> ServiceKey {
    match service.split_once('/') {
        Some((project, service)) => ServiceKey { project: project.into(), service: service.into() },
        None => ServiceKey { project: "shop".into(), service: service.into() },
    }
}

pub(crate) fn edge(from: &str, to: &str, port: u16) -> Edge {
    Edge { from: key(from), to: End::Service(key(to)), port, protocol: Protocol::Tcp }
}

pub(super) fn elsewhere(from: &str, to: End, port: u16) -> Edge {
    Edge { from: key(from), to, port, protocol: Protocol::Tcp }
}

/// A policy of the project `shop`, by hand.
#[derive(Clone, Default)]
pub(crate) struct Fake {
    pub(crate) services: Vec<&'static str>,
    /// `None`: flows are not judged.
    pub(crate) flows: Option<Vec<(Edge, bool)>>,
    pub(super) egress: Vec<(&'static str, &'static str)>,
    pub(super) host: Vec<u16>,
}

impl Wanted for Fake {
    fn hash(&self, project: &str) -> Arc<str> {
        format!("of {project}").into()
    }

    fn projects(&self) -> Vec<Arc<str>> {
        vec!["shop".into()]
    }

    fn services(&self, project: &str) -> Vec<Arc<str>> {
        if project == "shop" { self.services.iter().map(|name| Arc::from(*name)).collect() } else { Vec::new() }
    }

    fn allows(&self, edge: &Edge) -> Option<bool> {
        let target = if let End::Service(target) = &edge.to { Some(target) } else { None };
        let ours = |key: &ServiceKey| *key.project == *"shop";
        let flows = self.flows.as_ref().filter(|_| ours(&edge.from) || target.is_some_and(ours))?;
        let own = matches!(&edge.to, End::Service(target) if *target == edge.from);
        Some(own || flows.iter().any(|(named, _)| named == edge))
    }

    fn admits_anybody(&self, to: &ServiceKey, port: u16, _protocol: Protocol) -> Option<bool> {
        self.flows.as_ref().filter(|_| *to.project == *"shop").map(|_| self.host.contains(&port))
    }

    fn allowed(&self) -> Vec<Edge> {
        self.flows.iter().flatten().map(|(edge, _)| edge.clone()).collect()
    }

    fn required(&self) -> Vec<Edge> {
        self.flows.iter().flatten().filter(|(_, required)| *required).map(|(edge, _)| edge.clone()).collect()
    }

    fn may_leave(&self, from: &ServiceKey, to: IpAddr, _port: u16, _protocol: Protocol) -> bool {
        self.egress.iter().any(|(service, address)| *from == key(service) && to.to_string() == *address)
    }

    fn may_resolve(&self, from: &ServiceKey) -> bool {
        self.egress.iter().any(|(service, _)| *from == key(service))
    }

    fn may_reach_host(&self, _from: &ServiceKey, port: u16, _protocol: Protocol) -> bool {
        self.host.contains(&port)
    }
}

/// `web -> api:8080`, `api -> db:5432!`; `web` may reach 203.0.113.1, everybody port 53 of the host.
pub(crate) fn wanted() -> Fake {
    Fake {
        services: vec!["api", "db", "web"],
        flows: Some(vec![(edge("web", "api", 8080), false), (edge("api", "db", 5432), true)]),
        egress: vec![("web", "203.0.113.1")],
        host: vec![53],
    }
}

pub(crate) fn on(service: &str, networks: &[&str]) -> Container {
    let ServiceKey { project, service } = key(service);
    let attached = |network: &&str| Attachment {
        network: (*network).into(),
        network_id: None,
        addresses: Vec::new(),
        aliases: Vec::new(),
    };
    Container {
        networks: networks.iter().map(attached).collect(),
        started_at: Some(at(-1_000)),
        ..examples::sound(&project, &service)
    }
}

/// `web` and `api` on `front`, `api` and `db` on `back`.
pub(crate) fn picture() -> Snapshot {
    examples::snapshot(vec![on("web", &["front"]), on("api", &["back", "front"]), on("db", &["back"])])
}

/// A sweep that saw everybody, who listens as the flows say, and these connections.
pub(crate) fn sweep(flows: impl IntoIterator<Item = Edge>) -> Observed {
    let listeners = [("api", 8080), ("db", 5432)];
    Observed {
        flows: flows.into_iter().map(|edge| (edge, 1)).collect(),
        listeners: listeners.map(|(service, port)| (key(service), BTreeSet::from([(Protocol::Tcp, port)]))).into(),
        seen: ["web", "api", "db"].map(key).into(),
        ..Observed::default()
    }
}

/// Everything that can be judged, to be changed by a test.
#[derive(Clone)]
pub(crate) struct Bench {
    pub(crate) policy: Policy,
    pub(crate) wanted: Fake,
    pub(crate) picture: Snapshot,
    pub(crate) fixed: Judged,
    pub(crate) excess: Vec<Draft>,
    pub(crate) observed: Option<Observed>,
    pub(crate) probed: Option<Probed>,
}

impl Bench {
    pub(crate) fn clean() -> Self {
        let observed = Some(sweep([edge("web", "api", 8080), edge("api", "db", 5432)]));
        let (policy, excess, probed) = Default::default();
        let fixed = Judged { checked: [("shop".into(), 9)].into(), ..Judged::default() };
        Self { policy, wanted: wanted(), picture: picture(), fixed, excess, observed, probed }
    }

    pub(crate) fn judge(&self, court: &mut Court, second: i64) -> Report {
        let now = at(second);
        let mut observed = self.observed.clone();
        if let Some(observed) = &mut observed {
            court.meet(&self.picture, now);
            court.saw(&self.wanted, observed, now);
        }
        court.judge(&Look {
            policy: &self.policy,
            wanted: &self.wanted,
            snapshot: &self.picture,
            fixed: &self.fixed,
            excess: &self.excess,
            observed: observed.as_ref(),
            probed: self.probed.as_ref(),
            now,
        })
    }

    pub(super) fn once(&self) -> Report {
        self.judge(&mut Court::default(), 0)
    }
}

/// `class service subject evidence` of each finding.
pub(crate) fn lines(report: &Report) -> Vec<String> {
    let line = |finding: &Finding| {
        let Finding { class, service, subject, .. } = finding;
        format!("{} {} {subject} {}", class.as_str(), service.service, finding.evidence_words())
    };
    report.findings.iter().map(line).collect()
}

pub(super) fn says(class: Class, service: &str, subject: &str, tier: Tier) -> Draft {
    let (to, port, message) = (None, None, format!("{} says so", tier.as_str()));
    Draft { class, service: key(service), to, port, subject: subject.into(), message, tier }
}

pub(super) fn probed<const N: usize>(answers: [(Edge, Answer); N]) -> Option<Probed> {
    Some(Probed { edges: answers.into(), ..Probed::default() })
}
