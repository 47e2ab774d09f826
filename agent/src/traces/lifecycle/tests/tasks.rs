//! The task: time, the disk, and what it is told by.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::scene::{Scene, id, runs, time};
use crate::{
    inventory::Reader,
    model::{ContainerFilter, Event, EventKind, Labels},
    traces::lifecycle::{Handle, Host, Kind, Lost, Settings, start},
};

/// A running task and what it has told.
struct Running {
    handle: Handle,
    told: Arc<Mutex<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
    stop: CancellationToken,
}

fn run(reader: &Reader, folder: Option<&Path>) -> Running {
    let settings = Settings {
        pace: crate::traces::Lifecycle { enabled: true, quiet: Duration::from_secs(10), cap: Duration::from_secs(300) },
        filter: ContainerFilter::default(),
        state_dir: folder.map(Path::to_owned),
        host: Host::default(),
    };
    let told = Arc::new(Mutex::new(Vec::new()));
    let (out, stop) = (Arc::clone(&told), CancellationToken::new());
    let (handle, future) =
        start(reader.clone(), settings, move |bytes, _| out.lock().unwrap().push(bytes.to_vec()), stop.clone());
    Running { handle, told, task: tokio::spawn(future), stop }
}

impl Running {
    fn told(&self) -> Vec<ExportTraceServiceRequest> {
        let told = self.told.lock().unwrap();
        told.iter().map(|bytes| ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap()).collect()
    }

    async fn end(self) -> Vec<ExportTraceServiceRequest> {
        self.stop.cancel();
        self.task.await.unwrap();
        let told = self.told.lock().unwrap();
        told.iter().map(|bytes| ExportTraceServiceRequest::decode(bytes.as_slice()).unwrap()).collect()
    }
}

fn event(at: i64, kind: EventKind) -> Event {
    Event { time: time(at), kind, attributes: Labels::new([("name".into(), "db".into())]) }
}

fn picture(reader: &Reader, started: Option<i64>) {
    let mut scene = Scene::default();
    if let Some(started) = started {
        scene.show("db", runs(started));
    }
    reader.publish(Arc::unwrap_or_clone(scene.snapshot()));
}

#[tokio::test(start_paused = true)]
async fn a_start_is_told_after_ten_quiet_seconds_and_nothing_wakes_before_one() {
    let reader = Reader::new();
    picture(&reader, None);
    let running = run(&reader, None);
    running.handle.ring();
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    running.handle.event(&event(100, EventKind::Created(id("db"))));
    running.handle.event(&event(200, EventKind::Started(id("db"))));
    picture(&reader, Some(190));
    running.handle.ring();
    tokio::time::sleep(Duration::from_millis(9_990)).await;
    assert_eq!(running.told().len(), 0);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let counts = Arc::clone(running.handle.counts());
    let told = running.end().await;
    assert_eq!(told.len(), 1);
    let spans = &told[0].resource_spans[0].scope_spans[0].spans;
    assert_eq!(spans[0].name, "container.start db");
    assert_eq!(counts.traces(Kind::Start), 1);
    assert_eq!(Lost::ALL.map(|reason| counts.lost(reason)), [0; 6]);
}

#[tokio::test]
async fn a_restart_of_the_agent_in_the_middle_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let reader = Reader::new();
    picture(&reader, None);
    let first = run(&reader, Some(folder.path()));
    first.handle.ring();
    first.handle.event(&event(100, EventKind::Created(id("db"))));
    assert_eq!(first.end().await.len(), 0, "under way");
    tokio::time::pause();
    let second = run(&reader, Some(folder.path()));
    // Heard again.
    second.handle.event(&event(100, EventKind::Created(id("db"))));
    second.handle.event(&event(200, EventKind::Started(id("db"))));
    picture(&reader, Some(190));
    second.handle.ring();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(second.told().len(), 1);
    tokio::time::resume();
    second.end().await;
    tokio::time::pause();
    let third = run(&reader, Some(folder.path()));
    third.handle.event(&event(200, EventKind::Started(id("db"))));
    third.handle.ring();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(third.told().len(), 0, "told before");
}

#[tokio::test]
async fn a_disk_that_refuses_costs_the_memory_of_a_restart_alone() {
    let folder = tempfile::tempdir().unwrap();
    let reader = Reader::new();
    picture(&reader, None);
    // A folder where the journal would be: it cannot be read, and nothing can be put in its place.
    std::fs::create_dir_all(folder.path().join("lifecycle.journal").join("x")).unwrap();
    tokio::time::pause();
    let running = run(&reader, Some(folder.path()));
    running.handle.ring();
    running.handle.event(&event(100, EventKind::Created(id("db"))));
    tokio::time::sleep(Duration::from_secs(20)).await;
    let counts = Arc::clone(running.handle.counts());
    assert_eq!(running.end().await.len(), 1, "told all the same");
    assert_eq!(counts.lost(Lost::State), 1);
}
