//! What a first look makes of connections that had ended before it.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::world::*;
use crate::inventory::Snapshot;

const WEB: &str = "172.18.0.3";
const JOB: &str = "172.18.0.4";

/// `web` runs for an hour, `job` was started so many seconds before the first look and has an address that somebody may have had before.
fn beside(age: i64) -> World {
    let mut world = World::new();
    world.runs("web", 101, &[WEB]);
    world.runs("job", 102, &[JOB]);
    started(&mut world, "job", age);
    world
}

fn started(world: &mut World, name: &str, age: i64) {
    // A sweep looks ten seconds later.
    let at = world.now.checked_add(SignedDuration::from_secs(10 - age)).unwrap();
    world.change(name, |container| container.started_at = Some(at));
}

fn to_job(state: u8, port: u16) -> Row {
    tcp(state, &format!("{WEB}:{port}"), &format!("{JOB}:5432"))
}

fn of_job(state: u8, port: u16) -> Row {
    tcp(state, &format!("{WEB}:8080"), &format!("{JOB}:{port}"))
}

#[test]
fn what_had_ended_is_nobodys_while_it_may_be_of_who_had_the_address_before() {
    const OURS: [&str; 2] = ["shop/job -> shop/web:8080 x1", "shop/web -> shop/job:5432 x1"];
    for (age, expected) in [(0, &[][..]), (59, &[]), (68, &[]), (69, &OURS), (3600, &OURS)] {
        for state in [TIME_WAIT, CLOSE_WAIT] {
            let mut world = beside(age);
            world.sockets(101, &[listen(8080), to_job(state, 40001), of_job(state, 40002)]);
            let seen = world.sweep();
            assert_eq!(words(&seen.flows), expected, "state {state}, started {age} s ago");
            assert_eq!(seen.left_out.ambiguous, 2 - expected.len() as u64, "state {state}, started {age} s ago");
            let again = world.sweep();
            assert_eq!(again.left_out.ambiguous, 0, "each was told once");
            assert!(again.fresh.is_empty());
        }
    }
}

#[test]
fn what_is_there_or_is_known_at_the_other_end_is_attributed_at_once() {
    let mut world = beside(5);
    world.sockets(101, &[listen(8080), to_job(THERE, 40001), of_job(THERE, 40002), to_job(CLOSE_WAIT, 40003)]);
    world.sockets(102, &[tcp(5, "172.18.0.4:5432", "172.18.0.3:40003")]);
    let seen = world.sweep();
    assert_eq!(words(&seen.flows), ["shop/job -> shop/web:8080 x1", "shop/web -> shop/job:5432 x2"]);
    assert_eq!(seen.left_out.ambiguous, 0);
}

#[test]
fn what_ends_after_the_first_look_is_of_who_is_there() {
    let mut world = beside(5);
    world.sockets(101, &[listen(8080), to_job(THERE, 40001)]);
    assert_eq!(world.flows(), ["shop/web -> shop/job:5432 x1"]);
    world.sockets(101, &[listen(8080), to_job(TIME_WAIT, 40001), to_job(TIME_WAIT, 40002), of_job(TIME_WAIT, 40003)]);
    let seen = world.sweep();
    assert_eq!(words(&seen.flows), ["shop/job -> shop/web:8080 x1", "shop/web -> shop/job:5432 x2"]);
    assert_eq!(seen.left_out.ambiguous, 0, "the look before has listed none of them, or as somebody's");
}

#[test]
fn a_namespace_made_after_the_first_picture_lists_nothing_older() {
    let mut world = World::new();
    world.runs("job", 102, &[JOB]);
    started(&mut world, "job", 5);
    world.sweep();
    world.runs("web", 101, &[WEB]);
    world.sockets(101, &[to_job(TIME_WAIT, 40001)]);
    assert_eq!(world.flows(), ["shop/web -> shop/job:5432 x1"]);
}

#[test]
fn pictures_before_the_first_look_are_history_and_a_gap_ends_it() {
    let look = |world: &mut World| {
        world.sockets(101, &[to_job(TIME_WAIT, 40001)]);
        world.sweep()
    };
    let mut world = beside(5);
    world.sweeper.note(&world.snapshot, world.now);
    world.passes(70);
    assert_eq!(
        words(&look(&mut world).flows),
        ["shop/web -> shop/job:5432 x1"],
        "it was seen with the address long enough"
    );
    let mut world = beside(5);
    world.sweeper.note(&world.snapshot, world.now);
    world.sweeper.note(&Snapshot::default(), world.now);
    world.passes(600);
    started(&mut world, "job", 5);
    assert_eq!(look(&mut world).left_out.ambiguous, 1, "nobody looked meanwhile");
}

#[test]
fn a_port_pair_that_is_used_again_is_another_connection() {
    let mut world = beside(5);
    world.sockets(101, &[listen(8080), of_job(TIME_WAIT, 40001)]);
    assert!(world.flows().is_empty());
    let seen = {
        world.sockets(101, &[listen(8080), of_job(THERE, 40001)]);
        world.sweep()
    };
    assert_eq!(words(&seen.flows), ["shop/job -> shop/web:8080 x1"]);
    assert_eq!(seen.fresh, seen.flows);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whenever the container with an address was started and whenever somebody looks first: no connection that can have been a former holder's
    /// is told as its own, and none is lost without being counted.
    #[test]
    fn no_former_holders_connection_is_told_as_anothers(
        age in 0_i64..140,
        waited in 0_i64..100,
        ended in 0_i64..60,
        outbound in any::<bool>(),
    ) {
        let mut world = beside(age);
        world.sweeper.note(&world.snapshot, world.now.checked_add(SignedDuration::from_secs(10)).unwrap());
        world.passes(waited);
        // It ended so many seconds before the look, which comes `waited` after the first picture.
        let row = if outbound { to_job(TIME_WAIT, 40001) } else { of_job(TIME_WAIT, 40001) };
        world.sockets(101, &[listen(8080), row]);
        let seen = world.sweep();
        let formers = ended >= waited + age;
        prop_assert!(!formers || seen.flows.is_empty(), "{:?}", seen.flows);
        prop_assert_eq!(seen.flows.values().sum::<u64>() + seen.left_out.ambiguous, 1);
    }
}
