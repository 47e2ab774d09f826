//! Whose socket it is: from its two ends to an inode, from that to a process, from that to containers.
//!
//! Which sockets there are everybody may see; which descriptors a process has, whoever has its user or may trace it (proc(5)).

use std::{collections::BTreeSet, io, net::SocketAddr, ops::ControlFlow, path::Path};

use super::{
    super::{
        handle::{CGROUP_CEILING, read_once},
        parse::words,
    },
    Buffer, Namespace, Table,
    namespace::lines,
    table::row,
};
use crate::model::Socket;

/// Digits of an engine's id.
const ID: usize = 64;

/// Processes looked at for one socket.
const MAX_PROCESSES: usize = 32_768;

/// Descriptors looked at for one socket.
const MAX_DESCRIPTORS: usize = 262_144;

/// Column of the inode in `/proc/<pid>/net/tcp`, counted from 0.
const INODE: usize = 9;

impl Namespace {
    /// The inode of the TCP socket with these two ends, seen from this namespace; 0 of one that has ended and still waits, `None` without one.
    ///
    /// # Errors
    /// What the system says; the process has ended.
    pub fn find(&self, local: SocketAddr, remote: SocketAddr, buffer: &mut Buffer) -> io::Result<Option<u64>> {
        let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
        let (local, remote) = (plain(local), plain(remote));
        let mut found = None;
        for table in [Table::Tcp4, Table::Tcp6] {
            if found.is_some() || (table == Table::Tcp4 && local.is_ipv6()) {
                continue;
            }
            let Some(file) = self.table(table)? else { continue };
            lines(file, buffer, |line| {
                let socket = row(line, table).ok().flatten().map(|row| row.socket);
                if socket.is_none_or(|socket| (socket.local, socket.remote) != (local, remote)) {
                    return ControlFlow::Continue(());
                }
                found = words(line).nth(INODE).and_then(super::super::parse::number);
                ControlFlow::Break(())
            })?;
        }
        Ok(found)
    }
}

/// Who holds a socket, as the kernel prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The user whose process made it.
    pub uid: u32,
    /// What descriptors point at; never 0, which stands for sockets that nobody holds any more.
    pub inode: u64,
}

/// Column of the user in `/proc/<pid>/net/tcp`, counted from 0.
const UID: usize = 7;

impl Namespace {
    /// Hands out the sockets of a table with who holds them; those that nobody holds are left out.
    ///
    /// # Errors
    /// What the system says; the process has ended.
    pub fn holders(&self, table: Table, buffer: &mut Buffer, mut each: impl FnMut(Socket, Holder)) -> io::Result<()> {
        let Some(file) = self.table(table)? else { return Ok(()) };
        lines(file, buffer, |line| {
            let number = |column: usize| words(line).nth(column).and_then(super::super::parse::number);
            let socket = row(line, table).ok().flatten().map(|row| row.socket);
            let uid = number(UID).and_then(|uid| u32::try_from(uid).ok());
            if let (Some(socket), Some(uid), Some(inode)) = (socket, uid, number(INODE).filter(|inode| *inode != 0)) {
                each(socket, Holder { uid, inode });
            }
            ControlFlow::Continue(())
        })?;
        Ok(())
    }
}

/// A process and all that descend from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Family {
    /// Users they are, by `fsuid`, which is what a socket that they make is of.
    pub uids: BTreeSet<u32>,
    /// Sockets they hold, where that is shown to us (proc(5): whoever has their user, or may trace them).
    pub inodes: BTreeSet<u64>,
}

/// Processes of one family that are looked at, and descriptors.
const MAX_FAMILY: usize = 512;
const MAX_HELD: usize = 16_384;

/// Looks at a process and its descendants. Without `task/<tid>/children` (`CONFIG_PROC_CHILDREN`) it is alone; what was started beside it in
/// its container (`docker exec`) is no descendant of it.
pub fn family_of(proc: &Path, pid: u32) -> Family {
    let (mut family, mut waiting, mut known) = (Family::default(), vec![pid], BTreeSet::from([pid]));
    while let Some(pid) = waiting.pop() {
        let folder = proc.join(pid.to_string());
        family.uids.extend(fsuid(&folder));
        let descriptors = std::fs::read_dir(folder.join("fd")).into_iter().flatten().flatten();
        let held = descriptors.filter_map(|descriptor| socket_inode(&std::fs::read_link(descriptor.path()).ok()?));
        family.inodes.extend(held.take(MAX_HELD.saturating_sub(family.inodes.len())));
        for task in std::fs::read_dir(folder.join("task")).into_iter().flatten().flatten().take(MAX_FAMILY) {
            let children = read_once(&task.path().join("children"), CGROUP_CEILING).unwrap_or_default();
            let numbers = words(&children).filter_map(super::super::parse::number);
            for child in numbers.filter_map(|number| u32::try_from(number).ok()) {
                if known.len() < MAX_FAMILY && known.insert(child) {
                    waiting.push(child);
                }
            }
        }
    }
    family
}

/// The fourth number behind `Uid:` in `/proc/<pid>/status`.
fn fsuid(folder: &Path) -> Option<u32> {
    let status = read_once(&folder.join("status"), CGROUP_CEILING).ok()?;
    let line = status.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    u32::try_from(words(line).nth(3).and_then(super::super::parse::number)?).ok()
}

fn socket_inode(target: &Path) -> Option<u64> {
    target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// What a search among descriptors has found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Descriptor {
    /// The process that has it open.
    pub pid: Option<u32>,
    /// Processes that have let their descriptors be seen.
    pub shown: usize,
}

