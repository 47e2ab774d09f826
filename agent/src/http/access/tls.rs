//! The listener's side of TLS: one certificate, TLS 1.2 and 1.3, client certificates where roots for them are given.

use std::{io, sync::Arc};

use ring::digest;
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring as provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
    version::{TLS12, TLS13},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{AccessError, Named, Secure, TlsMaterial, Trust};
use crate::net;

/// All we speak. Clients which offer HTTP/2 as well choose this.
const PROTOCOL: &[u8] = b"http/1.1";

/// Ready to make handshakes.
pub(super) struct Tls {
    config: Arc<ServerConfig>,
    trust: Option<Trust>,
    ends: Option<i64>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the PEM files and checks that they belong together.
    pub(super) fn new(material: &TlsMaterial) -> Result<Self, AccessError> {
        let chain = certificates(&material.certificate)?;
        let ends = chain.first().and_then(|own| net::certificate_ends(own));
        let key = PrivateKeyDer::from_pem_slice(&material.key.bytes)
            .map_err(|_| AccessError::NoPem { file: material.key.name.clone(), what: "private key" })?;
        let versions = if material.only_tls13 { &[&TLS13][..] } else { &[&TLS13, &TLS12] };
        let refused = |what| move |source| AccessError::Tls { file: material.certificate.name.clone(), what, source };
        let builder = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_protocol_versions(versions)
            .map_err(refused("choose versions of TLS"))?;
        let (builder, trust) = match &material.client_ca {
            None => (builder.with_no_client_auth(), None),
            Some(file) => {
                let roots = certificates(file)?;
                (builder.with_client_cert_verifier(verifier(file, &roots)?), Some(fingerprint(&roots)))
            }
        };
        // A session resumed is one whose certificate was verified before. The store is new with each reading, so none
        // outlives the roots it was verified against.
        let mut config =
            builder.with_single_cert(chain, key).map_err(refused("the certificate and its key do not go together"))?;
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Self { config: Arc::new(config), trust, ends })
    }

    pub(super) fn handshake(&self) -> Handshake {
        Handshake { acceptor: TlsAcceptor::from(Arc::clone(&self.config)), trust: self.trust }
    }

    /// Names the roots for client certificates; `None` when none are asked for.
    pub(super) const fn trust(&self) -> Option<Trust> {
        self.trust
    }

    /// When the certificate ends, in Unix seconds; `None` when it does not say so in a way we read.
    pub(super) const fn ends(&self) -> Option<i64> {
        self.ends
    }
}

/// Makes one handshake, with what was in use when it was taken.
pub(in crate::http) struct Handshake {
    acceptor: TlsAcceptor,
    trust: Option<Trust>,
}

impl Handshake {
    /// Waits for the client as long as it takes: the caller has the clock.
    pub(in crate::http) async fn make(self, stream: TcpStream) -> io::Result<(TlsStream<TcpStream>, Secure)> {
        let stream = self.acceptor.accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates().is_some_and(|chain| !chain.is_empty());
        Ok((stream, Secure { certified: self.trust.filter(|_| shown) }))
    }
}

fn certificates(file: &Named) -> Result<Vec<CertificateDer<'static>>, AccessError> {
    let none = || AccessError::NoPem { file: file.name.clone(), what: "certificate" };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&file.bytes).collect::<Result<_, _>>().map_err(|_| none())?;
    if chain.is_empty() { Err(none()) } else { Ok(chain) }
}

/// A client without a certificate gets through the handshake, so that it can be told what is missing and so that liveness
/// can be asked for; every other route wants one. A certificate which cannot be verified ends the handshake.
fn verifier(file: &Named, roots: &[CertificateDer<'static>]) -> Result<Arc<dyn ClientCertVerifier>, AccessError> {
    let no_root = || AccessError::NoRoot { file: file.name.clone() };
    let mut store = RootCertStore::empty();
    let (_, unusable) = store.add_parsable_certificates(roots.iter().cloned());
    if unusable > 0 {
        return Err(no_root());
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(store), Arc::new(provider::default_provider()));
    builder.allow_unauthenticated().build().map_err(|_| no_root())
}

fn fingerprint(roots: &[CertificateDer<'static>]) -> Trust {
    let mut context = digest::Context::new(&digest::SHA256);
    for root in roots {
        context.update(&root.len().to_le_bytes());
        context.update(root);
    }
    let digest = context.finish();
    // SHA-256 gives 32 bytes.
    std::array::from_fn(|at| digest.as_ref().get(at).copied().unwrap_or_default())
}
