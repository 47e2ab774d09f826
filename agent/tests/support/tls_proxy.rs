//! What is reached over the network: TCP or TLS in front of an engine's unix socket, TLS in front of an application's port.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, copy_bidirectional},
    net::{TcpListener, TcpStream, UnixStream},
    runtime::Runtime,
};
use tokio_rustls::TlsAcceptor;

/// An authority which signs for engines and for whoever may ask them.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: rustls::pki_types::CertificateDer<'static>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority")
    }
}

impl Authority {
    /// A new one; nobody else trusts it.
    pub fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "test authority");
        let key = KeyPair::generate().expect("a key");
        let certificate = parameters.self_signed(&key).expect("a certificate");
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(parameters, key) }
    }

    fn sign(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let parameters = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        (parameters.signed_by(&key, &self.issuer).expect("a certificate"), key)
    }

    /// `ca.pem`, `cert.pem` and `key.pem` for a client, as `DOCKER_CERT_PATH` wants them.
    pub fn write_client(&self, folder: &Path) {
        let (certificate, key) = self.sign("client");
        std::fs::create_dir_all(folder).expect("a folder");
        for (name, text) in [("ca.pem", &self.pem), ("cert.pem", &certificate.pem()), ("key.pem", &key.serialize_pem())]
        {
            std::fs::write(folder.join(name), text).expect("a file");
        }
    }

    /// Itself, as a file of roots has it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// What an application of that name shows; it asks nobody for a certificate.
    pub fn application(&self, name: &str) -> ServerConfig {
        let (certificate, key) = self.sign(name);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("certificate and key fit")
    }

    /// What an engine of that name shows and asks for.
    pub fn server(&self, name: &str) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("a root");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let (certificate, key) = self.sign(name);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("certificate and key fit")
    }
}

/// The way in, for as long as the test's process lives.
#[derive(Debug)]
pub struct Gate {
    /// Where it listens.
    pub address: SocketAddr,
}

impl Gate {
    /// Opens a port in front of `socket`, with TLS where a configuration is given. On a thread of its own, so that no runtime of a
    /// test touches it.
    pub fn open(socket: &Path, tls: Option<ServerConfig>) -> Self {
        Self::before(Behind::Engine(socket.to_owned()), tls)
    }

    /// Opens a port with TLS in front of an application's.
    pub fn of_application(port: u16, tls: ServerConfig) -> Self {
        Self::before(Behind::Application(port), Some(tls))
    }

    fn before(behind: Behind, tls: Option<ServerConfig>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        listener.set_nonblocking(true).expect("a setting of the port");
        let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        std::thread::spawn(move || {
            let runtime = Runtime::new().expect("a runtime");
            runtime.block_on(async { serve(TcpListener::from_std(listener).expect("a port"), behind, tls).await });
        });
        Self { address }
    }
}

/// To whom it leads.
#[derive(Clone, Debug)]
enum Behind {
    Engine(PathBuf),
    Application(u16),
}

async fn serve(listener: TcpListener, behind: Behind, tls: Option<TlsAcceptor>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (behind, tls) = (behind.clone(), tls.clone());
        tokio::spawn(async move {
            match tls {
                None => pass(stream, &behind).await,
                // Who is not let in is what the client says.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        pass(stream, &behind).await;
                    }
                }
            }
        });
    }
}

async fn pass(mut stream: impl AsyncRead + AsyncWrite + Unpin, behind: &Behind) {
    // Either side may end it at any time.
    match behind {
        Behind::Engine(socket) => {
            if let Ok(mut engine) = UnixStream::connect(socket).await {
                copy_bidirectional(&mut stream, &mut engine).await.ok();
            }
        }
        Behind::Application(port) => {
            if let Ok(mut application) = TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).await {
                copy_bidirectional(&mut stream, &mut application).await.ok();
            }
        }
    }
}