/// Looks for the process with a socket among its descriptors; `first` are tried first.
pub fn descriptor_of(proc: &Path, inode: u64, first: &[u32]) -> Descriptor {
    let link = format!("socket:[{inode}]");
    let (mut found, mut room) = (Descriptor::default(), MAX_DESCRIPTORS);
    let numbers = std::fs::read_dir(proc).into_iter().flatten().flatten();
    let all = numbers.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).take(MAX_PROCESSES);
    for pid in first.iter().copied().chain(all) {
        let Ok(descriptors) = std::fs::read_dir(proc.join(pid.to_string()).join("fd")) else { continue };
        // Our own are always shown, and say nothing of whether others are.
        found.shown += usize::from(pid != std::process::id());
        for descriptor in descriptors.flatten() {
            room = room.saturating_sub(1);
            if std::fs::read_link(descriptor.path()).is_ok_and(|target| target.as_os_str() == link.as_str()) {
                return Descriptor { pid: Some(pid), ..found };
            }
        }
        if room == 0 {
            break;
        }
    }
    found
}

/// Ids of containers in the cgroups of a process, the innermost last; none of a process in no container.
///
/// # Errors
/// What the system says; the process has ended.
pub fn containers_of(proc: &Path, pid: u32) -> io::Result<Vec<String>> {
    let cgroup = read_once(&proc.join(pid.to_string()).join("cgroup"), CGROUP_CEILING)?;
    Ok(ids(&cgroup))
}

/// Runs of 64 lower-case hexadecimal digits and no more, each once.
fn ids(cgroup: &[u8]) -> Vec<String> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let mut found: Vec<String> = Vec::new();
    for word in cgroup.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| word.len() == ID) {
        let Some(id) = std::str::from_utf8(word).ok().filter(|_| word.iter().all(is_digit)) else {
            continue;
        };
        if !found.iter().any(|known| known == id) {
            found.push(id.to_owned());
        }
    }
    found
}

/// Whether processes have in this procfs the numbers that we know them by: it is that of our own pid namespace.
pub fn numbers_agree(proc: &Path) -> bool {
    let own = std::process::id().to_string();
    std::fs::read_link(proc.join("self")).is_ok_and(|target| target.as_os_str() == own.as_str())
}

#[cfg(test)]
mod tests {
    use std::{
        net::{TcpListener, TcpStream},
        os::fd::AsRawFd as _,
    };

    use super::*;

    const ID_A: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const ID_B: &str = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

    #[test]
    fn ids_are_found_in_cgroups_of_every_driver() {
        for (cgroup, expected) in [
            (format!("12:pids:/docker/{ID_A}\n0::/docker/{ID_A}\n"), vec![ID_A]),
            (format!("0::/system.slice/docker-{ID_A}.scope\n"), vec![ID_A]),
            (format!("0::/machine.slice/libpod-{ID_B}.scope/container\n"), vec![ID_B]),
            (format!("0::/docker/{ID_A}/docker/{ID_B}/init\n"), vec![ID_A, ID_B]),
            (format!("0::/../{ID_A}\n"), vec![ID_A]),
            (format!("0::/docker/{ID_A}0\n"), vec![]),
            (format!("0::/docker/{}\n", ID_A.to_uppercase()), vec![]),
            ("0::/user.slice/user-1000.slice/session-1.scope\n".into(), vec![]),
        ] {
            assert_eq!(ids(cgroup.as_bytes()), expected, "{cgroup}");
        }
    }

    #[test]
    fn a_family_has_its_users_and_sockets_and_those_of_its_children() {
        let proc = Path::new("/proc");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = Namespace::of(proc, std::process::id());
        let mut held = None;
        own.holders(Table::Tcp4, &mut Buffer::default(), |socket, holder| {
            if socket.local == listener.local_addr().unwrap() {
                held = Some(holder);
            }
        })
        .unwrap();
        let held = held.unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (family, alone) = (family_of(proc, std::process::id()), family_of(proc, child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(family.uids.contains(&held.uid) && family.inodes.contains(&held.inode), "{family:?}");
        assert!(alone.uids.contains(&held.uid) && !alone.inodes.contains(&held.inode), "{alone:?}");
        assert_eq!(family_of(proc, u32::MAX), Family::default());
    }

    #[test]
    fn a_socket_leads_to_its_process() {
        let proc = Path::new("/proc");
        for (address, mapped) in [("127.0.0.1:0", false), ("[::1]:0", false), ("[::]:0", true)] {
            let listener = TcpListener::bind(address).unwrap();
            let mut to = listener.local_addr().unwrap();
            if mapped {
                to.set_ip([127, 0, 0, 1].into());
            }
            let client = TcpStream::connect(to).unwrap();
            let (server, peer) = listener.accept().unwrap();
            let own = Namespace::of(proc, std::process::id());
            let find = |local, remote| own.find(local, remote, &mut Buffer::default()).unwrap();
            let inode = find(peer, server.local_addr().unwrap()).unwrap();
            let link = std::fs::read_link(format!("/proc/self/fd/{}", client.as_raw_fd())).unwrap();
            assert_eq!(link.to_str().unwrap(), format!("socket:[{inode}]"), "{address}");
            let found = descriptor_of(proc, inode, &[1, std::process::id()]);
            assert_eq!(found.pid, Some(std::process::id()));
            let nobody = SocketAddr::new(peer.ip(), if peer.port() == 1 { 2 } else { 1 });
            assert_eq!(find(nobody, server.local_addr().unwrap()), None);
        }
        assert!(numbers_agree(proc));
        assert_eq!(descriptor_of(proc, u64::MAX, &[]).pid, None);
    }
}
