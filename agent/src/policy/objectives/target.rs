//! Shares as exact decimals: `1 - 0.999` is 0.001, and not 0.0010000000000000009.

use std::fmt;

/// Parts of a whole.
const WHOLE: u64 = 1_000_000;

/// The share of what has to be good, in millionths: more than nothing and less than all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target(u64);

impl Target {
    /// Half of it: what stands for a target that is not read yet.
    pub const HALF: Self = Self(WHOLE / 2);

    /// Reads `99.9%` or `0.999`, with at most six digits behind the point of a whole. `None` for what is no share, for all and for nothing.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let millionths = match text.strip_suffix('%') {
            Some(percent) => decimal(percent.trim_end(), 4)?,
            None => decimal(text, 6)?,
        };
        (millionths > 0 && millionths < WHOLE).then_some(Self(millionths))
    }

    /// The share that may be bad.
    pub const fn budget(self) -> Decimal {
        Decimal { units: WHOLE.saturating_sub(self.0) as u128, digits: 6 }
    }

    /// The share as it stands in a rule: `0.999`.
    pub const fn share(self) -> Decimal {
        Decimal { units: self.0 as u128, digits: 6 }
    }
}

/// As people write it: `99.9%`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", Decimal { units: u128::from(self.0), digits: 4 })
    }
}

/// A number with a point: `units` at `digits` behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    units: u128,
    digits: u32,
}

impl Decimal {
    /// So many thousandths.
    pub const fn thousandths(units: u64) -> Self {
        Self { units: units as u128, digits: 3 }
    }

    /// The product, exact.
    pub const fn times(self, other: Self) -> Self {
        Self { units: self.units.saturating_mul(other.units), digits: self.digits + other.digits }
    }

    /// A hundred times it, for percents.
    pub const fn percent(self) -> Self {
        Self { units: self.units.saturating_mul(100), digits: self.digits }
    }

    /// The number nearest to it.
    pub fn value(self) -> f64 {
        self.units as f64 / 10_f64.powi(i32::try_from(self.digits).unwrap_or(i32::MAX))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = 10_u128.saturating_pow(self.digits);
        let (whole, rest) = (self.units / one, self.units % one);
        let digits = format!("{rest:0width$}", width = self.digits as usize);
        match digits.trim_end_matches('0') {
            "" => write!(f, "{whole}"),
            digits => write!(f, "{whole}.{digits}"),
        }
    }
}

/// `99.95` with four digits is 999500.
fn decimal(text: &str, digits: usize) -> Option<u64> {
    let (whole, behind) = text.split_once('.').unwrap_or((text, ""));
    let numeric = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !numeric(whole) || whole.len() > 3 || behind.len() > digits || (text.contains('.') && !numeric(behind)) {
        return None;
    }
    format!("{whole}{behind:0<digits$}").parse().ok()
}
