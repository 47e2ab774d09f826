//! `State.Health` and `Config.Healthcheck`.

use std::time::Duration;

use super::{api, positive, time};
use crate::model::{Health, HealthCheck, HealthResult, HealthStatus, InOrder as _};

/// What the engine takes where the check says 0 or nothing.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(30);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_RETRIES: u64 = 3;

/// `None` when there is no check: none in the image, `--no-healthcheck` (`NONE`), or an engine which says `none` for nothing.
pub(super) fn health(check: Option<api::HealthConfig>, said: Option<api::Health>) -> Option<Health> {
    let declared = check.as_ref().and_then(|check| check.test.as_ref()).and_then(|test| test.first());
    match declared.map(String::as_str) {
        Some("NONE") => return None,
        Some(_) => {}
        // Podman reports an empty health for containers without a check.
        None if said.as_ref().and_then(|said| status(said.status)).is_none() => return None,
        None => {}
    }
    let said = said.unwrap_or_default();
    Some(Health {
        // Before its first start the engine has no verdict yet.
        status: status(said.status).unwrap_or(HealthStatus::Unknown),
        failing_streak: said.failing_streak.and_then(|streak| u64::try_from(streak).ok()),
        results: results(said.log),
        check: with_defaults(check.unwrap_or_default()),
    })
}

/// The engine's word; `None` for none.
fn status(word: Option<api::HealthWord>) -> Option<HealthStatus> {
    match word? {
        api::HealthWord::Starting => Some(HealthStatus::Starting),
        api::HealthWord::Healthy => Some(HealthStatus::Healthy),
        api::HealthWord::Unhealthy => Some(HealthStatus::Unhealthy),
        api::HealthWord::None => None,
    }
}

/// Results in order of their start. One without a start or an exit code cannot be told apart or judged: left out.
fn results(log: Option<Vec<api::HealthResult>>) -> Vec<HealthResult> {
    let result = |entry: api::HealthResult| {
        Some(HealthResult {
            start: time(entry.start.as_deref())?,
            end: time(entry.end.as_deref()),
            exit_code: entry.exit_code?,
        })
    };
    let mut results: Vec<_> = log.into_iter().flatten().filter_map(result).collect();
    results.order_by_key(|result| result.start);
    results
}

fn with_defaults(check: api::HealthConfig) -> HealthCheck {
    let nanoseconds = |number: Option<i64>| positive(number).map(Duration::from_nanos);
    HealthCheck {
        interval: nanoseconds(check.interval).unwrap_or(DEFAULT_INTERVAL),
        timeout: nanoseconds(check.timeout).unwrap_or(DEFAULT_TIMEOUT),
        start_period: nanoseconds(check.start_period).unwrap_or_default(),
        retries: positive(check.retries).unwrap_or(DEFAULT_RETRIES),
    }
}
