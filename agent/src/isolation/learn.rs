//! A policy that says what is there now and was seen: `spyhop init`.

use jiff::Timestamp;

use super::{End, Intent, fixed, passive::Observed};
use crate::{
    inventory::Snapshot,
    policy::{Learnt, Seen, Severity},
};

/// The text of a policy for what is in the picture. By it nothing is found that is worse than worth knowing, exceptions counted. Flows,
/// egress and what is reached of the host are those that were observed; without an observation nothing is said of flows.
pub fn learn(snapshot: &Snapshot, observed: Option<&Observed>, now: Timestamp) -> String {
    let seen = observed.map(seen);
    let mut learnt = Learnt::new(snapshot, seen.as_ref(), now);
    let intent = Intent::resolve(learnt.policy(), snapshot);
    for draft in fixed::judge(&intent, snapshot) {
        if draft.class.severity() > Severity::Info {
            learnt.except(draft.class, Some(&draft.service), &draft.subject);
        }
    }
    learnt.write()
}

/// Edges as the policy's part of the house knows them. What leads to addresses of nobody is left to be found.
fn seen(observed: &Observed) -> Seen {
    let mut seen = Seen::default();
    for edge in observed.flows.keys() {
        let from = edge.from.clone();
        match &edge.to {
            End::Service(to) => drop(seen.flows.insert((from, to.clone(), edge.port, edge.protocol))),
            End::External(address) => drop(seen.egress.insert((from, *address, edge.port, edge.protocol))),
            End::Host => drop(seen.host.insert((from, edge.port, edge.protocol))),
            End::Agent | End::Unlisted(_) => {}
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        isolation::{
            Edge,
            intent::tests::key,
            reach::tests::{container, network},
        },
        model::Protocol,
        policy::examples::{now, snapshot},
    };

    fn edge(from: &str, to: End, port: u16) -> (Edge, u64) {
        (Edge { from: key(from), to, port, protocol: Protocol::Tcp }, 1)
    }

    #[test]
    fn what_is_there_is_written_as_if_it_were_meant() {
        let networks = [network("shop_front of=shop"), network("shop_data internal isolated isolated6 noicc of=shop")];
        let of = |service: &str, on: &str, number| container("shop", service, on, &networks, number);
        let mut host = of("exporter", "host", 5);
        host.confinement.pid = crate::model::Shared::Host;
        let stranger = container("", "spy", "shop_data", &networks, 6);
        let containers =
            vec![of("proxy", "shop_front shop_data pub=0.0.0.0", 2), of("db", "shop_data", 3), host, stranger];
        let picture = Snapshot { networks: networks.to_vec(), ..snapshot(containers) };
        let silent = learn(&picture, None, now());
        for line in [
            "      proxy: { tier: tier-1, publish: [\"0.0.0.0:8080\"], networks: [data, front] }",
            "      exporter: { tier: tier-1, namespace: { network: host, pid: host } }",
            "      data: { internal: true, gateway: isolated, icc: false }",
            "      front: {}",
            "    # Nobody has looked who talks to whom:",
            "      spy: { tier: tier-1, networks: [shop_data] }",
        ] {
            assert!(silent.contains(line), "{line} is not in\n{silent}");
        }
        // Its own project says where the stranger is: that is as good as an exception.
        assert!(!["flows:\n", "egress", "placement"].iter().any(|word| silent.contains(word)), "{silent}");
        let flows = [
            edge("shop/proxy", End::Service(key("shop/db")), 5432),
            edge("shop/proxy", End::Service(key("other/api")), 80),
            edge("shop/proxy", End::External("2001:db8::1".parse().unwrap()), 443),
            edge("shop/db", End::Host, 22),
            edge("shop/db", End::Agent, 9477),
        ];
        let observed = Observed { flows: flows.into(), ..Observed::default() };
        let text = learn(&picture, Some(&observed), now());
        for line in [
            "    flows:\n      - \"proxy -> other/api:80\"\n      - \"proxy -> db:5432\"\n",
            "egress: [\"[2001:db8::1]:443\"]",
            "  - { finding: host_reach, project: shop, service: db, subject: 22/tcp, reason: it reached this port of the host when this was written, until: 2026-05-30 }",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
