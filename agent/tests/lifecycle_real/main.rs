//! Lifecycle traces over the real engine: what containers go through is told once, whole and under the same ids whoever looks.
//!
//! Compose is not asked: containers bear its labels, and the test starts them in its order, so that the waterfall is known.

#![expect(clippy::expect_used, reason = "helpers of tests")]

#[path = "../support/otlp_backend/mod.rs"]
mod otlp_backend;
#[path = "../support/mod.rs"]
mod support;

mod agent;
mod observer;
mod reference;
mod trace;

use observer::{Observer, Told, quiet};
use support::{
    container::{Recipe, Role, Running},
    docker::{Docker, Turn},
    wait::{eventually, holds, patience, within},
};
use trace::{Trace, attribute, traces};

const DEPENDS_ON: &str = "com.docker.compose.depends_on";

/// An observer, a project name of its own, and where things are kept.
struct Scene {
    docker: Docker,
    project: String,
    told: Told,
    observer: Option<Observer>,
    folder: tempfile::TempDir,
}

impl Scene {
    fn or_skip(stem: &str) -> Option<Self> {
        let docker = Docker::or_skip(Turn::Shared)?;
        let folder = tempfile::tempdir().expect("a folder");
        let (project, told) = (docker.unique(stem), Told::default());
        let observer = Some(Observer::new(&docker, folder.path(), &told));
        Some(Self { docker, project, told, observer, folder })
    }

    fn service(&self, service: &str, depends_on: &str) -> Recipe {
        recipe(&self.docker, &self.project, service, depends_on)
    }

    /// The `count` traces of the project whose root is named so; fails when there are more.
    #[track_caller]
    fn told(&self, root: &str, count: usize) -> Vec<Trace> {
        let limit = patience() + 2 * quiet();
        let (traces, _) = within(limit, root, || {
            let mut traces = traces(&self.told, &self.project);
            let all: Vec<_> = traces.iter().map(|trace| trace.root().name.clone()).collect();
            traces.retain(|trace| trace.root().name.starts_with(root));
            if traces.len() < count { Err(format!("told are {all:?}")) } else { Ok(traces) }
        });
        assert_eq!(traces.len(), count, "{root}");
        traces.iter().for_each(|trace| println!("{}", trace.drawing()));
        traces
    }

    #[track_caller]
    fn one(&self, root: &str) -> Trace {
        self.told(root, 1).remove(0)
    }

    /// Has its first process do what it does on USR1, which may take with it whoever asked.
    #[track_caller]
    fn hit(&self, container: &Running) {
        self.docker.run(&["exec", "--detach", &container.id, "sh", "-c", "kill -USR1 1"]);
    }

    fn title(&self, service: &str) -> String {
        format!("{}/{service}-1", self.project)
    }
}

#[track_caller]
fn wait_for(container: &Running, pointer: &str, word: &str) {
    eventually(&format!("{} is {word}", container.name), || {
        let said = container.inspect().pointer(pointer).cloned().unwrap_or_default();
        holds(said == word, || said.to_string())
    });
}

#[track_caller]
fn healthy(container: &Running) {
    wait_for(container, "/State/Health/Status", "healthy");
}

/// Sick for its first second.
fn slow_to_heal(recipe: Recipe) -> Recipe {
    let script = "touch /sick; trap 'exit 0' TERM; (sleep 1.5; rm /sick) & sleep 100000 & wait %2";
    recipe.health("500ms").options(&["--health-retries", "20"]).role(Role::Script(script.into()))
}

fn recipe(docker: &Docker, project: &str, service: &str, depends_on: &str) -> Recipe {
    let recipe = docker.container(service).compose(project, service, 1);
    if depends_on.is_empty() { recipe } else { recipe.label(DEPENDS_ON, depends_on) }
}

/// Two of which one waits for the other: both are made, and the first is started.
fn shop_of(docker: &Docker, project: &str) -> (Running, Running) {
    let db = slow_to_heal(recipe(docker, project, "db", "")).create();
    let api = recipe(docker, project, "api", "db:service_healthy:false").health("500ms").create();
    db.act(&["start"]);
    (db, api)
}

fn shop(scene: &Scene) -> (Running, Running) {
    shop_of(&scene.docker, &scene.project)
}

