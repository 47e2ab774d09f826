//! The parent's side: starts the broker before anything else of the agent runs, and hands over what it has to know.

use std::{
    io::{self, Read as _, Write as _},
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use crate::{
    engine::{Address, Sought},
    net::{TlsFiles, door, handover, knock},
    sandbox::Confined,
};

/// The program itself, whatever has become of its file.
const OURSELVES: &str = "/proc/self/exe";
/// How long the broker may take to start: some milliseconds, many more on a machine in trouble.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it is waited for an answer which says that a broker is there already. None costs no more than a second broker.
const GLANCE: Duration = Duration::from_millis(100);

/// The same for somebody who wants to know: shorter than any sensible HEALTHCHECK timeout.
const CHECK_WITHIN: Duration = Duration::from_secs(2);

/// First word of the broker's answer.
const READY: u8 = b'k';
const FAILED: u8 = b'x';

/// What the broker has to know. No secret is in it: files are named and not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    address: String,
    by: String,
    ca: Option<PathBuf>,
    client: Option<(PathBuf, PathBuf)>,
    /// The helper's socket; `None` where there is no helper.
    pub helper: Option<PathBuf>,
    /// Word of the configuration for the least important lines to write.
    pub log_level: String,
    /// Word of the configuration for what a line looks like.
    pub log_format: String,
}

/// Why there is no broker.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// It could not be started, or not be spoken to.
    #[error("start the broker, a second process of this program (engine.broker: off does without it)")]
    Start(#[source] io::Error),
    /// It has started and ended.
    #[error("the broker has ended at once")]
    Ended,
    /// It did not answer.
    #[error("the broker does not answer within {} s", PATIENCE.as_secs())]
    Late,
    /// It cannot use what it was told; its words.
    #[error("{0}")]
    Unusable(String),
}

/// A broker that runs.
#[derive(Debug)]
pub struct Parted {
    /// Where connections are asked for ([`door::Door`]).
    pub channel: OwnedFd,
    /// Nothing is ever written to it: its end is the broker's.
    pub life: ChildStdout,
    /// The process, for its last words.
    pub child: Child,
    /// What it has given up.
    pub confined: Confined,
}

impl Hello {
    /// For the engine that was found.
    pub fn new(engine: &Sought, helper: Option<PathBuf>, log_level: &str, log_format: &str) -> Self {
        let tls = engine.tls.clone();
        Self {
            address: engine.address.to_string(),
            by: engine.by.clone(),
            ca: tls.as_ref().map(|files| files.ca.clone()),
            client: tls.and_then(|files| files.client),
            helper,
            log_level: log_level.to_owned(),
            log_format: log_format.to_owned(),
        }
    }

    pub(super) fn receive(channel: &OwnedFd) -> io::Result<Self> {
        let (words, _) = handover::receive(channel)?;
        serde_json::from_slice(&words).map_err(io::Error::other)
    }

    /// The engine as it was told.
    pub(super) fn sought(&self) -> Result<Sought, String> {
        let address = Address::parse(&self.address).map_err(|error| error.to_string())?;
        Ok(Sought { address, tls: self.tls(), by: self.by.clone() })
    }

    pub(super) fn tls(&self) -> Option<TlsFiles> {
        self.ca.clone().map(|ca| TlsFiles { ca, client: self.client.clone() })
    }
}

/// Starts the broker and waits until it is ready. To be called before any thread starts.
///
/// It gets no variable of the environment, which may hold secrets, and a process group of its own, so that the keyboard does not end it
/// before us.
///
/// # Errors
/// No process can be started, or it says why it cannot do what it is asked to.
pub fn part(hello: &Hello) -> Result<Parted, PartError> {
    let (ours, theirs) = handover::channel().map_err(PartError::Start)?;
    let mut command = Command::new(OURSELVES);
    command.arg0("spyhop").args(["broker", "--inherited"]).env_clear().process_group(0);
    // What the log goes by, and nothing else.
    command.envs(std::env::vars_os().filter(|(name, _)| name == "NO_COLOR"));
    let mut child =
        command.stdin(theirs).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().map_err(PartError::Start)?;
    // The command holds the other end of the channel: kept, it would hide the broker's end from us.
    drop(command);
    let started = greet(&ours, hello);
    let life = child.stdout.take();
    match (started, life) {
        (Ok(confined), Some(life)) => Ok(Parted { channel: ours, life, child, confined }),
        (failed, _) => {
            drop(ours);
            // It ends with the channel; one that hangs is ended.
            child.kill().unwrap_or_default();
            drop(child.wait());
            Err(failed.err().unwrap_or(PartError::Ended))
        }
    }
}

fn greet(channel: &OwnedFd, hello: &Hello) -> Result<Confined, PartError> {
    let words = serde_json::to_vec(hello).map_err(|error| PartError::Start(error.into()))?;
    if words.len() > handover::MAX_MESSAGE {
        return Err(PartError::Unusable("paths of the engine's files are too long".to_owned()));
    }
    handover::send(channel, &words, &[]).map_err(PartError::Start)?;
    let mut waits = [PollFd::new(channel, PollFlags::IN)];
    let patience = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
    if poll(&mut waits, Some(&patience)).map_err(|error| PartError::Start(error.into()))? == 0 {
        return Err(PartError::Late);
    }
    let (answer, _) = handover::receive(channel).map_err(PartError::Start)?;
    match answer.split_first() {
        Some((&READY, confined)) => {
            serde_json::from_slice(confined).map_err(|error| PartError::Start(io::Error::other(error)))
        }
        Some((&FAILED, reason)) => Err(PartError::Unusable(String::from_utf8_lossy(reason).into_owned())),
        _ => Err(PartError::Ended),
    }
}

pub(super) fn tell_ready(channel: &OwnedFd, confined: Confined) -> io::Result<()> {
    let mut words = vec![READY];
    serde_json::to_writer(&mut words, &confined)?;
    handover::send(channel, &words, &[])
}

/// Says why there will be no broker, and waits until that is read.
pub(super) fn tell_failure(channel: &OwnedFd, reason: &str) -> io::Result<()> {
    let reason = reason.get(..reason.floor_char_boundary(handover::MAX_MESSAGE - 1)).unwrap_or_default();
    handover::send(channel, &[&[FAILED], reason.as_bytes()].concat(), &[])
}

/// An error and everything behind it, as people read it.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

/// Whether a broker listens at a socket already (`spyhop broker --listen`): then a second one would filter what is filtered.
///
/// Asks for a sign of life, waits a tenth of a second at most, and takes every trouble for no.
pub fn is_filtered(socket: &Path) -> bool {
    ping(socket, GLANCE).is_ok_and(|head| is_of_broker(&head))
}

/// Whether a broker listens at a socket, and its engine answers it.
pub fn answers(socket: &Path) -> bool {
    ping(socket, CHECK_WITHIN).is_ok_and(|head| is_of_broker(&head) && head.starts_with(b"http/1.1 200 "))
}

fn is_of_broker(head: &[u8]) -> bool {
    let name = format!("\r\n{}:", door::BROKER);
    memchr::memmem::find(head, name.as_bytes()).is_some()
}

/// The head of an answer, in small letters.
fn ping(socket: &Path, patience: Duration) -> io::Result<Vec<u8>> {
    let mut stream = knock::within(socket, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    stream.write_all(b"HEAD /_ping HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n")?;
    let mut head = [0; 1024];
    let read = stream.read(&mut head)?;
    Ok(head.get(..read).unwrap_or_default().to_ascii_lowercase())
}
