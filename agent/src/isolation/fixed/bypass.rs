//! Holes that no policy closes: those of the engine itself, by its version, and containers that stand between networks.
//!
//! They are worth knowing and no violation of the policy, so they stand among what is counted and changes no exit code
//! ([`Class::ExcessReachability`]), and exceptions can name them.

use std::collections::HashSet;

use super::{Court, Member, exposure::is_loopback, whole};
use crate::{
    isolation::reach::Place,
    model::{Network, Release},
    policy::Class,
};

/// The subject of [`forwarding`] in exceptions.
const FORWARDING: &str = "forwarding";

/// A container on several networks passes packets between them unless it is told not to: it takes the host's setting, which an engine
/// turns on.
pub(super) fn forwarding(court: &mut Court<'_>, member: &Member<'_>) {
    let standing = &member.standing;
    if standing.place != Place::Own || standing.owner != &member.entry.container.id || member.wanted.multihomed {
        return;
    }
    let confinement = &member.entry.container.confinement;
    let networks: HashSet<&str> = standing.feet.iter().map(|foot| foot.name).collect();
    if networks.len() < 2 || confinement.forwards == Some(false) {
        return;
    }
    let forged = if confinement.capabilities.net_raw == Some(true) { ", and can forge them (NET_RAW)" } else { "" };
    let message = format!(
        "is on {} networks and forwards packets between them{forged}: set the sysctl net.ipv4.ip_forward=0, or write multihomed: ok",
        networks.len()
    );
    court.finds(Class::ExcessReachability, member.key, FORWARDING, message);
}

/// What of a project a hole is about.
struct Facts<'a> {
    networks: Vec<&'a Network>,
    loopback: bool,
}

impl Facts<'_> {
    fn any(&self, is: impl Fn(&Network) -> bool) -> bool {
        self.networks.iter().any(|network| is(network))
    }
}

/// One known hole.
struct Hole {
    /// Its name in exceptions.
    name: &'static str,
    /// Versions that have it: from the first, up to the second and without it.
    versions: &'static [(Release, Release)],
    /// Whether a project has what it is about.
    concerns: fn(&Facts<'_>) -> bool,
    what: &'static str,
}

const OLDEST: Release = Release::new(0, 0, 0);

/// Numbers of the advisories, not of distributions: those mend older versions without another number.
const HOLES: [Hole; 6] = [
    Hole {
        name: "CVE-2024-29018",
        versions: &[(OLDEST, Release::new(23, 0, 11)), (Release::new(24, 0, 0), Release::new(25, 0, 5))],
        concerns: |facts| facts.any(|network| network.internal == Some(true)),
        what: "containers of internal networks get names of the world outside resolved, and can send data out in them",
    },
    Hole {
        name: "CVE-2025-54410",
        versions: &[(OLDEST, Release::new(25, 0, 13)), (Release::new(26, 0, 0), Release::new(28, 0, 0))],
        concerns: |facts| facts.networks.len() > 1,
        what: "where firewalld runs, loading it anew takes the rules between networks away until the engine is started again",
    },
    Hole {
        name: "CVE-2025-54388",
        versions: &[(Release::new(28, 2, 0), Release::new(28, 3, 3))],
        concerns: |facts| facts.loopback,
        what: "where firewalld runs, loading it anew opens ports published on loopback to other hosts",
    },
    Hole {
        name: "moby-45610",
        versions: &[(OLDEST, Release::new(28, 0, 0))],
        concerns: |facts| facts.loopback,
        what: "ports published on loopback can be reached by whoever shares a network with the host",
    },
    Hole {
        name: "CVE-2024-32473",
        versions: &[(Release::new(26, 0, 0), Release::new(26, 0, 2))],
        concerns: |facts| facts.any(|network| matches!(network.driver.as_deref(), Some("macvlan" | "ipvlan"))),
        what: "IPv6 stays on in macvlan and ipvlan networks that have none",
    },
    Hole {
        name: "CVE-2023-28840",
        versions: &[(OLDEST, Release::new(20, 10, 24)), (Release::new(23, 0, 0), Release::new(23, 0, 3))],
        concerns: |facts| facts.any(|network| network.options.encrypted == Some(true)),
        what: "encrypted overlay networks take and send packets in the clear",
    },
];

/// Holes of this engine that concern a project.
pub(super) fn known(court: &mut Court<'_>) {
    let (intent, snapshot) = (court.intent, court.snapshot);
    let Some(release) = court.engine.release.filter(|_| !court.engine.podman) else { return };
    for project in intent.projects.keys() {
        let mut facts = Facts { networks: Vec::new(), loopback: false };
        let of_project = snapshot.containers.iter().filter(|entry| entry.container.identity.key.project == *project);
        for container in of_project.map(|entry| &entry.container).filter(|container| container.has_processes()) {
            facts.loopback |= container.ports.iter().any(is_loopback);
            for network in container.networks.iter().filter_map(|on| court.map.network(on)) {
                if !facts.networks.iter().any(|known| known.id == network.id) {
                    facts.networks.push(network);
                }
            }
        }
        court.looks(project);
        for hole in &HOLES {
            let has = hole.versions.iter().any(|(first, mended)| (*first..*mended).contains(&release));
            if has && (hole.concerns)(&facts) {
                let message = format!("{} by its number: {}", court.engine.name(), hole.what);
                court.finds(Class::ExcessReachability, &whole(project), hole.name, message);
            }
        }
        if court.engine.firewall.backend.as_deref() == Some("nftables") {
            let message =
                "the engine writes nftables, and rules in the chain DOCKER-USER are not asked any more".to_owned();
            court.finds(Class::ExcessReachability, &whole(project), "DOCKER-USER", message);
        }
    }
}
