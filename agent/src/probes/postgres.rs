//! PostgreSQL as a probe sees it: whether it takes connections, and statistics for who has a password.
//!
//! **Readiness needs no password.** A start-up message is sent as every client sends it, and the answer read: `pg_isready`'s question and
//! its three answers. What the server writes to its log for that was looked at (15.18, [`ready`] has the table): nothing, as long as the
//! user exists or a password is wanted. Less than a start-up message is quieter still and worthless: a server which is starting up
//! answers an SSLRequest as one that is ready does.
//!
//! **Statistics** ([`statistics::read`]) log in and read the server's own views in one read-only transaction with a limit of time.
//!
//! Deadlines are the caller's. Lengths are checked before anything is waited for, and a conversation has a number of bytes it may take.

pub mod login;
mod message;
pub mod scram;
pub mod statistics;
mod wire;

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub use self::message::Refusal;
use self::{
    message::{Authentication, Message},
    wire::Wire,
};

/// Bytes which the answer to a start-up message may take. A server says some 400.
const READY_BYTES: usize = 64 * 1024;

/// User and database of a start-up message. Both exist on a server as it is made (`initdb`), unless it was made for another user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Who<'a> {
    /// Name of a role.
    pub user: &'a str,
    /// Name of a database.
    pub database: &'a str,
}

impl Default for Who<'_> {
    fn default() -> Self {
        Self { user: "postgres", database: "postgres" }
    }
}

/// Whether a server takes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does; whether it would let this user in was not the question.
    Accepting,
    /// `57P03`: it starts up, shuts down or recovers.
    Rejecting,
    /// `53300`: all connections are taken. `pg_isready` calls this accepting; whoever wants in does not.
    Full,
}

impl State {
    /// Whether this is success.
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Accepting)
    }

    /// The exit code of `pg_isready` for it; its 2, no answer, is a [`PostgresError`] here.
    pub const fn pg_isready(self) -> u8 {
        match self {
            Self::Accepting | Self::Full => 0,
            Self::Rejecting => 1,
        }
    }

    /// One word, for a label.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Accepting => "accepting",
            Self::Rejecting => "rejecting",
            Self::Full => "too_many_clients",
        }
    }
}

/// The answer to a start-up message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Whether it takes connections.
    pub state: State,
    /// Whether this user was let in without a password; `None` where it did not come to that.
    pub open: Option<bool>,
    /// What it said instead of asking for a password. With [`State::Accepting`] this is why its log has a line for every probe: a role or
    /// database which does not exist, or a `pg_hba.conf` which knows nobody at our address.
    pub refusal: Option<Refusal>,
}

/// Why a probe failed. Quotes from an answer are short and printable.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The connection broke.
    #[error("talk to postgres")]
    Io(#[source] io::Error),
    /// It closed without an answer.
    #[error("postgres closed the connection without an answer")]
    Closed,
    /// A TLS alert came back.
    #[error("the port expects TLS")]
    ExpectsTls,
    /// Another protocol, or a message that contradicts itself.
    #[error("no postgres: it answers {0:?}")]
    NotPostgres(String),
    /// More bytes than a conversation may have.
    #[error("postgres says more than {0} bytes")]
    TooLong(usize),
    /// `57P03`, on the way to statistics.
    #[error("postgres does not take connections: {0}")]
    Rejecting(Refusal),
    /// `53300`, on the way to statistics.
    #[error("postgres has no connection left: {0}")]
    Full(Refusal),
    /// `28P01`.
    #[error("postgres refused the password: {0}")]
    WrongPassword(Refusal),
    /// `28000`, `3D000` and the like: no such role or database, or `pg_hba.conf` has no line for it.
    #[error("postgres does not let in this user: {0}")]
    Denied(Refusal),
    /// It asks for a password and there is none.
    #[error("postgres wants a password")]
    NoPassword,
    /// It asks for the password itself, and the connection is not encrypted.
    #[error("postgres wants the password in clear text, which is sent over TLS only")]
    ClearText,
    /// It asks for an MD5 hash. See docs/decisions/0018.
    #[error(
        "postgres wants an MD5 hash of the password, which is not given: set password_encryption to scram-sha-256 and the password again"
    )]
    Md5,
    /// Kerberos, SSPI, or SASL without SCRAM-SHA-256.
    #[error("postgres wants a kind of authentication that is not known here")]
    Unsupported,
    /// SCRAM failed on the server's side: it does not know the password either, or breaks the protocol.
    #[error("postgres is not who it should be")]
    Scram(#[from] scram::ScramError),
    /// A query failed: no privilege, or it took too long.
    #[error("postgres refused to answer: {0}")]
    Query(Refusal),
}

