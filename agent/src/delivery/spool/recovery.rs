//! Opening: what a process left, however it ended.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::Path,
};

use super::{
    Limits, MAX_SEGMENTS, Recovery, Spool, SpoolError,
    format::{Unreadable, VERSION},
    segment::{Opened, Segment},
};
use crate::delivery::disk::{Disk, beside};

/// Behind the name of a file whose head cannot be read. One of another version has `.v` and that version.
const DAMAGED: &str = ".damaged";

/// What a name in the folder means.
#[derive(Debug, PartialEq, Eq)]
enum Name {
    Segment(u64),
    /// Set aside, and the version when it was for that.
    Aside(u64, Option<u8>),
    Foreign,
}

impl Spool {
    /// Opens the spool in `folder`, and makes the folder when it is missing. Heads of records are read, their payloads only at the end of
    /// each lane: a gigabyte takes well below a second. Nothing is given up for age or for space: [`Self::expire`] does that.
    ///
    /// Ends that were not written whole are cut off; files of a version unknown here, and files whose head cannot be read, are set aside under
    /// another name, where a version that knows them takes them back.
    ///
    /// A read-only disk is opened too ([`Recovery::read_only`]): what is on it is given, and what would have been mended is left until it can be.
    ///
    /// # Errors
    /// [`SpoolError::Disk`] when the folder cannot be read or written, a file in it cannot be read, or one cannot be set aside.
    pub fn open(folder: &Path, limits: Limits) -> Result<(Self, Recovery), SpoolError> {
        Self::open_on(Disk::default(), folder, limits)
    }

    pub(crate) fn open_on(disk: Disk, folder: &Path, limits: Limits) -> Result<(Self, Recovery), SpoolError> {
        let refused = |verb, path: &Path| {
            let path = path.to_owned();
            move |source: io::Error| SpoolError::Disk { verb, path, source }
        };
        // Lines of containers lie in there: nobody else's to read.
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(refused("make", folder))?;
        let writable = probe(&disk, folder).map_err(refused("write", folder))?;
        let mut recovery = Recovery { read_only: !writable, ..Recovery::default() };
        let mut spool = Self {
            disk,
            folder: folder.to_owned(),
            limits,
            lanes: BTreeMap::new(),
            next: 1,
            bytes: 0,
            segments: 0,
            key_bytes: 0,
            dirty: BTreeSet::new(),
            dirty_folder: false,
            doomed: Vec::new(),
            late: BTreeSet::new(),
            buffer: Vec::new(),
        };
        for sequence in spool.list(&mut recovery).map_err(|error| match error {
            Listing::Disk(error) => refused("read", folder)(error),
            Listing::Many => SpoolError::Files(folder.to_owned()),
        })? {
            let path = Segment::path(folder, sequence);
            spool.take_in(sequence, &path, &mut recovery).map_err(refused("open", &path))?;
        }
        spool.count(&mut recovery)?;
        recovery.lanes = spool.lanes.len() as u64;
        recovery.records = spool.lanes.values().flatten().map(|segment| segment.left.records).sum();
        Ok((spool, recovery))
    }

