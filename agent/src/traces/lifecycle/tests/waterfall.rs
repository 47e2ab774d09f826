//! Starts of projects and of single containers.

use super::scene::{Scene, attribute, checked, ended, policy, runs, spans};
use crate::{
    model::{EventKind, HealthStatus, RestartPolicy},
    traces::lifecycle::{Kind, Lost},
};

/// A database with a health check and an application that waits for it.
pub(super) fn shop(scene: &mut Scene) {
    scene.declare("db", "shop", "db", "");
    scene.declare("api", "shop", "api", "db:service_healthy:false");
    scene.create(200, "db");
    scene.create(300, "api");
    scene.event(1_100, "db", EventKind::Changed(super::scene::id("db")));
    scene.start(1_300, "db");
    scene.show("db", runs(1_250));
    scene.show("db", checked(HealthStatus::Starting, &[]));
    scene.show("db", |db| db.created = Some(super::scene::time(150)));
    scene.show("api", |api| api.created = Some(super::scene::time(280)));
    scene.look();
    scene.health(9_800, "db", HealthStatus::Healthy);
    scene.show("db", checked(HealthStatus::Healthy, &[(5_000, 5_200, 1), (9_700, 9_790, 0)]));
    scene.look();
}

#[test]
fn a_project_comes_up_as_a_waterfall() {
    let mut scene = Scene::watched();
    shop(&mut scene);
    scene.start(10_300, "api");
    scene.show("api", runs(10_280));
    scene.show("api", |api| api.created = Some(super::scene::time(280)));
    scene.look();
    scene.to(20_299);
    assert!(scene.told.is_empty(), "it is quiet for ten seconds first");
    scene.to(20_300);
    let expected = "\
compose.up shop 150..10300
  shop/db-1 startup 150..9800 ready
    create 150..200
    start 1100..1300
    become healthy 1250..9800
      health probe #1 (exit 1) 5000..5200 ERROR exit_1
      health probe #2 (exit 0) 9700..9790
  shop/api-1 startup 280..10300 ready ->1
    create 280..300
    wait for dependencies 300..10280
    start 10280..10300
";
    assert_eq!(scene.waterfalls(), [expected]);
    assert_eq!(scene.machine.due(), None, "nothing wakes while nothing is under way");
    let spans = spans(scene.told.first().unwrap());
    let find = |name: &str| spans.iter().find(|(_, span)| span.name == name).unwrap();
    let (service, root) = find("compose.up shop");
    assert_eq!((service.as_str(), attribute(root, "spyhop.members").unwrap().as_str()), ("shop", "2"));
    let (service, api) = find("shop/api-1 startup");
    assert_eq!((service.as_str(), attribute(api, "spyhop.compose.depends_on").unwrap().as_str()), ("api", "db"));
    assert_eq!(api.links.first().unwrap().span_id, find("shop/db-1 startup").1.span_id);
    assert_eq!((scene.counts.traces(Kind::Start), scene.counts.traces(Kind::Stop)), (1, 0));
}

#[test]
fn a_member_that_is_killed_for_memory_and_comes_back() {
    let mut scene = Scene::watched();
    shop(&mut scene);
    scene.start(10_300, "api");
    scene.show("api", runs(10_300));
    scene.show("api", policy(RestartPolicy::Always));
    scene.show("api", checked(HealthStatus::Starting, &[]));
    scene.look();
    scene.oom(11_900, "api");
    scene.die(12_000, "api", 137);
    scene.to(30_000);
    assert!(scene.told.is_empty(), "the engine is going to restart it");
    scene.start(40_000, "api");
    scene.show("api", runs(39_950));
    scene.look();
    scene.health(45_000, "api", HealthStatus::Healthy);
    scene.to(55_000);
    let expected = "\
compose.up shop 150..45000
  shop/db-1 startup 150..9800 ready
    create 150..200
    start 1100..1300
    become healthy 1250..9800
      health probe #1 (exit 1) 5000..5200 ERROR exit_1
      health probe #2 (exit 0) 9700..9790
  shop/api-1 startup 280..45000 ready ->1
    create 280..300
    wait for dependencies 300..10300
    start 10300..10300
    run (failed) 10300..12000 ERROR oom @11900 oom
    backoff 12000..39950
    run (restart 1) 39950..45000
      become healthy 39950..45000
";
    assert_eq!(scene.waterfalls(), [expected], "ready in the end");
}

