//! The broker: the only process that opens the engine's socket. It answers the questions of [`crate::engine::ROUTES`] and takes secrets
//! out of the answers before anybody gets them.
//!
//! ```text
//!  who asks -- HTTP/1.1 --> filter --> ask: a request made anew, on a connection of its own --> engine
//!              <-- redact (documents), lines (events), bytes as they come (logs, figures) <--
//!
//!  parting: `run` starts it as a child and asks over a channel      (inherited: the child's side)
//!  listen:  `spyhop broker --listen` serves other programs on a socket of its own
//! ```
//!
//! Nothing of a request reaches the engine but which question it is, the id and the values of known parameters: what a client's bytes
//! could mean to another reader does not arise.

mod ask;
mod filter;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod inherited;
mod lines;
mod listen;
mod parting;
mod redact;
mod serve;

pub use inherited::serve as serve_inherited;
pub use listen::{ListenError, Listening, listen};
pub use parting::{Hello, PartError, Parted, answers, is_filtered, part};
