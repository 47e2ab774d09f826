//! From the units of the model to those of Prometheus, and the loop which most families share.

use jiff::Timestamp;

use super::reading::Reading;
use crate::{
    exposition::{Page, Value},
    model::{ContainerSample, metric::Family},
};

/// Nanoseconds to seconds.
pub(super) fn from_ns(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Microseconds to seconds.
pub(super) fn from_us(us: u64) -> f64 {
    us as f64 / 1e6
}

/// Milliseconds to seconds.
pub(super) fn from_ms(ms: u64) -> f64 {
    ms as f64 / 1e3
}

/// Unix seconds with milliseconds: finer than any clock two machines agree on, and short on the page.
pub(super) fn unix_seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1e3
}

/// Writes one `container_*` family: a sample for the root and for every container the kernel has answered for.
pub(super) fn column<V: Into<Value>>(
    reading: &Reading,
    page: &mut Page,
    family: &'static Family,
    read: impl Fn(&ContainerSample) -> Option<V>,
) {
    let mut writer = page.family(family);
    reading.live().for_each(|(labels, sample)| {
        if let Some(value) = read(sample) {
            writer.sample(labels, value);
        }
    });
}
