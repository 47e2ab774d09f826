//! The container engine: questions over its socket, answers as [`crate::model`] values.
//!
//! It is not an inventory: nothing is remembered here but the API version spoken. It is the only part which sees the engine's
//! own types, environments and command lines; none of them leaves this folder, not even in an error text.
//!
//! ```text
//!  endpoint, context: which engine is meant
//!  Engine ---- bollard ---- transport ---- wire: unix socket, TCP, TLS
//!    |  \                  (GET only, nine paths, byte ceilings, version in the path)
//!    |   events ----------/
//!    convert, lenient: bollard types -> model types
//! ```
//!
//! # Why this can move into a process of its own
//!
//! Every method takes plain values and gives plain values: no handle, no borrowed body, no callback, no lock crosses. A broker
//! which holds the socket has to answer eight calls and one stream, which is the whole list in `transport.rs`:
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
//!
//! Nothing else can be asked: the transport refuses any other path and any method but GET before a byte leaves.

mod address;
mod backoff;
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
mod stats;
mod tls;
mod transport;
mod version;
mod wire;

pub use address::{Address, AddressError};
pub use backoff::Backoff;
pub use client::{Deadlines, Engine, MAX_CONTAINERS};
pub use context::ContextError;
pub use endpoint::{Around, Endpoint, EndpointError, Found, Wish, find};
pub use error::{Error, Request};
pub use tls::{TlsError, TlsFiles, client_config};
pub use version::ApiVersion;
