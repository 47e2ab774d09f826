//! A plain model beside the real thing, on a disk that fails or a process that dies at any call, with any part of a write done.

use std::collections::VecDeque;

use proptest::prelude::*;
use rustix::io::Errno;

use super::*;
use crate::delivery::disk::{Disk, faults::Fault};

#[derive(Clone, Debug)]
enum Step {
    Append { lane: u8, size: usize, later: i64 },
    Pop { lane: u8 },
    Expire { later: i64 },
    GiveUp,
    Sync,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..3_u8, 0..400_usize, 0..3000_i64).prop_map(|(lane, size, later)| Step::Append { lane, size, later }),
        5 => (0..3_u8).prop_map(|lane| Step::Pop { lane }),
        1 => (0..20_000_i64).prop_map(|later| Step::Expire { later }),
        1 => Just(Step::GiveUp),
        1 => Just(Step::Sync),
        1 => Just(Step::Reopen),
    ];
    proptest::collection::vec(step, 1..60)
}

fn faults() -> impl Strategy<Value = Fault> {
    let error = prop_oneof![Just(Errno::NOSPC), Just(Errno::IO), Just(Errno::ROFS)];
    (0..80_usize, error, any::<u8>(), any::<bool>()).prop_map(|(at, error, part, lasting)| Fault {
        at,
        error,
        part,
        lasting,
    })
}

/// What must be in the spool: (number, size) by lane.
type Model = [VecDeque<(u64, usize)>; 3];

struct Run {
    folder: tempfile::TempDir,
    limits: Limits,
    disk: Disk,
    spool: Spool,
    model: Model,
    next: u64,
    now: i64,
}

fn key(lane: u8) -> [u8; 1] {
    [b'a' + lane]
}

/// Whatever is told as lost goes from the front of its lane of the model.
fn lose(model: &mut Model, lost: Lost<'_>) {
    assert_eq!(lost.records, 1, "{lost:?}");
    let lane = &mut model[usize::from(lost.key[0] - b'a')];
    let (number, size) = lane.pop_front().expect("lost what was not there");
    assert_eq!(lost.meta, Some(&number.to_le_bytes()[..]), "not the oldest of its lane");
    assert_eq!((lost.bytes, lost.lines), (size as u64, 1));
}

fn numbers(spool: &Spool, lane: u8) -> Vec<u64> {
    let mut numbers = Vec::new();
    spool.scan(&key(lane), &mut |meta| numbers.push(u64::from_le_bytes(meta.try_into().unwrap()))).unwrap();
    numbers
}

impl Run {
    fn new(max_bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { max_bytes, max_age: Duration::from_secs(60), segment_bytes: 1000 };
        let disk = Disk::default();
        let spool = Spool::open_on(disk.clone(), folder.path(), limits).unwrap().0;
        Self { folder, limits, disk, spool, model: Model::default(), next: 0, now: 0 }
    }

    /// One step; whether the disk took all of it.
    fn step(&mut self, step: &Step) -> bool {
        let Self { spool, model, .. } = self;
        match *step {
            Step::Append { lane, size, later } => {
                self.now += later;
                let meta = self.next.to_le_bytes();
                let payload = vec![lane; size];
                let record = Record { time_ms: self.now, lines: 1, meta: &meta, payload: &payload };
                let done = spool.append(&key(lane), record, &mut |lost| lose(model, lost)).is_ok();
                if done {
                    model[usize::from(lane)].push_back((self.next, size));
                }
                self.next += 1;
                done
            }
            Step::Pop { lane } => {
                let expected = model[usize::from(lane)].front().copied();
                let kept = spool.front(&key(lane), &mut nothing_lost).unwrap();
                let given = kept
                    .as_ref()
                    .map(|kept| (u64::from_le_bytes(kept.meta[..].try_into().unwrap()), kept.payload.len()));
                assert_eq!(given, expected);
                let Some(kept) = kept else { return true };
                model[usize::from(lane)].pop_front();
                // Taken out for this process, whatever the disk says.
                spool.pop(&key(lane), kept.place).is_ok()
            }
            Step::Expire { later } => {
                self.now += later;
                spool.expire(self.now, &mut |lost| lose(model, lost)).is_ok()
            }
            Step::GiveUp => spool.give_up_oldest(&mut |lost| lose(model, lost)).is_ok(),
            Step::Sync => spool.sync().is_ok(),
            Step::Reopen => true,
        }
    }

