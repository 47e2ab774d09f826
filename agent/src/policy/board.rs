//! The policy in force and the newest judgement by it, for whoever asks.
//!
//! Nothing is judged while nobody asks: the first question about a new picture, or after [`STALE_AFTER`], judges; others get the
//! same answer.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::{Class, Policy, RootFiles, Scene, Verdict, judge, resolve};
use crate::{
    inventory::{Entry, Snapshot},
    model::ServiceKey,
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
    files: RootFiles,
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
        Self::new(Arc::default(), RootFiles::default())
    }
}

impl Board {
    /// A board with its first policy.
    pub fn new(policy: Arc<Policy>, files: RootFiles) -> Self {
        Self(Arc::new(Inner { policy: ArcSwap::new(policy), files, last: Mutex::default() }))
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.0.policy.load_full()
    }

    /// Puts another policy in force.
    pub fn replace(&self, policy: Arc<Policy>) {
        self.0.policy.store(policy);
    }

    /// The judgement on a picture, at this time. It reads times of a few files at most, and no kernel file.
    pub fn verdict(&self, snapshot: &Snapshot, now: Timestamp) -> Arc<Verdict> {
        let policy = self.policy();
        let mut last = self.0.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((judged, generation, at)) = &last.of {
            let age = Duration::try_from(now.duration_since(*at)).unwrap_or(STALE_AFTER);
            if Arc::ptr_eq(judged, &policy) && *generation == snapshot.generation && age < STALE_AFTER {
                return Arc::clone(&last.verdict);
            }
        }
        let mut verdict = judge(&policy, &Scene { snapshot, now, files: &self.0.files });
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

    /// Services that the policy wants on this host, with how many are to run at least.
    pub fn expected(&self, containers: &[Arc<Entry>], host: &str) -> BTreeMap<ServiceKey, u64> {
        let policy = self.policy();
        if policy.projects.is_empty() {
            return BTreeMap::new();
        }
        resolve::expected(&policy, &resolve::profiles(&policy, containers), host)
    }
}
