//! Connecting to a unix socket without ever waiting for a place in its backlog.
//!
//! A blocking connect(2) waits there for as long as whoever listens takes nobody in, which may be for good; a non-blocking one is told
//! `EAGAIN`, and no poll(2) says when to try again.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with},
};

/// Between two attempts while the backlog is full.
const PAUSE: Duration = Duration::from_millis(5);

/// A connected socket that does not block, at once or not at all.
///
/// # Errors
/// What the kernel says: `EAGAIN` where somebody listens and has no room, `ECONNREFUSED` where the file is left from somebody.
pub fn at_once(path: &Path, kind: SocketType) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, kind, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// A connected stream that blocks, where there is room within `patience`.
///
/// # Errors
/// What the kernel says last.
pub fn within(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let began = Instant::now();
    loop {
        match at_once(path, SocketType::STREAM) {
            Ok(socket) => {
                let stream = UnixStream::from(socket);
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if is_full(&error) && began.elapsed() < patience => sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
}

/// Whether somebody listens at a path. Who has no room for one more is there, and so is who speaks in another kind of socket: neither may be
/// taken for what a process that has gone left behind.
pub fn is_taken(path: &Path, kind: SocketType) -> bool {
    match at_once(path, kind) {
        Ok(_) => true,
        Err(error) => is_full(&error) || error.raw_os_error() == Some(Errno::PROTOTYPE.raw_os_error()),
    }
}

/// Whether an error says that somebody listens and takes nobody in just now.
pub fn is_full(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::AGAIN.raw_os_error())
}

#[cfg(test)]
mod tests {
    use rustix::net::{bind, listen};

    use super::*;

    fn listener(path: &Path, kind: SocketType) -> OwnedFd {
        let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).unwrap();
        bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
        listen(&socket, 0).unwrap();
        socket
    }

    #[test]
    fn a_full_backlog_is_somebody_and_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        for kind in [SocketType::STREAM, SocketType::SEQPACKET] {
            let path = folder.path().join(format!("{kind:?}"));
            assert!(!is_taken(&path, kind), "nothing is there");
            let door = listener(&path, kind);
            let mut waiting = Vec::new();
            let full = loop {
                match at_once(&path, kind) {
                    Ok(socket) => waiting.push(socket),
                    Err(error) => break error,
                }
                assert!(waiting.len() < 10, "a backlog of none has room for few");
            };
            assert!(is_full(&full), "{full}");
            assert!(is_taken(&path, kind));
            let other = if kind == SocketType::STREAM { SocketType::SEQPACKET } else { SocketType::STREAM };
            assert!(is_taken(&path, other), "it speaks in another kind of socket");
            drop(door);
            assert!(!is_taken(&path, kind), "it has gone, and its file is left");
        }
    }

    #[test]
    fn a_place_that_becomes_free_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("door");
        let door = listener(&path, SocketType::STREAM);
        let first = at_once(&path, SocketType::STREAM).unwrap();
        let began = Instant::now();
        let late = within(&path, Duration::from_millis(20)).unwrap_err();
        assert!(is_full(&late) && began.elapsed() >= Duration::from_millis(20), "{late}");
        let served = std::thread::spawn(move || {
            let one = rustix::net::accept(&door).unwrap();
            (one, rustix::net::accept(&door).unwrap())
        });
        drop(within(&path, Duration::from_secs(10)).unwrap());
        drop(first);
        served.join().unwrap();
    }
}
