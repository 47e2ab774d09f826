//! Faults of the engine and of the way of logs: on a second engine with an agent of its own, so that the other drills go on.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{
    drill::{Drill, Expect},
    stage::{self, SOUND, Stage},
    support::{
        agent::{Agent, Home},
        container::{Role, Running},
        docker::Docker,
        private_engine::PrivateEngine,
        scene::binary,
        wait::{holds, patience, within},
    },
};

/// A Loki that takes everything and keeps nothing, or takes nothing.
struct Loki {
    address: SocketAddr,
    refuses: Arc<AtomicBool>,
}

impl Loki {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, refuses) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let told = Arc::clone(&refuses);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let told = Arc::clone(&told);
                std::thread::spawn(move || while answer(&stream, &told).is_some() {});
            }
        });
        Self { address, refuses }
    }
}

/// Answers one request of a connection; nothing when it has ended.
fn answer(stream: &TcpStream, refuses: &AtomicBool) -> Option<()> {
    let mut input = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while input.read_line(&mut line).ok()? > 0 && !line.trim().is_empty() {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        line.clear();
    }
    if line.is_empty() {
        return None;
    }
    input.read_exact(&mut vec![0; length]).ok()?;
    let status = if refuses.load(Ordering::Relaxed) { "503 Service Unavailable" } else { "204 No Content" };
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").ok()
}

/// The second engine, what runs on it, and the agent beside it.
pub(crate) struct Second {
    containers: Vec<Running>,
    /// Watches the second engine only.
    pub agent: Agent,
    loki: Loki,
    _home: Home,
    _folder: tempfile::TempDir,
    docker: Docker,
    project: String,
    engine: PrivateEngine,
}

impl Second {
    /// Starts the engine, which keeps its containers over its own restarts, one service, and the agent.
    pub(crate) fn or_skip(first: &Docker, project: &str) -> Option<Self> {
        let engine = PrivateEngine::or_skip(true)?;
        let docker = engine.docker(first);
        let folder = tempfile::tempdir().unwrap();
        let policy = folder.path().join("policy.yml");
        let text = format!(
            "tiers: {{ any: {{ severity: critical, limits: {{ memory: any, cpus: any }} }} }}
projects: {{ {project}: {{ services: {{ second-steady: {{ tier: any }}, second-lossy: {{ tier: any, optional: true }}, second-secret: {{ tier: any, optional: true }} }} }} }}
checks: {{ secrets_max_age: 90d, off: [restart_policy_missing, health_check_missing, writable_root, root_user, overcommit, watched_twice] }}
"
        );
        fs::write(&policy, text).unwrap();
        let loki = Loki::start();
        let more = stage::settings("second", project, &policy)
            .replace("  name: second\n", "  name: second\n  rootfs: \"off\"\n");
        let home = Home::with(&binary(), docker.socket(), &more);
        let home = home.environment("SPYHOP_LOKI_URL", &format!("http://{}", loki.address));
        let steady = docker.container("second-steady").compose(project, "second-steady", 1).options(SOUND);
        let steady = steady
            .role(Role::Script("trap 'exit 0' TERM; while :; do echo one more line; sleep 0.5; done".into()))
            .start();
        let agent = home.start();
        let project = project.to_owned();
        Some(Self { containers: vec![steady], agent, loki, _home: home, _folder: folder, docker, project, engine })
    }

    fn add(&mut self, service: &str, options: &[&str]) {
        let recipe = self.docker.container(service).compose(&self.project, service, 1).options(SOUND);
        self.containers.push(recipe.options(options).start());
    }

    fn remove(&mut self, service: &str) {
        let (gone, kept) = self.containers.drain(..).partition(|container: &Running| container.name.contains(service));
        self.containers = kept;
        for container in gone {
            container.act(&["stop", "--time", "0"]);
        }
    }
}

fn up(stage: &Stage, wanted: f64) {
    // After a long silence it tries less often.
    within(patience() * 3, "the second agent hears its engine, or not", || {
        let up = stage.number(&format!("spyhop_engine_up{{instance=\"{}\"}}", stage.resolve("SECOND_INSTANCE")))?;
        holds((up - wanted).abs() < 0.5, || up.to_string())
    });
}

/// What is no fault: the engine ends, and is there again at once. With live-restore no service was away, and nobody is told.
pub(crate) fn restart(stage: &Stage) {
    up(stage, 1.0);
    let mut second = stage.second.lock().unwrap();
    second.engine.kill();
    second.engine.start();
    drop(second);
    up(stage, 1.0);
}

pub(crate) fn drills() -> Vec<Drill> {
    vec![
        Drill {
            name: "second-secret",
            fault: "the policy asks for the age of a secret, and the agent cannot see the host's files",
            prepare: |_| Vec::new(),
            inject: |stage, _| {
                let secret = stage.folder.path().join("secret");
                fs::write(&secret, "x").unwrap();
                let mount = format!("{}:/run/secrets/db:ro", secret.display());
                stage.second.lock().unwrap().add("second-secret", &["--volume", &mount]);
            },
            repair: |stage, _| stage.second.lock().unwrap().remove("second-secret"),
            expected: vec![Expect {
                alert: "SpyhopChecksIncomplete",
                severity: "info",
                labels: &[("host", "SECOND")],
                seconds_before: 0,
            }],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "second-lossy",
            fault: "a container is started whose log driver gives up lines rather than to wait",
            prepare: |_| Vec::new(),
            inject: |stage, _| stage.second.lock().unwrap().add("second-lossy", &["--log-opt", "mode=non-blocking"]),
            repair: |stage, _| {
                let mut second = stage.second.lock().unwrap();
                second.remove("second-lossy");
                second.add("second-lossy", &[]);
            },
            expected: vec![Expect {
                alert: "SpyhopLogsUpstreamLossy",
                severity: "info",
                labels: &[("host", "SECOND"), ("project", "PROJECT"), ("service", "second-lossy")],
                seconds_before: 0,
            }],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "second-loki",
            fault: "Loki refuses every line",
            prepare: |_| Vec::new(),
            inject: |stage, _| stage.second.lock().unwrap().loki.refuses.store(true, Ordering::Relaxed),
            repair: |stage, _| stage.second.lock().unwrap().loki.refuses.store(false, Ordering::Relaxed),
            expected: vec![Expect {
                alert: "SpyhopLogsNotTaken",
                severity: "critical",
                labels: &[("host", "SECOND")],
                seconds_before: 0,
            }],
            then: Vec::new(),
            may: &[],
        },
        Drill {
            name: "second-engine",
            fault: "dockerd is killed, and stays away",
            prepare: |_| Vec::new(),
            inject: |stage, _| stage.second.lock().unwrap().engine.kill(),
            repair: |stage, _| {
                stage.second.lock().unwrap().engine.start();
                up(stage, 1.0);
            },
            expected: vec![Expect {
                alert: "SpyhopEngineUnreachable",
                severity: "critical",
                labels: &[("instance", "SECOND_INSTANCE")],
                seconds_before: 0,
            }],
            then: Vec::new(),
            may: &[],
        },
    ]
}
