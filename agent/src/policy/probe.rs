//! What is asked of a target: plain values, the same whether a label or the file says them.
//!
//! Which host is asked is not among them: a probe of a service goes to each of its containers, and only a target elsewhere
//! ([`Elsewhere`]), which only the file can name, has a host.

mod aim;

use std::{path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Method};

pub use aim::{Aim, AimError, Kind, path};

use crate::model::Expression;

/// Longest name of a probe, in bytes; it is a label of every series.
const MAX_NAME: usize = 63;

/// Bounds of an interval: nobody is to hammer, nor to switch a probe off by it.
pub const INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// Bounds of a timeout and of a budget. One probe holds a place for so long at most.
pub const TIMEOUTS: std::ops::RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(60);

/// Most items of one list, and names of one certificate.
pub const MAX_LIST: usize = 32;

/// What is asked, and what counts as a good answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Protocol, port and path.
    pub aim: Aim,
    /// Time between two probes, within [`INTERVALS`]; `None` is that of the tier.
    pub interval: Option<Duration>,
    /// When it fails, within [`TIMEOUTS`]; `None` is the usual.
    pub timeout: Option<Duration>,
    /// What takes longer is slow, within [`TIMEOUTS`]; `None` nothing is.
    pub max_duration: Option<Duration>,
    /// Of an HTTP answer.
    pub answer: Expected,
    /// Method of a request: one that changes nothing.
    pub method: Method,
    /// Headers of a request, names unique. Their values are no secrets.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Who we are.
    pub credentials: Credentials,
    /// Answers of which one must come to a request without credentials; empty where nobody asks for that.
    pub unauthorized: Vec<Status>,
    /// Of its certificate.
    pub tls: Tls,
    /// Figures that Redis (`INFO`) or PostgreSQL (its statistics views) are asked for beside.
    pub figures: bool,
    /// Database of PostgreSQL; `None` is `postgres`.
    pub database: Option<Arc<str>>,
    /// Of Traefik's routes.
    pub routes: Routes,
}

impl Probe {
    /// Asks as a label without options would.
    pub fn new(aim: Aim) -> Self {
        Self {
            aim,
            interval: None,
            timeout: None,
            max_duration: None,
            answer: Expected::default(),
            method: Method::GET,
            headers: Vec::new(),
            credentials: Credentials::None,
            unauthorized: Vec::new(),
            tls: Tls::default(),
            figures: false,
            database: None,
            routes: Routes::default(),
        }
    }
}

/// What an HTTP answer must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// One of these; empty is 200 to 299.
    pub status: Vec<Status>,
    /// Its body must match.
    pub body: Option<Expression>,
    /// Its body must not match.
    pub not_body: Option<Expression>,
}

/// What a certificate must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Redis and PostgreSQL are spoken to over TLS. Of the other kinds the kind says so.
    pub over: bool,
    /// The name that is asked for, and that the certificate must have; `None` is the service's, or the target's host.
    pub server_name: Option<Arc<str>>,
    /// Further names that the certificate must have.
    pub names: Vec<Arc<str>>,
    /// Roots (PEM) that count; `None` for those of this machine. A relative name is one in the secrets directory.
    pub ca_file: Option<PathBuf>,
    /// A certificate that does not verify is told and does not fail the probe.
    pub insecure: bool,
}

/// What Traefik's routes must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    /// Containers get routes that do not ask for one (`providers.docker.exposedByDefault`).
    pub exposed_by_default: bool,
    /// Each must have TLS, or do nothing but redirect.
    pub require_tls: bool,
    /// Each must have a middleware that authenticates.
    pub require_auth: bool,
}

/// Who we are. Relative names are those in the secrets directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    None,
    /// The token in this file.
    Bearer(PathBuf),
    /// A user, and the password in this file.
    Basic {
        /// User; without a colon or a control character.
        user: Arc<str>,
        /// File with the password; `None` asks without one.
        password: Option<PathBuf>,
    },
}

