//! How the commands get in: the agent's certificate and a credential, both from the configuration they share with it.
//!
//! `spyhop health` asks an open route and shows nothing, so it takes any certificate, as orchestrators do in their checks.
//! `spyhop status` shows a credential, and before that makes sure of whom: it takes exactly the certificate in the file the agent
//! serves from, or one of the roots it is given.

use std::{net::SocketAddr, path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::header::HeaderValue;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring as provider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_rustls::TlsConnector;

use super::arguments::DoorArguments;
use crate::{
    config::{Config, Environment, TlsFiles, web},
    secret,
};

/// Where to knock, and with what.
pub(super) struct Door {
    pub(super) address: SocketAddr,
    pub(super) tls: Option<Tls>,
    /// Value of `Authorization`.
    pub(super) authorization: Option<HeaderValue>,
}

/// The client's side of a handshake.
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
    /// It takes one certificate only.
    pub(super) pinned: bool,
}

/// Whom to believe.
enum Trust {
    /// Whoever answers: nothing is shown to it.
    Anybody,
    /// Exactly this certificate.
    Only(CertificateDer<'static>),
    /// Certificates of these roots, for the name.
    Roots(RootCertStore),
}

impl Door {
    /// For a question anybody may ask.
    pub(super) fn open(config: &Config, environment: &Environment) -> Result<Self, String> {
        let files = tls_files(config, environment)?;
        let tls = files.map(|_| Tls::new(config.http.listen, Trust::Anybody, None, None)).transpose()?;
        Ok(Self { address: config.http.listen, tls, authorization: None })
    }

    /// For a question that takes a credential.
    pub(super) fn with_credentials(
        config: &Config,
        environment: &Environment,
        arguments: &DoorArguments,
    ) -> Result<Self, String> {
        let trust = match (&arguments.ca_file, arguments.insecure) {
            (_, true) => Some(Trust::Anybody),
            (Some(file), false) => Some(Trust::Roots(roots(file)?)),
            (None, false) => match tls_files(config, environment)? {
                Some(files) => Some(Trust::Only(leaf(&locate(&files.certificate, environment)?)?)),
                None => None,
            },
        };
        let identity = arguments.client_cert.as_deref();
        let name = arguments.server_name.as_deref();
        let tls = trust.map(|trust| Tls::new(config.http.listen, trust, name, identity)).transpose()?;
        Ok(Self { address: config.http.listen, tls, authorization: authorization(config, environment, arguments)? })
    }
}

impl Tls {
    fn new(listen: SocketAddr, trust: Trust, name: Option<&str>, identity: Option<&Path>) -> Result<Self, String> {
        let provider = Arc::new(provider::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS: {error}"))?;
        let pinned = matches!(trust, Trust::Only(_));
        let builder = match trust {
            Trust::Roots(roots) => builder.with_root_certificates(roots),
            Trust::Only(certificate) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Known { expected: Some(certificate), provider })),
            Trust::Anybody => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Known { expected: None, provider }))
            }
        };
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let pem = bytes(path)?;
                let key =
                    PrivateKeyDer::from_pem_slice(&pem).map_err(|_| format!("{}: no private key", path.display()))?;
                let refused = |error| format!("{}: {error}", path.display());
                builder.with_client_auth_cert(certificates(path, &pem)?, key).map_err(refused)?
            }
        };
        let name = match name {
            Some(name) => ServerName::try_from(name.to_owned()).map_err(|_| format!("{name} is not a server name"))?,
            None => ServerName::IpAddress(super::client::dialled_ip(listen).into()),
        };
        Ok(Self { connector: TlsConnector::from(Arc::new(config)), name, pinned })
    }
}

/// Takes one certificate, or any, and checks that the other end has its key.
#[derive(Debug)]
struct Known {
    expected: Option<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Known {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        match &self.expected {
            Some(expected) if expected != shown => {
                Err(TlsError::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
            }
            _ => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Files of the agent's TLS, wherever the configuration has them; `None` where it speaks none.
fn tls_files(config: &Config, environment: &Environment) -> Result<Option<TlsFiles>, String> {
    let access = &config.http.access;
    let Some(name) = &access.web_config_file else { return Ok(access.tls.clone()) };
    let path = locate(name, environment)?;
    web::read(&path, &bytes(&path)?).map(|web| web.tls).map_err(|report| report.to_string())
}

fn locate(name: &Path, environment: &Environment) -> Result<std::path::PathBuf, String> {
    secret::locate(name, &Config::secrets_directory(environment)).map_err(|error| error.to_string())
}

fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    secret::read_bytes(path).map_err(|error| match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    })
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found
        .ok()
        .filter(|found| !found.is_empty())
        .ok_or_else(|| format!("{}: no certificate in PEM format", path.display()))
}

fn leaf(path: &Path) -> Result<CertificateDer<'static>, String> {
    let chain = certificates(path, &bytes(path)?)?;
    chain.into_iter().next().ok_or_else(|| format!("{}: no certificate in PEM format", path.display()))
}

fn roots(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates(path, &bytes(path)?)?);
    if added == 0 { Err(format!("{}: no certificate in it can be a root", path.display())) } else { Ok(roots) }
}

/// The credential to show; `None` where none is configured.
fn authorization(
    config: &Config,
    environment: &Environment,
    arguments: &DoorArguments,
) -> Result<Option<HeaderValue>, String> {
    let access = &config.http.access;
    let path = match (&arguments.credentials_file, &access.credentials_file, &access.bearer_token_file) {
        (Some(path), _, _) => path.clone(),
        (None, Some(name), _) | (None, None, Some(name)) => locate(name, environment)?,
        (None, None, None) => return Ok(None),
    };
    let bytes = bytes(&path)?;
    header(&bytes).map(Some).ok_or_else(|| format!("{}: neither a token nor name:password in it", path.display()))
}

/// The first line which says something: `name:password`, or a token, which has no colon.
fn header(bytes: &[u8]) -> Option<HeaderValue> {
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let line = lines.into_iter().find(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"))?;
    let value = if line.contains(&b':') {
        format!("Basic {}", STANDARD.encode(line))
    } else {
        format!("Bearer {}", str::from_utf8(line.trim_ascii()).ok()?)
    };
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_told_apart() {
        for (text, expected) in [
            ("abc123\n", Some("Bearer abc123")),
            ("# a comment\n\n  abc123 \r\nolder\n", Some("Bearer abc123")),
            ("ann:hunter2\n", Some("Basic YW5uOmh1bnRlcjI=")),
            ("ann:with space \n", Some("Basic YW5uOndpdGggc3BhY2Ug")),
            ("", None),
            ("\n# nothing\n", None),
            ("\u{1}\n", None),
        ] {
            assert_eq!(
                header(text.as_bytes()).map(|value| value.to_str().unwrap().to_owned()).as_deref(),
                expected,
                "{text:?}"
            );
        }
        assert!(!format!("{:?}", header(b"abc123")).contains("abc123"));
    }
}
