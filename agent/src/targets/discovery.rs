//! The document of `/sd`: Prometheus' HTTP service discovery (<https://prometheus.io/docs/prometheus/latest/http_sd/>).
//!
//! A JSON list of target groups, complete each time, `[]` when there is none. A group holds one target, because each has
//! labels of its own. Two targets of one job must differ in a label that stays: `instance` is the container's name and port,
//! which outlive addresses.

use std::{
    collections::BTreeMap,
    net::{Ipv6Addr, SocketAddr},
    time::Duration,
};

use serde::Serialize;

use super::{
    List, Target,
    declare::{Declaration, Scheme},
    standpoint::first,
    way::Way,
};

/// Prometheus' own default; a declared interval below it needs a shorter timeout, or the target is refused.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the list points at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The agent's own `/proxy/...`: Prometheus needs to reach nothing but the agent.
    #[default]
    Proxy,
    /// The containers' addresses: Prometheus must reach their networks.
    Direct,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::Proxy, Self::Direct];

    /// The word in `?mode=` and in the file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proxy => "proxy",
            Self::Direct => "direct",
        }
    }

    /// The mode of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == word)
    }
}

/// How Prometheus reaches the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Scheme.
    pub scheme: Scheme,
    /// `host:port`, or a host alone.
    pub authority: String,
    /// Path in front of the agent's own, without a slash at its end; usually empty.
    pub prefix: String,
}

impl Agent {
    /// Reads `http://host:port/prefix`; `None` for anything else, such as one with a user in it.
    pub fn from_url(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let (authority, prefix) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~".contains(&b);
        let prefix = prefix.trim_end_matches('/');
        (is_authority(authority) && prefix.bytes().all(plain)).then(|| Self {
            scheme,
            authority: authority.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    /// From what a client wrote into its `Host` header; `None` when that is no name or address.
    pub fn from_host(host: &str, scheme: Scheme) -> Option<Self> {
        is_authority(host).then(|| Self { scheme, authority: host.to_owned(), prefix: String::new() })
    }
}

/// `name`, `name:port`, `1.2.3.4:port` or `[::1]:port`.
fn is_authority(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let is_name = |name: &str| (1..=255).contains(&name.len()) && name.bytes().all(plain);
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address.parse::<Ipv6Addr>().is_ok(), port),
        None => {
            let (name, port) = text.find(':').map_or((text, ""), |at| text.split_at(at));
            (is_name(name), port)
        }
    };
    host && port.strip_prefix(':').map_or_else(|| port.is_empty(), |port| port.parse::<u16>().is_ok())
}

/// One target group.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    targets: [String; 1],
    labels: BTreeMap<String, String>,
}

/// The groups of all targets which `wanted` admits.
///
/// Through the proxy, what the agent cannot reach is left out: an `up` of 0 would say that the application is down, and
/// nobody knows that. `spyhop_target_reachable` tells of it instead. Direct targets are all there, since Prometheus stands
/// elsewhere; only those without an address or with a wrong declaration are not.
pub fn groups(list: &List, mode: Mode, agent: &Agent, wanted: impl Fn(&Target) -> bool) -> Vec<Group> {
    let host = list.host.as_deref().unwrap_or_default();
    let group = |target: &Target| match mode {
        Mode::Proxy => proxied(host, target, agent),
        Mode::Direct => direct(host, target),
    };
    list.targets.iter().filter(|target| wanted(target)).filter_map(group).collect()
}

fn proxied(host: &str, target: &Target, agent: &Agent) -> Option<Group> {
    let (declaration, way) = target.end.as_ref().ok()?;
    let path = if *way == Way::Itself { "/metrics" } else { &target.proxy_path };
    let mut labels = common(host, target, declaration);
    put(&mut labels, "__scheme__", agent.scheme.as_str());
    put(&mut labels, "__metrics_path__", &format!("{}{path}", agent.prefix));
    Some(Group { targets: [agent.authority.clone()], labels })
}

fn direct(host: &str, target: &Target) -> Option<Group> {
    let declaration = target.declaration.as_ref()?;
    let known = target.end.as_ref().ok().and_then(|(_, way)| way.address()).map(|at| at.to_string());
    let any = || {
        let first = target.entry.container.networks.iter().find_map(first);
        first.map(|ip| SocketAddr::new(ip, declaration.port).to_string())
    };
    let address = known.or_else(any)?;
    let mut labels = common(host, target, declaration);
    put(&mut labels, "__scheme__", declaration.scheme.as_str());
    put(&mut labels, "__metrics_path__", declaration.path.path());
    for (name, value) in declaration.path.parameters() {
        put(&mut labels, &format!("__param_{name}"), &decode(value));
    }
    Some(Group { targets: [address], labels })
}

fn common(host: &str, target: &Target, declaration: &Declaration) -> BTreeMap<String, String> {
    let (container, replica) = (&target.entry.container, &target.entry.replica);
    let key = &container.identity.key;
    let mut labels = BTreeMap::new();
    let port = declaration.port.to_string();
    // One container may declare several paths on one port.
    let further = if target.number == 1 { "" } else { declaration.path.as_str() };
    let instance = format!("{}:{port}{further}", container.name);
    let (reason, vantage) = match &target.end {
        Ok((_, way)) => ("", way.vantage()),
        Err(reason) => (reason.as_str(), "none"),
    };
    for (name, value) in [
        ("host", host),
        ("project", &key.project),
        ("service", &key.service),
        ("replica", replica),
        ("instance", &instance),
        ("__meta_spyhop_container_id", container.id.as_str()),
        ("__meta_spyhop_container_name", &container.name),
        ("__meta_spyhop_image", &container.image),
        ("__meta_spyhop_target", &target.n),
        ("__meta_spyhop_port", &port),
        ("__meta_spyhop_path", declaration.path.as_str()),
        ("__meta_spyhop_declared_by", declaration.by.as_str()),
        ("__meta_spyhop_vantage", vantage),
        ("__meta_spyhop_unreachable_reason", reason),
    ] {
        put(&mut labels, name, value);
    }
    let way = target.end.as_ref().ok().map(|(_, way)| way);
    if let Some((at, network)) = way.and_then(|way| way.address().zip(way.network())) {
        put(&mut labels, "__meta_spyhop_address", &at.to_string());
        put(&mut labels, "__meta_spyhop_network", network);
    }
    if let Some(interval) = declaration.interval {
        put(&mut labels, "__scrape_interval__", &format!("{}s", interval.as_secs()));
        put(&mut labels, "__scrape_timeout__", &format!("{}s", interval.min(DEFAULT_TIMEOUT).as_secs()));
    }
    labels
}

fn put(labels: &mut BTreeMap<String, String>, name: &str, value: &str) {
    labels.insert(name.to_owned(), value.to_owned());
}

/// Undoes the percent-encoding of a query's value: `__param_*` holds plain text.
fn decode(value: &str) -> String {
    let mut bytes = value.bytes();
    let mut plain = Vec::with_capacity(value.len());
    while let Some(byte) = bytes.next() {
        let escaped = || {
            let mut ahead = bytes.clone();
            let digit = |b: Option<u8>| char::from(b?).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            Some((digit(ahead.next())? << 4 | digit(ahead.next())?, ahead))
        };
        match byte {
            b'+' => plain.push(b' '),
            b'%' => match escaped() {
                Some((byte, rest)) => {
                    plain.push(byte);
                    bytes = rest;
                }
                None => plain.push(b'%'),
            },
            byte => plain.push(byte),
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

#[cfg(test)]
#[path = "tests/discovery.rs"]
mod tests;
