//! One agent for one state folder: two would overwrite each other's counts every few seconds, and both would be wrong.
//!
//! The lock is the kernel's (`flock`): it ends with the process that holds it, however that ends. The file stays behind and means
//! nothing.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

const NAME: &str = "state.lock";

/// Held for as long as the agent may write its state.
#[derive(Debug)]
pub struct StateLock(#[expect(dead_code, reason = "held, never read")] File);

/// Another agent has the folder.
#[derive(Debug, thiserror::Error)]
#[error("lock {}: another agent keeps its state there; give each its own state.directory", .0.display())]
pub struct Held(PathBuf);

impl StateLock {
    /// Takes the lock of a folder. `None` where nothing can be locked (a folder which cannot be written, a filesystem without locks):
    /// such a folder does not keep two agents apart, and one agent can still do without.
    ///
    /// # Errors
    /// [`Held`] when another process holds it.
    pub fn take(folder: &Path) -> Result<Option<Self>, Held> {
        let path = folder.join(NAME);
        let open = || -> io::Result<File> {
            fs::create_dir_all(folder)?;
            // Not cut off: it may be somebody else's.
            File::options().create(true).truncate(false).read(true).write(true).open(&path)
        };
        let locked = open().map_err(TryLockError::Error).and_then(|file| file.try_lock().map(|()| file));
        match locked {
            Ok(file) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Err(Held(path)),
            Err(TryLockError::Error(error)) => {
                tracing::debug!(path = %path.display(), %error, "the state folder is not locked");
                Ok(None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_one_is_refused_until_the_first_one_ends() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("made/when/missing");
        let first = StateLock::take(&folder).unwrap();
        assert!(first.is_some());
        let refused = StateLock::take(&folder).unwrap_err().to_string();
        assert!(refused.contains("another agent") && refused.contains("state.lock"), "{refused}");
        drop(first);
        assert!(StateLock::take(&folder).unwrap().is_some());
    }

    #[test]
    fn where_nothing_can_be_locked_one_does_without() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(StateLock::take(&file.path().join("below/a/file")).unwrap().is_none());
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join(NAME)).unwrap();
        assert!(StateLock::take(folder.path()).unwrap().is_none());
    }
}
