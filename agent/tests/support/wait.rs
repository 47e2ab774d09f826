//! Waiting for a condition, with one patience for the whole suite.
//!
//! Nothing in the tests sleeps for a fixed time in the hope that it was enough: a condition is asked every
//! [`STEP`] until it holds or [`patience`] is over, and then the last reason is what the test fails with.

use std::{
    fmt::Display,
    thread,
    time::{Duration, Instant},
};

/// Pause between two looks.
pub const STEP: Duration = Duration::from_millis(20);

/// The promise of the agent: a change of a container is on the page this soon after the engine has announced it.
pub const PROMISED: Duration = Duration::from_secs(1);

/// Longest wait for anything, before [`factor`].
const PATIENCE: Duration = Duration::from_secs(20);

/// How much slower than the reference machine this one may be; `SPYHOP_PATIENCE=3` triples every deadline.
pub fn factor() -> f64 {
    std::env::var("SPYHOP_PATIENCE").ok().and_then(|v| v.parse().ok()).filter(|f| *f > 0.0).unwrap_or(1.0)
}

/// Longest wait for anything.
pub fn patience() -> Duration {
    PATIENCE.mul_f64(factor())
}

/// Waits until `look` answers `Ok`, and gives its value; panics with the last reason when patience is over.
#[track_caller]
pub fn eventually<T, E: Display>(what: &str, look: impl FnMut() -> Result<T, E>) -> T {
    within(patience(), what, look).0
}

/// Waits until `look` answers `Ok` and tells how long that took; panics with the last reason after `limit`.
#[track_caller]
pub fn within<T, E: Display>(limit: Duration, what: &str, mut look: impl FnMut() -> Result<T, E>) -> (T, Duration) {
    let start = Instant::now();
    loop {
        let looked_at = start.elapsed();
        match look() {
            Ok(value) => return (value, start.elapsed()),
            Err(reason) if looked_at >= limit => panic!("{what}: not within {limit:?}: {reason}"),
            Err(_) => thread::sleep(STEP),
        }
    }
}

/// Waits for what the agent promises within [`PROMISED`] (times [`factor`]) of now, and tells how long it took.
#[track_caller]
pub fn promptly<T, E: Display>(what: &str, look: impl FnMut() -> Result<T, E>) -> (T, Duration) {
    let (value, took) = within(PROMISED.mul_f64(factor()), what, look);
    println!("{what}: {} ms", took.as_millis());
    (value, took)
}

/// Turns a condition into the answer which [`eventually`] wants.
pub fn holds(condition: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if condition { Ok(()) } else { Err(otherwise()) }
}
