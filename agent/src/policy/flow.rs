//! Who may talk to whom: read and kept from the first version on, checked by the isolation part.

use std::{fmt, sync::Arc};

use crate::model::Glob;

/// One line of `flows`: `source -> target:port[/udp][!]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Who begins it: a service, or a pattern.
    pub source: Glob,
    /// Whom it goes to: a service, or a pattern.
    pub target: Glob,
    /// Port in the target.
    pub port: u16,
    /// `tcp` or `udp`.
    pub protocol: Arc<str>,
    /// It must also work.
    pub required: bool,
}

impl Flow {
    /// Reads a line; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (source, rest) = text.split_once("->")?;
        let (source, rest) = (name(source.trim())?, rest.trim());
        let (rest, required) = rest.strip_suffix('!').map_or((rest, false), |rest| (rest, true));
        let (target, port) = rest.rsplit_once(':')?;
        let (port, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        let port = port.parse().ok().filter(|port| *port > 0)?;
        let known = ["tcp", "udp"].contains(&protocol);
        known.then_some(Self { source, target: name(target.trim())?, port, protocol: protocol.into(), required })
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}:{}", self.source.as_str(), self.target.as_str(), self.port)?;
        if *self.protocol != *"tcp" {
            write!(f, "/{}", self.protocol)?;
        }
        f.write_str(if self.required { "!" } else { "" })
    }
}

/// One entry of `egress`: `host:port`, `CIDR:port`, `*:443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EgressTarget {
    /// Host name, address, network or `*`.
    pub host: Arc<str>,
    /// Port; `None` is any.
    pub port: Option<u16>,
}

impl EgressTarget {
    /// Reads an entry; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = match port {
            "*" => None,
            port => Some(port.parse().ok().filter(|port| *port > 0)?),
        };
        let fits = !host.is_empty() && host.chars().all(|c| c.is_ascii_graphic());
        fits.then(|| Self { host: host.into(), port })
    }
}

fn name(text: &str) -> Option<Glob> {
    let fits = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_.*".contains(c));
    fits.then(|| Glob::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flows_are_read_and_written() {
        for text in ["traefik -> api:8080!", "api -> db:5432", "* -> dns:53/udp", "a-1 -> b_2:1/udp!"] {
            assert_eq!(Flow::parse(text).map(|flow| flow.to_string()).as_deref(), Some(text));
        }
        for text in ["", "a", "a -> b", "a -> b:0", "a->b:http", "-> b:1", "a -> :1", "a -> b:1/icmp", "a b -> c:1"] {
            assert_eq!(Flow::parse(text), None, "{text}");
        }
    }

    #[test]
    fn egress_is_read() {
        let read = |text| EgressTarget::parse(text).map(|target| (target.host.to_string(), target.port));
        assert_eq!(read("api.stripe.com:443"), Some(("api.stripe.com".into(), Some(443))));
        assert_eq!(read("10.0.0.0/8:25"), Some(("10.0.0.0/8".into(), Some(25))));
        assert_eq!(read("*:*"), Some(("*".into(), None)));
        assert_eq!((read("x"), read(":1"), read("a b:1"), read("a:0")), (None, None, None, None));
    }
}
