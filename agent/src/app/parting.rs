//! The agent parts itself from the engine's socket before it does anything else, gives up what it does not need, and later looks whether
//! that has held.

use std::{
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::Child,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use rustix::fs::{Mode, OFlags};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::unix::pipe,
    time::timeout,
};

use super::engine::{ADDRESS, sought};
use crate::{
    broker::{Hello, PartError, Parted, is_filtered, part},
    config::{Config, Sources, engine::Broker},
    engine::{Address, Endpoint, Sought, Wire},
    helper,
    net::{
        door::{Door, FORBIDDEN},
        knock,
    },
    sandbox::{self, Confined, Keeps, Role, confine_but},
    telemetry::{Metrics, Sandboxed},
};

/// How long the engine may take to say that it does not answer this.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the agent stands before its runtime starts.
#[derive(Debug)]
pub(super) struct Stance {
    engine: Sought,
    /// The broker of our own.
    parted: Option<Parted>,
    /// Somebody else's broker is at the address.
    filtered: bool,
    confined: Confined,
    /// The one folder that is written to.
    state: Option<PathBuf>,
}

/// Starts the broker, and gives up the rest. No thread may have been started.
pub(super) fn take(config: &Config, sources: &Sources) -> anyhow::Result<Stance> {
    let engine = sought(config, sources)?;
    let wanted = config.engine.broker == Broker::Auto;
    let filtered = wanted && engine.address.socket().is_some_and(is_filtered);
    let parted = match wanted && !filtered {
        true => {
            let (level, format) = (config.log.level.as_str(), config.log.format.as_str());
            let parted = part(&Hello::new(&engine, config.isolation.helper.clone(), level, format));
            Some(match parted {
                // In the words, and under the name, which it has when the agent opens the engine itself.
                Err(PartError::Unusable(reason)) => Err(anyhow!(reason).context(ADDRESS)),
                parted => parted.map_err(Into::into),
            }?)
        }
        false => None,
    };
    let state = config.state.directory.clone();
    if let Some(folder) = &state {
        // What is not there cannot be kept; where it cannot be made, the one that writes says so.
        std::fs::create_dir_all(folder).unwrap_or_default();
    }
    let keeps = Keeps {
        local_sockets: parted.is_none(),
        writes: Some(state.iter().cloned().collect()),
        ..Keeps::of(Role::Agent)
    };
    let confined = confine_but(Role::Agent, &keeps);
    Ok(Stance { engine, parted, filtered, confined, state })
}

/// The broker's life, seen from its parent.
#[derive(Debug)]
pub(super) struct Life(Option<(pipe::Receiver, Child)>);

/// Where the agent stands, inside its runtime.
pub(super) struct Standing {
    pub(super) engine: Endpoint,
    /// Where else the broker leads to.
    pub(super) door: Option<Arc<Door>>,
    pub(super) life: Life,
    pub(super) test: SelfTest,
}

impl Stance {
    /// Takes the ends of the channel into the runtime.
    pub(super) fn settle(self) -> anyhow::Result<Standing> {
        let Self { engine, parted, filtered, confined, state } = self;
        let mut test = SelfTest {
            agent: confined,
            broker: None,
            filtered,
            broker_pid: None,
            address: engine.address.clone(),
            state,
        };
        let (engine, door, life) = match parted {
            None => (engine.open().context(ADDRESS)?, None, Life(None)),
            Some(Parted { channel, life, child, confined }) => {
                (test.broker, test.broker_pid) = (Some(confined), Some(child.id()));
                let door = Arc::new(Door::new(channel).context("take the broker's channel")?);
                let life = pipe::Receiver::from_owned_fd(OwnedFd::from(life)).context("watch the broker")?;
                (engine.through(Arc::clone(&door)), Some(door), Life(Some((life, child))))
            }
        };
        Ok(Standing { engine, door, life, test })
    }
}

impl Life {
    /// Waits for the broker's end, for ever where there is none.
    ///
    /// The agent ends with it and does not start another: whoever could start one has the means to open the socket, which is what the
    /// agent has given up.
    pub(super) async fn end(&mut self) -> anyhow::Error {
        let Some((life, child)) = &mut self.0 else { return std::future::pending().await };
        // Nothing is ever written; its end is the process's.
        while life.read(&mut [0; 8]).await.is_ok_and(|read| read > 0) {}
        let how = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
        anyhow!("the broker, which holds the engine's socket, has ended ({how}): the agent has to be started anew")
    }
}

/// The way to the helper: the broker connects to the path it was told at the start.
#[derive(Debug)]
pub(super) struct ThroughDoor(pub(super) Arc<Door>);

impl helper::Connect for ThroughDoor {
    fn connect(&self) -> helper::Connecting<'_> {
        Box::pin(self.0.helper())
    }
}

