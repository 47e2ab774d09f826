//! The state file on disk: read once at the start, written by one task, never in the way of anything else.
//!
//! A write goes to a second file, is brought to disk, and takes the first one's place: whenever the process or the machine
//! dies, the file is the old one or the new one. When it cannot be written the agent runs on with its counters in memory,
//! says so once, and tries again now and then.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{sync::watch, task::JoinHandle, time::Instant};

use super::{
    file::{self, MAX_BYTES, Unreadable},
    saved::Saved,
};
use crate::telemetry::{Metrics, Outcome};

/// Name of the file in the state folder.
const FILE: &str = "state.json";

/// A disk that refused is asked again after this.
const RETRY: Duration = Duration::from_secs(10);

/// A disk that does not answer holds up the end of the process no longer than this.
const LAST_WRITE: Duration = Duration::from_secs(5);

/// Why the state was not read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("{verb} {path}")]
    Io {
        verb: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("read {path}")]
    Unreadable {
        path: PathBuf,
        #[source]
        source: Unreadable,
    },
    #[error("encode state")]
    Encode(#[from] serde_json::Error),
}

/// Reads the file; a missing one is an empty state. What cannot be understood is set aside, so that nothing overwrites it.
pub(super) fn load(folder: &Path) -> Saved {
    let path = folder.join(FILE);
    let error = match read(&path) {
        Ok(saved) => return saved,
        Err(error) => error,
    };
    let aside = match &error {
        StoreError::Unreadable { source: Unreadable::Newer(version), .. } => format!("{FILE}.format-{version}"),
        StoreError::Io { source, .. } if is_missing(source) => return Saved::default(),
        _ => format!("{FILE}.corrupt"),
    };
    let moved = fs::rename(&path, folder.join(&aside)).is_ok();
    let cause = cause(&error);
    tracing::error!(%error, cause, set_aside = moved.then_some(aside), "counters of services start at 0");
    Saved::default()
}

/// Writes the file, whole or not at all.
pub(super) fn write(folder: &Path, saved: &Saved) -> Result<(), StoreError> {
    let bytes = file::encode(saved)?;
    let (path, next) = (folder.join(FILE), folder.join(format!("{FILE}.tmp")));
    let failed = |verb, path: &Path| {
        let path = path.to_owned();
        move |source| StoreError::Io { verb, path, source }
    };
    // The folder of a first run. Its parents are the administrator's.
    if let Err(source) = fs::create_dir(folder).or_else(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Ok(()),
        _ if folder.is_dir() => Ok(()),
        _ => Err(error),
    }) {
        return Err(failed("create", folder)(source));
    }
    let mut file = File::create(&next).map_err(failed("create", &next))?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed("write", &next))?;
    drop(file);
    fs::rename(&next, &path).map_err(failed("replace", &path))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("sync", folder))
}

fn read(path: &Path) -> Result<Saved, StoreError> {
    let failed = |source| StoreError::Io { verb: "read", path: path.to_owned(), source };
    let unreadable = |source| StoreError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let length = File::open(path).map_err(failed)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if length as u64 > MAX_BYTES {
        return Err(unreadable(Unreadable::Damaged("larger than any state file")));
    }
    file::decode(&bytes).map_err(unreadable)
}

/// No file, or no folder for one: a first run. (A path through a file is the write's to complain about.)
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn cause(error: &StoreError) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}

/// The one writer. Takes the newest state; one that was not written when the next comes is left out.
#[derive(Debug)]
pub(super) struct Writer {
    newest: watch::Sender<Option<Arc<Saved>>>,
    task: JoinHandle<()>,
}

impl Writer {
    /// Starts the writer for this folder.
    pub(super) fn spawn(folder: PathBuf, metrics: Metrics) -> Self {
        let (newest, incoming) = watch::channel(None);
        Self { newest, task: tokio::spawn(follow(folder, incoming, metrics)) }
    }

    /// Hands over a state; never waits.
    pub(super) fn save(&self, saved: Saved) {
        self.newest.send_replace(Some(Arc::new(saved)));
    }

    /// Waits until what was handed over is written, or has failed.
    pub(super) async fn finish(self) {
        drop(self.newest);
        if tokio::time::timeout(LAST_WRITE, self.task).await.is_err() {
            tracing::warn!("state file not written in time, the last counts are lost");
        }
    }
}

async fn follow(folder: PathBuf, mut incoming: watch::Receiver<Option<Arc<Saved>>>, metrics: Metrics) {
    let (mut open, mut failing) = (true, false);
    // A state handed over before the other end was dropped still counts as a change.
    while open && incoming.changed().await.is_ok() {
        loop {
            let Some(saved) = incoming.borrow_and_update().clone() else { break };
            if attempt(&folder, saved, &metrics, &mut failing).await || !open {
                break;
            }
            open = wait_for_retry(&mut incoming).await;
        }
    }
}

/// Waits before a disk that refused is asked again; `false` when the end has come, and the next attempt is the last.
async fn wait_for_retry(incoming: &mut watch::Receiver<Option<Arc<Saved>>>) -> bool {
    let again = Instant::now() + RETRY;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(again) => return true,
            changed = incoming.changed() => if changed.is_err() { return false },
        }
    }
}

/// One write off the async workers. Says once when writing begins to fail, and once when it works again.
async fn attempt(folder: &Path, saved: Arc<Saved>, metrics: &Metrics, failing: &mut bool) -> bool {
    let target = folder.to_owned();
    let written = tokio::task::spawn_blocking(move || write(&target, &saved)).await;
    let error = match written {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some((error.to_string(), cause(&error))),
        Err(panic) => Some((panic.to_string(), None)),
    };
    metrics.state_write(if error.is_none() { Outcome::Ok } else { Outcome::Error });
    match &error {
        Some((error, cause)) if !*failing => {
            tracing::warn!(error, cause, "counters are kept in memory only until the state file can be written");
        }
        None if *failing => tracing::info!(folder = %folder.display(), "state file is written again"),
        _ => {}
    }
    *failing = error.is_some();
    error.is_none()
}
