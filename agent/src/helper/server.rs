//! `spyhop helper netns`: listens, gives up what it does not need, answers.
//!
//! One thread and no runtime. What is asked is done before the next is looked at; each client has one request answered a turn, and one that
//! does not take its answers is let go, so that nobody waits for anybody.

use std::{
    convert::Infallible,
    fs, io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::FileTypeExt,
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::Mode,
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, socket_with,
        sockopt::socket_peercred,
    },
    process::{geteuid, umask},
    thread::{CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, set_capabilities},
};

use super::{
    protocol::{Answer, Request},
    rooms::Rooms,
};
use crate::{
    net::{handover, knock},
    sandbox,
};

/// Clients at once. The agent is one; an agent that begins anew is a second for a moment.
const MAX_CLIENTS: usize = 16;

/// Clients that wait to be let in.
const BACKLOG: i32 = 16;

/// Time without a look at the door after the system had no descriptor for another client.
const SHUT: Duration = Duration::from_millis(100);

/// The file's mode is 0660: the owner and the group may connect, and of these the users that are named.
const MASK: u32 = 0o117;

/// All that is needed: to enter a namespace, and to look at processes of other users.
const NEEDED: [(CapabilitySet, &str); 2] =
    [(CapabilitySet::SYS_ADMIN, "CAP_SYS_ADMIN"), (CapabilitySet::SYS_PTRACE, "CAP_SYS_PTRACE")];

/// Where and for whom.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where its socket is made. A socket on which nobody listens any more is replaced.
    pub listen: PathBuf,
    /// Users that may ask, by id; nobody named is the user it runs as.
    pub uids: Vec<u32>,
    /// Where the host's `/proc` is.
    pub proc: PathBuf,
}

/// Why the helper cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HelperError {
    /// It must not do its work.
    #[error(
        "{0} missing: the helper needs CAP_SYS_ADMIN and CAP_SYS_PTRACE and nothing else, run it as root with all others dropped \
         (compose/agent-split.yml) or with AmbientCapabilities= in a unit"
    )]
    Capabilities(String),
    /// The kernel would not say, or take them.
    #[error("give up capabilities")]
    Drop(#[source] io::Error),
    /// Processes 1 and 2 are where the host's network is known from.
    #[error("look at the network namespaces in {}", .0.display())]
    Proc(PathBuf, #[source] io::Error),
    /// There is something else at the path.
    #[error("listen on {}: there is something that is no socket", .0.display())]
    NoSocket(PathBuf),
    /// Another helper.
    #[error("listen on {}: somebody listens there", .0.display())]
    Taken(PathBuf),
    /// The system said no.
    #[error("listen on {}", .0.display())]
    Listen(PathBuf, #[source] io::Error),
    /// It cannot wait for clients.
    #[error("wait for clients")]
    Wait(#[source] io::Error),
}

/// Serves until the process ends. The calling thread must be the only one: capabilities and namespaces belong to threads.
///
/// # Errors
/// Everything that keeps it from starting; afterwards only that it cannot wait any more.
pub fn run(options: &Options) -> Result<Infallible, HelperError> {
    let missing = missing(capabilities(None).map_err(|error| HelperError::Drop(error.into()))?);
    if !missing.is_empty() {
        return Err(HelperError::Capabilities(missing));
    }
    // With everything it may have: the folder may be another user's.
    let door = open_door(&options.listen)?;
    keep_only_needed().map_err(|error| HelperError::Drop(error.into()))?;
    let rooms = Rooms::open(&options.proc).map_err(|error| HelperError::Proc(options.proc.clone(), error))?;
    let confined = sandbox::confine(sandbox::Role::Helper);
    let own = geteuid().as_raw();
    let uids = if options.uids.is_empty() { vec![own] } else { options.uids.clone() };
    tracing::info!(path = %options.listen.display(), ?uids, ?confined, "the helper listens");
    let mut server = Server { door, rooms, uids, clients: Vec::new(), strangers: 0, crowded: 0 };
    loop {
        server.turn().map_err(|error| HelperError::Wait(error.into()))?;
    }
}

/// Names of what is needed and not there.
fn missing(sets: CapabilitySets) -> String {
    let missing = NEEDED.iter().filter(|(capability, _)| !sets.permitted.contains(*capability));
    missing.map(|(_, name)| *name).collect::<Vec<_>>().join(" and ")
}

fn keep_only_needed() -> rustix::io::Result<()> {
    let kept = NEEDED.iter().fold(CapabilitySet::empty(), |kept, (capability, _)| kept | *capability);
    clear_ambient_capability_set()?;
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() })
}

fn open_door(path: &Path) -> Result<OwnedFd, HelperError> {
    let failed = |error: rustix::io::Errno| HelperError::Listen(path.to_owned(), error.into());
    let address = SocketAddrUnix::new(path).map_err(failed)?;
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(HelperError::NoSocket(path.to_owned())),
        Ok(_) if knock::is_taken(path, SocketType::SEQPACKET) => return Err(HelperError::Taken(path.to_owned())),
        Ok(_) => fs::remove_file(path).map_err(|error| HelperError::Listen(path.to_owned(), error))?,
        Err(_) => {}
    }
    let door = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).map_err(failed)?;
    // Before it is there nobody can be quicker than the mode.
    let before = umask(Mode::from_raw_mode(MASK));
    let bound = bind(&door, &address);
    umask(before);
    bound.and_then(|()| listen(&door, BACKLOG)).map_err(failed)?;
    Ok(door)
}

