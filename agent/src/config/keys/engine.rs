//! Keys of the engine beside its address.

use std::{path::PathBuf, time::Duration};

use super::{Key, key, kinds};
use crate::config::engine::{Broker, Stats};

pub(in crate::config) static CONTEXT: Key<Option<String>> = key(
    "engine.context",
    kinds::CONTEXT,
    || None,
    "The docker context which names the engine, in place of `engine.address`. Otherwise DOCKER_CONTEXT, else the context which the \
     docker command uses.",
);

pub(in crate::config) static CA_FILE: Key<Option<PathBuf>> = key(
    "engine.ca_file",
    kinds::SECRET_FILE,
    || None,
    "Speak TLS to the engine, and verify it by these roots (PEM). Otherwise DOCKER_TLS_VERIFY and DOCKER_CERT_PATH say so, or the context.",
);

pub(in crate::config) static CERT_FILE: Key<Option<PathBuf>> = key(
    "engine.cert_file",
    kinds::SECRET_FILE,
    || None,
    "The certificate which is shown to the engine (PEM, with its chain).",
);

pub(in crate::config) static KEY_FILE: Key<Option<PathBuf>> =
    key("engine.key_file", kinds::SECRET_FILE, || None, "The key of that certificate (PEM).");

pub(in crate::config) static STATS: Key<Stats> = key(
    "engine.stats",
    kinds::STATS,
    || Stats::Auto,
    "Whether the engine is asked for the figures of containers: `auto` for those whose kernel files cannot be seen, which is so with an \
     engine elsewhere and with Docker Desktop, decided at the start; `always` in place of the kernel's files.",
);

// A question costs the engine some milliseconds. Half of the usual scrape interval and more would only cost twice.
pub(in crate::config) static STATS_INTERVAL: Key<Duration> = key(
    "engine.stats_interval",
    kinds::duration::<5_000, 600_000>(),
    || Duration::from_secs(15),
    "How often the engine is asked for the figures of each container, where it is asked at all.",
);

pub(in crate::config) static BROKER: Key<Broker> = key(
    "engine.broker",
    kinds::BROKER,
    || Broker::Auto,
    "Whether a second process of this program holds the engine's socket in place of the agent, answers only what is on the list of \
     [security.md](security.md#the-broker), and takes secrets out: `auto` is yes, unless `spyhop broker --listen` is at the address already. \
     `off` is for where no process can be started, or another socket proxy stands before the engine.",
);
