//! Attributes as they are on the wire, one beside the other, each with a bit of its own.

use std::ops::Range;

use bytes::Bytes;

use crate::otlp::wire::Writer;

/// Attributes with a name of their own. The number of each is its bit; labels have the bits behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    ServiceName,
    ServiceNamespace,
    ServiceInstance,
    ServiceVersion,
    Environment,
    HostName,
    HostId,
    OsType,
    ContainerId,
    ContainerName,
    ImageName,
    ImageTags,
    ImageId,
    ImageDigests,
    RuntimeName,
    RuntimeVersion,
}

/// Prefix of attributes which are labels.
pub(super) const LABEL: &[u8] = b"container.label.";

/// First bit of labels.
const FIRST_LABEL: u32 = 16;

impl Key {
    /// Its name by the semantic conventions.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::ServiceName => "service.name",
            Self::ServiceNamespace => "service.namespace",
            Self::ServiceInstance => "service.instance.id",
            Self::ServiceVersion => "service.version",
            Self::Environment => "deployment.environment.name",
            Self::HostName => "host.name",
            Self::HostId => "host.id",
            Self::OsType => "os.type",
            Self::ContainerId => "container.id",
            Self::ContainerName => "container.name",
            Self::ImageName => "container.image.name",
            Self::ImageTags => "container.image.tags",
            Self::ImageId => "container.image.id",
            Self::ImageDigests => "container.image.repo_digests",
            Self::RuntimeName => "container.runtime.name",
            Self::RuntimeVersion => "container.runtime.version",
        }
    }

    /// The attribute of that name. What is deprecated counts for what came instead of it: nobody is told the same in two ways.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"service.name" => Self::ServiceName,
            b"service.namespace" => Self::ServiceNamespace,
            b"service.instance.id" => Self::ServiceInstance,
            b"service.version" => Self::ServiceVersion,
            b"deployment.environment.name" | b"deployment.environment" => Self::Environment,
            b"host.name" => Self::HostName,
            b"host.id" => Self::HostId,
            b"os.type" => Self::OsType,
            b"container.id" => Self::ContainerId,
            b"container.name" => Self::ContainerName,
            b"container.image.name" => Self::ImageName,
            b"container.image.tags" | b"container.image.tag" => Self::ImageTags,
            b"container.image.id" => Self::ImageId,
            b"container.image.repo_digests" => Self::ImageDigests,
            b"container.runtime.name" | b"container.runtime" => Self::RuntimeName,
            b"container.runtime.version" => Self::RuntimeVersion,
            _ => return None,
        })
    }

    /// Its bit.
    pub(super) const fn bit(self) -> u64 {
        1 << self as u32
    }
}

/// One attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// `None` is a label.
    key: Option<Key>,
    /// The whole name of a label.
    label: Box<[u8]>,
    /// The field, its tag included.
    field: Vec<u8>,
}

impl Piece {
    /// A text.
    pub(super) fn text(key: Key, text: &str) -> Self {
        Self { key: Some(key), label: Box::default(), field: field(key.as_str(), &string(text)) }
    }

    /// A list of one text.
    pub(super) fn texts(key: Key, text: &str) -> Self {
        let (mut list, mut value) = (Writer::new(), Writer::new());
        list.bytes(1, &string(text));
        value.bytes(5, list.as_bytes());
        Self { key: Some(key), label: Box::default(), field: field(key.as_str(), value.as_bytes()) }
    }

    /// A label.
    pub(super) fn label(key: &str, value: &str) -> Self {
        let name = format!("{}{key}", String::from_utf8_lossy(LABEL));
        Self { key: None, field: field(&name, &string(value)), label: name.into_bytes().into() }
    }
}

/// `AnyValue`.
fn string(text: &str) -> Vec<u8> {
    let mut value = Writer::new();
    value.string(1, text);
    value.into_bytes()
}

/// `Resource.attributes`.
fn field(name: &str, value: &[u8]) -> Vec<u8> {
    let mut pair = Writer::new();
    pair.string(1, name);
    pair.bytes(2, value);
    let mut field = Writer::new();
    field.bytes(1, pair.as_bytes());
    field.into_bytes()
}

/// Attributes in a row.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    bytes: Bytes,
    /// Each with its bit and its place.
    places: Vec<(u64, Range<usize>)>,
    /// Names of labels, in the order of their bits.
    labels: Vec<Box<[u8]>>,
    mask: u64,
}

impl Pieces {
    /// Puts them one beside the other.
    pub(super) fn new(list: Vec<Piece>) -> Self {
        let (mut bytes, mut pieces) = (Vec::new(), Self::default());
        for Piece { key, label, field } in list {
            let next =
                u32::try_from(pieces.labels.len()).ok().map(|at| FIRST_LABEL + at).filter(|bit| *bit < u64::BITS);
            let bit = match (key, next) {
                (Some(key), _) => key.bit(),
                (None, Some(next)) => {
                    pieces.labels.push(label);
                    1 << next
                }
                (None, None) => continue,
            };
            let start = bytes.len();
            bytes.extend_from_slice(&field);
            pieces.places.push((bit, start..bytes.len()));
            pieces.mask |= bit;
        }
        pieces.bytes = bytes.into();
        pieces
    }

    /// All of them.
    pub(super) fn all(&self) -> Bytes {
        self.bytes.clone()
    }

    /// Bits of those there are.
    pub(super) const fn mask(&self) -> u64 {
        self.mask
    }

    /// Whether there is one.
    pub(super) const fn has(&self, key: Key) -> bool {
        self.mask & key.bit() != 0
    }

    /// The bit of a label by its whole name; 0 of one that is not here.
    pub(super) fn label_bit(&self, name: &[u8]) -> u64 {
        let at = self.labels.iter().position(|label| **label == *name).and_then(|at| u32::try_from(at).ok());
        at.map_or(0, |at| 1 << (FIRST_LABEL + at))
    }

    /// Those whose bits are not in `present`.
    pub(super) fn without(&self, present: u64) -> Bytes {
        let wanted = || self.places.iter().filter(|(bit, _)| bit & present == 0);
        let mut bytes = Vec::with_capacity(wanted().map(|(_, place)| place.len()).sum());
        for piece in wanted().filter_map(|(_, place)| self.bytes.get(place.clone())) {
            bytes.extend_from_slice(piece);
        }
        bytes.into()
    }

    /// Those which the others have as well, value for value.
    pub(super) fn shared<'a>(&self, others: impl Iterator<Item = &'a Self> + Clone) -> Self {
        // A field is a name with its value.
        let has = |other: &Self, field: &[u8]| {
            other.places.iter().any(|(_, place)| other.bytes.get(place.clone()) == Some(field))
        };
        let mut list = Vec::new();
        for (bit, place) in &self.places {
            let Some(field) = self.bytes.get(place.clone()) else { continue };
            if others.clone().all(|other| has(other, field)) {
                list.push((*bit, field));
            }
        }
        let (mut bytes, mut shared) = (Vec::new(), Self::default());
        for (bit, field) in list {
            let start = bytes.len();
            bytes.extend_from_slice(field);
            shared.places.push((bit, start..bytes.len()));
            shared.mask |= bit;
        }
        // Bits stay what they are, and so do the names of labels behind them.
        shared.labels.clone_from(&self.labels);
        shared.bytes = bytes.into();
        shared
    }
}
