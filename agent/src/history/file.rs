//! The file in which objectives outlive the agent.

use std::{
    error::Error,
    fs,
    io::{self, Read as _},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use super::ledger::CEILING;
use crate::delivery::disk::{Disk, beside};

const NAME: &str = "objectives";

/// One file, of one writer.
#[derive(Debug)]
pub(super) struct File {
    path: Option<PathBuf>,
    /// Said that it cannot be written; said again only after it could.
    complained: AtomicBool,
}

impl File {
    /// Below `folder`; `None` keeps nothing.
    pub(super) fn new(folder: Option<PathBuf>) -> Self {
        Self { path: folder.map(|folder| folder.join(NAME)), complained: AtomicBool::new(false) }
    }

    /// What the last agent left; `None` when it left nothing, or that cannot be read, which is logged.
    pub(super) fn read(&self) -> Option<Vec<u8>> {
        let path = self.path.as_ref()?;
        let mut bytes = Vec::new();
        let read = Disk::default().open(path, false).and_then(|file| file.take(CEILING).read_to_end(&mut bytes));
        match read {
            Ok(_) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "read what was seen of objectives: they begin anew");
                None
            }
        }
    }

    /// It cannot be used: kept for whoever wants to look, under another name.
    pub(super) fn set_aside(&self, error: impl Error) {
        let Some(path) = &self.path else { return };
        tracing::error!(path = %path.display(), %error, "understand what was seen of objectives: they begin anew");
        drop(fs::rename(path, beside(path, ".corrupt")));
    }

    /// Replaces the file; whether it did.
    pub(super) fn write(&self, bytes: &[u8]) -> bool {
        let Some(path) = &self.path else { return true };
        match Disk::default().replace(path, bytes) {
            Ok(()) => {
                if self.complained.swap(false, Ordering::Relaxed) {
                    tracing::info!(path = %path.display(), "what is seen of objectives is saved again");
                }
                true
            }
            Err(error) => {
                if !self.complained.swap(true, Ordering::Relaxed) {
                    tracing::warn!(path = %path.display(), %error, "write what is seen of objectives: a restart would lose it");
                }
                false
            }
        }
    }
}
