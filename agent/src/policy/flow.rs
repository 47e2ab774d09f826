//! Who may talk to whom, inside a project and out of it. Read here, held against what is seen by `isolation`.

use std::{fmt, net::IpAddr, sync::Arc};

use crate::model::{Glob, Protocol, ServiceKey, Subnet};

/// One line of `flows`: `source -> target:port[/udp][!]`. One end may be of another project: `project/service`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Who begins it: a service, or a pattern.
    pub source: Glob,
    /// The source's project where it is another than the one that says so; a name, no pattern.
    pub source_project: Option<Arc<str>>,
    /// Whom it goes to: a service, or a pattern.
    pub target: Glob,
    /// The target's project where it is another than the one that says so; a name, no pattern.
    pub target_project: Option<Arc<str>>,
    /// Port in the target: its own, not one that is published for it.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: Arc<str>,
    /// It must also work.
    pub required: bool,
}

impl Flow {
    /// Reads a line; `None` for anything else. A flow between two other projects is nobody's business here.
    pub fn parse(text: &str) -> Option<Self> {
        let (source, rest) = text.split_once("->")?;
        let ((source_project, source), rest) = (end(source.trim())?, rest.trim());
        let (rest, required) = rest.strip_suffix('!').map_or((rest, false), |rest| (rest, true));
        let (target, port) = rest.rsplit_once(':')?;
        let (target_project, target) = end(target.trim())?;
        let (port, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        let port = port.parse().ok().filter(|port| *port > 0)?;
        let known = Protocol::from_word(protocol).is_some() && (source_project.is_none() || target_project.is_none());
        let protocol = protocol.into();
        known.then_some(Self { source, source_project, target, target_project, port, protocol, required })
    }

    /// Whether it lets one service begin with another, said by a project of this name.
    pub fn admits(&self, said_by: &str, from: &ServiceKey, to: &ServiceKey, port: u16, protocol: Protocol) -> bool {
        let is = |project: &Option<Arc<str>>, name: &Glob, key: &ServiceKey| {
            *key.project == *project.as_deref().unwrap_or(said_by) && name.matches(&key.service)
        };
        self.port == port
            && *self.protocol == *protocol.as_str()
            && is(&self.source_project, &self.source, from)
            && is(&self.target_project, &self.target, to)
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = |project: &Option<Arc<str>>| project.as_ref().map(|name| format!("{name}/")).unwrap_or_default();
        write!(f, "{}{} -> ", slash(&self.source_project), self.source.as_str())?;
        write!(f, "{}{}:{}", slash(&self.target_project), self.target.as_str(), self.port)?;
        if *self.protocol != *"tcp" {
            write!(f, "/{}", self.protocol)?;
        }
        f.write_str(if self.required { "!" } else { "" })
    }
}

/// One entry of `egress`: `host:port[/udp]`, `CIDR:port`, `[2001:db8::/32]:443`, `*:443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressTarget {
    /// Host name (with `*` in front for what is below a domain), address, network or `*`.
    pub host: Arc<str>,
    /// Port; `None` is any.
    pub port: Option<u16>,
    /// What is spoken: TCP unless it says `/udp`; `None` is both, of any port.
    pub protocol: Option<Protocol>,
    /// The range, where it is one.
    pub range: Option<Subnet>,
}

impl EgressTarget {
    /// Reads an entry; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let (port, word) = port.split_once('/').map_or((port, None), |(port, word)| (port, Some(word)));
        let port = match port {
            "*" => None,
            port => Some(port.parse().ok().filter(|port| *port > 0)?),
        };
        let protocol = match (word, port) {
            (Some(word), _) => Some(Protocol::from_word(word)?),
            (None, Some(_)) => Some(Protocol::Tcp),
            (None, None) => None,
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let range = Subnet::parse(host);
        let name = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-_.*".contains(c));
        (range.is_some() || name).then(|| Self { host: host.into(), port, protocol, range })
    }

    /// Whether it names a host, which is as good as whoever resolves it.
    pub fn is_name(&self) -> bool {
        self.range.is_none() && *self.host != *"*"
    }

    /// Whether it lets somebody out to an address. `names` are those the address is known under; `None` when nobody has looked, and then
    /// a name admits every address on its port: what cannot be told apart is not held against anybody. Ranges are exact.
    pub fn admits(&self, address: IpAddr, port: u16, protocol: Protocol, names: Option<&[Arc<str>]>) -> bool {
        let fits = self.port.is_none_or(|own| own == port) && self.protocol.is_none_or(|own| own == protocol);
        let host = match (self.range, names) {
            (Some(range), _) => range.contains(address),
            (None, _) if *self.host == *"*" => true,
            (None, None) => true,
            (None, Some(names)) => names.iter().any(|name| is_host(&self.host, name)),
        };
        fits && host
    }
}

impl fmt::Display for EgressTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:", self.host)?,
            false => write!(f, "{}:", self.host)?,
        }
        match self.port {
            Some(port) => write!(f, "{port}")?,
            None => f.write_str("*")?,
        }
        match (self.protocol, self.port) {
            (None, _) | (Some(Protocol::Tcp), Some(_)) => Ok(()),
            (Some(protocol), _) => write!(f, "/{}", protocol.as_str()),
        }
    }
}

/// Names of hosts are the same in any case, and with a dot behind them.
fn is_host(pattern: &str, name: &str) -> bool {
    let plain = |text: &str| text.trim_end_matches('.').to_ascii_lowercase();
    Glob::matches_pattern(&plain(pattern), &plain(name))
}

