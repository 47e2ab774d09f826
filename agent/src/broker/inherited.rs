//! The child's side: a channel on standard input, questions for connections, and an end with the parent's.

use std::{
    io,
    os::fd::{AsFd as _, OwnedFd},
    os::unix::net::UnixStream as StdStream,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    net::SocketType,
    process::{Resource, Signal, getrlimit, set_parent_process_death_signal, setrlimit},
};
use tokio::{
    io::Interest,
    net::UnixStream,
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
};

use super::{
    ask::Asking,
    parting::{self, Hello},
    serve::{Refused, converse},
};
use crate::{
    engine::{Address, Endpoint},
    memory,
    net::{TlsFiles, door, handover, knock},
    sandbox::{Keeps, Role, confine_but},
};

/// Connections at a time. The agent follows at most 512 containers' output, and asks a few things beside.
const MAX_CONNECTIONS: usize = 1024;

/// Serves until the parent has gone. `start` sets up the log as the parent wants it; the parent waits for an answer meanwhile.
///
/// # Errors
/// The channel is none, or was closed in the beginning. What the parent asked for and cannot be had is told to the parent.
pub fn serve(start: impl FnOnce(&Hello)) -> io::Result<()> {
    // Killed with the parent's main thread, should it hang itself; otherwise it sees the end of the channel.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Run from /proc/self/exe, it would be called `exe`.
    rustix::thread::set_name(c"spyhop-broker")?;
    let channel = io::stdin().as_fd().try_clone_to_owned()?;
    let hello = Hello::receive(&channel)?;
    start(&hello);
    raise_descriptors();
    let opened = hello.sought().and_then(|sought| sought.open().map_err(|error| parting::with_causes(&error)));
    let endpoint = match opened {
        Ok(endpoint) => endpoint,
        Err(reason) => return parting::tell_failure(&channel, &reason),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let confined = confine_but(Role::Broker, &keeps(endpoint.address(), hello.tls().as_ref()));
    parting::tell_ready(&channel, confined)?;
    memory::trim();
    runtime.block_on(attend(channel, endpoint, hello.helper))
}

/// What a broker for this engine cannot do without.
pub(super) fn keeps(address: &Address, tls: Option<&TlsFiles>) -> Keeps {
    let network = matches!(address, Address::Tcp { .. });
    // Names are looked up by what these say; on many machines the first is a link to a file that a service of the machine keeps elsewhere.
    let looked_up = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"].map(PathBuf::from);
    let keys = tls.into_iter().flat_map(|files| {
        let client = files.client.iter().flat_map(|(certificate, key)| [certificate, key]);
        std::iter::once(&files.ca).chain(client)
    });
    let mut reads = Vec::new();
    for file in looked_up.iter().filter(|_| network).chain(keys) {
        // The folder, since a renewed file is another file; also that of what a link points at.
        let real = file.canonicalize().ok();
        let folders = [Some(file.as_path()), real.as_deref()].into_iter().flatten().filter_map(Path::parent);
        reads.extend(folders.map(Path::to_owned));
    }
    Keeps { network, reads: Some(reads), ..Keeps::of(Role::Broker) }
}

/// Each connection is two descriptors here.
fn raise_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // What is there has to do where more is refused.
    setrlimit(Resource::Nofile, limit).unwrap_or_default();
}

async fn attend(channel: OwnedFd, endpoint: Endpoint, helper: Option<PathBuf>) -> io::Result<()> {
    // The parent ends in its own order, and asks until then; a supervisor signals all processes of a group.
    let mut ignored =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
    let channel = StdStream::from(channel);
    channel.set_nonblocking(true)?;
    let channel = UnixStream::from_std(channel)?;
    let (asking, refused) = (Asking::new(endpoint), Refused::default());
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let question = tokio::select! {
            question = channel.async_io(Interest::READABLE, || handover::receive(&channel)) => question?.0,
            _ = ignored.0.recv() => continue,
            _ = ignored.1.recv() => continue,
            _ = ignored.2.recv() => continue,
        };
        let given = match question.as_slice() {
            [] => return Ok(()),
            door::ENGINE => match StdStream::pair().and_then(|(theirs, ours)| Ok((theirs, watched(ours)?))) {
                Ok((theirs, ours)) => match Arc::clone(&places).try_acquire_owned() {
                    Ok(place) => {
                        let (asking, refused) = (asking.clone(), refused.clone());
                        tokio::spawn(async move {
                            converse(ours, &asking, &refused).await;
                            drop(place);
                        });
                        Ok(OwnedFd::from(theirs))
                    }
                    Err(_) => Err(io::Error::from_raw_os_error(libc::EMFILE)),
                },
                Err(error) => Err(error),
            },
            door::HELPER => call_helper(helper.as_deref()),
            _ => Err(io::Error::from_raw_os_error(libc::EINVAL)),
        };
        channel.async_io(Interest::WRITABLE, || door::answer(&channel, clone_result(&given))).await?;
    }
}

fn watched(stream: StdStream) -> io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}

/// The same once more, for a sender which may have to try again.
fn clone_result(given: &io::Result<OwnedFd>) -> io::Result<&OwnedFd> {
    given.as_ref().map_err(|error| io::Error::from_raw_os_error(error.raw_os_error().unwrap_or_default()))
}

/// A connection to the helper, whose path was said at the start: whoever asks cannot choose another.
fn call_helper(path: Option<&Path>) -> io::Result<OwnedFd> {
    let path = path.ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))?;
    knock::at_once(path, SocketType::SEQPACKET)
}
