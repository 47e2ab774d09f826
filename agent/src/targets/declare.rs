//! What a container declares: its labels, read as something a stranger wrote.
//!
//! ```text
//! spyhop.metrics.port=8080          spyhop.metrics.2.port=9100       prometheus.io/scrape=true   (or prometheus.io.scrape)
//! spyhop.metrics.path=/metrics      spyhop.metrics.2.path=/stats     prometheus.io/port=8080
//! spyhop.metrics.scheme=http                                         prometheus.io/path=/metrics
//! spyhop.metrics.interval=30s                                        prometheus.io/scheme=http
//! spyhop.metrics.server_name=web.example
//! ```
//!
//! A label says which port and which path, never which host: the address is always the container's own, and a server name is only what
//! its certificate has to say. The unnumbered
//! labels are number 1. Where both spellings stand, spyhop's counts.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::model::{InOrder as _, Labels};

/// Declarations of one container that are read; more are left out.
pub const MAX_PER_CONTAINER: u16 = 16;

/// Longest path with its query, in bytes.
const MAX_PATH: usize = 512;

/// Bounds of a declared interval: a label must not make anybody hammer, nor switch a target off.
const INTERVALS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3600);

/// Longest server name that is read: that of the domain name system.
const MAX_SERVER_NAME: usize = 253;

const OWN: &str = "spyhop.metrics.";
const HABITUAL: [&str; 2] = ["prometheus.io/", "prometheus.io."];

/// How a target is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Plain HTTP.
    #[default]
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// As URLs spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Which labels declared it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// `spyhop.metrics.*`.
    Spyhop,
    /// `prometheus.io/*` or `prometheus.io.*`.
    Prometheus,
}

impl Spelling {
    /// The word in `__meta_spyhop_declared_by`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spyhop => "spyhop.metrics",
            Self::Prometheus => "prometheus.io",
        }
    }
}

/// A path with its query, checked to be harmless in a request line and in a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    whole: Arc<str>,
    query_at: usize,
}

impl Path {
    fn read(text: &str) -> Option<Self> {
        let query_at = text.find('?').unwrap_or(text.len());
        let (path, query) = text.split_at_checked(query_at)?;
        // What URLs take unescaped; no percent sign in the path, because Prometheus would escape it a second time.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&b);
        let fits = path.starts_with('/')
            && text.len() <= MAX_PATH
            && path.bytes().all(plain)
            && query.bytes().all(|b| plain(b) || matches!(b, b'?' | b'%'))
            && text.parse::<http::uri::PathAndQuery>().is_ok();
        let path = fits.then(|| Self { whole: text.into(), query_at })?;
        let mut names: Vec<_> = path.parameters().map(|(name, _)| name).collect();
        let count = names.len();
        names.order();
        names.dedup();
        // As labels `__param_<name>` they must be unique and made of what label names are made of.
        let label = |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        (names.len() == count && names.iter().all(label)).then_some(path)
    }

    /// Path and query, as in a request line.
    pub fn as_str(&self) -> &str {
        &self.whole
    }

    /// The path alone.
    pub fn path(&self) -> &str {
        self.whole.get(..self.query_at).unwrap_or_default()
    }

    /// Parameters of the query, still encoded; names are unique and valid in label names.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        let query = self.whole.get(self.query_at + 1..).unwrap_or_default();
        query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }
}

/// One declared endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Port inside the container, 1 to 65535.
    pub port: u16,
    /// Path; `/metrics` unless declared.
    pub path: Path,
    /// Scheme; http unless declared.
    pub scheme: Scheme,
    /// Whose certificate it must show with https: a name or an address; the service's name unless declared.
    pub server_name: Option<Arc<str>>,
    /// Wished scrape interval, 1 s to 1 h.
    pub interval: Option<Duration>,
    /// Which labels declared it.
    pub by: Spelling,
}

/// What is wrong with a declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// No port, or not a number from 1 to 65535.
    Port,
    /// Not an absolute path of harmless characters.
    Path,
    /// Neither http nor https.
    Scheme,
    /// Not a name or an address that a certificate can have.
    ServerName,
    /// Not a duration from 1 s to 1 h.
    Interval,
}

/// What one container declares, by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// In order of their numbers; numbers start at 1 and are unique.
    pub declarations: Vec<(u16, Result<Declaration, Mistake>)>,
    /// Labels left out because they number a declaration beyond [`MAX_PER_CONTAINER`].
    pub refused: u64,
}

