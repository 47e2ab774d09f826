//! Sample values and how they are printed.

/// A sample value. Counts and sizes stay integers from the kernel file to the page: no rounding above 2^53.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Printed as an integer.
    U64(u64),
    /// Printed in the shortest form that reads back as the same number; integral values without a fraction.
    F64(f64),
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::U64(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::U64(value.into())
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::U64(value as u64)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "exit codes and times before 1970: far below 2^53")]
        u64::try_from(value).map_or(Self::F64(value as f64), Self::U64)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::F64(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::U64(value.into())
    }
}

/// Integral floats up to here print as integers: beyond it neighbouring integers share one float.
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_992.0;

impl Value {
    /// Appends the value as both text formats write it.
    #[inline]
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            // Half of a page is states, switches and counters of what never happened.
            Self::U64(digit @ 0..=9) => out.push(b'0' + digit as u8),
            Self::U64(value) => out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes()),
            Self::F64(0.0) => out.push(b'0'),
            Self::F64(value) => write_float(value, out),
        }
    }
}

/// Not in line: the page has far more integers.
#[inline(never)]
fn write_float(value: f64, out: &mut Vec<u8>) {
    match value {
        value if value.is_finite() => {
            if value.abs() < MAX_SAFE_INTEGER && value.trunc() == value {
                #[expect(clippy::cast_possible_truncation, reason = "integral and below 2^53 by the guard above")]
                let integer = value as i64;
                out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
            } else {
                out.extend_from_slice(zmij::Buffer::new().format_finite(value).as_bytes());
            }
        }
        value if value.is_nan() => out.extend_from_slice(b"NaN"),
        value if value > 0.0 => out.extend_from_slice(b"+Inf"),
        _ => out.extend_from_slice(b"-Inf"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn print(value: impl Into<Value>) -> String {
        let mut out = Vec::new();
        value.into().write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn prints_what_prometheus_reads() {
        assert_eq!(print(u64::MAX), "18446744073709551615");
        assert_eq!(print(-1_i64), "-1");
        assert_eq!(print(0.0), "0");
        assert_eq!(print(-0.0), "0");
        assert_eq!(print(1.5), "1.5");
        assert_eq!(print(68_719_476_736.0), "68719476736");
        assert_eq!(print(f64::NAN), "NaN");
        assert_eq!(print(f64::INFINITY), "+Inf");
        assert_eq!(print(f64::NEG_INFINITY), "-Inf");
        assert_eq!(print(true), "1");
    }

    proptest! {
        #[test]
        fn reads_back_as_the_same_number(value in any::<f64>()) {
            let read: f64 = print(value).parse().unwrap();
            prop_assert!(read == value || (read.is_nan() && value.is_nan()));
        }

        #[test]
        fn integers_stay_exact(value in any::<u64>()) {
            prop_assert_eq!(print(value), value.to_string());
        }
    }
}