#[test]
fn a_project_comes_up_as_the_waterfall_of_the_documentation() {
    let Some(scene) = Scene::or_skip("shop") else { return };
    let (db, api) = shop(&scene);
    healthy(&db);
    api.act(&["start"]);
    healthy(&api);
    let trace = scene.one("compose.up");
    let (db, api) = (format!("{} startup", scene.title("db")), format!("{} startup", scene.title("api")));
    assert_eq!(trace.names(&format!("compose.up {}", scene.project)), [&*db, &*api]);
    assert_eq!(trace.names(&db), ["create", "start", "become healthy"]);
    assert_eq!(trace.names(&api), ["create", "wait for dependencies", "start", "become healthy"]);
    let (db, api) = (trace.span(&db), trace.span(&api));
    assert_eq!([db, api, trace.root()].map(|span| span.status.is_none()), [true; 3]);
    assert_eq!([db, api].map(|span| attribute(span, "spyhop.outcome").expect("an outcome")), ["ready", "ready"]);
    assert_eq!(api.links.iter().map(|link| &link.span_id).collect::<Vec<_>>(), [&db.span_id]);
    let waited = trace.under(api)[1];
    let became = trace.under(db)[2];
    assert!(waited.end_time_unix_nano >= became.end_time_unix_nano, "it waited until the other was healthy");
    let checks = trace.under(became);
    assert!(checks.len() >= 2, "{}", trace.drawing());
    assert!(checks[0].name.ends_with("(exit 1)") && checks[0].status.is_some());
    assert!(checks[checks.len() - 1].name.ends_with("(exit 0)"), "{}", trace.drawing());
    // Details of health come from inspections, and what an inspection cannot see is said to be inferred: here nothing was.
    assert_eq!(attribute(became, "spyhop.inferred"), None);
}

#[test]
fn a_failing_an_oom_killed_and_a_restarting_member_give_theirs() {
    let Some(scene) = Scene::or_skip("sick") else { return };
    let bad = scene.service("bad", "").role(Role::ExitAfter(0.2, 3)).start();
    let memory = ["--memory", "24m", "--memory-swap", "24m"];
    let hungry = scene.service("hungry", "").options(&memory).role(Role::Hungry).start();
    let flaky =
        scene.service("flaky", "").options(&["--restart", "on-failure:2"]).role(Role::ExitAfter(0.2, 1)).start();
    let job = scene.service("job", "").role(Role::ExitAfter(0.1, 0)).start();
    let start_fails = scene.service("absent", "").options(&["--entrypoint", "/nowhere"]).create();
    assert!(scene.docker.cli(&["start", &start_fails.id]).is_err(), "there is no such program");
    wait_for(&flaky, "/State/Status", "exited");
    let trace = scene.one("compose.up");
    let outcome = |service: &str| {
        let span = trace.span(&format!("{} startup", scene.title(service)));
        (attribute(span, "spyhop.outcome").expect("an outcome"), attribute(span, "error.type"))
    };
    let failed = |error: &str| ("failed".to_owned(), Some(error.to_owned()));
    assert_eq!(outcome("bad"), failed("exit_3"));
    assert_eq!(outcome("hungry"), failed("oom"));
    assert_eq!(outcome("flaky"), failed("exit_1"));
    assert_eq!(outcome("job"), ("completed".to_owned(), None));
    assert_eq!(outcome("absent"), failed("start_failed"));
    assert_eq!(attribute(trace.root(), "error.type").as_deref(), Some("member_failed"));
    let names = trace.names(&format!("{} startup", scene.title("flaky")));
    let runs = ["run (failed)", "backoff", "run (restart 1, failed)", "backoff", "run (restart 2, failed)"];
    assert_eq!(names[2..], runs, "{}", trace.drawing());
    let killed = trace.under(trace.span(&format!("{} startup", scene.title("hungry"))));
    let killed = killed.last().expect("a run");
    assert_eq!(attribute(killed, "spyhop.container.oom_killed").as_deref(), Some("true"));
    drop((bad, hungry, flaky, job));
}