/// `service`, or `project/service`.
fn end(text: &str) -> Option<(Option<Arc<str>>, Glob)> {
    match text.split_once('/') {
        None => Some((None, name(text)?)),
        Some((project, service)) => {
            let project = name(project).filter(|project| !project.as_str().contains('*'))?;
            Some((Some(project.as_str().into()), name(service)?))
        }
    }
}

fn name(text: &str) -> Option<Glob> {
    let fits = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_.*".contains(c));
    fits.then(|| Glob::new(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn flows_are_read_and_written() {
        for text in [
            "traefik -> api:8080!",
            "api -> db:5432",
            "* -> dns:53/udp",
            "a-1 -> b_2:1/udp!",
            "api -> data/db:5432",
            "monitoring/prometheus -> api:9100",
        ] {
            assert_eq!(Flow::parse(text).map(|flow| flow.to_string()).as_deref(), Some(text));
        }
        for text in [
            "",
            "a",
            "a -> b",
            "a -> b:0",
            "a->b:http",
            "-> b:1",
            "a -> :1",
            "a -> b:1/icmp",
            "a b -> c:1",
            "x/a -> y/b:1",
            "*/a -> b:1",
            "/a -> b:1",
            "a -> x/:1",
            "a -> x/y/z:1",
        ] {
            assert_eq!(Flow::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_flow_admits_whom_it_names() {
        let key = |text: &str| {
            let (project, service) = text.split_once('/').unwrap();
            ServiceKey { project: project.into(), service: service.into() }
        };
        for (flow, from, to, port, protocol, expected) in [
            ("a -> b:1", "shop/a", "shop/b", 1, Protocol::Tcp, true),
            ("a -> b:1", "shop/a", "shop/b", 2, Protocol::Tcp, false),
            ("a -> b:1", "shop/a", "shop/b", 1, Protocol::Udp, false),
            ("a -> b:1/udp", "shop/a", "shop/b", 1, Protocol::Udp, true),
            ("a -> b:1", "shop/b", "shop/a", 1, Protocol::Tcp, false),
            ("a -> b:1", "other/a", "shop/b", 1, Protocol::Tcp, false),
            ("* -> b:1", "shop/x", "shop/b", 1, Protocol::Tcp, true),
            ("* -> b:1", "other/x", "shop/b", 1, Protocol::Tcp, false),
            ("a -> data/db:1", "shop/a", "data/db", 1, Protocol::Tcp, true),
            ("a -> data/db:1", "shop/a", "shop/db", 1, Protocol::Tcp, false),
            ("mon/p -> b:1", "mon/p", "shop/b", 1, Protocol::Tcp, true),
        ] {
            let flow = Flow::parse(flow).unwrap();
            assert_eq!(flow.admits("shop", &key(from), &key(to), port, protocol), expected, "{flow} {from} {to}");
        }
    }

    #[test]
    fn egress_is_read() {
        let read = |text| EgressTarget::parse(text).map(|target| (target.host.to_string(), target.port));
        assert_eq!(read("api.stripe.com:443"), Some(("api.stripe.com".into(), Some(443))));
        assert_eq!(read("10.0.0.0/8:25"), Some(("10.0.0.0/8".into(), Some(25))));
        assert_eq!(read("*:*"), Some(("*".into(), None)));
        for text in ["x", ":1", "a b:1", "a:0", "10.0.0.0/33:1", "a/b:1", "a:1/icmp", "2001:db8::/129:1", "\u{e4}:1"] {
            assert_eq!(read(text), None, "{text}");
        }
        for text in
            ["api.stripe.com:443", "10.0.0.0/8:25", "*:*", "[2001:db8::/32]:443", "*:123/udp", "*:*/udp", "*:*/tcp"]
        {
            assert_eq!(EgressTarget::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn egress_admits_what_it_names() {
        let known: [Arc<str>; 1] = ["API.stripe.com.".into()];
        for (entry, address, port, protocol, names, expected) in [
            ("10.0.0.0/8:25", "10.1.2.3", 25, Protocol::Tcp, None, true),
            ("10.0.0.0/8:25", "10.1.2.3", 26, Protocol::Tcp, None, false),
            ("10.0.0.0/8:25", "11.1.2.3", 25, Protocol::Tcp, None, false),
            ("203.0.113.9:25", "203.0.113.9", 25, Protocol::Tcp, None, true),
            ("*:443", "203.0.113.9", 443, Protocol::Tcp, None, true),
            ("*:443", "203.0.113.9", 443, Protocol::Udp, None, false),
            ("*:*", "2001:db8::1", 9, Protocol::Udp, None, true),
            ("[2001:db8::/32]:443", "2001:db8::1", 443, Protocol::Tcp, None, true),
            // Nobody has looked the name up.
            ("api.stripe.com:443", "203.0.113.9", 443, Protocol::Tcp, None, true),
            ("api.stripe.com:443", "203.0.113.9", 80, Protocol::Tcp, None, false),
            ("api.stripe.com:443", "203.0.113.9", 443, Protocol::Tcp, Some(known.as_slice()), true),
            ("*.stripe.com:443", "203.0.113.9", 443, Protocol::Tcp, Some(known.as_slice()), true),
            ("example.com:443", "203.0.113.9", 443, Protocol::Tcp, Some(known.as_slice()), false),
        ] {
            let entry = EgressTarget::parse(entry).unwrap();
            assert_eq!(
                entry.admits(address.parse().unwrap(), port, protocol, names),
                expected,
                "{entry} {address}:{port}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(text in "[a-z*/.:>! 0-9-]{0,30}") {
            if let Some(flow) = Flow::parse(&text) {
                prop_assert_eq!(Flow::parse(&flow.to_string()), Some(flow));
            }
            if let Some(target) = EgressTarget::parse(&text) {
                prop_assert_eq!(EgressTarget::parse(&target.to_string()), Some(target));
            }
        }
    }
}
