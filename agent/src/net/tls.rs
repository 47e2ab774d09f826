//! TLS to servers: which files, and what is made of them. The server is always verified.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName, pem::PemObject},
};

/// Largest certificate or key file that is read, in bytes: all roots of a distribution fit.
const MAX_FILE: u64 = 1 << 20;

/// Files as Docker names them: `ca.pem`, `cert.pem`, `key.pem`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Roots by which the server is verified.
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
    /// The library has no protocol to speak.
    #[error("TLS cannot be set up")]
    Library(#[source] rustls::Error),
    /// The server's name is none that a certificate can have.
    #[error("the server's host name cannot stand in a certificate")]
    Name(#[source] InvalidDnsNameError),
}

/// The name by which a server is verified: a host name or an address.
///
/// # Errors
/// [`TlsError::Name`].
pub fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(host.to_owned()).map_err(TlsError::Name)
}

/// How to greet a server: verified by the roots in `ca`, else by those of this machine, else, where it has none (an empty container
/// image), by those of the browsers; showing `client` (certificate with its chain, key). Blocks while it reads files.
///
/// # Errors
/// A file is missing, or does not hold what it should.
pub fn client_config(ca: Option<&PathBuf>, client: Option<&(PathBuf, PathBuf)>) -> Result<ClientConfig, TlsError> {
    let roots = roots(ca.map(PathBuf::as_path))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Library)?
        .with_root_certificates(roots);
    let Some((certificate, key)) = client else { return Ok(builder.with_no_client_auth()) };
    let chain = certificates(certificate)?;
    let nothing = || TlsError::Nothing { path: key.clone(), what: "key" };
    let private = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| nothing())?;
    let unusable = |source| TlsError::Client { path: certificate.clone(), source };
    builder.with_client_auth_cert(chain, private).map_err(unusable)
}

/// Roots by which servers are verified: those in `ca`, else those of this machine, else those of the browsers. Blocks while it reads.
///
/// # Errors
/// The file is missing, or holds no certificate that can be a root.
pub fn roots(ca: Option<&Path>) -> Result<RootCertStore, TlsError> {
    ca.map_or_else(|| Ok(common_roots()), own_roots)
}

fn own_roots(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|_| TlsError::Nothing { path: path.to_owned(), what: "certificate" })?;
    }
    Ok(roots)
}

/// Single files which cannot be read or parsed are left out: distributions ship odd ones.
fn common_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let nothing = || TlsError::Nothing { path: path.to_owned(), what: "certificate" };
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    read.ok().filter(|found| !found.is_empty()).ok_or_else(nothing)
}

/// A plain file, whole and bounded.
///
/// # Errors
/// It is missing, not plain, or larger than a megabyte.
pub fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
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
