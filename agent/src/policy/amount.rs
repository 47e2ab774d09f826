//! How much of something a service must have: exactly so much, at most, at least, between, or any at all.

use std::fmt;

/// What an amount is of, which decides how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Processor cores.
    Cores,
    /// Things that are counted.
    Count,
}

impl Unit {
    /// A value with its unit, as a compose file would have it.
    pub fn show(self, value: f64) -> String {
        const STEPS: [(&str, f64); 3] = [("GiB", 1_073_741_824.0), ("MiB", 1_048_576.0), ("KiB", 1_024.0)];
        match self {
            Self::Bytes => {
                // The largest unit of which it is a whole number; else two decimals of the largest that fits.
                if let Some((name, size)) = STEPS.iter().find(|(_, size)| value >= *size && value % size == 0.0) {
                    return format!("{}{name}", value / size);
                }
                match STEPS.iter().find(|(_, size)| value >= *size) {
                    Some((name, size)) => format!("{:.2}{name}", value / size),
                    None => format!("{value}B"),
                }
            }
            Self::Cores | Self::Count => format!("{value}"),
        }
    }
}

/// Bounds, both inclusive. Without any, whatever there is will do, but it must be there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amount {
    /// Not less than this.
    pub least: Option<f64>,
    /// Not more than this.
    pub most: Option<f64>,
}

impl Amount {
    /// Any amount.
    pub const ANY: Self = Self { least: None, most: None };

    /// Exactly this.
    pub const fn exactly(value: f64) -> Self {
        Self { least: Some(value), most: Some(value) }
    }

    /// Whether a value is within the bounds. A thousandth to either side is the same: a quota is a fraction of a period.
    pub fn admits(&self, value: f64) -> bool {
        let slack = value.abs() / 1_000.0;
        self.least.is_none_or(|least| value + slack >= least) && self.most.is_none_or(|most| value - slack <= most)
    }

    /// The bounds in words, for people.
    pub fn show(&self, unit: Unit) -> Shown {
        Shown(*self, unit)
    }
}

/// An [`Amount`] with its unit.
#[derive(Clone, Copy, Debug)]
pub struct Shown(Amount, Unit);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(amount, unit) = *self;
        match (amount.least, amount.most) {
            (None, None) => f.write_str("any"),
            (Some(least), Some(most)) if least == most => f.write_str(&unit.show(least)),
            (Some(least), Some(most)) => write!(f, "{} to {}", unit.show(least), unit.show(most)),
            (Some(least), None) => write!(f, "at least {}", unit.show(least)),
            (None, Some(most)) => write!(f, "at most {}", unit.show(most)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_people_write_them() {
        let table = [
            (Unit::Bytes, 2_147_483_648.0, "2GiB"),
            (Unit::Bytes, 1_610_612_736.0, "1536MiB"),
            (Unit::Bytes, 536_870_912.0, "512MiB"),
            (Unit::Bytes, 100.0, "100B"),
            (Unit::Bytes, 500_000_000.0, "476.84MiB"),
            (Unit::Cores, 0.5, "0.5"),
            (Unit::Cores, 2.0, "2"),
            (Unit::Count, 100.0, "100"),
        ];
        for (unit, value, expected) in table {
            assert_eq!(unit.show(value), expected);
        }
    }

    #[test]
    fn bounds_admit_what_they_say() {
        let between = Amount { least: Some(1.0), most: Some(2.0) };
        let table = [
            (Amount::ANY, 0.1, true),
            (Amount::exactly(2.0), 2.0, true),
            (Amount::exactly(2.0), 1.999, true),
            (Amount::exactly(2.0), 1.9, false),
            (between, 0.9, false),
            (between, 1.0, true),
            (between, 2.0, true),
            (between, 2.1, false),
        ];
        for (amount, value, expected) in table {
            assert_eq!(amount.admits(value), expected, "{value} in {}", amount.show(Unit::Cores));
        }
        assert_eq!(between.show(Unit::Cores).to_string(), "1 to 2");
        assert_eq!(Amount { least: Some(1024.0), most: None }.show(Unit::Bytes).to_string(), "at least 1KiB");
    }
}
