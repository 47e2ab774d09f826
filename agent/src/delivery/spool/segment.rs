//! One segment: a file of records of one lane, and what is remembered of it.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::{
    Kept, Lost, Place, Record, Why,
    format::{self, Mark, RecordHead, Slot, Unreadable},
    limits::MAX_KEY,
    walk::{Bytes as _, Walk},
};
use crate::delivery::disk::Disk;

/// The end of a lane is checked to the byte over this much when it is opened: what a host that lost power may not have written. Anything
/// before it shows when it is read.
const CHECKED: u64 = 1024 * 1024;

/// What is left of something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) records: u64,
    pub(super) lines: u64,
    pub(super) bytes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, head: &RecordHead) {
        self.records += 1;
        self.lines += u64::from(head.lines);
        self.bytes += u64::from(head.payload);
    }

    pub(super) fn subtract(&mut self, other: Self) {
        self.records = self.records.saturating_sub(other.records);
        self.lines = self.lines.saturating_sub(other.lines);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }

    fn of(head: &RecordHead) -> Self {
        let mut tally = Self::default();
        tally.add(head);
        tally
    }
}

/// What is remembered of a segment: nothing of its records but the head of the first.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) sequence: u64,
    mark: Mark,
    slot: Slot,
    /// Where whole records end.
    pub(super) end: u64,
    /// Bytes of the file: more than `end` where half a record could not be cut off.
    pub(super) size: u64,
    /// The record at the position, once it has been looked at.
    front: Option<RecordHead>,
    /// Its time; of the one before it, until it has been looked at.
    pub(super) oldest_ms: i64,
    /// Of the first record it was given.
    pub(super) first_ms: i64,
    pub(super) left: Tally,
}

/// What became of taking out a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Nothing is left: the file can go.
    All,
    /// There is more.
    More,
}

/// What the head of a segment's file says.
pub(super) struct Opened {
    pub(super) segment: Segment,
    pub(super) key: Vec<u8>,
    /// Slots that cannot be read.
    pub(super) bad_slots: u32,
}

impl Segment {
    /// The name of a segment's file.
    pub(super) fn path(folder: &Path, sequence: u64) -> PathBuf {
        folder.join(format!("{sequence:016x}.seg"))
    }

    /// Its file.
    pub(super) fn file(&self, folder: &Path) -> PathBuf {
        Self::path(folder, self.sequence)
    }

    /// Writes a new segment with its first record. On an error a part of it may be there.
    pub(super) fn write(
        disk: &Disk,
        folder: &Path,
        sequence: u64,
        key: &[u8],
        record: &Record<'_>,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Self> {
        let mark = format::draw_mark(sequence);
        buffer.clear();
        format::put_head(buffer, mark, key);
        let position = buffer.len() as u64;
        format::put_record(buffer, mark, record.time_ms, record.lines, record.meta, record.payload);
        let head = buffer.get(position as usize..).and_then(|bytes| format::read_record(bytes, mark));
        let Some(head) = head else { return Err(io::Error::other("a record that cannot be read back")) };
        let file = disk.create(&Self::path(folder, sequence), 0o600)?;
        disk.write(&file, buffer, 0)?;
        Ok(Self {
            sequence,
            mark,
            slot: Slot { generation: 0, position },
            end: buffer.len() as u64,
            size: buffer.len() as u64,
            front: Some(head),
            oldest_ms: record.time_ms,
            first_ms: record.time_ms,
            left: Tally::of(&head),
        })
    }

    /// Adds a record. On an error the segment is what it was; its file may be longer, which [`Self::size`] says.
    pub(super) fn append(
        &mut self,
        disk: &Disk,
        folder: &Path,
        record: &Record<'_>,
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        buffer.clear();
        format::put_record(buffer, self.mark, record.time_ms, record.lines, record.meta, record.payload);
        let file = disk.open(&self.file(folder), true)?;
        if let Err(error) = disk.write(&file, buffer, self.end) {
            // What cannot be cut off is written over by the next record, or cut off when the spool is opened.
            let cut = disk.truncate(&file, self.end).is_ok();
            self.size = if cut { self.end } else { file.metadata().map_or(self.size, |meta| meta.len()) };
            return Err(error);
        }
        self.end += buffer.len() as u64;
        self.size = self.size.max(self.end);
        self.left.records += 1;
        self.left.lines += u64::from(record.lines);
        self.left.bytes += record.payload.len() as u64;
        Ok(())
    }

