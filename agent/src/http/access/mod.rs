//! Who may ask: the listener's certificate, users, tokens, client certificates, host names.
//!
//! ```text
//! files --app--> Material --Gate::take_over--> Access (immutable) <--read for every connection and every request
//! ```
//!
//! Either all of a new [`Material`] is taken over or nothing of it: a broken certificate leaves the old one in place, and with
//! it the old users. Passwords and tokens are kept as hashes only, and appear in no message.

mod failures;
mod hosts;
mod origin;
mod passwords;
mod tls;
mod tokens;
mod users;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderValue, Version, header, request::Parts};

use self::{
    failures::Failures,
    hosts::Hosts,
    passwords::{Passwords, Verdict},
    tls::Tls,
    tokens::Tokens,
    users::{Login, Users},
};
use crate::telemetry::{HttpRefusal, Metrics, Outcome};

pub(super) use failures::subscriber;
pub(super) use tls::Handshake;

/// The bytes of one file, with the name messages call it by.
#[derive(Clone)]
pub struct Named {
    /// Where it came from.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// The bytes may be a key.
impl std::fmt::Debug for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// What access is made from: the bytes of the files, and names from the configuration.
#[derive(Clone, Debug, Default)]
pub struct Material {
    /// Serve TLS with these.
    pub tls: Option<TlsMaterial>,
    /// Users in htpasswd's format.
    pub users_file: Option<Named>,
    /// Users from elsewhere: name and bcrypt hash.
    pub users: Vec<(String, String)>,
    /// Bearer tokens, one a line.
    pub tokens_file: Option<Named>,
    /// Further host names the agent is called by: whole, or `*.` before the end of names.
    pub allowed_hosts: Vec<String>,
}

/// Files of TLS, all PEM.
#[derive(Clone, Debug)]
pub struct TlsMaterial {
    /// The certificate, and after it those between it and its root.
    pub certificate: Named,
    /// Its key.
    pub key: Named,
    /// Whom to believe client certificates from; given, a client needs one.
    pub client_ca: Option<Named>,
    /// Refuse TLS 1.2.
    pub only_tls13: bool,
}

/// Why material cannot be used. Names files and lines, never what stands in them.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Nothing usable in a PEM file.
    #[error("{file}: no {what} in PEM format in it")]
    NoPem {
        /// The file.
        file: String,
        /// What was looked for.
        what: &'static str,
    },
    /// The library refuses a certificate or key.
    #[error("{file}: {what}")]
    Tls {
        /// The file.
        file: String,
        /// What was tried.
        what: &'static str,
        /// The library's reason.
        #[source]
        source: rustls::Error,
    },
    /// Client certificates cannot be verified with these roots.
    #[error("{file}: no certificate in it can be a root")]
    NoRoot {
        /// The file.
        file: String,
    },
    /// A line, or the file as a whole.
    #[error("{file}{}: {what}", .line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Line {
        /// The file.
        file: String,
        /// Which line, from 1.
        line: Option<usize>,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A user given elsewhere.
    #[error("user number {number}: {what}")]
    User {
        /// Its place, from 1.
        number: usize,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The system has no random numbers.
    #[error("no random numbers for the key of the credentials")]
    Random,
}

/// Who may ask, at one time. Never changed, only replaced.
#[derive(Debug, Default)]
struct Access {
    tls: Option<Tls>,
    users: Users,
    tokens: Tokens,
    hosts: Hosts,
    /// Something was configured.
    given: bool,
}

impl Access {
    fn wants_credentials(&self) -> bool {
        !self.users.is_empty() || !self.tokens.is_empty()
    }

    /// Fingerprint of the roots which client certificates are checked against.
    fn trust(&self) -> Option<Trust> {
        self.tls.as_ref().and_then(Tls::trust)
    }
}

/// Names a set of roots.
type Trust = [u8; 32];

/// The door: holds the access in use, and decides about requests.
#[derive(Debug)]
pub struct Gate {
    access: ArcSwap<Access>,
    passwords: Passwords,
    failures: Failures,
    metrics: Metrics,
    /// Material that was taken over so far.
    taken: AtomicU64,
    /// What this machine, or this container, calls itself.
    own_name: Option<String>,
}

/// How a connection came in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    /// The other end.
    pub(super) peer: IpAddr,
    /// Its handshake; `None` without TLS.
    pub(super) secure: Option<Secure>,
}

