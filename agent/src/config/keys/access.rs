//! Keys of access: TLS, users, tokens, host names. All of them can change while the agent runs.

use std::path::PathBuf;

use super::{Key, key, kinds};

pub(in crate::config) static HTTP_ALLOWED_HOSTS: Key<Vec<String>> = key(
    "http.allowed_hosts",
    kinds::HOST_NAMES,
    Vec::new,
    "Further names the agent is called by, when it serves without TLS and without credentials. Always taken are addresses, names without \
     a dot (containers, services), names that end in .localhost, .internal, .local or .home.arpa, and the host's own name.",
)
.reloads();

pub(in crate::config) static HTTP_WEB_CONFIG_FILE: Key<Option<PathBuf>> = key(
    "http.web_config_file",
    kinds::SECRET_FILE,
    || None,
    "A file as Prometheus' exporters take it with --web.config.file: `tls_server_config` and `basic_auth_users`. In place of `http.tls` \
     and `http.auth.users_file`.",
)
.reloads();

pub(in crate::config) static HTTP_TLS_CERT_FILE: Key<Option<PathBuf>> = key(
    "http.tls.cert_file",
    kinds::SECRET_FILE,
    || None,
    "Serve TLS with this certificate (PEM, followed by those between it and its root). Read again when it changes.",
)
.reloads();

pub(in crate::config) static HTTP_TLS_KEY_FILE: Key<Option<PathBuf>> =
    key("http.tls.key_file", kinds::SECRET_FILE, || None, "The key of that certificate (PEM).").reloads();

pub(in crate::config) static HTTP_TLS_CLIENT_CA_FILE: Key<Option<PathBuf>> = key(
    "http.tls.client_ca_file",
    kinds::SECRET_FILE,
    || None,
    "Ask clients for a certificate of one of these roots (PEM). Without one only /health/live and /health/ready are answered.",
)
.reloads();

pub(in crate::config) static HTTP_AUTH_USERS_FILE: Key<Option<PathBuf>> = key(
    "http.auth.users_file",
    kinds::SECRET_FILE,
    || None,
    "Ask for a password: users in htpasswd's format, hashed by bcrypt (`htpasswd -B -C 10`). Read again when it changes.",
)
.reloads();

pub(in crate::config) static HTTP_AUTH_BEARER_TOKEN_FILE: Key<Option<PathBuf>> = key(
    "http.auth.bearer_token_file",
    kinds::SECRET_FILE,
    || None,
    "Ask for a bearer token: one a line, several while one replaces another. With users as well, either is enough. Read again when it changes.",
)
.reloads();

pub(in crate::config) static HTTP_AUTH_CREDENTIALS_FILE: Key<Option<PathBuf>> = key(
    "http.auth.credentials_file",
    kinds::SECRET_FILE,
    || None,
    "What `spyhop status` shows to the agent: a token, or name:password. Otherwise it takes the first token of bearer_token_file.",
)
.reloads();