/// A status, or all of its hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    least: u16,
    most: u16,
}

impl Status {
    /// `200`, or `2xx`.
    pub fn parse(text: &str) -> Option<Self> {
        let class = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"));
        let digits = |text: &str, count| {
            let fits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
            fits.then(|| text.parse::<u16>().ok()).flatten()
        };
        let (least, most) = match class {
            Some(class) => digits(class, 1).map(|class| (class * 100, class * 100 + 99))?,
            None => digits(text, 3).map(|status| (status, status))?,
        };
        (100..600).contains(&least).then_some(Self { least, most })
    }

    /// Whether an answer is it.
    pub const fn holds(self, status: u16) -> bool {
        self.least <= status && status <= self.most
    }
}

/// A target that is no container of this host.
#[derive(Clone, Debug, PartialEq)]
pub struct Elsewhere {
    /// Its name: `service` of its series.
    pub name: Arc<str>,
    /// Host name or address; an IPv6 address without brackets.
    pub host: Arc<str>,
    /// What is asked.
    pub probe: Arc<Probe>,
    /// Who is dialled in its place; what is asked stays the same.
    pub connect: Option<Backend>,
    /// Over which protocol; `None` is IPv4, and IPv6 where the name has no other address.
    pub family: Option<Family>,
    /// Its tier.
    pub tier: Option<Arc<str>>,
}

/// A port of a service of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    /// Project; empty for none.
    pub project: Arc<str>,
    /// Service.
    pub service: Arc<str>,
    /// Port inside its containers.
    pub port: u16,
}

impl Backend {
    /// `project/service:port`; without a project `/service:port`, or `service:port`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, port) = text.rsplit_once(':')?;
        let (project, service) = name.rsplit_once('/').unwrap_or(("", name));
        let fits = !service.is_empty() && !name.chars().any(char::is_control);
        let port = aim::port(port)?;
        fits.then(|| Self { project: project.into(), service: service.into(), port })
    }
}

/// Version of the internet protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Whether this may be the name of a probe: letters, digits, `_` and `-`, at most 63.
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !text.is_empty() && text.len() <= MAX_NAME && text.bytes().all(plain)
}

/// Whether a certificate can have this name: a host name or an address.
pub fn is_server_name(text: &str) -> bool {
    // 253: what the domain name system allows.
    text.len() <= 253 && rustls::pki_types::ServerName::try_from(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        for (text, good, bad) in [("200", 200, 201), ("2xx", 299, 300), ("4XX", 404, 399), ("503", 503, 500)] {
            let status = Status::parse(text).unwrap();
            assert!(status.holds(good) && !status.holds(bad), "{text}");
        }
        for text in ["", "2", "20", "2x", "xx", "0xx", "6xx", "099", "600", "2000", "+20", "2 0", "22xx", "2xxx"] {
            assert_eq!(Status::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn backends() {
        let backend = |project: &str, service: &str, port| {
            Some(Backend { project: project.into(), service: service.into(), port })
        };
        assert_eq!(Backend::parse("shop/web:443"), backend("shop", "web", 443));
        assert_eq!(Backend::parse("/web:443"), backend("", "web", 443));
        assert_eq!(Backend::parse("web:443"), backend("", "web", 443));
        for text in ["", "shop/web", "shop/:443", ":443", "shop/web:0", "shop/web:65536", "shop/web:+1", "a\n/web:1"] {
            assert_eq!(Backend::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn names() {
        for name in ["health", "a", "A-1_b", &"x".repeat(63)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "a.b", "a b", "\u{e4}", "a\n", &"x".repeat(64)] {
            assert!(!is_name(name), "{name:?}");
        }
        assert!(is_server_name("shop.example") && is_server_name("192.0.2.1") && is_server_name("::1"));
        assert!(!is_server_name("") && !is_server_name("a b") && !is_server_name("evil/x") && !is_server_name("a:80"));
    }
}
