//! Which engine the agent speaks to.

use std::os::unix::fs::FileTypeExt as _;

use anyhow::Context as _;

use crate::{
    config::{Config, Sources},
    engine::{Around, Endpoint, Sought, Wish, search},
    net::TlsFiles,
};

/// Where mistakes about the engine belong.
pub(super) const ADDRESS: &str = "engine.address";

/// Finds the engine as the docker command does, says in the log which it is, and reads its certificates.
///
/// # Errors
/// An address, a context or certificates that cannot be used.
pub(crate) fn endpoint(config: &Config, sources: &Sources) -> anyhow::Result<Endpoint> {
    sought(config, sources)?.open().context(ADDRESS)
}

/// [`endpoint`] without its certificates.
///
/// # Errors
/// An address or a context that cannot be used.
pub(crate) fn sought(config: &Config, sources: &Sources) -> anyhow::Result<Sought> {
    let given = &config.engine;
    let secrets = Config::secrets_directory(&sources.environment);
    let tls = given.tls.as_ref().map(|files| files.locate(&secrets)).transpose().context("engine.ca_file")?;
    let wish = Wish {
        address: given.address.clone(),
        context: given.context.clone(),
        tls: tls.map(|files| TlsFiles { ca: files.ca, client: files.client }),
    };
    let around = Around {
        variable: &|name| sources.environment.foreign(name),
        exists: &|path| path.metadata().is_ok_and(|found| found.file_type().is_socket()),
        user: rustix::process::geteuid().as_raw(),
    };
    let found = search(&wish, &around).context(ADDRESS)?;
    tracing::info!(address = %found.address, by = found.by, "the engine");
    if found.is_open_to_others() {
        tracing::warn!("the engine is reached without TLS: whoever is on the way can command it");
    }
    Ok(found)
}
