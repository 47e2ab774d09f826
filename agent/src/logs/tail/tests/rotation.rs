//! Rotation, restarts of the reader, and rest.

use super::*;

#[test]
fn rotation_is_followed_with_any_number_of_files() {
    for (max_files, packs) in [(1, false), (2, false), (3, false), (2, true), (5, true)] {
        let mut dockerd = Dockerd::new(max_files, packs);
        let mut reading = Reading::of(&dockerd);
        for round in 0..12 {
            dockerd.write(50);
            // Half way read, then rotated under the reader.
            reading.read(if round % 2 == 0 { 2000 } else { u64::MAX });
            dockerd.write(20);
            dockerd.rotate();
            dockerd.write(5);
            reading.read(300);
        }
        reading.all();
        reading.has(0..dockerd.written);
        assert_eq!(
            (reading.sum.rotations, reading.sum.rotations_missed, reading.sum.corrupt_bytes),
            (12, 0, 0),
            "{max_files} {packs}"
        );
        assert_eq!(reading.tail.behind(), 0);
    }
}

/// Long lines of the same text, such as the same trace again and again: files that begin alike are different files all the same.
#[test]
fn files_that_begin_alike_are_each_read() {
    let record = |number: u64| {
        let text = "x".repeat(16 << 10);
        format!("{{\"log\":\"{text}\",\"stream\":\"stdout\",\"time\":\"2026-11-21T09:29:56.{number:09}Z\"}}\n")
    };
    for packs in [false, true] {
        let mut dockerd = Dockerd::new(9, packs);
        for number in 0..6 {
            dockerd.raw(record(number).as_bytes());
            dockerd.rotate();
        }
        dockerd.raw(record(6).as_bytes());
        let mut positions: Vec<Position> = Vec::new();
        for restarts in [false, true] {
            // Another process goes on behind the fourth record: it finds the very file.
            let resume: Vec<_> = if restarts { vec![positions[3]] } else { Vec::new() };
            let mut tail = Tail::open(&dockerd.path(), Some(9), &resume).unwrap();
            assert!(!tail.lost());
            let mut times = Vec::new();
            tail.read(&mut Buffer::default(), u64::MAX, &mut |piece| {
                times.push(piece.time % 1_000_000_000);
                positions.push(piece.end.position);
            })
            .unwrap();
            assert_eq!(times, if restarts { vec![4, 5, 6] } else { vec![0, 1, 2, 3, 4, 5, 6] }, "{packs}");
        }
    }
}

#[test]
fn as_many_rotations_as_files_are_kept_lose_nothing_between_two_looks() {
    for (max_files, packs) in [(1, false), (3, false)] {
        let mut dockerd = Dockerd::new(max_files, packs);
        let mut reading = Reading::of(&dockerd);
        dockerd.write(30);
        reading.read(1);
        for _ in 0..max_files {
            dockerd.rotate();
            dockerd.write(30);
        }
        // All there, but several files later nobody can know that.
        let in_doubt = u32::from(max_files > 1);
        let behind = reading.tail.behind();
        assert!(behind > u64::from(max_files) * 30 * 100, "{behind}");
        reading.all();
        reading.has(0..dockerd.written);
        assert_eq!(reading.sum.rotations_missed, in_doubt, "{max_files} {packs}");
    }
}

#[test]
fn more_rotations_than_files_are_a_gap_that_is_told() {
    for (max_files, packs) in [(1, false), (3, false), (3, true)] {
        let mut dockerd = Dockerd::new(max_files, packs);
        let mut reading = Reading::of(&dockerd);
        reading.tail.breath = ONE_BREATH;
        dockerd.write(30);
        reading.read(u64::MAX);
        for _ in 0..=max_files {
            dockerd.rotate();
            dockerd.write(30);
            // The very time between two rotations is what gives the second one away.
            std::thread::sleep(2 * ONE_BREATH);
        }
        reading.all();
        let kept = u64::from(max_files) * 30;
        reading.has((0..30).chain(dockerd.written - kept..dockerd.written));
        assert_eq!(reading.sum.rotations_missed, 1, "{max_files} {packs}");
    }
}

