//! The listener: HTTP/1.1 with keep-alive over std threads, plain or TLS, and what can be asked of it from Rust.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, SystemTime},
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{
    faults::Fault,
    limits::Limits,
    proto::Entry,
    push::{Head, push, tenant},
    query::query,
    store::{Store, Stored},
};

/// The longest that anything waits for the other side.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running receiver; ends when dropped, connections with it.
pub struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// One push as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The connection it came over, from 1.
    pub connection: u64,
    /// When it was whole, in nanoseconds since 1970.
    pub at: i64,
    /// The status it was answered with; `None` for no answer.
    pub status: Option<u16>,
    /// Tenant as it was named.
    pub tenant: Option<String>,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    tls: Option<Arc<ServerConfig>>,
}

struct State {
    limits: Limits,
    store: Store,
    script: VecDeque<Fault>,
    always: Option<Fault>,
    asked: Vec<Asked>,
    connections: BTreeMap<u64, TcpStream>,
    accepted: u64,
    clock: Option<i64>,
    /// Connections are taken and left alone.
    black_hole: bool,
    /// Listeners of earlier generations end.
    generation: u64,
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Receiver {
    /// Starts one on loopback.
    pub fn start(limits: Limits) -> Self {
        Self::open(limits, None)
    }

    /// Starts one with Loki's defaults.
    pub fn usual() -> Self {
        Self::start(Limits::default())
    }

    /// Starts one that speaks TLS.
    pub fn tls(limits: Limits, config: ServerConfig) -> Self {
        Self::open(limits, Some(Arc::new(config)))
    }

    fn open(limits: Limits, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        let state = State {
            limits,
            store: Store::default(),
            script: VecDeque::new(),
            always: None,
            asked: Vec::new(),
            connections: BTreeMap::new(),
            accepted: 0,
            clock: None,
            black_hole: false,
            generation: 0,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new(), tls });
        listen(listener, Arc::clone(&shared), 0);
        Self { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as configurations have it.
    pub fn url(&self) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Other limits from now on.
    pub fn limit(&self, change: impl FnOnce(&mut Limits)) {
        change(&mut self.state().limits);
    }

    /// The next pushes go this way, after those scripted before.
    pub fn fail(&self, times: usize, fault: Fault) {
        self.state().script.extend(std::iter::repeat_n(fault, times));
    }

    /// Every push goes this way once the script is over; `None` ends that.
    pub fn always(&self, fault: Option<Fault>) {
        let mut state = self.state();
        state.always = fault;
        state.script.clear();
    }

    /// Nobody listens any more, and every connection is cut.
    pub fn refuse(&self) {
        self.state().generation += 1;
        self.cut();
        // Wakes the thread that accepts, which then lets go of the port.
        while TcpStream::connect(self.address).is_ok() {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Listens again where it did.
    pub fn listen(&self) {
        let generation = self.state().generation;
        let bound = TcpListener::bind(self.address).expect("the port is still free");
        listen(bound, Arc::clone(&self.shared), generation);
    }

    /// Connections are taken, and nothing is ever read from new ones; old ones are cut.
    pub fn black_hole(&self, on: bool) {
        self.state().black_hole = on;
        self.cut();
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        for stream in std::mem::take(&mut self.state().connections).into_values() {
            stream.shutdown(Shutdown::Both).ok();
        }
    }

    /// What it takes for now, in nanoseconds since 1970; `None` is the clock.
    pub fn clock(&self, now: Option<i64>) {
        self.state().clock = now;
    }

    /// Every push so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state().asked.clone()
    }

    /// Waits until so many pushes have come, and gives all.
    #[track_caller]
    pub fn wait_asked(&self, count: usize) -> Vec<Asked> {
        let state = self.state();
        let enough = |state: &mut State| state.asked.len() < count;
        let (state, out) = self.shared.changed.wait_timeout_while(state, PATIENCE, enough).expect("no panic under it");
        assert!(!out.timed_out(), "{} pushes of {count} came", state.asked.len());
        state.asked.clone()
    }

    /// Connections taken so far, and how many of them are open.
    pub fn connections(&self) -> (u64, usize) {
        let state = self.state();
        (state.accepted, state.connections.len())
    }

    /// Streams of the tenant `fake`, which is everybody's where tenants are not told apart.
    pub fn streams(&self) -> Vec<Stored> {
        self.streams_of("fake")
    }

    /// Streams of a tenant.
    pub fn streams_of(&self, tenant: &str) -> Vec<Stored> {
        self.state().store.streams(tenant)
    }

    /// Entries of the tenant `fake` whose stream has this label, in the order in which they were taken.
    pub fn entries(&self, label: &str, value: &str) -> Vec<Entry> {
        let streams = self.streams().into_iter();
        let chosen = streams.filter(|stream| stream.labels.get(label).is_some_and(|found| found == value));
        chosen.flat_map(|stream| stream.entries).collect()
    }

    /// Lines of all tenants; as cheap as it looks, for those who wait.
    pub fn count(&self) -> usize {
        self.state().store.lines()
    }

    /// Pushes so far.
    pub fn pushes(&self) -> usize {
        self.state().asked.len()
    }

    /// Lines refused for a reason, in the words of `loki_discarded_samples_total`.
    pub fn discarded(&self, reason: &str) -> u64 {
        self.state().store.discarded().get(reason).copied().unwrap_or(0)
    }

    /// Lines refused for any reason.
    pub fn all_discarded(&self) -> u64 {
        self.state().store.discarded().values().sum()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.refuse();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic under this lock")
    }
}

fn listen(listener: TcpListener, shared: Arc<Shared>, generation: u64) {
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut state = shared.state();
            if state.generation != generation {
                return;
            }
            state.accepted += 1;
            let number = state.accepted;
            let Ok(handle) = stream.try_clone() else { continue };
            state.connections.insert(number, handle);
            let black_hole = state.black_hole;
            drop(state);
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                // The other side going away is what many tests are about.
                connection(stream, number, black_hole, &shared).ok();
                shared.state().connections.remove(&number);
            });
        }
    });
}