    fn reopen(&mut self) {
        self.spool = Spool::open_on(self.disk.clone(), self.folder.path(), self.limits).unwrap().0;
    }

    fn check(&self) {
        assert_eq!(self.spool.bytes(), size(self.folder.path()));
        assert!(self.spool.bytes() <= self.limits.max_bytes);
        for lane in 0..3 {
            let expected: Vec<u64> = self.model[usize::from(lane)].iter().map(|(number, _)| *number).collect();
            assert_eq!(numbers(&self.spool, lane), expected);
            let told =
                self.spool.lanes().find(|told| told.key == key(lane)).map_or((0, 0), |told| (told.records, told.lines));
            assert_eq!(told, (expected.len() as u64, expected.len() as u64));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn it_is_what_the_model_says(steps in steps(), small in any::<bool>()) {
        let mut run = Run::new(if small { 6000 } else { 1 << 20 });
        for step in &steps {
            assert!(run.step(step), "a whole disk refuses nothing");
            if matches!(step, Step::Reopen) {
                run.reopen();
            }
            run.check();
        }
    }

    /// The disk fails at one call, or from one call on and then comes back: what was said to be kept is kept, what was refused is not there.
    #[test]
    fn a_disk_that_fails_loses_nothing_that_was_kept(steps in steps(), fault in faults(), small in any::<bool>()) {
        let mut run = Run::new(if small { 6000 } else { 1 << 20 });
        run.disk.faults.plan(Some(fault));
        for step in steps.iter().filter(|step| !matches!(step, Step::Reopen)) {
            let done = run.step(step);
            assert!(done || run.disk.faults.struck());
        }
        run.disk.faults.plan(None);
        let now = run.now;
        let Run { spool, model, .. } = &mut run;
        spool.expire(now, &mut |lost| lose(model, lost)).unwrap();
        run.check();
        run.reopen();
        run.check();
    }

    /// The process dies at one call: only the step it was in may be missing, in part or whole.
    #[test]
    fn a_process_that_dies_leaves_all_but_its_last_step(steps in steps(), fault in faults(), small in any::<bool>()) {
        let mut run = Run::new(if small { 6000 } else { 1 << 20 });
        run.disk.faults.plan(Some(Fault { lasting: true, ..fault }));
        let mut last = None;
        let mut before = run.model.clone();
        for step in &steps {
            before = run.model.clone();
            run.step(step);
            if run.disk.faults.struck() {
                last = Some(step);
                break;
            }
        }
        run.disk.faults.plan(None);
        run.reopen();
        for lane in 0..3 {
            let found = numbers(&run.spool, lane);
            let mut kept: Vec<u64> = before[usize::from(lane)].iter().map(|(number, _)| *number).collect();
            let after: Vec<u64> = run.model[usize::from(lane)].iter().map(|(number, _)| *number).collect();
            match last {
                None => assert_eq!(found, after),
                Some(Step::Pop { .. } | Step::Sync | Step::Reopen) => assert!(found == kept || found == after, "{found:?}"),
                // Whole segments may have gone from the front, and the new record may be there: no other one.
                Some(step) => {
                    if matches!(step, Step::Append { lane: of, .. } if *of == lane) && found.last() == Some(&(run.next - 1)) {
                        kept.push(run.next - 1);
                    }
                    assert!(kept.ends_with(&found), "{kept:?} {found:?}");
                    if !small && matches!(step, Step::Append { .. }) {
                        assert_eq!(found.len(), kept.len(), "nothing had to be given up");
                    }
                }
            }
        }
        // And it goes on from there.
        let Run { spool, .. } = &mut run;
        spool.append(b"a", Record { time_ms: 0, lines: 1, meta: &[0; 8], payload: b"" }, &mut |_| {}).unwrap();
        assert_eq!(run.spool.bytes(), size(run.folder.path()));
    }
}
