//! What a resource says of itself, as far as it matters here: one walk over its attributes.

use super::{
    pieces::{Key, LABEL, Pieces},
    who::Who,
};
use crate::otlp::wire::{Group, Malformed, splice::Change};

/// What SDKs call a service that nobody has given a name, alone or with `:` and the program.
const UNKNOWN: &[u8] = b"unknown_service";

/// Shortest beginning of a container's id that is taken for one: what the engine shows.
const SHORT_ID: usize = 12;

/// Length of a whole id.
const LONG_ID: usize = 64;

/// What a resource says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said<'a> {
    /// Bits of what is there.
    present: u64,
    /// Whether there are labels of containers among it.
    labels: bool,
    /// A service's name that is none.
    nameless: bool,
    /// `container.id`, where it looks like one.
    pub(super) container: Option<&'a str>,
    /// `host.name`, where it looks like the short id of a container.
    pub(super) host: Option<&'a str>,
    group: Group<'a>,
}

impl<'a> Said<'a> {
    /// Reads it.
    ///
    /// # Errors
    /// It is no resource.
    pub(super) fn read(group: &Group<'a>) -> Result<Self, Malformed> {
        let mut said = Self { group: *group, ..Self::default() };
        for pair in group.attributes() {
            let pair = pair?;
            let Some(key) = Key::of(pair.key) else {
                said.labels |= pair.key.starts_with(LABEL);
                continue;
            };
            match key {
                Key::ServiceName if pair.value.is_none() || pair.string().is_some_and(is_nameless) => {
                    said.nameless = true;
                    continue;
                }
                Key::ContainerId => {
                    // An id of another kind of engine is somebody's all the same, and nobody's here.
                    let said_id = pair.string().filter(|text| !text.is_empty());
                    said.container = said_id.map(|text| id(text, SHORT_ID..=LONG_ID).unwrap_or(FOREIGN));
                }
                Key::HostName => said.host = pair.string().and_then(|text| id(text, SHORT_ID..=SHORT_ID)),
                _ => {}
            }
            said.present |= key.bit();
        }
        Ok(said)
    }

    /// What has to be done to it so that everything of a container is there that it does not say itself.
    pub(super) fn completed(&self, who: &Who) -> Change {
        let present = self.present(who.pieces());
        self.change(who.pieces(), who.lacking(present))
    }

    /// The same for what several containers share, or the host.
    pub(super) fn completed_by(&self, pieces: &Pieces) -> Change {
        let present = self.present(pieces);
        self.change(pieces, if present & pieces.mask() == 0 { pieces.all() } else { pieces.without(present) })
    }

    fn present(&self, pieces: &Pieces) -> u64 {
        if !self.labels {
            return self.present;
        }
        let keys = self.group.attributes().flatten().map(|pair| pair.key);
        keys.filter(|key| key.starts_with(LABEL)).fold(self.present, |present, key| present | pieces.label_bit(key))
    }

    fn change(&self, pieces: &Pieces, add: bytes::Bytes) -> Change {
        let renamed = self.nameless && (self.present & Key::ServiceName.bit()) == 0 && pieces.has(Key::ServiceName);
        let without = if renamed { vec![Key::ServiceName.as_str()] } else { Vec::new() };
        Change { without, add }
    }
}

fn is_nameless(text: &[u8]) -> bool {
    text.is_empty() || text.strip_prefix(UNKNOWN).is_some_and(|rest| rest.is_empty() || rest.starts_with(b":"))
}

/// Lower-case hexadecimal digits, as many as `lengths` allows.
/// What no container here is called.
const FOREIGN: &str = "-";

fn id(text: &[u8], lengths: std::ops::RangeInclusive<usize>) -> Option<&str> {
    let digits = text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    std::str::from_utf8(text).ok().filter(|_| digits && lengths.contains(&text.len()))
}
