//! A server that something is sent to, from the configuration.

use std::{path::Path, time::Duration};

use crate::{
    config::Server,
    delivery::http::{Auth, Credential, Settings, Tls},
    secret::{self, Secret},
};

/// For name, connection and TLS greeting of one request.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How requests are sent to `url`, which is the server's with what its protocol adds. Files are found, not read.
///
/// # Errors
/// A name of a file that leaves the secrets directory.
pub(super) fn settings(
    server: &Server,
    url: String,
    headers: Vec<(String, Secret)>,
    secrets: &Path,
) -> anyhow::Result<Settings> {
    let locate = |name: &Path| secret::locate(name, secrets);
    let auth = match (&server.basic, &server.bearer) {
        (Some((user, password)), _) => {
            Auth::Basic { user: user.clone(), password: Credential::File(locate(password)?) }
        }
        (None, Some(token)) => Auth::Bearer(Credential::File(locate(token)?)),
        (None, None) => Auth::None,
    };
    let client = server.client.as_ref().map(|(certificate, key)| anyhow::Ok((locate(certificate)?, locate(key)?)));
    Ok(Settings {
        url,
        auth,
        headers,
        tls: Tls { ca: server.ca.as_deref().map(locate).transpose()?, client: client.transpose()? },
        connect_timeout: CONNECT_TIMEOUT.min(server.timeout),
        request_timeout: server.timeout,
    })
}
