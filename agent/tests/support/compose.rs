//! A compose file of this repository, started on the real engine under a project name of the test's own.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tempfile::TempDir;

use super::docker::{Docker, OWNER, skip};

/// A file below `compose/`.
pub fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../compose").join(name)
}

/// A port of loopback which nobody has at the moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

/// A project; taken down with its volumes when dropped.
#[derive(Debug)]
pub struct Composed {
    docker: Docker,
    /// Its name, which no other project has.
    pub project: String,
    /// Files of the test beside those of the repository.
    pub folder: TempDir,
    files: Vec<PathBuf>,
    environment: BTreeMap<String, String>,
}

impl Composed {
    /// Nothing started yet; `None`, after telling why, where there is no Compose or one of the images is missing.
    pub fn or_skip(docker: &Docker, stem: &str, files: &[impl AsRef<str>], images: &[&str]) -> Option<Self> {
        if let Err(reason) = docker.cli(&["compose", "version"]) {
            return skip("Compose", &reason);
        }
        for image in images {
            if docker.cli(&["image", "inspect", image]).is_err() {
                return skip("image", &format!("{image} is not there: `make test` makes it"));
            }
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let files = files.iter().map(|name| file(name.as_ref())).collect();
        let project = docker.unique(stem);
        Some(Self { docker: docker.clone(), project, folder, files, environment: BTreeMap::new() })
    }

    /// A variable of the files.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Writes a file of the test's own, and gives its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    /// One more file, after the others.
    pub fn overlay(&mut self, text: &str) {
        let path = self.write(&format!("overlay-{}.yml", self.files.len()), text);
        self.files.push(path);
    }

    /// Other files in place of these; those of the test itself are made again with the next start.
    pub fn swap(&mut self, files: &[impl AsRef<str>]) {
        self.files = files.iter().map(|name| file(name.as_ref())).collect();
    }

    /// Starts it and waits until what has a health check is healthy.
    #[track_caller]
    pub fn up(&mut self) {
        self.label();
        self.run(&["up", "--detach", "--wait", "--wait-timeout", "120"]);
    }

    /// Starts it, and waits for nobody's health.
    #[track_caller]
    pub fn start(&mut self) {
        self.label();
        self.run(&["up", "--detach"]);
    }

    /// Gives containers the label by which strays are found.
    fn label(&mut self) {
        let services = self.run(&["config", "--services"]);
        let labelled = |service: &str| format!("  {service}: {{ labels: {{ {OWNER}: '{}' }} }}\n", std::process::id());
        self.overlay(&format!("services:\n{}", services.lines().map(labelled).collect::<String>()));
    }

    /// A verb of Compose on the whole project; what it printed. Panics when it fails.
    #[track_caller]
    pub fn run(&self, verb: &[&str]) -> String {
        self.compose(verb).unwrap_or_else(|reason| panic!("{reason}"))
    }

    /// The container of a service.
    #[track_caller]
    pub fn container(&self, service: &str) -> String {
        self.run(&["ps", "--all", "--quiet", service])
    }

    /// `docker inspect` of the container of a service.
    #[track_caller]
    pub fn inspect(&self, service: &str) -> Value {
        self.docker.inspect(&[&self.container(service)]).swap_remove(0)
    }

    fn compose(&self, verb: &[&str]) -> Result<String, String> {
        let mut command = Command::new("docker");
        command.args(["--host", &format!("unix://{}", self.docker.socket().display()), "compose"]);
        command.args(["--project-name", &self.project, "--progress", "quiet"]);
        for file in &self.files {
            command.arg("--file").arg(file);
        }
        let output =
            command.args(verb).envs(&self.environment).output().map_err(|error| format!("run docker: {error}"))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(format!("compose {verb:?}: {}", text(&output.stderr)))
        }
    }
}

impl Drop for Composed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let logs = self.compose(&["logs", "--tail", "20", "--no-color"]).unwrap_or_else(|reason| reason);
            eprintln!("--- end of the logs of {}\n{logs}", self.project);
        }
        if let Err(reason) = self.compose(&["down", "--volumes", "--remove-orphans", "--timeout", "1"]) {
            eprintln!("{reason}");
        }
    }
}
