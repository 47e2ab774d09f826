//! Messages between processes of this program, with open descriptors in them (`SCM_RIGHTS`, unix(7)).
//!
//! The channel is a `SOCK_SEQPACKET` socket: a message arrives whole or not at all, and its descriptors with it.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use tokio::{io::Interest, net::UnixStream, sync::Mutex};

/// Most descriptors in one message. The kernel takes 253 (`SCM_MAX_FD`).
pub const MAX_DESCRIPTORS: usize = 64;

/// Largest message in bytes, descriptors not counted.
pub const MAX_MESSAGE: usize = 4096;

/// Sends one message. Blocks when the socket does.
///
/// # Errors
/// What the kernel says; too many descriptors.
pub fn send(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "more descriptors than one message holds"));
    }
    let sent = rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?;
    if sent == bytes.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// Receives one message of at most [`MAX_MESSAGE`] bytes; no bytes at all when the other side has gone.
///
/// # Errors
/// What the kernel says; a message that was cut, whose descriptors are closed.
pub fn receive(socket: impl AsFd) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut bytes = vec![0; MAX_MESSAGE];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received =
        rustix::net::recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message was cut"));
    }
    bytes.truncate(received.bytes);
    Ok((bytes, descriptors))
}

/// The asking end of a channel: one question, one answer, in turn. What is asked next waits for its turn.
#[derive(Debug)]
pub struct Asker {
    /// A stream by its type alone: it is there to be waited for, and what goes through it goes through [`send`] and [`receive`].
    socket: Mutex<Option<UnixStream>>,
}

impl Asker {
    /// Takes one end of a connected `SOCK_SEQPACKET` socket; to be called inside a runtime.
    ///
    /// # Errors
    /// The socket cannot be made non-blocking or watched.
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        let socket = std::os::unix::net::UnixStream::from(socket);
        socket.set_nonblocking(true)?;
        Ok(Self { socket: Mutex::new(Some(UnixStream::from_std(socket)?)) })
    }

    /// Asks and waits for the answer. The caller sets the deadline; a question whose answer was not waited for closes the channel, since
    /// its answer would be taken for that of the next one.
    ///
    /// # Errors
    /// What the kernel says; the channel is closed, or the other side has gone.
    pub async fn ask(&self, question: &[u8]) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
        let mut place = self.socket.lock().await;
        // Out of its place while the answer is due: whoever drops this future drops the channel.
        let socket = place.take().ok_or(io::ErrorKind::NotConnected)?;
        socket.async_io(Interest::WRITABLE, || send(&socket, question, &[])).await?;
        let answer = socket.async_io(Interest::READABLE, || receive(&socket)).await?;
        if answer.0.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        *place = Some(socket);
        Ok(answer)
    }

    /// Whether questions can still be asked.
    pub async fn is_open(&self) -> bool {
        self.socket.lock().await.is_some()
    }
}

/// Both ends of a new channel.
///
/// # Errors
/// What the kernel says.
pub fn channel() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Read as _, thread};

    use super::*;

    #[tokio::test]
    async fn descriptors_travel_with_their_message() {
        let (ours, theirs) = channel().unwrap();
        let served = thread::spawn(move || {
            let (question, none) = receive(&theirs).unwrap();
            let file = File::open("/proc/self/comm").unwrap();
            send(&theirs, &[question, b"!".to_vec()].concat(), &[file.as_fd(), file.as_fd()]).unwrap();
            none.len()
        });
        let asker = Asker::new(ours).unwrap();
        let (answer, descriptors) = asker.ask(b"open").await.unwrap();
        assert_eq!((answer.as_slice(), descriptors.len(), served.join().unwrap()), (&b"open!"[..], 2, 0));
        let mut text = String::new();
        File::from(descriptors.into_iter().next().unwrap()).read_to_string(&mut text).unwrap();
        assert!(!text.is_empty());
        assert_eq!(asker.ask(b"again").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe, "the other side has gone");
        assert!(!asker.is_open().await);
    }

    #[tokio::test]
    async fn a_question_given_up_closes_the_channel() {
        let (ours, _theirs) = channel().unwrap();
        let asker = Asker::new(ours).unwrap();
        let late = tokio::time::timeout(std::time::Duration::from_millis(10), asker.ask(b"x")).await;
        assert!(late.is_err());
        assert!(!asker.is_open().await);
    }
}
