//! What the policy says of flows, as NetworkPolicies of Kubernetes: `spyhop render k8s`.
//!
//! One way only. A service becomes the pods with its name as a label, a project a namespace; what nobody lists is denied in both
//! directions, as here. What does not carry over (networks, published ports of the host, names of hosts) is told in a comment where it would
//! stand. Everything written is of `networking.k8s.io/v1` as Kubernetes 1.25 has it (`endPort`).

mod name;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use self::name::Names;
use super::{Rendered, yaml::scalar};
use crate::{
    inventory::Snapshot,
    isolation::{Edge, End, Intent, ProjectIntent, ServiceIntent},
    model::{Protocol, ServiceKey},
    policy::{EgressTarget, Policy, Publish, With},
};

/// The label of pods that says which service they are, unless somebody chooses another.
pub const POD_LABEL: &str = "app.kubernetes.io/name";

/// Whom names are asked of, in every cluster that runs CoreDNS or kube-dns.
const DNS: &str = "    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
          podSelector:
            matchLabels:
              k8s-app: kube-dns
      ports:
        - protocol: UDP
          port: 53
        - protocol: TCP
          port: 53
";

/// A file for each project that says anything of who reaches whom. `label` is the key of pods' labels that has the name of the service.
///
/// Only services that are named without a pattern are known: nothing is asked of an engine.
pub fn k8s(policy: &Policy, label: &str) -> Vec<Rendered> {
    let intent = Intent::resolve(policy, &Snapshot::default());
    let edges = intent.allowed();
    let mut files = Names::default();
    let file = |(project, wanted): (&Arc<str>, &ProjectIntent)| {
        let name = format!("networkpolicy-{}.yml", files.of(project));
        Rendered { name, text: Writer { project, wanted, edges: &edges, label }.file() }
    };
    intent.projects.iter().map(file).collect()
}

/// One project on its way to a text.
struct Writer<'a> {
    project: &'a Arc<str>,
    wanted: &'a ProjectIntent,
    edges: &'a [Edge],
    label: &'a str,
}

