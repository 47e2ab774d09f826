//! Keys of the isolation checks.

use std::{path::PathBuf, time::Duration};

use super::{Key, key, kinds};
use crate::isolation::{Enabled, HOST_PORTS, active::Name};

pub(in crate::config) static ENABLED: Key<Enabled> = key(
    "isolation.enabled",
    kinds::ISOLATION,
    || Enabled::Auto,
    "Whether it is looked at who reaches whom: `auto` while a project of the policy has a say in it (`networks`, `flows`, `host`, `egress`); \
     `true` also without, which shows who talks to whom and finds nothing wrong; `false` never.",
)
.reloads();

// The figures of docs/isolation.md hold for ten seconds. Shorter, and the sweep of many containers is a cost that is felt.
pub(in crate::config) static INTERVAL: Key<Duration> = key(
    "isolation.interval",
    kinds::duration::<1_000, 60_000>(),
    || Duration::from_secs(10),
    "Time between two sweeps of sockets, and between two rounds of probes. What the engine knows is judged at once, whatever this says.",
)
.reloads();

pub(in crate::config) static PASSIVE: Key<bool> = key(
    "isolation.passive",
    kinds::SWITCH,
    || true,
    "Whether the kernel's lists of sockets are read, which needs no privilege but to see the host's processes.",
)
.reloads();

pub(in crate::config) static ACTIVE: Key<bool> = key(
    "isolation.active",
    kinds::SWITCH,
    || false,
    "Whether connections that should not come about are tried from inside the networks of containers. It needs `isolation.helper`.",
)
.reloads();

pub(in crate::config) static ACTIVE_ALLOWED: Key<bool> = key(
    "isolation.active_allowed",
    kinds::SWITCH,
    || false,
    "Whether flows that are allowed are tried as well, every ten minutes. The application sees a connection that says nothing, and MySQL counts those against a host.",
)
.reloads();

pub(in crate::config) static HELPER: Key<Option<PathBuf>> = key(
    "isolation.helper",
    kinds::PATH_OR_OFF,
    || None,
    "Socket of `spyhop helper netns`, which makes sockets inside the networks of containers: for targets and probes that no other way leads to, \
     and for the active checks. `off` does without.",
);

pub(in crate::config) static HOST_PORTS_TRIED: Key<Vec<u16>> = key(
    "isolation.host_ports",
    kinds::PORTS,
    || HOST_PORTS.into(),
    "TCP ports of the host that are tried from inside containers through the gateways of their networks, with `isolation.active`. As long as they \
     are these, so are those on which the host is seen to listen for containers; other ports are tried alone.",
)
.reloads();

pub(in crate::config) static PROBE_TIMEOUT: Key<Duration> = key(
    "isolation.probe_timeout",
    kinds::duration::<20, 5_000>(),
    || Duration::from_millis(250),
    "How long an answer to such a connection is waited for. What is closed costs all of it, because nothing comes back.",
)
.reloads();

pub(in crate::config) static OUTSIDE_NAME: Key<Option<Name>> = key(
    "isolation.outside_name",
    kinds::OUTSIDE_NAME,
    || None,
    "A name of the world outside, such as example.com, which is asked for from inside services on internal networks alone: the engine's resolver \
     must not answer. It asks servers outside where it does. `off` asks for none.",
)
.reloads();
