//! Finding a process that cannot be taken for another, and proving whose it is before anything is made in its namespace: by its cgroup
//! alone, where a look at its sockets (`host::sockets`) does with when it began.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::model::Process;

/// Largest file of `/proc` read here. A line of `stat` has some 400 bytes; a process may be in a hundred cgroups.
const MAX_FILE: u64 = 16 << 10;

impl Process {
    /// The process that has this id now; `proc` is where the host's `/proc` is.
    ///
    /// # Errors
    /// What the kernel says: most often that it is gone. `InvalidData` where the file is not as proc(5) has it.
    pub fn read(proc: &Path, pid: u32) -> io::Result<Self> {
        let stat = read(&proc.join(pid.to_string()).join("stat"))?;
        let start_time = Self::start_time_of(&stat).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { pid, start_time })
    }

    /// Like [`Self::read`], and it is one of the container with this id: the kernel has it in a cgroup with that in its name. What the
    /// engine said of the pid may be older than the process that has it now.
    ///
    /// # Errors
    /// Like [`Self::read`]; `NotFound` where the process belongs to somebody else.
    pub fn of_container(proc: &Path, pid: u32, id: &str) -> io::Result<Self> {
        // In this order: the cgroup is looked at while the process of that time is there, or a later one fails it.
        let process = Self::read(proc, pid)?;
        let cgroup = read(&proc.join(pid.to_string()).join("cgroup"))?;
        let named = !id.is_empty() && memchr::memmem::find(&cgroup, id.as_bytes()).is_some();
        if named { Ok(process) } else { Err(io::ErrorKind::NotFound.into()) }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_and_its_container_is_proven() {
        let own = Process::read("/proc".as_ref(), std::process::id()).unwrap();
        assert_eq!(Process::read("/proc".as_ref(), own.pid).unwrap(), own, "it does not begin twice");
        assert!(own.start_time > 0);
        let folder = tempfile::tempdir().unwrap();
        let id = "c0ffee".repeat(10);
        std::fs::create_dir(folder.path().join("7")).unwrap();
        std::fs::write(folder.path().join("7/stat"), format!("7 (x) S {} 55 0", "0 ".repeat(18))).unwrap();
        std::fs::write(folder.path().join("7/cgroup"), format!("0::/system.slice/docker-{id}.scope\n")).unwrap();
        let found = Process::of_container(folder.path(), 7, &id).unwrap();
        assert_eq!(found, Process { pid: 7, start_time: 55 });
        for other in ["", "beef"] {
            let error = Process::of_container(folder.path(), 7, other).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound, "{other:?}");
        }
        assert_eq!(Process::read(folder.path(), 8).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
