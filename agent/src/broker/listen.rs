//! `spyhop broker --listen`: the same filter for other programs, on a socket of its own.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::UnixListener as StdListener,
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustix::net::SocketType;
use tokio::{
    net::UnixListener,
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
};

use super::{
    ask::Asking,
    inherited::keeps,
    serve::{Refused, converse},
};
use crate::{
    engine::Sought,
    memory,
    net::knock,
    sandbox::{Confined, Role, confine_but},
};

/// Connections at a time; more wait in the kernel.
const MAX_CONNECTIONS: usize = 1024;
/// Pause after an error which another attempt would meet again at once (no descriptor left).
const PAUSE: Duration = Duration::from_millis(100);

/// Why nothing listens.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody is there.
    #[error("listen on {}: another program listens there", .0.display())]
    Taken(PathBuf),
    /// Something else is there.
    #[error("listen on {}: something is there which is no socket", .0.display())]
    NotASocket(PathBuf),
    /// The kernel's word.
    #[error("listen on {}", .path.display())]
    Refused {
        /// Where.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// The engine cannot be used; the sentence with its causes.
    #[error("{0}")]
    Engine(String),
}

/// A socket that listens, in a process that has given up the rest.
#[derive(Debug)]
pub struct Listening {
    runtime: tokio::runtime::Runtime,
    socket: StdListener,
    asking: Asking<crate::engine::Endpoint>,
    /// What was given up.
    pub confined: Confined,
}

/// Listens, with these rights of the file; what a process that has gone left behind there is replaced. No thread may have been started.
///
/// # Errors
/// The path is taken or refused; certificates cannot be used.
pub fn listen(sought: Sought, path: &Path, mode: u32) -> Result<Listening, ListenError> {
    let refused = |source| ListenError::Refused { path: path.to_owned(), source };
    let (address, tls) = (sought.address.clone(), sought.tls.clone());
    let endpoint = sought.open().map_err(|error| ListenError::Engine(super::parting::with_causes(&error)))?;
    match fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(ListenError::NotASocket(path.to_owned())),
        Ok(_) if knock::is_taken(path, SocketType::STREAM) => return Err(ListenError::Taken(path.to_owned())),
        Ok(_) => fs::remove_file(path).map_err(refused)?,
        Err(_) => {}
    }
    let socket = StdListener::bind(path).map_err(refused)?;
    // Bound with whatever the umask leaves: for that moment nobody beyond the mode gets more than a filtered answer.
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(refused)?;
    socket.set_nonblocking(true).map_err(refused)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
    let confined = confine_but(Role::Broker, &keeps(&address, tls.as_ref()));
    Ok(Listening { runtime, socket, asking: Asking::new(endpoint), confined })
}

impl Listening {
    /// Serves until SIGTERM or SIGINT. The socket's file stays behind and means nothing.
    ///
    /// # Errors
    /// No signal can be listened for, or the socket not be watched.
    pub fn serve(self) -> io::Result<()> {
        let Self { runtime, socket, asking, .. } = self;
        memory::trim();
        runtime.block_on(async move {
            let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
            let socket = UnixListener::from_std(socket)?;
            tokio::select! {
                never = accept(socket, asking) => match never {},
                _ = terminate.recv() => Ok(()),
                _ = interrupt.recv() => Ok(()),
            }
        })
    }
}

async fn accept(socket: UnixListener, asking: Asking<crate::engine::Endpoint>) -> std::convert::Infallible {
    let (refused, places) = (Refused::default(), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    loop {
        // Before accepting: whoever is one too many waits in the kernel, and no descriptor is held for it.
        let place = Arc::clone(&places).acquire_owned().await.ok();
        match socket.accept().await {
            Ok((stream, _)) => {
                let (asking, refused) = (asking.clone(), refused.clone());
                tokio::spawn(async move {
                    converse(stream, &asking, &refused).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept a connection");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}
