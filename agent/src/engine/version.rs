//! Which API version is spoken: ours run from 1.41 (Engine 20.10) to 1.55 (Engine 29).

use std::{fmt, str::FromStr};

/// `major.minor` of the engine's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ApiVersion {
    major: u16,
    minor: u16,
}

/// Neither too old nor too new, or which of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Negotiated {
    Speak(ApiVersion),
    /// The engine's newest is below our oldest.
    TooOld,
    /// The engine's oldest is above our newest.
    TooNew,
}

impl ApiVersion {
    /// The oldest version this agent is tested with.
    pub const OLDEST: Self = Self { major: 1, minor: 41 };
    /// The newest version this agent knows the answers of.
    pub const NEWEST: Self = Self { major: 1, minor: 55 };

    /// The newest version both sides speak. An engine which does not tell its oldest is taken to speak ours.
    pub(super) fn negotiate(newest: Self, oldest: Option<Self>) -> Negotiated {
        if newest < Self::OLDEST {
            return Negotiated::TooOld;
        }
        if oldest.is_some_and(|oldest| oldest > Self::NEWEST) {
            return Negotiated::TooNew;
        }
        Negotiated::Speak(newest.min(Self::NEWEST))
    }

    /// One word that fits an atomic; never 0 for a version of an engine.
    pub(super) const fn to_bits(self) -> u32 {
        ((self.major as u32) << 16) | self.minor as u32
    }

    /// The reverse of [`Self::to_bits`]; `None` for 0.
    pub(super) const fn from_bits(bits: u32) -> Option<Self> {
        match bits {
            0 => None,
            _ => Some(Self { major: (bits >> 16) as u16, minor: (bits & 0xffff) as u16 }),
        }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for ApiVersion {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (major, minor) = text.trim().split_once('.').ok_or(())?;
        Ok(Self { major: major.parse().map_err(drop)?, minor: minor.parse().map_err(drop)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn version(text: &str) -> ApiVersion {
        text.parse().unwrap()
    }

    #[test]
    fn the_lower_of_both_newest_is_spoken() {
        let check = |newest: &str, oldest: &str, expected: Negotiated| {
            assert_eq!(ApiVersion::negotiate(version(newest), oldest.parse().ok()), expected, "{newest} {oldest}");
        };
        check("1.41", "1.12", Negotiated::Speak(version("1.41")));
        check("1.51", "1.24", Negotiated::Speak(version("1.51")));
        check("1.55", "1.44", Negotiated::Speak(version("1.55")));
        check("1.99", "1.44", Negotiated::Speak(version("1.55")));
        check("1.99", "1.55", Negotiated::Speak(version("1.55")));
        check("1.41", "", Negotiated::Speak(version("1.41")));
        check("1.40", "1.12", Negotiated::TooOld);
        check("0.99", "", Negotiated::TooOld);
        check("1.60", "1.56", Negotiated::TooNew);
        check("2.0", "2.0", Negotiated::TooNew);
        // Words would compare the other way round.
        check("1.9", "1.9", Negotiated::TooOld);
        check("1.100", "1.9", Negotiated::Speak(version("1.55")));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["", "1", "1.", ".41", "1.41.0", "v1.41", "1.-1", "1.99999"] {
            assert!(text.parse::<ApiVersion>().is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_spoken_is_known_to_both(newest in (0u16..3, 0u16..120), oldest in (0u16..3, 0u16..120)) {
            let (newest, oldest) = (ApiVersion { major: newest.0, minor: newest.1 }, ApiVersion { major: oldest.0, minor: oldest.1 });
            prop_assume!(oldest <= newest);
            if let Negotiated::Speak(spoken) = ApiVersion::negotiate(newest, Some(oldest)) {
                prop_assert!((ApiVersion::OLDEST..=ApiVersion::NEWEST).contains(&spoken));
                prop_assert!((oldest..=newest).contains(&spoken));
                prop_assert_eq!(ApiVersion::from_bits(spoken.to_bits()), Some(spoken));
            }
        }
    }
}
