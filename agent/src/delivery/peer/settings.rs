//! Which server, and what it is told beside the data. Checked once; nothing here is found out later.

use std::{path::PathBuf, time::Duration};

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{
        ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, TE,
        TRAILER, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
    },
    uri::{Authority, PathAndQuery},
};

use crate::secret::Secret;

/// Headers which the client writes itself.
const OWN: &[HeaderName] = &[
    ACCEPT_ENCODING,
    AUTHORIZATION,
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_TYPE,
    EXPECT,
    HOST,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    USER_AGENT,
];

/// One server. Prints itself without secrets; of the address its query is kept out of every error.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `http://` or `https://`, host, port unless the usual one, path and query. No user and password: they belong into `auth`.
    pub url: String,
    /// Who we are.
    pub auth: Auth,
    /// Headers of each request, such as `X-Scope-OrgID`. Values may be secrets.
    pub headers: Vec<(String, Secret)>,
    /// Whom to trust; without meaning for `http://`.
    pub tls: Tls,
    /// For name, connection and TLS greeting together.
    pub connect_timeout: Duration,
    /// For all of one exchange, connecting included.
    pub request_timeout: Duration,
}

/// Who we are.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Nobody in particular.
    #[default]
    None,
    /// User and password.
    Basic {
        /// User; without a colon.
        user: String,
        /// Password.
        password: Credential,
    },
    /// A token.
    Bearer(Credential),
}

/// A secret, or the file which holds it and may hold another one tomorrow.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The secret.
    Value(Secret),
    /// An absolute path; read again whenever the file has changed.
    File(PathBuf),
}

/// Whom to trust, and how to show who we are. Files are read again whenever they have changed.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Roots (PEM); `None` for those of this machine, or those of the browsers where it has none.
    pub ca: Option<PathBuf>,
    /// Our certificate with its chain, and its key (PEM).
    pub client: Option<(PathBuf, PathBuf)>,
}

/// What is wrong with settings. Texts hold no part of an address: it may hold a secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SettingsError {
    /// Not an absolute address.
    #[error("the address is not one like https://host:port/path")]
    Address,
    /// Neither `http` nor `https`.
    #[error("the address begins with neither http:// nor https://")]
    Scheme,
    /// `https://user:password@host`.
    #[error("the address holds a user or password: they belong into settings of their own")]
    Credentials,
    /// A user with a colon would end early.
    #[error("the user holds a colon")]
    User,
    /// A path where there can be none.
    #[error("the address of a gRPC server has no path")]
    Path,
    /// A header that cannot be sent, or that the client writes itself.
    #[error("header {0} cannot be set")]
    Header(String),
}

/// Where requests go.
#[derive(Clone, Debug)]
pub(in crate::delivery) struct Server {
    /// As the resolver and TLS want it: an IPv6 address without brackets.
    pub(in crate::delivery) host: String,
    pub(in crate::delivery) port: u16,
    pub(in crate::delivery) tls: bool,
    /// Host, and the port where one was given: as the server is told.
    pub(in crate::delivery) authority: Authority,
    /// Host and port, for people.
    pub(in crate::delivery) name: String,
    /// Path and query.
    pub(in crate::delivery) target: PathAndQuery,
}

impl Server {
    /// Takes the address apart, and gives the headers which every request has.
    pub(in crate::delivery) fn of(settings: &Settings) -> Result<(Self, HeaderMap), SettingsError> {
        let uri: Uri = settings.url.parse().map_err(|_| SettingsError::Address)?;
        let authority = uri.authority().cloned().ok_or(SettingsError::Address)?;
        if authority.as_str().contains('@') {
            return Err(SettingsError::Credentials);
        }
        let tls = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(SettingsError::Scheme),
        };
        // A port that is no number would be taken for none at all.
        let after = authority.as_str().strip_prefix(authority.host()).ok_or(SettingsError::Address)?;
        let port = match after.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(SettingsError::Address)?,
            None if tls => 443,
            None => 80,
        };
        let bare = authority.host().strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = bare.unwrap_or(authority.host()).to_owned();
        if host.is_empty() {
            return Err(SettingsError::Address);
        }
        let name = format!("{}:{port}", authority.host());
        let target = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        let headers = headers(settings, authority.as_str())?;
        Ok((Self { host, port, tls, authority, name, target }, headers))
    }
}

fn headers(settings: &Settings, authority: &str) -> Result<HeaderMap, SettingsError> {
    if matches!(&settings.auth, Auth::Basic { user, .. } if user.contains(':')) {
        return Err(SettingsError::User);
    }
    let mut headers = HeaderMap::new();
    headers.insert(HOST, HeaderValue::from_str(authority).map_err(|_| SettingsError::Address)?);
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("spyhop/", env!("CARGO_PKG_VERSION"))));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, value) in &settings.headers {
        let refused = || SettingsError::Header(name.clone());
        let header = HeaderName::try_from(name).map_err(|_| refused())?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| refused())?;
        if OWN.contains(&header) || headers.contains_key(&header) {
            return Err(refused());
        }
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}
