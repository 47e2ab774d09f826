//! What applications send as OTLP, with the name of the container it came from; and what containers go through, as traces.
//!
//! ```text
//!  OTLP gRPC, HTTP, unix sockets -> receive -> intake -> attribute (peer -> container) -> red -> sample --+-> forward -> OTLP back ends
//!  inventory's events, pictures -> lifecycle -------------------------------------------------------------+      (queue over delivery's spool)
//!  the agent's own spans -> own --------------------------------------------------------------------------+
//! ```
//!
//! A request is acknowledged when it is in the queue of every destination, and refused with a delay when there is no room. Requests stay
//! bytes from the socket to the back end: resources are spliced, spans are looked at where they lie.

pub mod attribute;
pub mod caller;
pub mod figures;
pub mod forward;
pub mod intake;
pub mod lifecycle;
mod pipeline;
pub mod receive;
pub mod red;
pub mod sample;
mod settings;
mod tally;

pub use pipeline::{Outcome, Pipeline, Records};
pub use settings::{Destination, Lifecycle, Names, Protocol, Queue, Receiver, Red, Sampling, Settings, Sync};
pub use tally::tally;
