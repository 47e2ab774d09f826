//! Into a namespace and back: the one place where this program is anywhere else than at home.
//!
//! Only the calling thread moves (setns(2)), so nothing here may run where tasks change threads. Between the two moves nothing is done but
//! `socket()`; where the way back fails the process ends, since whatever it made next would be in somebody else's network.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::OwnedFd,
    path::Path,
};

use rustix::{
    fd::{AsFd, BorrowedFd},
    fs::{Mode, OFlags, fstat, open, openat},
    io::{Errno, read},
    net::{AddressFamily, SocketFlags, SocketType, bind, netlink, socket_with},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};

use super::protocol::{Answer, Family, Kind, Request};
use crate::model::Process;

/// Most of `/proc/<pid>/stat`: some 400 bytes, and the name in it has 16 at most.
const MAX_STAT: usize = 1024;

/// Code of a process that is not at home any more.
const LOST: i32 = 70;

/// What tells one namespace from another: device and inode of its file.
type Identity = (u64, u64);

/// The namespaces that are known, and `/proc`, where all others are found.
#[derive(Debug)]
pub(super) struct Rooms {
    proc: OwnedFd,
    home: OwnedFd,
    /// The own one and that of the host: no socket that can connect is made in these.
    forbidden: [Identity; 2],
}

impl Rooms {
    /// Finds out where home is, and the host's own network, in which process 1 of the host's `/proc` is.
    ///
    /// # Errors
    /// What the kernel says: neither of the two processes that know can be looked at.
    pub(super) fn open(proc: &Path) -> io::Result<Self> {
        let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc = open(proc, folder, Mode::empty())?;
        let home = open("/proc/thread-self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        // Some hosts let nobody look at process 1. Process 2 is the kernel's own, which makes its threads.
        let host = file(&proc, "1/ns/net").or_else(|_| file(&proc, "2/ns/net"))?;
        let forbidden = [identity(&home)?, identity(&host)?];
        Ok(Self { proc, home, forbidden })
    }

    /// Does what is asked.
    pub(super) fn answer(&self, request: Request) -> (Answer, Vec<OwnedFd>) {
        let made = match request {
            Request::Ping => return (Answer::Here, Vec::new()),
            Request::Sockets { of, family, kind, count } => self.namespace(of).and_then(|namespace| {
                // The agent speaks to the world. On the host's network it would be where the firewall lets everything through.
                if self.forbidden.contains(&identity(&namespace)?) {
                    return Ok(Err(Answer::Refused));
                }
                self.inside(namespace.as_fd(), || (0..count).map(|_| socket(family, kind)).collect()).map(Ok)
            }),
            // It lists and can do nothing else: what it takes to end a connection is not among the helper's capabilities.
            Request::Diag { of } => self
                .namespace(of)
                .and_then(|namespace| self.inside(namespace.as_fd(), || diag().map(|socket| vec![socket])).map(Ok)),
        };
        match made {
            Ok(Ok(sockets)) => (Answer::Here, sockets),
            Ok(Err(answer)) => (answer, Vec::new()),
            // No such file: never was one. No such process: it ended while it was looked at.
            Err(Errno::NOENT | Errno::SRCH) => (Answer::Gone, Vec::new()),
            Err(error) => (Answer::Failed(error.raw_os_error()), Vec::new()),
        }
    }

    /// The namespace of a process which is the one that is meant.
    fn namespace(&self, of: Process) -> Result<OwnedFd, Errno> {
        // One folder, which is that of one process for ever: whoever has its pid later is not found in it.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(&self.proc, of.pid.to_string(), flags, Mode::empty())?;
        began(&folder, of.start_time)?;
        let namespace = file(&folder, "ns/net")?;
        // It has not ended meanwhile, so that was its namespace.
        began(&folder, of.start_time)?;
        Ok(namespace)
    }

    fn inside<T>(&self, namespace: BorrowedFd<'_>, work: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
        move_into_link_name_space(namespace, Some(LinkNameSpaceType::Network))?;
        let made = work();
        if let Err(error) = move_into_link_name_space(self.home.as_fd(), Some(LinkNameSpaceType::Network)) {
            tracing::error!(%error, "there is no way back into the helper's own network namespace");
            std::process::exit(LOST);
        }
        made
    }
}

fn file(folder: &OwnedFd, name: &str) -> Result<OwnedFd, Errno> {
    openat(folder, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// `ESRCH` unless the process of this folder began then.
fn began(folder: &OwnedFd, start_time: u64) -> Result<(), Errno> {
    let mut bytes = [0; MAX_STAT];
    let length = read(file(folder, "stat")?, &mut bytes)?;
    let found = Process::start_time_of(bytes.get(..length).unwrap_or_default());
    if found == Some(start_time) { Ok(()) } else { Err(Errno::SRCH) }
}

fn identity(file: &OwnedFd) -> Result<Identity, Errno> {
    fstat(file).map(|stat| (stat.st_dev, stat.st_ino))
}

fn flags() -> SocketFlags {
    SocketFlags::NONBLOCK | SocketFlags::CLOEXEC
}

/// A socket that has its port already, one of the kernel's choice: engines let everybody in a container's network take any port, and whoever gets
/// the socket could stand in for a service there that is away for a moment.
fn socket(family: Family, kind: Kind) -> Result<OwnedFd, Errno> {
    let (domain, any) = match family {
        Family::V4 => (AddressFamily::INET, IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        Family::V6 => (AddressFamily::INET6, IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
    };
    let kind = match kind {
        Kind::Stream => SocketType::STREAM,
        Kind::Datagram => SocketType::DGRAM,
    };
    let socket = socket_with(domain, kind, flags(), None)?;
    bind(&socket, &SocketAddr::new(any, 0))?;
    Ok(socket)
}

fn diag() -> Result<OwnedFd, Errno> {
    socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags(), Some(netlink::SOCK_DIAG))
}
