//! `http:8000/health`: protocol, port and path, and no host.

use std::{fmt, sync::Arc};

/// Longest path with its query, in bytes.
const MAX_PATH: usize = 512;

/// What is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// One request and its answer.
    Http,
    /// The same over TLS.
    Https,
    /// A connection.
    Tcp,
    /// A connection, a greeting and a certificate.
    Tls,
    /// `PING`.
    Redis,
    /// The beginning of a session.
    Postgres,
    /// Routes that labels ask for, beside those that Traefik has.
    Traefik,
}

impl Kind {
    /// Every kind; the last one is the file's alone.
    pub const ALL: [Self; 7] =
        [Self::Http, Self::Https, Self::Tcp, Self::Tls, Self::Redis, Self::Postgres, Self::Traefik];

    /// The word in labels, files and on series.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::Traefik => "traefik",
        }
    }

    /// The kind of that word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether a request is made, with a path.
    pub const fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    /// Whether a path may stand behind the port.
    pub const fn has_path(self) -> bool {
        matches!(self, Self::Http | Self::Https | Self::Traefik)
    }

    /// Whether a certificate is looked at.
    pub const fn is_tls(self) -> bool {
        matches!(self, Self::Https | Self::Tls)
    }

    /// Whether credentials can be shown.
    pub const fn has_credentials(self) -> bool {
        !matches!(self, Self::Tcp | Self::Tls)
    }

    /// Whether an option of that key is one of this kind.
    pub fn takes(self, key: &str) -> bool {
        match key {
            "status" | "body" | "not_body" | "method" | "headers" | "unauthorized" => self.is_http(),
            "bearer_file" => self.is_http() || self == Self::Traefik,
            "basic_auth" => self.has_credentials(),
            "server_name" | "names" | "ca_file" | "insecure_skip_verify" => self.is_tls() || self.takes("over_tls"),
            "over_tls" => matches!(self, Self::Redis | Self::Postgres),
            "info" => self == Self::Redis,
            "exposed_by_default" | "require_tls" | "require_auth" => self == Self::Traefik,
            "statistics" | "database" => self == Self::Postgres,
            _ => true,
        }
    }

    /// The port where a host is given without one.
    pub const fn usual_port(self) -> Option<u16> {
        match self {
            Self::Http => Some(80),
            Self::Https | Self::Tls => Some(443),
            Self::Redis => Some(6379),
            Self::Postgres => Some(5432),
            Self::Tcp | Self::Traefik => None,
        }
    }
}

/// What is asked: protocol, port and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aim {
    /// What is spoken.
    pub kind: Kind,
    /// Port, 1 to 65535.
    pub port: u16,
    /// Path with query, in characters that need no escape; `None` for kinds without one, and of HTTP for the convention.
    pub path: Option<Arc<str>>,
}

/// Why a text says no such thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AimError {
    /// No such word before the first colon.
    #[error("does not begin with http:, https:, tcp:, tls:, redis: or postgres:")]
    Kind,
    /// No number from 1 to 65535 behind it.
    #[error("has no port from 1 to 65535")]
    Port,
    /// A path where none can be, or one that is none.
    #[error(
        "has a path that is not absolute, is longer than 512 bytes, or has other characters than URLs take unescaped"
    )]
    Path,
}

impl Aim {
    /// `<kind>:<port>[/path]`, as a label says it.
    ///
    /// # Errors
    /// Which part is none.
    pub fn parse(text: &str) -> Result<Self, AimError> {
        let (kind, rest) = text.split_once(':').ok_or(AimError::Kind)?;
        Self::of(Kind::from_word(kind).ok_or(AimError::Kind)?, rest)
    }

    /// `<port>[/path]` of a kind.
    ///
    /// # Errors
    /// Which part is none.
    pub fn of(kind: Kind, text: &str) -> Result<Self, AimError> {
        let (port, rest) = text.split_at(text.find('/').unwrap_or(text.len()));
        let port = self::port(port).ok_or(AimError::Port)?;
        let path = match rest {
            "" => None,
            rest if kind.has_path() => Some(path(rest).ok_or(AimError::Path)?),
            _ => return Err(AimError::Path),
        };
        Ok(Self { kind, port, path })
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}{}", self.kind.as_str(), self.port, self.path.as_deref().unwrap_or_default())
    }
}

