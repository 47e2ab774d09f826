//! Whether a helper does its work, for a health check beside it.

use std::{io, path::Path, time::Duration};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::SocketType,
};

use super::protocol::{Answer, Request};
use crate::net::{handover, knock};

/// Longest wait for an answer: shorter than any sensible HEALTHCHECK timeout.
const WITHIN: Duration = Duration::from_secs(2);

/// Whether a helper at this path lets somebody in and answers. One that turns the asker away does its work as well: a health check runs as the
/// user of the helper, who need not be among those that may ask.
pub fn answers(path: &Path) -> bool {
    ask(path).is_ok_and(|answer| answer.is_none_or(|answer| answer == Answer::Here))
}

/// The answer; `None` of one that has turned us away.
fn ask(path: &Path) -> io::Result<Option<Answer>> {
    let socket = knock::at_once(path, SocketType::SEQPACKET)?;
    match handover::send(&socket, &Request::Ping.encode(), &[]) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(None),
        sent => sent?,
    }
    let patience = Timespec { tv_sec: WITHIN.as_secs().cast_signed(), tv_nsec: 0 };
    if poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&patience))? == 0 {
        return Err(io::ErrorKind::TimedOut.into());
    }
    match handover::receive(&socket) {
        Ok((bytes, _)) if bytes.is_empty() => Ok(None),
        Ok((bytes, _)) => Answer::decode(&bytes).map(Some).ok_or_else(|| io::ErrorKind::InvalidData.into()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;

    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, accept, bind, listen, socket_with};

    use super::*;

    fn door(path: &Path) -> OwnedFd {
        let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
        listen(&socket, 4).unwrap();
        socket
    }

    fn says(words: &[u8], socket: &OwnedFd) {
        assert_eq!(handover::receive(socket).unwrap().0, Request::Ping.encode());
        handover::send(socket, words, &[]).unwrap();
    }

    #[test]
    fn whoever_lets_in_or_turns_away_is_well_and_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("netns.sock");
        assert!(!answers(&path), "nobody is there");
        let door = door(&path);
        let asked = |serve: fn(OwnedFd)| {
            std::thread::scope(|scope| {
                scope.spawn(|| serve(accept(&door).unwrap()));
                answers(&path)
            })
        };
        assert!(asked(|socket| says(&Answer::Here.encode(), &socket)));
        assert!(asked(drop), "it was looked at and turned away");
        assert!(!asked(|socket| says(&Answer::Refused.encode(), &socket)));
        assert!(!asked(|socket| says(b"what?", &socket)));
        // Somebody listens, and takes nobody in.
        assert!(!answers(&path));
    }
}