struct Server {
    door: OwnedFd,
    rooms: Rooms,
    uids: Vec<u32>,
    clients: Vec<Client>,
    /// Connections of users who may not ask.
    strangers: u64,
    /// Connections for which there was no room.
    crowded: u64,
}

/// One connection, and what it was answered.
struct Client {
    socket: OwnedFd,
    pid: i32,
    uid: u32,
    sockets: u64,
    gone: u64,
    refused: u64,
    failed: u64,
}

impl Server {
    /// Waits until somebody wants something, and does it.
    fn turn(&mut self) -> rustix::io::Result<()> {
        let sockets = self.clients.iter().map(|client| client.socket.as_fd());
        let watched: Vec<BorrowedFd<'_>> = [self.door.as_fd()].into_iter().chain(sockets).collect();
        let mut polled: Vec<_> = watched.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
        match poll(&mut polled, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let mut ready: Vec<bool> = polled.iter().map(|polled| !polled.revents().is_empty()).collect();
        let knocked = !ready.is_empty() && ready.remove(0);
        let mut ready = ready.into_iter();
        let rooms = &self.rooms;
        self.clients.retain_mut(|client| {
            let stays = !ready.next().unwrap_or(false) || client.serve(rooms);
            if !stays {
                client.farewell();
            }
            stays
        });
        if knocked {
            self.let_in();
        }
        Ok(())
    }

    fn let_in(&mut self) {
        let socket = match accept_with(&self.door, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(socket) => socket,
            Err(error) => {
                // It stays readable, and the cause is not here: looking again at once would be all that is done.
                tracing::warn!(%error, "no client could be let in");
                std::thread::sleep(SHUT);
                return;
            }
        };
        let Ok(peer) = socket_peercred(&socket) else { return };
        let (pid, uid) = (peer.pid.as_raw_nonzero().get(), peer.uid.as_raw());
        if !self.uids.contains(&uid) && uid == geteuid().as_raw() {
            // A health check beside us: that it was turned away is all it wants to know.
            tracing::debug!(pid, "a process of the helper's own user was turned away");
        } else if !self.uids.contains(&uid) {
            self.strangers += 1;
            if self.strangers.is_power_of_two() {
                tracing::warn!(uid, pid, turned_away = self.strangers, "a user who may not ask was turned away");
            }
        } else if self.clients.len() >= MAX_CLIENTS {
            self.crowded += 1;
            if self.crowded.is_power_of_two() {
                tracing::warn!(uid, pid, turned_away = self.crowded, "there is no room for another client");
            }
        } else {
            tracing::info!(uid, pid, "a client has come");
            self.clients.push(Client { socket, pid, uid, sockets: 0, gone: 0, refused: 0, failed: 0 });
        }
    }
}

impl Client {
    /// Answers one request; whether it stays.
    fn serve(&mut self, rooms: &Rooms) -> bool {
        let (bytes, foreign) = match handover::receive(&self.socket) {
            Ok(received) => received,
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        };
        if bytes.is_empty() {
            return false;
        }
        let request = Request::decode(&bytes).filter(|_| foreign.is_empty());
        let (answer, made) = request.map_or((Answer::Refused, Vec::new()), |request| rooms.answer(request));
        match answer {
            Answer::Here => self.sockets += made.len() as u64,
            Answer::Gone => self.gone += 1,
            Answer::Refused => self.refused += 1,
            Answer::Failed(_) => self.failed += 1,
        }
        let descriptors: Vec<_> = made.iter().map(AsFd::as_fd).collect();
        let sent = handover::send(&self.socket, &answer.encode(), &descriptors);
        // Who does not speak this language, or does not listen, is not asked what he meant.
        request.is_some() && sent.is_ok()
    }

    fn farewell(&self) {
        let Self { pid, uid, sockets, gone, refused, failed, .. } = self;
        tracing::info!(uid, pid, sockets, gone, refused, failed, "a client has left");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let sets = |permitted| CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted,
            inheritable: CapabilitySet::all(),
        };
        assert_eq!(missing(sets(CapabilitySet::SYS_ADMIN | CapabilitySet::SYS_PTRACE)), "");
        assert_eq!(missing(sets(CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN)), "CAP_SYS_PTRACE");
        assert_eq!(missing(sets(CapabilitySet::empty())), "CAP_SYS_ADMIN and CAP_SYS_PTRACE");
    }

    #[test]
    fn the_door_is_made_where_nobody_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("netns.sock");
        let first = open_door(&path).unwrap();
        assert!(matches!(open_door(&path), Err(HelperError::Taken(_))));
        drop(first);
        let again = open_door(&path);
        assert!(again.is_ok(), "what is left of another is replaced: {again:?}");
        let file = folder.path().join("file");
        fs::write(&file, "precious").unwrap();
        assert!(matches!(open_door(&file), Err(HelperError::NoSocket(_))));
        assert_eq!(fs::read(&file).unwrap(), b"precious");
        let long = folder.path().join("x".repeat(200));
        assert!(matches!(open_door(&long), Err(HelperError::Listen(..))));
    }
}
