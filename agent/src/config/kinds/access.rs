//! Kinds of values for access: files of secrets, host names.

use std::path::{Component, PathBuf};

use super::{ANY, Kind, Raw, Wrong, many, one, quoted};

/// The word for a file that is not wanted.
const OFF: &str = "off";

/// A file of secrets, certificates among them: an absolute path, a name in the secrets directory, or `off`.
pub(in crate::config) const SECRET_FILE: Kind<Option<PathBuf>> = Kind {
    name: "a path, the name of a secret, or off",
    range: ANY,
    list: false,
    read: |raw| one(raw, |text| if text == OFF { Ok(None) } else { read_secret_file(text).map(Some) }),
    show: |path| Raw::One(path.as_ref().map_or_else(|| OFF.to_owned(), |path| path.display().to_string())),
};

/// Names the agent is called by.
pub(in crate::config) const HOST_NAMES: Kind<Vec<String>> = Kind {
    name: "a list of host names",
    range: || "NAME, *.END".into(),
    list: true,
    read: |raw| many(raw, read_host),
    show: |names| Raw::Many(names.clone()),
};

fn read_secret_file(text: &str) -> Result<PathBuf, Wrong> {
    let path = PathBuf::from(text);
    if text.is_empty() || text.contains('\0') {
        return Err(Wrong::new("is not a path"));
    }
    let inside = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if path.is_absolute() || inside {
        return Ok(path);
    }
    Err(Wrong::new(format!("{} leaves the secrets directory", quoted(text))).hint("write an absolute path"))
}

fn read_host(text: &str) -> Result<String, Wrong> {
    let name = text.strip_prefix("*.").unwrap_or(text);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let fits = (1..=253).contains(&name.len()) && !name.starts_with('.') && !name.ends_with('.');
    if fits && name.bytes().all(plain) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Wrong::new(format!("{} is not a host name", quoted(text)))
        .hint("write metrics.example.org or *.example.org, without a scheme and a port"))
}
