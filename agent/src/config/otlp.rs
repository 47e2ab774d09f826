//! Sections `otlp`, `otlp_2`, `otlp_3`: where OTLP goes.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use super::{
    keys::otlp as keys,
    layers::Values,
    report::{Origin, Wrong},
    server::Given,
};
use crate::{
    otlp::Signal,
    traces::{Protocol, Receiver},
};

/// One back end. Relative files are names in the secrets directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// The section, which names its folder in the state directory too.
    pub section: &'static str,
    /// Scheme, authority and path.
    pub url: String,
    /// What is spoken.
    pub protocol: Protocol,
    /// What it gets.
    pub signals: Vec<Signal>,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// User and the file of the password.
    pub basic: Option<(String, PathBuf)>,
    /// The file of a token.
    pub bearer: Option<PathBuf>,
    /// The file of more headers.
    pub headers: Option<PathBuf>,
    /// Roots; `None` for those of the machine.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub client: Option<(PathBuf, PathBuf)>,
    /// Of a whole request, above 0.
    pub timeout: Duration,
}

impl Otlp {
    /// Takes the keys of all sections once; those without an endpoint are left out.
    pub(super) fn take_all(values: &mut Values) -> Vec<Self> {
        macro_rules! take {
            ($module:ident, $section:literal) => {{
                let taken = Self {
                    section: $section,
                    url: String::new(),
                    protocol: values.take(&keys::$module::PROTOCOL),
                    signals: values.take(&keys::$module::SIGNALS),
                    gzip: values.take(&keys::$module::COMPRESSION),
                    basic: None,
                    bearer: values.take(&keys::$module::BEARER_TOKEN_FILE),
                    headers: values.take(&keys::$module::HEADERS_FILE),
                    ca: values.take(&keys::$module::CA_FILE),
                    client: None,
                    timeout: values.take(&keys::$module::TIMEOUT),
                };
                let url = values.take(&keys::$module::ENDPOINT);
                let user = (values.take(&keys::$module::USERNAME), values.take(&keys::$module::PASSWORD_FILE));
                let client = (values.take(&keys::$module::CERT_FILE), values.take(&keys::$module::KEY_FILE));
                taken.check(url, user, client, values)
            }};
        }
        [take!(first, "otlp"), take!(second, "otlp_2"), take!(third, "otlp_3")].into_iter().flatten().collect()
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
        let mut conflict = |key: &str, what: &str, hint: &str| {
            values.mistake(Origin::Default, Some(format!("{section}.{key}")), Wrong::new(what).hint(hint));
        };
        let path = url.as_ref().and_then(|url| url.split_once("://")?.1.split_once('/'));
        if self.protocol == Protocol::Grpc && path.is_some_and(|(_, path)| !path.is_empty()) {
            conflict("endpoint", "has a path, which gRPC has no use for", "leave it out, or write `protocol: http`");
        }
        if url.is_some() && self.signals.is_empty() {
            conflict("signals", "names none", "write traces, metrics, logs or some of them");
        }
        let url = url?;
        (self.url, self.basic, self.client) = (url, user.0.zip(user.1), client.0.zip(client.1));
        Some(self)
    }

    /// Whether it is a door of this agent: its port on loopback, or at the address it listens on.
    pub(super) fn is_at(&self, receiver: &Receiver) -> bool {
        let Ok(uri) = self.url.parse::<http::Uri>() else { return false };
        let host = uri.host().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let port = uri.port_u16().or_else(|| if self.url.starts_with("https://") { Some(443) } else { Some(80) });
        [receiver.grpc, receiver.http].into_iter().flatten().any(|door| {
            let near = match address {
                Some(address) => address.is_loopback() || address == door.ip(),
                None => host == "localhost",
            };
            near && port == Some(door.port())
        })
    }

    /// Host and port: what people and the label `destination` call it.
    pub fn name(&self) -> String {
        let authority = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        authority.split('/').next().unwrap_or_default().to_owned()
    }
}
