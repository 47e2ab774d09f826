//! What an answer means for the batch it answers, in words for any server. Who knows the server sorts its answers into them.

/// What to do with a batch. A batch is made of parts (streams of lines), a part of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The server has taken what it will take of it: all, or all but what it refuses for good. Go on.
    Delivered,
    /// Whether the server has it is unknown: the same bytes again after a wait, so that it can tell the repetition from news.
    Retry,
    /// The server has none of it and wants less: the same bytes again after a wait, and slower from then on.
    Slower,
    /// The server may have some parts and refused others for now: each part alone and unchanged, after a wait.
    Apart,
    /// The server has none of it, because it is too large: in halves at once. A single entry that is refused so is dropped.
    Halve,
    /// The server has none of it, because of one bad part: in halves by parts at once. A single part that is refused so is dropped.
    Bisect,
    /// The server takes nothing of ours until somebody changes a setting: keep everything, ask again after a long wait, raise an alarm.
    Hold,
    /// The server will never take it, however often it is sent: count it and go on.
    Drop,
}

impl Verdict {
    /// Its word in logs and labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retry => "retry",
            Self::Slower => "slower",
            Self::Apart => "apart",
            Self::Halve => "halve",
            Self::Bisect => "bisect",
            Self::Hold => "hold",
            Self::Drop => "drop",
        }
    }

    /// The batch is done with: the positions behind it may move.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Drop)
    }
}
