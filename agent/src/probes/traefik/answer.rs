//! Answers of Traefik's API, 2.x and 3.x.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, SeqAccess, Visitor},
};

use super::Protocol;

/// Entries of a page that is asked for, and most that one is read with. Traefik makes it as large as it is asked to.
pub(super) const PER_PAGE: usize = 1000;
/// Longest page that should be read, in bytes: a thousand routers take some 400,000.
pub const MAX_PAGE: usize = 2 * 1024 * 1024;
/// Most pages that should be asked for: five thousand routers.
pub const MAX_PAGES: u32 = 5;

/// A router as the API tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Router {
    /// Of which kind.
    pub protocol: Protocol,
    /// `api@docker`: its name and its provider.
    pub name: String,
    /// Whether it is in use.
    pub status: Status,
    /// What is wrong with it.
    pub errors: Vec<String>,
    /// Where it listens.
    pub entry_points: Vec<String>,
    /// What a request goes through, by full name.
    pub middlewares: Vec<String>,
    /// Whether it takes TLS.
    pub tls: bool,
}

impl Router {
    /// The name without its provider.
    pub fn short_name(&self) -> &str {
        self.name.rsplit_once('@').map_or(self.name.as_str(), |(name, _)| name)
    }

    /// Who made it: `docker`, `file`, `internal`.
    pub fn provider(&self) -> &str {
        self.name.rsplit_once('@').map_or("", |(_, provider)| provider)
    }
}

/// Whether a router is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is.
    Enabled,
    /// It is, and something is wrong: one of its entry points does not exist.
    Warning,
    /// It is not.
    Disabled,
    /// A word that is not known here, or none.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A middleware as the API tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Middleware {
    /// `auth@docker`: its name and its provider.
    pub name: String,
    /// What it does, in lower case: `basicauth`. A plugin has the plugin's name.
    pub kind: String,
    /// Full names of those in a chain.
    pub chain: Vec<String>,
}

/// Why an answer is none.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Not the JSON that Traefik writes.
    #[error("no answer of traefik")]
    Json(#[source] serde_json::Error),
}

/// A list which ends with an error beyond [`PER_PAGE`] entries: small ones would take far more memory than the bytes they stand in.
struct Page<T>(Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Page<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {PER_PAGE}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
                let mut read = Vec::new();
                while let Some(entry) = entries.next_element()? {
                    if read.len() >= PER_PAGE {
                        return Err(A::Error::invalid_length(read.len() + 1, &self));
                    }
                    read.push(entry);
                }
                Ok(read)
            }
        }

        deserializer.deserialize_seq(Entries(PhantomData)).map(Self)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireRouter {
    name: String,
    #[serde(default)]
    status: Status,
    #[serde(default)]
    error: Option<Vec<String>>,
    #[serde(default)]
    entry_points: Option<Vec<String>>,
    #[serde(default)]
    middlewares: Option<Vec<String>>,
    #[serde(default)]
    tls: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct WireMiddleware {
    name: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    chain: Option<WireChain>,
}

#[derive(Deserialize)]
struct WireChain {
    #[serde(default)]
    middlewares: Vec<String>,
}

/// Reads a page of routers.
///
/// # Errors
///
/// Where it is none.
pub fn routers(protocol: Protocol, body: &[u8]) -> Result<Vec<Router>, AnswerError> {
    let Page(read): Page<WireRouter> = serde_json::from_slice(body).map_err(AnswerError::Json)?;
    let router = |wire: WireRouter| Router {
        protocol,
        name: wire.name,
        status: wire.status,
        errors: wire.error.unwrap_or_default(),
        entry_points: wire.entry_points.unwrap_or_default(),
        middlewares: wire.middlewares.unwrap_or_default(),
        tls: wire.tls.is_some(),
    };
    Ok(read.into_iter().map(router).collect())
}

/// Reads a page of middlewares. What they hold (names and hashes of users) is passed over.
///
/// # Errors
///
/// Where it is none.
pub fn middlewares(body: &[u8]) -> Result<Vec<Middleware>, AnswerError> {
    let Page(read): Page<WireMiddleware> = serde_json::from_slice(body).map_err(AnswerError::Json)?;
    let middleware = |wire: WireMiddleware| Middleware {
        name: wire.name,
        kind: wire.kind.to_ascii_lowercase(),
        chain: wire.chain.map(|chain| chain.middlewares).unwrap_or_default(),
    };
    Ok(read.into_iter().map(middleware).collect())
}

/// The page to ask for next, from the header `X-Next-Page` of page `page`; `None` after the last, for which Traefik says 1.
pub fn next_page(page: u32, header: Option<&str>) -> Option<u32> {
    let next: u32 = header?.trim().parse().ok()?;
    (next > page && next <= MAX_PAGES).then_some(next)
}
