//! The greeting, and what the certificate is worth.
//!
//! Any certificate is taken in the greeting, so that an expired one can be told from none at all; whoever shows it must have its key.
//! Then each thing is looked at by itself: whether it leads to a root that counts, whether it has the names, whether it is its time.
//! Nothing but the greeting has been sent until that is known.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        Resumption,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    names::Threads,
    outcome::{Failure, Reason, Shown},
};
use crate::{
    net::{Certificate, roots},
    policy::probe,
};

/// Files of roots that are kept; the file names fewer.
const MAX_ROOTS: usize = 64;

/// What a file looked like when it was read.
type Stamp = Option<(u64, SystemTime)>;

/// Roots by file, `None` for those of this machine.
type Kept = HashMap<Option<PathBuf>, (Stamp, Arc<RootCertStore>)>;

/// How to greet, and whom to believe.
#[derive(Debug)]
pub(super) struct Greeter {
    provider: Arc<CryptoProvider>,
    plain: Arc<ClientConfig>,
    http: Arc<ClientConfig>,
    /// Read when first needed, and when the file has changed.
    roots: Mutex<Kept>,
}

impl Greeter {
    /// # Errors
    /// The library has no protocol to speak.
    pub(super) fn new() -> Result<Self, Error> {
        let provider = Arc::new(ring::default_provider());
        let config = |protocols: &[&[u8]]| {
            let builder =
                ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
            let verifier = Arc::new(TakeAny(Arc::clone(&provider)));
            let mut config = builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
            config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
            // Every greeting is a whole one: its time is measured, and its certificate looked at.
            config.resumption = Resumption::disabled();
            Ok::<_, Error>(Arc::new(config))
        };
        let (plain, http) = (config(&[])?, config(&[b"http/1.1"])?);
        Ok(Self { provider, plain, http, roots: Mutex::default() })
    }

    /// Greets under a name. An error says that there was no greeting; the certificate is still to be looked at ([`Self::judge`]).
    pub(super) async fn greet(
        &self,
        stream: TcpStream,
        name: ServerName<'static>,
        http: bool,
    ) -> io::Result<TlsStream<TcpStream>> {
        let config = if http { &self.http } else { &self.plain };
        TlsConnector::from(Arc::clone(config)).connect(name, stream).await
    }

    /// Looks at what was shown. Beside the verdict: which names are missing.
    pub(super) fn judge(
        &self,
        chain: &[CertificateDer<'static>],
        roots: &RootCertStore,
        names: &[Arc<str>],
        now: SystemTime,
    ) -> Option<(Shown, Vec<Arc<str>>)> {
        let (leaf, others) = chain.split_first()?;
        let certificate = Certificate::read(leaf)?;
        let now = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let seconds = i64::try_from(now.as_secs()).ok()?;
        let (begins, ends) = certificate.validity;
        let time = begins <= seconds && seconds <= ends;
        // Whether it leads to a root is asked of a time when it counts: an expired one is not one of nobody's.
        let asked = u64::try_from(seconds.clamp(begins.min(ends), ends)).ok()?;
        let asked = UnixTime::since_unix_epoch(Duration::from_secs(asked));
        let parsed = ParsedCertificate::try_from(leaf).ok();
        let algorithms = self.provider.signature_verification_algorithms.all;
        let led = parsed
            .as_ref()
            .map(|parsed| verify_server_cert_signed_by_trust_anchor(parsed, roots, others, asked, algorithms).is_ok());
        let has = |name: &str| {
            let name = ServerName::try_from(name).ok();
            parsed.as_ref().zip(name).is_some_and(|(parsed, name)| verify_server_name(parsed, &name).is_ok())
        };
        let missing: Vec<_> = names.iter().filter(|name| !has(name)).cloned().collect();
        let chain_ends = others.iter().filter_map(|other| Certificate::read(other)).map(|other| other.validity.1);
        let chain_ends = chain_ends.fold(ends, i64::min);
        let shown = Shown { certificate, chain_ends, chain: led.unwrap_or(false), names: missing.is_empty(), time };
        Some((shown, missing))
    }

    /// The roots in a file, or those of this machine.
    pub(super) async fn roots(&self, file: Option<PathBuf>, threads: &Threads) -> Result<Arc<RootCertStore>, Failure> {
        let known = self.lock().get(&file).cloned();
        if let (None, Some((_, roots))) = (&file, &known) {
            return Ok(Arc::clone(roots));
        }
        let path = file.clone();
        let failed = |text: String| Failure::new(Reason::Credentials, text);
        let read = threads
            .read(move || {
                let stamp = path.as_deref().and_then(stamp);
                match known.filter(|(before, _)| *before == stamp) {
                    Some(known) => Ok(known),
                    None => roots(path.as_deref()).map(|roots| (stamp, Arc::new(roots))),
                }
            })
            .await;
        let read = read.map_err(|error| failed(format!("read roots: {error}")))?;
        let (stamp, roots) = read.map_err(|error| failed(error.to_string()))?;
        let mut kept = self.lock();
        if kept.len() >= MAX_ROOTS {
            kept.clear();
        }
        kept.insert(file, (stamp, Arc::clone(&roots)));
        Ok(roots)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.roots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stamp(path: &Path) -> Stamp {
    path.metadata().ok().and_then(|found| Some((found.len(), found.modified().ok()?)))
}

/// Whether a certificate fails the probe that asked for it.
pub(super) fn verdict(shown: &Shown, missing: &[Arc<str>], tls: &probe::Tls) -> Option<Failure> {
    if tls.insecure {
        return None;
    }
    if !shown.time {
        return Some(Reason::CertificateTime.into());
    }
    if !shown.chain {
        return Some(Reason::CertificateChain.into());
    }
    let names: Vec<_> = missing.iter().map(|name| &**name).collect();
    (!shown.names)
        .then(|| Failure::new(Reason::CertificateNames, format!("the certificate lacks {}", names.join(", "))))
}

/// Takes any certificate of somebody who has its key.
#[derive(Debug)]
struct TakeAny(Arc<CryptoProvider>);

impl ServerCertVerifier for TakeAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
