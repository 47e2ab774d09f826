//! One real container: how it is made, what can be done to it, and its removal.

use std::{fmt, process::Command};

use serde_json::Value;

use super::docker::{Docker, OWNER, remove};

/// What the container's program does.
#[derive(Clone, Debug)]
pub enum Role {
    /// Sleeps; ends at once when asked to.
    Idle,
    /// Uses as much CPU as it is given.
    Busy,
    /// Runs for so many seconds, then exits with the code.
    ExitAfter(f64, u8),
    /// Takes memory until it is stopped.
    Hungry,
    /// Any shell script.
    Script(String),
    /// What the image says, for images other than the test's own.
    Image,
    /// What the image says, with these arguments.
    Arguments(Vec<String>),
}

impl Role {
    fn arguments(&self) -> Vec<String> {
        let script = match self {
            // The shell is process 1, where only signals with a handler end it.
            Self::Idle => "trap 'exit 0' TERM; sleep 100000 & wait".to_owned(),
            Self::Busy => "while :; do :; done".to_owned(),
            Self::ExitAfter(seconds, code) => format!("sleep {seconds}; exit {code}"),
            // tail keeps its last line, and a file of zeros is one line without end.
            Self::Hungry => "tail /dev/zero".to_owned(),
            Self::Script(script) => script.clone(),
            Self::Image => return Vec::new(),
            Self::Arguments(arguments) => return arguments.clone(),
        };
        vec!["sh".into(), "-c".into(), script]
    }
}

/// A container to be made.
#[derive(Clone, Debug)]
pub struct Recipe {
    docker: Docker,
    name: String,
    options: Vec<String>,
    image: String,
    role: Role,
}

impl Recipe {
    pub(super) fn new(docker: &Docker, stem: &str) -> Self {
        let owner = format!("{OWNER}={}", std::process::id());
        Self {
            docker: docker.clone(),
            name: docker.unique(stem),
            options: vec!["--label".into(), owner],
            image: docker.image().to_owned(),
            role: Role::Idle,
        }
    }

    /// Options of `docker run`, as on the command line.
    pub fn options(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(|&option| option.to_owned()));
        self
    }

    /// A label.
    pub fn label(self, key: &str, value: &str) -> Self {
        self.options(&["--label", &format!("{key}={value}")])
    }

    /// The labels Compose gives to replica `number` of a service.
    pub fn compose(self, project: &str, service: &str, number: u32) -> Self {
        self.label("com.docker.compose.project", project)
            .label("com.docker.compose.service", service)
            .label("com.docker.compose.container-number", &number.to_string())
            .label("com.docker.compose.oneoff", "False")
    }

    /// A health check that passes as long as `/sick` does not exist.
    pub fn health(self, interval: &str) -> Self {
        self.options(&["--health-cmd", "test ! -e /sick", "--health-interval", interval, "--health-retries", "1"])
    }

    /// What it does; [`Role::Idle`] otherwise.
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Another image, doing what it is made for.
    pub fn of_image(mut self, image: &str) -> Self {
        image.clone_into(&mut self.image);
        self.role(Role::Image)
    }

    /// Another name than the unique one, for a container made again under its old name.
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// The name it will have.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `docker run --detach`.
    #[track_caller]
    pub fn start(self) -> Running {
        self.make(&["run", "--detach"])
    }

    /// `docker create`: made, never started.
    #[track_caller]
    pub fn create(self) -> Running {
        self.make(&["create"])
    }

    #[track_caller]
    fn make(self, verb: &[&str]) -> Running {
        let program = self.role.arguments();
        let mut arguments = verb.to_vec();
        arguments.extend(["--name", &self.name]);
        arguments.extend(self.options.iter().map(String::as_str));
        arguments.push(&self.image);
        arguments.extend(program.iter().map(String::as_str));
        let id = self.docker.run(&arguments);
        Running { id, name: self.name, docker: self.docker, owned: true }
    }
}

/// A container that exists, removed when dropped.
pub struct Running {
    /// Full id.
    pub id: String,
    /// Name at its making.
    pub name: String,
    docker: Docker,
    owned: bool,
}

impl Running {
    /// A verb of the command line with the container as its last argument: `act(&["kill", "--signal", "KILL"])`.
    #[track_caller]
    pub fn act(&self, verb: &[&str]) -> String {
        let mut arguments = verb.to_vec();
        arguments.push(&self.id);
        self.docker.run(&arguments)
    }

    /// Runs a shell script inside; panics when it fails.
    #[track_caller]
    pub fn exec(&self, script: &str) -> String {
        self.docker.run(&["exec", self.id.as_str(), "sh", "-c", script])
    }

    /// `docker inspect`.
    #[track_caller]
    pub fn inspect(&self) -> Value {
        self.docker.inspect(&[&self.id]).swap_remove(0)
    }

    /// `State.Pid`; 0 while it does not run.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.inspect()["State"]["Pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0)
    }

    /// `docker rm --force`, now; returns with the command line.
    pub fn remove(self) {
        drop(self);
    }

    /// Leaves the removal to the engine (`--rm`).
    pub fn disowned(self) -> String {
        self.disown()
    }

    /// Leaves the removal to the caller.
    pub(super) fn disown(mut self) -> String {
        self.owned = false;
        std::mem::take(&mut self.id)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.owned {
            remove(&self.docker, &[&self.id]);
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Whether a program is on the path, for tests which need more than the engine.
pub fn has_program(name: &str) -> bool {
    Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
}