#[test]
fn jobs_end_and_failures_are_errors() {
    let mut scene = Scene::watched();
    for (name, service) in [("migrate", "migrate"), ("bad", "bad"), ("never", "never")] {
        scene.declare(name, "shop", service, "");
        scene.create(100, name);
    }
    scene.start(200, "migrate");
    scene.die(900, "migrate", 0);
    scene.start(300, "bad");
    scene.die(700, "bad", 3);
    scene.to(10_900);
    let expected = "\
compose.up shop 100..900 ERROR member_failed
  shop/never-1 startup 100..100 created
    create 100..100
  shop/bad-1 startup 100..700 ERROR exit_3 failed
    create 100..100
    start 300..300
    run (failed) 300..700 ERROR exit_3
  shop/migrate-1 startup 100..900 completed
    create 100..100
    start 200..200
    run 200..900
";
    assert_eq!(scene.waterfalls(), [expected]);
}

#[test]
fn what_does_not_settle_is_cut_at_the_cap() {
    let mut scene = Scene::watched();
    scene.declare("db", "shop", "db", "");
    scene.create(0, "db");
    scene.start(1_000, "db");
    scene.show("db", runs(1_000));
    scene.show("db", checked(HealthStatus::Starting, &[]));
    scene.look();
    scene.to(299_999);
    assert!(scene.told.is_empty());
    scene.to(300_000);
    let [waterfall] = scene.waterfalls().try_into().unwrap();
    assert!(
        waterfall.starts_with(
            "compose.up shop 0..300000 ERROR member_failed\n  shop/db-1 startup 0..300000 ERROR not_ready unfinished\n"
        ),
        "{waterfall}"
    );
}

#[test]
fn an_unhealthy_member_fails_the_start_and_its_recovery_is_told_later() {
    let mut scene = Scene::watched();
    scene.declare("db", "shop", "db", "");
    scene.create(0, "db");
    scene.start(1_000, "db");
    scene.show("db", runs(1_000));
    scene.show("db", checked(HealthStatus::Starting, &[]));
    scene.look();
    scene.health(4_000, "db", HealthStatus::Unhealthy);
    scene.to(14_000);
    scene.health(60_000, "db", HealthStatus::Healthy);
    scene.to(70_000);
    let [start, spell] = scene.waterfalls().try_into().unwrap();
    assert!(start.contains("become healthy 1000..4000 ERROR unhealthy"), "{start}");
    assert!(start.starts_with("compose.up shop 0..4000 ERROR member_failed"), "{start}");
    assert_eq!(spell, "container.unhealthy shop/db-1 4000..60000 ERROR unhealthy recovered ->1\n");
}

#[test]
fn a_container_without_a_project_has_a_trace_of_its_own() {
    let mut scene = Scene::watched();
    scene.create(100, "solo");
    scene.create(150, "other");
    scene.start(200, "solo");
    scene.start(250, "other");
    scene.to(20_000);
    let mut waterfalls = scene.waterfalls();
    waterfalls.sort();
    let expected = |name: &str, a: u64, b: u64| {
        format!("container.start {name} {a}..{b} ready\n  create {a}..{a}\n  start {b}..{b}\n")
    };
    assert_eq!(waterfalls, [expected("other", 150, 250), expected("solo", 100, 200)]);
}

#[test]
fn a_later_replica_is_a_start_of_its_own_and_points_at_what_it_waits_for() {
    let mut scene = Scene::watched();
    shop(&mut scene);
    scene.start(10_300, "api");
    scene.to(60_000);
    scene.declare("api2", "shop", "api", "db:service_healthy:false");
    scene.create(60_000, "api2");
    scene.start(60_500, "api2");
    scene.to(80_000);
    let [first, second] = scene.waterfalls().try_into().unwrap();
    assert!(second.starts_with("compose.up shop 60000..60500\n"), "{second}");
    assert!(!second.contains("db-1"), "{second}");
    assert!(first.contains("->1") && second.contains("->1"), "{second}");
    let span =
        |at: usize, name: &str| spans(&scene.told[at]).into_iter().find(|(_, span)| span.name == name).unwrap().1;
    let link = span(1, "shop/api-1 startup").links.remove(0);
    let db = span(0, "shop/db-1 startup");
    assert_eq!((link.trace_id, link.span_id), (db.trace_id, db.span_id));
}

