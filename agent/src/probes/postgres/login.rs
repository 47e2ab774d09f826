//! Logging in, for statistics: by the kinds of authentication which do not give the password away.
//!
//! | the server wants | what happens |
//! |---|---|
//! | nothing (`trust`) | goes on, and tells so |
//! | SCRAM-SHA-256 | done, and the server's proof checked |
//! | the password in clear text | sent over TLS, refused otherwise |
//! | an MD5 hash | refused: docs/decisions/0018 |
//! | Kerberos, SSPI, others | refused |

use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    PostgresError, Who,
    message::{self, Authentication, Message, Refusal},
    scram::{self, ScramError},
    wire::Wire,
};

/// Who logs in, and over what.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// User and database.
    pub who: Who<'a>,
    /// The password; none is needed where the server asks for none.
    pub password: Option<&'a str>,
    /// Whether the stream is TLS with the server's certificate checked.
    pub encrypted: bool,
}

impl std::fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("who", &self.who).field("encrypted", &self.encrypted).finish_non_exhaustive()
    }
}

/// What the server told on the way in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// It asked for no password.
    pub(super) open: bool,
    /// `server_version`.
    pub(super) version: Option<String>,
}

/// Sends the start-up message and does what the server wants until it waits for a query.
pub(super) async fn log_in<S>(wire: &mut Wire<'_, S>, login: Login<'_>) -> Result<Entry, PostgresError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    wire.send(&message::startup(login.who)).await?;
    let mut entry = Entry { open: true, version: None };
    let mut inside = false;
    loop {
        match wire.next().await? {
            Message::Authentication(Authentication::Ok) => inside = true,
            // Once is enough: a server which asks again plays for time, or for another hash.
            Message::Authentication(_) if inside || !entry.open => return Err(ScramError::Malformed.into()),
            Message::Authentication(wanted) => {
                entry.open = false;
                prove(wire, &wanted, login).await?;
            }
            Message::Parameter(name, value) if name == "server_version" => {
                entry.version = Some(message::quoted(value.as_bytes()));
            }
            Message::Error(refusal) => return Err(refused(refusal)),
            Message::Ready if inside => return Ok(entry),
            _ => {}
        }
    }
}

async fn prove<S>(wire: &mut Wire<'_, S>, wanted: &Authentication, login: Login<'_>) -> Result<(), PostgresError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let password = login.password.ok_or(PostgresError::NoPassword);
    match wanted {
        Authentication::ClearText if login.encrypted => wire.send(&message::password(password?)).await,
        Authentication::ClearText => Err(PostgresError::ClearText),
        Authentication::Md5 => Err(PostgresError::Md5),
        Authentication::Sasl(offered) if offered.iter().any(|mechanism| mechanism == scram::MECHANISM) => {
            scram(wire, password?).await
        }
        _ => Err(PostgresError::Unsupported),
    }
}

/// The two rounds of SCRAM. Returns when the server has proven itself, and never otherwise.
async fn scram<S>(wire: &mut Wire<'_, S>, password: &str) -> Result<(), PostgresError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let client = scram::Client::new()?;
    wire.send(&message::sasl_first(scram::MECHANISM, &client.first())).await?;
    let Authentication::SaslContinue(challenge) = next_step(wire).await? else {
        return Err(ScramError::NotProven.into());
    };
    let (last, proof) = client.last(&challenge, password)?;
    wire.send(&message::sasl_next(&last)).await?;
    let Authentication::SaslFinal(word) = next_step(wire).await? else {
        return Err(ScramError::NotProven.into());
    };
    Ok(proof.verify(&word)?)
}

/// The next message about authentication.
async fn next_step<S>(wire: &mut Wire<'_, S>) -> Result<Authentication, PostgresError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match wire.next().await? {
            Message::Authentication(step) => return Ok(step),
            Message::Error(refusal) => return Err(refused(refusal)),
            _ => {}
        }
    }
}

/// What an error on the way in means.
fn refused(refusal: Refusal) -> PostgresError {
    match refusal.sqlstate.as_str() {
        "57P03" => PostgresError::Rejecting(refusal),
        "53300" => PostgresError::Full(refusal),
        "28P01" => PostgresError::WrongPassword(refusal),
        _ => PostgresError::Denied(refusal),
    }
}
