//! What sections of servers that something is sent to have in common.

use std::{path::PathBuf, time::Duration};

use super::{
    layers::Values,
    report::{Origin, Wrong},
};

/// A server that something is sent to. Relative files are names in the secrets directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Scheme, authority and path before what its protocol adds.
    pub url: String,
    /// User and the file of the password.
    pub basic: Option<(String, PathBuf)>,
    /// The file of a token.
    pub bearer: Option<PathBuf>,
    /// Roots; `None` for those of the machine.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// Of a whole request, above 0.
    pub timeout: Duration,
}

impl Server {
    /// Host and port: what people and the label `destination` call it.
    pub fn name(&self) -> String {
        let authority = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        authority.split('/').next().unwrap_or_default().to_owned()
    }
}

/// What is given of a server.
pub(super) struct Given {
    pub(super) url: Option<String>,
    /// User, and the file of the password.
    pub(super) user: (Option<String>, Option<PathBuf>),
    pub(super) bearer: Option<PathBuf>,
    pub(super) ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub(super) client: (Option<PathBuf>, Option<PathBuf>),
    pub(super) timeout: Duration,
}

/// Takes the keys which a module of keys has for its server; `$url` is the one of its address.
macro_rules! given {
    ($values:expr, $($module:ident)::+, $url:ident) => {
        $crate::config::server::Given {
            url: $values.take(&$($module)::+::$url),
            user: ($values.take(&$($module)::+::USERNAME), $values.take(&$($module)::+::PASSWORD_FILE)),
            bearer: $values.take(&$($module)::+::BEARER_TOKEN_FILE),
            ca: $values.take(&$($module)::+::CA_FILE),
            client: ($values.take(&$($module)::+::CERT_FILE), $values.take(&$($module)::+::KEY_FILE)),
            timeout: $values.take(&$($module)::+::TIMEOUT),
        }
    };
}

pub(super) use given;

impl Given {
    /// The server, where there is an address; says which keys do not go together.
    pub(super) fn check(self, section: &str, values: &mut Values) -> Option<Server> {
        let Self { url, user, bearer, ca, client, timeout } = self;
        let mut conflict = |key: &str, what: &str, hint: &str| {
            values.mistake(Origin::Default, Some(format!("{section}.{key}")), Wrong::new(what).hint(hint));
        };
        if user.0.is_some() != user.1.is_some() {
            conflict("password_file", "goes together with username", "set both or none");
        }
        if user.0.is_some() && bearer.is_some() {
            conflict("bearer_token_file", "is given beside username", "keep one of them");
        }
        if client.0.is_some() != client.1.is_some() {
            conflict("cert_file", "goes together with key_file", "set both or none");
        }
        let plain = url.as_ref().is_some_and(|url| url.starts_with("http://"));
        if plain && (ca.is_some() || client.0.is_some()) {
            conflict("ca_file", "is given for an http:// address", "write https://, or leave certificates out");
        }
        Some(Server { url: url?, basic: user.0.zip(user.1), bearer, ca, client: client.0.zip(client.1), timeout })
    }
}
