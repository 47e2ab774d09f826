//! Section `engine`: which engine is meant, how it is greeted, and what it is asked beside its state.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    keys,
    layers::Values,
    report::{Origin, Wrong},
};
use crate::secret::{self, SecretError};

/// Section `engine`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Where it listens; `None` is to be found out.
    pub address: Option<String>,
    /// The docker context that names it.
    pub context: Option<String>,
    /// Files for TLS.
    pub tls: Option<EngineTls>,
    /// Whether it is asked for figures.
    pub stats: Stats,
    /// How often it is, once a container, above 0.
    pub stats_interval: Duration,
    /// Whether a process of its own holds the socket.
    pub broker: Broker,
}

/// Files for TLS to the engine. Relative paths are names in the secrets directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineTls {
    /// Roots.
    pub ca: PathBuf,
    /// Our certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Whether the engine is asked for the figures which the kernel's files hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stats {
    /// Where kernel files cannot be seen.
    Auto,
    /// Not at all.
    Never,
    /// For every container, in place of the kernel's files.
    Always,
}

/// Whether a process of its own holds the engine's socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broker {
    /// It does, unless a broker listens at the address already.
    Auto,
    /// The agent speaks to the engine itself.
    Off,
}

impl Broker {
    /// Every choice.
    pub const ALL: [Self; 2] = [Self::Auto, Self::Off];

    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Off => "off",
        }
    }
}

impl Stats {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Never, Self::Always];

    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Never => "never",
            Self::Always => "always",
        }
    }
}

impl Engine {
    /// Takes its keys once, and says which do not go together.
    pub(super) fn take(values: &mut Values) -> Self {
        let (address, context) = (values.take(&keys::ENGINE_ADDRESS), values.take(&keys::engine::CONTEXT));
        let ca = values.take(&keys::engine::CA_FILE);
        let certificate = values.take(&keys::engine::CERT_FILE);
        let key = values.take(&keys::engine::KEY_FILE);
        let stats = values.take(&keys::engine::STATS);
        let stats_interval = values.take(&keys::engine::STATS_INTERVAL);
        let broker = values.take(&keys::engine::BROKER);

        let mut conflict = |path: &str, what: &str, hint: &str| {
            values.mistake(Origin::Default, Some(path.to_owned()), Wrong::new(what).hint(hint));
        };
        if address.is_some() && context.is_some() {
            conflict(keys::engine::CONTEXT.facts.path, "is given beside engine.address", "keep one of them");
        }
        if certificate.is_some() != key.is_some() {
            conflict(keys::engine::CERT_FILE.facts.path, "goes together with engine.key_file", "set both or none");
        }
        if certificate.is_some() && ca.is_none() {
            conflict(
                keys::engine::CA_FILE.facts.path,
                "is missing beside engine.cert_file",
                "set it: the engine is always verified",
            );
        }
        let tls = ca.map(|ca| EngineTls { ca, client: certificate.zip(key) });
        Self { address, context, tls, stats, stats_interval, broker }
    }
}

impl EngineTls {
    /// The files, names of secrets resolved in `directory`.
    ///
    /// # Errors
    /// A name leaves the directory.
    pub fn locate(&self, directory: &Path) -> Result<Self, SecretError> {
        let client = self.client.as_ref().map(|(certificate, key)| {
            Ok::<_, SecretError>((secret::locate(certificate, directory)?, secret::locate(key, directory)?))
        });
        Ok(Self { ca: secret::locate(&self.ca, directory)?, client: client.transpose()? })
    }
}
