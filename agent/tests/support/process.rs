//! What the kernel knows of a process a test started: its cost, its handles, the ports it listens on.

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// What a process uses now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory in bytes (`VmRSS`).
    pub rss: u64,
    /// What of it the process has allocated (`RssAnon`). The rest are pages of the program, 23 MiB in an unoptimised build and 9 in a
    /// release: promises about memory are held against this where a test build is measured.
    pub allocated: u64,
    /// Threads.
    pub threads: usize,
    /// Open file descriptors.
    pub handles: usize,
    /// CPU time of the threads that live, user and kernel mode.
    pub cpu: Duration,
}

impl Usage {
    /// Reads it; `None` when the process is gone.
    pub fn of(pid: u32) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let kib = |name: &str| {
            let row = status.lines().find_map(|line| line.strip_prefix(name))?;
            row.trim().strip_suffix(" kB")?.parse::<u64>().ok()
        };
        Some(Self {
            rss: kib("VmRSS:")? * 1024,
            allocated: kib("RssAnon:")? * 1024,
            threads: fs::read_dir(format!("/proc/{pid}/task")).ok()?.count(),
            handles: fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count(),
            cpu: cpu(pid)?,
        })
    }
}

/// CPU time of all live threads, to the nanosecond (`schedstat`; `stat` counts in ticks of 10 ms).
pub fn cpu(pid: u32) -> Option<Duration> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        // A thread may end between listing and reading; its time is lost then.
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += text.split(' ').next().and_then(|v| v.parse::<u64>().ok()).unwrap_or(0);
    }
    Some(Duration::from_nanos(nanoseconds))
}

/// CPU time of all threads, those which have ended too, in ticks of 10 ms (`stat`, fields 14 and 15).
pub fn cpu_of_all(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11).map(str::parse::<u64>);
    Some(Duration::from_millis(10 * (fields.next()?.ok()? + fields.next()?.ok()?)))
}

/// The TCP port the process listens on, once there is one: how a test finds a server which was told to take port 0.
pub fn listening(pid: u32) -> Option<SocketAddr> {
    all_listening(pid)?.first().copied()
}

/// Every TCP port over IPv4 the process listens on, in the kernel's order.
pub fn all_listening(pid: u32) -> Option<Vec<SocketAddr>> {
    let sockets = sockets(pid)?;
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).ok()?;
    let rows = table.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let listens = fields.get(3) == Some(&"0A") && fields.get(9).is_some_and(|inode| sockets.contains(*inode));
        listens.then(|| fields.get(1).map(|row| (*row).to_owned())).flatten()
    });
    rows.map(|row| {
        let (address, port) = row.split_once(':')?;
        // The kernel prints the address as one number in the machine's byte order.
        let address = Ipv4Addr::from(u32::from_str_radix(address, 16).ok()?.to_ne_bytes());
        Some((address, u16::from_str_radix(port, 16).ok()?).into())
    })
    .collect()
}

fn sockets(pid: u32) -> Option<BTreeSet<String>> {
    let handles = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let links = handles.filter_map(|handle| fs::read_link(handle.ok()?.path()).ok());
    Some(
        links.filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())).collect(),
    )
}

/// Sends a signal; `false` when the process is gone.
pub fn signal(pid: u32, signal: rustix::process::Signal) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::kill_process(pid, signal).is_ok())
}
