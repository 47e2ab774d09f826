//! Everything in any order.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Write(u64),
    Torn,
    Rotate,
    Read(u64),
    Restart,
    Suspend,
    EmptyWhenRead,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(
        prop_oneof![
            4 => (1u64..60).prop_map(Step::Write),
            1 => Just(Step::Torn),
            2 => Just(Step::Rotate),
            4 => prop_oneof![Just(1), Just(1000), Just(20_000), Just(u64::MAX)].prop_map(Step::Read),
            1 => Just(Step::Restart),
            1 => Just(Step::Suspend),
            1 => Just(Step::EmptyWhenRead),
        ],
        1..60,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Whatever happens in whatever order, every record comes exactly once and in order, as long as it is not deleted before somebody looks.
    #[test]
    fn every_record_once(max_files in 1u32..5, packs in any::<bool>(), steps in steps()) {
        let mut dockerd = Dockerd::new(max_files, packs && max_files > 1);
        let mut reading = Reading::of(&dockerd);
        // Rotations since the last look, and files which another process would have to find by name.
        let mut unseen = 0;
        let mut emptied = false;
        for step in steps {
            match step {
                Step::Write(records) => dockerd.write(records),
                Step::Torn => dockerd.raw(b"{\"log\":\"torn\\n\",\"str"),
                Step::Rotate => {
                    // No empty file is ever full.
                    dockerd.write(1);
                    // No more than what is kept between two looks, and nothing deleted that only a handle holds: a restart may follow.
                    if max_files > 1 && unseen + 1 >= max_files {
                        reading.all();
                        unseen = 0;
                    } else if max_files == 1 {
                        reading.all();
                    }
                    dockerd.rotate();
                    dockerd.write(1);
                    unseen += 1;
                }
                Step::Read(budget) => {
                    let progress = reading.read(budget);
                    prop_assert!(progress.bytes <= budget.saturating_add(CHUNK as u64));
                    if progress.caught_up {
                        unseen = 0;
                    }
                }
                Step::Restart => {
                    // A file emptied while nobody looks is not known again, nor is the place of an output which has been silent since:
                    // what is older would be read again.
                    if emptied {
                        dockerd.write(3);
                        reading.all();
                    }
                    reading.restart(&dockerd);
                }
                Step::Suspend => drop(reading.tail.suspend(false)),
                Step::EmptyWhenRead => {
                    reading.all();
                    File::create(dockerd.path()).unwrap();
                    unseen = 0;
                    emptied = true;
                }
            }
        }
        dockerd.write(1);
        reading.all();
        let odd: Vec<_> = reading.numbers.windows(2).filter(|two| two[0] + 1 != two[1]).collect();
        prop_assert!(odd.is_empty() && reading.numbers.len() as u64 == dockerd.written, "{odd:?} of {}", dockerd.written);
        // A resting file that was emptied and then packed is known by nothing any more.
        prop_assert!(reading.sum.rotations_missed == 0 || emptied);
    }
}