fn connection(stream: TcpStream, number: u64, black_hole: bool, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    if black_hole {
        return gone(&stream);
    }
    let raw = stream.try_clone()?;
    match &shared.tls {
        None => requests(&mut BufReader::new(stream), &raw, number, shared),
        Some(config) => {
            let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
            requests(&mut BufReader::new(StreamOwned::new(tls, stream)), &raw, number, shared)
        }
    }
}

/// Waits until the other side has left, however much it still says.
fn gone(mut stream: &TcpStream) -> io::Result<()> {
    io::copy(&mut stream, &mut io::sink()).map(drop)
}

fn requests<S: Read + Write>(
    stream: &mut BufReader<S>,
    raw: &TcpStream,
    number: u64,
    shared: &Shared,
) -> io::Result<()> {
    while let Some((line, headers)) = head(stream)? {
        let mut words = line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, parameters) = target.split_once('?').unwrap_or((target, ""));
        let last = headers.get("connection").is_some_and(|word| word.eq_ignore_ascii_case("close"));
        let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0_usize);
        let most = shared.state().limits.body;
        if length > most {
            let text = format!("request body too large: message size too large than max ({length} vs {most})\n");
            answer(stream.get_mut(), 413, "Connection: close\r\n", &text)?;
            return gone(raw);
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        match (method, path) {
            ("POST", "/loki/api/v1/push") => {
                if !pushed(stream.get_mut(), raw, number, headers, body, shared)? {
                    return Ok(());
                }
            }
            ("GET", "/ready") => answer(stream.get_mut(), 200, "", "ready\n")?,
            ("GET", "/loki/api/v1/query_range") => {
                let (status, text) = queried(parameters, &headers, shared);
                answer(stream.get_mut(), status, "", &text)?;
            }
            (_, "/loki/api/v1/push" | "/loki/api/v1/query_range") => answer(stream.get_mut(), 405, "", "")?,
            _ => answer(stream.get_mut(), 404, "", "404 page not found\n")?,
        }
        // Who reads until the end waits for it.
        if last {
            return Ok(());
        }
    }
    Ok(())
}