impl Writer<'_> {
    fn file(&self) -> String {
        let mut names = Names::default();
        let mut text = self.head();
        text.push_str(&self.document("default-deny", "  podSelector: {}\n  policyTypes: [Ingress, Egress]\n", &[]));
        for (service, wanted) in &self.wanted.services {
            let key = ServiceKey { project: Arc::clone(self.project), service: Arc::clone(service) };
            let mut notes = Vec::new();
            let ingress = self.ingress(&key, wanted, &mut notes);
            let egress = self.egress(&key, wanted, &mut notes);
            let mut spec = format!("  podSelector:\n    matchLabels:\n{}", self.pod(6, service));
            spec.push_str("  policyTypes: [Ingress, Egress]\n");
            for (name, rules) in [("ingress", ingress), ("egress", egress)] {
                if !rules.is_empty() {
                    spec.push_str(&format!("  {name}:\n{rules}"));
                }
            }
            text.push_str("---\n");
            text.push_str(&self.document(&names.of(service), &spec, &notes));
        }
        text
    }

    /// What the file is, and what of the policy is not in it.
    fn head(&self) -> String {
        let mut lines = vec![
            format!(
                "# NetworkPolicies of project {}. Rendered by `spyhop render k8s`: change the policy, not this file.",
                shown(self.project)
            ),
            format!("# Services are pods with the label {}, projects are namespaces.", self.label),
        ];
        lines.push(
            "# Nodes reach their own pods whatever stands here, and pods with hostNetwork are in no policy's reach."
                .to_owned(),
        );
        if !self.wanted.networks.is_empty() {
            lines.push(
                "# Not carried over: networks, and what is on which; all pods of a cluster share one.".to_owned(),
            );
        }
        if !self.wanted.host.is_empty() {
            let ports: Vec<_> = self.wanted.host.iter().map(ToString::to_string).collect();
            lines.push(format!("# Not carried over: host.reach ({}); a node is no pod.", ports.join(", ")));
        }
        if self.wanted.flows.is_none() {
            lines.push("# The policy says nothing of flows: pods of the namespace may talk to each other.".to_owned());
        }
        lines.into_iter().map(|line| line + "\n").collect()
    }

    fn document(&self, name: &str, spec: &str, notes: &[String]) -> String {
        let notes: String = notes.iter().map(|note| format!("# {note}\n")).collect();
        let namespace = scalar(&name::namespace(self.project));
        let name = scalar(name);
        format!(
            "{notes}apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n{spec}"
        )
    }

    /// Labels of the pods of a service, at the end of a selector.
    fn pod(&self, indent: usize, service: &str) -> String {
        format!("{}{}: {}\n", " ".repeat(indent), scalar(self.label), scalar(&name::label(service)))
    }

    /// Whoever has a flow to the service, and everybody where a port is published.
    fn ingress(&self, key: &ServiceKey, wanted: &ServiceIntent, notes: &mut Vec<String>) -> String {
        let to = self.edges.iter().filter(|edge| edge.to == End::Service(key.clone()));
        let mut rules = self.peers("from", to.map(|edge| (&edge.from, edge)));
        if self.wanted.flows.is_none() {
            rules.push_str("    - from:\n        - podSelector: {}\n");
        }
        let (near, open): (Vec<_>, Vec<_>) =
            wanted.publish.iter().partition(|entry| entry.address.is_some_and(|address| address.is_loopback()));
        if !open.is_empty() {
            notes.push("Published ports: the pods are taken to listen on the numbers that the host has.".to_owned());
            rules.push_str("    - ports:\n");
            rules.extend(open.into_iter().map(published));
        }
        notes.extend(
            near.iter().map(|entry| format!("Not carried over: {entry} is published on the host's loopback alone.")),
        );
        if wanted.namespace.network == Some(With::Host) {
            notes.push("On the network of the host: a pod with hostNetwork is not held by this.".to_owned());
        }
        rules
    }

    /// Whomever the service has a flow to, where it may get out, and whom it asks for names.
    fn egress(&self, key: &ServiceKey, wanted: &ServiceIntent, notes: &mut Vec<String>) -> String {
        let from = self.edges.iter().filter(|edge| edge.from == *key);
        let targets = from.filter_map(|edge| match &edge.to {
            End::Service(to) => Some((to, edge)),
            _ => None,
        });
        let mut rules = self.peers("to", targets);
        if self.wanted.flows.is_none() {
            rules.push_str("    - to:\n        - podSelector: {}\n");
        }
        for target in wanted.egress.iter().flatten() {
            if target.is_name() {
                notes.push(format!("Not carried over: egress to {target}; a NetworkPolicy knows no names of hosts."));
            } else {
                rules.push_str(&outside(target));
            }
        }
        // Who talks to nobody needs no names.
        if !rules.is_empty() || wanted.egress.as_ref().is_some_and(|targets| !targets.is_empty()) {
            rules.push_str(DNS);
        }
        rules
    }

    /// One rule for each peer, with all its ports.
    fn peers<'b>(&self, side: &str, edges: impl Iterator<Item = (&'b ServiceKey, &'b Edge)>) -> String {
        let mut by_peer: BTreeMap<&ServiceKey, BTreeSet<(Protocol, u16)>> = BTreeMap::new();
        for (peer, edge) in edges {
            by_peer.entry(peer).or_default().insert((edge.protocol, edge.port));
        }
        let mut rules = String::new();
        for (peer, ports) in by_peer {
            rules.push_str(&format!("    - {side}:\n"));
            if peer.project == *self.project {
                rules.push_str("        - podSelector:\n            matchLabels:\n");
            } else {
                let namespace = scalar(&name::namespace(&peer.project));
                rules.push_str(&format!(
                    "        - namespaceSelector:\n            matchLabels:\n              kubernetes.io/metadata.name: {namespace}\n          podSelector:\n            matchLabels:\n"
                ));
            }
            rules.push_str(&self.pod(14, &peer.service));
            rules.push_str("      ports:\n");
            for (protocol, port) in ports {
                rules.push_str(&format!("        - protocol: {}\n          port: {port}\n", upper(protocol)));
            }
        }
        rules
    }
}

const fn upper(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "TCP",
        Protocol::Udp => "UDP",
    }
}

fn published(entry: &Publish) -> String {
    let protocol = entry.protocol.to_ascii_uppercase();
    let end = if entry.last > entry.first { format!("          endPort: {}\n", entry.last) } else { String::new() };
    format!("        - protocol: {protocol}\n          port: {}\n{end}", entry.first)
}

/// A range of addresses; `*` is all of them, of both kinds.
fn outside(target: &EgressTarget) -> String {
    let ranges = match &*target.host {
        "*" => vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()],
        host if host.contains('/') => vec![host.to_owned()],
        host if host.contains(':') => vec![format!("{host}/128")],
        host => vec![format!("{host}/32")],
    };
    let blocks: String =
        ranges.iter().map(|range| format!("        - ipBlock:\n            cidr: \"{range}\"\n")).collect();
    let port = target.port.map(|port| format!("          port: {port}\n")).unwrap_or_default();
    let ports =
        target.protocol.map(|protocol| format!("      ports:\n        - protocol: {}\n{port}", upper(protocol)));
    format!("    - to:\n{blocks}{}", ports.unwrap_or_default())
}

/// A name in a comment.
fn shown(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
