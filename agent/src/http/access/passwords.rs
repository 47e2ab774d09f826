//! Verifying passwords: expensive on purpose, so never on the threads that serve, one at a time, and once for each good one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ring::{
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{
    AccessError,
    tokens::Digest,
    users::{Login, Users},
};

/// Verifications waiting or running; one more is refused at once. Eight at cost 10 are half a second.
const WAITING: usize = 8;

/// Good logins remembered: scrapers and people at the same time.
const REMEMBERED: usize = 64;

/// How a verification ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The password is the user's.
    Right,
    /// It is not, or there is no such user.
    Wrong,
    /// Too many are waiting.
    Busy,
}

/// Verifies, and remembers what was right under a key which only this process has.
#[derive(Debug)]
pub(super) struct Passwords {
    key: hmac::Key,
    known: Mutex<Known>,
    places: Arc<Semaphore>,
    /// One core at most, whatever comes in.
    worker: Arc<Semaphore>,
}

/// Digests of good logins, with the turn at which each was used last. The hash of the user is in the digest: once it is another
/// one, or none, the old digest is never asked for again and is the first to go.
#[derive(Debug, Default)]
struct Known {
    used: HashMap<Digest, u64>,
    turn: u64,
}

impl Known {
    fn holds(&mut self, digest: &Digest) -> bool {
        self.turn += 1;
        let turn = self.turn;
        self.used.get_mut(digest).map(|used| *used = turn).is_some()
    }

    fn add(&mut self, digest: Digest) {
        if self.used.len() >= REMEMBERED
            && let Some(oldest) = self.used.iter().min_by_key(|(_, used)| **used).map(|(digest, _)| *digest)
        {
            self.used.remove(&oldest);
        }
        self.turn += 1;
        self.used.insert(digest, self.turn);
    }
}

impl Passwords {
    /// Makes a key of its own.
    pub(super) fn new() -> Result<Self, AccessError> {
        let mut key = [0; 32];
        SystemRandom::new().fill(&mut key).map_err(|_| AccessError::Random)?;
        Ok(Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            known: Mutex::default(),
            places: Arc::new(Semaphore::new(WAITING)),
            worker: Arc::new(Semaphore::new(1)),
        })
    }

    /// Digest of some parts, each told from the next by its length.
    pub(super) fn digest(&self, parts: &[&[u8]]) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&part.len().to_le_bytes());
            context.update(part);
        }
        let tag = context.sign();
        // SHA-256 gives 32 bytes.
        std::array::from_fn(|at| tag.as_ref().get(at).copied().unwrap_or_default())
    }

    /// Whether this login was right before, against the hash the user has now.
    pub(super) fn known(&self, users: &Users, login: &Login) -> bool {
        let (hash, exists) = users.hash_of(&login.name);
        let digest = self.digest(&[login.name.as_bytes(), hash.as_bytes(), &login.password]);
        self.lock().holds(&digest) && exists
    }

    /// Verifies; also for a user who does not exist, so that the answer takes as long.
    pub(super) async fn verify(&self, users: &Users, login: Login) -> Verdict {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else { return Verdict::Busy };
        // Never closed: the error cannot come.
        let Ok(worker) = Arc::clone(&self.worker).acquire_owned().await else { return Verdict::Busy };
        // Somebody with the same login may have waited before us: a page and its style sheet are asked for together.
        if self.known(users, &login) {
            return Verdict::Right;
        }
        let (hash, exists) = users.hash_of(&login.name);
        let digest = self.digest(&[login.name.as_bytes(), hash.as_bytes(), &login.password]);
        let hash = hash.to_owned();
        let verified = spawn_blocking(move || {
            // Held until the work is done, also when nobody waits for it any more.
            let _held = (place, worker);
            bcrypt::verify(&login.password, &hash).unwrap_or(false)
        });
        // A panic in there is no proof of anything.
        if !verified.await.unwrap_or(false) || !exists {
            return Verdict::Wrong;
        }
        self.lock().add(digest);
        Verdict::Right
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        // Plain data: a panic elsewhere leaves nothing half done in it.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
