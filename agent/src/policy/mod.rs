//! What a host should look like, and where it does not.
//!
//! ```text
//!  policy file -> Policy --+                                      +-> collectors, http
//!                          +-> judge -> exceptions -> Verdict ----+-> `spyhop check`
//!  inventory -> Snapshot --+        (pure: the same in, the same out)
//! ```
//!
//! The file itself is read in `config::policy`; what is here cannot be wrong any more. Nothing here asks the engine for anything:
//! a judgement is made from a picture of the inventory, so that the page, the metrics and the command line say the same.

mod ages;
mod amount;
mod board;
mod class;
mod exceptions;
mod finding;
mod flow;
mod judge;
mod learn;
pub mod objectives;
mod place;
pub mod probe;
mod publish;
mod resolve;
mod rules;
mod secrets;

#[cfg(test)]
pub(crate) use judge::tests as examples;

pub use ages::look_at_files;
pub use amount::{Amount, Unit};
pub use board::Board;
pub use class::{ALL as CLASSES, Class, markdown};
pub use exceptions::Exception;
pub use finding::{Finding, Group, NotChecked, Severity, Verdict, place_of};
pub use flow::{EgressTarget, Flow};
pub use judge::{Scene, judge};
pub use learn::{Learnt, Seen};
pub use place::{GatewayMode, NetworkRule, Sharing, With};
pub use publish::Publish;
pub use resolve::{Asked, Placed, Resolved};
pub use rules::{Checks, ImagePin, Layer, Limits, Overcommit, Policy, Profile, Project, ServiceRule, Tier};
pub use secrets::{RootFiles, SecretFiles, Written};
