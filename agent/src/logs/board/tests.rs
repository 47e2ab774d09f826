//! That counters are counted once, outlive who moved them, and are forgotten when nobody needs them.

use super::*;

fn key(service: &str) -> ServiceKey {
    ServiceKey { project: "shop".into(), service: service.into() }
}

#[test]
fn counters_outlive_whoever_moved_them() {
    let board = Board::new(["loki:3100".to_owned()]);
    board.service(&key("web")).drop_lines(Dropped::RateLines, 3);
    board.service(&key("web")).drop_lines(Dropped::RateLines, 4);
    assert_eq!(board.service(&key("web")).dropped(Dropped::RateLines), 7);
    assert_eq!(board.service(&key("web")).dropped(Dropped::Rule), 0);
}

#[test]
fn the_lag_is_that_of_the_destination_furthest_behind() {
    let (log, now) = (ServiceLog::default(), Timestamp::from_second(1_000).unwrap());
    assert_eq!(log.lag(now), None);
    log.set_oldest(0, Some(990_000_000_000));
    log.set_oldest(2, Some(400_000_000_000));
    log.set_oldest(DESTINATIONS, Some(1));
    assert_eq!(log.lag(now), Some(Duration::from_secs(600)));
    log.set_oldest(2, None);
    assert_eq!(log.lag(now), Some(Duration::from_secs(10)));
    log.set_oldest(0, Some(2_000_000_000_000));
    assert_eq!(log.lag(now), Some(Duration::ZERO), "the clock was set back");
}

#[test]
fn services_are_forgotten_when_nothing_waits() {
    let board = Board::new(["loki:3100".to_owned()]);
    let held = board.service(&key("held"));
    for name in ["kept", "gone"] {
        drop(board.service(&key(name)));
    }
    board.keep(|key| &*key.service == "kept");
    let left: Vec<_> = board.services().iter().map(|log| log.key.service.to_string()).collect();
    assert_eq!(left, ["held", "kept"]);
    drop(held);
}

#[test]
fn a_flood_of_services_shares_one_set() {
    let board = Board::new(["loki:3100".to_owned()]);
    for number in 0..MAX_SERVICES + 10 {
        board.service(&key(&number.to_string())).read_lines.add(1);
    }
    let services = board.services();
    assert_eq!(services.len(), MAX_SERVICES + 1);
    assert_eq!(services.iter().map(|log| log.read_lines.get()).max(), Some(10));
}
