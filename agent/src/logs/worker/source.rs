//! One container whose lines are read: from where, how far, into which streams.

use std::{path::PathBuf, time::Instant};

use super::shape::{Behind, Output, Place, Shaper, Whose, hold, release, wanted};
use crate::{
    logs::{
        Position,
        assemble::Assembler,
        board::Gap,
        piece::Piece,
        stream::Origin,
        streams::{Mask, Streams},
        tail::{Buffer, Progress, Tail, TailError},
    },
    model::{ContainerId, LogStream},
};

/// Where a container's lines come from.
#[derive(Debug)]
pub(super) enum Reader {
    /// Its files.
    File(Box<Tail>),
    /// Its files, which are not there yet, or not any more.
    Awaited { path: PathBuf, max_files: Option<u32> },
    /// The engine, message by message.
    Api,
    /// Nowhere: why.
    None(&'static str),
}

/// See the head of this file.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) id: ContainerId,
    pub(super) reader: Reader,
    pub(super) whose: Whose,
    pub(super) outputs: [Output; 2],
    pub(super) assembler: Assembler,
    /// By output: what destinations had before this process.
    pub(super) behind: [Vec<Behind>; 2],
    /// A line of this output is being put together, for these.
    pub(super) pending: [Mask; 2],
    /// Time of the last piece, in nanoseconds since 1970: who is oldest is read first.
    pub(super) last_time: i64,
    /// Its processes have ended: what is read to the end is all there is.
    pub(super) ended: bool,
    /// The engine knows it no more.
    pub(super) gone: bool,
    /// Adopted from an event: the inventory has until then to know it.
    pub(super) early: Option<Instant>,
    /// The engine may drop lines of it before anybody sees them.
    pub(super) lossy: bool,
    /// Nothing is left to read for the moment; of the engine's messages nobody knows.
    pub(super) caught_up: bool,
    /// The engine has told everything of its last run.
    pub(super) told_all: bool,
    /// Bytes not read yet, when last asked.
    pub(super) behind_bytes: u64,
    /// Since when it has nothing to read, for giving its handle back.
    pub(super) idle_since: Instant,
}

impl Source {
    /// Reads about `budget` bytes of its files into chunks.
    pub(super) fn read(
        &mut self,
        budget: u64,
        buffer: &mut Buffer,
        shaper: &mut Shaper,
        streams: &mut Streams,
    ) -> Result<Progress, TailError> {
        let everywhere = streams.everywhere();
        let Self { reader, whose, outputs, assembler, behind, pending, last_time, .. } = self;
        let Reader::File(tail) = reader else { return Ok(Progress { caught_up: true, ..Progress::default() }) };
        let mut pieces = Pieces { whose, outputs, assembler, behind, pending, last_time, everywhere };
        let progress = tail.read(buffer, budget, &mut |piece| pieces.take(piece, shaper, streams))?;
        self.caught_up = progress.caught_up;
        self.behind_bytes = progress.behind_bytes;
        self.count(&progress);
        Ok(progress)
    }

    /// Takes one message of the engine.
    pub(super) fn take(&mut self, piece: Piece<'_>, shaper: &mut Shaper, streams: &mut Streams) {
        let everywhere = streams.everywhere();
        let Self { whose, outputs, assembler, behind, pending, last_time, .. } = self;
        Pieces { whose, outputs, assembler, behind, pending, last_time, everywhere }.take(piece, shaper, streams);
    }

    fn count(&self, progress: &Progress) {
        let service = &self.whose.service;
        service.corrupt_bytes.add(progress.corrupt_bytes);
        service.gap(Gap::RotationsMissed, u64::from(progress.rotations_missed));
        service.gap(Gap::Truncated, u64::from(progress.truncations));
        service.gap(Gap::Corrupt, progress.skipped_records + u64::from(progress.broken_files));
    }

    /// Hands on what has been held for long enough, or all of it where the container has ended and is read to its end.
    pub(super) fn flush(&mut self, shaper: &mut Shaper, streams: &mut Streams) {
        let everywhere = streams.everywhere();
        let all = self.is_at_end();
        let now = shaper.clock.ms();
        let Self { whose, outputs, assembler, behind, pending, last_time, .. } = self;
        let mut pieces = Pieces { whose, outputs, assembler, behind, pending, last_time, everywhere };
        pieces.flush(all, now, shaper, streams);
    }

    /// When [`Self::flush`] has something to do.
    pub(super) fn deadline(&self) -> Option<u64> {
        if self.is_at_end() && LogStream::ALL.iter().any(|output| self.assembler.pending(*output)) {
            return Some(0);
        }
        // While there is more to read, what comes next decides, not time.
        self.caught_up.then(|| self.assembler.next_deadline()).flatten()
    }

    /// The container has ended, and all it wrote is read.
    fn is_at_end(&self) -> bool {
        self.ended && self.caught_up && (self.told_all || !matches!(self.reader, Reader::Api))
    }

