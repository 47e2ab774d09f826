//! The policy in force and the newest judgement by it, for whoever asks.
//!
//! Nothing is judged while nobody asks: the first question about a new picture, or after [`STALE_AFTER`], judges; others get the
//! same answer.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::{Class, Policy, RootFiles, Scene, Verdict, judge, resolve, secrets::SeenFiles};
use crate::{
    inventory::{Entry, Expects, Snapshot},
    model::{ContainerFilter, ServiceKey},
};

/// Exceptions expire, and files of secrets grow old, without any event.
const STALE_AFTER: Duration = Duration::from_secs(60);

/// What makes a finding the same one later.
type Key = (Class, Option<ServiceKey>, Arc<str>);

/// Shared by the collectors, the page and the inventory.
#[derive(Clone, Debug)]
pub struct Board(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    policy: ArcSwap<Policy>,
    /// Policies put in force so far: an address may be used again, a number is not.
    replaced: AtomicUsize,
    files: RootFiles,
    seen: SeenFiles,
    filter: ContainerFilter,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    of: Option<(Arc<Policy>, u64, Timestamp)>,
    verdict: Arc<Verdict>,
    since: HashMap<Key, Timestamp>,
}

impl Default for Board {
    fn default() -> Self {
        Self::new(Arc::default(), RootFiles::default(), ContainerFilter::default())
    }
}

impl Board {
    /// A board with its first policy, for what `filter` admits.
    pub fn new(policy: Arc<Policy>, files: RootFiles, filter: ContainerFilter) -> Self {
        let policy = ArcSwap::new(policy);
        let (replaced, seen, last) = Default::default();
        Self(Arc::new(Inner { policy, replaced, files, seen, filter, last }))
    }

    /// Looks at the files that the policy asks about. Blocks for whatever they are on; nobody who asks for a verdict waits for it.
    pub fn look_at_files(&self, snapshot: &Snapshot) {
        if self.policy().checks.secrets_max_age.is_some() {
            self.0.seen.look(&self.0.files, snapshot);
        }
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.0.policy.load_full()
    }

    /// Puts another policy in force.
    pub fn replace(&self, policy: Arc<Policy>) {
        self.0.policy.store(policy);
        self.0.replaced.fetch_add(1, Ordering::Release);
    }

    /// The judgement on a picture, at this time. Nothing is read for it.
    pub fn verdict(&self, snapshot: &Snapshot, now: Timestamp) -> Arc<Verdict> {
        let policy = self.policy();
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((judged, generation, at)) = &last.of {
            let age = Duration::try_from(now.duration_since(*at)).unwrap_or(STALE_AFTER);
            if Arc::ptr_eq(judged, &policy) && *generation == snapshot.generation && age < STALE_AFTER {
                return Arc::clone(&last.verdict);
            }
        }
        let Inner { seen, filter, .. } = &*self.0;
        let mut verdict = judge(&policy, &Scene { snapshot, now, files: seen, filter });
        keep_tiers(&mut verdict, &last.verdict, snapshot);
        let mut since = HashMap::with_capacity(verdict.findings.len());
        for finding in &mut verdict.findings {
            let key = (finding.class, finding.service.clone(), Arc::clone(&finding.subject));
            let first = last.since.get(&key).copied().unwrap_or(now);
            finding.since = Some(first);
            since.insert(key, first);
        }
        last.since = since;
        last.of = Some((policy, snapshot.generation, now));
        last.verdict = Arc::new(verdict);
        Arc::clone(&last.verdict)
    }
}

/// A service whose tier came from a pattern or a label keeps it while the inventory remembers the service: what has vanished matters as much
/// as before.
fn keep_tiers(verdict: &mut Verdict, before: &Verdict, snapshot: &Snapshot) {
    for entry in &snapshot.services {
        let known = before.tiers.get(&entry.key).filter(|tier| verdict.policy.tier(tier).is_some());
        if let Some(tier) = known {
            verdict.tiers.entry(entry.key.clone()).or_insert_with(|| Arc::clone(tier));
        }
    }
}

/// Services that the policy wants on this host are expected whether they have a container or not.
impl Expects for Board {
    fn expects(&self) -> bool {
        !self.policy().projects.is_empty()
    }

    fn expected(&self, containers: &[Arc<Entry>], host: &str) -> BTreeMap<ServiceKey, u64> {
        let policy = self.policy();
        resolve::expected(&policy, &resolve::profiles(&policy, containers), host, &self.0.filter)
    }

    fn version(&self) -> usize {
        self.0.replaced.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::ServiceEntry;
    use crate::policy::examples::{now, policy, snapshot, sound};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(now().as_second() + seconds).unwrap()
    }

    #[test]
    fn a_finding_is_known_since_it_was_first_seen() {
        let board = Board::new(Arc::new(policy()), RootFiles::default(), ContainerFilter::default());
        let mut broken = sound("shop", "web");
        broken.health = None;
        let mut picture = snapshot(vec![broken]);
        let since = |verdict: &Verdict| verdict.findings.iter().map(|finding| finding.since).collect::<Vec<_>>();
        let first = board.verdict(&picture, at(0));
        assert_eq!(since(&first), [Some(at(0))]);
        assert!(Arc::ptr_eq(&first, &board.verdict(&picture, at(30))), "nothing is judged twice within a minute");
        assert_eq!(since(&board.verdict(&picture, at(61))), [Some(at(0))]);
        picture.containers = snapshot(vec![sound("shop", "web")]).containers;
        picture.generation += 1;
        assert_eq!(since(&board.verdict(&picture, at(62))), []);
        board.replace(Arc::default());
        assert!(!Arc::ptr_eq(&first.policy, &board.verdict(&picture, at(63)).policy), "another policy judges at once");
    }

    #[test]
    fn what_has_vanished_keeps_its_tier_while_it_is_remembered() {
        let mut policy = policy();
        if let Some(project) = policy.projects.first_mut() {
            Arc::make_mut(project).base.services.iter_mut().for_each(|rule| rule.name = "w*".into());
        }
        let key = ServiceKey { project: "shop".into(), service: "web".into() };
        let board = Board::new(Arc::new(policy.clone()), RootFiles::default(), ContainerFilter::default());
        let tier = |picture: &Snapshot, second| board.verdict(picture, at(second)).tiers.get(&key).cloned();
        let mut picture = snapshot(vec![sound("shop", "web")]);
        assert_eq!(tier(&picture, 0).as_deref(), Some("important"));
        let entry = ServiceEntry { key: key.clone(), ..ServiceEntry::default() };
        (picture.generation, picture.containers, picture.services) = (1, Vec::new(), vec![Arc::new(entry)]);
        assert_eq!(tier(&picture, 1).as_deref(), Some("important"));
        (picture.generation, picture.services) = (2, Vec::new());
        assert_eq!(tier(&picture, 2), None, "forgotten");
    }
}
