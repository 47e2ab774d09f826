//! What survives the agent: one file, written whole, in the encoding of Protocol Buffers, with its version and checksum around it.
//!
//! ```text
//!  "spyhop objectives 1\n"  series, each a field 1  crc32 of both, four bytes, the least significant first
//! ```

use std::sync::Arc;

use super::{Buckets, Counts, HOUR, KEPT_MINUTES, Ledger, MAX_HOURS, MAX_SERIES, MINUTES, Moment, Series};
use crate::{
    model::ServiceKey,
    otlp::wire::{Fields, Value, Writer},
};

/// What a file begins with; another version has another number.
const HEAD: &[u8] = b"spyhop objectives 1\n";

/// Larger than anything that is written: every series with its words and spans.
pub(in crate::history) const CEILING: u64 = 16 << 20;

/// Why a file is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::history) enum Unusable {
    /// Of another version, or none of ours.
    #[error("it begins with something else than this version writes")]
    Version,
    /// A bit of it is not what was written.
    #[error("its checksum differs")]
    Checksum,
    /// What stands in it cannot be.
    #[error("it cannot be understood")]
    Form,
}

impl Ledger {
    /// What is to be kept, when anything has happened since it was last asked for.
    pub(in crate::history) fn take_kept(&mut self, now: Moment) -> Option<Vec<u8>> {
        self.advance(now);
        std::mem::take(&mut self.changed).then(|| self.to_bytes())
    }

    /// It could not be kept: it is asked for again.
    pub(in crate::history) const fn not_kept(&mut self) {
        self.changed = true;
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut to = Writer::after(HEAD.to_vec());
        for ((slo, key), series) in &self.series {
            to.message(1, |to| write(slo, key, series, to));
        }
        let mut bytes = to.into_bytes();
        bytes.extend(checksum(&bytes).to_le_bytes());
        bytes
    }

    /// Goes on with what was kept. Called once, before anything is looked at.
    pub(in crate::history) fn restore(&mut self, bytes: &[u8]) -> Result<(), Unusable> {
        // The version first: a newer one may end otherwise.
        let rest = bytes.strip_prefix(HEAD).ok_or(Unusable::Version)?;
        let (series, sum) = rest.split_last_chunk::<4>().ok_or(Unusable::Checksum)?;
        let summed = bytes.len().checked_sub(4).and_then(|end| bytes.get(..end)).unwrap_or_default();
        if checksum(summed) != u32::from_le_bytes(*sum) {
            return Err(Unusable::Checksum);
        }
        let mut read = Vec::new();
        for field in Fields::new(series) {
            let field = field.map_err(|_| Unusable::Form)?;
            if let (1, Value::Bytes(bytes)) = (field.number, field.value) {
                read.push(read_series(bytes).ok_or(Unusable::Form)?);
            }
        }
        self.series = read.into_iter().take(MAX_SERIES).collect();
        Ok(())
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

fn write(slo: &str, key: &ServiceKey, series: &Series, to: &mut Writer) {
    to.string(1, slo);
    to.string(2, &key.project);
    to.string(3, &key.service);
    to.string(4, &series.kind);
    to.bytes(5, &series.minutes.to_bytes());
    to.bytes(6, &series.hours.to_bytes());
    // Counters of probes begin anew with the agent; those of services go on, and what they grew by meanwhile happened.
    if !series.kind.starts_with("probe ") && !series.kind.starts_with("latency ") {
        for (replica, counts) in &series.counted {
            to.message(7, |to| {
                to.string(1, replica);
                to.varint(2, counts.bad);
                to.varint(3, counts.total);
            });
        }
    }
}

fn read_series(bytes: &[u8]) -> Option<(super::Key, Series)> {
    let mut words: [Arc<str>; 4] = Default::default();
    let mut series = Series::new("".into());
    for field in Fields::new(bytes) {
        let field = field.ok()?;
        match (field.number, field.value) {
            (number @ 1..=4, Value::Bytes(bytes)) => {
                let place = words.iter_mut().zip(1..).find(|(_, place)| *place == number);
                if let Some((word, _)) = place {
                    *word = std::str::from_utf8(bytes).ok()?.into();
                }
            }
            (5, Value::Bytes(bytes)) => series.minutes = Buckets::from_bytes(MINUTES, bytes, KEPT_MINUTES)?,
            (6, Value::Bytes(bytes)) => series.hours = Buckets::from_bytes(HOUR, bytes, MAX_HOURS)?,
            (7, Value::Bytes(bytes)) => series.counted.push(read_counts(bytes)?),
            _ => {}
        }
    }
    let [slo, project, service, kind] = words;
    series.kind = kind;
    Some(((slo, ServiceKey { project, service }), series))
}

fn read_counts(bytes: &[u8]) -> Option<(Arc<str>, Counts)> {
    let (mut replica, mut counts) = (Arc::default(), Counts::default());
    for field in Fields::new(bytes) {
        let field = field.ok()?;
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => replica = std::str::from_utf8(bytes).ok()?.into(),
            (2, Value::Varint(bad)) => counts.bad = bad,
            (3, Value::Varint(total)) => counts.total = total,
            _ => {}
        }
    }
    Some((replica, counts))
}