/// Request line and headers; `None` at the end of the connection.
fn head(stream: &mut impl BufRead) -> io::Result<Option<(String, BTreeMap<String, String>)>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut lines = lines.into_iter();
    let first = lines.next().unwrap_or_default();
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_lowercase(), value.trim().to_owned()))
    });
    Ok(Some((first, headers.collect())))
}

/// Answers one push; `false` ends the connection.
fn pushed(
    stream: &mut impl Write,
    raw: &TcpStream,
    connection: u64,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
    shared: &Shared,
) -> io::Result<bool> {
    let mut state = shared.state();
    let fault = state.script.pop_front().or_else(|| state.always.clone());
    let stores = matches!(fault, None | Some(Fault::LostAnswer { .. } | Fault::LostReset | Fault::Slow(_)));
    let at = state.now();
    let (status, text) = if stores { state.push(&headers, &body, at) } else { (0, String::new()) };
    let (told, extra, text) = match &fault {
        None | Some(Fault::Slow(_)) => (Some(status), String::new(), text),
        Some(Fault::Answer { status, headers, body }) => (Some(*status), headers.clone(), body.clone()),
        Some(Fault::LostAnswer { status }) => (Some(*status), String::new(), "Bad Gateway\n".to_owned()),
        Some(Fault::LostReset | Fault::Reset | Fault::Silence) => (None, String::new(), String::new()),
    };
    let tenant = headers.get("x-scope-orgid").cloned();
    state.asked.push(Asked { connection, at, status: told, tenant, headers, body });
    drop(state);
    shared.changed.notify_all();
    match (fault, told) {
        (Some(Fault::Silence), _) => gone(raw).map(|()| false),
        (_, None) => reset(raw).map(|()| false),
        (Some(Fault::Slow(pause)), Some(status)) => {
            for byte in written(status, &extra, &text).as_bytes() {
                stream.write_all(&[*byte])?;
                stream.flush()?;
                thread::sleep(pause);
            }
            Ok(true)
        }
        (_, Some(status)) => answer(stream, status, &extra, &text).map(|()| true),
    }
}

/// A reset in place of an end: what was not read by the other side is lost.
fn reset(stream: &TcpStream) -> io::Result<()> {
    // It goes out when the last handle is dropped, which the table holds.
    Ok(rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO))?)
}

fn queried(parameters: &str, headers: &BTreeMap<String, String>, shared: &Shared) -> (u16, String) {
    let state = shared.state();
    match tenant(&of(headers), &state.limits) {
        Err((status, sentence)) => (status, sentence + "\n"),
        Ok(tenant) => match query(parameters, &state.store.streams(&tenant)) {
            Ok(found) => (200, found.to_string()),
            Err(sentence) => (400, sentence),
        },
    }
}

impl State {
    fn now(&self) -> i64 {
        let clock = SystemTime::UNIX_EPOCH.elapsed().expect("a time after 1970").as_nanos();
        self.clock.unwrap_or_else(|| i64::try_from(clock).expect("a time before 2262"))
    }

    /// Sentences end with a line as Go's `http.Error` ends them.
    fn push(&mut self, headers: &BTreeMap<String, String>, body: &[u8], now: i64) -> (u16, String) {
        let (status, sentence) = push(&of(headers), body, &self.limits, &mut self.store, now);
        (status, if status == 204 { sentence } else { sentence + "\n" })
    }
}

fn of(headers: &BTreeMap<String, String>) -> Head<'_> {
    let get = |name: &str| headers.get(name).map(String::as_str);
    Head {
        tenant: get("x-scope-orgid"),
        authorization: get("authorization"),
        content_type: get("content-type"),
        content_encoding: get("content-encoding"),
    }
}

fn answer(stream: &mut impl Write, status: u16, headers: &str, body: &str) -> io::Result<()> {
    stream.write_all(written(status, headers, body).as_bytes())?;
    stream.flush()
}

fn written(status: u16, headers: &str, body: &str) -> String {
    let length = match status {
        204 => String::new(),
        _ => format!("Content-Length: {}\r\n", body.len()),
    };
    format!("HTTP/1.1 {status} Said\r\nContent-Type: text/plain; charset=utf-8\r\n{headers}{length}\r\n{body}")
}
