//! The files behind the door: read at the start, on SIGHUP, and when they change.
//!
//! Looking every few seconds costs a handful of `stat` calls and is done only where such files are configured. It works for what a
//! notification would miss: files replaced by renaming, symlinks that are swung round (Kubernetes, certbot), network mounts.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use tokio::{
    sync::mpsc,
    task::spawn_blocking,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Access, Config, Environment, TlsFiles, web},
    http::access::{Gate, Material, Named, TlsMaterial},
    secret,
};

/// How often files are looked at: a new certificate is in use within a few seconds.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Files which have just changed may be in the middle of it: they are read when two looks this far apart see the same.
const SETTLED: Duration = Duration::from_secs(1);

/// Looks at files which never come to rest, before they are read all the same.
const MOST_LOOKS: usize = 10;

/// Which files, and from where relative names are looked up.
#[derive(Clone, Debug)]
pub(super) struct Files {
    access: Access,
    secrets: PathBuf,
}

impl Files {
    pub(super) fn of(config: &Config, environment: &Environment) -> Self {
        Self { access: config.http.access.clone(), secrets: Config::secrets_directory(environment) }
    }

    /// Reads all of them. `seen` gets every path that was looked for, also those that could not be read.
    fn read(&self, seen: &mut Seen) -> anyhow::Result<Material> {
        let access = &self.access;
        let mut material = Material { allowed_hosts: access.allowed_hosts.clone(), ..Material::default() };
        let mut tls = (access.tls.clone(), false);
        if let Some(name) = &access.web_config_file {
            let path = secret::locate(name, &self.secrets).context("http.web_config_file")?;
            let file = read(&path, seen).context("http.web_config_file")?;
            let config = web::read(&path, &file.bytes).context("http.web_config_file")?;
            material.users = config.users;
            tls = (config.tls, config.only_tls13);
        }
        material.tls = self.tls(tls.0, tls.1, seen)?;
        material.users_file = self.named(access.users_file.as_deref(), "http.auth.users_file", seen)?;
        material.tokens_file = self.named(access.bearer_token_file.as_deref(), "http.auth.bearer_token_file", seen)?;
        Ok(material)
    }

    fn tls(&self, files: Option<TlsFiles>, only_tls13: bool, seen: &mut Seen) -> anyhow::Result<Option<TlsMaterial>> {
        let Some(files) = files else { return Ok(None) };
        let certificate = self.named(Some(&files.certificate), "the certificate", seen);
        // All three are looked at, also after a mistake in the first: any of them may be what is put right next.
        let key = self.named(Some(&files.key), "its key", seen);
        let client_ca = self.named(files.client_ca.as_deref(), "the roots for client certificates", seen)?;
        let (Some(certificate), Some(key)) = (certificate?, key?) else { return Ok(None) };
        Ok(Some(TlsMaterial { certificate, key, client_ca, only_tls13 }))
    }

    fn named(&self, name: Option<&Path>, what: &'static str, seen: &mut Seen) -> anyhow::Result<Option<Named>> {
        let Some(name) = name else { return Ok(None) };
        let path = secret::locate(name, &self.secrets).context(what)?;
        read(&path, seen).context(what).map(Some)
    }
}

fn read(path: &Path, seen: &mut Seen) -> Result<Named, secret::SecretError> {
    // Before reading: what changes in between is then seen as a change, and read once more.
    seen.push((path.to_owned(), look(path)));
    Ok(Named { name: path.display().to_string(), bytes: secret::read_bytes(path)? })
}

/// What a file looks like from outside. The inode tells a replaced file, the time of change one whose rights were changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// Files with what they looked like; `None` where there is none.
type Seen = Vec<(PathBuf, Option<Look>)>;

fn look(path: &Path) -> Option<Look> {
    let found = fs::metadata(path).ok()?;
    Some(Look {
        device: found.dev(),
        inode: found.ino(),
        size: found.size(),
        modified: (found.mtime(), found.mtime_nsec()),
        changed: (found.ctime(), found.ctime_nsec()),
    })
}

/// Keeps the gate in step with its files.
pub(super) struct Keeper {
    gate: Arc<Gate>,
    files: Files,
    /// What was read last.
    seen: Seen,
}

impl Keeper {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// They cannot be read or used: then nothing is served at all, least of all without them.
    pub(super) fn start(gate: Arc<Gate>, files: Files) -> anyhow::Result<Self> {
        let mut keeper = Self { gate, files, seen: Vec::new() };
        keeper.take_over()?;
        Ok(keeper)
    }

    /// Follows the files, and takes over others when they are sent, until `shutdown`.
    pub(super) async fn follow(mut self, mut others: mpsc::Receiver<Files>, shutdown: CancellationToken) {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let idle = self.seen.is_empty();
            let changed = tokio::select! {
                () = shutdown.cancelled() => return,
                Some(files) = others.recv() => {
                    self.files = files;
                    true
                }
                _ = ticks.tick(), if !idle => self.settled().await,
            };
            if changed {
                self = self.reload().await;
            }
        }
    }

    /// Whether the files have changed; waits until they are at rest.
    async fn settled(&self) -> bool {
        let mut last = self.looks().await;
        if last == self.seen {
            return false;
        }
        for _ in 0..MOST_LOOKS {
            sleep(SETTLED).await;
            let now = self.looks().await;
            if now == last {
                break;
            }
            last = now;
        }
        true
    }

    /// What the files look like now.
    async fn looks(&self) -> Seen {
        let seen = self.seen.clone();
        // A mount that hangs must hang nothing but this.
        let looked = spawn_blocking(move || seen.into_iter().map(|(path, _)| (path.clone(), look(&path))).collect());
        // Only after a panic: nothing was seen then, which is no change.
        looked.await.unwrap_or_else(|_| self.seen.clone())
    }

    async fn reload(self) -> Self {
        let (gate, files) = (Arc::clone(&self.gate), self.files.clone());
        let read = spawn_blocking(move || {
            let mut keeper = self;
            match keeper.take_over() {
                Ok(()) => tracing::info!("certificates, users and tokens were read again"),
                Err(error) => tracing::error!(
                    error = format!("{error:#}"),
                    "certificates, users and tokens cannot be used: the old ones stay in place"
                ),
            }
            keeper
        });
        // Only a panic gets here without a keeper; the next look reads everything anew.
        read.await.unwrap_or(Self { gate, files, seen: Vec::new() })
    }

    fn take_over(&mut self) -> anyhow::Result<()> {
        let mut seen = Vec::new();
        let material = self.files.read(&mut seen);
        self.seen = seen;
        match material {
            Ok(material) => self.gate.take_over(&material).map_err(Into::into),
            Err(error) => {
                self.gate.kept();
                Err(error)
            }
        }
    }
}
