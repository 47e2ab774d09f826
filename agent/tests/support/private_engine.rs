//! A second Docker Engine which belongs to one test: it may be killed without harm to anybody else.
//!
//! It runs in mount and network namespaces of its own (a second engine in the host's network namespace would take away the
//! first one's bridge), has its own data, run folder, containerd and cgroup parent, and shares the file tree, so that its
//! socket and its containers' kernel files are reached like any others. It has no bridge: its containers have no network.
//! The namespaces are held by a process apart, because live-restore finds the containers' sockets only where they were made.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::process::Signal;
use tempfile::TempDir;

use super::{
    docker::{Docker, skip},
    process,
    wait::{STEP, holds, patience, within},
};

/// Tells one engine of this process from the next.
static SERIAL: AtomicU32 = AtomicU32::new(0);

/// The second engine.
#[derive(Debug)]
pub struct PrivateEngine {
    folder: TempDir,
    holder: Child,
    daemon: Option<Child>,
    journal: Option<Child>,
    live_restore: bool,
    /// Name of the cgroup under which its containers' cgroups are made.
    cgroup: String,
}

impl PrivateEngine {
    /// Starts one; `None`, after telling why, where that is not possible (it takes root and Debian's `dockerd`).
    pub fn or_skip(live_restore: bool) -> Option<Self> {
        let ready = |program: &&str| super::container::has_program(program);
        if !rustix::process::geteuid().is_root() || !["dockerd", "unshare", "nsenter"].iter().all(ready) {
            return skip("second engine", "needs root, dockerd, unshare and nsenter");
        }
        let mut engine = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            holder: hold_namespaces(),
            daemon: None,
            journal: None,
            live_restore,
            cgroup: format!("spyhop-test-{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed)),
        };
        engine.start();
        Some(engine)
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }

    /// A command line for it, in the turn of the first engine's user.
    pub fn docker(&self, first: &Docker) -> Docker {
        Docker::at(&self.socket(), first.turn()).expect("the second engine answers")
    }

