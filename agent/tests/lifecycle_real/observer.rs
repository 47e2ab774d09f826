//! An inventory of the real engine with lifecycle traces, as the agent has them.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use spyhop::{
    engine::{Address, Engine},
    inventory::{self, Listener, Reader},
    model::ContainerFilter,
    telemetry::Metrics,
    traces::{
        Lifecycle,
        lifecycle::{self, Handle, Host},
    },
};
use tokio::{runtime::Runtime, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::support::{
    docker::Docker,
    wait::{eventually, factor, holds},
};

/// Quiet for less than the ten seconds of the product: the rest is the same.
pub(crate) fn quiet() -> Duration {
    Duration::from_secs(4).mul_f64(factor())
}

/// Requests in the order they were told.
pub(crate) type Told = Arc<Mutex<Vec<Bytes>>>;

/// One that looks on.
pub(crate) struct Observer {
    folder: PathBuf,
    told: Told,
    reader: Reader,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    handle: Handle,
    runtime: Runtime,
}

impl Observer {
    pub(crate) fn new(docker: &Docker, folder: &Path, told: &Told) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let (reader, metrics, stop) = (Reader::new(), Metrics::default(), CancellationToken::new());
        let settings = lifecycle::Settings {
            pace: Lifecycle { enabled: true, quiet: quiet(), cap: Duration::from_secs(300) },
            filter: ContainerFilter::default(),
            state_dir: Some(folder.to_owned()),
            host: Host { name: None, id: Some("test-host".into()) },
        };
        let out = {
            let told = Arc::clone(told);
            move |request, _| told.lock().expect("nobody panicked").push(request)
        };
        let (handle, task) = lifecycle::start(reader.clone(), settings, out, stop.clone());
        let (events, ring) = (handle.clone(), handle.clone());
        let address = Address::parse(&format!("unix://{}", docker.socket().display())).expect("an address");
        let engine = Engine::new(address, metrics.clone()).expect("an engine");
        let settings = inventory::Settings {
            state_dir: Some(folder.to_owned()),
            listener: Some(Listener::new(move |event| events.event(event))),
            ..inventory::Settings::default()
        };
        let watch = inventory::watch(engine, settings, reader.clone(), metrics, move || ring.ring(), stop.clone());
        let tasks = vec![runtime.spawn(task), runtime.spawn(watch)];
        let observer = Self { folder: folder.to_owned(), told: Arc::clone(told), reader, stop, tasks, handle, runtime };
        eventually("the first inventory", || {
            holds(observer.reader.load().engine.connected, || "not connected".to_owned())
        });
        observer
    }

    /// Ends it as a signal does, and starts another in its place after `meanwhile`.
    pub(crate) fn restart(mut self, docker: &Docker, meanwhile: impl FnOnce()) -> Self {
        self.end();
        meanwhile();
        Self::new(docker, &self.folder, &self.told)
    }

    fn end(&mut self) {
        self.stop.cancel();
        for task in self.tasks.drain(..) {
            self.runtime.block_on(task).expect("the task ends");
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.end();
        println!("lost: {:?}", lifecycle::Lost::ALL.map(|reason| (reason.as_str(), self.handle.counts().lost(reason))));
    }
}
