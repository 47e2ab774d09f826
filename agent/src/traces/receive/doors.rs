//! Where OTLP is listened for. Opened before the process gives up the right to: what is opened here is all there will be.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    os::{
        fd::OwnedFd,
        unix::{
            fs::{FileTypeExt as _, PermissionsExt as _},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with},
};

use crate::traces::Receiver;

/// Everybody may connect who can reach the file: who may is said by which containers the folder is mounted into, and who it is by the
/// credentials the kernel tells of each connection. Programs in containers run as any user.
const MODE: u32 = 0o666;

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The kernel's word on an address.
    #[error("listen for OTLP on {address}: {}", hint(source))]
    Address {
        /// Where.
        address: SocketAddr,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// Somebody is at the path.
    #[error("listen for OTLP on {}: another program listens there", .0.display())]
    Taken(PathBuf),
    /// Something else is at the path.
    #[error("listen for OTLP on {}: something is there which is no socket", .0.display())]
    NotASocket(PathBuf),
    /// The kernel's word on a path.
    #[error("listen for OTLP on {}", .path.display())]
    Path {
        /// Where.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
}

/// What to do about it, where that is known.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "another program (a collector?) listens there",
        io::ErrorKind::AddrNotAvailable => "this host has no such address",
        io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege the agent does not want",
        _ => "refused by the system",
    }
}

/// How long clients and the intake may take. The defaults are for everybody; tests are less patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From accepting a connection to its first words, and from the first byte of a head of HTTP/1.1 to its last.
    pub head: Duration,
    /// How long a connection may be without a request.
    pub idle: Duration,
    /// How long a body may not come on.
    pub stall: Duration,
    /// From the head of a request to the end of its body.
    pub body: Duration,
    /// From the end of the body to the answer; whoever asked is told to come again.
    pub take: Duration,
    /// How long the rest of a body that was refused is thrown away before the answer (HTTP/1.1 alone: clients read no answer before they
    /// have sent all).
    pub rest: Duration,
    /// How long requests under way may go on after a shutdown was asked for.
    pub drain: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(10),
            // Metrics are sent once a minute by default: a connection should outlive some of these.
            idle: Duration::from_secs(300),
            stall: Duration::from_secs(10),
            body: Duration::from_secs(60),
            // Clients give up after ten seconds by default, and need the word before.
            take: Duration::from_secs(8),
            rest: Duration::from_secs(5),
            drain: Duration::from_secs(5),
        }
    }
}

/// Sockets that listen and are not answered yet: connections wait in the kernel until [`super::serve`] runs.
#[derive(Debug)]
pub struct Doors {
    pub(super) grpc: Option<TcpListener>,
    pub(super) http: Option<TcpListener>,
    pub(super) socket: Option<UnixListener>,
    pub(super) receiver: Receiver,
    pub(super) patience: Patience,
}

impl Doors {
    /// Where OTLP/gRPC is listened for; with port 0 in the settings the kernel has chosen one.
    pub fn grpc(&self) -> Option<SocketAddr> {
        self.grpc.as_ref()?.local_addr().ok()
    }

    /// Where OTLP/HTTP is listened for.
    pub fn http(&self) -> Option<SocketAddr> {
        self.http.as_ref()?.local_addr().ok()
    }

    /// With other deadlines than the default ones.
    pub const fn with(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }
}

/// Opens what the settings name. Blocks for as long as the kernel takes; wants no runtime.
///
/// # Errors
/// An address or the path cannot be listened on.
pub fn bind(receiver: &Receiver) -> Result<Doors, BindError> {
    Ok(Doors {
        grpc: receiver.grpc.map(tcp).transpose()?,
        http: receiver.http.map(tcp).transpose()?,
        socket: receiver.socket.as_deref().map(unix).transpose()?,
        receiver: receiver.clone(),
        patience: Patience::default(),
    })
}

fn tcp(address: SocketAddr) -> Result<TcpListener, BindError> {
    let open = || {
        let socket = TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    open().map_err(|source| BindError::Address { address, source })
}

/// What a process that has gone left behind at the path is replaced; nothing else is.
fn unix(path: &Path) -> Result<UnixListener, BindError> {
    let refused = |source| BindError::Path { path: path.to_owned(), source };
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(BindError::NotASocket(path.to_owned())),
        Ok(_) => match is_listened_on(path).map_err(refused)? {
            true => return Err(BindError::Taken(path.to_owned())),
            false => fs::remove_file(path).map_err(refused)?,
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refused(error)),
    }
    let socket = UnixListener::bind(path).map_err(refused)?;
    // For a moment the umask holds, which lets in fewer.
    fs::set_permissions(path, fs::Permissions::from_mode(MODE)).map_err(refused)?;
    socket.set_nonblocking(true).map_err(refused)?;
    Ok(socket)
}

/// Without waiting: where connections are not taken fast enough, somebody is there all the same.
fn is_listened_on(path: &Path) -> io::Result<bool> {
    let probe: OwnedFd =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    match connect(&probe, &SocketAddrUnix::new(path)?) {
        Ok(()) | Err(Errno::AGAIN) => Ok(true),
        Err(Errno::CONNREFUSED) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_socket_is_made_where_nobody_is_and_everybody_may_connect() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("otlp.sock");
        let first = unix(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        let _waits = UnixStream::connect(&path).unwrap();
        assert!(matches!(unix(&path), Err(BindError::Taken(_))));
        drop(first);
        let again = unix(&path);
        assert!(again.is_ok(), "what is left of another is replaced: {again:?}");
    }

    #[test]
    fn nothing_but_a_socket_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "precious").unwrap();
        assert!(matches!(unix(&file), Err(BindError::NotASocket(_))));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(matches!(unix(&link), Err(BindError::NotASocket(_))));
        assert_eq!(fs::read(&file).unwrap(), b"precious");
        for path in ["x".repeat(200), "nowhere/otlp.sock".to_owned()] {
            assert!(matches!(unix(&folder.path().join(path)), Err(BindError::Path { .. })));
        }
    }

    #[test]
    fn an_address_in_use_is_said_to_be() {
        let first = tcp(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let error = tcp(first.local_addr().unwrap()).unwrap_err();
        assert!(error.to_string().ends_with("another program (a collector?) listens there"), "{error}");
    }
}
