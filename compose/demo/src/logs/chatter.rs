//! What generated lines say: everyday messages of a web shop, by level, numbered so that a reader can tell whether one is missing.

use std::{str::FromStr, sync::Arc};

use super::{Level, Line};
use crate::{dice::Dice, units::Malformed};

/// A few messages for each level, in the order of `Level::ALL`.
const MESSAGES: [&[&str]; 4] = [
    &["cache lookup", "template rendered", "session loaded"],
    &["order accepted", "basket updated", "payment authorised", "mail queued"],
    &["retrying payment provider", "slow query", "stock nearly out"],
    &["payment declined by provider", "could not reserve stock"],
];

/// The stack of an error line; where it points does not exist.
const TRACE: &[&str] =
    &["shop::payment::charge (payment.rs:118)", "shop::order::place (order.rs:64)", "shop::http::handle (http.rs:37)"];

/// Whom lines are about. Nobody: the domain is for examples, the number is the one that explains how such numbers are checked.
const PERSON: [(&str, &str); 2] = [("email", "ada@example.org"), ("vin", "1M8GDM9AXKP042788")];

/// Weights of the levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Levels([u32; 4]);

impl Levels {
    /// The level at a point of the whole, 0 being its start and 1 its end.
    fn at(&self, point: f64) -> Level {
        let total: u64 = self.0.iter().map(|&weight| u64::from(weight)).sum();
        let mut position = (point * total as f64) as u64;
        for (level, &weight) in Level::ALL.into_iter().zip(&self.0) {
            if position < u64::from(weight) {
                return level;
            }
            position -= u64::from(weight);
        }
        Level::Info
    }
}

impl FromStr for Levels {
    type Err = Malformed;

    /// Reads `info=90,error=10`; a level which is not named gets no lines.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new(text, "a list of weights such as `info=90,warn=8,error=2`");
        let mut weights = [0; 4];
        for part in text.split(',') {
            let (name, weight) = part.split_once('=').ok_or_else(malformed)?;
            let (_, slot) = Level::ALL
                .into_iter()
                .zip(&mut weights)
                .find(|(level, _)| level.as_str() == name.trim())
                .ok_or_else(malformed)?;
            *slot = weight.trim().parse().map_err(|_| malformed())?;
        }
        if weights == [0; 4] { Err(malformed()) } else { Ok(Self(weights)) }
    }
}

/// Makes one line after the other.
pub(super) struct Chatter {
    levels: Levels,
    traces: bool,
    personal: bool,
    dice: Arc<Dice>,
    seq: u64,
}

impl Chatter {
    pub(super) fn new(levels: Levels, traces: bool, personal: bool, dice: Arc<Dice>) -> Self {
        Self { levels, traces, personal, dice, seq: 0 }
    }

    /// The next line; its field `seq` counts from 1.
    pub(super) fn next_line(&mut self) -> Line {
        self.seq += 1;
        let level = self.levels.at(self.dice.fraction());
        let messages =
            Level::ALL.into_iter().zip(MESSAGES).find(|(of, _)| *of == level).map_or(&[][..], |(_, messages)| messages);
        let message = self.dice.pick(messages).copied().unwrap_or_default();
        let mut line = Line::new(level, message).request(self.dice.request_id()).field("seq", self.seq);
        for (key, value) in PERSON.into_iter().filter(|_| self.personal) {
            line = line.field(key, value);
        }
        if self.traces && level == Level::Error { line.trace(TRACE) } else { line }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Origin, *};

    #[test]
    fn weights_divide_the_whole() {
        let levels: Levels = "info=90, error=10".parse().unwrap();
        for (point, expected) in [(0.0, Level::Info), (0.89, Level::Info), (0.9, Level::Error), (0.999, Level::Error)] {
            assert_eq!(levels.at(point), expected, "{point}");
        }
    }

    #[test]
    fn weights_that_make_no_line_are_refused() {
        for text in ["", "info", "info=", "info=-1", "loud=1", "info=0", "info=1,,"] {
            assert!(text.parse::<Levels>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn lines_are_numbered_and_only_errors_have_a_trace() {
        let mut chatter = Chatter::new("info=1,error=1".parse().unwrap(), true, false, Arc::new(Dice::new(3)));
        for seq in 1..=100_u64 {
            let line = chatter.next_line();
            let mut text = String::new();
            let origin = Origin { service: "shop", environment: None };
            line.render(crate::settings::LogFormat::Json, jiff::Timestamp::UNIX_EPOCH, origin, &mut text);
            let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(parsed["seq"], seq);
            assert_eq!(parsed.get("stack").is_some(), line.level() == Level::Error, "{text}");
            assert_ne!(parsed["message"], "");
        }
    }
}
