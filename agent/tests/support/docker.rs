//! Real containers on a real engine, through the docker command line: the same way a person would make them.
//!
//! Every container carries a unique name and the label [`OWNER`], and is removed when its value is dropped. Strays of
//! a test process that was killed are removed by the next one. Containers of others are never touched.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use serde_json::Value;
use tempfile::NamedTempFile;

use super::{
    container::{Recipe, Running},
    facts::float,
    image,
    podman::{HealthTimer, Product},
};

/// Label with the process id of the test that made a container.
pub const OWNER: &str = "spyhop.test.owner";

static SERIAL: AtomicU32 = AtomicU32::new(0);

/// An engine to make containers on. Clones are handles to the same engine and share its turn.
#[derive(Clone, Debug)]
pub struct Docker {
    socket: PathBuf,
    image: String,
    product: Product,
    _turn: Arc<File>,
    _timer: Option<Arc<HealthTimer>>,
}

/// Whether a test shares the engine with others or needs the machine for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Others may run beside it.
    Shared,
    /// It is heavy, or measures: nobody beside it.
    Alone,
}

impl Docker {
    /// The engine which `DOCKER_HOST` names, else that behind the default socket; `None`, after telling why, where there is none
    /// to test with.
    ///
    /// With `SPYHOP_REQUIRE_ENGINE=1` a missing engine fails the test instead.
    pub fn or_skip(turn: Turn) -> Option<Self> {
        match Self::available(turn) {
            Ok(docker) => Some(docker),
            Err(reason) => skip("container engine", &reason),
        }
    }

    /// [`Self::or_skip`] with the reason for the caller, waiting for its turn.
    pub fn available(turn: Turn) -> Result<Self, String> {
        let named = std::env::var("DOCKER_HOST").unwrap_or_default();
        let socket = match named.as_str() {
            "" => "/var/run/docker.sock",
            named => named.strip_prefix("unix://").ok_or("DOCKER_HOST names no unix socket, which these tests need")?,
        };
        Self::at(Path::new(socket), take_turn(turn)?)
    }

    /// An engine behind another socket.
    pub fn at(socket: &Path, turn: Arc<File>) -> Result<Self, String> {
        let (socket, product) = (socket.to_owned(), Product::Docker);
        let mut docker = Self { socket, image: String::new(), product, _turn: turn, _timer: None };
        docker.product = Product::parse(&docker.cli(&["version", "--format", Product::FORMAT])?);
        docker._timer = HealthTimer::start(docker.product, &docker.socket);
        docker.remove_strays()?;
        docker.image = image::ensure(&docker)?;
        Ok(docker)
    }

    /// The lock which this engine's users hold, for a second engine inside the same test.
    pub fn turn(&self) -> Arc<File> {
        Arc::clone(&self._turn)
    }

    /// The engine's socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Which engine it is.
    pub const fn product(&self) -> Product {
        self.product
    }

    /// Image every recipe starts from: a static busybox and nothing else.
    pub fn image(&self) -> &str {
        &self.image
    }

