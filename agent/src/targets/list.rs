//! From a picture of the inventory to the targets it declares: names, ways, labels. Pure but for the kernel's routes.

use std::{collections::HashSet, sync::Arc};

use super::{
    Declaration, Mistake,
    declare::declared,
    segment,
    standpoint::{Standpoint, View},
    tls,
    way::{NoWay, Way},
};
use crate::{
    exposition::LabelSet,
    inventory::{Entry, Snapshot},
    model::ContainerState,
};

/// Targets kept at once; more are left out and counted.
pub const MAX_TARGETS: usize = 4096;

/// One declared endpoint of one running container.
#[derive(Clone, Debug)]
pub struct Target {
    /// The container.
    pub entry: Arc<Entry>,
    /// Number of the declaration, from 1.
    pub number: u16,
    /// The `<n>` of its path: the replica, and `:<number>` for every declaration but number 1. It depends on nothing else, so
    /// the path of a replica stays its own while others come and go. Not escaped.
    pub n: Arc<str>,
    /// `/proxy/<project>/<service>/<n>`, escaped.
    pub proxy_path: Arc<str>,
    /// What is declared and how it is reached, or why it cannot be fetched.
    pub end: Result<(Declaration, Way), Unreachable>,
    /// What was declared, also where there is no way to it.
    pub declaration: Option<Declaration>,
    /// Identity on its series: host, project, service, replica, target.
    pub labels: LabelSet,
}

/// Why a declared target cannot be fetched by the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The declaration is wrong.
    Mistake(Mistake),
    /// There is no way to the container.
    NoWay(NoWay),
    /// The target wants TLS, and there are no roots to verify it by, or its service has a name that no certificate has.
    Tls,
}

impl Unreachable {
    /// The `reason` label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mistake(Mistake::Port) => "bad_port",
            Self::Mistake(Mistake::Path) => "bad_path",
            Self::Mistake(Mistake::Scheme) => "bad_scheme",
            Self::Mistake(Mistake::ServerName) => "bad_server_name",
            Self::Mistake(Mistake::Interval) => "bad_interval",
            Self::NoWay(no_way) => no_way.as_str(),
            Self::Tls => "https",
        }
    }

    /// For people.
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Mistake(Mistake::Port) => "the declared port is not a number from 1 to 65535",
            Self::Mistake(Mistake::Path) => "the declared path is not an absolute path of plain characters",
            Self::Mistake(Mistake::Scheme) => "the declared scheme is neither http nor https",
            Self::Mistake(Mistake::ServerName) => "the declared server name is none that a certificate can have",
            Self::Mistake(Mistake::Interval) => "the declared interval is not a whole duration from 1s to 1h",
            Self::NoWay(no_way) => no_way.explain(),
            Self::Tls => {
                "it declares https, and targets.ca_file does not say whose certificates count, or no certificate has its name"
            }
        }
    }
}

impl Target {
    /// The way to fetch it over the network; `None` for the agent itself and what cannot be fetched.
    pub fn fetchable(&self) -> Option<(&Declaration, &Way)> {
        self.end.as_ref().ok().filter(|(_, way)| *way != Way::Itself).map(|(declaration, way)| (declaration, way))
    }

    /// Whose certificate it must show; `None` where it speaks plain HTTP.
    pub(super) fn server_name(&self) -> Option<rustls::pki_types::ServerName<'static>> {
        let declaration = self.declaration.as_ref().filter(|found| found.scheme == super::Scheme::Https)?;
        tls::name(declaration.server_name.as_ref().unwrap_or(&self.entry.container.identity.key.service))
    }

    /// What keeps two targets apart, over pictures.
    pub(super) fn key(&self) -> (Arc<str>, Arc<str>) {
        (self.entry.container.id.as_str().into(), self.n.clone())
    }
}

/// Every target of one picture.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// Value of the label `host`.
    pub host: Option<Arc<str>>,
    /// In the order of the snapshot, and of their numbers within a container.
    pub targets: Vec<Target>,
    /// Declarations left out: too many, names too long, names which collide.
    pub refused: u64,
}

impl List {
    /// What the running containers of a picture declare, seen from a standpoint, by an agent which can verify certificates or cannot.
    pub fn new(snapshot: &Snapshot, standpoint: &Standpoint, verifies: bool) -> Self {
        let mut list = Self { host: snapshot.host.clone(), ..Self::default() };
        let view = standpoint.look(snapshot);
        let mut taken = HashSet::new();
        // Excluded containers are not in the picture at all.
        for entry in snapshot.containers.iter().filter(|entry| entry.container.state == ContainerState::Running) {
            let declared = declared(&entry.container.labels);
            list.refused += declared.refused;
            let mut ends = HashSet::new();
            for (number, declaration) in declared.declarations {
                // One endpoint declared twice would be every series twice.
                let end = declaration.as_ref().ok().map(|found| (found.port, found.path.as_str().to_owned()));
                if end.is_some_and(|end| !ends.insert(end)) {
                    list.refused += 1;
                    continue;
                }
                let room = list.targets.len() < MAX_TARGETS;
                let target = if room { list.target(entry, number, declaration, &view, verifies) } else { None };
                match target.filter(|target| taken.insert(target.proxy_path.clone())) {
                    Some(target) => list.targets.push(target),
                    None => list.refused += 1,
                }
            }
        }
        list
    }

    fn target(
        &self,
        entry: &Arc<Entry>,
        number: u16,
        declaration: Result<Declaration, Mistake>,
        view: &View<'_>,
        verifies: bool,
    ) -> Option<Target> {
        let key = &entry.container.identity.key;
        // Names of containers have no colon, and Compose numbers replicas, so that nothing else looks like this.
        let n = if number == 1 { entry.replica.clone() } else { format!("{}:{number}", entry.replica).into() };
        let (project, service) = (segment::project(&key.project)?, segment::segment(&key.service)?);
        let proxy_path = format!("/proxy/{project}/{service}/{}", segment::segment(&n)?).into();
        let labels = LabelSet::new([
            ("host", self.host.as_deref().unwrap_or_default()),
            ("project", key.project.as_ref()),
            ("service", key.service.as_ref()),
            ("replica", entry.replica.as_ref()),
            ("target", n.as_ref()),
        ]);
        let end = declaration.clone().map_err(Unreachable::Mistake).and_then(|declaration| {
            let way = view.way(entry, declaration.port).map_err(Unreachable::NoWay)?;
            let server_name = declaration.server_name.as_ref().unwrap_or(&key.service);
            match declaration.scheme {
                super::Scheme::Https if way != Way::Itself && !(verifies && tls::name(server_name).is_some()) => {
                    Err(Unreachable::Tls)
                }
                _ => Ok((declaration, way)),
            }
        });
        Some(Target { entry: entry.clone(), number, n, proxy_path, end, declaration: declaration.ok(), labels })
    }

    /// Whether it could be different tomorrow although the inventory is not: a bridge may come without an event.
    pub(super) fn hopes_for_a_bridge(&self) -> bool {
        self.targets.iter().any(|target| target.end.as_ref().err() == Some(&Unreachable::NoWay(NoWay::NoBridge)))
    }

    /// The target of an escaped path, to the letter.
    pub fn find(&self, proxy_path: &str) -> Option<&Target> {
        self.targets.iter().find(|target| *target.proxy_path == *proxy_path)
    }
}

#[cfg(test)]
#[path = "tests/list.rs"]
mod tests;
