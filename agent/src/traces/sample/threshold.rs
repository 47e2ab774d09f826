//! Thresholds and randomness: which traces are sent, so that everybody who samples by the same scheme keeps the same ones.
//!
//! Source: "TraceState: Probability Sampling" of the OpenTelemetry specification. A trace has 56 random bits, R; it is kept where R is not
//! below the threshold T, which rejects T of 2^56 traces. T is written as `th`, hexadecimal digits without the zeros at the end.

/// One more than the largest R.
const ALL: u64 = 1 << 56;

/// Digits of 56 bits.
const DIGITS: u32 = 14;

/// Digits of `th` behind those which say that nearly everything is rejected: a ratio is off by a 65,536th of itself at most.
const PRECISION: u32 = 4;

/// T: how many of 2^56 traces are rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Threshold(u64);

impl Threshold {
    /// Rejects nothing.
    pub(super) const NOTHING: Self = Self(0);

    /// That which keeps this share of traces, above 0 to 1; what is above keeps all, and what is not above 0 the least there is.
    pub(super) fn keeping(ratio: f64) -> Self {
        if ratio >= 1.0 {
            return Self::NOTHING;
        }
        // The share kept is exact in 53 bits where it is small; the share rejected would not be.
        let kept = (ratio.max(0.0) * ALL as f64).round() as u64;
        let exact = ALL - kept.clamp(1, ALL);
        let mut digits = PRECISION + leading_fs(exact);
        while digits < DIGITS {
            let unit = 1 << (4 * (DIGITS - digits));
            let rounded = (exact + unit / 2) / unit * unit;
            if rounded < ALL {
                return Self(rounded);
            }
            digits += 1;
        }
        Self(exact)
    }

    /// Reads the value of `th`: one to fourteen hexadecimal digits, small letters. `None` for what is none.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let number = hexadecimal(text)?;
        let digits = u32::try_from(text.len()).ok()?;
        Some(Self(number << (4 * (DIGITS - digits))))
    }

    /// Whether a trace of this randomness is kept.
    pub(super) const fn keeps(self, randomness: Randomness) -> bool {
        randomness.0 >= self.0
    }

    /// The value of `th`.
    pub(super) fn text(self) -> String {
        let text = format!("{:014x}", self.0);
        match text.trim_end_matches('0') {
            "" => "0".to_owned(),
            short => short.to_owned(),
        }
    }
}

/// R: 56 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Randomness(u64);

impl Randomness {
    /// The last seven bytes of a trace id. `None` for one that is too short.
    pub(super) fn of_trace(trace_id: &[u8]) -> Option<Self> {
        let last = trace_id.last_chunk::<7>()?;
        Some(Self(last.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))))
    }

    /// Reads the value of `rv`: fourteen hexadecimal digits, small letters. `None` for what is none.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        (text.len() == DIGITS as usize).then(|| hexadecimal(text).map(Self)).flatten()
    }
}

fn leading_fs(number: u64) -> u32 {
    (number << 8).leading_ones() / 4
}

fn hexadecimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > DIGITS as usize {
        return None;
    }
    text.iter().try_fold(0, |number, byte| match byte {
        b'0'..=b'9' => Some(number << 4 | u64::from(byte - b'0')),
        b'a'..=b'f' => Some(number << 4 | u64::from(byte - b'a' + 10)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ratios_are_written_as_the_specification_does() {
        for (ratio, th) in [
            (1.0, "0"),
            (2.0, "0"),
            (0.5, "8"),
            (0.25, "c"),
            (0.125, "e"),
            (0.75, "4"),
            (1.0 / 3.0, "aaab"),
            (0.1, "e666"),
            (0.01, "fd70a"),
            (0.001, "ffbe77"),
            (1e-6, "ffffef39"),
            (0.0, "ffffffffffffff"),
            (-1.0, "ffffffffffffff"),
            (f64::NAN, "ffffffffffffff"),
        ] {
            assert_eq!(Threshold::keeping(ratio).text(), th, "{ratio}");
        }
    }

    #[test]
    fn what_is_no_threshold_is_none() {
        for text in ["", "C", "0x8", "fffffffffffffff", "-1", " 8", "8 ", "é"] {
            assert_eq!(Threshold::parse(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(Threshold::parse(b"c"), Some(Threshold(0xc0_0000_0000_0000)));
        assert_eq!(Threshold::parse(b"0"), Some(Threshold::NOTHING));
        for text in ["", "8", "8000000000000", "800000000000000", "8000000000000G"] {
            assert_eq!(Randomness::parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn randomness_is_the_end_of_the_trace_id() {
        let id = [0xff, 1, 2, 3, 4, 5, 6, 7, 8, 0xc0, 0, 0, 0, 0, 0, 1];
        let randomness = Randomness::of_trace(&id).unwrap();
        assert_eq!(randomness, Randomness(0xc0_0000_0000_0001));
        assert_eq!(Randomness::parse(b"c0000000000001"), Some(randomness));
        assert_eq!(Randomness::of_trace(&id[..6]), None);
        assert!(Threshold::parse(b"c").unwrap().keeps(randomness));
        assert!(!Threshold::parse(b"c0000000000002").unwrap().keeps(randomness));
    }

    proptest! {
        #[test]
        fn text_reads_back(number in 0..ALL) {
            prop_assert_eq!(Threshold::parse(Threshold(number).text().as_bytes()), Some(Threshold(number)));
        }

        #[test]
        fn a_ratio_keeps_about_its_share(exponent in 0.0..30.0_f64) {
            let ratio = 2_f64.powf(-exponent);
            let kept = (ALL - Threshold::keeping(ratio).0) as f64 / ALL as f64;
            prop_assert!((kept / ratio - 1.0).abs() < 1.0 / 4096.0, "{} keeps {}", ratio, kept);
        }

        #[test]
        fn a_smaller_ratio_keeps_no_other_trace(a in 0.0..1.0_f64, b in 0.0..1.0_f64, random in 0..ALL) {
            let (less, more) = (Threshold::keeping(a.min(b)), Threshold::keeping(a.max(b)));
            prop_assert!(!less.keeps(Randomness(random)) || more.keeps(Randomness(random)));
        }
    }
}
