//! What can go wrong with the engine, sorted. No text here ever holds a piece of an answer's data.

use std::{error::Error as StdError, fmt, io, sync::Arc, time::Duration};

use bollard::errors::Error as Bollard;

use super::{Address, ApiVersion};
use crate::telemetry::EngineCall;

/// Longest message of the engine kept for people.
const MESSAGE_CHARS: usize = 200;

/// One question, for error texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which.
    pub call: EngineCall,
    /// Container or image it was about.
    pub id: Option<Arc<str>>,
}

impl From<EngineCall> for Request {
    fn from(call: EngineCall) -> Self {
        Self { call, id: None }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.call {
            EngineCall::Ping => "ping engine",
            EngineCall::Version => "ask engine for its version",
            EngineCall::Info => "ask engine for its facts",
            EngineCall::List => "list containers",
            EngineCall::Inspect => "inspect container",
            EngineCall::Networks => "list networks",
            EngineCall::Image => "inspect image",
            EngineCall::Stats => "ask for figures of container",
            EngineCall::Events => "follow events",
            EngineCall::Logs => "follow output of container",
        })?;
        match &self.id {
            // Twelve digits are how people know containers and images.
            Some(id) => write!(f, " {:.12}", id.strip_prefix("sha256:").unwrap_or(id)),
            None => Ok(()),
        }
    }
}

/// A failed question.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody listens, or we may not connect.
    #[error("connect to engine at {address}")]
    Unreachable {
        /// Where.
        address: Address,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// The connection went away before the answer was whole.
    #[error("{request}: connection broken off")]
    Interrupted {
        /// Question.
        request: Request,
        /// What the HTTP client says; it quotes no data.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// No whole answer in time.
    #[error("{request}: no answer within {after:?}")]
    Timeout {
        /// Question.
        request: Request,
        /// Deadline.
        after: Duration,
    },
    /// The engine is older than this agent.
    #[error("engine speaks API {newest} at most, this agent {} at least: update the engine", ApiVersion::OLDEST)]
    TooOld {
        /// The engine's newest.
        newest: ApiVersion,
    },
    /// The engine is too new for this agent.
    #[error("engine speaks API {oldest} at least, this agent {} at most: update the agent", ApiVersion::NEWEST)]
    TooNew {
        /// The engine's oldest.
        oldest: ApiVersion,
    },
    /// The engine answered with an error status.
    #[error("{request}: engine answered {status}{}{message}", if message.is_empty() { "" } else { ": " })]
    Refused {
        /// Question.
        request: Request,
        /// HTTP status.
        status: u16,
        /// The engine's own sentence, shortened; empty when what came was no sentence.
        message: String,
    },
    /// The engine said within its answer, after a good status, that it cannot go on.
    #[error("{request}: engine broke off{}{message}", if message.is_empty() { "" } else { ": " })]
    BrokenOff {
        /// Question.
        request: Request,
        /// The engine's own sentence, shortened; empty when what came was no sentence.
        message: String,
    },
    /// An answer which is not what the API promises, also after repair.
    #[error("{request}: answer not understood: {reason}")]
    Malformed {
        /// Question.
        request: Request,
        /// What is wrong with its form.
        reason: &'static str,
    },
    /// An answer beyond its ceiling.
    #[error("{request}: answer larger than {limit} bytes")]
    TooLarge {
        /// Question.
        request: Request,
        /// Ceiling.
        limit: usize,
    },
    /// An id that cannot be part of a path; it was not sent.
    #[error("{request}: not an id")]
    InvalidId {
        /// Question.
        request: Request,
    },
}

/// Raised below HTTP by the transport, found again by [`Error::broken`].
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("connect")]
    Connect(#[source] io::Error),
    #[error("answer larger than {0} bytes")]
    TooLarge(usize),
    #[error("path or method not on the list")]
    NotAllowed,
    /// By the word of a broker, which read the answer before us.
    #[error("not JSON")]
    NotJson,
}

