//! How old a secret file is, where the host's files can be seen.

use std::{
    collections::BTreeMap,
    fs::File,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use crate::{inventory::Snapshot, model::Mount};

/// Where Compose and Swarm put secrets in a container.
pub(super) const FOLDER: &str = "/run/secrets";

/// Files looked at of one host: several for each container there can be.
const MAX_FILES: usize = 20_000;

/// When the file behind a mount was last written, or why that cannot be told.
pub type Written = Result<Timestamp, &'static str>;

/// Knows files of the host.
pub trait SecretFiles {
    /// When the file behind a mount was last written.
    ///
    /// # Errors
    /// A reason for people.
    fn modified(&self, mount: &Mount) -> Written;
}

/// A mount that puts a secret into a container, and what it is called there; `None` for the whole folder.
pub(super) fn secret(mount: &Mount) -> Option<Option<&str>> {
    // Swarm's secrets are not files of the host, and the engine does not list them as mounts.
    let rest = mount.destination.strip_prefix(FOLDER).filter(|_| &*mount.kind == "bind")?;
    match rest.strip_prefix('/') {
        Some(name) if !name.is_empty() => Some(Some(name)),
        _ if rest.is_empty() || rest == "/" => Some(None),
        _ => None,
    }
}

/// The host's files under a folder, or nowhere. Looking blocks for whatever file system they are on.
#[derive(Clone, Debug, Default)]
pub struct RootFiles(Option<PathBuf>);

impl RootFiles {
    /// Files of the host whose root is seen at `root`; `None` sees none.
    pub const fn at(root: Option<PathBuf>) -> Self {
        Self(root)
    }
}

impl SecretFiles for RootFiles {
    fn modified(&self, mount: &Mount) -> Written {
        const UNSEEN: &str = "its file cannot be looked at";
        let root = self.0.as_deref().ok_or("the host's files are not mounted: set host.rootfs")?;
        let folder = openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        // Links lead where they lead on the host, never out of it.
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let found = openat2(folder.map_err(|_| UNSEEN)?, &*mount.source, flags, Mode::empty(), ResolveFlags::IN_ROOT);
        let metadata = File::from(found.map_err(|_| UNSEEN)?).metadata().map_err(|_| UNSEEN)?;
        let written = metadata.modified().map_err(|_| "its file system keeps no times")?;
        Timestamp::try_from(written).map_err(|_| "its file has a time that cannot be")
    }
}

/// What was last seen of the files: asking never blocks.
#[derive(Debug, Default)]
pub(super) struct SeenFiles(Mutex<BTreeMap<Arc<str>, Written>>);

impl SeenFiles {
    /// Looks at every secret of a picture anew. Blocks.
    pub(super) fn look(&self, files: &RootFiles, snapshot: &Snapshot) {
        let mounts = snapshot.containers.iter().flat_map(|entry| &entry.container.mounts);
        let secrets = mounts.filter(|mount| secret(mount).flatten().is_some()).take(MAX_FILES);
        let seen = secrets.map(|mount| (Arc::clone(&mount.source), files.modified(mount))).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }
}

impl SecretFiles for SeenFiles {
    fn modified(&self, mount: &Mount) -> Written {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&mount.source).copied().unwrap_or(Err("its file was not looked at yet"))
    }
}
