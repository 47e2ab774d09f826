//! The task with scripted eyes and hands, on a clock of its own.

use std::sync::{
    Mutex as StdMutex,
    atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{
    isolation::{
        Tier,
        active::Answer,
        reach::tests::{container, network},
        settings::Enabled,
        verdict::Report,
        verdict::tests::{at, edge, key, picture, sweep as seen},
    },
    policy::{Layer, Policy, Project, RootFiles, examples},
};

/// How often it was looked, and what was to be seen.
#[derive(Clone, Default)]
struct Script {
    sweeps: Arc<AtomicUsize>,
    rounds: Arc<AtomicUsize>,
    flows: Arc<StdMutex<Vec<super::super::Edge>>>,
}

impl Eyes for Script {
    fn sweep(&mut self, _snapshot: &Snapshot, _now: Timestamp) -> Observed {
        self.sweeps.fetch_add(1, Ordering::SeqCst);
        let flows = self.flows.lock().unwrap().clone();
        assert!(!flows.contains(&edge("web", "panic", 1)), "as asked");
        seen(flows)
    }
}

impl Hands for Script {
    fn probe(&self, _round: Round) -> BoxFuture<'static, Probed> {
        self.rounds.fetch_add(1, Ordering::SeqCst);
        let edges = [(edge("web", "db", 5432), Answer::Dropped), (edge("web", "db", 80), Answer::Open)].into();
        Box::pin(async move { Probed { edges, asked: [1, 0, 1, 0, 0], ..Probed::default() } })
    }
}

struct Scene {
    isolation: Isolation,
    script: Script,
    reader: Reader,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

/// `enabled: true`, so that somebody looks whatever the policy says.
fn settings() -> Settings {
    Settings { enabled: Enabled::Always, active: true, ..Settings::default() }
}

fn start(settings: Settings) -> Scene {
    let (script, reader, shutdown) = (Script::default(), Reader::new(), CancellationToken::new());
    reader.publish(picture_of(1));
    let isolation = Isolation::new(settings);
    let policy = policy::Board::new(Arc::default(), RootFiles::default(), Default::default());
    let parts = Parts {
        reader: reader.clone(),
        policy,
        own: None,
        eyes: Ok(Box::new(script.clone())),
        hands: Ok(Arc::new(script.clone())),
    };
    let task = tokio::spawn(isolation.clone().run(parts, shutdown.clone()));
    Scene { isolation, script, reader, shutdown, task }
}

fn picture_of(generation: u64) -> Snapshot {
    let mut snapshot = Snapshot { generation, ..picture() };
    snapshot.engine.ready_since = Some(at(0));
    snapshot
}

impl Scene {
    async fn until(&self, what: &str, is_so: impl Fn(&Report) -> bool) -> Arc<Report> {
        for _ in 0..3_000 {
            let report = self.isolation.board().report();
            if is_so(&report) {
                return report;
            }
            sleep(Duration::from_millis(10)).await;
            // A thread for what blocks does not share the clock that stands still.
            std::thread::sleep(Duration::from_micros(200));
        }
        panic!("{what} did not come about: {:?}", self.isolation.board().report());
    }

