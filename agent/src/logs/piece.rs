//! What readers hand on, and the words in which a reader says where it is.

use crate::model::LogStream;

/// One message as the engine keeps it: a whole line, or a part of one longer than 16 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The output it came from.
    pub stream: LogStream,
    /// When the engine took it, in nanoseconds since 1970; all parts of one line carry the time of the first.
    pub time: i64,
    /// The bytes, without the line end.
    pub text: &'a [u8],
    /// A line end followed.
    pub ended: bool,
    /// Where it begins.
    pub start: Mark,
    /// Where the next one begins.
    pub end: Mark,
}

/// A place in a container's output: what to write down, and its order among the places of one reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// What finds the place again after a restart.
    pub position: Position,
    /// Its order among marks of the same reader; worth nothing after that reader's end.
    pub rank: Rank,
}

/// Orders the marks of one reader: (file, offset) or (time, messages of that time).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(pub u64, pub u64);

/// What finds a place again, in another process too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// In a json-file.
    File {
        /// Inode: tells files apart until it is used again.
        inode: u64,
        /// Hash of the first record: tells files apart after that.
        fingerprint: u64,
        /// Bytes before it.
        offset: u64,
    },
    /// In the engine's answer, which knows nothing but times.
    Time {
        /// Nanoseconds since 1970 of the last message taken.
        time: i64,
        /// Messages of exactly this time taken already, of this output.
        taken: u32,
    },
}

impl Position {
    /// Length of [`Self::encode`].
    pub const ENCODED: usize = 25;

    /// Fixed form for disk: a kind and three numbers, little-endian.
    pub fn encode(&self) -> [u8; Self::ENCODED] {
        let (kind, [a, b, c]) = match *self {
            Self::File { inode, fingerprint, offset } => (1, [inode, fingerprint, offset]),
            Self::Time { time, taken } => (2, [time.cast_unsigned(), u64::from(taken), 0]),
        };
        let mut bytes = [0; Self::ENCODED];
        let (head, numbers) = bytes.split_at_mut(1);
        head.fill(kind);
        for (into, number) in numbers.chunks_exact_mut(8).zip([a, b, c]) {
            into.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }

    /// Reads [`Self::encode`]'s form; `None` for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, numbers) = bytes.split_first()?;
        let numbers: [u8; Self::ENCODED - 1] = numbers.try_into().ok()?;
        let mut numbers = numbers.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
        let (a, b, c) = (numbers.next()?, numbers.next()?, numbers.next()?);
        match kind {
            1 => Some(Self::File { inode: a, fingerprint: b, offset: c }),
            2 if c == 0 => Some(Self::Time { time: a.cast_signed(), taken: u32::try_from(b).ok()? }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn positions() -> impl Strategy<Value = Position> {
        let file = any::<(u64, u64, u64)>().prop_map(|(inode, fingerprint, offset)| Position::File {
            inode,
            fingerprint,
            offset,
        });
        let time = any::<(i64, u32)>().prop_map(|(time, taken)| Position::Time { time, taken });
        prop_oneof![file, time]
    }

    proptest! {
        #[test]
        fn a_position_comes_back(position in positions()) {
            prop_assert_eq!(Position::decode(&position.encode()), Some(position));
        }

        #[test]
        fn other_bytes_are_no_position(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(position) = Position::decode(&bytes) {
                prop_assert_eq!(position.encode().to_vec(), bytes);
            }
        }
    }
}
