//! The agent under attack, and what its attackers and its users have in hand.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rcgen::{CertificateParams, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::support::{
    agent::{Agent, Home},
    fake_engine::{FakeContainer, FakeEngine, World},
    page::Page,
    scene::binary,
    wait::{eventually, factor, holds, patience},
};

/// What the agent promises to stay below, whatever is done to it.
pub(crate) const CEILING: u64 = 30 << 20;

/// Memory that maps the program itself, at most: the size of the release build.
const SHIPPED_TEXT: u64 = 8 << 20;

/// How long a scrape may take while somebody attacks, before [`factor`]: Prometheus gives it ten seconds.
pub(crate) fn in_time() -> Duration {
    Duration::from_secs(5).mul_f64(factor())
}

/// Containers behind the agent. Their kernel files cannot be read here, so three of them make the page that one does elsewhere:
/// a megabyte, as of a hundred real ones.
pub(crate) const CONTAINERS: u32 = 300;

/// Another machine.
pub(crate) const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);

pub(crate) const PROMETHEUS: Ipv4Addr = Ipv4Addr::LOCALHOST;

pub(crate) const TOKEN: &str = "0123456789abcdef-the-token";

pub(crate) const PASSWORD: &str = "correct horse";

/// One attack at a time: each needs thousands of descriptors, and the CPU to itself.
static BUSY: AtomicBool = AtomicBool::new(false);

/// Held during an attack; unlike the guard of a lock it may be sent to another thread.
struct Turn;

impl Turn {
    fn take() -> Self {
        while BUSY.swap(true, Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(10));
        }
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        BUSY.store(false, Ordering::Release);
    }
}

/// An agent with its engine.
pub(crate) struct Target {
    pub(crate) agent: Agent,
    pub(crate) home: Home,
    pub(crate) folder: tempfile::TempDir,
    _engine: FakeEngine,
    _turn: Turn,
}

impl Target {
    /// With these variables. Files named in them are made by `prepare` in the folder it is given.
    pub(crate) fn start(prepare: impl FnOnce(&Folder) -> Vec<(&'static str, String)>) -> Self {
        let turn = Turn::take();
        let containers = (0..CONTAINERS)
            .map(|n| FakeContainer::new(&format!("shop-web-{n}")).compose("shop", "web", n).running(1_000_000 + n));
        let engine = FakeEngine::start(containers.fold(World::new(), World::with));
        let folder = Folder(tempfile::tempdir().unwrap());
        let variables = prepare(&folder);
        let home = Home::new(&binary(), &engine.socket());
        let home = variables.iter().fold(home, |home, (name, value)| home.environment(name, value));
        let agent = home.open();
        eventually("every container is on the page", || {
            holds(agent.log().contains("inventory is complete"), || agent.log())
        });
        Self { agent, home, folder: folder.0, _engine: engine, _turn: turn }
    }

    pub(crate) fn open() -> Self {
        Self::start(|_| Vec::new())
    }

    /// What Prometheus does: a connection, a scrape.
    pub(crate) async fn scrapes(&self) {
        let start = Instant::now();
        let mut client = connect(PROMETHEUS, self.agent.address).await;
        assert_eq!(ask(&mut client, "/metrics", "").await.0, 200);
        assert!(start.elapsed() < in_time(), "a scrape took {:?}", start.elapsed());
    }

    /// The page, with a token.
    pub(crate) fn page(&self) -> Page {
        let bearer = format!("Bearer {TOKEN}");
        let headers = [("Accept", "text/plain;version=0.0.4"), ("Authorization", bearer.as_str())];
        let answer = self.agent.get("/metrics", &headers).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        Page::text(answer.text()).unwrap()
    }

    #[track_caller]
    pub(crate) fn stayed_small(&self, what: &str) {
        let (peak, text) = (status(self.agent.pid(), "VmHWM:"), status(self.agent.pid(), "RssFile:"));
        // The text of a program with debug assertions is three times that of the one which is shipped.
        let peak = if cfg!(debug_assertions) { peak - text.saturating_sub(SHIPPED_TEXT) } else { peak };
        let now = self.agent.usage();
        println!("{what}: peak {} KiB, now {} KiB, {} descriptors", peak >> 10, now.rss >> 10, now.handles);
        assert!(peak < CEILING, "{what}: {peak} bytes at the peak");
    }
}

/// A line of `/proc/<pid>/status`, in bytes.
fn status(pid: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let value = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    value.trim().strip_suffix(" kB").unwrap().trim().parse::<u64>().unwrap() << 10
}

/// Where secrets are.
pub(crate) struct Folder(pub(crate) tempfile::TempDir);

impl Folder {
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

/// Variables for TLS with a certificate made for the occasion.
pub(crate) fn tls(folder: &Folder) -> Vec<(&'static str, String)> {
    let (certificate, key) = certificate(2031);
    vec![
        ("SPYHOP__HTTP__TLS__CERT_FILE", folder.file("cert.pem", &certificate)),
        ("SPYHOP__HTTP__TLS__KEY_FILE", folder.file("key.pem", &key)),
    ]
}

/// Variables for a user and a token.
pub(crate) fn credentials(folder: &Folder, cost: u32) -> Vec<(&'static str, String)> {
    let users = format!("ann:{}\n", bcrypt::hash(PASSWORD, cost).unwrap());
    vec![
        ("SPYHOP__HTTP__AUTH__USERS_FILE", folder.file("users", &users)),
        ("SPYHOP__HTTP__AUTH__BEARER_TOKEN_FILE", folder.file("tokens", &format!("{TOKEN}\n"))),
    ]
}

/// A certificate which ends in that year, and its key.
pub(crate) fn certificate(until: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(["agent.test".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
    (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// Lets this process have as many descriptors as it may.
pub(crate) fn many_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, rustix::process::Rlimit { current: limit.maximum, ..limit }).unwrap();
}

/// A connection from that address.
pub(crate) async fn connect(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    try_connect(from, to).await.expect("the agent takes connections")
}

pub(crate) async fn try_connect(from: Ipv4Addr, to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(IpAddr::V4(from), 0)).ok()?;
    timeout(patience(), socket.connect(to)).await.ok()?.ok()
}

/// One request with its answer: status and length of the body.
pub(crate) async fn ask(client: &mut TcpStream, path: &str, headers: &str) -> (u16, usize) {
    try_ask(client, path, headers).await.expect("an answer")
}

pub(crate) async fn try_ask(client: &mut TcpStream, path: &str, headers: &str) -> Option<(u16, usize)> {
    let exchange = async {
        client.write_all(format!("GET {path} HTTP/1.1\r\nhost: spyhop\r\n{headers}\r\n").as_bytes()).await.ok()?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        let mut body = vec![0; length];
        client.read_exact(&mut body).await.ok()?;
        Some((head.get(9..12).unwrap().parse().unwrap(), length))
    };
    timeout(patience(), exchange).await.ok()?
}

/// Reads until the agent has closed.
pub(crate) async fn closed(client: &mut TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset is an end too.
    timeout(patience(), client.read_to_end(&mut rest)).await.expect("the agent closes").ok();
    rest
}
