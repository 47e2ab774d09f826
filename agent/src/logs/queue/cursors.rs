//! How far one destination has come with each output of each container.
//!
//! A cursor moves when Loki has acknowledged everything before it, and is written in the same moment, before the next chunk of the
//! stream is sent: a process that is killed sends at most what was on its way again.

use std::{collections::HashMap, path::Path, sync::Arc};

use crate::{
    delivery::journal::{Found, Journal, JournalError},
    logs::{Position, Rank, chunk::Progress},
    model::LogStream,
};

/// Entries kept at most: two a container, for twice as many containers as the engine edge lists.
const MAX_CURSORS: usize = 40_000;

/// See the head of this file. Without a file nothing outlives the process.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    journal: Option<Journal>,
    known: HashMap<Arc<str>, [Cursor; 2]>,
    unsaved: Vec<(Vec<u8>, Vec<u8>)>,
    failed: bool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    position: Option<Position>,
    /// In the order of this process's reader.
    rank: Option<Rank>,
    /// How far chunks reach that another process put on disk. Until the last of them is done with, those before it do not take a reader back.
    ahead: Option<Position>,
}

impl Cursors {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// It cannot be read or made.
    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        let (journal, found) = Journal::open(path)?;
        if found != (Found { entries: found.entries, ..Found::default() }) {
            tracing::warn!(path = %path.display(), ?found, "positions of logs were not whole: some lines may be sent again");
        }
        let mut cursors = Self::default();
        for (key, value) in journal.iter() {
            if let (Some((id, output)), Some(position)) = (parse_key(key), Position::decode(value))
                && let Some(cursor) = cursors.cursor(id, output)
            {
                cursor.position = Some(position);
            }
        }
        cursors.journal = Some(journal);
        Ok(cursors)
    }

    /// Where a reader of this output goes on; `None` for one that was never read.
    pub(crate) fn start(&self, id: &str, output: LogStream) -> Option<Position> {
        self.known.get(id)?.get(output.index())?.position
    }

    /// A chunk on disk reaches up to here, and was put there by another process. To be told in their order.
    pub(crate) fn found(&mut self, id: &str, output: LogStream, position: Position) {
        if let Some(cursor) = self.cursor(id, output) {
            (cursor.position, cursor.ahead) = (Some(position), Some(position));
        }
    }

    /// Something the destination kept is lost; it is not to be read again.
    pub(crate) fn lost(&mut self, id: &str, output: LogStream, position: Position) {
        self.note(id, output, position, false);
    }

    /// Everything up to these places is done with. An output of which nothing waits goes along with the other one of its container:
    /// otherwise one that never speaks would have its container's whole file read again at each start.
    pub(crate) fn passed(&mut self, destination: usize, progress: &[Progress]) {
        for Progress { origin, output, end, rank, .. } in progress {
            for each in LogStream::ALL {
                let along = each != *output;
                if along && (rank.is_none() || !origin.is_settled(destination, each)) {
                    continue;
                }
                let id = origin.id.as_str();
                let Some(cursor) = self.cursor(id, each) else { continue };
                // Chunks of one output may end in another order than they were read in: lost ones before those on their way.
                if rank.is_some() && cursor.rank > *rank {
                    continue;
                }
                cursor.rank = *rank;
                self.note(id, each, *end, rank.is_some());
            }
        }
    }

    /// A reader begins anew: its order has nothing to do with the one before.
    pub(crate) fn reopened(&mut self, id: &str) {
        if let Some(cursors) = self.known.get_mut(id) {
            cursors.iter_mut().for_each(|cursor| cursor.rank = None);
        }
    }

    /// The container is gone, and nothing of it waits.
    pub(crate) fn forget(&mut self, id: &str) {
        if self.known.remove(id).is_none() {
            return;
        }
        if let Some(journal) = &mut self.journal {
            for output in LogStream::ALL {
                // What stays in the file costs some bytes until it is forgotten at a later start.
                journal.remove(&key(id, output)).ok();
            }
        }
    }

    /// Containers with a cursor.
    pub(crate) fn ids(&self) -> Vec<Arc<str>> {
        self.known.keys().cloned().collect()
    }

    /// Writes what has moved.
    pub(crate) fn save(&mut self) {
        let Some(journal) = &mut self.journal else {
            self.unsaved.clear();
            return;
        };
        if self.unsaved.is_empty() {
            return;
        }
        let entries: Vec<_> = self.unsaved.iter().map(|(key, value)| (key.as_slice(), value.as_slice())).collect();
        let written = journal.put_all(&entries);
        self.unsaved.clear();
        self.report(written);
    }

    /// Writes everything and waits for the disk.
    pub(crate) fn close(&mut self) {
        self.save();
        if let Some(synced) = self.journal.as_mut().map(Journal::sync) {
            self.report(synced);
        }
    }

    /// Says once that the file cannot be written, and once that it can again.
    fn report(&mut self, written: Result<(), JournalError>) {
        match &written {
            Ok(()) if self.failed => tracing::info!("positions of logs are written again"),
            Err(error) if !self.failed => {
                let error: &(dyn std::error::Error + 'static) = error;
                tracing::warn!(error, "write positions of logs: a restart may send lines again");
            }
            Ok(()) | Err(_) => {}
        }
        self.failed = written.is_err();
    }

    /// Writes how far it has come. `read` is what this process has read, which stands behind everything that it found.
    fn note(&mut self, id: &str, output: LogStream, position: Position, read: bool) {
        if let Some(cursor) = self.cursor(id, output)
            && (read || cursor.ahead.is_none_or(|ahead| ahead == position))
        {
            (cursor.position, cursor.ahead) = (Some(position), None);
        }
        self.unsaved.push((key(id, output), position.encode().to_vec()));
    }

    fn cursor(&mut self, id: &str, output: LogStream) -> Option<&mut Cursor> {
        if !self.known.contains_key(id) {
            if self.known.len() * 2 >= MAX_CURSORS {
                return None;
            }
            self.known.insert(id.into(), Default::default());
        }
        self.known.get_mut(id)?.get_mut(output.index())
    }
}

fn key(id: &str, output: LogStream) -> Vec<u8> {
    let mut key = id.as_bytes().to_vec();
    key.push(if output == LogStream::Stdout { b'1' } else { b'2' });
    key
}

fn parse_key(key: &[u8]) -> Option<(&str, LogStream)> {
    let (output, id) = key.split_last()?;
    let output = match output {
        b'1' => LogStream::Stdout,
        b'2' => LogStream::Stderr,
        _ => return None,
    };
    Some((std::str::from_utf8(id).ok()?, output))
}
