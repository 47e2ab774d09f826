//! The words of labels: why lines were left out, where they may be missing, how pushes ended.

/// Declares the reasons of one label with their words.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$variant,)*];

            /// The label's value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

words! {
    /// Why lines were not sent.
    Dropped {
        /// A drop rule, of the file or of the container's label.
        Rule => "rule",
        /// Below the least level.
        Level => "level",
        /// A sample rule.
        Sampled => "sampled",
        /// The container writes more lines than it may.
        RateLines => "rate_lines",
        /// The container writes more bytes than it may.
        RateSize => "rate_size",
        /// Events or lines of the agent's own that came faster than they were taken.
        Flood => "flood",
        /// Older than Loki takes.
        TooOld => "too_old",
        /// Loki refused them: too far behind what it has of the stream.
        TooFarBehind => "too_far_behind",
        /// Loki refused them for another reason of its own.
        Refused => "refused",
        /// Larger than Loki takes, alone.
        TooLarge => "too_large",
        /// The spool was full: the oldest gave way.
        SpoolFull => "spool_full",
        /// In the spool for longer than it keeps.
        SpoolAge => "spool_age",
        /// In the spool and not to be read any more.
        SpoolDamaged => "spool_damaged",
        /// Nowhere to keep them while Loki was away.
        NoSpool => "no_spool",
    }
}

impl Dropped {
    /// Whether somebody asked for it, in the file or by a container's label; all others are losses.
    pub const fn is_asked_for(self) -> bool {
        matches!(self, Self::Rule | Self::Level | Self::Sampled | Self::RateLines | Self::RateSize)
    }
}

words! {
    /// Where lines may be missing which were never seen.
    Gap {
        /// The file that was read last is gone, and so may be others after it.
        PositionLost => "position_lost",
        /// Files were rotated away before they were read.
        RotationsMissed => "rotations_missed",
        /// The file became shorter than what was read of it.
        Truncated => "truncated",
        /// Records too large to be read, or files that could not be unpacked.
        Corrupt => "corrupt",
        /// A container was seen in events and gone before its lines could be read.
        NeverRead => "never_read",
    }
}

words! {
    /// Why a destination takes nothing, in a word.
    TroubleKind {
        /// It cannot be reached, or does not answer in time.
        Unreachable => "unreachable",
        /// It answers that it cannot at present.
        Unavailable => "unavailable",
        /// It wants less, slower.
        RateLimited => "rate_limited",
        /// Credentials, address, tenant or rights are wrong, here or there.
        Configuration => "configuration",
        /// Ingestion is blocked for this tenant.
        Blocked => "blocked",
    }
}

words! {
    /// How a push ended.
    Outcome {
        /// Acknowledged.
        Ok => "ok",
        /// Acknowledged but for some lines.
        Partial => "partial",
        /// To be sent again: no answer, or one that says so.
        Retry => "retry",
        /// Sent again in parts.
        Split => "split",
        /// Refused for good.
        Refused => "refused",
        /// Held: credentials, address or rights are wrong, or ingestion is blocked.
        Held => "held",
    }
}
