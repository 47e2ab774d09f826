//! TLS to targets that declare https: by whose signature they are known, and under which name.
//!
//! A target is always verified. Without roots (`targets.ca_file`) https stays out of reach, with a reason: a certificate which nobody
//! looks at would only look safer than http. The name is the service's, which is what neighbours in its network call it by, unless a
//! label says another; an address is not verified, since it changes with each life of a container.
//!
//! Trust that were replaced are noticed by a certificate that does not verify: then the file is read again, once a while.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::net::{TlsError, TlsFiles, client_config};

/// The file of roots is not read again sooner than this.
const READ_AGAIN: Duration = Duration::from_secs(10);

/// Whom to believe, cheap to clone.
#[derive(Clone, Debug)]
pub struct Trust(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    files: TlsFiles,
    config: ArcSwap<ClientConfig>,
    read_at: Mutex<Instant>,
}

impl Trust {
    /// Reads a file of roots (PEM, a megabyte at most).
    ///
    /// # Errors
    /// It cannot be read, or holds no certificate that can be a root.
    pub fn open(ca: impl Into<std::path::PathBuf>) -> Result<Self, TlsError> {
        let files = TlsFiles { ca: ca.into(), client: None };
        let config = ArcSwap::from_pointee(client_config(Some(&files.ca), None)?);
        Ok(Self(Arc::new(Inner { files, config, read_at: Mutex::new(Instant::now()) })))
    }

    /// Greets a target under a name. An error of the other side's certificate makes the roots to be read again, for the next time.
    pub(super) async fn greet(&self, stream: TcpStream, name: ServerName<'static>) -> io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(self.0.config.load_full());
        let greeted = connector.connect(name, stream).await;
        if greeted.as_ref().is_err_and(is_about_the_certificate) {
            self.read_again();
        }
        greeted
    }

    fn read_again(&self) {
        {
            let mut read_at = self.0.read_at.lock().unwrap_or_else(PoisonError::into_inner);
            if read_at.elapsed() < READ_AGAIN {
                return;
            }
            *read_at = Instant::now();
        }
        match client_config(Some(&self.0.files.ca), None) {
            Ok(config) => self.0.config.store(Arc::new(config)),
            Err(error) => tracing::warn!(%error, "the roots for targets are kept as they were"),
        }
    }
}

/// The name a certificate must have; `None` for one that no certificate can have.
pub(super) fn name(text: &str) -> Option<ServerName<'static>> {
    ServerName::try_from(text.to_owned()).ok()
}

fn is_about_the_certificate(error: &io::Error) -> bool {
    let told = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    matches!(told, Some(rustls::Error::InvalidCertificate(_)))
}