    /// Lets go of what it holds at the destinations for lines which are not whole: they are read again by the next process.
    pub(super) fn let_go(&mut self) {
        let Some(origin) = &self.whose.origin else { return };
        for (output, mask) in LogStream::ALL.into_iter().zip(&mut self.pending) {
            release(origin, output, std::mem::take(mask));
        }
    }

    /// The agent ends. What is held is read again by the next process, where it can be: not when its file has lost its name.
    pub(super) fn end(&mut self, shaper: &mut Shaper, streams: &mut Streams) {
        let nameless = |tail: &Tail| {
            let begins = LogStream::ALL.into_iter().filter_map(|output| self.assembler.held_from(output));
            begins.into_iter().any(|mark| self.gone || tail.may_be_nameless(mark.rank))
        };
        if matches!(&self.reader, Reader::File(tail) if nameless(tail)) {
            let everywhere = streams.everywhere();
            let now = shaper.clock.ms();
            let Self { whose, outputs, assembler, behind, pending, last_time, .. } = self;
            let mut pieces = Pieces { whose, outputs, assembler, behind, pending, last_time, everywhere };
            pieces.flush(true, now, shaper, streams);
        }
        self.let_go();
    }

    /// Nothing is left to be done with it.
    pub(super) fn is_finished(&self) -> bool {
        self.gone && self.is_at_end() && !LogStream::ALL.iter().any(|output| self.assembler.pending(*output))
    }
}

/// The parts of a source which pieces go through, borrowed apart from its reader.
struct Pieces<'a> {
    whose: &'a mut Whose,
    outputs: &'a mut [Output; 2],
    assembler: &'a mut Assembler,
    behind: &'a mut [Vec<Behind>; 2],
    pending: &'a mut [Mask; 2],
    last_time: &'a mut i64,
    everywhere: Mask,
}

impl Pieces<'_> {
    fn take(&mut self, piece: Piece<'_>, shaper: &mut Shaper, streams: &mut Streams) {
        *self.last_time = piece.time;
        let [stdout, stderr] = &mut *self.behind;
        let behind = if piece.stream == LogStream::Stdout { stdout } else { stderr };
        if !behind.is_empty() {
            if wanted(behind, piece.start, piece.end, self.everywhere) == 0 {
                return;
            }
            behind.retain(|behind| behind.has(piece.start, piece.end));
        }
        let now = shaper.clock.ms();
        let Self { whose, outputs, assembler, behind, everywhere, .. } = self;
        assembler.push(piece, now, &mut |line| {
            emit(&line, whose, outputs, behind, *everywhere, shaper, streams);
        });
        self.note_pending(piece.stream);
    }

    fn flush(&mut self, all: bool, now: u64, shaper: &mut Shaper, streams: &mut Streams) {
        let Self { whose, outputs, assembler, behind, everywhere, .. } = self;
        let mut each = |line: super::super::assemble::Line<'_>| {
            emit(&line, whose, outputs, behind, *everywhere, shaper, streams);
        };
        if all {
            assembler.flush_all(&mut each);
        } else {
            assembler.flush_due(now, &mut each);
        }
        LogStream::ALL.into_iter().for_each(|output| self.note_pending(output));
    }

    /// While a line is being put together the cursor of its output must not go along with the other's.
    fn note_pending(&mut self, output: LogStream) {
        let Some(origin) = &self.whose.origin else { return };
        let [stdout, stderr] = &mut *self.pending;
        let held = if output == LogStream::Stdout { stdout } else { stderr };
        let pending = self.assembler.pending(output);
        if pending && *held == 0 {
            *held = self.everywhere;
            hold(origin, output, *held);
        } else if !pending && *held != 0 {
            release(origin, output, std::mem::take(held));
        }
    }
}

fn emit(
    line: &super::super::assemble::Line<'_>,
    whose: &mut Whose,
    outputs: &mut [Output; 2],
    behind: &[Vec<Behind>; 2],
    everywhere: Mask,
    shaper: &mut Shaper,
    streams: &mut Streams,
) {
    let [stdout, stderr] = outputs;
    let [out_behind, err_behind] = behind;
    let (output, behind) = if line.stream == LogStream::Stdout { (stdout, out_behind) } else { (stderr, err_behind) };
    let mask = wanted(behind, line.start, line.end, everywhere);
    if mask != 0 {
        shaper.shape(line, whose, output, mask, streams);
    }
}

/// What destinations had of each output before this process: places in this reader's order, where they have one.
pub(super) fn behind(origin: &Origin, tail: Option<&Tail>, streams: &Streams) -> [Vec<Behind>; 2] {
    LogStream::ALL.map(|output| {
        let of = |queue: &super::super::queue::Queue| {
            let position = queue.cursors(|cursors| cursors.start(origin.id.as_str(), output))?;
            let place = match (tail, position) {
                (Some(tail), _) => Place::Rank(tail.rank_of(&position)?),
                (None, Position::Time { time, taken }) => Place::Time(time, taken),
                (None, Position::File { .. }) => return None,
            };
            Some(Behind { place, mask: 1 << queue.index() })
        };
        streams.queues().iter().filter_map(of).collect()
    })
}
