//! What happens after the start.

use super::scene::{Scene, attribute, checked, policy, runs, spans};
use crate::model::{HealthStatus, RestartPolicy};

/// A container whose start was told; a minute has passed.
fn running(restarts: RestartPolicy) -> Scene {
    let mut scene = Scene::watched();
    scene.declare("db", "shop", "db", "");
    scene.create(0, "db");
    scene.start(100, "db");
    scene.show("db", runs(90));
    scene.show("db", policy(restarts));
    scene.look();
    scene.to(60_000);
    assert_eq!(scene.told.len(), 1);
    scene.told.clear();
    scene
}

#[test]
fn a_stop_shows_how_much_of_the_grace_was_used() {
    let mut scene = running(RestartPolicy::UnlessStopped);
    scene.kill(60_000, "db", Some(15));
    scene.kill(70_000, "db", Some(9));
    scene.die(70_050, "db", 137);
    scene.kill(70_060, "db", None);
    scene.to(72_049);
    assert!(scene.told.is_empty(), "it may start again");
    scene.to(73_000);
    assert_eq!(scene.waterfalls(), ["container.stop shop/db-1 60000..70050 @60000 signal @70000 signal ->1\n"]);
    let root = spans(&scene.told[0]).remove(0).1;
    let attribute = |key| attribute(&root, key).unwrap();
    assert_eq!(attribute("spyhop.stop.seconds"), "10.05");
    assert_eq!(attribute("spyhop.stop.forced"), "true");
    assert_eq!(attribute("spyhop.container.exit_code"), "137");
    assert_eq!(attribute("spyhop.requested"), "true");
}

#[test]
fn a_restart_by_hand_is_one_trace_with_its_stop() {
    let mut scene = running(RestartPolicy::No);
    scene.kill(60_000, "db", Some(15));
    scene.die(60_300, "db", 0);
    scene.kill(60_310, "db", None);
    scene.start(60_700, "db");
    scene.to(80_000);
    let expected = "\
container.restart shop/db-1 60000..60700 ready @60000 signal ->1
  stop 60000..60300 @60000 signal
  run (restart 1) 60700..60700
";
    assert_eq!(scene.waterfalls(), [expected]);
}

#[test]
fn a_crash_and_its_restart_until_it_is_healthy_again() {
    let mut scene = running(RestartPolicy::Always);
    scene.show("db", checked(HealthStatus::Healthy, &[]));
    scene.look();
    scene.die(60_000, "db", 2);
    scene.start(61_000, "db");
    scene.show("db", runs(60_980));
    scene.show("db", checked(HealthStatus::Starting, &[]));
    scene.look();
    scene.health(65_000, "db", HealthStatus::Healthy);
    scene.show("db", checked(HealthStatus::Healthy, &[(64_900, 64_990, 0)]));
    scene.look();
    scene.to(75_000);
    let expected = "\
container.restart shop/db-1 60000..65000 ERROR exit_2 ready ->1
  backoff 60000..60980
  run (restart 1) 60980..65000
    become healthy 60980..65000
      health probe #1 (exit 0) 64900..64990
";
    assert_eq!(scene.waterfalls(), [expected]);
}

#[test]
fn killed_for_memory_with_and_without_a_restart_and_survived() {
    let mut scene = running(RestartPolicy::Always);
    scene.oom(60_000, "db");
    scene.die(60_100, "db", 137);
    scene.start(60_500, "db");
    scene.to(80_000);
    let expected = "\
container.oom shop/db-1 60000..60500 ERROR oom ready @60000 oom ->1
  backoff 60100..60500
  run (restart 1) 60500..60500
";
    assert_eq!(scene.waterfalls(), [expected]);

    let mut scene = running(RestartPolicy::No);
    scene.die(60_100, "db", 137);
    scene.oom(60_000, "db");
    scene.to(80_000);
    assert_eq!(
        scene.waterfalls(),
        ["container.oom shop/db-1 60000..60100 ERROR oom @60000 oom ->1\n"],
        "told after the end"
    );

    let mut scene = running(RestartPolicy::No);
    scene.oom(60_000, "db");
    scene.to(80_000);
    assert_eq!(scene.waterfalls(), ["container.oom shop/db-1 60000..60000 ERROR oom @60000 oom ->1\n"]);
    assert_eq!(attribute(&spans(&scene.told[0]).remove(0).1, "spyhop.oom.survived").as_deref(), Some("true"));
}

