//! Section `http`: who may ask. Which files, and that they fit together; what is in them is read later.

use std::path::PathBuf;

use super::{keys::access as keys, layers::Values, report::Wrong};

/// Files and names which decide about access. Relative paths are names in the secrets directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Further host names the agent is called by: whole, or `*.` before the end of names; lower case.
    pub allowed_hosts: Vec<String>,
    /// A web configuration of Prometheus' exporters; then `tls` and `users_file` are `None`.
    pub web_config_file: Option<PathBuf>,
    /// Serve TLS.
    pub tls: Option<TlsFiles>,
    /// htpasswd.
    pub users_file: Option<PathBuf>,
    /// Tokens, one a line.
    pub bearer_token_file: Option<PathBuf>,
    /// What our own commands show.
    pub credentials_file: Option<PathBuf>,
}

/// Files of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate and chain.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Roots for client certificates.
    pub client_ca: Option<PathBuf>,
}

impl Access {
    /// Takes its keys once, and says which do not go together.
    pub(super) fn take(values: &mut Values) -> Self {
        let allowed_hosts = values.take(&keys::HTTP_ALLOWED_HOSTS);
        let web_config_file = values.take(&keys::HTTP_WEB_CONFIG_FILE);
        let certificate = values.take(&keys::HTTP_TLS_CERT_FILE);
        let key = values.take(&keys::HTTP_TLS_KEY_FILE);
        let client_ca = values.take(&keys::HTTP_TLS_CLIENT_CA_FILE);
        let users_file = values.take(&keys::HTTP_AUTH_USERS_FILE);
        let bearer_token_file = values.take(&keys::HTTP_AUTH_BEARER_TOKEN_FILE);
        let credentials_file = values.take(&keys::HTTP_AUTH_CREDENTIALS_FILE);

        if web_config_file.is_some() {
            let rivals = [
                (&keys::HTTP_TLS_CERT_FILE.facts, certificate.is_some()),
                (&keys::HTTP_TLS_KEY_FILE.facts, key.is_some()),
                (&keys::HTTP_TLS_CLIENT_CA_FILE.facts, client_ca.is_some()),
                (&keys::HTTP_AUTH_USERS_FILE.facts, users_file.is_some()),
            ];
            for (facts, _) in rivals.into_iter().filter(|(_, given)| *given) {
                values
                    .conflict(facts.path, Wrong::new("is given beside http.web_config_file").hint("keep one of them"));
            }
        }
        match (&certificate, &key, &client_ca) {
            (Some(_), None, _) => values.conflict(
                keys::HTTP_TLS_CERT_FILE.facts.path,
                Wrong::new("is given without its key").hint("set http.tls.key_file too"),
            ),
            (None, Some(_), _) => values.conflict(
                keys::HTTP_TLS_KEY_FILE.facts.path,
                Wrong::new("is given without its certificate").hint("set http.tls.cert_file too"),
            ),
            (None, None, Some(_)) => values.conflict(
                keys::HTTP_TLS_CLIENT_CA_FILE.facts.path,
                Wrong::new("asks for certificates where no TLS is spoken")
                    .hint("set http.tls.cert_file and key_file too"),
            ),
            _ => {}
        }
        let tls = certificate.zip(key).map(|(certificate, key)| TlsFiles { certificate, key, client_ca });
        Self { allowed_hosts, web_config_file, tls, users_file, bearer_token_file, credentials_file }
    }
}
