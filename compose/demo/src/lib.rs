//! spyhop-demo: one small program that plays any service of a stack, by configuration.
//!
//! ```text
//!  flags, environment -> settings -> app --+-> server -> routes   health, metrics, control, the service's own work
//!                                          +-> calls              requests to neighbours, through client and stores
//!                                          +-> traces             spans of both, to an OTLP endpoint
//!                                          +-> logs               generated and request lines, a thread of its own
//!  POST /control ----> control -> knobs ---+-> appetite           memory and CPU
//! ```
//!
//! `traefik` is a program apart: it plays the router in front of such services.
//!
//! `knobs` is the part of the settings which may change while the program runs; every other part watches it. It is a tool
//! for demos and tests: it fails, hangs, eats and dies when told to, and stays within its own ceilings otherwise.

pub mod app;
pub mod appetite;
pub mod calls;
pub mod client;
pub mod control;
pub mod dice;
pub mod knobs;
pub mod logs;
pub mod metrics;
pub mod routes;
pub mod server;
pub mod settings;
pub mod stores;
pub mod traces;
pub mod traefik;
pub mod units;
