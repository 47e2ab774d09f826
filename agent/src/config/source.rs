//! Where configuration comes from: the file, the environment, the command line. Nothing here knows what a value means.

use std::{collections::BTreeMap, ffi::OsString, fmt, path::PathBuf};

/// The file which is read when none is named; it may be absent.
pub const DEFAULT_FILE: &str = "/etc/spyhop/spyhop.yml";
/// Names another file, like `--config`, which wins.
pub const FILE_VARIABLE: &str = "SPYHOP_CONFIG";
/// The engine's address as other tools of the engine know it.
pub const ENGINE_VARIABLE: &str = "DOCKER_HOST";
/// What else the docker command reads to know which engine is meant and how to greet it.
const ENGINE_COMPANIONS: [&str; 7] = [
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
    "DOCKER_CERT_PATH",
    "HOME",
    "XDG_RUNTIME_DIR",
];
/// Where secret files with relative names are looked up.
pub const SECRETS_VARIABLE: &str = "SECRETS_DIR";
/// Short names of the product for single keys; the long name of the same key wins.
pub(super) const SHORT: [(&str, &str); 3] =
    [("SPYHOP_LOKI_URL", "loki.url"), ("SPYHOP_OTLP_ENDPOINT", "otlp.endpoint"), ("SPYHOP_PROFILE", "policy.profiles")];
/// Begins the variable of every key.
pub(super) const KEY_PREFIX: &str = "SPYHOP__";

/// Everything a configuration is read from. Kept for the life of the process, so that SIGHUP reads the same sources again.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// File named with `--config`.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: Environment,
    /// Flags which set a key.
    pub flags: Vec<Flag>,
}

/// A flag of the command line which sets a key.
#[derive(Clone, Debug)]
pub struct Flag {
    /// The flag as it is spelt, for messages: `--listen`.
    pub name: String,
    /// Path of the key.
    pub key: String,
    /// What follows it.
    pub value: String,
}

/// The variables which matter here. An empty variable counts as not set, because that is what Compose makes of `${UNSET:-}`.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Takes what matters from the process.
    pub fn of_process() -> Self {
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect()
    }

    /// The value of a variable; `Err` when it is not UTF-8.
    pub(super) fn get(&self, name: &str) -> Option<Result<&str, NotText>> {
        self.0.get(name).map(|value| value.to_str().ok_or(NotText))
    }

    /// The value of a variable which other programs own; nothing when it is not UTF-8.
    pub fn foreign(&self, name: &str) -> Option<String> {
        self.get(name).and_then(Result::ok).map(str::to_owned)
    }

    /// Variables which set a key, or try to, by name.
    pub(super) fn of_keys(&self) -> impl Iterator<Item = (&str, Result<&str, NotText>)> {
        let keys = self.0.iter().filter(|(name, _)| name.starts_with(KEY_PREFIX));
        keys.map(|(name, value)| (name.as_str(), value.to_str().ok_or(NotText)))
    }
}

/// A variable whose value is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotText;

impl<V: Into<OsString>> FromIterator<(String, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, V)>>(variables: I) -> Self {
        let matters = |name: &str| {
            let known = [ENGINE_VARIABLE, SECRETS_VARIABLE];
            name.starts_with("SPYHOP_") || known.contains(&name) || ENGINE_COMPANIONS.contains(&name)
        };
        let variables = variables.into_iter().map(|(name, value)| (name, value.into()));
        Self(variables.filter(|(name, value): &(String, OsString)| matters(name) && !value.is_empty()).collect())
    }
}

/// Names only: values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