    /// Sequence numbers of all segments in order. Takes back what was set aside for a version that is this one.
    fn list(&mut self, recovery: &mut Recovery) -> Result<Vec<u64>, Listing> {
        let mut sequences = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = understand(&entry.file_name().to_string_lossy());
            match name {
                Name::Foreign => recovery.foreign += 1,
                Name::Segment(sequence) | Name::Aside(sequence, _) => {
                    // Never again a number that is on the disk in any form: what is taken back later must find its place free.
                    self.next = self.next.max(sequence.saturating_add(1));
                    let here = Segment::path(&self.folder, sequence);
                    if name == Name::Aside(sequence, Some(VERSION))
                        && !here.exists()
                        && done(self.disk.rename(&entry.path(), &here))?
                    {
                        recovery.taken_back += 1;
                    } else if name != Name::Segment(sequence) {
                        recovery.aside += 1;
                        recovery.aside_bytes += entry.metadata()?.len();
                        continue;
                    }
                    if !entry.file_type()?.is_file() {
                        recovery.foreign += 1;
                        continue;
                    }
                    sequences.push(sequence);
                }
            }
            if sequences.len() > MAX_SEGMENTS {
                return Err(Listing::Many);
            }
        }
        sequences.sort_unstable();
        sequences.dedup();
        Ok(sequences)
    }

    /// Reads the head of a segment and puts it to its lane.
    fn take_in(&mut self, sequence: u64, path: &Path, recovery: &mut Recovery) -> io::Result<()> {
        let file = self.disk.open(path, false)?;
        let aside = match Segment::open(&file, sequence)? {
            Ok(Opened { segment, key, bad_slots }) => {
                recovery.damaged_slots += u64::from(bad_slots);
                self.adopt(&key, segment);
                return Ok(());
            }
            Err(Unreadable::Short) => {
                let bytes = file.metadata()?.len();
                recovery.empty_files += 1;
                recovery.torn_bytes += bytes;
                if !done(self.disk.remove(path))? {
                    self.doomed.push((sequence, bytes));
                }
                return Ok(());
            }
            Err(Unreadable::Version(version)) => beside(path, &format!(".v{version}")),
            Err(Unreadable::Damaged) => beside(path, DAMAGED),
        };
        recovery.aside += 1;
        recovery.aside_bytes += file.metadata()?.len();
        done(self.disk.rename(path, &aside)).map(drop)
    }

    /// Counts the records of all segments, cuts off unfinished ends and removes files with nothing left in them.
    fn count(&mut self, recovery: &mut Recovery) -> Result<(), SpoolError> {
        let (disk, folder) = (&self.disk, &self.folder);
        let mut bytes = 0;
        for lane in self.lanes.values_mut() {
            let last = lane.back().map(|segment| segment.sequence);
            for segment in lane.iter_mut() {
                let path = segment.file(folder);
                let check = Some(segment.sequence) == last;
                let counted = disk.open(&path, false).and_then(|file| segment.count(&file, check));
                let damage = counted.map_err(|source| SpoolError::Disk { verb: "read", path: path.clone(), source })?;
                recovery.damaged += damage.0;
                recovery.damaged_bytes += damage.1;
                let torn = segment.size.saturating_sub(segment.end);
                recovery.torn += u64::from(torn > 0);
                recovery.torn_bytes += torn;
                let settled = if segment.left.records == 0 {
                    recovery.empty_files += 1;
                    disk.remove(&path)
                } else if torn > 0 {
                    disk.open(&path, true).and_then(|file| disk.truncate(&file, segment.end))
                } else {
                    Ok(())
                };
                if done(settled).map_err(|source| SpoolError::Disk { verb: "repair", path, source })? {
                    segment.size = segment.end;
                } else if segment.left.records == 0 {
                    self.doomed.push((segment.sequence, segment.size));
                }
            }
            lane.retain(|segment| segment.left.records > 0);
            bytes += lane.iter().map(|segment| segment.size).sum::<u64>();
        }
        self.lanes.retain(|_, lane| !lane.is_empty());
        self.bytes = bytes + self.doomed.iter().map(|(_, size)| size).sum::<u64>();
        self.segments = self.lanes.values().map(|lane| lane.len()).sum();
        self.key_bytes = self.lanes.keys().map(|key| key.len()).sum();
        Ok(())
    }
}

/// Whether files can be made in the folder: asked by making one, as permissions alone do not say. A full disk is no reason not to open: what
/// is taken out makes room. `false` on a read-only one, which is none either: it may be the state's own disk, remounted after an error, and
/// what is on it is wanted.
fn probe(disk: &Disk, folder: &Path) -> io::Result<bool> {
    let path = folder.join(".probe");
    match disk.remove(&path).and_then(|()| disk.create(&path, 0o600)) {
        Ok(_) => disk.remove(&path).map(|()| true),
        Err(error) if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => Ok(true),
        Err(error) => done(Err(error)),
    }
}

/// Whether a repair was done: not on a read-only disk, where it can wait.
fn done(repaired: io::Result<()>) -> io::Result<bool> {
    match repaired {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => Ok(false),
        Err(error) => Err(error),
    }
}

/// Why the folder could not be listed.
enum Listing {
    Disk(io::Error),
    Many,
}

impl From<io::Error> for Listing {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

fn understand(name: &str) -> Name {
    let Some((number, rest)) = name.split_once(".seg") else { return Name::Foreign };
    let plain = number.len() == 16 && number.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let Some(sequence) = plain.then(|| u64::from_str_radix(number, 16).ok()).flatten() else { return Name::Foreign };
    match (rest, rest.strip_prefix(".v")) {
        ("", _) => Name::Segment(sequence),
        (DAMAGED, _) => Name::Aside(sequence, None),
        (_, Some(version)) => version.parse().map_or(Name::Foreign, |version| Name::Aside(sequence, Some(version))),
        _ => Name::Foreign,
    }
}
