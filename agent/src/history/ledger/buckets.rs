//! Good and bad by the time they happened: spans of equal length, only those in which anything was seen.

use std::time::Duration;

/// What happened in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// Bad events, or milliseconds.
    pub(super) bad: u64,
    /// All of them.
    pub(super) total: u64,
    /// How long it was looked at.
    pub(super) seen: Duration,
}

impl Sum {
    /// The share that was bad; `None` where nothing happened.
    pub(super) fn ratio(&self) -> Option<f64> {
        (self.total > 0).then(|| self.bad as f64 / self.total as f64)
    }
}

/// One span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bucket {
    /// Spans since 1970 by the wall clock.
    index: u32,
    bad: u32,
    total: u32,
    /// Milliseconds of it that were looked at.
    seen: u32,
}

/// Bytes of a bucket as it is kept.
const KEPT: usize = 16;

/// What is counted while time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// Its milliseconds, which were bad or good.
    Time(bool),
    /// Nothing but that somebody looked.
    Looked,
}

/// Sorted by time. The wall clock says where something belongs and never how long it was, so that a jump leaves a gap and moves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Buckets {
    span: Duration,
    list: Vec<Bucket>,
}

impl Buckets {
    pub(super) const fn new(span: Duration) -> Self {
        Self { span, list: Vec::new() }
    }

    fn span_ms(&self) -> u64 {
        u64::try_from(self.span.as_millis()).unwrap_or(u64::MAX).max(1)
    }

    fn index(&self, at_ms: u64) -> u32 {
        u32::try_from(at_ms / self.span_ms()).unwrap_or(u32::MAX)
    }

    /// Time that ended at `now_ms` and took `took`. A span is never fuller than it is long: what a clock set back would put into it once more
    /// is left out.
    pub(super) fn pass(&mut self, now_ms: u64, took: Duration, what: Passed, limit: usize) {
        let span = self.span_ms();
        let mut left = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let mut end = now_ms;
        // From the end back, and no further than is kept.
        for _ in 0..=limit {
            let Some(last) = end.checked_sub(1).filter(|_| left > 0) else { break };
            let index = self.index(last);
            let begin = u64::from(index).saturating_mul(span);
            let within = left.min(end - begin.min(end));
            self.change(index, now_ms, limit, |bucket| {
                let room = span.saturating_sub(u64::from(bucket.seen));
                let part = u32::try_from(within.min(room)).unwrap_or_default();
                bucket.seen += part;
                if let Passed::Time(bad) = what {
                    bucket.total += part;
                    bucket.bad += if bad { part } else { 0 };
                }
            });
            left -= within;
            end = begin;
        }
    }

    /// Events that happened until `now_ms`.
    pub(super) fn count(&mut self, now_ms: u64, bad: u64, total: u64, limit: usize) {
        if total == 0 {
            return;
        }
        let index = self.index(now_ms);
        let short = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        self.change(index, now_ms, limit, |bucket| {
            bucket.total = bucket.total.saturating_add(short(total));
            bucket.bad = bucket.bad.saturating_add(short(bad)).min(bucket.total);
        });
    }

    fn change(&mut self, index: u32, now_ms: u64, limit: usize, change: impl FnOnce(&mut Bucket)) {
        let at = match self.list.binary_search_by_key(&index, |bucket| bucket.index) {
            Ok(at) => at,
            Err(at) => {
                self.list.insert(at, Bucket { index, bad: 0, total: 0, seen: 0 });
                at
            }
        };
        if let Some(bucket) = self.list.get_mut(at) {
            change(bucket);
        }
        self.shorten(now_ms, limit);
    }

    /// Lets go of what is furthest from now: the oldest, or what a wrong clock put into the future.
    pub(super) fn shorten(&mut self, now_ms: u64, limit: usize) {
        let now = self.index(now_ms);
        while self.list.len() > limit.max(1) {
            let away = |bucket: Option<&Bucket>| bucket.map_or(0, |bucket| bucket.index.abs_diff(now));
            if away(self.list.first()) >= away(self.list.last()) {
                self.list.remove(0);
            } else {
                self.list.pop();
            }
        }
    }

