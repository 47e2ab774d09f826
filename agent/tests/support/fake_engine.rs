//! A container engine on a real unix socket which says what a recorded one says, and fails on command.
//!
//! It lives on a thread of its own, so that neither paused time nor a blocked runtime of a test touches it. What the real engine
//! refuses it refuses in the same words. A request that would write is recorded and fails the test when the fake is dropped.
//!
//! ```ignore
//! let fake = FakeEngine::start(World::new().with(FakeContainer::new("web").compose("shop", "web", 1).running(4242)));
//! fake.die("web", 137);                                   // changes what inspect says, then sends the event
//! fake.change("web", |web| web.restart_count(3));         // changes what inspect says, silently
//! fake.fault(Route::Inspect, Fault::HangMidBody);         // until fake.clear(Route::Inspect)
//! assert_eq!(fake.count(Route::List), 1);
//! ```

#[path = "fake_engine/container.rs"]
mod container;
#[path = "fake_engine/events.rs"]
mod events;
#[path = "fake_engine/faults.rs"]
mod faults;
#[path = "fake_engine/logs.rs"]
mod logs;
#[path = "fake_engine/server.rs"]
mod server;
#[path = "fake_engine/world.rs"]
mod world;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

pub use container::{FakeContainer, id_of};
pub use faults::{Fault, Route};
pub use logs::{STDERR, STDOUT, TROUBLE};
pub use server::Request;
pub use world::World;

use server::{Shared, serve};

/// The running fake. Dropping it ends every connection and removes the socket.
pub struct FakeEngine {
    shared: Arc<Shared>,
    directory: tempfile::TempDir,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl FakeEngine {
    /// Listens on a socket of its own.
    pub fn start(world: World) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the socket");
        let fake = Self { shared: Arc::new(Shared::new(world)), directory, thread: Mutex::default() };
        fake.restart();
        fake
    }

