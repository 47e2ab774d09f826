//! Reads one container through the engine's API, where its files cannot be seen or are nobody's business.
//!
//! The API knows no offsets, only times. So a place is the time of the last message taken and how many of exactly that time were taken:
//! parts of a long line all have the time of the first. Asked again from a time on, the engine tells that last message once
//! more. When it does not, what came behind it may be gone too, and that is counted. What the engine passes over while it
//! is being followed (it falls behind by two rotations) it tells nobody; read files where that matters.

use crate::{
    engine::{Engine, Error, LogFollow, Message},
    model::ContainerId,
};

use super::{Mark, Piece, Position, Rank};

/// The two outputs of a container are stamped by two tasks of the engine, and the later time may be written first. Asked for
/// again is from this much before the newest time on; what has been taken is passed over.
const SLACK: i64 = 2_000_000_000;

/// Why nothing is told.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The container is gone, or about to.
    #[error("container is gone")]
    Gone(#[source] Error),
    /// Its driver keeps nothing that could be read: asking again is no use.
    #[error("log driver keeps nothing to read")]
    Unreadable(#[source] Error),
    /// Anything else, to be tried again later.
    #[error(transparent)]
    Engine(#[from] Error),
}

impl FollowError {
    fn sort(error: Error) -> Self {
        match &error {
            Error::Refused { status: 404 | 409, .. } => Self::Gone(error),
            Error::Refused { status: 501, .. } => Self::Unreadable(error),
            _ => Self::Engine(error),
        }
    }
}

/// What happened so far. All counts since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FollowCounts {
    /// Streams opened after the first.
    pub reconnects: u64,
    /// Times that the last message taken was not told again: what came behind it may be lost.
    pub gaps: u64,
    /// Bytes of messages beyond their bound.
    pub skipped_bytes: u64,
    /// Messages without a time.
    pub timeless_messages: u64,
}

/// One output's place.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Time of the last message taken, and messages of that time taken.
    last: Option<(i64, u32)>,
    /// Messages of that time told so far since the stream was opened; `None` once the place is passed.
    told: Option<u32>,
}

/// One container, followed.
#[derive(Debug)]
pub struct Follow {
    engine: Engine,
    id: ContainerId,
    tty: bool,
    follow: bool,
    stream: Option<LogFollow>,
    opened: bool,
    /// A message has been taken in this process: whatever was told before it has been taken too, of both outputs.
    taken: bool,
    message: Option<Message>,
    places: [Place; 2],
    count: u64,
    counts: FollowCounts,
}

impl Follow {
    /// Reads container `id` from the places of its outputs ([`crate::model::LogStream::index`]) on; an output without a place of kind
    /// [`Position::Time`] is read from the beginning of what is kept. With `follow` it goes on until the container ends. Nothing is asked yet.
    pub fn new(engine: Engine, id: ContainerId, tty: bool, resume: [Option<Position>; 2], follow: bool) -> Self {
        let place = |position: Option<Position>| match position {
            Some(Position::Time { time, taken }) => Place { last: Some((time, taken)), told: None },
            _ => Place::default(),
        };
        let places = resume.map(place);
        let counts = FollowCounts::default();
        Self {
            engine,
            id,
            tty,
            follow,
            stream: None,
            opened: false,
            taken: false,
            message: None,
            places,
            count: 0,
            counts,
        }
    }

    /// The next message that was not taken before. `None` when the container has ended, or all that is kept has been told. After that, and
    /// after an error, the next call asks the engine again, from the place that was reached: the caller waits in between.
    ///
    /// Cancel safe: what was received is not lost.
    ///
    /// # Errors
    /// [`FollowError`], sorted.
    pub async fn next(&mut self) -> Option<Result<Piece<'_>, FollowError>> {
        loop {
            if self.stream.is_none()
                && let Err(error) = self.open().await
            {
                return Some(Err(FollowError::sort(error)));
            }
            let stream = self.stream.as_mut()?;
            match stream.next().await {
                Some(Ok(message)) if self.was_taken(&message) => {}
                Some(Ok(message)) => return Some(Ok(self.take(message))),
                Some(Err(error)) => {
                    self.close();
                    return Some(Err(FollowError::sort(error)));
                }
                None => {
                    self.close();
                    return None;
                }
            }
        }
    }

    /// What happened so far.
    pub fn counts(&self) -> FollowCounts {
        let mut counts = self.counts;
        if let Some(stream) = &self.stream {
            counts.skipped_bytes += stream.skipped_bytes();
            counts.timeless_messages += stream.timeless_messages();
        }
        counts
    }

    async fn open(&mut self) -> Result<(), Error> {
        let stream = self.engine.logs(&self.id, self.tty, self.since(), self.follow).await?;
        self.counts.reconnects += u64::from(self.opened);
        self.opened = true;
        self.stream = Some(stream);
        for place in &mut self.places {
            place.told = place.last.map(|_| 0);
        }
        Ok(())
    }

    fn close(&mut self) {
        self.counts = self.counts();
        self.stream = None;
    }

    /// From when on: everything where an output has no place yet and nothing was told to this process.
    fn since(&self) -> Option<i64> {
        let mut times = self.places.iter().map(|place| place.last.map(|(time, _)| time));
        let newest = times.clone().flatten().max();
        let since = match self.taken {
            true => newest,
            // A terminal has one output.
            false if self.tty => newest,
            false => times.try_fold(i64::MAX, |oldest, time| Some(oldest.min(time?))),
        };
        since.map(|since| since.saturating_sub(SLACK))
    }

    /// Whether this is told once more. An output's own times only go up, unless the clock was set back: behind the place, everything is new.
    fn was_taken(&mut self, message: &Message) -> bool {
        let Some(place) = self.places.get_mut(message.stream.index()) else { return false };
        let (Some((last, taken)), Some(told)) = (place.last, place.told) else { return false };
        if message.time < last {
            return true;
        }
        if message.time == last && told < taken {
            place.told = Some(told + 1).filter(|told| *told < taken);
            return true;
        }
        // The place itself was not told: it is no longer kept.
        self.counts.gaps += u64::from(taken > 0);
        place.told = None;
        false
    }

    fn take(&mut self, message: Message) -> Piece<'_> {
        let message = self.message.insert(message);
        let (stream, time) = (message.stream, message.time);
        let before = self.places.get(stream.index()).and_then(|place| place.last);
        let taken = before.filter(|(last, _)| *last == time).map_or(0, |(_, taken)| taken) + 1;
        if let Some(place) = self.places.get_mut(stream.index()) {
            place.last = Some((time, taken));
        }
        self.taken = true;
        let mark = |(time, taken), count| Mark { position: Position::Time { time, taken }, rank: Rank(0, count) };
        let (start, end) = (mark(before.unwrap_or((time, 0)), self.count), mark((time, taken), self.count + 1));
        self.count += 1;
        Piece { stream, time, text: &message.bytes, ended: message.ended, start, end }
    }
}
