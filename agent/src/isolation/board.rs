//! The newest verdict, for whoever asks: readers hold a picture, and wait for nobody.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::verdict::Report;

/// Shared by the task that judges, the collectors, the page and the API; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<ArcSwap<Report>>);

impl Board {
    /// The newest verdict; an empty one while nothing is looked at.
    pub fn report(&self) -> Arc<Report> {
        self.0.load_full()
    }

    /// Puts a newer one in its place.
    pub fn put(&self, report: Report) {
        self.0.store(Arc::new(report));
    }
}
