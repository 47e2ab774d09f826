//! The task that asks, with an inventory made by hand: who is asked how often, and what is known afterwards.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::{
    super::{Board, Parts, Probes, Record, Unreachable},
    plan::{labelled, on_host, policy},
    servers::{Server, tarpit},
};
use crate::{
    inventory::{Reader, Snapshot},
    model::{Container, ContainerFilter, ContainerState},
    policy::{self as policies, Policy, RootFiles, examples::snapshot},
    targets::{Dial, Dialling, Way},
};

/// Leads each port to a server of the test, and keeps where it was asked to go.
#[derive(Debug, Default)]
struct Recorder {
    servers: HashMap<u16, SocketAddr>,
    dialled: Mutex<Vec<SocketAddr>>,
}

impl Dial for Recorder {
    fn dial<'a>(&'a self, way: &'a Way) -> Dialling<'a> {
        let Way::Address { at, .. } = way else { panic!("{way:?}") };
        self.dialled.lock().unwrap().push(*at);
        let server = self.servers.get(&at.port()).copied();
        Box::pin(async move {
            match server {
                Some(server) => TcpStream::connect(server).await,
                None => Err(std::io::ErrorKind::ConnectionRefused.into()),
            }
        })
    }
}

/// An agent's probes at work; they end with it.
struct Work {
    probes: Probes,
    reader: Reader,
    policy: policies::Board,
    dial: Arc<Recorder>,
    shutdown: CancellationToken,
}

impl Drop for Work {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

impl Work {
    fn start(picture: Snapshot, policy: Policy, servers: &[(u16, SocketAddr)]) -> Self {
        let dial = Arc::new(Recorder { servers: servers.iter().copied().collect(), ..Recorder::default() });
        let (probes, reader, shutdown) = (Probes::default(), Reader::new(), CancellationToken::new());
        reader.publish(picture);
        let policy = policies::Board::new(Arc::new(policy), RootFiles::default(), ContainerFilter::default());
        let parts = Parts {
            reader: reader.clone(),
            policy: policy.clone(),
            standpoint: on_host(),
            dial: Arc::clone(&dial) as Arc<dyn Dial>,
            secrets: "/nowhere".into(),
        };
        tokio::spawn(probes.run(parts, shutdown.clone()).unwrap());
        Self { probes, reader, policy, dial, shutdown }
    }

    fn board(&self) -> &Board {
        self.probes.board()
    }

    fn show(&self, mut picture: Snapshot) {
        picture.shape = self.reader.load().shape + 1;
        self.reader.publish(picture);
        self.probes.ring();
    }

    fn record(&self, service: &str) -> Option<Arc<Record>> {
        self.board().records().into_iter().find(|record| *record.id.service == *service)
    }