    /// Runs the docker command line; what it printed, trimmed.
    pub fn cli(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new("docker")
            .arg("--host")
            .arg(format!("unix://{}", self.socket.display()))
            .args(arguments)
            .env("DOCKER_BUILDKIT", "0")
            .output()
            .map_err(|error| format!("run docker: {error}"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        Err(format!("docker {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
    }

    /// Runs the docker command line; panics when it fails.
    #[track_caller]
    pub fn run(&self, arguments: &[&str]) -> String {
        self.cli(arguments).unwrap_or_else(|reason| panic!("{reason}"))
    }

    /// A name nobody else uses.
    pub fn unique(&self, stem: &str) -> String {
        format!("spyhop-test-{}-{}-{stem}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed))
    }

    /// A container to be made; `stem` becomes part of its unique name.
    pub fn container(&self, stem: &str) -> Recipe {
        Recipe::new(self, stem)
    }

    /// Makes many containers, four at a time; they are removed together.
    pub fn fleet(&self, recipes: Vec<Recipe>) -> Fleet {
        const AT_ONCE: usize = 4;
        let mut started: Vec<Option<Running>> = recipes.iter().map(|_| None).collect();
        let share = recipes.len().div_ceil(AT_ONCE).max(1);
        std::thread::scope(|scope| {
            for (recipes, places) in recipes.chunks(share).zip(started.chunks_mut(share)) {
                scope.spawn(move || {
                    for (recipe, place) in recipes.iter().zip(places) {
                        *place = Some(recipe.clone().start());
                    }
                });
            }
        });
        Fleet { docker: self.clone(), members: started.into_iter().flatten().collect() }
    }

    /// `docker inspect` of several containers, in the order asked for.
    #[track_caller]
    pub fn inspect(&self, ids: &[&str]) -> Vec<Value> {
        let mut arguments = vec!["container", "inspect"];
        arguments.extend(ids);
        serde_json::from_str(&self.run(&arguments)).expect("docker inspect prints a JSON list")
    }

    /// Everything the engine tells of containers of that name from now on.
    #[track_caller]
    pub fn watch(&self, name: &str) -> Watch {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let output = file.reopen().expect("a second handle");
        let child = Command::new("docker")
            .args(["--host", &format!("unix://{}", self.socket.display()), "events", "--format", "{{.Action}}"])
            .args(["--filter", &format!("container={name}")])
            .stdout(output)
            .spawn()
            .expect("docker runs");
        Watch { child, file }
    }

    fn remove_strays(&self) -> Result<(), String> {
        let filter = format!("label={OWNER}");
        let format = format!("{{{{.ID}}}} {{{{.Label \"{OWNER}\"}}}}");
        let listed = self.cli(&["ps", "--all", "--no-trunc", "--filter", &filter, "--format", &format])?;
        let owner_is_gone =
            |line: &&str| line.split_once(' ').is_some_and(|(_, owner)| !Path::new("/proc").join(owner).exists());
        let strays: Vec<_> = listed.lines().filter(owner_is_gone).filter_map(|line| line.split(' ').next()).collect();
        remove(self, &strays);
        Ok(())
    }
}

/// The engine's own account of a container, to count by.
#[derive(Debug)]
pub struct Watch {
    child: Child,
    file: NamedTempFile,
}

impl Watch {
    /// How often it has told this event.
    pub fn count(&self, event: &str) -> f64 {
        let told = std::fs::read_to_string(self.file.path()).unwrap_or_default();
        float(told.lines().filter(|line| *line == event).count() as u64)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Both fail only when it has ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Containers which live and die together.
#[derive(Debug)]
pub struct Fleet {
    docker: Docker,
    members: Vec<Running>,
}

impl std::ops::Deref for Fleet {
    type Target = [Running];

    fn deref(&self) -> &Self::Target {
        &self.members
    }
}

impl Fleet {
    /// Removes all of them now.
    pub fn remove(self) {
        drop(self);
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let ids: Vec<_> = self.members.drain(..).map(Running::disown).collect();
        remove(&self.docker, &ids.iter().map(String::as_str).collect::<Vec<_>>());
    }
}

/// Forced removal; what is gone already is no failure.
pub fn remove(docker: &Docker, ids: &[&str]) {
    if ids.is_empty() {
        return;
    }
    if docker.product().is_podman() {
        // Its forced removal asks the program to end first, and waits; Docker's is a kill. Those which do not run cannot be killed.
        drop(docker.cli(&[&["kill"], ids].concat()));
    }
    let mut arguments = vec!["rm", "--force", "--volumes"];
    arguments.extend(ids);
    let gone = |reason: &String| reason.contains("No such container") || reason.contains("already in progress");
    if let Some(reason) = docker.cli(&arguments).err().filter(|reason| !gone(reason)) {
        eprintln!("{reason}");
    }
}

/// Tells why a test cannot run here; panics where `SPYHOP_REQUIRE_ENGINE=1` says that it must.
pub fn skip<T>(what: &str, reason: &str) -> Option<T> {
    assert!(std::env::var("SPYHOP_REQUIRE_ENGINE").as_deref() != Ok("1"), "{what} required: {reason}");
    eprintln!("skipped, no {what}: {reason}");
    None
}

/// The machine-wide lock by which heavy tests keep others away; freed when the last handle goes.
pub fn take_turn(turn: Turn) -> Result<Arc<File>, String> {
    let path = std::env::temp_dir().join("spyhop-tests.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(|error| format!("open {}: {error}", path.display()))?;
    match turn {
        Turn::Shared => file.lock_shared(),
        Turn::Alone => file.lock(),
    }
    .map_err(|error| format!("lock {}: {error}", path.display()))?;
    Ok(Arc::new(file))
}
