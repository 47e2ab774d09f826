//! Sections `loki`, `loki_2`, `loki_3`: where logs go.

use std::{path::PathBuf, time::Duration};

use super::{keys::loki as keys, layers::Values, server::Given};

/// One place logs go to. Relative files are names in the secrets directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loki {
    /// The section, which names its folder in the state directory too.
    pub section: &'static str,
    /// Scheme, authority and path before Loki's own.
    pub url: String,
    /// Tenant.
    pub tenant: Option<String>,
    /// User and the file of the password.
    pub basic: Option<(String, PathBuf)>,
    /// The file of a token.
    pub bearer: Option<PathBuf>,
    /// Roots; `None` for those of the machine.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// Of a whole push, above 0.
    pub timeout: Duration,
}

impl Loki {
    /// Takes the keys of all sections once; those without an address are left out.
    pub(super) fn take_all(values: &mut Values) -> Vec<Self> {
        macro_rules! take {
            ($module:ident, $section:literal) => {{
                let taken = Self {
                    section: $section,
                    url: String::new(),
                    tenant: values.take(&keys::$module::TENANT),
                    basic: None,
                    bearer: values.take(&keys::$module::BEARER_TOKEN_FILE),
                    ca: values.take(&keys::$module::CA_FILE),
                    client: None,
                    timeout: values.take(&keys::$module::TIMEOUT),
                };
                let url = values.take(&keys::$module::URL);
                let user = (values.take(&keys::$module::USERNAME), values.take(&keys::$module::PASSWORD_FILE));
                let client = (values.take(&keys::$module::CERT_FILE), values.take(&keys::$module::KEY_FILE));
                taken.check(url, user, client, values)
            }};
        }
        [take!(first, "loki"), take!(second, "loki_2"), take!(third, "loki_3")].into_iter().flatten().collect()
    }

    /// Says which keys do not go together.
    fn check(
        mut self,
        url: Option<String>,
        user: (Option<String>, Option<PathBuf>),
        client: (Option<PathBuf>, Option<PathBuf>),
        values: &mut Values,
    ) -> Option<Self> {
        let section = self.section;
        let given = Given {
            url: url.as_deref(),
            user: &user,
            bearer: self.bearer.is_some(),
            ca: self.ca.is_some(),
            client: &client,
        };
        given.check(section, values);
        let url = url?;
        (self.url, self.basic, self.client) = (url, user.0.zip(user.1), client.0.zip(client.1));
        Some(self)
    }

    /// Host and port: what people and the label `destination` call it.
    pub fn name(&self) -> String {
        let authority = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        authority.split('/').next().unwrap_or_default().to_owned()
    }
}