#[derive(Clone, Copy, Default)]
struct Words<'a> {
    port: Option<&'a str>,
    path: Option<&'a str>,
    scheme: Option<&'a str>,
    server_name: Option<&'a str>,
    interval: Option<&'a str>,
}

/// Reads the labels of one container, in one pass: most have none of these.
pub fn declared(labels: &Labels) -> Declared {
    let mut own = BTreeMap::<u16, Words<'_>>::new();
    let mut habit = Habit::default();
    let mut refused = 0;
    for (key, value) in labels.iter() {
        let Some(rest) = key.strip_prefix(OWN) else {
            habit.look_at(key, value);
            continue;
        };
        let (number, word) = match rest.split_once('.') {
            None => (Some(1), rest),
            Some((number, word)) => (numbered(number), word),
        };
        if !WORDS.contains(&word) {
            continue;
        }
        match number {
            // Labels come sorted, digits before letters: the unnumbered spelling overwrites `spyhop.metrics.1.*`.
            Some(number) => own.entry(number).or_default().put(word, value),
            None => refused += 1,
        }
    }
    let mut declarations: Vec<_> =
        own.into_iter().map(|(number, words)| (number, words.read(Spelling::Spyhop))).collect();
    if declarations.is_empty() && habit.wanted {
        declarations.push((1, habit.words.read(Spelling::Prometheus)));
    }
    Declared { declarations, refused }
}

const WORDS: [&str; 5] = ["port", "path", "scheme", "server_name", "interval"];

/// The habit from elsewhere: a port alone declares nothing, `scrape` must be true.
#[derive(Default)]
struct Habit<'a> {
    wanted: bool,
    words: Words<'a>,
}

impl<'a> Habit<'a> {
    /// Of both spellings the one with the slash counts: it sorts behind the one with the dot.
    fn look_at(&mut self, key: &'a str, value: &'a str) {
        let Some(word) = HABITUAL.iter().find_map(|prefix| key.strip_prefix(prefix)) else { return };
        match word {
            "scrape" => self.wanted = value.trim().eq_ignore_ascii_case("true"),
            "port" | "path" | "scheme" => self.words.put(word, value),
            _ => {}
        }
    }
}

fn numbered(text: &str) -> Option<u16> {
    let number = text.parse().ok().filter(|number| (1..=MAX_PER_CONTAINER).contains(number))?;
    // `01` and `+1` would be a second spelling of 1.
    (number.to_string() == text).then_some(number)
}

impl<'a> Words<'a> {
    fn put(&mut self, word: &str, value: &'a str) {
        let slot = match word {
            "port" => &mut self.port,
            "path" => &mut self.path,
            "scheme" => &mut self.scheme,
            "server_name" => &mut self.server_name,
            _ => &mut self.interval,
        };
        *slot = Some(value);
    }

    fn read(&self, by: Spelling) -> Result<Declaration, Mistake> {
        let digits = |text: &&str| text.bytes().all(|b| b.is_ascii_digit());
        let port = self.port.map(str::trim).filter(digits).and_then(|text| text.parse().ok());
        let port = port.filter(|port| *port > 0).ok_or(Mistake::Port)?;
        let path = Path::read(self.path.map_or("/metrics", str::trim)).ok_or(Mistake::Path)?;
        let scheme = match self.scheme.map(str::trim) {
            None => Scheme::Http,
            Some(word) if word.eq_ignore_ascii_case("http") => Scheme::Http,
            Some(word) if word.eq_ignore_ascii_case("https") => Scheme::Https,
            Some(_) => return Err(Mistake::Scheme),
        };
        let server_name = self.server_name.map(str::trim).map(|name| {
            let fits = name.len() <= MAX_SERVER_NAME && super::tls::name(name).is_some();
            if fits { Ok(name.into()) } else { Err(Mistake::ServerName) }
        });
        let server_name = server_name.transpose()?;
        let interval = self.interval.map(|text| interval(text.trim()).ok_or(Mistake::Interval)).transpose()?;
        Ok(Declaration { port, path, scheme, server_name, interval, by })
    }
}

/// A whole number of seconds, minutes or hours within [`INTERVALS`].
fn interval(text: &str) -> Option<Duration> {
    let unit = text.bytes().next_back()?;
    let seconds = match unit {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        _ => return None,
    };
    let digits = text.get(..text.len() - 1).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let interval = Duration::from_secs(digits.parse::<u32>().ok()?.checked_mul(seconds)?.into());
    INTERVALS.contains(&interval).then_some(interval)
}

#[cfg(test)]
#[path = "tests/declare.rs"]
mod tests;