impl Error {
    /// Whether the engine says that the thing asked for by its id does not exist.
    ///
    /// A path it does not know has the same status: taken for "gone", it would empty the inventory.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Refused { request, status: 404, message } => request.id.is_some() && message != "page not found",
            _ => false,
        }
    }

    /// Sorts what bollard returned. `JsonDataError` never comes here: its text quotes the answer.
    pub(super) fn sort(request: Request, address: &Address, error: Bollard) -> Self {
        match error {
            Bollard::DockerResponseServerError { status_code, message } => {
                Self::refused(request, status_code, &message)
            }
            Bollard::RequestTimeoutError => Self::Interrupted { request, source: None },
            // serde's texts may quote the value they stumbled over: dropped.
            Bollard::JsonDataError { .. } => Self::Malformed { request, reason: "unexpected data" },
            Bollard::JsonSerdeError { err } if err.is_eof() => Self::Malformed { request, reason: "ends too early" },
            Bollard::JsonSerdeError { .. } => Self::Malformed { request, reason: "not JSON" },
            Bollard::IOError { err } => Self::broken(request, address, err.into()),
            Bollard::HyperResponseError { err } => Self::broken(request, address, err.into()),
            _ => Self::Malformed { request, reason: "refused by the client library" },
        }
    }

    /// Sorts a failure of the connection.
    pub(super) fn broken(request: Request, address: &Address, error: Box<dyn StdError + Send + Sync>) -> Self {
        match find_broken(error.as_ref()) {
            Some(Broken::Connect(source)) => {
                // An io::Error cannot be cloned; kind and text are all it has for people.
                let source = io::Error::new(source.kind(), source.to_string());
                Self::Unreachable { address: address.clone(), source }
            }
            Some(Broken::TooLarge(limit)) => Self::TooLarge { limit: *limit, request },
            Some(Broken::NotAllowed) => Self::InvalidId { request },
            Some(Broken::NotJson) => Self::Malformed { request, reason: "not JSON" },
            None => Self::Interrupted { request, source: Some(error) },
        }
    }

    /// An error status with the engine's sentence, if it is one.
    ///
    /// `message` is that of a JSON answer, or the whole body when it is none. What looks like markup or data is dropped, for it may be
    /// anything; a sentence is cut to a line's length.
    pub(super) fn refused(request: Request, status: u16, message: &str) -> Self {
        Self::Refused { request, status, message: sentence(message) }
    }

    /// What the engine says in the middle of an answer.
    pub(super) fn told(request: Request, message: &str) -> Self {
        Self::BrokenOff { request, message: sentence(message) }
    }
}

fn sentence(message: &str) -> String {
    let message = message.trim();
    match message.starts_with(['{', '[', '<', '"']) {
        true => String::new(),
        false => message.chars().take(MESSAGE_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect(),
    }
}

/// Looks for our own error down the chain of causes. An `io::Error` hides what it carries from `source`.
fn find_broken<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Broken> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref::<Broken>() {
            return Some(found);
        }
        next = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => cause.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(message: &str) -> String {
        Error::refused(EngineCall::Info.into(), 500, message).to_string()
    }

    #[test]
    fn a_sentence_of_the_engine_is_kept_and_shortened() {
        assert_eq!(refused("no space left\n"), "ask engine for its facts: engine answered 500: no space left");
        assert_eq!(refused(""), "ask engine for its facts: engine answered 500");
        assert!(refused(&"x".repeat(5000)).len() < 300);
        assert!(refused("a\nb").ends_with("a b"));
    }

    #[test]
    fn data_in_place_of_a_sentence_is_dropped() {
        for body in [r#"{"Env":["PASSWORD=secret"]}"#, "[\"secret\"]", "<html>secret", "\"secret\""] {
            assert!(!refused(body).contains("secret"), "{body}");
        }
    }

    #[test]
    fn serde_texts_which_quote_data_are_dropped() {
        let quoting = Bollard::JsonDataError {
            message: "invalid type: string \"PASSWORD=secret\"".into(),
            contents: "secret".into(),
            column: 1,
        };
        let sorted = Error::sort(EngineCall::Inspect.into(), &Address::default_socket(), quoting);
        assert!(!format!("{sorted} {sorted:?}").contains("secret"));
    }
}