/// Digits alone, and 1 to 65535: a sign, a space or a name is not a port.
pub(super) fn port(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.len() <= 5 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten().filter(|port| *port != 0)
}

/// A path with its query, as it stands in a request line.
///
/// There is no percent sign in a path and no segment of dots: what stands here is what is asked for, for whoever is in between too.
/// Nor does it begin with two slashes, which some would read as a host.
pub fn path(text: &str) -> Option<Arc<str>> {
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte);
    let fits = path.starts_with('/')
        && !path.starts_with("//")
        && text.len() <= MAX_PATH
        && path.bytes().all(plain)
        && !path.split('/').any(|segment| matches!(segment, "." | ".."))
        && query.bytes().all(|byte| plain(byte) || matches!(byte, b'?' | b'%'))
        && text.parse::<http::uri::PathAndQuery>().is_ok();
    fits.then(|| text.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn aim(kind: Kind, port: u16, path: Option<&str>) -> Result<Aim, AimError> {
        Ok(Aim { kind, port, path: path.map(Into::into) })
    }

    #[test]
    fn what_a_label_may_say() {
        for (text, expected) in [
            ("http:8000/health", aim(Kind::Http, 8000, Some("/health"))),
            ("http:8000", aim(Kind::Http, 8000, None)),
            ("https:443/", aim(Kind::Https, 443, Some("/"))),
            ("https:443/a/b?c=%20d&e", aim(Kind::Https, 443, Some("/a/b?c=%20d&e"))),
            ("tcp:22", aim(Kind::Tcp, 22, None)),
            ("tls:8883", aim(Kind::Tls, 8883, None)),
            ("redis:6379", aim(Kind::Redis, 6379, None)),
            ("postgres:5432", aim(Kind::Postgres, 5432, None)),
        ] {
            assert_eq!(Aim::parse(text), expected, "{text}");
            assert_eq!(Aim::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        use AimError::{Kind as NoKind, Path, Port};
        for (text, expected) in [
            ("", NoKind),
            ("http", NoKind),
            ("HTTP:80", NoKind),
            (" http:80", NoKind),
            ("gopher:80", NoKind),
            ("http://evil/", Port),
            ("http://evil:80/", Port),
            ("http:evil", Port),
            ("http:evil:80/", Port),
            ("http:80@evil/", Port),
            ("http:80:90/", Port),
            ("http:@evil:80/", Port),
            ("http:[::1]:80/", Port),
            ("http:127.0.0.1:80/", Port),
            ("http:80#@evil/", Port),
            ("http:80?x", Port),
            ("http:0/", Port),
            ("http:65536/", Port),
            ("http:+80/", Port),
            ("http: 80/", Port),
            ("http:080000/", Port),
            ("http:\u{0668}\u{0660}/", Port),
            ("http:80\u{ff0f}x", Port),
            ("http:80//evil/", Path),
            ("http:80/..//x", Path),
            ("http:80/a/../b", Path),
            ("http:80/./b", Path),
            ("http:80/%0d%0aHost:evil", Path),
            ("http:80/a%2f", Path),
            ("http:80/a b", Path),
            ("http:80/a\r\nHost: evil", Path),
            ("http:80/a\0", Path),
            ("http:80/\\evil", Path),
            ("http:80/#x", Path),
            ("http:80/\u{e4}", Path),
            ("http:80/?a b", Path),
            ("http:80/?\u{e4}", Path),
            ("tcp:80/x", Path),
            ("redis:6379/0", Path),
        ] {
            assert_eq!(Aim::parse(text), Err(expected), "{text:?}");
        }
        assert_eq!(Aim::parse(&format!("http:80/{}", "x".repeat(MAX_PATH))), Err(Path));
    }

    proptest! {
        #[test]
        fn whatever_is_taken_is_one_harmless_request_line(text in "(http|https|tcp|x)?:?[0-9]{0,6}[ -~\\r\\n\\t\u{e4}]{0,40}|\\PC{0,60}") {
            if let Ok(aim) = Aim::parse(&text) {
                prop_assert!(aim.port > 0);
                let path = aim.path.as_deref().unwrap_or("/");
                prop_assert!(path.starts_with('/') && !path.starts_with("//") && path.len() <= MAX_PATH);
                prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#' && byte != b'\\'));
                let uri: http::Uri = path.parse().unwrap();
                prop_assert!(uri.host().is_none() && uri.scheme().is_none());
            }
        }
    }
}