    async fn until<T>(&self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{what}: {:?}", self.board().records());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn asked(service: &str, port: u16, interval: &str) -> Container {
    let labels = [("spyhop.probe.a", &*format!("http:{port}/")), ("spyhop.probe.a.interval", interval)];
    labelled("shop", service, &labels)
}

#[tokio::test]
async fn a_tarpit_delays_none_of_two_hundred() {
    let (good, pit) = (Server::saying(200, "").await, tarpit().await);
    let name = |n: u16| format!("good{n}");
    let mut containers: Vec<_> = (0..200).map(|n| asked(&name(n), 1, "1s")).collect();
    containers.push(asked("tarpit", 2, "1s"));
    let work = Work::start(snapshot(containers), Policy::default(), &[(1, good.at), (2, pit)]);
    let attempts = |work: &Work| {
        let records = work.board().records();
        let good = records.iter().filter(|record| &*record.id.service != "tarpit").map(|record| record.attempts);
        (good.clone().min().unwrap_or_default(), good.max().unwrap_or_default(), records.len())
    };
    // Whoever has been asked most often has been so six times: then everybody has, but for the one whose moment is still to come.
    let (least, _, count) =
        work.until("six rounds", |work| Some(attempts(work)).filter(|(_, most, _)| *most >= 6)).await;
    assert_eq!(count, 201);
    assert!(least >= 5, "somebody was asked {least} times only");
    let records = work.board().records();
    let failed: Vec<_> = records.iter().filter(|record| record.failures > 0).collect();
    assert!(failed.iter().all(|record| &*record.id.service == "tarpit"), "{failed:?}");
    let pit = work.record("tarpit").unwrap();
    assert!(pit.failing() && pit.attempts >= 2, "{pit:?}");
    assert_eq!(work.board().refused(), [("declared", 0), ("run", 0)]);
}

#[tokio::test]
async fn an_outage_is_measured_and_goes_on_over_lives() {
    let server = Server::saying(200, "").await;
    let up = |life: &str| {
        let mut container = asked("api", 1, "1s");
        container.started_at = Some(life.parse().unwrap());
        snapshot(vec![container])
    };
    let work = Work::start(up("2026-01-01T00:00:00Z"), Policy::default(), &[(1, server.at)]);
    work.until("the first success", |work| {
        work.record("api").filter(|record| record.attempts > 0 && !record.failing())
    })
    .await;
    let mut down = up("2026-01-01T00:00:00Z");
    Arc::make_mut(&mut down.containers[0]).container.state = ContainerState::Exited;
    work.show(down);
    let failing = work.until("a failure", |work| work.record("api").filter(|record| record.failing())).await;
    let (_, outcome) = failing.last.as_ref().unwrap();
    assert_eq!(outcome.failure.as_ref().unwrap().reason.as_str(), "not_running");
    // Gone altogether: out of reach, and what was counted stays.
    work.show(snapshot(Vec::new()));
    let gone =
        work.until("out of reach", |work| work.record("api").filter(|record| record.unreachable.is_some())).await;
    assert_eq!((gone.unreachable, gone.failing()), (Some(Unreachable::NoContainer), false));
    work.show(up("2026-01-02T00:00:00Z"));
    let back = work
        .until("a success", |work| {
            work.record("api")
                .filter(|record| record.last.is_some() && !record.failing() && record.unreachable.is_none())
        })
        .await;
    assert!(back.attempts > 0 && back.failing_since.is_none(), "{back:?}");
    let outages = work.board().outages();
    let ((project, service, probe), durations) = outages.first().unwrap();
    assert_eq!((&**project, &**service, &**probe, outages.len()), ("shop", "api", "a", 1));
    assert_eq!(durations.count(), 1);
}

#[tokio::test]
async fn a_first_start_is_no_outage() {
    let server = Server::saying(200, "").await;
    let down = || {
        let mut picture = snapshot(vec![asked("api", 1, "1s")]);
        Arc::make_mut(&mut picture.containers[0]).container.state = ContainerState::Restarting;
        picture
    };
    let work = Work::start(down(), Policy::default(), &[(1, server.at)]);
    work.until("a failure", |work| work.record("api").filter(|record| record.failing())).await;
    work.show(snapshot(vec![asked("api", 1, "1s")]));
    work.until("a success", |work| work.record("api").filter(|record| record.attempts > record.failures)).await;
    let count = |work: &Work| work.board().outages().first().map(|(_, durations)| durations.count());
    assert_eq!(count(&work), Some(0));
    work.show(down());
    work.until("a failure", |work| work.record("api").filter(|record| record.failing())).await;
    work.show(snapshot(vec![asked("api", 1, "1s")]));
    work.until("an outage", |work| (count(work) == Some(1)).then_some(())).await;
}

#[tokio::test]
async fn somebody_elses_end_is_no_outage() {
    let server = Server::saying(200, "").await;
    let picture = || snapshot(vec![asked("api", 9, "1s"), asked("web", 1, "1s")]);
    let work = Work::start(picture(), Policy::default(), &[(1, server.at)]);
    work.until("a failure", |work| work.record("api").filter(|record| record.failing())).await;
    let mut stopped = picture();
    let entry = Arc::make_mut(&mut stopped.containers[0]);
    (entry.container.state, entry.stopped_by_person) = (ContainerState::Exited, true);
    work.show(stopped);
    let record =
        work.until("out of reach", |work| work.record("api").filter(|record| record.unreachable.is_some())).await;
    assert_eq!((record.unreachable, record.failing_since), (Some(Unreachable::Stopped), None));
    let neighbour = work.record("web").unwrap().attempts;
    work.until("two rounds", |work| work.record("web").filter(|record| record.attempts >= neighbour + 2)).await;
    assert_eq!(work.record("api").unwrap().attempts, record.attempts, "nobody is asked, and nothing is counted");
}

#[tokio::test]
async fn another_policy_counts_at_once() {
    let server = Server::saying(200, "").await;
    let picture = snapshot(vec![asked("api", 1, "1s"), labelled("shop", "web", &[])]);
    let work = Work::start(picture, Policy::default(), &[(1, server.at), (2, server.at)]);
    work.until("a probe by label", |work| work.record("api").filter(|record| record.attempts > 0)).await;
    let probe = |text: &str| Some(Arc::new(policies::probe::Probe::new(policies::probe::Aim::parse(text).unwrap())));
    let rule = |name: &str, probe| policies::ServiceRule {
        name: name.into(),
        probes: [("a".into(), probe)].into(),
        ..policies::ServiceRule::default()
    };
    work.policy.replace(Arc::new(policy(vec![rule("api", None), rule("web", probe("http:2/"))])));
    work.probes.ring();
    work.until("a probe by the file", |work| work.record("web").filter(|record| record.attempts > 0)).await;
    assert!(work.record("api").is_none(), "the file says off");
    let dialled = work.dial.dialled.lock().unwrap();
    assert!(dialled.iter().all(|at| at.ip().is_loopback() && [1, 2].contains(&at.port())), "{dialled:?}");
}

#[tokio::test]
async fn slow_is_not_failed() {
    let slow = Server::start(|_| {
        std::thread::sleep(Duration::from_millis(30));
        super::servers::answer(200, "")
    })
    .await;
    let labels = [("spyhop.probe.a", "http:1/"), ("spyhop.probe.a.max_duration", "10ms")];
    let container = labelled("shop", "api", &labels);
    let work = Work::start(snapshot(vec![container]), Policy::default(), &[(1, slow.at)]);
    let record = work.until("a probe", |work| work.record("api").filter(|record| record.attempts > 0)).await;
    assert_eq!((record.slow, record.failures, record.max_duration), (1, 0, Some(Duration::from_millis(10))));
}

#[tokio::test]
async fn pictures_of_the_same_shape_are_no_reason_for_another_plan() {
    let good = Server::saying(200, "").await;
    let work = Work::start(snapshot(vec![asked("api", 1, "1s")]), Policy::default(), &[(1, good.at)]);
    let attempts = |work: &Work, service| work.record(service).map_or(0, |record| record.attempts);
    work.until("an attempt", |work| (attempts(work, "api") > 0).then_some(())).await;
    // Of this shape there is another container; whoever looked would see it.
    let mut picture = snapshot(vec![asked("web", 1, "1s")]);
    picture.shape = work.reader.load().shape;
    work.reader.publish(picture);
    work.probes.ring();
    let before = attempts(&work, "api");
    work.until("two more", |work| (attempts(work, "api") >= before + 2).then_some(())).await;
    assert!(work.record("web").is_none());
    work.show(snapshot(vec![asked("web", 1, "1s")]));
    work.until("the other one", |work| (attempts(work, "web") > 0).then_some(())).await;
}
