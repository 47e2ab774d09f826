//! Containers that may be gone before anybody can ask the engine about them.
//!
//! A container which lives for a tenth of a second and is removed at its end leaves nothing to inspect. But the event of its start
//! says who it is, and where engines keep json-files is known: whoever opens the file at once has all of it, for a file that is held
//! open can be read to its end after it was removed. What could not be opened is counted when the engine tells of the end.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    super::{SourceChoice, board::Gap, declare::Policy},
    Worker, listing,
    source::Reader,
};
use crate::{
    inventory::Snapshot,
    model::{ContainerId, Event, EventKind, Identity, ServiceKey},
};

/// Starts remembered of containers which nobody reads yet.
const MAX_UNSEEN: usize = 1024;

/// The inventory has so long to know a container which was adopted from its event.
const PATIENCE: Duration = Duration::from_secs(30);

/// See the head of this file.
#[derive(Debug, Default)]
pub(super) struct Early {
    /// Started, and not read: whose it is, and since when.
    unseen: HashMap<ContainerId, (ServiceKey, Instant)>,
}

impl Worker {
    /// Hears an event before the inventory has made anything of it.
    pub(super) fn hear_event(&mut self, event: &Event) {
        match &event.kind {
            EventKind::Started(id) if !self.numbers.contains_key(id) => self.started(id, event),
            EventKind::Destroyed(id) => {
                if let Some((key, _)) = self.early.unseen.remove(id).filter(|_| !self.numbers.contains_key(id)) {
                    self.board.service(&key).gap(Gap::NeverRead, 1);
                }
            }
            _ => {}
        }
    }

    fn started(&mut self, id: &ContainerId, event: &Event) {
        let snapshot = self.inventory.load();
        let name = event.attributes.get("name").unwrap_or_default();
        let identity = Identity::from_labels(&event.attributes, name);
        let policy = Policy::of(&event.attributes, &self.options.lines);
        let admitted = policy.enabled
            && self.options.lines.containers.admits(&identity.key.project, name)
            && listing::is_watched(&event.attributes)
            && self.own.as_ref() != Some(id);
        if !admitted || name.is_empty() || snapshot.host.is_none() {
            return;
        }
        let path = json_file(&snapshot, id).filter(|_| self.options.source == SourceChoice::Auto);
        if let Some(path) = path.filter(|path| path.is_file()) {
            let who = listing::Who { id, name, identity: &identity, replica: &identity.replica };
            let reader = Reader::Awaited { path, max_files: None };
            let number = self.add_source(&snapshot, &who, &policy, false, reader);
            if let Some(source) = self.sources.get_mut(&number) {
                source.early = Some(self.shaper.clock.now() + PATIENCE);
            }
            // Now, not in its turn: the file may be gone by then.
            self.open_awaited(number);
        } else if self.early.unseen.len() < MAX_UNSEEN {
            self.early.unseen.insert(id.clone(), (identity.key, self.shaper.clock.now()));
        }
    }

    /// Forgets starts that came to something, or to nothing long ago.
    pub(super) fn forget_unseen(&mut self) {
        let (numbers, now) = (&self.numbers, self.shaper.clock.now());
        let waits = |id: &ContainerId, since: Instant| {
            !numbers.contains_key(id) && now.saturating_duration_since(since) < 10 * PATIENCE
        };
        self.early.unseen.retain(|id, (_, since)| waits(id, *since));
    }
}

/// Where the engine keeps the json-file of a container, if that is its driver (`DockerRootDir` of `GET /info`).
fn json_file(snapshot: &Snapshot, id: &ContainerId) -> Option<PathBuf> {
    let root: &Arc<str> = snapshot.engine.info.as_ref()?.root_dir.as_ref()?;
    let id = id.as_str();
    // An id is hexadecimal; a path made of anything else would be somebody's invention.
    id.bytes()
        .all(|byte| byte.is_ascii_hexdigit())
        .then(|| Path::new(&**root).join("containers").join(id).join(format!("{id}-json.log")))
}
