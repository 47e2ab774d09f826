//! TLS to an engine: which files, and what is made of them.
//!
//! The engine is always verified. Docker's `--tls` without `--tlsverify` and contexts with `SkipTLSVerify` are refused: whoever
//! can pretend to be the engine could show a host that is well.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

/// Largest certificate or key file that is read, in bytes: all roots of a distribution fit.
const MAX_FILE: u64 = 1 << 20;

/// Files as Docker names them: `ca.pem`, `cert.pem`, `key.pem`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Roots by which the engine is verified.
    pub ca: PathBuf,
    /// Our certificate with its chain, and its key; `None` shows none.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Why TLS cannot be spoken. Names files, never what is in them.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or cannot be read.
    #[error("read {}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file without what was looked for in it.
    #[error("{} holds no {what} (PEM)", .path.display())]
    Nothing {
        /// Which.
        path: PathBuf,
        /// Certificate or key.
        what: &'static str,
    },
    /// Certificate and key do not go together, or are of a kind that is not supported.
    #[error("certificate and key of {} cannot be used", .path.display())]
    Client {
        /// The certificate.
        path: PathBuf,
        /// What the library says.
        #[source]
        source: rustls::Error,
    },
    /// The engine's name is none that a certificate can have.
    #[error("the engine's host name cannot stand in a certificate")]
    Name(#[source] InvalidDnsNameError),
}

/// How to greet one engine.
#[derive(Debug)]
pub(super) struct Tls {
    files: TlsFiles,
    name: ServerName<'static>,
    config: ArcSwap<ClientConfig>,
}

impl Tls {
    pub(super) fn open(files: TlsFiles, host: &str) -> Result<Self, TlsError> {
        let name = ServerName::try_from(host.to_owned()).map_err(TlsError::Name)?;
        let config = ArcSwap::from_pointee(client_config(&files)?);
        Ok(Self { files, name, config })
    }

    /// Reads the files again, so that renewed certificates are taken over. What cannot be used changes nothing.
    pub(super) fn renew(&self) {
        match client_config(&self.files) {
            Ok(config) => self.config.store(Arc::new(config)),
            Err(error) => tracing::warn!(%error, "the certificates for the engine are kept as they were"),
        }
    }

    pub(super) async fn greet(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsConnector::from(self.config.load_full()).connect(self.name.clone(), stream).await
    }
}

/// A client's side of TLS: verifies by the roots of the files alone, shows the certificate in them.
///
/// # Errors
/// A file is missing, larger than a megabyte, holds nothing of its kind, or certificate and key do not go together.
pub fn client_config(files: &TlsFiles) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&files.ca)? {
        roots.add(certificate).map_err(|_| TlsError::Nothing { path: files.ca.clone(), what: "certificate" })?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let unusable = |path: &Path, source| TlsError::Client { path: path.to_owned(), source };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| unusable(&files.ca, source))?
        .with_root_certificates(roots);
    let Some((certificate, key)) = &files.client else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates(certificate)?;
    let nothing = || TlsError::Nothing { path: key.clone(), what: "key" };
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| nothing())?;
    builder.with_client_auth_cert(chain, private).map_err(|source| unusable(certificate, source))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let nothing = || TlsError::Nothing { path: path.to_owned(), what: "certificate" };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    read.ok().filter(|found| !found.is_empty()).ok_or_else(nothing)
}

/// A plain file, whole and bounded.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |source| TlsError::Read { path: path.to_owned(), source };
    // Asked before opening: opening a pipe waits for a writer that may never come.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not a plain file")));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, "larger than a megabyte")));
    }
    Ok(bytes)
}
