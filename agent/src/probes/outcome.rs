//! What became of one probe.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{postgres::statistics, redis, traefik};
use crate::net::Certificate;

/// Declares the closed list of reasons, with the word and the sentence of each.
macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident => $word:literal, $text:literal;)*) => {
        /// Why a probe failed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// Every reason, in the order in which a probe can come by them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The `reason` label.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What it means, as `docs/probes.md` has it.
            pub const fn explain(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

reasons! {
    /// Nobody is asked: the container has ended, or is between two runs.
    NotRunning => "not_running", "the container does not run, and nobody asked for its end";
    /// The file with a secret or with roots cannot be read.
    Credentials => "credentials", "a file with a password, a token or roots could not be read";
    /// The name has no address.
    Resolve => "resolve", "the name has no address, or nobody said which in time";
    /// Nobody listens.
    Refused => "refused", "nobody listens on the port";
    /// Any other failure to connect.
    Connect => "connect", "there was no connection: no route, no network, no room";
    /// Not over in time.
    Timeout => "timeout", "it was not over in time; the text says how far it came";
    /// No greeting.
    Tls => "tls", "there was no TLS greeting";
    /// The certificate has not begun or has ended.
    CertificateTime => "certificate_time", "the certificate has not begun, or has ended";
    /// It leads to no root that counts.
    CertificateChain => "certificate_chain", "the certificate leads to no root that is trusted";
    /// It lacks a name.
    CertificateNames => "certificate_names", "the certificate lacks a name that is asked for";
    /// Not the protocol, or broken off.
    Broken => "broken", "the answer is not of this protocol, or broke off";
    /// A status that is not expected.
    Status => "status", "the status is not one of those expected";
    /// The same, of an answer which leads elsewhere.
    Redirect => "redirect", "the answer leads elsewhere; redirects are not followed";
    /// None of the paths of the convention is there.
    NoHealthPath => "no_health_path", "none of /health/ready, /health and /health/live is there";
    /// A pattern.
    Body => "body", "the body does not match body, or does match not_body";
    /// More than is read.
    TooLarge => "too_large", "the answer is larger than is read";
    /// Two-sided authentication: answered without credentials.
    NotRefused => "not_refused", "a request without credentials was not refused";
    /// Credentials were not taken.
    Denied => "denied", "the credentials were not taken";
    /// The server is there and does not serve.
    NotReady => "not_ready", "the server answers that it is not ready";
    /// Routes are missing.
    Routes => "routes", "routes that labels ask for are missing";
    /// A mistake of ours.
    Internal => "internal", "the agent failed; its log says more";
}

/// A failure: the word, and a sentence for people. The sentence is ours, and nothing that the target said is in it but numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The word.
    pub reason: Reason,
    /// The sentence.
    pub text: String,
}

impl Failure {
    /// A failure with a sentence of its own.
    pub fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into() }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self::new(reason, reason.explain())
    }
}

/// How far a probe has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Reading files, then asking for the name.
    #[default]
    Resolve,
    /// Connecting.
    Connect,
    /// Greeting by TLS.
    Tls,
    /// Waiting for the head of an answer.
    Processing,
    /// Reading the rest of it.
    Transfer,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 5] = [Self::Resolve, Self::Connect, Self::Tls, Self::Processing, Self::Transfer];

    /// The `phase` label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Processing => "processing",
            Self::Transfer => "transfer",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "reading files, or asking for its name",
            Self::Connect => "connecting",
            Self::Tls => "greeting",
            Self::Processing => "waiting for its answer",
            Self::Transfer => "reading its answer",
        })
    }
}

/// What was learnt on the way, also of a probe that failed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// How far it came.
    pub phase: Phase,
    /// Time of each phase that was gone through.
    pub phases: [Option<Duration>; Phase::ALL.len()],
    /// 4 or 6: over which protocol it was connected to.
    pub ip: Option<u8>,
    /// Of an HTTP answer.
    pub http: Option<HttpFacts>,
    /// `TLSv1.3`, where TLS was spoken.
    pub tls_version: Option<&'static str>,
    /// The certificate, where one was shown.
    pub shown: Option<Arc<Shown>>,
    /// Whether a request without credentials was refused, where that was asked.
    pub enforced: Option<bool>,
    /// The path which the convention led to.
    pub found_path: Option<&'static str>,
    /// Figures of Redis, PostgreSQL or Traefik, where they were asked for.
    pub figures: Option<Figures>,
}

/// What was asked for beside whether it answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Figures {
    /// Redis' `INFO`.
    Redis(Arc<redis::Info>),
    /// PostgreSQL's statistics.
    Postgres(Arc<statistics::Statistics>),
    /// Traefik's routes beside those that are asked for.
    Routes(Arc<traefik::Report>),
}

impl Facts {
    /// A phase begins. It ends with [`Self::leave`], or never.
    pub fn enter(&mut self, phase: Phase) -> Instant {
        self.phase = phase;
        Instant::now()
    }

    /// The phase that began then is over.
    pub fn leave(&mut self, began: Instant) {
        // As many as there are phases.
        if let Some(slot) = self.phases.get_mut(self.phase as usize) {
            *slot = Some(began.elapsed());
        }
    }

    /// How long a phase took.
    pub fn took(&self, phase: Phase) -> Option<Duration> {
        self.phases.get(phase as usize).copied().flatten()
    }
}

/// An HTTP answer, as far as it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpFacts {
    /// Status.
    pub status: u16,
    /// Version, ten times: 11 is HTTP/1.1.
    pub version: u8,
    /// What it announced.
    pub content_length: Option<u64>,
    /// What was read of its body.
    pub body_length: u64,
    /// A pattern decided against it.
    pub failed_by_pattern: bool,
}

/// A certificate and what was found of it. Each check is made whatever the others say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What it says of itself.
    pub certificate: Certificate,
    /// When the first of the chain ends, in Unix seconds.
    pub chain_ends: i64,
    /// It leads to a root that is trusted.
    pub chain: bool,
    /// It has every name that is asked for.
    pub names: bool,
    /// It had begun and not ended.
    pub time: bool,
}

/// One probe that is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Why it failed; `None` it succeeded.
    pub failure: Option<Failure>,
    /// How long it took.
    pub took: Duration,
    /// What was learnt.
    pub facts: Facts,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_is_in_the_documentation() {
        let document = include_str!("../../../docs/probes.md");
        let words: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
        assert_eq!(words.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            let row = format!("| `{}` | {} |", reason.as_str(), reason.explain());
            assert!(document.contains(&row), "docs/probes.md lacks: {row}");
        }
    }
}
