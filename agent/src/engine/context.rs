//! Docker contexts: endpoints which people have given names, in `~/.docker/contexts` (docker/cli, `cli/context/store`).

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use ring::digest::{SHA256, digest};
use serde::Deserialize;

use crate::net::{TlsError, TlsFiles, read};

/// The name under which no context is meant: the default sockets.
pub(super) const DEFAULT: &str = "default";

/// What a context says of its Docker endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Context {
    /// Address; empty is the default socket.
    pub(super) host: String,
    /// Files beside it, if there are any.
    pub(super) tls: Option<TlsFiles>,
}

/// Why a context cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// A name which Docker would not have accepted.
    #[error("{0:?} is no name of a docker context")]
    Name(String),
    /// There is no such context, or it cannot be read.
    #[error("docker context {name:?}")]
    Read {
        /// Its name.
        name: String,
        /// What is wrong with its file.
        #[source]
        source: TlsError,
    },
    /// Its file is not what Docker writes.
    #[error("docker context {name:?}: {} is not understood", .path.display())]
    Form {
        /// Its name.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// It wants no verification.
    #[error("docker context {0:?} skips the verification of TLS, which spyhop does not: give the context its ca.pem")]
    Unverified(String),
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Endpoints", default)]
    endpoints: Endpoints,
}

#[derive(Default, Deserialize)]
struct Endpoints {
    docker: Option<Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_verify: bool,
}

#[derive(Default, Deserialize)]
struct CliConfig {
    #[serde(rename = "currentContext", default)]
    current: String,
}

/// Reads one context below Docker's folder of the user.
pub(super) fn load(folder: &Path, name: &str) -> Result<Context, ContextError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '+' | '-');
    if name.is_empty() || name.len() > 255 || !name.chars().all(plain) {
        return Err(ContextError::Name(name.chars().take(80).collect()));
    }
    let id = id_of(name);
    let path = folder.join("contexts/meta").join(&id).join("meta.json");
    let bytes = read(&path).map_err(|source| ContextError::Read { name: name.to_owned(), source })?;
    let form = || ContextError::Form { name: name.to_owned(), path: path.clone() };
    let meta: Meta = serde_json::from_slice(&bytes).map_err(|_| form())?;
    let endpoint = meta.endpoints.docker.ok_or_else(form)?;
    if endpoint.skip_verify {
        return Err(ContextError::Unverified(name.to_owned()));
    }
    let tls = folder.join("contexts/tls").join(id).join("docker");
    let tls = tls.join("ca.pem").exists().then(|| in_folder(&tls));
    Ok(Context { host: endpoint.host, tls })
}

/// The context which the docker command uses now; `None` where it uses none, or nobody has ever used the command.
pub(super) fn current(folder: &Path) -> Option<String> {
    let bytes = read(&folder.join("config.json")).ok()?;
    let config: CliConfig = serde_json::from_slice(&bytes).ok()?;
    Some(config.current).filter(|name| !name.is_empty())
}

/// `ca.pem`, and `cert.pem` with `key.pem` where both are there.
pub(super) fn in_folder(folder: &Path) -> TlsFiles {
    let client = (folder.join("cert.pem"), folder.join("key.pem"));
    let both = client.0.exists() && client.1.exists();
    TlsFiles { ca: folder.join("ca.pem"), client: both.then_some(client) }
}

/// The folder of a context is named by the digest of its name.
fn id_of(name: &str) -> String {
    digest(&SHA256, name.as_bytes()).as_ref().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        write!(hex, "{byte:02x}").unwrap_or_default();
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &Path, name: &str, meta: &str) -> PathBuf {
        let meta_folder = folder.join("contexts/meta").join(id_of(name));
        std::fs::create_dir_all(&meta_folder).unwrap();
        std::fs::write(meta_folder.join("meta.json"), meta).unwrap();
        folder.join("contexts/tls").join(id_of(name)).join("docker")
    }

    #[test]
    fn a_context_is_found_by_the_digest_of_its_name() {
        // What `docker context create prod` names its folder.
        assert_eq!(id_of("prod"), "6754af9632a2745e85c293e5aac0863370d9bd3330b9938c00cadfd215227d77");
        let folder = tempfile::tempdir().unwrap();
        let meta = r#"{"Name":"prod","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://10.0.0.1:2376","SkipTLSVerify":false}}}"#;
        let tls = store(folder.path(), "prod", meta);
        let plain = load(folder.path(), "prod").unwrap();
        assert_eq!((plain.host.as_str(), plain.tls), ("tcp://10.0.0.1:2376", None));
        std::fs::create_dir_all(&tls).unwrap();
        std::fs::write(tls.join("ca.pem"), "").unwrap();
        assert_eq!(load(folder.path(), "prod").unwrap().tls, Some(TlsFiles { ca: tls.join("ca.pem"), client: None }));
        for name in ["cert.pem", "key.pem"] {
            std::fs::write(tls.join(name), "").unwrap();
        }
        let client = Some((tls.join("cert.pem"), tls.join("key.pem")));
        assert_eq!(load(folder.path(), "prod").unwrap().tls, Some(TlsFiles { ca: tls.join("ca.pem"), client }));
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path(), "form", "{\"Endpoints\":[]}");
        store(folder.path(), "kubernetes", "{\"Endpoints\":{\"kubernetes\":{}}}");
        store(folder.path(), "skips", r#"{"Endpoints":{"docker":{"Host":"tcp://a:1","SkipTLSVerify":true}}}"#);
        for (name, expected) in [
            ("missing", "docker context \"missing\""),
            ("../up", "\"../up\" is no name of a docker context"),
            ("", "\"\" is no name of a docker context"),
            ("form", "is not understood"),
            ("kubernetes", "is not understood"),
            ("skips", "skips the verification of TLS"),
        ] {
            let error = load(folder.path(), name).unwrap_err().to_string();
            assert!(error.contains(expected), "{name}: {error}");
        }
    }

    #[test]
    fn the_current_context_is_the_commands() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(current(folder.path()), None);
        for (text, expected) in [
            ("{\"currentContext\":\"prod\",\"auths\":{\"r\":{\"auth\":\"x\"}}}", Some("prod".to_owned())),
            ("{\"currentContext\":\"\"}", None),
            ("{}", None),
            ("no JSON", None),
        ] {
            std::fs::write(folder.path().join("config.json"), text).unwrap();
            assert_eq!(current(folder.path()), expected, "{text}");
        }
    }
}
