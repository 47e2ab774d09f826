//! The few things done to files here, in one place: nothing but plain files is opened, a file is replaced whole or not at all, and tests can
//! let any one of these calls fail or be the last.

#[cfg(test)]
pub(crate) mod faults;

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

/// The way to the disk. Holds nothing but the faults of a test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    #[cfg(test)]
    pub(crate) faults: faults::Faults,
}

impl Disk {
    /// Opens a file that is there.
    ///
    /// # Errors
    /// Whatever the system says; `InvalidInput` for anything but a plain file: a pipe of that name would wait for ever, and a link would lead
    /// somewhere else.
    pub(crate) fn open(&self, path: &Path, write: bool) -> io::Result<File> {
        #[cfg(test)]
        self.faults.read()?;
        let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOFOLLOW).bits()).map_err(io::Error::other)?;
        let file = File::options().read(true).write(write).custom_flags(flags).open(path)?;
        let is_file = file.metadata()?.is_file();
        if is_file { Ok(file) } else { Err(io::Error::new(io::ErrorKind::InvalidInput, "not a file")) }
    }

    /// Makes a file that is not there yet, with this mode, and its folder when that is missing.
    ///
    /// # Errors
    /// Whatever the system says.
    pub(crate) fn create(&self, path: &Path, mode: u32) -> io::Result<File> {
        #[cfg(test)]
        self.faults.change()?;
        let make = || File::options().read(true).write(true).create_new(true).mode(mode).open(path);
        match (make(), path.parent()) {
            (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(folder)?;
                make()
            }
            (made, _) => made,
        }
    }

    /// Writes all of `bytes` at `at`, in one call where the system takes them at once.
    ///
    /// # Errors
    /// Whatever the system says; some of the bytes may have been written.
    pub(crate) fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        #[cfg(test)]
        if let Err((written, error)) = self.faults.write(bytes.len()) {
            file.write_all_at(bytes.get(..written).unwrap_or_default(), at)?;
            return Err(error);
        }
        file.write_all_at(bytes, at)
    }

    /// Cuts a file off.
    ///
    /// # Errors
    /// Whatever the system says.
    pub(crate) fn truncate(&self, file: &File, length: u64) -> io::Result<()> {
        #[cfg(test)]
        self.faults.change()?;
        file.set_len(length)
    }

    /// Removes a file. One that is gone already is no error.
    ///
    /// # Errors
    /// Whatever else the system says.
    pub(crate) fn remove(&self, path: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.faults.change()?;
        match fs::remove_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Gives a file another name, in place of what had it.
    ///
    /// # Errors
    /// Whatever the system says.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.faults.change()?;
        fs::rename(from, to)
    }

    /// Waits until the bytes of a file are on the disk itself.
    ///
    /// # Errors
    /// Whatever the system says.
    pub(crate) fn sync(&self, file: &File) -> io::Result<()> {
        #[cfg(test)]
        self.faults.change()?;
        file.sync_data()
    }

    /// Waits until the names in a folder are on the disk itself.
    ///
    /// # Errors
    /// Whatever the system says.
    pub(crate) fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.faults.change()?;
        File::open(folder)?.sync_all()
    }

    /// Makes a file, empty, whatever was there before it.
    fn overwrite(&self, path: &Path) -> io::Result<File> {
        #[cfg(test)]
        self.faults.change()?;
        File::create(path)
    }

    /// Replaces a file: a new one is written beside it (`.new` behind its name), flushed to disk and renamed over it, so that whenever the
    /// process or the host dies there is one whole file. Makes the folder when it is missing.
    ///
    /// # Errors
    /// Whatever the system says; the old file is as it was.
    pub(crate) fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = beside(path, ".new");
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let written = self.overwrite(&new).and_then(|file| {
            self.write(&file, bytes, 0)?;
            self.sync(&file)
        });
        if let Err(error) = written.and_then(|()| self.rename(&new, path)) {
            // Half a file is of no use, and on a full disk it is in the way.
            drop(self.remove(&new));
            return Err(error);
        }
        // The rename itself is on disk once the folder is.
        path.parent().map_or(Ok(()), |folder| self.sync_folder(folder))
    }
}

/// The path with something behind its name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
