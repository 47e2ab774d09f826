//! Where reading of a container goes on: what its destinations had before this process.

use std::sync::Arc;

use crate::{
    logs::{Position, queue::Queue, stream::Origin, streams::Streams},
    model::LogStream,
};

/// A place in no file: whoever begins at the earliest of several places and one of them is this begins at the beginning of all.
const BEGINNING: Position = Position::File { inode: 0, fingerprint: 0, offset: 0 };

/// The earliest place at which a destination goes on with an output; `None` where one of them has nothing of it.
pub(super) fn start(origin: Option<&Arc<Origin>>, output: LogStream, streams: &Streams) -> Option<Position> {
    let id = origin?.id.as_str();
    let of = |queue: &Queue| queue.cursors(|cursors| cursors.start(id, output));
    let places: Option<Vec<_>> = streams.queues().iter().map(of).collect();
    let time = |position: &Position| match position {
        Position::Time { time, taken } => (*time, *taken),
        Position::File { .. } => (i64::MIN, 0),
    };
    places?.into_iter().min_by_key(time)
}

/// All places at which reading goes on, for a reader that begins at the earliest.
pub(super) fn places(origin: &Origin, streams: &Streams) -> Vec<Position> {
    let each = streams.queues().iter().flat_map(|queue| {
        LogStream::ALL.map(|output| queue.cursors(|cursors| cursors.start(origin.id.as_str(), output)))
    });
    let places: Vec<_> = each.collect();
    if places.iter().all(Option::is_none) {
        return Vec::new();
    }
    places.into_iter().map(|place| place.unwrap_or(BEGINNING)).collect()
}

/// Whether any destination has something of this container.
pub(super) fn has_cursor(origin: &Origin, streams: &Streams) -> bool {
    !places(origin, streams).is_empty()
}