/// What the agent looks at once, to see whether it is as confined as it should be.
#[derive(Debug)]
pub(super) struct SelfTest {
    agent: Confined,
    broker: Option<Confined>,
    broker_pid: Option<u32>,
    filtered: bool,
    address: Address,
    state: Option<PathBuf>,
}

impl SelfTest {
    /// Tries what must not work, counts what holds, and says in one line what it could do.
    pub(super) async fn run(self, engine: &Endpoint, metrics: &Metrics) {
        let could = self.could(engine).await;
        let parted = (self.broker.is_some() || self.filtered) && !could.engine_itself;
        let mut measures = of("agent", self.agent);
        measures.push(Sandboxed { process: "agent", measure: "socket_parted", holds: parted });
        measures.extend(self.broker.map(|broker| of("broker", broker)).unwrap_or_default());
        metrics.set_sandbox(measures);
        let could = could.words();
        let landlock = self.agent.landlock.unwrap_or_default();
        let Confined { seccomp, not_dumpable, .. } = self.agent;
        if could.is_empty() {
            tracing::info!(
                socket_parted = parted,
                seccomp,
                landlock,
                not_dumpable,
                "the agent can do nothing it should not"
            );
        } else {
            let could = could.join(", ");
            tracing::warn!(
                could,
                seccomp,
                landlock,
                not_dumpable,
                "the agent could do what it has no need for (docs/security.md)"
            );
        }
    }

    async fn could(&self, engine: &Endpoint) -> Could {
        let broker_memory = self.broker_pid.map(|pid| format!("/proc/{pid}/mem"));
        let engine_itself = match (&self.broker, self.address.socket()) {
            // Our own broker stands between: whether the socket behind it can be opened from here.
            (Some(_), Some(socket)) => knock::is_taken(socket, rustix::net::SocketType::STREAM),
            (Some(_), None) => false,
            (None, _) if !self.filtered => true,
            (None, _) => false,
        };
        Could {
            engine_itself,
            unfiltered: (self.broker.is_some() || self.filtered) && answers_more(engine).await,
            root: rustix::process::geteuid().is_root(),
            capabilities: sandbox::has_no_capabilities() == Some(false),
            write: [Path::new("/"), Path::new("/tmp"), Path::new("/var/tmp")]
                .into_iter()
                .any(|folder| self.can_write(folder)),
            broker: broker_memory.is_some_and(|path| std::fs::File::open(path).is_ok()),
        }
    }

    /// Whether a file could be made there; it has no name and is gone at once.
    fn can_write(&self, folder: &Path) -> bool {
        // Whoever keeps the state there means it to be written to.
        let meant = self.state.as_deref().is_some_and(|state| folder.starts_with(state));
        !meant && rustix::fs::open(folder, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR).is_ok()
    }
}

/// What should not work and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Could {
    engine_itself: bool,
    unfiltered: bool,
    root: bool,
    capabilities: bool,
    write: bool,
    broker: bool,
}

impl Could {
    fn words(self) -> Vec<&'static str> {
        let all = [
            (self.engine_itself, "command the engine by its socket"),
            (self.unfiltered, "ask what no broker should answer"),
            (self.root, "act as root"),
            (self.capabilities, "use capabilities"),
            (self.write, "write outside its state directory"),
            (self.broker, "read the broker's memory"),
        ];
        all.into_iter().filter_map(|(could, word)| could.then_some(word)).collect()
    }
}

fn of(process: &'static str, confined: Confined) -> Vec<Sandboxed> {
    let all = [
        ("not_dumpable", confined.not_dumpable),
        ("no_new_privileges", confined.no_new_privileges),
        ("seccomp", confined.seccomp),
        ("landlock", confined.landlock.is_some()),
        ("no_capabilities", confined.no_capabilities),
    ];
    all.map(|(measure, holds)| Sandboxed { process, measure, holds }).into()
}

/// Asks for the files of a container that does not exist. A broker answers 403; whoever answers anything else would hand over those of one
/// that does. No answer at all is none.
async fn answers_more(engine: &Endpoint) -> bool {
    let ask = async {
        let mut wire = Wire::connect(engine).await?;
        let request = format!("GET {FORBIDDEN}?path=/ HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n");
        wire.write_all(request.as_bytes()).await?;
        let mut status = [0; 12];
        wire.read_exact(&mut status).await?;
        Ok::<_, io::Error>(!status.ends_with(b" 403"))
    };
    matches!(timeout(PATIENCE, ask).await, Ok(Ok(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_done_is_said_by_name() {
        assert_eq!(Could::default().words(), Vec::<&str>::new());
        let could = Could { root: true, broker: true, ..Could::default() };
        assert_eq!(could.words(), ["act as root", "read the broker's memory"]);
    }
}