    /// Path of the socket.
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("docker.sock")
    }

    /// The socket as `DOCKER_HOST` spells it.
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// Breaks every connection and stops listening; the socket file stays, as after a crash.
    pub fn stop(&self) {
        self.shared.stop();
        if let Some(thread) = self.thread.lock().expect("no panic under this lock").take() {
            thread.join().expect("the fake engine's thread ends without a panic");
        }
    }

    /// Listens again after [`Self::stop`]. Containers and faults are as before; events of before are forgotten, as in a new engine.
    pub fn restart(&self) {
        self.stop();
        let socket: &Path = &self.socket();
        if socket.exists() {
            std::fs::remove_file(socket).expect("remove the old socket");
        }
        let listener = std::os::unix::net::UnixListener::bind(socket).expect("bind the socket");
        self.shared.begin();
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name("fake-engine".into()).spawn(move || serve(listener, &shared));
        *self.thread.lock().expect("no panic under this lock") = Some(thread.expect("start a thread"));
    }

    // ---- what it misbehaves in

    /// Fails every request to this endpoint so, until [`Self::clear`].
    pub fn fault(&self, route: Route, fault: Fault) {
        self.world().faults.insert(route, (fault, false));
    }

    /// Fails the next request to this endpoint so.
    pub fn fault_once(&self, route: Route, fault: Fault) {
        self.world().faults.insert(route, (fault, true));
    }

    /// Behaves again at this endpoint; hung requests stay hung.
    pub fn clear(&self, route: Route) {
        self.world().faults.remove(&route);
    }

    /// Ends every open event stream properly.
    pub fn close_events(&self) {
        self.shared.end_events(Ok(()));
    }

    /// Breaks every open event stream off.
    pub fn break_events(&self) {
        self.shared.end_events(Err(()));
    }

    /// What stands between two events; the engine writes a newline.
    pub fn event_separator(&self, separator: &'static str) {
        self.world().separator = separator;
    }

    // ---- what it was asked

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests()
    }

    /// Starts the record of requests anew.
    pub fn forget_requests(&self) {
        self.shared.forget_requests();
    }

    /// Requests to one endpoint so far.
    pub fn count(&self, route: Route) -> usize {
        self.requests().iter().filter(|request| request.route == route).count()
    }

    /// Connections open now.
    pub fn connections(&self) -> usize {
        self.shared.connections()
    }

    /// Event streams open now.
    pub fn listeners(&self) -> usize {
        self.shared.listeners()
    }

    /// Waits until `condition` holds, for at most ten seconds; panics after that.
    pub async fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !condition(self) {
            assert!(begun.elapsed() < Duration::from_secs(10), "waited ten seconds for {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    // ---- what is in it, changed without an event

    /// The world behind the answers.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world()
    }

    /// Puts a container in.
    pub fn add(&self, container: FakeContainer) {
        self.world().containers.push(container);
    }

    /// Replaces a container by what `change` makes of it.
    pub fn change(&self, name: &str, change: impl FnOnce(FakeContainer) -> FakeContainer) {
        let mut world = self.world();
        let slot = world.container_mut(name);
        *slot = change(slot.clone());
        drop(world);
        self.shared.tell_log_news();
    }

    /// Takes a container out.
    pub fn remove(&self, name: &str) {
        self.world().containers.retain(|container| container.name() != name);
        self.shared.tell_log_news();
    }

    // ---- what containers write

    /// A message of a container, by output ([`STDOUT`], [`STDERR`], or [`TROUBLE`] for the engine's own words in the stream) and time in
    /// nanoseconds since 1970. A line brings its end, a part of one does not.
    pub fn log(&self, name: &str, output: u8, time: i64, text: impl AsRef<[u8]>) {
        let mut world = self.world();
        let id = world.container_mut(name).id_str().to_owned();
        world.logs.entry(id).or_default().push(output, time, text.as_ref());
        drop(world);
        self.shared.tell_log_news();
    }

    /// Rotates the oldest messages of a container away.
    pub fn forget_log(&self, name: &str, count: usize) {
        let mut world = self.world();
        let id = world.container_mut(name).id_str().to_owned();
        world.logs.entry(id).or_default().forget(count);
    }

    /// Sends one event as it is given, with the time added where it is missing.
    pub fn event(&self, event: Value) {
        self.shared.send(event);
    }

    // ---- the life of a container: the change, then the events of the real engine in its order

    /// `docker run -d`: create, connect, start.
    pub fn run(&self, container: FakeContainer, pid: u32) {
        let name = container.name().to_owned();
        self.add(container);
        self.container_event(&name, "create", &[]);
        self.start_container(&name, pid);
    }

    /// `docker start`: connect, start.
    pub fn start_container(&self, name: &str, pid: u32) {
        self.network_events(name, "connect");
        self.change(name, |container| container.running(pid));
        self.container_event(name, "start", &[]);
    }

    /// The first process ends: die, disconnect; or the other way round, see [`World::engine_28`].
    pub fn die(&self, name: &str, exit_code: i64) {
        self.change(name, |container| container.exited(exit_code));
        let code = exit_code.to_string();
        if self.world().death_last {
            self.network_events(name, "disconnect");
            return self.container_event(name, "die", &[("exitCode", &code), ("execDuration", "1")]);
        }
        self.container_event(name, "die", &[("exitCode", &code)]);
        self.network_events(name, "disconnect");
    }

    /// The restart policy takes over: die, then a new run under the same id.
    pub fn restart_by_policy(&self, name: &str, exit_code: i64, pid: u32) {
        self.die(name, exit_code);
        self.change(name, |container| {
            let count = container.inspect["RestartCount"].as_u64().unwrap_or_default();
            container.restart_count(count + 1)
        });
        self.start_container(name, pid);
    }

    /// `docker kill`: the event of the signal; a deadly one is followed by [`Self::die`].
    pub fn kill(&self, name: &str, signal: i64) {
        self.container_event(name, "kill", &[("signal", &signal.to_string())]);
        if matches!(signal, 9 | 15) {
            self.die(name, 128 + signal);
        }
    }

    /// `docker stop`: kill 15, die, stop; or kill 15, stop, die, see [`World::engine_28`].
    pub fn stop_container(&self, name: &str) {
        self.container_event(name, "kill", &[("signal", "15")]);
        let stop_first = self.world().death_last;
        if stop_first {
            self.container_event(name, "stop", &[]);
        }
        self.die(name, 143);
        if !stop_first {
            self.container_event(name, "stop", &[]);
        }
    }

    /// The kernel kills for lack of memory: oom, die 137.
    pub fn oom(&self, name: &str) {
        self.container_event(name, "oom", &[]);
        self.change(name, |container| container.oom_killed(true));
        self.die(name, 137);
    }

    /// The health status changes.
    pub fn health(&self, name: &str, status: &str) {
        self.change(name, |container| container.health(status));
        self.container_event(name, &format!("health_status: {status}"), &[]);
    }

    /// `docker pause`.
    pub fn pause(&self, name: &str) {
        self.change(name, FakeContainer::paused);
        self.container_event(name, "pause", &[]);
    }

    /// `docker unpause`.
    pub fn unpause(&self, name: &str) {
        self.change(name, FakeContainer::unpaused);
        self.container_event(name, "unpause", &[]);
    }

    /// `docker rename`.
    pub fn rename(&self, name: &str, new: &str) {
        self.change(name, |container| container.edit(|inspect| inspect["Name"] = json!(format!("/{new}"))));
        self.container_event(new, "rename", &[("oldName", &format!("/{name}"))]);
    }

    /// `docker update`.
    pub fn update(&self, name: &str, change: impl FnOnce(FakeContainer) -> FakeContainer) {
        self.change(name, change);
        self.container_event(name, "update", &[]);
    }

    /// `docker rm`.
    pub fn destroy(&self, name: &str) {
        let inspect = self.world().container_mut(name).inspect.clone();
        self.remove(name);
        self.event(events::of_container(&inspect, "destroy", &[]));
    }

    /// Any other container event.
    pub fn container_event(&self, name: &str, action: &str, attributes: &[(&str, &str)]) {
        let inspect = self.world().container_mut(name).inspect.clone();
        self.event(events::of_container(&inspect, action, attributes));
    }

    /// `docker network create`.
    pub fn add_network(&self, network: Value) {
        self.world().networks.push(network.clone());
        self.event(events::of_network(&network, "create", None));
    }

    /// `docker network connect` and `disconnect`: what inspect says, then the event.
    pub fn connect(&self, name: &str, network: &str, address: &str) {
        self.change(name, |container| container.network(network, address));
        self.network_event(network, "connect", name);
    }

    /// `docker network disconnect`.
    pub fn disconnect(&self, name: &str, network: &str) {
        self.change(name, |container| {
            container.edit(|inspect| {
                if let Some(networks) = inspect["NetworkSettings"]["Networks"].as_object_mut() {
                    networks.remove(network);
                }
            })
        });
        self.network_event(network, "disconnect", name);
    }

    fn network_events(&self, name: &str, action: &str) {
        let networks = self.world().container_mut(name).inspect["NetworkSettings"]["Networks"].clone();
        for network in networks.as_object().into_iter().flat_map(|networks| networks.keys()) {
            self.network_event(network, action, name);
        }
    }

    fn network_event(&self, network: &str, action: &str, container: &str) {
        let (network, id) = {
            let mut world = self.world();
            let id = world.container_mut(container).inspect["Id"].clone();
            (world.network_named(network), id)
        };
        self.event(events::of_network(&network, action, Some(&id)));
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        self.stop();
        let writes: Vec<_> =
            self.requests().into_iter().filter(|r| !matches!(r.method.as_str(), "GET" | "HEAD")).collect();
        if !std::thread::panicking() {
            assert!(writes.is_empty(), "the engine was asked to write: {writes:?}");
        }
    }
}
