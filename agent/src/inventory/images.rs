//! When images were built. That never changes, so each is asked for once.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;

/// Images kept; far more than a host has, and small.
const MAX_IMAGES: usize = 4096;

/// Build times by digest; `None` is an image which does not say.
#[derive(Debug, Default)]
pub(super) struct Images(HashMap<Arc<str>, Option<Timestamp>>);

impl Images {
    /// The build time; `None` when it has not been asked for.
    pub(super) fn get(&self, id: &Arc<str>) -> Option<Option<Timestamp>> {
        self.0.get(id).copied()
    }

    /// Keeps a build time. When there is no room, what is not `used` any more makes way.
    pub(super) fn insert(
        &mut self,
        id: Arc<str>,
        created: Option<Timestamp>,
        used: impl FnOnce() -> HashSet<Arc<str>>,
    ) {
        if self.0.len() >= MAX_IMAGES {
            let used = used();
            self.0.retain(|id, _| used.contains(id));
        }
        if self.0.len() < MAX_IMAGES {
            self.0.insert(id, created);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unused_images_make_way_and_the_ceiling_holds() {
        let id = |number: usize| Arc::from(number.to_string());
        let mut images = Images::default();
        for number in 0..MAX_IMAGES * 2 {
            images.insert(id(number), None, || [id(1), id(2)].into());
            assert!(images.0.len() <= MAX_IMAGES);
        }
        assert_eq!(
            [images.get(&id(1)), images.get(&id(3)), images.get(&id(MAX_IMAGES * 2 - 1))],
            [Some(None), None, Some(None)]
        );
        let all: HashSet<Arc<str>> = images.0.keys().cloned().collect();
        for number in 0..MAX_IMAGES * 2 {
            images.insert(Arc::from(format!("x{number}")), None, || all.iter().cloned().chain([]).collect());
        }
        assert!(images.0.len() <= MAX_IMAGES);
        assert_eq!(images.get(&id(1)), Some(None), "what is used stays");
    }
}