    async fn end(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

fn links(report: &Report) -> usize {
    report.graph.len()
}

#[tokio::test(start_paused = true)]
async fn each_tier_looks_once_an_interval() {
    let scene = start(settings());
    scene.script.flows.lock().unwrap().push(edge("web", "api", 8080));
    let report = scene.until("a look of each tier", |report| report.sweeps.len() == 3).await;
    assert!(report.idle.is_empty(), "{:?}", report.idle);
    let report = scene.until("a second round", |report| report.probes[0] == 2).await;
    assert_eq!((report.probes, links(&report)), ([2, 0, 2, 0, 0], 1));
    assert!(report.findings.is_empty(), "no project has a say");
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_done_while_nobody_has_a_say() {
    let scene = start(Settings { enabled: Enabled::Auto, ..settings() });
    sleep(Duration::from_secs(120)).await;
    scene.reader.publish(picture_of(2));
    scene.isolation.ring();
    sleep(Duration::from_secs(120)).await;
    assert_eq!((scene.script.sweeps.load(Ordering::SeqCst), scene.script.rounds.load(Ordering::SeqCst)), (0, 0));
    assert!(scene.isolation.board().report().is_idle());
    // It wakes when the configuration says so, and rests again.
    scene.isolation.configure(settings());
    scene.until("a sweep", |report| report.sweeps.contains_key(&Tier::Passive)).await;
    scene.isolation.configure(Settings { enabled: Enabled::Never, ..settings() });
    scene.until("rest", |report| report.is_idle()).await;
    let before = scene.script.sweeps.load(Ordering::SeqCst);
    sleep(Duration::from_secs(120)).await;
    assert!(scene.script.sweeps.load(Ordering::SeqCst) <= before + 1, "one may have been under way");
    assert!(scene.isolation.board().report().is_idle());
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_tier_that_is_switched_off_says_nothing_more() {
    let scene = start(settings());
    scene.until("a look of each tier", |report| report.sweeps.len() == 3).await;
    scene.isolation.configure(Settings { active: false, interval: Duration::from_secs(3), ..settings() });
    let report = scene.until("no active tier", |report| !report.sweeps.contains_key(&Tier::Active)).await;
    assert_eq!(report.idle[&Tier::Active], "isolation.active is off");
    let rounds = scene.script.rounds.load(Ordering::SeqCst);
    let sweeps = scene.script.sweeps.load(Ordering::SeqCst);
    scene.until("sweeps", |_| scene.script.sweeps.load(Ordering::SeqCst) > sweeps + 3).await;
    assert!(scene.script.rounds.load(Ordering::SeqCst) <= rounds + 1);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn eyes_that_fail_are_not_used_again_and_the_others_go_on() {
    let scene = start(settings());
    scene.until("a look of each tier", |report| report.sweeps.len() == 3).await;
    scene.script.flows.lock().unwrap().push(edge("web", "panic", 1));
    let report = scene.until("no passive tier", |report| report.idle.contains_key(&Tier::Passive)).await;
    assert!(report.sweeps.contains_key(&Tier::Passive), "when it last looked stays said: by its age somebody is told");
    let rounds = scene.script.rounds.load(Ordering::SeqCst);
    scene.until("rounds", |_| scene.script.rounds.load(Ordering::SeqCst) > rounds + 1).await;
    scene.end().await;
}

/// One network with so many services on it, each of which listens on a thousand ports that no flow names.
struct Crowd {
    judge: std::thread::ThreadId,
    judged_beside: Arc<AtomicUsize>,
    judged_here: Arc<AtomicUsize>,
}

const SERVICES: usize = 48;

impl Crowd {
    fn observed() -> Observed {
        let ports = || (1..=1_000).map(|port| (crate::model::Protocol::Tcp, port)).collect();
        let mut observed = seen([]);
        observed.listeners = (0..SERVICES).map(|at| (key(&format!("s{at:02}")), ports())).collect();
        observed
    }

    fn picture() -> Snapshot {
        let networks = [network("shop_front of=shop")];
        let service = |at: usize| container("shop", &format!("s{at:02}"), "shop_front", &networks, at as u8 + 2);
        let mut picture = examples::snapshot((0..SERVICES).map(service).collect());
        picture.networks = networks.to_vec();
        picture.engine.ready_since = Some(at(0));
        picture
    }

    fn policy() -> Policy {
        let base = Layer { flows: Some(Vec::new()), ..Layer::default() };
        let project = Project { name: "shop".into(), base, ..Project::default() };
        Policy { projects: vec![Arc::new(project)], ..Policy::default() }
    }
}

impl Eyes for Crowd {
    fn sweep(&mut self, _snapshot: &Snapshot, _now: Timestamp) -> Observed {
        Self::observed()
    }

    fn note(&mut self, _snapshot: &Snapshot, _now: Timestamp) {
        let beside = std::thread::current().id() != self.judge;
        self.judged_beside.fetch_add(usize::from(beside), Ordering::SeqCst);
        self.judged_here.fetch_add(usize::from(!beside), Ordering::SeqCst);
    }
}

/// A runtime of one thread, as small as it gets: whatever judges on it keeps everybody else waiting.
#[tokio::test]
async fn thousands_of_listeners_are_judged_beside_the_runtime_and_within_bounds() {
    let picture = Crowd::picture();
    let intent = Intent::resolve(&Crowd::policy(), &picture);
    let direct = super::super::fixed::excess(&intent, &picture, &Crowd::observed().listeners);
    assert_eq!((direct.drafts.len(), direct.left_out), (SERVICES * (SERVICES - 1), 0), "each pair once");
    assert!(direct.drafts[0].message.contains("8/tcp and 56 more"), "64 of a thousand: {}", direct.drafts[0].message);

    let (reader, shutdown) = (Reader::new(), CancellationToken::new());
    let (beside, here) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    reader.publish(picture);
    let eyes = Crowd {
        judge: std::thread::current().id(),
        judged_beside: Arc::clone(&beside),
        judged_here: Arc::clone(&here),
    };
    let parts = Parts {
        reader,
        policy: policy::Board::new(Arc::new(Crowd::policy()), RootFiles::default(), Default::default()),
        own: None,
        eyes: Ok(Box::new(eyes)),
        hands: Err("none".to_owned()),
    };
    let isolation = Isolation::new(Settings { active: false, ..settings() });
    let task = tokio::spawn(isolation.clone().run(parts, shutdown.clone()));
    isolation.ring();
    let began = std::time::Instant::now();
    let report = loop {
        let report = isolation.board().report();
        let counted = report.projects.get("shop").map_or(0, |shop| shop.counts[&policy::Class::ExcessReachability]);
        if counted > 0 {
            break report;
        }
        assert!(began.elapsed() < Duration::from_secs(300), "nothing comes of it");
        sleep(Duration::from_millis(1)).await;
    };
    assert!(report.projects["shop"].truncated, "more findings than are kept are counted and cut");
    assert!(beside.load(Ordering::SeqCst) > 0, "pictures are judged on another thread");
    assert_eq!(here.load(Ordering::SeqCst), 0, "and none on that of the runtime");
    shutdown.cancel();
    task.await.unwrap();
}