#[test]
fn a_restart_goes_on_at_the_very_record_wherever_its_file_is_now() {
    for (max_files, packs) in [(2, false), (5, false), (5, true)] {
        for rotations in 0..max_files {
            let mut dockerd = Dockerd::new(max_files, packs);
            let mut reading = Reading::of(&dockerd);
            dockerd.write(100);
            reading.read(1);
            let before = reading.numbers.len();
            for _ in 0..rotations {
                dockerd.rotate();
                dockerd.write(40);
            }
            reading.restart(&dockerd);
            assert!(!reading.tail.lost());
            reading.all();
            reading.has(0..dockerd.written);
            assert!(before < 101, "{before}");
        }
    }
}

#[test]
fn files_rotated_under_the_very_look_come_once_and_in_order() {
    // More are kept than there are rotations: none can be lost, whatever the two threads do to each other.
    for packs in [false, true] {
        let mut dockerd = Dockerd::new(60, packs);
        let mut reading = Reading::of(&dockerd);
        let (path, max_files) = (dockerd.path(), dockerd.max_files);
        std::thread::scope(|scope| {
            let writer = scope.spawn(move || {
                for _ in 0..50 {
                    dockerd.write(20);
                    dockerd.rotate();
                }
                dockerd.write(1);
                (dockerd.written, dockerd)
            });
            while !writer.is_finished() {
                reading.read(u64::MAX);
            }
            let (written, dockerd) = writer.join().unwrap();
            reading.all();
            let odd: Vec<_> = reading.numbers.windows(2).filter(|two| two[0] + 1 != two[1]).collect();
            assert!(odd.is_empty() && reading.numbers.len() as u64 == written, "{odd:?} of {written}");
            assert_eq!((reading.sum.rotations, reading.sum.rotations_missed), (50, 0), "{packs}");
            assert_eq!((dockerd.path(), dockerd.max_files), (path, max_files));
        });
    }
}

#[test]
fn a_position_whose_file_is_gone_is_told() {
    let mut dockerd = Dockerd::new(2, false);
    let mut reading = Reading::of(&dockerd);
    dockerd.write(10);
    reading.all();
    for _ in 0..3 {
        dockerd.rotate();
        dockerd.write(10);
    }
    let old = reading.cursors[0].unwrap();
    reading.restart(&dockerd);
    assert!(reading.tail.lost());
    assert_eq!(reading.tail.rank_of(&old), None);
    reading.all();
    reading.has((0..10).chain(20..40));
}

#[test]
fn files_are_found_although_nobody_says_how_many_are_kept() {
    let mut dockerd = Dockerd::new(40, false);
    let mut reading = Reading::of(&dockerd);
    reading.tail = Tail::open(&dockerd.path(), None, &[]).unwrap();
    for _ in 0..30 {
        dockerd.write(5);
        dockerd.rotate();
    }
    dockerd.write(5);
    reading.all();
    reading.has(0..155);
    assert_eq!(reading.sum.rotations_missed, 0);
}

#[test]
fn an_idle_file_rests_without_a_handle_and_is_found_again() {
    let mut dockerd = Dockerd::new(3, false);
    let mut reading = Reading::of(&dockerd);
    dockerd.write(5);
    assert!(!reading.tail.suspend(false), "unread");
    reading.all();
    for rotations in [0, 1, 2, 0] {
        assert!(reading.tail.suspend(false) && reading.tail.is_suspended());
        assert!(reading.read(u64::MAX).caught_up && reading.tail.is_suspended());
        for _ in 0..rotations {
            dockerd.write(3);
            dockerd.rotate();
        }
        dockerd.write(2);
        assert!(reading.tail.behind() > 0);
        reading.all();
        assert!(!reading.tail.is_suspended());
    }
    reading.has(0..dockerd.written);
    assert_eq!(reading.sum.rotations_missed, 0);
}

#[test]
fn with_one_file_kept_only_the_dead_rest() {
    let mut dockerd = Dockerd::new(1, false);
    let mut reading = Reading::of(&dockerd);
    dockerd.write(5);
    reading.all();
    assert!(!reading.tail.suspend(false));
    assert!(reading.tail.suspend(true));
    dockerd.write(5);
    reading.all();
    reading.has(0..10);
}
