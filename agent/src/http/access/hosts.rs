//! Host names the agent answers to: the defence against DNS rebinding.
//!
//! A page of another site can make its own name point at the agent's address; the browser then lets it read the answers, but says
//! the page's name in `Host`. So names which only the owner of the network can give are taken, and those anybody can register are
//! not, unless they are configured.

use std::net::{IpAddr, Ipv6Addr};

use http::{header, request::Parts};

/// Ends of names which no registry gives out: this machine, this network, this household.
const PRIVATE: [&str; 4] = [".localhost", ".internal", ".local", ".home.arpa"];

/// Configured names beside those always taken.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    whole: Vec<String>,
    /// With their leading dot.
    ends: Vec<String>,
}

/// Whom a request is for: a name in lower case without its final dot, and a port when it is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) port: Option<u16>,
}

/// Not a host, or two of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAHost;

/// The host of a request: of its target when that names one, and then `Host` has to agree. `None` when it names none.
pub(super) fn of(request: &Parts) -> Result<Option<Host>, NotAHost> {
    let mut fields = request.headers.get_all(header::HOST).into_iter();
    let field = match (fields.next(), fields.next()) {
        (Some(_), Some(_)) => return Err(NotAHost),
        (None, _) => None,
        (Some(value), None) => Some(value.to_str().ok().and_then(Host::parse).ok_or(NotAHost)?),
    };
    let Some(authority) = request.uri.authority() else { return Ok(field) };
    let target = Host::parse(authority.as_str()).ok_or(NotAHost)?;
    match field {
        Some(field) if field != target => Err(NotAHost),
        _ => Ok(Some(target)),
    }
}

impl Host {
    /// Reads `name`, `name:port`, `[v6]` or `[v6]:port`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, rest) = rest.split_once(']')?;
                (address.parse::<Ipv6Addr>().ok()?.to_string(), port_of(rest)?)
            }
            None => {
                let at = text.find(':').unwrap_or(text.len());
                let (name, rest) = text.split_at_checked(at)?;
                (name_of(name)?, port_of(rest)?)
            }
        };
        Some(Self { name, port })
    }
}

fn name_of(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    let fits = (1..=253).contains(&name.len()) && !name.starts_with('.') && !name.ends_with('.');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (fits && name.bytes().all(plain)).then(|| name.to_ascii_lowercase())
}

/// `` or `:port`; an empty port is none.
fn port_of(text: &str) -> Option<Option<u16>> {
    match text.strip_prefix(':') {
        None if text.is_empty() => Some(None),
        Some("") => Some(None),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(Some(digits.parse().ok()?)),
        _ => None,
    }
}

impl Hosts {
    /// Takes the configured names; they were checked there.
    pub(super) fn new(names: &[String]) -> Self {
        let (mut whole, mut ends) = (Vec::new(), Vec::new());
        for name in names {
            match name.strip_prefix('*') {
                Some(end) => ends.push(end.to_ascii_lowercase()),
                None => whole.push(name.to_ascii_lowercase()),
            }
        }
        Self { whole, ends }
    }

    /// Whether the agent answers to that name; `own` are names this host has.
    pub(super) fn allow(&self, host: &Host, own: [Option<&str>; 2]) -> bool {
        let name = host.name.as_str();
        // A page from a bare address is a page from that address. A name without a dot is one only the resolver of this
        // network knows: a container, a service, a machine.
        name.parse::<IpAddr>().is_ok()
            || !name.contains('.')
            || PRIVATE.iter().any(|end| name.ends_with(end))
            || own.into_iter().flatten().any(|own| own.eq_ignore_ascii_case(name))
            || self.whole.iter().any(|whole| whole == name)
            || self.ends.iter().any(|end| name.ends_with(end.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Option<(String, Option<u16>)> {
        Host::parse(text).map(|host| (host.name, host.port))
    }

    #[test]
    fn hosts_are_read() {
        for (text, expected) in [
            ("spyhop:9477", Some(("spyhop", Some(9477)))),
            ("SpyHop.Example.", Some(("spyhop.example", None))),
            ("127.0.0.1:80", Some(("127.0.0.1", Some(80)))),
            ("[::1]:9477", Some(("::1", Some(9477)))),
            ("[0:0::1]", Some(("::1", None))),
            ("a:", Some(("a", None))),
            ("", None),
            (":80", None),
            ("::1", None),
            ("a:b", None),
            ("a:65536", None),
            ("a:+80", None),
            ("a:80:80", None),
            ("[::1", None),
            ("[::1]x", None),
            ("[localhost]", None),
            ("user@a", None),
            ("a b", None),
            ("a,b", None),
            ("a/b", None),
            ("a%00", None),
            (".a", None),
            ("a..", None),
            (".", None),
        ] {
            assert_eq!(parsed(text), expected.map(|(name, port)| (name.to_owned(), port)), "{text:?}");
        }
        assert_eq!(parsed(&"a".repeat(254)), None);
    }

    #[test]
    fn target_and_field_have_to_agree() {
        let of = |target: &str, fields: &[&str]| {
            let mut request = Request::get(target);
            for field in fields {
                request = request.header(header::HOST, *field);
            }
            super::of(&request.body(()).unwrap().into_parts().0).map(|host| host.map(|host| host.name))
        };
        assert_eq!(of("/", &[]), Ok(None));
        assert_eq!(of("/", &["a:1"]), Ok(Some("a".into())));
        assert_eq!(of("http://a:1/", &["a:1"]), Ok(Some("a".into())));
        assert_eq!(of("http://a:1/", &[]), Ok(Some("a".into())));
        for (target, fields) in [
            ("/", &["a", "a"][..]),
            ("/", &["a b"]),
            ("/", &[""]),
            ("http://evil.example/", &["localhost"]),
            ("http://a:1/", &["a:2"]),
            ("http://me@a/", &["a"]),
        ] {
            assert_eq!(of(target, fields), Err(NotAHost), "{target} {fields:?}");
        }
    }

    #[test]
    fn names_anybody_can_register_are_not_answered_to() {
        let hosts = Hosts::new(&["metrics.example.org".into(), "*.corp.example".into()]);
        let own = [Some("node1.example.net"), Some("Harbour.Example.NET")];
        for (name, expected) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("192.168.1.9", true),
            ("[fe80::1]", true),
            ("spyhop", true),
            ("shop_spyhop-1", true),
            ("app.localhost", true),
            ("host.docker.internal", true),
            ("nas.local", true),
            ("node1.example.net", true),
            ("harbour.example.net", true),
            ("metrics.example.org", true),
            ("METRICS.example.org.", true),
            ("a.b.corp.example", true),
            ("corp.example", false),
            ("evilcorp.example", false),
            ("rebind.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("metrics.example.org.evil.example", false),
            ("localhost.evil.example", false),
            ("node1.example.net.evil.example", false),
            ("xlocal.example", false),
            ("1.2.3.4.5", false),
        ] {
            assert_eq!(hosts.allow(&Host::parse(name).unwrap(), own), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_the_reader(text in "[a-z0-9.:\\[\\]@%/ -]{0,40}|.*") {
            let _host = Host::parse(&text);
        }
    }
}
