//! The conversation with a server, question by question.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Info, Login, MAX_INFO, MAX_LINE, Malformed, RedisError, Reply, State, resp};

/// Longest part of a foreign answer that is quoted, in bytes.
const QUOTED: usize = 80;

/// A conversation: one question, one reply.
pub(super) struct Talk<'a, S> {
    stream: &'a mut S,
    /// Bytes which have come and are not read yet.
    buffer: Vec<u8>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Talk<'a, S> {
    /// On a fresh connection.
    pub(super) const fn new(stream: &'a mut S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    pub(super) async fn ping(&mut self) -> Result<State, RedisError> {
        match self.ask(&["PING"], MAX_LINE).await? {
            Reply::Simple(text) if text == "PONG" => Ok(State::Ready),
            Reply::Error(error) => State::of_error(&error).ok_or_else(|| refusal(&error)),
            other => Err(RedisError::NotRedis(quoted(other.text().as_bytes()))),
        }
    }

    /// Logs in; `false` where the server knows no password at all, which is no failure of the server's but a finding.
    pub(super) async fn log_in(&mut self, login: Login<'_>) -> Result<bool, RedisError> {
        let reply = match login.username {
            Some(username) => self.ask(&["AUTH", username, login.password], MAX_LINE).await?,
            None => self.ask(&["AUTH", login.password], MAX_LINE).await?,
        };
        match reply {
            Reply::Simple(text) if text == "OK" => Ok(true),
            // Redis 6 and later; 5 and earlier.
            Reply::Error(error) if error.contains("without any password configured") => Ok(false),
            Reply::Error(error) if error.contains("but no password is set") => Ok(false),
            Reply::Error(error) if error.starts_with("WRONGPASS") || error.starts_with("ERR invalid password") => {
                Err(RedisError::WrongPassword)
            }
            Reply::Error(error) => Err(refusal(&error)),
            other => Err(RedisError::NotRedis(quoted(other.text().as_bytes()))),
        }
    }

    /// INFO's default sections, or the first word of the refusal.
    pub(super) async fn info(&mut self) -> Result<Result<Info, String>, RedisError> {
        match self.ask(&["INFO"], MAX_INFO).await? {
            Reply::Bulk(bytes) => Ok(Ok(Info::parse(&String::from_utf8_lossy(&bytes)))),
            Reply::Error(error) => Ok(Err(quoted(error.split(' ').next().unwrap_or_default().as_bytes()))),
            other => Err(RedisError::NotRedis(quoted(other.text().as_bytes()))),
        }
    }

    /// Says goodbye and waits for the answer: the server then closes first, and keeps no half-open client in its list. What goes
    /// wrong here is nobody's concern.
    pub(super) async fn quit(&mut self) {
        drop(self.ask(&["QUIT"], MAX_LINE).await);
    }

    async fn ask(&mut self, command: &[&str], limit: usize) -> Result<Reply, RedisError> {
        let sent = async {
            self.stream.write_all(&resp::command(command)).await?;
            self.stream.flush().await
        };
        // A server which is full says so and closes, and the question then meets a closed door: the answer stands there all the same.
        match sent.await {
            Ok(()) => self.reply(limit).await,
            Err(error) => self.reply(limit).await.map_err(|_| broken(error)),
        }
    }

    async fn reply(&mut self, limit: usize) -> Result<Reply, RedisError> {
        loop {
            match resp::reply(&self.buffer, limit) {
                Ok(Some((reply, used))) => {
                    self.buffer.drain(..used);
                    return Ok(reply);
                }
                Ok(None) => {}
                Err(Malformed::TooLong) => return Err(RedisError::TooLong(limit)),
                // TLS says no with an alert, which is a record of type 21; no protocol of text begins with that byte.
                Err(Malformed::NotResp) if self.buffer.first() == Some(&21) => return Err(RedisError::ExpectsTls),
                Err(Malformed::NotResp) => return Err(RedisError::NotRedis(quoted(&self.buffer))),
            }
            let mut piece = [0; 4096];
            let read = self.stream.read(&mut piece).await.map_err(broken)?;
            if read == 0 && self.buffer.is_empty() {
                return Err(RedisError::Closed);
            }
            if read == 0 {
                return Err(RedisError::NotRedis(quoted(&self.buffer)));
            }
            self.buffer.extend_from_slice(piece.get(..read).unwrap_or_default());
        }
    }
}

/// Redis' own port for TLS resets the connection of who speaks without it.
fn broken(error: io::Error) -> RedisError {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => RedisError::Closed,
        _ => RedisError::Io(error),
    }
}

/// What an error outside of [`State`]'s means.
fn refusal(error: &str) -> RedisError {
    if error.starts_with("DENIED") { RedisError::ProtectedMode } else { RedisError::Error(quoted(error.as_bytes())) }
}

/// The beginning of what somebody else wrote, fit for a log line.
fn quoted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..QUOTED.min(bytes.len())).unwrap_or_default());
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
