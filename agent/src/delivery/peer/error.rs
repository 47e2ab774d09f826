//! Why a request got no answer. No text here holds a credential, a header, or a query.

use std::{error::Error as StdError, io, time::Duration};

use super::material::MaterialError;

/// No answer: whether the server has taken the request is told by [`SendError::surely_unsent`].
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A file of a secret or a certificate cannot be used.
    #[error("prepare the request to {server}")]
    Material {
        /// Host and port.
        server: String,
        /// Which file, and why.
        #[source]
        source: MaterialError,
    },
    /// The name leads nowhere.
    #[error("resolve {server}")]
    Resolve {
        /// Host and port.
        server: String,
        /// What the resolver says.
        #[source]
        source: io::Error,
    },
    /// Nobody listens, or the network is in the way.
    #[error("connect to {server}")]
    Connect {
        /// Host and port.
        server: String,
        /// What the kernel says of the last address tried.
        #[source]
        source: io::Error,
    },
    /// The server is not trusted, does not trust us, or speaks no TLS.
    #[error("speak TLS with {server}")]
    Tls {
        /// Host and port.
        server: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// Not over in time.
    #[error("{what} {server}: not within {after:?}")]
    Timeout {
        /// `connect to` or `have the answer of`.
        what: &'static str,
        /// Host and port.
        server: String,
        /// The time it had.
        after: Duration,
    },
    /// The connection went away before the answer was whole.
    #[error("{server} broke off")]
    Closed {
        /// Host and port.
        server: String,
        /// What the HTTP library says; it quotes no data.
        #[source]
        source: hyper::Error,
    },
    /// The answer ended before it said how it went.
    #[error("{server} broke off its answer")]
    Cut {
        /// Host and port.
        server: String,
    },
    /// What came back is not HTTP.
    #[error("{server} does not answer in HTTP")]
    Protocol {
        /// Host and port.
        server: String,
        /// What the HTTP library says; it quotes no data.
        #[source]
        source: hyper::Error,
    },
}

impl SendError {
    /// Sorts what the HTTP library says.
    pub(in crate::delivery) fn broken(server: &str, source: hyper::Error) -> Self {
        let server = server.to_owned();
        if is_tls(&source) {
            Self::Tls { server, source: Box::new(source) }
        } else if source.is_parse() || source.is_parse_status() || source.is_parse_too_large() {
            Self::Protocol { server, source }
        } else {
            Self::Closed { server, source }
        }
    }

    /// Not a byte of the request has left: the server cannot have it.
    pub const fn surely_unsent(&self) -> bool {
        match self {
            Self::Material { .. } | Self::Resolve { .. } | Self::Connect { .. } => true,
            // With TLS 1.3 the server's refusal may come after the request.
            Self::Tls { .. }
            | Self::Timeout { .. }
            | Self::Closed { .. }
            | Self::Cut { .. }
            | Self::Protocol { .. } => false,
        }
    }

    /// Its word in logs and labels.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Material { .. } => "material",
            Self::Resolve { .. } => "resolve",
            Self::Connect { .. } => "connect",
            Self::Tls { .. } => "tls",
            Self::Timeout { .. } => "timeout",
            Self::Closed { .. } | Self::Cut { .. } => "closed",
            Self::Protocol { .. } => "protocol",
        }
    }
}

/// A server that wants a certificate of ours says so in place of its first bytes.
fn is_tls(error: &hyper::Error) -> bool {
    let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    io.and_then(io::Error::get_ref).is_some_and(|inner| inner.is::<rustls::Error>())
}
