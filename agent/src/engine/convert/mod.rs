//! The engine's answers -> [`crate::model`]. Pure. Every field may be absent; what the engine writes for "nothing" (0, -1, an empty
//! word, the year 1) becomes `None`. Environment, command line and check output end here.

mod container;
mod event;
mod facts;
mod health;
mod network;

#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;

use super::answers as api;
pub(super) use container::container;
pub(super) use event::events;
pub(super) use facts::{image, info, version};
pub(super) use network::network;

/// A time; the engine's "never" (year 1) and reproducible builds' 1970 are `None`, and so is a year that cannot be meant.
fn time(text: Option<&str>) -> Option<Timestamp> {
    text?.parse().ok().filter(is_plausible)
}

/// Nobody's clock shows a year after 2200. What adds to a time of the engine need not fear the end of all time.
fn is_plausible(time: &Timestamp) -> bool {
    const YEAR_2200: i64 = 7_258_118_400;
    *time > Timestamp::UNIX_EPOCH && time.as_second() < YEAR_2200
}

/// A word; the empty one is `None`.
fn word(text: Option<&str>) -> Option<Arc<str>> {
    text.filter(|text| !text.is_empty()).map(Arc::from)
}

/// A count or a limit; 0 and below are `None`.
fn positive(number: Option<i64>) -> Option<u64> {
    u64::try_from(number?).ok().filter(|number| *number > 0)
}

/// A map of words, in any order.
fn pairs(map: Option<HashMap<String, String>>) -> impl Iterator<Item = (Arc<str>, Arc<str>)> {
    map.into_iter().flatten().map(|(key, value)| (Arc::from(key), Arc::from(value)))
}
