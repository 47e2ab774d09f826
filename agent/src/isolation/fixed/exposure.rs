//! Ports of the host that lead to a service.

use std::net::IpAddr;

use super::{Court, Member};
use crate::{
    model::PublishedPort,
    policy::{Class, Publish},
};

/// Published are the ports that the policy lists, at the addresses it lists: IPv4 and IPv6 each by itself.
pub(super) fn judge(court: &mut Court<'_>, member: &Member<'_>) {
    let container = &member.entry.container;
    court.looks(&member.key.project);
    for bound in &container.ports {
        let listed = &member.wanted.publish;
        if listed.iter().any(|entry| entry.admits(bound)) {
            continue;
        }
        let subject = format!("{}/{} on {}", bound.host_port, bound.protocol, address(bound));
        let message = message(bound, listed, court.engine.name());
        court.finds(Class::Exposure, member.key, &subject, message);
    }
    if court.engine.firewall.raw_off
        && let Some(bound) = container.ports.iter().find(|bound| is_loopback(bound))
    {
        let message = format!(
            "port {}/{} is published on loopback, and who shares a network with the host reaches it: the engine runs with \
             DOCKER_INSECURE_NO_IPTABLES_RAW",
            bound.host_port, bound.protocol
        );
        court.finds(Class::Exposure, member.key, "DOCKER_INSECURE_NO_IPTABLES_RAW", message);
    }
}

/// What the engine writes for every address before it has chosen one.
fn address(bound: &PublishedPort) -> &str {
    if bound.host_ip.is_empty() { "0.0.0.0" } else { &bound.host_ip }
}

/// Whether it is bound to loopback.
pub(super) fn is_loopback(bound: &PublishedPort) -> bool {
    bound.host_ip.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn message(bound: &PublishedPort, listed: &[Publish], engine: String) -> String {
    let port = format!("port {}/{}", bound.host_port, bound.protocol);
    let same =
        |entry: &&Publish| (entry.first..=entry.last).contains(&bound.host_port) && entry.protocol == bound.protocol;
    let meant: Vec<String> = listed.iter().filter(same).map(ToString::to_string).collect();
    let what = match meant.as_slice() {
        [] => format!("{port} is published on {} and not listed", address(bound)),
        meant => format!("{port} is published on {}, and listed is {}", address(bound), meant.join(" and ")),
    };
    match is_loopback(bound) {
        true => what,
        false => format!("{what}; with {engine} containers of other networks reach it through the host as well"),
    }
}
