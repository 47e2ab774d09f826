//! A conversation: messages out, messages in, and no more bytes than it may have.

use std::io::{self, ErrorKind};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    PostgresError,
    message::{self, Malformed, Message},
};

/// A connection on which a start-up message is sent or was.
pub(super) struct Wire<'a, S> {
    stream: &'a mut S,
    /// Bytes which have come and are not read yet.
    buffer: Vec<u8>,
    /// Whether a message was understood: until then it may be any program.
    met: bool,
    limit: usize,
    left: usize,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Wire<'a, S> {
    /// `limit`: bytes which the server may say in all.
    pub(super) const fn new(stream: &'a mut S, limit: usize) -> Self {
        Self { stream, buffer: Vec::new(), met: false, limit, left: limit }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), PostgresError> {
        self.stream.write_all(bytes).await.map_err(broken)?;
        self.stream.flush().await.map_err(broken)
    }

    /// The next message, notices and unknown ones included.
    pub(super) async fn next(&mut self) -> Result<Message, PostgresError> {
        loop {
            match message::frame(&self.buffer) {
                Ok(Some(frame)) => {
                    // The first word of a server is one of these; `v` is about a version newer than ours.
                    if !self.met && !b"RENv".contains(&frame.tag) {
                        return Err(self.foreign());
                    }
                    let message = Message::parse(frame).map_err(|_| self.foreign())?;
                    let used = frame.used;
                    self.buffer.drain(..used);
                    self.met = true;
                    return Ok(message);
                }
                Ok(None) => {}
                Err(Malformed::TooLong) if self.met => return Err(PostgresError::TooLong(message::MAX_MESSAGE)),
                Err(_) => return Err(self.foreign()),
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<(), PostgresError> {
        let mut piece = [0; 4096];
        let read = self.stream.read(&mut piece).await.map_err(broken)?;
        if read == 0 {
            return Err(if self.buffer.is_empty() { PostgresError::Closed } else { self.foreign() });
        }
        self.left = self.left.checked_sub(read).ok_or(PostgresError::TooLong(self.limit))?;
        self.buffer.extend_from_slice(piece.get(..read).unwrap_or_default());
        Ok(())
    }

    /// What it is instead.
    fn foreign(&self) -> PostgresError {
        // An alert is a record of type 21 and version 3.x.
        if !self.met && self.buffer.starts_with(&[21, 3]) {
            return PostgresError::ExpectsTls;
        }
        PostgresError::NotPostgres(message::quoted(&self.buffer))
    }

    /// Says goodbye and closes. What goes wrong here is nobody's concern.
    pub(super) async fn bye(&mut self) {
        drop(self.send(&message::terminate()).await);
        self.close().await;
    }

    /// Closes our side.
    pub(super) async fn close(&mut self) {
        drop(self.stream.shutdown().await);
    }
}

/// A connection that is reset has been closed, only less politely.
fn broken(error: io::Error) -> PostgresError {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => PostgresError::Closed,
        _ => PostgresError::Io(error),
    }
}
