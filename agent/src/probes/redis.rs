//! Redis as a probe sees it: PING without and with a password, and what INFO says.
//!
//! One connection is asked in order: PING, AUTH where there is a password, PING again, INFO where wanted, QUIT. The first PING goes out
//! without a password even where there is one: a server which answers it is open to everybody who reaches the port, and that is told.
//! Commands go as arrays of counted strings, never inline, so that no password can become a command of its own.
//! Deadlines are the caller's. Every read is bounded. Sentinels and members of a cluster answer all of this alike.

mod info;
mod resp;
mod talk;

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

pub use self::info::{Database, Info, MAX_DATABASES, Role};
use self::{
    resp::{Malformed, Reply},
    talk::Talk,
};

/// Longest answer to PING, AUTH and QUIT, in bytes. Errors are lines; Redis writes the longest, that of protected mode, in 970.
pub const MAX_LINE: usize = 4 * 1024;
/// Longest answer to INFO, in bytes. A Redis 7 with a few databases says 6,000; one line more for each replica and database.
pub const MAX_INFO: usize = 256 * 1024;

/// Who logs in.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// Name of an ACL user (Redis 6 and later); the default user without.
    pub username: Option<&'a str>,
    /// The password itself.
    pub password: &'a str,
}

impl std::fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

/// What a server which speaks the protocol says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It answers commands.
    Ready,
    /// `NOAUTH`: it lives and wants a password, and none was given.
    Protected,
    /// `LOADING`: it reads its data set after a start. With a password it says so only to who has logged in.
    Loading,
    /// `MASTERDOWN`: a replica without its master which was told not to serve stale data.
    MasterDown,
    /// `BUSY`: a script or function runs for longer than `busy-reply-threshold` allows.
    Busy,
    /// `MISCONF`: snapshots fail, and writes (and PING) are refused until one succeeds.
    PersistenceFails,
    /// `ERR max number of clients`: it took the connection to say that it takes no more.
    Full,
}

impl State {
    /// Whether this is success: it answers, or would answer those who may ask.
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Ready | Self::Protected)
    }

    /// One word, for a label.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Protected => "protected",
            Self::Loading => "loading",
            Self::MasterDown => "master_down",
            Self::Busy => "busy",
            Self::PersistenceFails => "persistence_fails",
            Self::Full => "too_many_clients",
        }
    }

    /// The state an error names; `None` where it is none of a healthy protocol's.
    fn of_error(error: &str) -> Option<Self> {
        let states = [
            ("NOAUTH", Self::Protected),
            ("LOADING", Self::Loading),
            ("MASTERDOWN", Self::MasterDown),
            ("BUSY", Self::Busy),
            ("MISCONF", Self::PersistenceFails),
            // It knows who asks and would answer something else: a user made for INFO alone need not be let PING.
            ("NOPERM", Self::Ready),
        ];
        let word = error.split(' ').next().unwrap_or_default();
        // What NOAUTH was called before errors had words.
        let full = error.starts_with("ERR max number of clients");
        let old = error.starts_with("ERR operation not permitted");
        states
            .into_iter()
            .find_map(|(known, state)| (known == word).then_some(state))
            .or(full.then_some(Self::Full))
            .or(old.then_some(Self::Protected))
    }
}

/// What a probe learnt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// State, after the login where there was one.
    pub state: State,
    /// Whether a PING without a password was answered; `None` where its state does not tell (loading, full).
    pub open: Option<bool>,
    /// What INFO said; absent unless asked for and allowed.
    pub info: Option<Info>,
    /// First word of the error with which INFO was refused, `NOPERM` for one.
    pub info_refused: Option<String>,
}

/// Why a probe failed. Quotes from an answer are short and printable.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// The connection broke.
    #[error("talk to redis")]
    Io(#[source] io::Error),
    /// It closed or reset the connection without an answer: so does its own port for TLS where none is spoken.
    #[error("redis closed the connection without an answer, as a port that wants TLS does")]
    Closed,
    /// A TLS alert came back.
    #[error("the port expects TLS")]
    ExpectsTls,
    /// Not RESP, or not what was asked for.
    #[error("no redis: it answers {0:?}")]
    NotRedis(String),
    /// A reply beyond [`MAX_LINE`] or [`MAX_INFO`].
    #[error("a reply is longer than {0} bytes")]
    TooLong(usize),
    /// `DENIED`: protected mode, which lets in nobody from another address.
    #[error("redis is in protected mode: it answers its own host only")]
    ProtectedMode,
    /// `WRONGPASS`: name or password is wrong, or the user is off.
    #[error("redis refused the password")]
    WrongPassword,
    /// An error it has no business to give here.
    #[error("redis answered the error {0:?}")]
    Error(String),
}

impl RedisError {
    /// One word, for a label.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Io(_) => "connection",
            Self::Closed => "closed",
            Self::ExpectsTls => "expects_tls",
            Self::NotRedis(_) => "protocol",
            Self::TooLong(_) => "too_large",
            Self::ProtectedMode => "protected_mode",
            Self::WrongPassword => "wrong_password",
            Self::Error(_) => "error",
        }
    }
}

/// Probes a server behind a fresh connection: see the module. `info` asks for INFO too.
///
/// Cancel it at any point: nothing is kept but the connection, which is then to be dropped.
///
/// # Errors
///
/// Where it is no Redis, refuses the login, or says what no healthy one does. States like [`State::Loading`] are answers, not errors.
pub async fn probe<S>(stream: &mut S, login: Option<Login<'_>>, info: bool) -> Result<Answer, RedisError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut talk = Talk::new(stream);
    let first = talk.ping().await?;
    let open = match first {
        State::Ready => Some(true),
        State::Protected => Some(false),
        _ => None,
    };
    let mut answer = Answer { state: first, open, info: None, info_refused: None };
    if first == State::Full {
        // It has closed already.
        return Ok(answer);
    }
    if let Some(login) = login
        && talk.log_in(login).await?
    {
        answer.state = talk.ping().await?;
    }
    // INFO is answered while loading, and without its master: that is when people want it most.
    if info && answer.state != State::Protected {
        match talk.info().await? {
            Ok(info) => answer.info = Some(info),
            Err(word) => answer.info_refused = Some(word),
        }
    }
    talk.quit().await;
    Ok(answer)
}

/// What fuzzers feed: bytes of a server.
#[cfg(any(test, fuzzing))]
pub mod fuzz {
    use super::{Info, MAX_INFO, Reply, resp};

    /// A reply is the same however its bytes arrive, is within its bytes, and INFO takes any text.
    pub fn redis(bytes: &[u8]) {
        let whole = resp::reply(bytes, MAX_INFO);
        if let Ok(Some((reply, used))) = &whole {
            assert!(*used <= bytes.len(), "more used than there is");
            for end in (0..*used).step_by(used / 16 + 1) {
                assert_eq!(resp::reply(bytes.get(..end).unwrap_or_default(), MAX_INFO), Ok(None), "cut at {end}");
            }
            if let Reply::Bulk(text) = reply {
                Info::parse(&String::from_utf8_lossy(text));
            }
        }
        let info = Info::parse(&String::from_utf8_lossy(bytes));
        assert!(info.databases.len() <= super::MAX_DATABASES);
    }
}

#[cfg(test)]
mod tests;
