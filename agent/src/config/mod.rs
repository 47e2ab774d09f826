//! The configuration: read from a file, the environment and the command line, checked once, valid from then on.
//!
//! ```text
//!  defaults < file < environment < flags        keys.rs: the table of keys
//!      yaml -> layers -> settings               kinds.rs: how a value of each kind is read
//!           \-> report (every mistake)          print.rs, docs.rs: the table for people
//! ```
//!
//! Nothing of the file leaves this module: the rest of the program sees [`Config`], whose values cannot be wrong. Nothing is
//! connected, bound or written here.

mod access;
mod docs;
pub mod engine;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod isolation;
mod keys;
mod kinds;
mod layers;
mod logs;
mod loki;
mod otlp;
mod policy;
mod print;
mod report;
mod server;
mod settings;
mod source;
mod suggest;
mod traces;
mod units;
pub mod web;
mod yaml;

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

pub use access::{Access, TlsFiles};
pub use engine::{Engine, EngineTls};
pub use loki::Loki;
pub use otlp::Otlp;
pub use report::{Mistake, Origin, Position, Report};
pub use server::Server;
pub use settings::{Config, Host, Http, Log, Metrics, RootFilesystem, Services, State};
pub use source::{DEFAULT_FILE, ENGINE_VARIABLE, Environment, FILE_VARIABLE, Flag, SECRETS_VARIABLE, Sources};

use crate::{policy::Policy, secret};
pub use docs::markdown;
use keys::{Effect, policy::PolicyFile};
use layers::Values;
use report::Wrong;
pub(crate) use units::{parse_duration, show_duration};

/// Largest file that is read, in bytes: fifty times a configuration with every key and a comment on each.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// Bytes of a policy's SHA-256 that tell it apart.
const DIGEST_BYTES: usize = 8;

/// Where a policy file is looked for unless the configuration names one.
const DEFAULT_POLICY: &str = "/etc/spyhop/policy.yml";

/// Reads and checks everything, the policy too.
///
/// # Errors
/// Every mistake of every source in one report.
pub fn load(sources: &Sources) -> Result<Config, Report> {
    load_with(sources, policy_of)
}

/// [`load`] without the policy, which is not even looked for.
///
/// # Errors
/// Every mistake of every source in one report.
pub fn load_settings(sources: &Sources) -> Result<Config, Report> {
    load_with(sources, |values| {
        let _unread = (values.take(&keys::policy::FILE), values.take(&keys::policy::PROFILES), values.take_policy());
        Policy::default()
    })
}

/// Whether a text is a policy.
///
/// # Errors
/// Every mistake in it.
pub fn check_policy(text: &str) -> Result<(), Report> {
    let mut values = Values::default();
    let _policy = read_policy(Path::new("policy.yml"), text.as_bytes(), &mut values);
    Report::of(values.mistakes).map_or(Ok(()), Err)
}

fn load_with(sources: &Sources, policy: fn(&mut Values) -> Policy) -> Result<Config, Report> {
    let mut values = Values::default();
    let file = read_file(sources, &mut values);
    values.add_environment(&sources.environment);
    values.add_flags(&sources.flags);
    values.add_docker_host(&sources.environment);
    let policy = policy(&mut values);
    let config = Config::assemble(&mut values, file, policy);
    match Report::of(values.mistakes) {
        None => Ok(config),
        Some(report) => Err(report),
    }
}

/// Keys which differ between the configuration in use and a newly loaded one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Keys whose new value can take effect at once.
    pub reloadable: Vec<&'static str>,
    /// Keys whose new value waits for a restart.
    pub needs_restart: Vec<&'static str>,
}

/// Compares key by key, by what values mean: `60s` in place of `1m` is no change.
pub fn reload(old: &Config, new: &Config) -> Changes {
    let mut changes = Changes::default();
    for (old, new) in old.settings.iter().zip(&new.settings) {
        if old.value != new.value {
            let facts = new.key.facts();
            match facts.effect {
                Effect::Reload => changes.reloadable.push(facts.path),
                Effect::Restart => changes.needs_restart.push(facts.path),
            }
        }
    }
    changes
}

/// Flags which set a key of their own, with the path of that key.
pub fn flags() -> impl Iterator<Item = (&'static str, &'static str)> {
    keys::ALL.iter().filter_map(|key| Some((key.facts().flag?, key.facts().path)))
}

impl Config {
    /// Takes over what can change while the agent runs; every other value stays the one it was started with.
    pub fn take_reloadable(&mut self, newer: Self) {
        self.metrics.collect = newer.metrics.collect;
        self.metrics.container_labels = newer.metrics.container_labels;
        self.metrics.hidden_interfaces = newer.metrics.hidden_interfaces;
        self.http.access = newer.http.access;
        self.logs.lines = newer.logs.lines;
        self.log.level = newer.log.level;
        // The helper's socket is given away at the start.
        let helper = self.isolation.helper.take();
        self.isolation = crate::isolation::Settings { helper, ..newer.isolation };
        self.policy = newer.policy;
        for (mine, newer) in self.settings.iter_mut().zip(newer.settings) {
            if mine.key.facts().effect == Effect::Reload {
                *mine = newer;
            }
        }
    }

