//! The journal of what is under way, off the async workers.

use std::path::Path;

use super::{at::At, keep, life::Life};
use crate::{
    delivery::journal::{Journal, JournalError},
    model::ContainerId,
};

const NAME: &str = "lifecycle.journal";

/// A key, and its value or none.
pub(super) type Change = (Vec<u8>, Option<Vec<u8>>);

/// What an earlier agent left.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) lives: Vec<(ContainerId, Life)>,
    pub(super) newest: Option<At>,
    /// There is a folder to keep things in and nothing in it: nothing was ever told of this host.
    pub(super) fresh: bool,
    /// The disk refused.
    pub(super) refused: bool,
}

/// The journal; none without a folder, or where the disk refuses.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    journal: Option<Journal>,
    complained: bool,
}

impl Keeper {
    /// Opens the journal in `folder` and reads it. Blocks on the disk.
    pub(super) fn open(folder: Option<&Path>) -> (Self, Kept) {
        let Some(folder) = folder else { return Default::default() };
        let (journal, found) = match Journal::open(&folder.join(NAME)) {
            Ok(opened) => opened,
            Err(error) => {
                complain(&error);
                return (Self::default(), Kept { refused: true, ..Kept::default() });
            }
        };
        if found.damaged_bytes > 0 || found.aside.is_some() {
            tracing::error!(folder = %folder.display(), ?found, "not all that was under way of containers is remembered");
        }
        let mut kept = Kept::default();
        for (key, value) in journal.iter() {
            if key == keep::COMMON {
                kept.newest = keep::read_common(value);
            } else if let Ok(id) = std::str::from_utf8(key) {
                let id = ContainerId::new(id);
                let life = keep::read_life(&id, value);
                kept.lives.extend(life.map(|life| (id, life)));
            }
        }
        kept.fresh = found.entries == 0 && found.damaged_bytes == 0 && found.aside.is_none();
        (Self { journal: Some(journal), complained: false }, kept)
    }

    /// Whether anything is kept.
    pub(super) const fn keeps(&self) -> bool {
        self.journal.is_some()
    }

    /// Keeps changes; whether the disk has them. Blocks on it. A failure is logged once until it works again.
    pub(super) fn save(&mut self, changes: &[Change]) -> bool {
        let Some(journal) = &mut self.journal else { return true };
        let done = write(journal, changes);
        match (&done, self.complained) {
            (Err(error), false) => complain(error),
            (Ok(()), true) => tracing::info!("what is under way of containers is kept again"),
            _ => {}
        }
        self.complained = done.is_err();
        done.is_ok()
    }
}

fn write(journal: &mut Journal, changes: &[Change]) -> Result<(), JournalError> {
    // What is gone makes room first.
    for (key, _) in changes.iter().filter(|(_, value)| value.is_none()) {
        journal.remove(key)?;
    }
    let puts: Vec<(&[u8], &[u8])> =
        changes.iter().filter_map(|(key, value)| Some((key.as_slice(), value.as_deref()?))).collect();
    journal.put_all(&puts)?;
    journal.sync()
}

fn complain(error: &JournalError) {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::warn!(%error, cause, "what is under way of containers is not kept: a restart may repeat or forget it");
}
