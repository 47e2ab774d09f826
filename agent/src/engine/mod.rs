//! The container engine: questions over its socket, answers as [`crate::model`] values.
//!
//! It is not an inventory: nothing is remembered here but the API version spoken. It is the only part which sees the engine's
//! own types, environments and command lines; none of them leaves this folder, not even in an error text.
//!
//! ```text
//!  endpoint, context: which engine is meant
//!  Engine ---- bollard ----- transport ---- wire: unix socket, TCP, TLS, or what the broker hands over
//!    |  \  events, logs ----/  (GET only, the paths of `routes`, byte ceilings, version in the path)
//!    |   answers: the large ones, as far as they are looked at
//!    convert, lenient: bollard's types and those of answers -> model types
//! ```
//!
//! # Why the socket can be held by a process of its own
//!
//! Every question is one request on a connection of its own, and the whole list is in `routes.rs`, which the broker (`crate::broker`)
//! answers by:
//!
//! | call | request | answer |
//! |---|---|---|
//! | [`Engine::ping`] | `GET /_ping` | nothing |
//! | [`Engine::version`] | `GET /version` | [`crate::model::EngineVersion`] |
//! | [`Engine::info`] | `GET /info` | [`crate::model::EngineInfo`] |
//! | [`Engine::containers`] | `GET /containers/json?all=true` | ids |
//! | [`Engine::container`] | `GET /containers/{id}/json` | [`crate::model::Container`] |
//! | [`Engine::networks`] | `GET /networks` | [`crate::model::Network`]s |
//! | [`Engine::image`] | `GET /images/{id}/json` | [`crate::model::Image`] |
//! | [`Engine::stats`] | `GET /containers/{id}/stats?stream=false&one-shot=true` | [`crate::model::ContainerSample`] |
//! | [`Engine::events`] | `GET /events` | [`crate::model::Event`]s |
//! | [`Engine::logs`] | `GET /containers/{id}/logs` | [`Message`]s |
//!
//! Nothing else can be asked: the transport refuses any other path and any method but GET before a byte leaves.

mod address;
mod answers;
#[cfg(test)]
mod any_json;
mod client;
mod context;
mod convert;
mod endpoint;
mod error;
mod events;
mod frames;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod lenient;
mod logs;
mod routes;
mod stats;
mod tls;
mod transport;
mod version;
mod wire;

pub use address::{Address, AddressError};
#[cfg(test)]
pub(crate) use any_json::any_json;
pub use client::{Deadlines, Engine, MAX_CONTAINERS};
pub use context::ContextError;
pub use endpoint::{Around, Endpoint, EndpointError, Found, Sought, Wish, find, search};
pub use error::{Error, Request};
pub use frames::{BadFrame, Values};
pub use logs::{LogFollow, Message};
pub use routes::{Form, ROUTES, Route, is_id};
pub use transport::PODMAN_VERSION;
pub use version::ApiVersion;
pub use wire::Wire;
