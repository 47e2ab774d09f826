//! Why a container's files cannot be read.

use std::{
    io,
    path::{Path, PathBuf},
};

use rustix::io::Errno;

/// A file that cannot be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// There is none, nor a rotated one: not yet, or no longer.
    #[error("no log file {}", path.display())]
    Missing {
        /// The newest one's name.
        path: PathBuf,
    },
    /// It is not for us: the engine's API is left.
    #[error("open log file {}: not allowed", path.display())]
    Forbidden {
        /// Which.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// A link, a pipe, a device or a folder: never read, whatever the engine says.
    #[error("log file {} is no regular file", path.display())]
    Irregular {
        /// Which.
        path: PathBuf,
    },
    /// Anything else.
    #[error("read log file {}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
}

impl TailError {
    /// Sorts what the kernel says of `path`.
    pub(super) fn sort(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            io::ErrorKind::PermissionDenied => Self::Forbidden { path, source },
            _ => match source.raw_os_error().map(Errno::from_raw_os_error) {
                // What opening gives for a link that must not be followed, and for a socket.
                Some(Errno::LOOP | Errno::NXIO) => Self::Irregular { path },
                _ => Self::Io { path, source },
            },
        }
    }
}
