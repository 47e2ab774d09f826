//! Text for Prometheus: the catalogue of every family, and the page their samples are written on.
//!
//! This part knows formats and names. It knows nothing of containers, of Docker or of who asks: collectors say which family
//! and which value, [`Page`] turns that into OpenMetrics 1.0 or the classic text format. The one collector owns the
//! pages; everything here is plain computation.

pub mod catalogue;
mod classic;
mod format;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod histogram;
mod labels;
mod merge;
mod page;
pub mod parse;
mod value;

pub use format::{Format, negotiate};
pub use histogram::{Bucket, Exemplar};
pub use labels::{LabelSet, MAX_LABEL_NAME, MAX_LABEL_VALUE, label_name};
pub use merge::{Merge, Taken, TakenError};
pub use page::{FamilyWriter, MAX_SAMPLES_PER_FAMILY, Page};
pub use value::Value;