/// What a handshake has shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Secure {
    /// The roots its client certificate was verified against; `None` when it showed none.
    pub(super) certified: Option<Trust>,
}

/// What a request may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Everything.
    Full,
    /// One word: the caller of an open route is not known.
    Bare,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its host is missing, given twice or not a host.
    BadHost,
    /// For somebody who is counted.
    Counted(HttpRefusal),
}

impl Gate {
    /// A door which stands open: no TLS, no credentials, the usual host names.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn open(metrics: Metrics) -> Result<Self, AccessError> {
        let name = rustix::system::uname().nodename().to_str().map(str::to_ascii_lowercase).ok();
        Ok(Self {
            access: ArcSwap::default(),
            passwords: Passwords::new()?,
            failures: Failures::default(),
            metrics,
            taken: AtomicU64::new(0),
            own_name: name.filter(|name| !name.is_empty()),
        })
    }

    /// Takes over new material as a whole, or keeps what is there; counts which.
    ///
    /// # Errors
    /// Something in it cannot be used.
    pub fn take_over(&self, material: &Material) -> Result<(), AccessError> {
        match self.prepare(material) {
            Ok(access) => {
                let given = access.given;
                self.metrics.set_certificate_expiry(access.tls.as_ref().and_then(Tls::ends));
                self.metrics.set_access_current(given.then_some(true));
                self.access.store(Arc::new(access));
                self.taken.fetch_add(1, Ordering::Release);
                if given {
                    self.metrics.access_reload(Outcome::Ok);
                }
                Ok(())
            }
            Err(error) => {
                self.kept();
                Err(error)
            }
        }
    }

    /// Counts that new files could not be used, and that what was in use stays.
    pub fn kept(&self) {
        self.metrics.set_access_current(Some(false));
        self.metrics.access_reload(Outcome::Error);
    }

    /// How often who may ask has changed: whoever was let in before another number has to ask again.
    pub(super) fn changes(&self) -> u64 {
        self.taken.load(Ordering::Acquire)
    }

    /// Whether a client without any credential is told everything.
    pub fn stands_open(&self) -> bool {
        let access = self.access.load();
        !access.wants_credentials() && access.trust().is_none()
    }

    /// Whether it speaks TLS.
    pub fn is_secure(&self) -> bool {
        self.access.load().tls.is_some()
    }

    fn prepare(&self, material: &Material) -> Result<Access, AccessError> {
        let tokens = match &material.tokens_file {
            Some(file) => Tokens::parse(file, |token| self.passwords.digest(&[token]))?,
            None => Tokens::default(),
        };
        let given = material.tls.is_some()
            || material.users_file.is_some()
            || !material.users.is_empty()
            || material.tokens_file.is_some();
        Ok(Access {
            tls: material.tls.as_ref().map(Tls::new).transpose()?,
            users: Users::parse(material.users_file.as_ref(), &material.users)?,
            tokens,
            hosts: Hosts::new(&material.allowed_hosts),
            given,
        })
    }

    /// What makes handshakes now; `None` without TLS.
    pub(super) fn handshake(&self) -> Option<Handshake> {
        self.access.load().tls.as_ref().map(Tls::handshake)
    }

    /// Counts a handshake that failed.
    pub(super) fn refuse_handshake(&self) {
        self.metrics.http_refuse(HttpRefusal::Handshake, 1);
    }

    /// Decides about one request. `host_name` is the name of the host as the engine or the configuration gives it.
    pub(super) async fn admit(
        &self,
        request: &Parts,
        open_route: bool,
        caller: &Caller,
        host_name: Option<&str>,
    ) -> Result<Admission, Refusal> {
        let decided = self.decide(request, open_route, caller, host_name).await;
        if let Err(Refusal::Counted(reason)) = decided {
            self.metrics.http_refuse(reason, 1);
            tracing::debug!(reason = reason.as_str(), peer = %caller.peer, "refused");
        }
        decided
    }

    async fn decide(
        &self,
        request: &Parts,
        open_route: bool,
        caller: &Caller,
        host_name: Option<&str>,
    ) -> Result<Admission, Refusal> {
        let access = self.access.load_full();
        // A connection kept from before must not be a way around what was switched on since.
        if caller.secure.is_some() != access.tls.is_some() {
            return Err(Refusal::Counted(HttpRefusal::Outdated));
        }
        let host = hosts::of(request).map_err(|hosts::NotAHost| Refusal::BadHost)?;
        if host.is_none() && request.version >= Version::HTTP_11 {
            return Err(Refusal::BadHost);
        }
        let guarded = access.wants_credentials() || access.trust().is_some();
        if open_route {
            return Ok(if guarded { Admission::Bare } else { Admission::Full });
        }
        if !origin::same(&request.headers, host.as_ref()) {
            return Err(Refusal::Counted(HttpRefusal::Origin));
        }
        // With TLS or credentials a page of another name has nothing to gain: its browser trusts no such certificate, and
        // has no credentials for that name.
        if !guarded
            && caller.secure.is_none()
            && let Some(host) = &host
            && !access.hosts.allow(host, [self.own_name.as_deref(), host_name])
        {
            return Err(Refusal::Counted(HttpRefusal::Host));
        }
        if let Some(trust) = access.trust() {
            match caller.secure.and_then(|secure| secure.certified) {
                Some(certified) if certified == trust => {}
                Some(_) => return Err(Refusal::Counted(HttpRefusal::Outdated)),
                None => return Err(Refusal::Counted(HttpRefusal::Certificate)),
            }
        }
        if access.wants_credentials() {
            self.credentials(&access, &request.headers, caller.peer).await.map_err(Refusal::Counted)?;
        }
        Ok(Admission::Full)
    }

    async fn credentials(&self, access: &Access, headers: &HeaderMap, peer: IpAddr) -> Result<(), HttpRefusal> {
        let mut given = headers.get_all(header::AUTHORIZATION).into_iter();
        let value = match (given.next(), given.next()) {
            (None, _) => return Err(HttpRefusal::Unauthenticated),
            (Some(value), None) => value.as_bytes(),
            // Two answers to one question: whichever a proxy before us has looked at, the other is not looked at here.
            (Some(_), Some(_)) => return self.wrong(peer),
        };
        let Some((scheme, rest)) = split_scheme(value) else { return self.wrong(peer) };
        if scheme.eq_ignore_ascii_case(b"bearer") && !access.tokens.is_empty() {
            // A token is compared at once and costs nothing, so the right one is never held up by somebody's wrong ones.
            return if access.tokens.hold(&self.passwords.digest(&[rest])) { Ok(()) } else { self.wrong(peer) };
        }
        if !scheme.eq_ignore_ascii_case(b"basic") || access.users.is_empty() {
            return self.wrong(peer);
        }
        let Some(login) = Login::decode(rest) else { return self.wrong(peer) };
        if self.passwords.known(&access.users, &login) {
            return Ok(());
        }
        // Taken before the work and given back after success, so that attempts made at once cannot exceed it.
        if !self.failures.take(peer) {
            return Err(HttpRefusal::Guessing);
        }
        match self.passwords.verify(&access.users, login).await {
            Verdict::Right => {
                self.failures.give_back(peer);
                Ok(())
            }
            Verdict::Wrong => Err(HttpRefusal::Credentials),
            Verdict::Busy => {
                self.failures.give_back(peer);
                Err(HttpRefusal::Verification)
            }
        }
    }

    fn wrong(&self, peer: IpAddr) -> Result<(), HttpRefusal> {
        Err(if self.failures.take(peer) { HttpRefusal::Credentials } else { HttpRefusal::Guessing })
    }

    /// What a client without credentials is asked for: values of `WWW-Authenticate`.
    pub(super) fn challenges(&self) -> Vec<HeaderValue> {
        let access = self.access.load();
        let mut challenges = Vec::new();
        if !access.users.is_empty() {
            challenges.push(HeaderValue::from_static("Basic realm=\"spyhop\", charset=\"UTF-8\""));
        }
        if !access.tokens.is_empty() {
            challenges.push(HeaderValue::from_static("Bearer realm=\"spyhop\""));
        }
        challenges
    }
}

/// `Scheme rest`, with any number of spaces between.
fn split_scheme(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, rest) = value.split_at_checked(at)?;
    Some((scheme, rest.trim_ascii()))
}
