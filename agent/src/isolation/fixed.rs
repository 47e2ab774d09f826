//! The static tier: what is written down in the engine, held against what is wanted.
//!
//! Judged on each new picture, so that a finding stands with the event that made it. Only what runs is judged: what does not reaches
//! nobody. What cannot be said from what the engine tells is a gap, never a finding.

mod bypass;
mod crossing;
mod excess;
mod exposure;
mod namespace;
mod network;
mod placement;
mod sockets;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

pub use self::excess::excess;
use super::{
    Draft, End, Intent, ProjectIntent, ServiceIntent, Tier,
    reach::{Engine, Map, Port, Standing},
};
use crate::{
    inventory::{Entry, Snapshot},
    model::{Network, ServiceKey},
    policy::{Class, NotChecked},
};

/// Findings of one judgement; what is above is counted. A host with more is not looked through finding by finding.
pub const MAX_DRAFTS: usize = 5_000;
/// Pairs of services of which ways between networks are looked at.
const MAX_PAIRS: usize = 200_000;

/// What a judgement comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judged {
    /// What is not as wanted.
    pub drafts: Vec<Draft>,
    /// What could not be said, with the reason; of a project as a whole where the service has no name.
    pub gaps: Vec<NotChecked>,
    /// Looks that came to an answer, by project.
    pub checked: BTreeMap<Arc<str>, u64>,
    /// Findings above [`MAX_DRAFTS`], and pairs of services that were too many to look at.
    pub left_out: u64,
}

impl Judged {
    /// Looks that came to an answer, of all of a project; 1 where there were none to make.
    pub fn coverage(&self, project: &str) -> f64 {
        let of_project = |gap: &&NotChecked| gap.service.as_ref().is_some_and(|key| *key.project == *project);
        let gaps = self.gaps.iter().filter(of_project).count() as u64;
        let checked = self.checked.get(project).copied().unwrap_or_default();
        match checked.saturating_add(gaps) {
            0 => 1.0,
            all => checked as f64 / all as f64,
        }
    }
}

/// What is not as wanted in this picture. Pure.
pub fn judge(intent: &Intent, snapshot: &Snapshot) -> Vec<Draft> {
    look(intent, snapshot).drafts
}

/// The same with what could not be said. Pure.
pub fn look(intent: &Intent, snapshot: &Snapshot) -> Judged {
    let mut court = Court::new(intent, snapshot);
    if intent.projects.is_empty() {
        return court.judged;
    }
    let members = court.members();
    for member in &members {
        placement::judge(&mut court, member);
        namespace::judge(&mut court, member);
        exposure::judge(&mut court, member);
        sockets::judge(&mut court, member);
        crossing::egress(&mut court, member);
        bypass::forwarding(&mut court, member);
    }
    placement::strangers(&mut court);
    network::judge(&mut court);
    crossing::judge(&mut court);
    bypass::known(&mut court);
    court.blind_spots(&members);
    court.judged
}

/// A running container of a project that has a say.
struct Member<'a> {
    key: &'a ServiceKey,
    entry: &'a Entry,
    standing: Standing<'a>,
    wanted: &'a ServiceIntent,
}

/// Takes down what is found.
struct Court<'a> {
    intent: &'a Intent,
    snapshot: &'a Snapshot,
    map: Map<'a>,
    engine: Engine,
    /// Whose each network is, of projects that have a say; by its id.
    owners: HashMap<&'a str, &'a Arc<str>>,
    judged: Judged,
    known: HashSet<(Class, ServiceKey, Arc<str>)>,
}

impl<'a> Court<'a> {
    fn new(intent: &'a Intent, snapshot: &'a Snapshot) -> Self {
        let mut owners = HashMap::new();
        for network in &snapshot.networks {
            let mut projects = intent.projects.iter();
            if let Some((project, _)) = projects.find(|(project, wanted)| is_owner(project, wanted, network)) {
                owners.insert(&*network.id, project);
            }
        }
        let (map, engine) = (Map::new(snapshot), Engine::of(&snapshot.engine));
        Self { intent, snapshot, map, engine, owners, judged: Judged::default(), known: HashSet::new() }
    }

