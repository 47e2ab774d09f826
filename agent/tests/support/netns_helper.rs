//! `spyhop helper netns` as a child process with the two capabilities it needs, and processes in network namespaces of their own.

use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use spyhop::{
    config::{self, Sources},
    helper::Client,
    inventory::Snapshot,
    isolation::Intent,
    model::Process,
};
use tempfile::TempDir;

use super::{
    docker::skip,
    scene::binary,
    wait::{eventually, holds},
};

/// Whether this process may give capabilities to others; tells why nothing is tested otherwise.
pub fn is_root_or_skip() -> bool {
    if rustix::process::geteuid().is_root() {
        return true;
    }
    skip::<()>("root", "a helper with capabilities can be started by root alone").is_some()
}

/// A helper; killed when dropped, its log shown when the test fails.
#[derive(Debug)]
pub struct NetnsHelper {
    child: Child,
    folder: TempDir,
}

impl NetnsHelper {
    /// As in a container with all capabilities dropped but two: user 0 with these alone. It listens when this returns.
    #[track_caller]
    pub fn start(uids: &[u32]) -> Self {
        Self::of(&binary(), uids)
    }

    /// The same with another binary.
    #[track_caller]
    pub fn of(binary: &str, uids: &[u32]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = File::create(folder.path().join("log")).expect("a file for the log");
        let mut command = Command::new("setpriv");
        command.args(["--bounding-set", "-all,+sys_admin,+sys_ptrace", "--inh-caps", "-all", "--"]);
        command.args([binary, "helper", "netns", "--listen"]).arg(folder.path().join("netns.sock"));
        uids.iter().for_each(|uid| {
            command.args(["--allow-uid", &uid.to_string()]);
        });
        let child = command.stdin(Stdio::null()).stderr(log).spawn().expect("setpriv of util-linux");
        let mut helper = Self { child, folder };
        eventually("the helper listens", || {
            if let Ok(Some(status)) = helper.child.try_wait() {
                panic!("the helper ended at once, {status}: {}", helper.log());
            }
            holds(helper.log().contains("the helper listens"), || helper.log())
        });
        helper
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("netns.sock")
    }

    /// An agent's end of it.
    pub fn client(&self) -> Client {
        Client::at(self.path())
    }

    /// What it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A connection without a client around it.
    pub fn socket(&self) -> OwnedFd {
        use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, connect, socket};
        let socket = socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).expect("a socket");
        connect(&socket, &SocketAddrUnix::new(self.path()).expect("a short path")).expect("it listens");
        socket
    }

    /// Its handles, and the inode of its network namespace.
    pub fn state(&self) -> (usize, u64) {
        let handles = std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("it runs").count();
        (handles, namespace(self.pid()))
    }
}

impl Drop for NetnsHelper {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("--- the helper's log ---\n{}", self.log());
        }
    }
}

/// Which network namespace a process is in.
pub fn namespace(pid: u32) -> u64 {
    std::fs::metadata(format!("/proc/{pid}/ns/net")).expect("it runs").ino()
}

/// A process that sleeps in a network namespace of its own, in which not even loopback is up; killed when dropped.
#[derive(Debug)]
pub struct Sleeper(Child);

impl Sleeper {
    /// With more options of unshare(1).
    #[track_caller]
    pub fn start(options: &[&str]) -> Self {
        let child = Command::new("unshare").arg("--net").args(options).args(["--", "sleep", "100000"]).spawn();
        let sleeper = Self(child.expect("unshare of util-linux"));
        eventually("it is elsewhere", || {
            let name = std::fs::read_to_string(format!("/proc/{}/comm", sleeper.pid())).unwrap_or_default();
            holds(name.trim() == "sleep", || name)
        });
        sleeper
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// As a request names it.
    pub fn process(&self) -> Process {
        process(self.pid()).expect("it runs")
    }

    /// Ends it and waits until it is gone.
    pub fn end(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.end();
    }
}

/// The process with this id.
pub fn process(pid: u32) -> io::Result<Process> {
    Process::read(Path::new("/proc"), pid)
}

/// A policy in which a project has a say in flows, and lets none be.
#[track_caller]
pub fn everything_denied(project: &str, snapshot: &Snapshot) -> Intent {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("spyhop.yml");
    std::fs::write(&file, format!("projects:\n  {project}:\n    flows: []\n")).expect("a file");
    let sources = Sources { file: Some(file), ..Sources::default() };
    let config = config::load(&sources).unwrap_or_else(|report| panic!("{report}"));
    Intent::resolve(&config.policy, snapshot)
}