impl PostgresError {
    /// One word, for a label.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Io(_) => "connection",
            Self::Closed => "closed",
            Self::ExpectsTls => "expects_tls",
            Self::NotPostgres(_) => "protocol",
            Self::TooLong(_) => "too_large",
            Self::Rejecting(_) => "rejecting",
            Self::Full(_) => "too_many_clients",
            Self::WrongPassword(_) => "wrong_password",
            Self::Denied(_) => "denied",
            Self::NoPassword => "password_wanted",
            Self::ClearText | Self::Md5 | Self::Unsupported => "authentication_unsupported",
            Self::Scram(_) => "server_not_proven",
            Self::Query(_) => "query",
        }
    }
}

/// Asks whether the server goes on with TLS: `true`, and the caller makes the handshake on the same stream before anything else is sent.
///
/// # Errors
///
/// Where the answer is neither yes nor no. Nothing that a server says before the handshake is quoted as its word.
pub async fn ssl_request<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<bool, PostgresError> {
    stream.write_all(&message::ssl_request()).await.map_err(PostgresError::Io)?;
    stream.flush().await.map_err(PostgresError::Io)?;
    // Exactly one byte: whatever follows it belongs to the handshake, or was slipped in by somebody in between.
    let mut answer = [0];
    match stream.read(&mut answer).await.map_err(PostgresError::Io)? {
        0 => Err(PostgresError::Closed),
        _ if answer == *b"S" => Ok(true),
        _ if answer == *b"N" => Ok(false),
        _ => Err(PostgresError::NotPostgres(message::quoted(&answer))),
    }
}

/// Whether the server takes connections, without a password: see the module.
///
/// What the server's log gets for it, with `log_connections` off as it is by default:
///
/// | the server | lines |
/// |---|---|
/// | wants a password, whoever asks (`scram-sha-256`, `md5`) | none |
/// | lets everybody in (`trust`), role and database exist | none |
/// | lets everybody in, and one of them does not exist | one `FATAL` |
/// | starts up, shuts down | one `FATAL`: it writes what it says |
/// | has no line in `pg_hba.conf` for us | one `FATAL` |
///
/// # Errors
///
/// Where nothing answers that is a PostgreSQL: `pg_isready`'s 2.
pub async fn ready<S>(stream: &mut S, who: Who<'_>) -> Result<Readiness, PostgresError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut wire = Wire::new(stream, READY_BYTES);
    wire.send(&message::startup(who)).await?;
    let mut open = None;
    let state = loop {
        match wire.next().await? {
            Message::Authentication(Authentication::Ok) => open = Some(true),
            // Goodbye (`Terminate`) is no answer to a question for a password, and would be a line in the log. Closing is none.
            Message::Authentication(_) => {
                let readiness = Readiness { state: State::Accepting, open: Some(false), refusal: None };
                wire.close().await;
                return Ok(readiness);
            }
            Message::Ready => break State::Accepting,
            Message::Error(refusal) => {
                let state = match refusal.sqlstate.as_str() {
                    "57P03" => State::Rejecting,
                    "53300" => State::Full,
                    _ => State::Accepting,
                };
                return Ok(Readiness { state, open, refusal: Some(refusal) });
            }
            _ => {}
        }
    };
    wire.bye().await;
    Ok(Readiness { state, open, refusal: None })
}

/// What fuzzers feed: bytes of a server.
#[cfg(any(test, fuzzing))]
pub mod fuzz {
    use super::{message, scram};

    /// Frames and messages of any bytes: nothing is read beyond them, and a cut frame is no frame. What stands in them may be SCRAM's.
    pub fn postgres(bytes: &[u8]) {
        let mut rest = bytes;
        while let Ok(Some(frame)) = message::frame(rest) {
            assert!((5..=rest.len()).contains(&frame.used), "{} bytes", frame.used);
            for end in (0..frame.used).step_by(frame.used / 16 + 1) {
                assert_eq!(message::frame(rest.get(..end).unwrap_or_default()), Ok(None), "cut at {end}");
            }
            if let Ok(message::Message::Row(row)) = message::Message::parse(frame) {
                assert!(row.len() <= message::MAX_COLUMNS);
            }
            scram::fuzz(frame.body);
            rest = rest.get(frame.used..).unwrap_or_default();
        }
        scram::fuzz(bytes);
    }
}

#[cfg(test)]
mod tests;
