//! Sections `otlp`, `otlp_2`, `otlp_3`: where OTLP goes.

use std::{net::IpAddr, path::PathBuf};

use super::{
    keys::otlp as keys,
    layers::Values,
    report::{Origin, Wrong},
    server::{Given, Server, given},
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
    /// Where it is.
    pub server: Server,
    /// What is spoken.
    pub protocol: Protocol,
    /// What it gets.
    pub signals: Vec<Signal>,
    /// Whether requests are compressed.
    pub gzip: bool,
    /// The file of more headers.
    pub headers: Option<PathBuf>,
}

impl Otlp {
    /// Takes the keys of all sections once; those without an endpoint are left out.
    pub(super) fn take_all(values: &mut Values) -> Vec<Self> {
        macro_rules! take {
            ($module:ident, $section:literal) => {{
                let given = given!(values, keys::$module, ENDPOINT);
                let speaks = (values.take(&keys::$module::PROTOCOL), values.take(&keys::$module::COMPRESSION));
                let signals = values.take(&keys::$module::SIGNALS);
                let headers = values.take(&keys::$module::HEADERS_FILE);
                Self::checked($section, given, speaks, signals, headers, values)
            }};
        }
        [take!(first, "otlp"), take!(second, "otlp_2"), take!(third, "otlp_3")].into_iter().flatten().collect()
    }

    /// Says which keys do not go together.
    fn checked(
        section: &'static str,
        given: Given,
        (protocol, gzip): (Protocol, bool),
        signals: Vec<Signal>,
        headers: Option<PathBuf>,
        values: &mut Values,
    ) -> Option<Self> {
        let server = given.check(section, values)?;
        let mut conflict = |key: &str, what: &str, hint: &str| {
            values.mistake(Origin::Default, Some(format!("{section}.{key}")), Wrong::new(what).hint(hint));
        };
        let path = server.url.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        if protocol == Protocol::Grpc && path.is_some_and(|(_, path)| !path.is_empty()) {
            conflict("endpoint", "has a path, which gRPC has no use for", "leave it out, or write `protocol: http`");
        }
        if signals.is_empty() {
            conflict("signals", "names none", "write traces, metrics, logs or some of them");
        }
        Some(Self { section, server, protocol, signals, gzip, headers })
    }

    /// Whether it is a door of this agent: its port on loopback, or at the address it listens on.
    pub(super) fn is_at(&self, receiver: &Receiver) -> bool {
        let Ok(uri) = self.server.url.parse::<http::Uri>() else { return false };
        let host = uri.host().unwrap_or_default();
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
        let port =
            uri.port_u16().or_else(|| if self.server.url.starts_with("https://") { Some(443) } else { Some(80) });
        [receiver.grpc, receiver.http].into_iter().flatten().any(|door| {
            let near = match address {
                Some(address) => address.is_loopback() || address == door.ip(),
                None => host == "localhost",
            };
            near && port == Some(door.port())
        })
    }
}
