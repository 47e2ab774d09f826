//! A host which does not exist: /proc and /sys trees for any number of containers, as plain files.
//!
//! The files hold what a kernel writes, in its order and of its length; only their numbers are made up. They lie on a tmpfs, so
//! reading them costs less than reading a kernel's: they show how the agent grows with containers, not what it costs.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{crowd::Version, synthetic_v1, synthetic_v2};

/// Files of the host itself, copied from this machine.
const HOST_FILES: [&str; 13] = [
    "stat",
    "meminfo",
    "loadavg",
    "diskstats",
    "cpuinfo",
    "uptime",
    "version",
    "pressure/cpu",
    "pressure/memory",
    "pressure/io",
    "sys/kernel/random/boot_id",
    "1/net/dev",
    "1/stat",
];

/// The trees; removed when dropped.
#[derive(Debug)]
pub(crate) struct SyntheticHost {
    folder: TempDir,
    version: Version,
}

impl SyntheticHost {
    /// A host without containers.
    pub(crate) fn new(version: Version) -> Result<Self> {
        let shm = Path::new("/dev/shm");
        let folder =
            if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() }.context("make a folder")?;
        let host = Self { folder, version };
        for name in HOST_FILES {
            // A kernel without PSI has no pressure files, and neither has the copy.
            if let Ok(content) = fs::read(Path::new("/proc").join(name)) {
                write(&host.proc().join(name), &content)?;
            }
        }
        let mounts = match version {
            Version::V1 => synthetic_v1::mountinfo(),
            Version::V2 => synthetic_v2::mountinfo(),
        };
        for process in ["self", "1"] {
            write(&host.proc().join(process).join("mountinfo"), mounts.as_bytes())?;
            write(&host.proc().join(process).join("cgroup"), version.root_cgroup().as_bytes())?;
        }
        let device = host.sys().join("dev/block/253:0");
        write(&device.join("uevent"), b"MAJOR=253\nMINOR=0\nDEVNAME=vda\nDEVTYPE=disk\n")?;
        host.cgroup_files("", 0)?;
        if matches!(version, Version::V1) {
            // The kernel has it in the root of each hierarchy and nowhere else: the sign that all cgroups can be seen.
            for controller in synthetic_v1::CONTROLLERS {
                write(&host.sys().join("fs/cgroup").join(controller).join("release_agent"), b"\n")?;
            }
        }
        Ok(host)
    }

    /// What the agent is told is /proc.
    pub(crate) fn proc(&self) -> PathBuf {
        self.folder.path().join("proc")
    }

    /// What the agent is told is /sys.
    pub(crate) fn sys(&self) -> PathBuf {
        self.folder.path().join("sys")
    }

    /// Adds the files of one container whose first process has this pid.
    pub(crate) fn add(&self, id: &str, pid: u32) -> Result<()> {
        self.cgroup_files(&format!("docker/{id}"), pid)?;
        let process = self.proc().join(pid.to_string());
        write(&process.join("cgroup"), self.version.cgroup(id).as_bytes())?;
        write(&process.join("stat"), stat(pid).as_bytes())?;
        write(&process.join("net/dev"), net_dev(pid).as_bytes())?;
        fs::create_dir_all(process.join("ns"))?;
        symlink(format!("net:[{}]", 4_026_600_000 + u64::from(pid)), process.join("ns/net"))?;
        Ok(())
    }

    /// Takes a container's files away again.
    pub(crate) fn remove(&self, id: &str, pid: u32) -> Result<()> {
        for folder in self.version.folders(&self.sys(), &format!("docker/{id}")) {
            fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
        }
        fs::remove_dir_all(self.proc().join(pid.to_string())).context("remove its process")
    }

    fn cgroup_files(&self, path: &str, seed: u32) -> Result<()> {
        let files = match self.version {
            Version::V1 => synthetic_v1::files(u64::from(seed)),
            Version::V2 => synthetic_v2::files(u64::from(seed)),
        };
        for (controller, name, content) in files {
            write(&self.sys().join("fs/cgroup").join(controller).join(path).join(name), content.as_bytes())?;
        }
        Ok(())
    }
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file is in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    fs::write(path, content).with_context(|| format!("write {}", path.display()))
}

/// `/proc/<pid>/stat`; the start time, field 22, is what tells one process from the next with its pid.
fn stat(pid: u32) -> String {
    format!(
        "{pid} (app) S 1 {pid} {pid} 0 -1 4194560 1209 0 3 0 1 2 0 0 20 0 4 0 {} 12345678 512 18446744073709551615 1 1 0 0 0 0 0 4096 \
         134234626 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
        100_000 + pid
    )
}

fn net_dev(pid: u32) -> String {
    let bytes = 1_000_000 + u64::from(pid) * 977;
    format!(
        "Inter-|   Receive                                                |  Transmit\n \
         face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n    \
         lo:   84000    1000    0    0    0     0          0         0    84000    1000    0    0    0     0       0          0\n  \
         eth0: {bytes} {}    0    2    0     0          0         0 {} {}    0    0    0     0       0          0\n",
        bytes / 800,
        bytes * 2,
        bytes / 700,
    )
}