#[test]
fn recreated_in_the_middle_both_are_shown() {
    let mut scene = Scene::watched();
    for name in ["old", "new"] {
        scene.declare(name, "shop", "db", "");
    }
    scene.create(100, "old");
    scene.start(200, "old");
    scene.create(2_000, "new");
    scene.kill(2_100, "old", Some(15));
    scene.die(2_500, "old", 143);
    scene.destroy(2_600, "old");
    scene.start(2_800, "new");
    scene.to(20_000);
    let expected = "\
compose.up shop 100..2800
  shop/db-1 startup 100..2500 stopped
    create 100..100
    start 200..200
    run 200..2500
    stop 2100..2500 @2100 signal
  shop/db-1 startup 2000..2800 ready
    create 2000..2000
    start 2800..2800
";
    assert_eq!(scene.waterfalls(), [expected]);
}

#[test]
fn a_container_that_goes_before_it_is_healthy() {
    let mut scene = Scene::watched();
    scene.create(100, "solo");
    scene.start(200, "solo");
    scene.show("solo", runs(200));
    scene.show("solo", checked(HealthStatus::Starting, &[]));
    scene.look();
    scene.kill(3_000, "solo", Some(9));
    scene.die(3_100, "solo", 137);
    scene.destroy(3_200, "solo");
    scene.to(3_200);
    let [waterfall] = scene.waterfalls().try_into().unwrap();
    assert!(waterfall.starts_with("container.start solo 100..3100 stopped\n"), "{waterfall}");
    assert_eq!(scene.machine.lives.len(), 0, "nothing is kept of it");
}

#[test]
fn a_start_that_fails_is_shown_by_inspection_alone() {
    let mut scene = Scene::watched();
    scene.create(100, "solo");
    scene.event(400, "solo", EventKind::Changed(super::scene::id("solo")));
    scene.show("solo", |solo| (solo.created, solo.exit_code) = (Some(super::scene::time(50)), Some(127)));
    scene.look();
    scene.to(20_000);
    let expected = "container.start solo 50..400 ERROR start_failed failed\n  create 50..100\n";
    assert_eq!(scene.waterfalls(), [expected]);
}

#[test]
fn a_flood_is_bounded_and_counted() {
    let mut scene = Scene::watched();
    for n in 0..1_000_u64 {
        let name = format!("job{n}");
        scene.create(n * 10, &name);
        scene.start(n * 10 + 1, &name);
        scene.die(n * 10 + 2, &name, 0);
        scene.destroy(n * 10 + 3, &name);
    }
    scene.to(10_000);
    assert_eq!(scene.told.len() as u64 + scene.counts.lost(Lost::Rate), 1_000);
    assert!((250..300).contains(&scene.told.len()), "{}", scene.told.len());
    assert_eq!((scene.machine.lives.len(), scene.machine.due()), (0, None));
}

#[test]
fn one_trace_holds_so_many_containers_and_no_more() {
    let mut scene = Scene::watched();
    for n in 0..600 {
        let name = format!("c{n:03}x");
        scene.declare(&name, "big", &format!("s{n}"), "");
        scene.create(n, &name);
        scene.start(n, &name);
    }
    scene.to(60_000);
    assert_eq!(scene.told.len(), 1);
    assert_eq!(scene.counts.lost(Lost::Members), 200, "created and started, each is refused");
    let spans = spans(&scene.told[0]);
    assert_eq!(spans.iter().filter(|(_, span)| span.name.ends_with("startup")).count(), 500);
    assert!(scene.told[0].requests.iter().all(|(bytes, _)| bytes.len() < 2 << 20));
}

#[test]
fn a_crash_loop_is_one_trace_of_bounded_length() {
    let mut scene = Scene::watched();
    scene.create(0, "solo");
    scene.show("solo", policy(RestartPolicy::Always));
    for n in 0..100_u64 {
        scene.start(n * 1_000 + 100, "solo");
        if n == 0 {
            scene.show("solo", runs(100));
            scene.look();
        }
        scene.die(n * 1_000 + 600, "solo", 1);
    }
    scene.show("solo", |solo| solo.restart_count = Some(99));
    scene.show("solo", |solo| solo.started_at = Some(super::scene::time(99_100)));
    scene.show("solo", ended(99_600, 1));
    scene.look();
    scene.to(400_000);
    let [told] = scene.told.as_slice() else { panic!("{:?}", scene.waterfalls()) };
    let spans = spans(told);
    let root = &spans[0].1;
    assert_eq!(attribute(root, "spyhop.runs_left_out").as_deref(), Some("68"));
    assert_eq!(attribute(root, "error.type").as_deref(), Some("exit_1"));
    assert!(spans.iter().any(|(_, span)| span.name == "run (restart 99, failed)"));
}

