//! What tests have to know of Podman: which one it is, and that somebody has to run its health checks.

use std::{
    collections::HashMap,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        mpsc::{RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Which engine answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// Docker Engine.
    Docker,
    /// Podman, with its major version.
    Podman(u32),
}

impl Product {
    /// For `docker version --format`.
    pub const FORMAT: &str = "{{range .Server.Components}}{{.Name}}/{{end}} {{.Server.Version}}";

    /// Reads what the command line printed.
    pub fn parse(printed: &str) -> Self {
        let (components, version) = printed.rsplit_once(' ').unwrap_or((printed, ""));
        if !components.starts_with("Podman") {
            return Self::Docker;
        }
        Self::Podman(version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or(0))
    }

    /// Whether it is Podman of any version.
    pub const fn is_podman(self) -> bool {
        matches!(self, Self::Podman(_))
    }

    /// Whether it is Podman before version 5.
    pub const fn is_podman_4(self) -> bool {
        matches!(self, Self::Podman(..5))
    }

    /// Says why something cannot be tested `here`; `make matrix` counts these lines.
    pub fn leaves_out(self, here: bool, reason: &str) -> bool {
        if here {
            println!("left out with {self:?}: {reason}");
        }
        here
    }
}

/// Pause between two rounds of checks.
const ROUND: Duration = Duration::from_millis(200);

/// The timer that runs now.
static RUNNING: Mutex<Weak<HealthTimer>> = Mutex::new(Weak::new());

/// Runs the health checks of this process's containers. Podman leaves them to timers of systemd; on a machine without it
/// nobody runs them.
#[derive(Debug)]
pub struct HealthTimer {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl HealthTimer {
    /// Where it is needed; one for all tests of this process.
    pub fn start(product: Product, socket: &Path) -> Option<Arc<Self>> {
        if !product.is_podman() || Path::new("/run/systemd/system").exists() {
            return None;
        }
        let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let timer = running.upgrade().unwrap_or_else(|| Arc::new(Self::run(socket)));
        *running = Arc::downgrade(&timer);
        Some(timer)
    }

    fn run(socket: &Path) -> Self {
        let (stop, stopped) = sync_channel(1);
        let socket = socket.to_owned();
        let thread = std::thread::spawn(move || {
            let mut due = Due::new();
            while stopped.recv_timeout(ROUND) == Err(RecvTimeoutError::Timeout) {
                check_all(&socket, &mut due);
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for HealthTimer {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // It has panicked already when this fails.
            thread.join().ok();
        }
    }
}

/// When each container is checked next; those without a check never.
type Due = HashMap<String, (Duration, Instant)>;

fn check_all(socket: &Path, due: &mut Due) {
    let filters = format!("%7B%22name%22%3A%5B%22-{}-%22%5D%7D", std::process::id());
    let rows = get(socket, &format!("/containers/json?filters={filters}")).unwrap_or_default();
    for id in rows.as_array().into_iter().flatten().filter_map(|row| row["Id"].as_str()) {
        let (interval, next) = due.entry(id.to_owned()).or_insert_with(|| {
            let inspect = get(socket, &format!("/containers/{id}/json")).unwrap_or_default();
            let interval = inspect["Config"]["Healthcheck"]["Interval"].as_u64().map(Duration::from_nanos);
            // The first one an interval after the start, as Docker has it.
            interval.map_or((Duration::MAX, Instant::now()), |interval| (interval, Instant::now() + interval))
        });
        if *interval < Duration::MAX && Instant::now() >= *next {
            *next = Instant::now() + *interval;
            get(socket, &format!("/v4.0.0/libpod/containers/{id}/healthcheck"));
        }
    }
}

/// The body of an answer.
fn get(socket: &Path, path: &str) -> Option<Value> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: engine\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}
