//! Secrets: values which are used and never shown.
//!
//! A key that takes a secret also takes its name with `_file` appended: the value then stands in a file of its own, which is how
//! Docker and Compose hand secrets out. A relative name is looked up in the secrets directory (`SECRETS_DIR`, `/run/secrets`
//! unless set) and cannot leave it.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

/// Where relative names are looked up unless `SECRETS_DIR` says otherwise: where Docker mounts secrets.
pub const DEFAULT_DIRECTORY: &str = "/run/secrets";
/// Largest secret that is read, in bytes: all roots of a distribution fit, a wrong path to something big does not hurt.
const MAX_BYTES: u64 = 1024 * 1024;

/// A secret. Shown as `[redacted]` however it is printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself: call it only where it goes out on the wire.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why a secret could not be had. Names the file, never what is in it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Both the value and the file are given.
    #[error("given both as a value and as a file")]
    Both,
    /// A relative name with `..` or the like.
    #[error("secret name {} leaves the secrets directory", .0.display())]
    Outside(PathBuf),
    /// The file cannot be read.
    #[error("read secret {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A folder, a pipe or a device.
    #[error("secret {} is not a plain file", .0.display())]
    NotAFile(PathBuf),
    /// Larger than a megabyte.
    #[error("secret {} is larger than {MAX_BYTES} bytes", .0.display())]
    TooLarge(PathBuf),
    /// Not text.
    #[error("secret {} is not UTF-8 text", .0.display())]
    NotText(PathBuf),
    /// Nothing but a line end, or nothing at all.
    #[error("secret {} is empty", .0.display())]
    Empty(PathBuf),
}

/// Resolves a key and its `_file` twin: the value as given, or read from the file; `None` when neither is given.
///
/// # Errors
/// Both given, or the file cannot be used ([`read`]).
pub fn resolve(value: Option<String>, file: Option<&Path>, directory: &Path) -> Result<Option<Secret>, SecretError> {
    match (value, file) {
        (Some(_), Some(_)) => Err(SecretError::Both),
        (Some(value), None) => Ok(Some(Secret::new(value))),
        (None, Some(file)) => read(file, directory).map(Some),
        (None, None) => Ok(None),
    }
}

/// Reads one secret. One line end at the end of the file is cut, because editors put it there.
///
/// # Errors
/// The name leaves `directory`, or the file is missing, not plain, too large, empty or not text.
pub fn read(name: &Path, directory: &Path) -> Result<Secret, SecretError> {
    let path = locate(name, directory)?;
    let bytes = read_bytes(&path)?;
    // The error of `from_utf8` would carry the bytes: it is dropped here.
    let Ok(mut text) = String::from_utf8(bytes) else { return Err(SecretError::NotText(path)) };
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    if text.is_empty() { Err(SecretError::Empty(path)) } else { Ok(Secret(text)) }
}

/// Reads a file of secrets as it is.
///
/// # Errors
/// It is missing, not plain, or larger than a megabyte.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, SecretError> {
    let failed = |source| SecretError::Read { path: path.to_owned(), source };
    // Asked before opening: opening a pipe waits for a writer that may never come.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(SecretError::NotAFile(path.to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
        return Err(SecretError::TooLarge(path.to_owned()));
    }
    Ok(bytes)
}

/// Where a secret is: a relative name is one in `directory`.
///
/// # Errors
/// The name leaves `directory`.
pub fn locate(name: &Path, directory: &Path) -> Result<PathBuf, SecretError> {
    if name.is_absolute() {
        return Ok(name.to_owned());
    }
    let inside = name.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if inside { Ok(directory.join(name)) } else { Err(SecretError::Outside(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("plain", &b"hunter2"[..]),
            ("newline", b"hunter2\n"),
            ("windows", b"hunter2\r\n"),
            ("two_lines", b"hunter2\n\n"),
            ("empty", b""),
            ("only_newline", b"\n"),
            ("binary", b"\xff\xfe"),
        ] {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        }
        std::fs::write(folder.path().join("fits"), vec![b'x'; 1024 * 1024]).unwrap();
        std::fs::write(folder.path().join("large"), vec![b'x'; 1024 * 1024 + 1]).unwrap();
        folder
    }

    #[test]
    fn secrets_are_read_by_name_and_by_path() {
        let folder = folder();
        for (name, expected) in [
            ("plain", "hunter2"),
            ("newline", "hunter2"),
            ("windows", "hunter2"),
            ("two_lines", "hunter2\n"),
            ("./plain", "hunter2"),
        ] {
            assert_eq!(read(Path::new(name), folder.path()).unwrap().expose(), expected, "{name}");
        }
        assert_eq!(read(Path::new("fits"), folder.path()).unwrap().expose().len(), 1024 * 1024);
        assert_eq!(read(&folder.path().join("plain"), Path::new("/nowhere")).unwrap().expose(), "hunter2");
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_showing_it() {
        let folder = folder();
        for (name, expected) in [
            ("missing", "read secret"),
            ("large", "is larger than 1048576 bytes"),
            ("empty", "is empty"),
            ("only_newline", "is empty"),
            ("binary", "is not UTF-8 text"),
            (".", "is not a plain file"),
            ("../plain", "leaves the secrets directory"),
        ] {
            let error = read(Path::new(name), folder.path()).unwrap_err();
            assert!(error.to_string().contains(expected), "{name}: {error}");
            assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn a_value_and_a_file_together_are_a_mistake() {
        let folder = folder();
        let value = || Some("given".to_owned());
        let file = Some(Path::new("plain"));
        assert!(matches!(resolve(value(), file, folder.path()), Err(SecretError::Both)));
        assert_eq!(resolve(value(), None, folder.path()).unwrap(), Some(Secret::new("given")));
        assert_eq!(resolve(None, file, folder.path()).unwrap(), Some(Secret::new("hunter2")));
        assert_eq!(resolve(None, None, folder.path()).unwrap(), None);
    }

    #[test]
    fn secrets_never_show() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?} {:#?}", Some(&secret)).matches("hunter2").count(), 0);
    }
}
