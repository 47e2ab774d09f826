//! How old a secret file is, where the host's files can be seen.

use std::{fs, path::PathBuf};

use jiff::Timestamp;

use crate::model::Mount;

/// Where Compose and Swarm put secrets in a container.
pub(super) const FOLDER: &str = "/run/secrets";

/// Looks at files of the host.
pub trait SecretFiles {
    /// When the file behind a mount was last written; an `Err` says why that cannot be told.
    ///
    /// # Errors
    /// A reason for people, without the path of the secret's content.
    fn modified(&self, mount: &Mount) -> Result<Timestamp, &'static str>;
}

/// The host's files under a folder, or nowhere.
#[derive(Clone, Debug, Default)]
pub struct RootFiles(Option<PathBuf>);

impl RootFiles {
    /// Files of the host whose root is seen at `root`; `None` sees none.
    pub const fn at(root: Option<PathBuf>) -> Self {
        Self(root)
    }
}

impl SecretFiles for RootFiles {
    fn modified(&self, mount: &Mount) -> Result<Timestamp, &'static str> {
        let root = self.0.as_deref().ok_or("the host's files are not mounted: set host.rootfs")?;
        let path = root.join(mount.source.trim_start_matches('/'));
        // The link itself, never what somebody points it at.
        let metadata = fs::symlink_metadata(path).map_err(|_| "its file cannot be looked at")?;
        let written = metadata.modified().map_err(|_| "its file system keeps no times")?;
        Timestamp::try_from(written).map_err(|_| "its file has a time that cannot be")
    }
}
