//! The real binary as a child process, on a port of the kernel's choice, with its own configuration and state.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use tempfile::TempDir;

use super::{
    page::Page,
    process::{self, Usage},
    wait::{eventually, holds, patience},
    wire::{self, Answer},
};

/// Content type a Prometheus 2 asks for first.
pub const ACCEPT_OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5";

/// Where an agent keeps its configuration, state and log; outlives the process, so that a second one can take over.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    binary: PathBuf,
    environment: Vec<(String, String)>,
}

impl Home {
    /// A home for the binary under test, talking to the engine behind `socket`.
    pub fn new(binary: &str, socket: &Path) -> Self {
        Self::with(binary, socket, "")
    }

    /// Like [`Home::new`] with more lines for the configuration file.
    pub fn with(binary: &str, socket: &Path, more: &str) -> Self {
        Self::reaching(binary, &format!("unix://{}", socket.display()), more)
    }

    /// Like [`Home::with`] for an engine behind any address, or `auto`; more lines of the section `engine` come first.
    pub fn reaching(binary: &str, address: &str, more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let state = folder.path().join("state");
        fs::create_dir(&state).expect("the state folder");
        let file = format!(
            "http:\n  listen: 127.0.0.1:0\nengine:\n  address: {address}\nstate:\n  directory: {}\nlog:\n  format: json\n{more}",
            state.display()
        );
        fs::write(folder.path().join("spyhop.yml"), file).expect("the configuration file");
        Self { folder, binary: binary.into(), environment: Vec::new() }
    }

    /// An environment variable for the agent.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("spyhop.yml")
    }

    /// Files in the state folder.
    pub fn state_files(&self) -> Vec<PathBuf> {
        let folder = fs::read_dir(self.folder.path().join("state")).expect("the state folder");
        folder.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect()
    }

    /// Starts an agent and waits until its HTTP port is open; it may not be ready yet.
    #[track_caller]
    pub fn open(&self) -> Agent {
        let log = self.folder.path().join("agent.log");
        let output = File::options().create(true).append(true).open(&log).expect("the log file");
        let child = Command::new(&self.binary)
            .arg("run")
            .arg("--config")
            .arg(self.config())
            .env_remove("DOCKER_HOST")
            .env_remove("DOCKER_CONTEXT")
            .env_remove("SPYHOP_CONFIG")
            .envs(self.environment.iter().map(|(k, v)| (k, v)))
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle of the log"))
            .stderr(output)
            .spawn()
            .unwrap_or_else(|error| panic!("start {}: {error}", self.binary.display()));
        let mut agent = Agent { child, log, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        agent.address = eventually("the agent opens its port", || {
            if let Ok(Some(status)) = agent.child.try_wait() {
                panic!("the agent ended at once, {status}:\n{}", agent.log());
            }
            process::listening(agent.pid()).ok_or("no listening socket")
        });
        agent
    }

    /// Starts an agent and waits until its first inventory is complete.
    #[track_caller]
    pub fn start(&self) -> Agent {
        let agent = self.open();
        eventually("the agent is ready", || {
            let answer = agent.get("/health/ready", &[]).map_err(|error| error.to_string())?;
            holds(answer.status == 200, || format!("/health/ready says {}: {}", answer.status, answer.text()))
        });
        agent
    }
}

/// A running agent; killed when dropped, its log shown when the test fails.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Agent {
    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// One request.
    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> std::io::Result<Answer> {
        wire::get(self.address, path, headers, patience())
    }

    /// `/metrics` in the Prometheus text format, parsed strictly.
    #[track_caller]
    pub fn scrape(&self) -> Page {
        self.scrape_path("/metrics")
    }

    /// `/metrics` with a query, in the Prometheus text format.
    #[track_caller]
    pub fn scrape_path(&self, path: &str) -> Page {
        let answer = self.get(path, &[("Accept", "text/plain;version=0.0.4")]).expect("the agent answers");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let kind = answer.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("text/plain") && kind.contains("version=0.0.4"), "content type {kind}");
        Page::text(answer.text()).unwrap_or_else(|reason| panic!("{path}: {reason}"))
    }

    /// `/metrics` in OpenMetrics, parsed strictly.
    #[track_caller]
    pub fn scrape_openmetrics(&self) -> Page {
        let answer = self.get("/metrics", &[("Accept", ACCEPT_OPENMETRICS)]).expect("the agent answers");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let kind = answer.header("content-type").unwrap_or_default();
        assert!(kind.starts_with("application/openmetrics-text") && kind.contains("version=1.0.0"), "type {kind}");
        Page::openmetrics(answer.text()).unwrap_or_else(|reason| panic!("/metrics: {reason}"))
    }

    /// Everything it has logged so far, by all agents of this home.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What it uses now.
    #[track_caller]
    pub fn usage(&self) -> Usage {
        Usage::of(self.pid()).expect("the agent runs")
    }

    /// SIGTERM; its exit status once it has drained.
    #[track_caller]
    pub fn terminate(mut self) -> ExitStatus {
        assert!(process::signal(self.pid(), Signal::TERM), "the agent runs");
        eventually("the agent ends on SIGTERM", || match self.child.try_wait() {
            Ok(Some(status)) => Ok(status),
            other => Err(format!("{other:?}")),
        })
    }

    /// SIGKILL; nothing is written on the way out.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Both fail only when the process is gone already, which is what is wanted.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(30).collect();
            eprintln!("--- end of the agent's log ---");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// How long a health or metrics answer may take while something is wrong elsewhere.
pub const IN_TIME: Duration = Duration::from_secs(1);
