//! The state file: what must survive the agent, written whole and atomically.
//!
//! The file is one line of JSON, of types of its own, so that a rename inside the program cannot change it, and one line with its
//! checksum: a digit that changed on the disk would be a count that nobody can tell from a true one. A new file is
//! written beside the old one, flushed to disk, and renamed over it: whenever the agent or the host dies, there is one whole
//! file. A file that cannot be understood is set aside and never guessed at.

mod document;
#[cfg(any(test, fuzzing))]
pub mod fuzz;

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use self::document::{Document, FORMAT, Head};
use super::saved::Saved;
use crate::{
    delivery::disk::Disk,
    telemetry::{Metrics, Outcome},
};

/// Ten thousand containers and services with long names.
const CEILING: u64 = 64 * 1024 * 1024;

const NAME: &str = "state.json";
const CORRUPT: &str = "state.json.corrupt";

/// The folder of the state file; one writer at a time.
#[derive(Debug)]
pub(super) struct Store {
    folder: Option<PathBuf>,
    metrics: Metrics,
    /// Said that it cannot be written; said again only after it could.
    complained: AtomicBool,
}

/// Why a file is not used.
#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    #[error("read {}: it is larger than {CEILING} bytes", .0.display())]
    TooLarge(PathBuf),
    #[error("understand {}", .0.display())]
    Form(PathBuf, #[source] serde_json::Error),
    #[error("understand {}: format {found} is not {FORMAT}", path.display())]
    Format { path: PathBuf, found: u32 },
    #[error("understand {}: its checksum differs", .0.display())]
    Checksum(PathBuf),
}

impl Store {
    /// Keeps state in `folder`; `None` keeps none.
    pub(super) fn open(folder: Option<&Path>, metrics: Metrics) -> Self {
        Self { folder: folder.map(Path::to_owned), metrics, complained: AtomicBool::new(false) }
    }

    /// What the last agent left. Blocks on the disk.
    pub(super) fn load(&self) -> Saved {
        let Some(folder) = &self.folder else { return Saved::default() };
        match read(&folder.join(NAME)) {
            Ok(saved) => saved.unwrap_or_default(),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(%error, cause, "counters start at 0: the state file cannot be used");
                if !matches!(error, Unusable::Read(..)) {
                    // Kept for whoever wants to look; the next save must not meet it again.
                    drop(fs::rename(folder.join(NAME), folder.join(CORRUPT)));
                }
                Saved::default()
            }
        }
    }

    /// Replaces the file; whether it did. Blocks on the disk. A failure is counted, and logged once until it works again.
    pub(super) fn write(&self, saved: &Saved) -> bool {
        let Some(folder) = &self.folder else { return true };
        match replace(folder, saved) {
            Ok(()) => {
                self.metrics.state_write(Outcome::Ok);
                if self.complained.swap(false, Ordering::Relaxed) {
                    tracing::info!(folder = %folder.display(), "counters are saved again");
                }
                true
            }
            Err(error) => {
                self.metrics.state_write(Outcome::Error);
                if !self.complained.swap(true, Ordering::Relaxed) {
                    tracing::warn!(folder = %folder.display(), %error, "counters are not saved: a restart would lose them");
                }
                false
            }
        }
    }
}

fn read(path: &Path) -> Result<Option<Saved>, Unusable> {
    // Nothing but a file: a pipe of that name would keep the inventory from ever beginning.
    let opened = Disk::default().open(path, false);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Unusable::Read(path.to_owned(), error)),
    };
    let mut bytes = Vec::new();
    let read =
        file.take(CEILING + 1).read_to_end(&mut bytes).map_err(|error| Unusable::Read(path.to_owned(), error))?;
    if u64::try_from(read).is_ok_and(|read| read > CEILING) {
        return Err(Unusable::TooLarge(path.to_owned()));
    }
    understand(&bytes).map(Some).map_err(|wrong| match wrong {
        Wrong::Form(error) => Unusable::Form(path.to_owned(), error),
        Wrong::Format(found) => Unusable::Format { path: path.to_owned(), found },
        Wrong::Checksum => Unusable::Checksum(path.to_owned()),
    })
}

/// What is wrong with the bytes of a file.
enum Wrong {
    Form(serde_json::Error),
    Format(u32),
    Checksum,
}

/// The bytes of a file. Pure.
fn understand(bytes: &[u8]) -> Result<Saved, Wrong> {
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let (json, checksum) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    // The format first: a newer one may have another form.
    let Head { format } = serde_json::from_slice(json).map_err(Wrong::Form)?;
    if format != FORMAT {
        return Err(Wrong::Format(format));
    }
    if checksum != checksum_line(json).as_bytes() {
        return Err(Wrong::Checksum);
    }
    serde_json::from_slice::<Document>(json).map(Saved::from).map_err(Wrong::Form)
}

/// What stands below the line of JSON: the CRC-32 of its bytes.
fn checksum_line(json: &[u8]) -> String {
    let mut crc = flate2::Crc::new();
    crc.update(json);
    format!("crc32 {:08x}\n", crc.sum())
}

fn replace(folder: &Path, saved: &Saved) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(&Document::from(saved)).map_err(io::Error::other)?;
    let checksum = checksum_line(&bytes);
    bytes.push(b'\n');
    bytes.extend_from_slice(checksum.as_bytes());
    // Makes the folder too, so that one which is removed comes back.
    Disk::default().replace(&folder.join(NAME), &bytes)
}

#[cfg(test)]
mod tests;
