//! What goes wrong with a push.

use std::time::Duration;

/// One push's fate.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This answer, and nothing stored.
    Answer {
        /// Status.
        status: u16,
        /// Header lines with their ends.
        headers: String,
        /// Body.
        body: String,
    },
    /// Stored, and this answer all the same: an acknowledgement that was lost at a proxy.
    LostAnswer {
        /// Status.
        status: u16,
    },
    /// Stored, and the connection reset instead of an answer.
    LostReset,
    /// The connection reset, and nothing stored.
    Reset,
    /// No answer for as long as the client waits; nothing stored.
    Silence,
    /// Stored and acknowledged, one byte of the answer at a time with this pause between.
    Slow(Duration),
}

impl Fault {
    /// A status with a body, nothing stored.
    pub fn status(status: u16, body: &str) -> Self {
        Self::Answer { status, headers: String::new(), body: body.to_owned() }
    }

    /// 429 as the distributor says it, with a wait that a gateway added.
    pub fn limited(retry_after: Option<&str>) -> Self {
        let headers = retry_after.map(|wait| format!("Retry-After: {wait}\r\n")).unwrap_or_default();
        let body = "ingestion rate limit exceeded for user fake (limit: 4194304 bytes/sec) while attempting to ingest '1' lines \
                    totaling '100' bytes, reduce log volume or contact your Loki administrator to see if the limit can be increased\n";
        Self::Answer { status: 429, headers, body: body.to_owned() }
    }
}