#[test]
fn a_crash_without_a_restart_and_a_job_that_is_done() {
    let mut scene = running(RestartPolicy::No);
    scene.die(60_000, "db", 1);
    scene.to(70_000);
    assert_eq!(scene.waterfalls(), ["container.stop shop/db-1 60000..60000 ERROR exit_1 ->1\n"]);
    let mut scene = running(RestartPolicy::No);
    scene.die(60_000, "db", 0);
    scene.to(70_000);
    assert_eq!(scene.waterfalls(), [""; 0]);
}

#[test]
fn a_stop_and_a_start_much_later_are_two_things() {
    let mut scene = running(RestartPolicy::No);
    scene.kill(60_000, "db", Some(15));
    scene.die(60_300, "db", 0);
    // Heard late, both at once: the pause is in their own times.
    scene.now = 60_400;
    scene.hear(65_000, "db", crate::model::EventKind::Started(super::scene::id("db")));
    scene.to(90_000);
    let [stop, start] = scene.waterfalls().try_into().unwrap();
    assert!(stop.starts_with("container.stop shop/db-1 60000..60300"), "{stop}");
    assert!(start.starts_with("compose.up shop 65000..65000\n"), "{start}");
}

#[test]
fn an_unhealthy_spell_with_its_checks() {
    let mut scene = running(RestartPolicy::No);
    scene.show("db", checked(HealthStatus::Healthy, &[(59_000, 59_100, 0)]));
    scene.look();
    scene.health(62_000, "db", HealthStatus::Unhealthy);
    scene.show("db", checked(HealthStatus::Unhealthy, &[(61_900, 61_990, 1), (62_900, 62_990, 1)]));
    scene.now = 63_000;
    scene.look();
    scene.health(64_000, "db", HealthStatus::Healthy);
    scene.show("db", checked(HealthStatus::Healthy, &[(62_900, 62_990, 1), (63_900, 63_990, 0)]));
    scene.look();
    scene.to(80_000);
    let expected = "\
container.unhealthy shop/db-1 62000..64000 ERROR unhealthy recovered ->1
  health probe #1 (exit 1) 62900..62990 ERROR exit_1
  health probe #2 (exit 0) 63900..63990
";
    assert_eq!(scene.waterfalls(), [expected]);
}

#[test]
fn a_long_spell_is_told_when_it_lasts_and_when_it_is_over() {
    let mut scene = running(RestartPolicy::No);
    scene.show("db", checked(HealthStatus::Healthy, &[]));
    scene.look();
    scene.health(62_000, "db", HealthStatus::Unhealthy);
    scene.to(400_000);
    assert_eq!(scene.waterfalls(), ["container.unhealthy shop/db-1 62000..362000 ERROR unhealthy unfinished ->1\n"]);
    assert_eq!(scene.machine.due(), None);
    scene.die(4_000_000, "db", 0);
    scene.to(4_100_000);
    let expected = "container.unhealthy shop/db-1 62000..4000000 ERROR unhealthy ended ->2\n";
    assert_eq!(scene.waterfalls()[1], expected, "the first part and the start");
}

#[test]
fn checks_that_fail_because_it_ends_are_no_spell() {
    let told = |unhealthy: u64, kill: Option<u64>, end: u64| {
        let mut scene = running(RestartPolicy::No);
        scene.show("db", checked(HealthStatus::Healthy, &[]));
        scene.look();
        if let Some(at) = kill.filter(|at| *at < unhealthy) {
            scene.kill(at, "db", Some(15));
        }
        scene.health(unhealthy, "db", HealthStatus::Unhealthy);
        if let Some(at) = kill.filter(|at| *at >= unhealthy) {
            scene.kill(at, "db", Some(15));
        }
        scene.die(end, "db", 137);
        scene.to(end + 20_000);
        let mut titles: Vec<_> =
            scene.waterfalls().iter().map(|drawn| drawn.split(' ').next().unwrap().to_owned()).collect();
        titles.sort();
        titles
    };
    // Killed, and the check under way with it; while it drains; as it crashes.
    assert_eq!(told(60_010, Some(60_000), 60_040), ["container.stop"]);
    assert_eq!(told(65_000, Some(60_000), 70_000), ["container.stop"]);
    assert_eq!(told(60_010, None, 60_040), ["container.stop"]);
    // Unhealthy before anybody stopped it, or long before it ended.
    assert_eq!(told(60_100, Some(65_000), 65_300), ["container.stop", "container.unhealthy"]);
    assert_eq!(told(60_100, None, 63_000), ["container.stop", "container.unhealthy"]);
}
