//! `spyhop version`.

use super::{Exit, answer};

/// C library the program was built for: what tells a static build from one of a distribution.
const ENVIRONMENT: &str = if cfg!(target_env = "gnu") {
    "gnu"
} else if cfg!(target_env = "musl") {
    "musl"
} else {
    "unknown"
};

pub(super) fn run() -> Exit {
    // The revision is given at build time; a build from a source archive has none.
    let revision = option_env!("SPYHOP_REVISION").filter(|revision| !revision.is_empty()).unwrap_or("unknown");
    let (arch, os) = (std::env::consts::ARCH, std::env::consts::OS);
    answer(&format!("spyhop {} (revision {revision}, {arch}-{os}-{ENVIRONMENT})\n", env!("CARGO_PKG_VERSION")))
}
