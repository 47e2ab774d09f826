//! What can be changed while the program runs: by `POST /control`, starting from the settings.
//!
//! One `watch` channel holds the current values. Whoever acts on them takes a receiver; the control route is the only writer.

use std::{fmt, str::FromStr, time::Duration};

use serde::Serialize;

use crate::units::{self, Malformed, Spread};

/// How a health endpoint answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// 200 at once.
    #[default]
    Ok,
    /// 503 at once.
    Fail,
    /// No answer until the caller gives up.
    Hang,
    /// 200 after this long.
    Slow(Duration),
}

impl FromStr for Mode {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        match (text, text.strip_prefix("slow:")) {
            ("ok", _) => Ok(Self::Ok),
            ("fail", _) => Ok(Self::Fail),
            ("hang", _) => Ok(Self::Hang),
            (_, Some(delay)) => units::duration(delay).map(Self::Slow),
            _ => Err(Malformed::new(text, "one of ok, fail, hang, slow:<duration>")),
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Fail => f.write_str("fail"),
            Self::Hang => f.write_str("hang"),
            Self::Slow(delay) => write!(f, "slow:{}ms", delay.as_millis()),
        }
    }
}

/// The values in force. Serialized, it is the answer of `GET /control`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Knobs {
    /// How `/health` answers.
    #[serde(serialize_with = "as_text")]
    pub health: Mode,
    /// How `/health/ready` answers.
    #[serde(serialize_with = "as_text")]
    pub ready: Mode,
    /// How `/health/live` answers.
    #[serde(serialize_with = "as_text")]
    pub live: Mode,
    /// How long `/` takes.
    #[serde(serialize_with = "as_text")]
    pub latency: Spread,
    /// The share of requests to `/` answered with 500, 0 to 1.
    pub error_rate: f64,
    /// Generated log lines a second.
    pub log_rate: f64,
    /// Memory held, in MiB, at least.
    pub memory_mib: u32,
    /// Memory taken in addition, MiB a second.
    pub memory_growth_mib: u32,
    /// Share of one core kept busy, 0 to 1.
    pub cpu: f64,
    /// Whether `/api` lets everybody in, token or not.
    pub open: bool,
}

fn as_text<T: fmt::Display, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_written_as_they_are_read() {
        for text in ["ok", "fail", "hang", "slow:500ms"] {
            assert_eq!(text.parse::<Mode>().map(|mode| mode.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("slow:2s".parse(), Ok(Mode::Slow(Duration::from_secs(2))));
    }

    #[test]
    fn other_words_are_refused_by_name() {
        for text in ["", "OK", "slow", "slow:", "slow:soon", "broken"] {
            assert!(text.parse::<Mode>().unwrap_err().to_string().starts_with('`'), "{text:?}");
        }
    }
}
