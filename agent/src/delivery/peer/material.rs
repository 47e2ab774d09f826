//! What is read from files and may change under way: the password or token, and the certificates.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use http::HeaderValue;
use tokio_rustls::TlsConnector;

use super::settings::{Auth, Credential, Tls};
use crate::{
    net::{TlsError, client_config},
    secret::{self, Secret, SecretError},
};

/// Why there is no material. Names files, never what is in them.
#[derive(Debug, thiserror::Error)]
pub enum MaterialError {
    /// The password's or token's file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The certificates' files.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A line end or the like in it.
    #[error("the password or token holds characters which no header can")]
    Header,
    /// The thread that reads went away.
    #[error("reading was broken off")]
    Broken,
}

/// What one state of the files gives.
pub(in crate::delivery) struct Material {
    pub(in crate::delivery) authorization: Option<HeaderValue>,
    pub(in crate::delivery) tls: Option<TlsConnector>,
}

/// Reads the files when they have changed, and keeps what worked last.
pub(in crate::delivery) struct Keeper {
    auth: Auth,
    tls: Option<Tls>,
    /// What is to be spoken over TLS, where the server is to be asked for it.
    alpn: &'static [&'static [u8]],
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    stamps: Vec<Stamp>,
    material: Arc<Material>,
}

/// Tells a file from its next version; `None` when it is not there.
type Stamp = Option<(u64, u64, i64, i64)>;

impl Keeper {
    /// `tls` is `None` for servers without.
    pub(in crate::delivery) fn new(auth: Auth, tls: Option<Tls>, alpn: &'static [&'static [u8]]) -> Self {
        Self { auth, tls, alpn, kept: Mutex::new(None) }
    }

    /// The material as of now. Looks at the files on a thread where waiting for a disk is allowed.
    pub(in crate::delivery) async fn get(self: &Arc<Self>) -> Result<Arc<Material>, MaterialError> {
        if self.files().next().is_none()
            && let Some(kept) = &*self.kept.lock().unwrap_or_else(PoisonError::into_inner)
        {
            return Ok(Arc::clone(&kept.material));
        }
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || this.look()).await.map_err(|_| MaterialError::Broken)?
    }

    fn look(&self) -> Result<Arc<Material>, MaterialError> {
        // Before reading: a file that changes in between is read once more next time.
        let stamps: Vec<Stamp> = self.files().map(stamp).collect();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_ref().filter(|kept| kept.stamps == stamps) {
            return Ok(Arc::clone(&kept.material));
        }
        match (self.read(), kept.as_mut()) {
            (Ok(material), _) => {
                let material = Arc::new(material);
                *kept = Some(Kept { stamps, material: Arc::clone(&material) });
                Ok(material)
            }
            // Said once for each state of the files: half-written ones are common, and followed by whole ones.
            (Err(error), Some(kept)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "changed secrets or certificates are not used"
                );
                kept.stamps = stamps;
                Ok(Arc::clone(&kept.material))
            }
            (Err(error), None) => Err(error),
        }
    }

    fn read(&self) -> Result<Material, MaterialError> {
        let authorization = match &self.auth {
            Auth::None => None,
            Auth::Basic { user, password } => {
                let both = format!("{user}:{}", secret(password)?.expose());
                Some(format!("Basic {}", BASE64_STANDARD.encode(both)))
            }
            Auth::Bearer(token) => Some(format!("Bearer {}", secret(token)?.expose())),
        };
        let header = |text: String| {
            let mut value = HeaderValue::try_from(text).map_err(|_| MaterialError::Header)?;
            value.set_sensitive(true);
            Ok::<_, MaterialError>(value)
        };
        let tls = match &self.tls {
            Some(files) => {
                let mut config = client_config(files.ca.as_ref(), files.client.as_ref())?;
                config.alpn_protocols = self.alpn.iter().map(|name| name.to_vec()).collect();
                Some(Arc::new(config).into())
            }
            None => None,
        };
        Ok(Material { authorization: authorization.map(header).transpose()?, tls })
    }

    fn files(&self) -> impl Iterator<Item = &Path> {
        let credential = match &self.auth {
            Auth::Basic { password: Credential::File(path), .. } | Auth::Bearer(Credential::File(path)) => Some(path),
            _ => None,
        };
        let tls = self.tls.iter().flat_map(|tls| {
            let client = tls.client.iter().flat_map(|(certificate, key)| [certificate, key]);
            tls.ca.iter().chain(client)
        });
        credential.into_iter().chain(tls).map(PathBuf::as_path)
    }
}

fn secret(credential: &Credential) -> Result<Secret, SecretError> {
    match credential {
        Credential::Value(secret) => Ok(secret.clone()),
        Credential::File(path) => secret::read(path, Path::new("/")),
    }
}

fn stamp(path: &Path) -> Stamp {
    path.metadata().ok().map(|found| (found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
}
