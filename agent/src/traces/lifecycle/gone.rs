//! Containers that were removed: what is heard again of them is no news.

use std::collections::{HashSet, VecDeque};

use crate::model::ContainerId;

/// More than an engine repeats.
const MAX_GONE: usize = 4096;

/// The ids of the newest [`MAX_GONE`].
#[derive(Debug, Default)]
pub(super) struct Gone {
    ids: HashSet<ContainerId>,
    order: VecDeque<ContainerId>,
}

impl Gone {
    pub(super) fn contains(&self, id: &ContainerId) -> bool {
        self.ids.contains(id)
    }

    pub(super) fn add(&mut self, id: &ContainerId) {
        if self.order.len() >= MAX_GONE
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        if self.ids.insert(id.clone()) {
            self.order.push_back(id.clone());
        }
    }
}