#[test]
fn what_happens_after_the_start_points_at_it() {
    let Some(scene) = Scene::or_skip("later") else { return };
    let web = scene.service("web", "").health("300ms").start();
    healthy(&web);
    let deaf = scene.service("deaf", "").role(Role::Script("trap '' TERM; while :; do sleep 0.1; done".into())).start();
    let crashing = scene
        .service("crashing", "")
        .options(&["--restart", "always"])
        .role(Role::Script("trap 'exit 4' USR1; trap 'exit 0' TERM; sleep 100000 & wait".into()))
        .start();
    let memory = ["--memory", "24m", "--memory-swap", "24m"];
    let eats = scene
        .service("eats", "")
        .options(&memory)
        .role(Role::Script("trap 'exec tail /dev/zero' USR1; while :; do sleep 0.1; done".into()))
        .start();
    let start = scene.one("compose.up");
    let started = |service: &str| start.span(&format!("{} startup", scene.title(service))).span_id.clone();

    deaf.act(&["stop", "--time", "1"]);
    let stop = scene.one("container.stop");
    assert_eq!(stop.root().name, format!("container.stop {}", scene.title("deaf")));
    assert_eq!(attribute(stop.root(), "spyhop.stop.forced").as_deref(), Some("true"));
    let took: f64 = attribute(stop.root(), "spyhop.stop.seconds").expect("seconds").parse().expect("a number");
    assert!((1.0..5.0).contains(&took), "{took}");
    assert_eq!(stop.root().links[0].span_id, started("deaf"));

    // From inside: after `docker kill` of any signal the engine restarts nothing.
    scene.hit(&crashing);
    web.exec("touch /sick");
    wait_for(&web, "/State/Health/Status", "unhealthy");
    web.exec("rm /sick");
    healthy(&web);
    let spell = scene.one("container.unhealthy");
    assert_eq!(attribute(spell.root(), "spyhop.outcome").as_deref(), Some("recovered"));
    assert_eq!(spell.root().links[0].span_id, started("web"));
    let restart = scene.one("container.restart");
    assert_eq!(attribute(restart.root(), "error.type").as_deref(), Some("exit_4"), "{}", restart.drawing());
    assert_eq!(restart.names(&restart.root().name), ["backoff", "run (restart 1)"]);
    assert_eq!(restart.root().links[0].span_id, started("crashing"));

    scene.hit(&eats);
    let oom = scene.one("container.oom");
    assert_eq!(attribute(oom.root(), "error.type").as_deref(), Some("oom"));
    assert_eq!(oom.root().links[0].span_id, started("eats"));

    web.act(&["restart", "--time", "1"]);
    healthy(&web);
    let restarts = scene.told("container.restart", 2);
    let by_hand = restarts.iter().find(|trace| trace.root().name.ends_with("web-1")).expect("a restart of web");
    assert_eq!(attribute(by_hand.root(), "spyhop.requested").as_deref(), Some("true"));
    assert!(by_hand.root().status.is_none(), "{}", by_hand.drawing());
    let names = by_hand.names(&by_hand.root().name);
    assert_eq!(names, ["stop", "run (restart 1)"], "{}", by_hand.drawing());
    scene.told("compose.up", 1);
}

#[test]
fn an_agent_restarted_in_the_middle_tells_the_same_once() {
    let Some(mut scene) = Scene::or_skip("twice") else { return };
    // Another one looks on all the time: what both tell must be the same.
    let (whole, folder) = (Told::default(), tempfile::tempdir().expect("a folder"));
    let other = Observer::new(&scene.docker, folder.path(), &whole);
    let (db, api) = shop(&scene);
    let observer = scene.observer.take().expect("an observer");
    // It is not there when the database becomes healthy, and the application is started.
    let observer = observer.restart(&scene.docker, || {
        healthy(&db);
        api.act(&["start"]);
    });
    let observer = observer.restart(&scene.docker, || healthy(&api));
    let trace = scene.one("compose.up");
    scene.observer = Some(observer.restart(&scene.docker, || ()));
    api.act(&["kill"]);
    let observer = scene.observer.take().expect("an observer");
    scene.observer = Some(observer.restart(&scene.docker, || ()));
    scene.one("container.stop");
    eventually("the other tells both", || {
        let told: Vec<_> = traces(&whole, &scene.project).iter().map(Trace::drawing).collect();
        holds(told.len() == 2, || told.join("\n"))
    });
    let mut expected: Vec<_> = traces(&whole, &scene.project).iter().map(Trace::ids).collect();
    let mut ids: Vec<_> = traces(&scene.told, &scene.project).iter().map(Trace::ids).collect();
    expected.sort();
    ids.sort();
    assert_eq!(ids, expected, "{}", trace.drawing());
    assert!(scene.folder.path().join("lifecycle.journal").exists());
    drop(other);
}