    /// Reads the head of a segment's file: its key and what is known without its records.
    pub(super) fn open(file: &File, sequence: u64) -> io::Result<Result<Opened, Unreadable>> {
        let mut head = vec![0; format::FIXED + MAX_KEY];
        let read = file.read(&mut head, 0)?;
        head.truncate(read);
        let size = file.metadata()?.len();
        Ok(format::read_head(&head, MAX_KEY).map(|head| {
            let segment = Self {
                sequence,
                mark: head.mark,
                slot: head.slot,
                end: size,
                size,
                front: None,
                oldest_ms: 0,
                first_ms: 0,
                left: Tally::default(),
            };
            Opened { segment, key: head.key, bad_slots: head.bad_slots }
        }))
    }

    /// Counts the records of a segment that was opened, and finds where whole records end. With `check` the last of them are read whole, and
    /// those behind the last whole one are not counted: they are the unfinished end. Returns places and bytes of damage.
    pub(super) fn count(&mut self, file: &File, check: bool) -> io::Result<(u64, u64)> {
        let mut walk = Walk::new(file, self.mark, self.slot.position, self.size);
        let (mut end, mut left, mut seen, mut damage) = (self.slot.position, self.left, self.left, (0, 0));
        while let Some(found) = walk.next()? {
            if seen.records == 0 {
                (self.oldest_ms, self.first_ms) = (found.head.time_ms, found.head.time_ms);
                self.front = (found.at == self.slot.position).then_some(found.head);
            }
            seen.add(&found.head);
            let last = self.size.saturating_sub(found.at) <= CHECKED || walk.at.saturating_add(CHECKED) >= self.size;
            if !check || !last || walk.body(&found)?.is_some() {
                (end, left, damage) = (walk.at, seen, walk.damage);
            }
        }
        (self.end, self.left) = (end, left);
        Ok(damage)
    }