#[test]
fn a_crash_loop_that_outlasts_the_cap_goes_on_as_restarts() {
    let mut scene = Scene::watched();
    scene.declare("db", "shop", "db", "");
    scene.create(0, "db");
    scene.show("db", policy(RestartPolicy::Always));
    for n in 0..15_u64 {
        scene.start(n * 60_000 + 100, "db");
        if n == 0 {
            scene.show("db", runs(100));
            scene.look();
        }
        scene.die(n * 60_000 + 600, "db", 1);
    }
    scene.kill(900_000, "db", None);
    scene.to(2_000_000);
    let names: Vec<_> = scene.waterfalls().iter().map(|text| text.lines().next().unwrap().to_owned()).collect();
    let expected = [
        "compose.up shop 0..300000 ERROR member_failed",
        "container.restart shop/db-1 240600..540600 ERROR exit_1 failed ->1",
        "container.restart shop/db-1 540600..840600 ERROR exit_1 failed ->1",
        "container.stop shop/db-1 840600..840600 ERROR exit_1 ->1",
    ];
    assert_eq!(names, expected);
}

#[test]
fn more_containers_than_are_followed_are_counted() {
    let mut scene = Scene::watched();
    for n in 0..10_000 {
        scene.show(&format!("c{n}"), runs(-1_000_000));
    }
    scene.look();
    assert_eq!((scene.machine.lives.len(), scene.counts.lost(Lost::Containers)), (10_000, 0));
    scene.create(100, "more");
    assert_eq!(scene.counts.lost(Lost::Containers), 1);
    // One of many is looked at when one of many has changed.
    scene.show("c5000", ended(1_000, 1));
    scene.look();
    scene.to(20_000);
    assert_eq!(scene.waterfalls(), ["container.stop c5000 1000..1000 ERROR exit_1\n"]);
    assert_eq!(scene.machine.due(), None);
}

#[test]
fn hostile_names_are_bounded_and_whole() {
    let mut scene = Scene::watched();
    let long = "\u{1F433}\u{0}\n".repeat(5_000);
    let depends = format!("{long}:x:y,").repeat(3) + &"a:b:c,".repeat(10_000);
    scene.declare("evil", &long, &long, &depends);
    scene.create(0, "evil");
    scene.start(100, "evil");
    scene.to(20_000);
    let told = scene.told.first().unwrap();
    assert_eq!(spans(told).len(), 5);
    assert!(told.requests.iter().all(|(bytes, _)| bytes.len() < 16_000), "{}", told.requests[0].0.len());
}

#[test]
fn tasks_of_a_swarm_start_as_their_stack() {
    let mut scene = Scene::watched();
    let labels = [
        ("com.docker.stack.namespace", "shop"),
        ("com.docker.swarm.service.name", "shop_web"),
        ("com.docker.swarm.task.name", "shop_web.2.x1y2"),
    ];
    scene.label("t", &labels);
    scene.create(0, "t");
    scene.start(100, "t");
    scene.to(20_000);
    let [waterfall] = scene.waterfalls().try_into().unwrap();
    assert!(waterfall.starts_with("stack.up shop 0..100\n  shop/web-2 startup 0..100 ready\n"), "{waterfall}");
}

#[test]
fn a_one_off_is_no_part_of_its_project() {
    let mut scene = Scene::watched();
    shop(&mut scene);
    let labels = [
        ("com.docker.compose.project", "shop"),
        ("com.docker.compose.service", "api"),
        ("com.docker.compose.oneoff", "True"),
    ];
    scene.label("shop-api-run-1", &labels);
    scene.create(9_900, "shop-api-run-1");
    scene.start(10_000, "shop-api-run-1");
    scene.die(10_500, "shop-api-run-1", 0);
    scene.to(60_000);
    let mut waterfalls = scene.waterfalls();
    waterfalls.sort();
    let [up, one_off] = waterfalls.try_into().unwrap();
    assert!(up.starts_with("compose.up shop"), "{up}");
    assert!(one_off.starts_with("container.start shop/shop-api-run-1 9900..10500 completed\n"), "{one_off}");
}
