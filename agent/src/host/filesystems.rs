//! Mounted filesystems of the host with their sizes: the mount table of pid 1, `statvfs` below the host's root.
//!
//! The table is parsed again only when the kernel says that it changed (a poll on mountinfo, proc(5)): a host with a thousand
//! containers has thousands of rows. Network filesystems are never asked for their size, because a server that is gone would
//! hold up the scrape.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    time::Timespec,
};

use super::{
    handle::{MOUNTS_CEILING, open, read_once},
    roots::{MountRow, Roots},
};
use crate::model::Filesystem;

/// Most filesystems that are shown.
const MAX_FILESYSTEMS: usize = 1024;

/// Types that hold no data of their own, as node_exporter leaves them out by default.
const VIRTUAL: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "erofs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "procfs",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
];

/// Types behind which stands a server, or a program, that may not answer.
const REMOTE: &[&str] = &[
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "fuse",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "nfs",
    "nfs4",
    "ocfs2",
    "smb3",
    "smbfs",
    "virtiofs",
];

/// The mount table and what was kept of it.
#[derive(Debug)]
pub(super) struct Table {
    rootfs: PathBuf,
    mountinfo: PathBuf,
    watch: Option<File>,
    kept: Vec<Filesystem>,
}

impl Table {
    /// `None` without the host's root.
    pub(super) fn open(roots: &Roots) -> Option<Self> {
        let rootfs = roots.rootfs.clone()?;
        let of_init = roots.proc.join("1/mountinfo");
        let mountinfo = if open(&of_init).is_ok() { of_init } else { roots.proc.join("self/mountinfo") };
        Some(Self { rootfs, mountinfo, watch: None, kept: Vec::new() })
    }

    /// Whether anything can be shown.
    pub(super) fn available(&self) -> bool {
        self.watch.is_some() || self.mountinfo.exists()
    }

    /// Brings the list up to date and asks each filesystem for its size.
    pub(super) fn read(&mut self, into: &mut Vec<Filesystem>) {
        if self.changed() {
            self.load();
        }
        into.clone_from(&self.kept);
        for filesystem in into {
            measure(&self.rootfs, filesystem);
        }
    }

    /// The kernel raises `POLLPRI` on an open mountinfo once for every change; a plain file (in tests) never does.
    fn changed(&self) -> bool {
        const NOT_WAITING: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        let Some(watch) = &self.watch else { return true };
        let mut polled = [PollFd::new(watch, PollFlags::PRI)];
        match poll(&mut polled, Some(&NOT_WAITING)) {
            Ok(_) => polled.iter().any(|file| file.revents().intersects(PollFlags::PRI | PollFlags::ERR)),
            Err(_) => true,
        }
    }

    fn load(&mut self) {
        // Opened before it is read: a change in between is announced on the new handle.
        self.watch = open(&self.mountinfo).ok();
        let bytes = read_once(&self.mountinfo, MOUNTS_CEILING).unwrap_or_default();
        self.kept = keep(&bytes);
    }
}

/// The rows worth showing, in the table's order; of several mounts on one point the last covers the others.
fn keep(mountinfo: &[u8]) -> Vec<Filesystem> {
    let mut kept: Vec<Filesystem> = Vec::new();
    for row in MountRow::all(mountinfo) {
        let mountpoint = row.point.to_string_lossy().into_owned();
        kept.retain(|known| known.mountpoint.as_ref() != mountpoint);
        if is_left_out(&row.fstype, &row.point) || kept.len() >= MAX_FILESYSTEMS {
            continue;
        }
        kept.push(Filesystem {
            device: Arc::from(row.source),
            fstype: Arc::from(row.fstype),
            mountpoint: Arc::from(mountpoint),
            read_only: [&row.options, &row.super_options]
                .iter()
                .any(|options| options.split(',').any(|option| option == "ro")),
            ..Filesystem::default()
        });
    }
    kept
}

fn is_left_out(fstype: &str, point: &Path) -> bool {
    let below = |parent: &str| point.starts_with(parent);
    let strictly_below = |parent: &str| below(parent) && point != Path::new(parent);
    VIRTUAL.contains(&fstype)
        || REMOTE.contains(&fstype)
        || fstype.starts_with("fuse.")
        || below("/dev")
        || below("/proc")
        || below("/sys")
        || strictly_below("/run/credentials")
        || strictly_below("/var/lib/docker")
        || strictly_below("/var/lib/containers/storage")
}

/// `statvfs` of the mount point below the host's root.
fn measure(rootfs: &Path, filesystem: &mut Filesystem) {
    let below = filesystem.mountpoint.trim_start_matches('/');
    let path = if below.is_empty() { rootfs.to_owned() } else { rootfs.join(below) };
    match rustix::fs::statvfs(&path) {
        Ok(found) => {
            filesystem.size_bytes = found.f_blocks.checked_mul(found.f_frsize);
            filesystem.free_bytes = found.f_bfree.checked_mul(found.f_frsize);
            filesystem.avail_bytes = found.f_bavail.checked_mul(found.f_frsize);
            filesystem.files = Some(found.f_files);
            filesystem.files_free = Some(found.f_ffree);
        }
        Err(_) => filesystem.device_error = true,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOUNTS: &[u8] = b"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:20 / /proc rw - proc proc rw
24 22 0:21 / /run rw,nosuid - tmpfs tmpfs rw,size=10%
25 22 0:22 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
26 22 254:1 / /srv/with\\040blank ro - xfs /dev/vdb ro
27 22 0:30 / /mnt/nfs rw - nfs4 server:/x rw
28 22 254:2 / /data rw - ext4 /dev/vdc rw
29 28 254:3 / /data rw - ext4 /dev/vdd rw
30 22 0:31 / /mnt/sshfs rw - fuse.sshfs host:/ rw
31 22 0:32 / /mnt/plain rw - fuse program rw
nonsense
";

    #[test]
    fn real_local_filesystems_are_kept() {
        let seen: Vec<_> = keep(MOUNTS)
            .into_iter()
            .map(|kept| (kept.mountpoint.to_string(), kept.device.to_string(), kept.fstype.to_string(), kept.read_only))
            .collect();
        let row =
            |point: &str, device: &str, fstype: &str, ro| (point.to_owned(), device.to_owned(), fstype.to_owned(), ro);
        assert_eq!(
            seen,
            [
                row("/", "/dev/vda", "ext4", false),
                row("/run", "tmpfs", "tmpfs", false),
                row("/srv/with blank", "/dev/vdb", "xfs", true),
                row("/data", "/dev/vdd", "ext4", false),
            ]
        );
    }

    #[test]
    fn sizes_come_from_below_the_given_root_and_a_missing_one_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let mut here = Filesystem { mountpoint: "/".into(), ..Filesystem::default() };
        measure(root.path(), &mut here);
        assert!(here.size_bytes.is_some_and(|size| size > 0) && !here.device_error);
        let mut missing = Filesystem { mountpoint: "/nowhere".into(), ..Filesystem::default() };
        measure(root.path(), &mut missing);
        assert!(missing.device_error && missing.size_bytes.is_none());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = keep(&bytes);
        }
    }
}
