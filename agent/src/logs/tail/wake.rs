//! Which files have news: inotify on the files themselves, for their folders may be closed to us.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags},
    io::Errno,
};

/// Room for some two hundred events; whatever does not fit is read next time.
const EVENTS: usize = 8 << 10;

/// File systems which do not tell of what others write to them (`linux/magic.h`): NFS, SMB, CIFS, FUSE, 9p, overlay.
const SILENT: [u64; 6] = [0x6969, 0xfe53_4d42, 0xff53_4d42, 0x6573_5546, 0x0102_1997, 0x794c_7630];

/// What became of a wish to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Armed {
    /// The same file as before is watched.
    Still,
    /// Another file is watched from now on. What was written to it before is not told: read once more.
    Anew,
    /// It cannot be watched, and has to be looked at now and then.
    Polled,
    /// Nothing has this name: in the middle of a rotation, which has ended in a moment, or for longer.
    Absent,
}

/// Watches files for whoever reads them, known by a number each.
#[derive(Debug)]
pub struct Wake {
    inotify: Option<OwnedFd>,
    /// Watch of the kernel to readers: two names may lead to one file.
    watches: BTreeMap<i32, BTreeSet<u64>>,
    readers: BTreeMap<u64, Option<i32>>,
}

impl Default for Wake {
    fn default() -> Self {
        Self::new()
    }
}

impl Wake {
    /// Asks for an inotify instance; without one everything is polled.
    pub fn new() -> Self {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok();
        Self { inotify, watches: BTreeMap::new(), readers: BTreeMap::new() }
    }

    /// Readable when [`Self::news`] has something to tell.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Watches the file that has this name now. To be called again after each rotation; costs one system call where nothing has changed.
    pub fn watch(&mut self, reader: u64, path: &Path) -> Armed {
        let before = self.readers.get(&reader).copied();
        let added = self.add(path);
        let now = added.ok().flatten();
        let unwatched = if added == Err(Errno::NOENT) { Armed::Absent } else { Armed::Polled };
        if before == Some(now) {
            return if now.is_some() { Armed::Still } else { unwatched };
        }
        self.forget(reader);
        self.readers.insert(reader, now);
        match now {
            Some(watch) => {
                self.watches.entry(watch).or_default().insert(reader);
                Armed::Anew
            }
            None => unwatched,
        }
    }

    /// Watches no longer.
    pub fn forget(&mut self, reader: u64) {
        let Some(Some(watch)) = self.readers.remove(&reader) else { return };
        let Some(readers) = self.watches.get_mut(&watch) else { return };
        readers.remove(&reader);
        if readers.is_empty() {
            self.watches.remove(&watch);
            if let Some(inotify) = &self.inotify {
                // Fails where the file is gone, and the watch with it.
                inotify::remove_watch(inotify, watch).ok();
            }
        }
    }

    /// Looks at this one now and then from now on: it had bytes which nobody told of.
    pub fn distrust(&mut self, reader: u64) {
        self.forget(reader);
        self.readers.insert(reader, None);
    }

    /// Readers that have to be looked at now and then.
    pub fn polled(&self) -> impl Iterator<Item = u64> {
        self.readers.iter().filter(|(_, watch)| watch.is_none()).map(|(reader, _)| *reader)
    }

    /// Adds to `into` who has news: bytes, another name, none any more. All of them when the kernel lost count. Never waits.
    pub fn news(&mut self, into: &mut BTreeSet<u64>) {
        let mut buffer = [MaybeUninit::uninit(); EVENTS];
        let mut told = Vec::new();
        let mut gone = Vec::new();
        let mut overflow = false;
        {
            let Some(inotify) = &self.inotify else { return };
            let mut events = Reader::new(inotify, &mut buffer);
            // Until it would wait; anything else cannot be helped, and the next look comes.
            while let Ok(event) = events.next() {
                overflow |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
                if event.events().contains(ReadFlags::IGNORED) {
                    gone.push(event.wd());
                }
                told.push(event.wd());
                if told.len() >= EVENTS {
                    break;
                }
            }
        }
        for watch in told {
            into.extend(self.watches.get(&watch).into_iter().flatten());
        }
        if overflow {
            into.extend(self.readers.keys());
        }
        for watch in gone {
            // The file is gone, and the kernel may give its number to another.
            for reader in self.watches.remove(&watch).into_iter().flatten() {
                self.readers.insert(reader, None);
            }
        }
    }

