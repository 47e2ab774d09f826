//! How long spans took: a classic histogram under somebody else's bounds, with one trace for an example in each bucket.

/// Bounds of a histogram.
#[derive(Debug, PartialEq, Eq)]
pub struct Scale {
    /// Upper bounds in nanoseconds, which belong to their buckets, and as the label `le` says them.
    pub bounds: &'static [(u64, &'static str)],
    /// Nanoseconds in one of the unit of the family.
    pub unit_ns: u32,
}

const MS: u64 = 1_000_000;

/// Nanoseconds in a second.
const SECOND: u32 = 1_000_000_000;

/// Tempo's latency, in seconds: fourteen from 2 ms, each twice the one before.
pub static TEMPO: Scale = Scale {
    bounds: &[
        (2 * MS, "0.002"),
        (4 * MS, "0.004"),
        (8 * MS, "0.008"),
        (16 * MS, "0.016"),
        (32 * MS, "0.032"),
        (64 * MS, "0.064"),
        (128 * MS, "0.128"),
        (256 * MS, "0.256"),
        (512 * MS, "0.512"),
        (1_024 * MS, "1.024"),
        (2_048 * MS, "2.048"),
        (4_096 * MS, "4.096"),
        (8_192 * MS, "8.192"),
        (16_384 * MS, "16.384"),
    ],
    unit_ns: SECOND,
};

/// The connector's duration, in milliseconds.
pub static CONNECTOR: Scale = Scale {
    bounds: &[
        (2 * MS, "2.0"),
        (4 * MS, "4.0"),
        (6 * MS, "6.0"),
        (8 * MS, "8.0"),
        (10 * MS, "10.0"),
        (50 * MS, "50.0"),
        (100 * MS, "100.0"),
        (200 * MS, "200.0"),
        (400 * MS, "400.0"),
        (800 * MS, "800.0"),
        (1_000 * MS, "1000.0"),
        (1_400 * MS, "1400.0"),
        (2_000 * MS, "2000.0"),
        (5_000 * MS, "5000.0"),
        (10_000 * MS, "10000.0"),
        (15_000 * MS, "15000.0"),
    ],
    unit_ns: 1_000_000,
};

/// Tempo's service graph, in seconds: eight from 100 ms, each twice the one before.
pub static GRAPH: Scale = Scale {
    bounds: &[
        (100 * MS, "0.1"),
        (200 * MS, "0.2"),
        (400 * MS, "0.4"),
        (800 * MS, "0.8"),
        (1_600 * MS, "1.6"),
        (3_200 * MS, "3.2"),
        (6_400 * MS, "6.4"),
        (12_800 * MS, "12.8"),
    ],
    unit_ns: SECOND,
};

/// Buckets of the longest scale, the one above every bound included.
pub const MAX_BUCKETS: usize = 17;

impl Scale {
    /// The bucket of a duration; the one behind the bounds for what exceeds them all.
    #[inline]
    pub fn bucket(&self, ns: u64) -> usize {
        self.bounds.partition_point(|(bound, _)| *bound < ns)
    }

    /// A duration in the unit of the family.
    pub fn in_unit(&self, ns: u128) -> f64 {
        ns as f64 / f64::from(self.unit_ns)
    }
}

/// One trace that fell into a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exemplar {
    /// Which trace.
    pub trace_id: [u8; 16],
    /// How long its span took, in nanoseconds.
    pub ns: u64,
    /// When the span ended, in nanoseconds since 1970.
    pub at_ns: u64,
}

/// Durations counted by a [`Scale`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How many fell into each bucket alone.
    pub counts: [u64; MAX_BUCKETS],
    /// All of them together, in nanoseconds: of 64 bits a hostile span would take one.
    pub sum_ns: u128,
    /// The last trace of each bucket.
    pub exemplars: [Option<Exemplar>; MAX_BUCKETS],
}

impl Histogram {
    /// Counts one.
    #[inline]
    pub fn observe(&mut self, scale: &Scale, ns: u64, exemplar: Option<Exemplar>) {
        let bucket = scale.bucket(ns);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
        self.sum_ns += u128::from(ns);
        if exemplar.is_some()
            && let Some(last) = self.exemplars.get_mut(bucket)
        {
            *last = exemplar;
        }
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// An upper estimate of a quantile in nanoseconds, between the bounds around it in proportion; `None` without observations. What is above
/// every bound counts as the last of them.
pub fn quantile(scale: &Scale, counts: &[u64; MAX_BUCKETS], quantile: f64) -> Option<u64> {
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return None;
    }
    let rank = total as f64 * quantile;
    let (mut below, mut lower) = (0_u64, 0_u64);
    for ((upper, _), count) in scale.bounds.iter().zip(counts) {
        if *count > 0 && (below + count) as f64 >= rank {
            let share = ((rank - below as f64) / *count as f64).clamp(0.0, 1.0);
            return Some(lower + ((upper - lower) as f64 * share) as u64);
        }
        below += count;
        lower = *upper;
    }
    Some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_spelled_as_they_are_and_belong_to_their_buckets() {
        for scale in [&TEMPO, &CONNECTOR, &GRAPH] {
            assert!(scale.bounds.len() < MAX_BUCKETS && scale.bounds.is_sorted());
            for (at, (bound, text)) in scale.bounds.iter().enumerate() {
                assert_eq!(text.parse(), Ok(scale.in_unit(u128::from(*bound))));
                assert_eq!((scale.bucket(*bound), scale.bucket(bound + 1)), (at, at + 1));
            }
            assert_eq!((scale.bucket(0), scale.bucket(u64::MAX)), (0, scale.bounds.len()));
        }
        assert!(TEMPO.bounds.windows(2).all(|pair| pair[1].0 == 2 * pair[0].0));
        assert!(GRAPH.bounds.windows(2).all(|pair| pair[1].0 == 2 * pair[0].0));
    }

    #[test]
    fn the_last_trace_of_a_bucket_is_its_example() {
        let exemplar = |byte, ns| Exemplar { trace_id: [byte; 16], ns, at_ns: 1 };
        let mut histogram = Histogram::default();
        for (byte, ms) in [(1, 1), (2, 2), (3, 3), (4, 60_000)] {
            histogram.observe(&TEMPO, ms * MS, Some(exemplar(byte, ms * MS)));
        }
        histogram.observe(&TEMPO, MS, None);
        assert_eq!((histogram.count(), histogram.sum_ns), (5, 60_007 * u128::from(MS)));
        assert_eq!(histogram.counts[..2], [3, 1]);
        assert_eq!(histogram.exemplars[0].map(|it| it.trace_id[0]), Some(2));
        assert_eq!(histogram.exemplars[14].map(|it| it.trace_id[0]), Some(4));
    }

    #[test]
    fn sums_do_not_overflow() {
        let mut histogram = Histogram::default();
        for _ in 0..3 {
            histogram.observe(&TEMPO, u64::MAX, None);
        }
        assert_eq!(histogram.sum_ns, 3 * u128::from(u64::MAX));
    }

    #[test]
    fn quantiles_lie_between_the_bounds() {
        let mut counts = [0; MAX_BUCKETS];
        assert_eq!(quantile(&TEMPO, &counts, 0.5), None);
        counts[1] = 10;
        assert_eq!(quantile(&TEMPO, &counts, 0.5), Some(3 * MS));
        assert_eq!(quantile(&TEMPO, &counts, 1.0), Some(4 * MS));
        counts[14] = 10;
        assert_eq!(quantile(&TEMPO, &counts, 0.95), Some(16_384 * MS));
    }
}
