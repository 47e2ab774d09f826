//! Who reaches whom, held against what the policy lets them: three tiers of evidence, one verdict.
//!
//! ```text
//!  policy + Snapshot --> intent (what may be) ---------------------------+
//!  Snapshot -----------> reach (what the engine's networks allow)        |
//!                          +--> fixed ---- what is written down ---------+
//!  kernel's lists of sockets --> passive - what is seen -----------------+--> verdict --> board --> metrics, API, page, log
//!  sockets of the helper ------> active -- what a connection finds out --+
//! ```
//!
//! Every tier says what it saw and what it could not see; the verdict alone says what is wrong. Nothing here reads firewall rules: they
//! changed with every engine, and what counts is what gets through.

pub mod active;
pub mod board;
mod edge;
mod events;
mod eyes;
mod finding;
pub mod fixed;
mod intent;
mod learn;
pub mod passive;
pub mod reach;
mod settings;
pub mod verdict;
pub mod watch;

pub use edge::{Edge, End};
pub use eyes::Lookout;
pub use finding::{Draft, Evidence, Tier};
pub use intent::{Intent, MAX_EDGES, ProjectIntent, ServiceIntent};
pub use learn::learn;
pub use settings::{Enabled, HOST_PORTS, Settings};
pub use watch::Isolation;