    fn members(&self) -> Vec<Member<'a>> {
        let intent: &'a Intent = self.intent;
        let running = self.snapshot.containers.iter().filter(|entry| entry.container.has_processes());
        let member = |entry: &'a Arc<Entry>| {
            let key = &entry.container.identity.key;
            let wanted = intent.service(key)?;
            Some(Member { key, entry, standing: self.map.standing(entry), wanted })
        };
        running.filter_map(member).collect()
    }

    /// Counts a look that comes to an answer.
    fn looks(&mut self, project: &Arc<str>) {
        *self.judged.checked.entry(Arc::clone(project)).or_default() += 1;
    }

    /// Takes down a finding about a service, once.
    fn finds(&mut self, class: Class, service: &ServiceKey, subject: &str, message: String) {
        self.draft(Draft {
            class,
            service: service.clone(),
            to: None,
            port: None,
            subject: subject.into(),
            message,
            tier: Tier::Static,
        });
    }

    /// Takes down a finding, once.
    fn draft(&mut self, draft: Draft) {
        let key = (draft.class, draft.service.clone(), Arc::clone(&draft.subject));
        if self.known.contains(&key) {
            return;
        }
        if self.judged.drafts.len() >= MAX_DRAFTS {
            self.judged.left_out += 1;
            return;
        }
        self.known.insert(key);
        self.judged.drafts.push(draft);
    }

    /// Takes down what cannot be said, once.
    fn gap(&mut self, class: Class, service: ServiceKey, reason: impl Into<String>) {
        let gap = NotChecked { class: Some(class), service: Some(service), reason: reason.into() };
        if self.judged.gaps.len() < MAX_DRAFTS && !self.judged.gaps.contains(&gap) {
            self.judged.gaps.push(gap);
        }
    }

    /// What nothing here can see.
    fn blind_spots(&mut self, members: &[Member<'a>]) {
        for (id, key) in &self.snapshot.undescribed {
            if let Some(key) = key.clone().filter(|key| self.intent.speaks_of(key)) {
                self.gap(Class::Placement, key, format!("the engine does not describe container {}", id.short()));
            }
        }
        let intent = self.intent;
        let far = [
            (self.engine.desktop, "the host that containers reach is a machine inside Docker Desktop"),
            (self.engine.rootless, "the host that containers reach lies behind the engine's own namespace"),
            (self.engine.release.is_none(), "the engine's version is not known, and what it keeps apart depends on it"),
        ];
        for project in intent.projects.keys() {
            for (_, reason) in far.iter().filter(|(is_so, _)| *is_so) {
                self.gap(Class::HostReach, whole(project), *reason);
            }
        }
        let overlays = members.iter().flat_map(|member| member.standing.feet.iter().map(move |foot| (member, foot)));
        for (member, foot) in overlays {
            let driver = foot.network.and_then(|network| network.driver.as_deref());
            let reason = match driver {
                Some("bridge" | "macvlan" | "ipvlan" | "host" | "null") => continue,
                Some("overlay") => format!("network {} spans a Swarm, of which this is one node", foot.name),
                Some(driver) => format!("nothing is known of the driver {driver} of network {}", foot.name),
                None => format!("the engine does not describe network {}", foot.name),
            };
            self.gap(Class::UnexpectedReachability, whole(&member.key.project), reason);
        }
    }
}

/// Whether a network is a project's own: by its label, or by its name where the project describes it or has a service on it.
fn is_owner(project: &str, wanted: &ProjectIntent, network: &Network) -> bool {
    let listed = |short: &str| {
        let mut services = wanted.services.values().flat_map(|service| service.networks.iter().flatten());
        wanted.networks.contains_key(short) || services.any(|name| **name == *short)
    };
    network.belongs_to(project) && (network.project.is_some() || listed(network.short_name(project)))
}

/// The key of a project as a whole.
fn whole(project: &Arc<str>) -> ServiceKey {
    ServiceKey { project: Arc::clone(project), service: "".into() }
}

/// What a finding about a target is called: `db:5432/tcp`, `db` for any port, with the project where it is another.
fn subject_of(from: &ServiceKey, to: &ServiceKey, port: Option<Port>) -> String {
    let name = if from.project == to.project { to.service.to_string() } else { End::Service(to.clone()).to_string() };
    match port {
        Some(port) => format!("{name}:{}/{}", port.number, port.protocol.as_str()),
        None => name,
    }
}
