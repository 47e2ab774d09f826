//! TLS to an engine.
//!
//! The engine is always verified. Docker's `--tls` without `--tlsverify` and contexts with `SkipTLSVerify` are refused: whoever
//! can pretend to be the engine could show a host that is well.

use std::{io, sync::Arc};

use arc_swap::ArcSwap;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::net::{TlsError, TlsFiles, client_config, server_name};

/// How to greet one engine.
#[derive(Debug)]
pub(super) struct Tls {
    files: TlsFiles,
    name: ServerName<'static>,
    config: ArcSwap<ClientConfig>,
}

impl Tls {
    pub(super) fn open(files: TlsFiles, host: &str) -> Result<Self, TlsError> {
        let name = server_name(host)?;
        let config = ArcSwap::from_pointee(config(&files)?);
        Ok(Self { files, name, config })
    }

    /// Reads the files again, so that renewed certificates are taken over. What cannot be used changes nothing.
    pub(super) fn renew(&self) {
        match config(&self.files) {
            Ok(config) => self.config.store(Arc::new(config)),
            Err(error) => tracing::warn!(%error, "the certificates for the engine are kept as they were"),
        }
    }

    pub(super) async fn greet(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsConnector::from(self.config.load_full()).connect(self.name.clone(), stream).await
    }
}

fn config(files: &TlsFiles) -> Result<ClientConfig, TlsError> {
    client_config(Some(&files.ca), files.client.as_ref())
}
