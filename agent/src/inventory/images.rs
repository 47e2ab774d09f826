//! When images were built. That never changes, so each is asked for until it is told, and then never again.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::Instant;

use super::schedule::LOOK_PERIOD;

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

/// How long after its first failure an image is asked for again. Each further failure doubles it, up to [`LOOK_PERIOD`]: whoever
/// may not ask for images never will, and must not be a burden to the proxy which says so.
const FIRST_WAIT: Duration = Duration::from_secs(2);

/// Images which were asked for in vain, and when it is their turn again.
#[derive(Debug, Default)]
pub(super) struct Unanswered(HashMap<Arc<str>, Turn>);

#[derive(Debug)]
struct Turn {
    failures: u32,
    /// `None` while the question is on its way again.
    due: Option<Instant>,
}

impl Unanswered {
    /// A question failed. More than [`MAX_IMAGES`] are not kept: their containers' next inspections ask for them.
    pub(super) fn failed(&mut self, id: &Arc<str>, now: Instant) {
        if self.0.len() >= MAX_IMAGES && !self.0.contains_key(id) {
            return;
        }
        let turn = self.0.entry(Arc::clone(id)).or_insert(Turn { failures: 0, due: None });
        let wait = FIRST_WAIT.saturating_mul(1 << turn.failures.min(16)).min(LOOK_PERIOD);
        turn.failures = turn.failures.saturating_add(1);
        turn.due = Some(now + wait);
    }

    /// Nothing more is wanted of an image: it was told, or nobody is made from it any more.
    pub(super) fn forget(&mut self, id: &Arc<str>) {
        self.0.remove(id);
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().filter_map(|turn| turn.due).min()
    }

    /// Those which are due; they are not due again before the next failure.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Arc<str>> {
        let due = self.0.iter_mut().filter(|(_, turn)| turn.due.is_some_and(|due| due <= now));
        due.map(|(id, turn)| {
            turn.due = None;
            Arc::clone(id)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_question_is_due_again_ever_later() {
        let (mut images, id, mut now) = (Unanswered::default(), Arc::from("sha256:1"), Instant::now());
        assert_eq!((images.next(), images.take_due(now)), (None, Vec::new()));
        for seconds in [2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            images.failed(&id, now);
            let due = now + Duration::from_secs(seconds);
            assert_eq!(images.next(), Some(due));
            assert!(images.take_due(due - Duration::from_millis(1)).is_empty());
            assert_eq!(images.take_due(due), [Arc::clone(&id)]);
            assert_eq!((images.next(), images.take_due(due)), (None, Vec::new()), "on its way");
            now = due;
        }
        images.forget(&id);
        images.failed(&id, now);
        assert_eq!(images.next(), Some(now + FIRST_WAIT), "forgotten, it begins anew");
    }

    #[test]
    fn no_more_than_a_host_may_have_are_kept() {
        let (mut images, now) = (Unanswered::default(), Instant::now());
        for number in 0..=MAX_IMAGES {
            images.failed(&Arc::from(number.to_string()), now);
        }
        assert_eq!(images.0.len(), MAX_IMAGES);
    }

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