    /// The watch of the file; none where it would tell nothing.
    fn add(&self, path: &Path) -> Result<Option<i32>, Errno> {
        let Some(inotify) = &self.inotify else { return Ok(None) };
        // The file may have lost its name since it was found watchable.
        let silent = |path: &Path| {
            let magic = rustix::fs::statfs(path).ok().and_then(|it| u64::try_from(it.f_type).ok());
            magic.is_some_and(|magic| SILENT.contains(&(magic & 0xffff_ffff)))
        };
        // A new name tells of a rotation, other attributes of an unlinked file that somebody holds open.
        let events = WatchFlags::MODIFY | WatchFlags::MOVE_SELF | WatchFlags::ATTRIB | WatchFlags::DELETE_SELF;
        match inotify::add_watch(inotify, path, events | WatchFlags::DONT_FOLLOW) {
            Ok(watch) if silent(path) => {
                if !self.watches.contains_key(&watch) {
                    inotify::remove_watch(inotify, watch).ok();
                }
                Ok(None)
            }
            // NOSPC: the user's watches are used up.
            other => other.map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File, OpenOptions},
        io::Write,
    };

    use super::*;

    fn news(wake: &mut Wake) -> Vec<u64> {
        let mut news = BTreeSet::new();
        wake.news(&mut news);
        news.into_iter().collect()
    }

    const NOBODY: [u64; 0] = [];

    fn append(path: &Path) {
        OpenOptions::new().append(true).open(path).unwrap().write_all(b"x").unwrap();
    }

    #[test]
    fn bytes_and_rotation_wake_their_reader_alone() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| folder.path().join(name));
        let mut wake = Wake::new();
        for (number, path) in [(1, &a), (2, &b)] {
            File::create(path).unwrap();
            assert_eq!(wake.watch(number, path), Armed::Anew);
            assert_eq!(wake.watch(number, path), Armed::Still);
        }
        assert_eq!(news(&mut wake), NOBODY);
        append(&a);
        append(&a);
        assert_eq!(news(&mut wake), [1]);
        assert_eq!(news(&mut wake), NOBODY, "told once");
        // Renamed: one more word of the old file, then the new one is watched.
        fs::rename(&a, folder.path().join("a.1")).unwrap();
        assert_eq!(news(&mut wake), [1]);
        File::create(&a).unwrap();
        assert_eq!(wake.watch(1, &a), Armed::Anew);
        append(&a);
        assert_eq!(news(&mut wake), [1]);
        // Unlinked while a reader holds it.
        let held = File::open(&b).unwrap();
        fs::remove_file(&b).unwrap();
        assert_eq!(news(&mut wake), [2]);
        drop(held);
        news(&mut wake);
        assert_eq!(wake.polled().collect::<Vec<_>>(), [2], "the file is gone and nothing is watched");
        assert_eq!(wake.watch(2, &b), Armed::Absent);
        File::create(&b).unwrap();
        assert_eq!(wake.watch(2, &b), Armed::Anew);
        assert_eq!(wake.polled().count(), 0);
    }

    #[test]
    fn the_kernel_says_when_there_is_something() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        File::create(&path).unwrap();
        let mut wake = Wake::new();
        wake.watch(7, &path);
        let ready = |wake: &Wake| {
            let fd = wake.fd().unwrap();
            let mut fds = [rustix::event::PollFd::new(&fd, rustix::event::PollFlags::IN)];
            rustix::event::poll(&mut fds, Some(&rustix::event::Timespec::default())).unwrap()
        };
        assert_eq!(ready(&wake), 0, "a silent file wakes nobody");
        append(&path);
        assert_eq!(ready(&wake), 1);
        assert_eq!(news(&mut wake), [7]);
        assert_eq!(ready(&wake), 0);
    }

    #[test]
    fn one_file_may_have_two_readers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        File::create(&path).unwrap();
        let mut wake = Wake::new();
        wake.watch(1, &path);
        wake.watch(2, &path);
        append(&path);
        assert_eq!(news(&mut wake), [1, 2]);
        wake.forget(1);
        append(&path);
        assert_eq!(news(&mut wake), [2]);
        wake.distrust(2);
        append(&path);
        assert_eq!((news(&mut wake), wake.polled().collect::<Vec<_>>()), (vec![], vec![2]));
    }

    #[test]
    fn without_inotify_everything_is_polled() {
        let mut wake = Wake { inotify: None, watches: BTreeMap::new(), readers: BTreeMap::new() };
        assert_eq!(wake.watch(1, Path::new("/proc/self/stat")), Armed::Polled);
        assert_eq!(wake.polled().collect::<Vec<_>>(), [1]);
        assert_eq!(news(&mut wake), NOBODY);
        assert!(wake.fd().is_none());
    }
}
