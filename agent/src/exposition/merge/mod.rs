//! Several pages as one: ours, and those of applications with their identity added.
//!
//! ```text
//!  a target's bytes --> parse --> Taken (families of one target, lines rendered, bounded)   one a target, at the same time
//!  our own page ------------------> Merge --> one page: a family stands once, whoever exposes it
//! ```
//!
//! Of one family name there can be one `TYPE`. Ours counts first, then that of the first target in order; samples of others
//! are kept where they fit below it, else as a family of their own name without a type, and what fits nowhere is left out and
//! counted. Names that begin with `spyhop_` are ours alone.

mod family;
#[cfg(any(test, fuzzing))]
pub(super) mod fuzz;
mod page;
mod taken;

pub use page::Merge;
pub use taken::{Taken, TakenError};

#[cfg(test)]
mod tests;
