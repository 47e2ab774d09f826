//! The last minute of a service, for people who look at a page without Prometheus behind it.

use super::histogram::{MAX_BUCKETS, Scale, quantile};

/// Seconds of one slot.
const SLOT: u32 = 10;

/// Slots that are kept: those of a minute, and the one that is being filled.
const SLOTS: usize = 7;

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Which ten seconds since the start.
    number: u32,
    errors: u64,
    counts: [u64; MAX_BUCKETS],
}

/// Requests of the last minute.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recent([Slot; SLOTS]);

/// What a service did in the last full minute, by the spans with which it began something: those of a server or consumer, and roots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Minute {
    /// Spans.
    pub requests: u64,
    /// Those of them whose status is an error.
    pub errors: u64,
    /// Half of them took no longer, in nanoseconds, as far as the buckets tell.
    pub p50_ns: Option<u64>,
    /// ... and nineteen of twenty.
    pub p95_ns: Option<u64>,
}

impl Recent {
    /// Counts one at `second` since the start.
    #[inline]
    pub(super) fn observe(&mut self, second: u32, bucket: usize, failed: bool) {
        let number = second / SLOT;
        let Some(slot) = self.0.get_mut(number as usize % SLOTS) else { return };
        if slot.number != number {
            *slot = Slot { number, ..Slot::default() };
        }
        slot.errors += u64::from(failed);
        if let Some(count) = slot.counts.get_mut(bucket) {
            *count += 1;
        }
    }

    /// The six full slots before `second`.
    pub(super) fn minute(&self, scale: &Scale, second: u32) -> Minute {
        let now = second / SLOT;
        let (mut counts, mut errors) = ([0; MAX_BUCKETS], 0);
        let full = |slot: &&Slot| slot.number < now && now - slot.number < SLOTS as u32;
        for slot in self.0.iter().filter(full) {
            errors += slot.errors;
            counts.iter_mut().zip(slot.counts).for_each(|(sum, count)| *sum += count);
        }
        Minute {
            requests: counts.iter().sum(),
            errors,
            p50_ns: quantile(scale, &counts, 0.5),
            p95_ns: quantile(scale, &counts, 0.95),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::histogram::TEMPO, *};

    #[test]
    fn a_minute_is_six_full_slots() {
        let mut recent = Recent::default();
        for second in 0..200 {
            recent.observe(second, 0, second % 10 == 0);
        }
        let minute = recent.minute(&TEMPO, 200);
        assert_eq!((minute.requests, minute.errors, minute.p50_ns), (60, 6, Some(1_000_000)));
        assert_eq!(recent.minute(&TEMPO, 209).requests, 60);
        assert_eq!(recent.minute(&TEMPO, 230).requests, 30);
        assert_eq!(recent.minute(&TEMPO, 1_000), Minute::default());
    }
}