    /// The sum of the last `window`, whole spans and the one that runs; nothing of the future.
    pub(super) fn sum(&self, now_ms: u64, window: Duration) -> Sum {
        let now = self.index(now_ms);
        let spans = u32::try_from(window.as_millis() / u128::from(self.span_ms())).unwrap_or(u32::MAX);
        let mut sum = Sum::default();
        let within = |bucket: &&Bucket| bucket.index <= now && now - bucket.index < spans.max(1);
        for bucket in self.list.iter().filter(within) {
            sum.bad += u64::from(bucket.bad);
            sum.total += u64::from(bucket.total);
            sum.seen += Duration::from_millis(u64::from(bucket.seen));
        }
        sum
    }

    /// The newest span that is held, by its number.
    pub(super) fn newest(&self) -> Option<u32> {
        self.list.last().map(|bucket| bucket.index)
    }

    /// As it stands in the file: four numbers of four bytes a span, the least significant first.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let numbers = self.list.iter().flat_map(|bucket| [bucket.index, bucket.bad, bucket.total, bucket.seen]);
        numbers.flat_map(u32::to_le_bytes).collect()
    }

    /// Reads [`Self::to_bytes`], `limit` of the newest; `None` for what cannot have been written.
    pub(super) fn from_bytes(span: Duration, bytes: &[u8], limit: usize) -> Option<Self> {
        let mut buckets = Self::new(span);
        if !bytes.len().is_multiple_of(KEPT) {
            return None;
        }
        let skipped = (bytes.len() / KEPT).saturating_sub(limit);
        for kept in bytes.chunks_exact(KEPT).skip(skipped) {
            let mut numbers = kept.chunks_exact(4).map(|number| number.try_into().map_or(0, u32::from_le_bytes));
            let mut next = || numbers.next().unwrap_or_default();
            let bucket = Bucket { index: next(), bad: next(), total: next(), seen: next() };
            let sorted = buckets.list.last().is_none_or(|last| last.index < bucket.index);
            if !sorted || bucket.bad > bucket.total || u64::from(bucket.seen) > buckets.span_ms() {
                return None;
            }
            buckets.list.push(bucket);
        }
        Some(buckets)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIVE: Duration = Duration::from_secs(300);
    const HOUR: Duration = Duration::from_secs(3_600);
    /// A moment at the beginning of a span.
    const T: u64 = 1_800_000_000_000;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn time_falls_into_the_spans_it_was_in() {
        let mut buckets = Buckets::new(FIVE);
        buckets.pass(T + 100_000, seconds(400), Passed::Time(true), 13);
        let spans: Vec<_> = buckets.list.iter().map(|bucket| (bucket.bad, bucket.total, bucket.seen)).collect();
        assert_eq!(spans, [(300_000, 300_000, 300_000), (100_000, 100_000, 100_000)]);
        buckets.pass(T + 300_000, seconds(200), Passed::Time(false), 13);
        assert_eq!(buckets.sum(T + 300_000 - 1, FIVE), Sum { bad: 100_000, total: 300_000, seen: FIVE });
        assert_eq!(buckets.sum(T + 300_000, HOUR).ratio(), Some(400.0 / 600.0));
        assert_eq!(Sum::default().ratio(), None);
        buckets.pass(0, seconds(5), Passed::Looked, 13);
        assert_eq!(buckets.list.len(), 2, "before 1970 there was nothing");
    }

    #[test]
    fn no_span_is_fuller_than_it_is_long() {
        let mut buckets = Buckets::new(FIVE);
        // The same five minutes three times over, as a clock that is set back has them.
        for _ in 0..3 {
            buckets.pass(T + 300_000, FIVE, Passed::Time(false), 13);
        }
        assert_eq!(buckets.sum(T + 299_999, FIVE), Sum { bad: 0, total: 300_000, seen: FIVE });
    }

    #[test]
    fn events_are_counted_where_they_are_told() {
        let mut buckets = Buckets::new(HOUR);
        buckets.count(T, 1, 10, 5);
        buckets.count(T + 1, 0, 0, 5);
        buckets.count(T + 3_600_000, 7, 5, 5);
        buckets.pass(T + 3_600_000, seconds(60), Passed::Looked, 5);
        assert_eq!(buckets.sum(T + 3_600_000, HOUR), Sum { bad: 5, total: 5, seen: Duration::ZERO });
        assert_eq!(buckets.sum(T + 3_600_000, 2 * HOUR), Sum { bad: 6, total: 15, seen: seconds(60) });
        buckets.count(T, u64::MAX, u64::MAX, 5);
        assert_eq!(buckets.sum(T, HOUR).total, u64::from(u32::MAX));
    }

    #[test]
    fn what_is_furthest_from_now_goes_first() {
        let mut buckets = Buckets::new(HOUR);
        let at = |hour: u64| T + hour * 3_600_000;
        (0..4).for_each(|hour| buckets.count(at(hour), 0, 1, 4));
        // Ten years ahead, by mistake, and back again.
        buckets.count(at(90_000), 0, 1, 4);
        assert_eq!(buckets.sum(at(90_000), 90_001 * HOUR).total, 4, "the oldest hour is gone");
        buckets.count(at(4), 0, 1, 4);
        assert_eq!(buckets.sum(at(4), 24 * HOUR).total, 4, "the hour in the future is gone, and no other");
        assert_eq!(buckets.list.len(), 4);
    }

    fn step() -> impl Strategy<Value = (i64, u64, bool)> {
        let jump = prop_oneof![8 => Just(0), 1 => -50_000_000_i64..50_000_000];
        (jump, 0_u64..4_000_000, any::<bool>())
    }

    proptest! {
        /// Whatever the clock does: there is never more than passed, never more than fits, nothing bad that was not, and the file is the same.
        #[test]
        fn a_clock_that_jumps_makes_gaps_alone(steps in prop::collection::vec(step(), 1..60), limit in 1_usize..30) {
            let mut buckets = Buckets::new(FIVE);
            let (mut now, mut passed, mut bad_passed) = (T, 0, 0);
            for (jump, took, bad) in steps {
                now = now.saturating_add(took).saturating_add_signed(jump);
                passed += took;
                bad_passed += if bad { took } else { 0 };
                buckets.pass(now, Duration::from_millis(took), Passed::Time(bad), limit);
                let all = buckets.sum(u64::MAX / 2, Duration::MAX);
                prop_assert!(all.total <= passed && all.bad <= bad_passed);
                prop_assert_eq!(all.seen, Duration::from_millis(all.total));
                prop_assert!(buckets.list.len() <= limit);
                prop_assert!(buckets.list.iter().all(|bucket| bucket.seen <= 300_000 && bucket.bad <= bucket.total));
                prop_assert!(buckets.list.is_sorted_by(|one, next| one.index < next.index));
                let read = Buckets::from_bytes(FIVE, &buckets.to_bytes(), limit);
                prop_assert_eq!(read.as_ref(), Some(&buckets));
            }
        }

        #[test]
        fn a_clock_that_goes_as_it_should_loses_nothing(steps in prop::collection::vec((1_u64..200_000, any::<bool>()), 1..60)) {
            let mut buckets = Buckets::new(FIVE);
            let (mut now, mut bad_passed) = (T, 0);
            for (took, bad) in steps {
                now += took;
                bad_passed += if bad { took } else { 0 };
                buckets.pass(now, Duration::from_millis(took), Passed::Time(bad), 1_000);
            }
            let all = buckets.sum(now, Duration::from_secs(86_400));
            prop_assert_eq!((all.bad, all.total), (bad_passed, now - T));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100), limit in 0_usize..5) {
            if let Some(buckets) = Buckets::from_bytes(FIVE, &bytes, limit) {
                prop_assert!(buckets.list.len() <= limit);
            }
        }
    }
}