    /// Where secret files with relative names are looked up.
    pub fn secrets_directory(environment: &Environment) -> PathBuf {
        let set = environment.get(SECRETS_VARIABLE).and_then(Result::ok);
        PathBuf::from(set.unwrap_or(secret::DEFAULT_DIRECTORY))
    }
}

/// Adds the file to the values, and returns its path unless it is the default one and absent.
fn read_file(sources: &Sources, values: &mut Values) -> Option<PathBuf> {
    let named = match (&sources.file, sources.environment.get(FILE_VARIABLE)) {
        (Some(path), _) => Some((path.clone(), Origin::Flag("--config".to_owned()))),
        (None, Some(Ok(path))) => Some((PathBuf::from(path), Origin::Environment(FILE_VARIABLE.to_owned()))),
        (None, Some(Err(_))) => {
            values.mistake(Origin::Environment(FILE_VARIABLE.to_owned()), None, Wrong::new("is not UTF-8 text"));
            return None;
        }
        (None, None) => None,
    };
    let asked = named.is_some();
    let default = || (PathBuf::from(DEFAULT_FILE), Origin::File(Path::new(DEFAULT_FILE).into(), None));
    let (path, origin) = named.unwrap_or_else(default);
    match read_bytes(&path) {
        Ok(bytes) => add_bytes(&Arc::from(path.as_path()), &bytes, values),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !asked => return None,
        Err(error) => values.mistake(origin, None, Wrong::new(format!("read {}: {error}", path.display()))),
    }
    Some(path)
}

/// The policy: of the configuration file's own sections, or of a file of its own.
fn policy_of(values: &mut Values) -> Policy {
    let (file, profiles) = (values.take(&keys::policy::FILE), values.take(&keys::policy::PROFILES));
    let aside = values.take_policy();
    let named = match &file {
        PolicyFile::Auto => Some(PathBuf::from(DEFAULT_POLICY)),
        PolicyFile::Off => None,
        PolicyFile::At(path) => Some(path.clone()),
    };
    let read = named.map(|path| (read_bytes(&path), path));
    let mut policy = match (aside, read) {
        (Some((path, entries)), found) => {
            if matches!((&file, &found), (PolicyFile::At(_), _) | (_, Some((Ok(_), _)))) {
                let wrong = Wrong::new("the configuration file has a policy in it already")
                    .hint("keep one of them; `policy.file: off` keeps this one");
                values.conflict(keys::policy::FILE.facts.path, wrong);
            }
            policy::read_sections(&path, entries, &mut values.mistakes)
        }
        (None, Some((Ok(bytes), path))) => read_policy(&path, &bytes, values),
        (None, Some((Err(error), path))) if file != PolicyFile::Auto || error.kind() != io::ErrorKind::NotFound => {
            let wrong = Wrong::new(format!("read {}: {error}", path.display()));
            values.conflict(keys::policy::FILE.facts.path, wrong);
            Policy::default()
        }
        (None, _) => Policy::default(),
    };
    policy.profiles = profiles.into_iter().map(Into::into).collect();
    for profile in &policy.profiles {
        let known = policy.projects.iter().flat_map(|project| &project.profiles).any(|known| known.name == *profile);
        if !known {
            let wrong = Wrong::new(format!("no project of the policy has a profile {}", report::quoted(profile)));
            values.conflict(keys::policy::PROFILES.facts.path, wrong);
        }
    }
    policy
}

/// The beginning of the SHA-256, as `sha256sum` shows it.
fn digest(bytes: &[u8]) -> Arc<str> {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    hash.as_ref().iter().take(DIGEST_BYTES).map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

fn read_policy(path: &Path, bytes: &[u8], values: &mut Values) -> Policy {
    let path = Arc::from(path);
    match text_of(&path, bytes, values) {
        Some(text) => Policy { digest: Some(digest(bytes)), ..policy::read_file(&path, text, &mut values.mistakes) },
        None => Policy::default(),
    }
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads the bytes of a file into the values. Never panics, whatever the bytes are.
fn add_bytes(path: &Arc<Path>, bytes: &[u8], values: &mut Values) {
    let Some(text) = text_of(path, bytes, values) else { return };
    let (root, wrongs) = yaml::read(text);
    for (at, wrong) in wrongs {
        values.mistake(Origin::File(Arc::clone(path), Some(at)), None, wrong);
    }
    if let Some(root) = root {
        let root = values.set_policy_aside(path, root);
        values.add_file(path, root);
    }
}

/// The text of a file; nothing, with a mistake, when it is too large or none.
fn text_of<'a>(path: &Arc<Path>, bytes: &'a [u8], values: &mut Values) -> Option<&'a str> {
    let whole = Origin::File(Arc::clone(path), None);
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE_BYTES) {
        values.mistake(whole, None, Wrong::new(format!("is larger than {MAX_FILE_BYTES} bytes")));
        return None;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => {
            let good = bytes.iter().take(error.valid_up_to());
            let line = 1 + good.filter(|byte| **byte == b'\n').count();
            values.mistake(whole, None, Wrong::new(format!("is not UTF-8 text in line {line}")));
            None
        }
    }
}

#[cfg(test)]
mod tests;
