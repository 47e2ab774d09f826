//! The body of `POST /control`: which knobs to turn. All of it is applied, or none when any value is wrong.

use serde::Deserialize;

use crate::{
    knobs::Knobs,
    units::{self, Malformed},
};

/// One change, every field optional. Unknown fields are refused: a typo must not look like success.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    health: Option<String>,
    ready: Option<String>,
    live: Option<String>,
    latency: Option<String>,
    error_rate: Option<f64>,
    log_rate: Option<f64>,
    memory_mib: Option<u32>,
    memory_growth_mib: Option<u32>,
    cpu: Option<f64>,
    open: Option<bool>,
    /// End the process with this code once the answer is on its way.
    pub exit: Option<u8>,
}

/// Why a change was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The body is not JSON, or not of this shape.
    #[error("read the change: {0}")]
    Shape(#[from] serde_json::Error),
    /// A value is out of its range.
    #[error("set {field}: {cause}")]
    Value {
        /// The field at fault.
        field: &'static str,
        /// What is wrong with its value.
        cause: Malformed,
    },
}

impl Change {
    /// Reads a change from JSON.
    pub fn parse(body: &[u8]) -> Result<Self, Refused> {
        Ok(serde_json::from_slice(body)?)
    }

    /// The knobs as they will be.
    pub fn apply(&self, knobs: &Knobs) -> Result<Knobs, Refused> {
        let number = |parse: fn(&str) -> Result<f64, Malformed>, value: f64| parse(&value.to_string());
        Ok(Knobs {
            health: turned("health", self.health.as_deref(), knobs.health, str::parse)?,
            ready: turned("ready", self.ready.as_deref(), knobs.ready, str::parse)?,
            live: turned("live", self.live.as_deref(), knobs.live, str::parse)?,
            latency: turned("latency", self.latency.as_deref(), knobs.latency, str::parse)?,
            error_rate: turned("error_rate", self.error_rate, knobs.error_rate, |value| number(units::share, value))?,
            log_rate: turned("log_rate", self.log_rate, knobs.log_rate, |value| number(units::rate, value))?,
            memory_mib: self.memory_mib.unwrap_or(knobs.memory_mib),
            memory_growth_mib: self.memory_growth_mib.unwrap_or(knobs.memory_growth_mib),
            cpu: turned("cpu", self.cpu, knobs.cpu, |value| number(units::share, value))?,
            open: self.open.unwrap_or(knobs.open),
        })
    }
}

/// The new value of one knob, or the one it has when the change does not name it.
fn turned<I, T>(
    field: &'static str,
    wanted: Option<I>,
    now: T,
    parse: impl FnOnce(I) -> Result<T, Malformed>,
) -> Result<T, Refused> {
    match wanted {
        Some(value) => parse(value).map_err(|cause| Refused::Value { field, cause }),
        None => Ok(now),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::*;
    use crate::{knobs::Mode, settings::Cli};

    fn defaults() -> Knobs {
        Cli::parse_from(["spyhop-demo"]).settings.knobs()
    }

    #[test]
    fn only_what_is_named_is_turned() {
        let change = Change::parse(br#"{"health":"slow:500ms","cpu":0.5,"memory_mib":64,"exit":3}"#).unwrap();
        let turned = change.apply(&defaults()).unwrap();
        assert_eq!(
            turned,
            Knobs { health: Mode::Slow(Duration::from_millis(500)), cpu: 0.5, memory_mib: 64, ..defaults() }
        );
        assert_eq!(change.exit, Some(3));
    }

    #[test]
    fn a_wrong_value_is_named() {
        let table = [
            (r#"{"health":"broken"}"#, "set health: `broken` is not one of ok, fail, hang, slow:<duration>"),
            (r#"{"error_rate":1.5}"#, "set error_rate: `1.5` is not a share from 0 to 1"),
            (r#"{"latency":"5"}"#, "set latency: `5` is not a duration"),
        ];
        for (body, expected) in table {
            let refused = Change::parse(body.as_bytes()).unwrap().apply(&defaults()).unwrap_err().to_string();
            assert!(refused.starts_with(expected), "{refused}");
        }
    }

    #[test]
    fn what_is_not_a_change_is_refused() {
        for body in ["", "[]x", r#"{"helth":"ok"}"#, r#"{"exit":256}"#, r#"{"memory_mib":-1}"#] {
            assert!(matches!(Change::parse(body.as_bytes()), Err(Refused::Shape(_))), "{body:?}");
        }
    }
}