    /// The record in front. What cannot be read is passed over and told to `lost`. `None`: there is no record left.
    pub(super) fn front(
        &mut self,
        disk: &Disk,
        folder: &Path,
        key: &[u8],
        lost: &mut dyn FnMut(Lost<'_>),
    ) -> io::Result<Option<Kept>> {
        let file = disk.open(&self.file(folder), false)?;
        loop {
            let mut walk = Walk::new(&file, self.mark, self.slot.position, self.end);
            let Some(found) = walk.next()? else {
                self.lose(self.left, key, Why::Damage, None, lost);
                return Ok(None);
            };
            if found.at > self.slot.position {
                // How many records stood in the damage is known from how many stand behind it.
                let mut behind = Tally::of(&found.head);
                while let Some(found) = walk.next()? {
                    behind.add(&found.head);
                }
                let mut missing = self.left;
                missing.subtract(behind);
                self.lose(missing, key, Why::Damage, None, lost);
            }
            self.slot.position = found.at;
            (self.front, self.oldest_ms) = (Some(found.head), found.head.time_ms);
            match walk.body(&found)? {
                Some((meta, payload)) => {
                    let RecordHead { time_ms, lines, .. } = found.head;
                    return Ok(Some(Kept { place: self.place(), time_ms, lines, meta, payload }));
                }
                None => {
                    let meta = walk.meta(&found)?;
                    self.lose(Tally::of(&found.head), key, Why::Damage, meta.as_deref(), lost);
                    self.slot.position = found.at + found.head.length();
                    self.front = None;
                }
            }
        }
    }

    /// Takes out the record at the front, if this is where it stands. The memory of it changes whether or not the disk does.
    pub(super) fn take(&mut self, disk: &Disk, folder: &Path, place: Place) -> Option<io::Result<Taken>> {
        let head = self.front.filter(|_| self.place() == place)?;
        self.front = None;
        self.slot.position += head.length();
        self.left.subtract(Tally::of(&head));
        if self.slot.position >= self.end {
            return Some(Ok(Taken::All));
        }
        let written = self.write_slot(disk, folder).map(|file| {
            // The next one's time, while the file is open. Damage is for `front` to find.
            let mut walk = Walk::new(&file, self.mark, self.slot.position, self.end);
            if let Ok(Some(found)) = walk.next()
                && found.at == self.slot.position
            {
                (self.front, self.oldest_ms) = (Some(found.head), found.head.time_ms);
            }
            Taken::More
        });
        Some(written)
    }

    /// Writes down how far it has been taken out.
    pub(super) fn write_slot(&mut self, disk: &Disk, folder: &Path) -> io::Result<File> {
        let file = disk.open(&self.file(folder), true)?;
        self.slot.generation += 1;
        let (at, bytes) = format::put_slot(self.slot, self.mark);
        disk.write(&file, &bytes, at)?;
        Ok(file)
    }

    /// Writes down that all of it has been taken out: for a file that cannot be removed.
    pub(super) fn write_off(&mut self, disk: &Disk, folder: &Path) -> io::Result<()> {
        self.slot.position = self.end;
        self.write_slot(disk, folder).map(drop)
    }

    /// Gives up records from the front: all, or those older than `before_ms`. Each is told to `lost` with its meta, those that cannot be read
    /// in a sum at the end. Nothing is written yet.
    pub(super) fn give_up(
        &mut self,
        file: &File,
        before_ms: Option<i64>,
        key: &[u8],
        why: Why,
        lost: &mut dyn FnMut(Lost<'_>),
    ) -> io::Result<Taken> {
        let mut walk = Walk::new(file, self.mark, self.slot.position, self.end);
        while let Some(found) = walk.next()? {
            if before_ms.is_some_and(|before| found.head.time_ms >= before) {
                self.slot.position = found.at;
                (self.front, self.oldest_ms) = (Some(found.head), found.head.time_ms);
                return Ok(Taken::More);
            }
            let meta = walk.meta(&found)?;
            self.front = None;
            self.slot.position = walk.at;
            self.lose(Tally::of(&found.head), key, why, meta.as_deref(), lost);
        }
        self.lose(self.left, key, why, None, lost);
        Ok(Taken::All)
    }

    /// Tells of lost records, and remembers them no longer.
    pub(super) fn lose(
        &mut self,
        what: Tally,
        key: &[u8],
        why: Why,
        meta: Option<&[u8]>,
        lost: &mut dyn FnMut(Lost<'_>),
    ) {
        if what != Tally::default() {
            self.left.subtract(what);
            let Tally { records, lines, bytes } = what;
            lost(Lost { key, why, records, lines, bytes, meta });
        }
    }

    /// The meta of every record in order, as far as it can be read.
    pub(super) fn scan(&self, disk: &Disk, folder: &Path, see: &mut dyn FnMut(&[u8])) -> io::Result<()> {
        let file = disk.open(&self.file(folder), false)?;
        let mut walk = Walk::new(&file, self.mark, self.slot.position, self.end);
        while let Some(found) = walk.next()? {
            if let Some(meta) = walk.meta(&found)? {
                see(&meta);
            }
        }
        Ok(())
    }

    /// Whether another record belongs in here.
    pub(super) fn takes(&self, length: u64, time_ms: i64, segment_bytes: u64, span_ms: i64) -> bool {
        self.end.saturating_add(length) <= segment_bytes && time_ms.saturating_sub(self.first_ms) <= span_ms
    }

    /// Where the record in front stands, if there is one.
    pub(super) fn place(&self) -> Place {
        Place { sequence: self.sequence, at: self.slot.position }
    }

    /// The head of the record in front, once it has been looked at.
    pub(super) fn known_front(&self) -> Option<RecordHead> {
        self.front
    }
}