    /// Starts the daemon and waits until it answers.
    pub fn start(&mut self) {
        assert!(self.daemon.is_none(), "it runs already");
        let log = File::options().create(true).append(true).open(self.path("dockerd.log")).expect("its log");
        let mut command = Command::new("nsenter");
        command
            .args(["--mount", "--net", "--target", &self.holder.id().to_string(), "dockerd"])
            .args(["--host", &format!("unix://{}", self.socket().display())])
            .args(["--data-root", &self.path("data"), "--exec-root", &self.path("exec")])
            .args([
                "--pidfile",
                &self.path("pid"),
                "--cgroup-parent",
                &format!("/{}", self.cgroup),
                "--log-level",
                "warn",
            ])
            .args(["--bridge", "none", "--iptables=false", "--ip-masq=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log);
        if self.live_restore {
            command.arg("--live-restore");
        }
        self.daemon = Some(command.spawn().expect("nsenter starts"));
        let host = format!("unix://{}", self.socket().display());
        within(patience() * 2, "the second engine answers", || {
            let output = Command::new("docker").args(["--host", &host, "version"]).output();
            let answers = output.is_ok_and(|output| output.status.success());
            if answers { Ok(()) } else { Err(fs::read_to_string(self.path("dockerd.log")).unwrap_or_default()) }
        });
    }

    /// Starts a journal for its containers, in its namespaces as it is; `None`, after telling why, where the program is not here.
    pub fn journal_or_skip(&mut self) -> Option<()> {
        const PROGRAM: &str = "/lib/systemd/systemd-journald";
        if !Path::new(PROGRAM).exists() {
            // Not a matter of the engine, so nobody's wish for one makes it a failure.
            println!("skipped, no journal: there is no {PROGRAM}");
            return None;
        }
        // Its files in memory: the machine's own journal, if it has one, is none of its business.
        let script = format!("mkdir -p /run/systemd/journal && mount -t tmpfs tmpfs /var/log && exec {PROGRAM}");
        let holder = self.holder.id();
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--net", "--target", &holder.to_string(), "sh", "-c", &script]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.journal = Some(command.spawn().expect("nsenter starts"));
        let socket = PathBuf::from(format!("/proc/{holder}/root/run/systemd/journal/socket"));
        within(patience(), "the journal listens", || holds(socket.exists(), || socket.display().to_string()));
        Some(())
    }

    /// SIGKILL to the daemon: no goodbye to anybody. Its containers go on.
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    /// SIGTERM: the daemon ends its containers first, unless it is one with live-restore.
    pub fn stop(&mut self) {
        self.end(Signal::TERM);
    }

    fn end(&mut self, signal: Signal) {
        let Some(mut daemon) = self.daemon.take() else { return };
        // nsenter replaces itself by the daemon, so the child is the daemon.
        process::signal(daemon.id(), signal);
        within(patience() * 2, "the second engine ends", || match daemon.try_wait() {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}")),
        });
        // A killed daemon leaves pid files of itself and of the containerd which dies with it, and the next one would believe them.
        let containerd = self.path("exec/containerd/containerd.pid");
        if let Ok(pid) = fs::read_to_string(&containerd) {
            let folder = Path::new("/proc").join(pid.trim());
            within(patience(), "its containerd ends", || holds(!folder.exists(), || folder.display().to_string()));
        }
        fs::remove_file(containerd).ok();
        fs::remove_file(self.path("pid")).ok();
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

impl Drop for PrivateEngine {
    fn drop(&mut self) {
        // Containers first, then whatever runs in the engine's mount namespace: the daemon, its containerd, their shims. All of
        // it is of no use to anybody any more, so nothing is asked to end by itself.
        let members =
            || cgroup_members(&self.cgroup).into_iter().chain(companions(self.holder.id())).collect::<Vec<_>>();
        let ended = (0..500).any(|_| {
            let left = members();
            left.iter().for_each(|pid| {
                process::signal(*pid, Signal::KILL);
            });
            std::thread::sleep(STEP);
            left.is_empty()
        });
        if !ended {
            eprintln!("processes of the second engine are left: {:?}", members());
        }
        for child in [&mut self.daemon, &mut self.journal].into_iter().flatten() {
            child.wait().ok();
        }
        self.holder.kill().ok();
        self.holder.wait().ok();
        remove_cgroups(&self.cgroup);
    }
}

/// Makes the namespaces and a process that keeps them; it ends with this process at the latest, when its input closes.
fn hold_namespaces() -> Child {
    const SCRIPT: &str =
        "mount --make-rprivate / && mount -t tmpfs tmpfs /run && ip link set lo up && echo ready && exec cat";
    let mut holder = Command::new("unshare")
        .args(["--mount", "--net", "sh", "-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("unshare starts");
    let mut line = String::new();
    let output = holder.stdout.take().expect("a pipe was asked for");
    BufReader::new(output).read_line(&mut line).expect("the holder's output");
    assert_eq!(line.trim(), "ready", "the namespaces are made");
    holder
}

/// Processes other than the holder in its mount namespace.
fn companions(holder: u32) -> Vec<u32> {
    let namespace = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
    let Some(wanted) = namespace(holder) else { return Vec::new() };
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| *pid != holder && namespace(*pid).as_ref() == Some(&wanted)).collect()
}

/// The cgroup of that name in every hierarchy.
fn cgroup_folders(name: &str) -> Vec<PathBuf> {
    let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    let roots = hierarchies.chain([Path::new("/sys/fs/cgroup").to_owned()]);
    roots.map(|root| root.join(name)).filter(|path| path.is_dir()).collect()
}

fn children(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).filter(|path| path.is_dir())
}

fn cgroup_members(name: &str) -> Vec<u32> {
    let containers = cgroup_folders(name).into_iter().flat_map(|folder| children(&folder).collect::<Vec<_>>());
    let lists = containers.map(|folder| fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default());
    lists.flat_map(|list| list.lines().filter_map(|line| line.parse().ok()).collect::<Vec<_>>()).collect()
}

fn remove_cgroups(name: &str) {
    for folder in cgroup_folders(name) {
        // Files inside are the kernel's; only folders can be removed, and only empty ones.
        for child in children(&folder) {
            fs::remove_dir(child).ok();
        }
        fs::remove_dir(folder).ok();
    }
}
