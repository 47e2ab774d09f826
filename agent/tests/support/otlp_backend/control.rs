//! What a test says to the back end, and asks of it. Blocking on purpose: tests are threads, and the server has one of its own.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Condvar, Mutex, mpsc},
    time::Duration,
};

use rustls::ServerConfig;
use tokio::{runtime::Runtime, task::JoinHandle};
use tokio_rustls::TlsAcceptor;

use super::{
    faults::Fault,
    judge::{Limits, Request},
    server::{Shared, listen},
    state::{Asked, State},
};

/// The longest that anything waits for the other side.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// OTLP/gRPC.
    Grpc,
    /// OTLP/HTTP with protobuf.
    Http,
}

/// A running back end; ends when dropped, connections with it.
pub struct Backend {
    address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
    listener: Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Backend").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Backend {
    /// Starts one on loopback.
    pub fn start(speaks: Speaks) -> Self {
        Self::open(speaks, None)
    }

    /// Starts one that speaks TLS.
    pub fn tls(speaks: Speaks, mut config: ServerConfig) -> Self {
        if speaks == Speaks::Grpc {
            config.alpn_protocols = vec![b"h2".to_vec()];
        }
        Self::open(speaks, Some(Arc::new(config).into()))
    }

    fn open(speaks: Speaks, tls: Option<TlsAcceptor>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let shared = Shared {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            speaks,
            tls,
            open: Mutex::default(),
        };
        let this = Self {
            address: bound.local_addr().expect("its address"),
            shared: Arc::new(shared),
            runtime: Some(runtime.expect("a runtime")),
            listener: Mutex::default(),
        };
        this.listen_on(bound);
        this
    }

    fn listen_on(&self, bound: TcpListener) {
        bound.set_nonblocking(true).expect("a socket that does not block");
        let shared = Arc::clone(&self.shared);
        let task = self.runtime.as_ref().expect("it runs").spawn(async move {
            let listener = tokio::net::TcpListener::from_std(bound).expect("a listener");
            listen(listener, shared).await;
        });
        *self.listener.lock().expect("no panic under it") = Some(task);
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as configurations have it; signals are added to it over HTTP.
    pub fn url(&self) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Other limits from now on.
    pub fn limit(&self, change: impl FnOnce(&mut Limits)) {
        change(&mut self.shared.state().limits);
    }

    /// The next requests go this way, after those scripted before.
    pub fn fail(&self, times: usize, fault: Fault) {
        self.shared.state().script.extend(std::iter::repeat_n(fault, times));
    }

    /// Every request goes this way once the script is over; `None` ends that.
    pub fn always(&self, fault: Option<Fault>) {
        let mut state = self.shared.state();
        state.always = fault;
        state.script.clear();
    }

    /// Nobody listens any more, and every connection is cut.
    pub fn refuse(&self) {
        let Some(task) = self.listener.lock().expect("no panic under it").take() else { return };
        task.abort();
        let (ended, end) = mpsc::sync_channel(1);
        self.runtime.as_ref().expect("it runs").spawn(async move {
            task.await.ok();
            ended.send(()).ok();
        });
        end.recv_timeout(PATIENCE).expect("the listener ends");
        self.cut();
    }

    /// Listens again where it did.
    pub fn listen(&self) {
        self.listen_on(TcpListener::bind(self.address).expect("the port is still free"));
    }

    /// Connections are taken, and nothing is ever said over new ones; old ones are cut.
    pub fn black_hole(&self, on: bool) {
        self.shared.state().black_hole = on;
        self.cut();
    }

    /// Cuts every connection.
    pub fn cut(&self) {
        let open: Vec<_> = self.shared.open.lock().expect("no panic under it").drain().collect();
        open.into_iter().for_each(|(_, task)| task.abort());
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.state().asked.clone()
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.shared.state().asked.len()
    }

    /// Waits until so many requests have come, and gives all.
    #[track_caller]
    pub fn wait_asked(&self, count: usize) -> Vec<Asked> {
        self.wait(|state| state.asked.len() >= count, "requests");
        self.asked()
    }

    /// Waits until so many records are stored.
    #[track_caller]
    pub fn wait_records(&self, count: usize) {
        self.wait(|state| state.kept.iter().map(Request::records).sum::<usize>() >= count, "records");
    }

    #[track_caller]
    fn wait(&self, mut enough: impl FnMut(&State) -> bool, what: &str) {
        let state = self.shared.state();
        let waited = self.shared.changed.wait_timeout_while(state, PATIENCE, |state| !enough(state));
        let (state, out) = waited.expect("no panic under it");
        let kept: usize = state.kept.iter().map(Request::records).sum();
        assert!(!out.timed_out(), "{what} are missing: {} requests came, {kept} records are kept", state.asked.len());
    }

    /// What is stored, in the order in which it came.
    pub fn kept(&self) -> Vec<Request> {
        self.shared.state().kept.clone()
    }

    /// Records stored.
    pub fn records(&self) -> usize {
        self.shared.state().kept.iter().map(Request::records).sum()
    }

    /// What the client did that it must not.
    pub fn complaints(&self) -> Vec<String> {
        self.shared.state().complaints.clone()
    }

    /// Panics when the client did something that it must not.
    #[track_caller]
    pub fn is_content(&self) {
        let complaints = self.complaints();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    /// Connections taken so far, and how many of them are open.
    pub fn connections(&self) -> (u64, usize) {
        let open = self.shared.open.lock().expect("no panic under it").len();
        (self.shared.state().accepted, open)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        // Not waited for: it may be dropped where blocking is not allowed.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
