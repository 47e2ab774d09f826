//! When images were built, as far as the engine has told.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;

/// Build times kept; far more than a host has, and small.
const MAX_IMAGES: usize = 4096;

/// Build times by image id; an image that is asked for, or has no date, is known to have none.
#[derive(Debug, Default)]
pub(super) struct Images(HashMap<Arc<str>, Option<Timestamp>>);

impl Images {
    /// Whether there is nothing to ask about this image.
    pub(super) fn contains(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// When it was built.
    pub(super) fn created(&self, id: &str) -> Option<Timestamp> {
        self.0.get(id).copied().flatten()
    }

    /// Keeps the build time of an image. Where there is no room, those not in `used` go; where there is still none, it is not kept.
    pub(super) fn set(&mut self, id: Arc<str>, created: Option<Timestamp>, used: impl FnOnce() -> HashSet<Arc<str>>) {
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
    fn images_of_no_container_make_room() {
        let mut images = Images::default();
        let name = |n: usize| -> Arc<str> { format!("sha256:{n}").into() };
        for n in 0..MAX_IMAGES {
            images.set(name(n), Some(Timestamp::UNIX_EPOCH), HashSet::new);
        }
        images.set("new".into(), None, || HashSet::from([name(7)]));
        assert!(images.contains("new") && images.contains(&name(7)) && !images.contains(&name(8)));
        assert_eq!((images.created("new"), images.created(&name(7))), (None, Some(Timestamp::UNIX_EPOCH)));
    }

    #[test]
    fn the_ceiling_holds_where_all_are_used() {
        let mut images = Images::default();
        let all = || (0..=MAX_IMAGES).map(|n| Arc::from(n.to_string())).collect();
        for n in 0..=MAX_IMAGES {
            images.set(n.to_string().into(), None, all);
        }
        assert_eq!(images.0.len(), MAX_IMAGES);
    }
}
