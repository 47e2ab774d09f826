//! What sections of servers that something is sent to have in common: keys of them that do not go together.

use std::path::PathBuf;

use super::{
    layers::Values,
    report::{Origin, Wrong},
};

/// What is given of a server.
pub(super) struct Given<'a> {
    pub(super) url: Option<&'a str>,
    /// User, and the file of the password.
    pub(super) user: &'a (Option<String>, Option<PathBuf>),
    pub(super) bearer: bool,
    pub(super) ca: bool,
    /// Our certificate and its key.
    pub(super) client: &'a (Option<PathBuf>, Option<PathBuf>),
}

impl Given<'_> {
    /// Says which keys do not go together.
    pub(super) fn check(&self, section: &str, values: &mut Values) {
        let Self { url, user, bearer, ca, client } = self;
        let mut conflict = |key: &str, what: &str, hint: &str| {
            values.mistake(Origin::Default, Some(format!("{section}.{key}")), Wrong::new(what).hint(hint));
        };
        if user.0.is_some() != user.1.is_some() {
            conflict("password_file", "goes together with username", "set both or none");
        }
        if user.0.is_some() && *bearer {
            conflict("bearer_token_file", "is given beside username", "keep one of them");
        }
        if client.0.is_some() != client.1.is_some() {
            conflict("cert_file", "goes together with key_file", "set both or none");
        }
        let plain = url.is_some_and(|url| url.starts_with("http://"));
        if plain && (*ca || client.0.is_some()) {
            conflict("ca_file", "is given for an http:// address", "write https://, or leave certificates out");
        }
    }
}
