//! What a request is refused with: the codes of gRPC, what they are over HTTP, and `google.rpc.Status`, which says both.
//!
//! Sources: gRPC's status codes; `google/rpc/status.proto` and `error_details.proto`; the OTLP specification 1.11.0 ("Failures", "OTLP/HTTP
//! Throttling"). Codes over HTTP are those the OpenTelemetry Collector gives.

use std::time::Duration;

use super::wire::{Fields, Malformed, Writer};

/// The name under which [`Status::retry`] stands among the details.
const RETRY_INFO: &[u8] = b"type.googleapis.com/google.rpc.RetryInfo";

/// A code of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are gRPC's, and so is what they mean")]
pub enum Code {
    Ok,
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

impl Code {
    /// Every code, each at the place of its number.
    pub const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The number on the wire, 0 to 16.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The code of a number; one that is none is unknown, as gRPC has it.
    pub fn of(number: u64) -> Self {
        usize::try_from(number).ok().and_then(|number| Self::ALL.get(number)).copied().unwrap_or(Self::Unknown)
    }

    /// The word in labels.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
            Self::InvalidArgument => "invalid_argument",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::PermissionDenied => "permission_denied",
            Self::ResourceExhausted => "resource_exhausted",
            Self::FailedPrecondition => "failed_precondition",
            Self::Aborted => "aborted",
            Self::OutOfRange => "out_of_range",
            Self::Unimplemented => "unimplemented",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::DataLoss => "data_loss",
            Self::Unauthenticated => "unauthenticated",
        }
    }

    /// The status of HTTP that tells a client the same: what it may send again over gRPC is 503, so that it may here, too.
    pub const fn http(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::Cancelled
            | Self::DeadlineExceeded
            | Self::Aborted
            | Self::OutOfRange
            | Self::Unavailable
            | Self::DataLoss => 503,
            Self::ResourceExhausted => 429,
            Self::InvalidArgument => 400,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::Unimplemented => 404,
            Self::Unknown | Self::NotFound | Self::AlreadyExists | Self::FailedPrecondition | Self::Internal => 500,
        }
    }
}

/// `google.rpc.Status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What happened.
    pub code: Code,
    /// For a person, in English.
    pub message: String,
    /// `RetryInfo`: how long to wait before the request is sent again. RESOURCE_EXHAUSTED is not sent again without it.
    pub retry: Option<Duration>,
}

impl Status {
    /// One that says nothing of another attempt.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry: None }
    }

    /// With a delay.
    pub const fn after(mut self, retry: Duration) -> Self {
        self.retry = Some(retry);
        self
    }

    /// As protobuf.
    pub fn encode(&self) -> Vec<u8> {
        let mut status = Writer::new();
        status.varint(1, u64::from(self.code.number()));
        if !self.message.is_empty() {
            status.string(2, &self.message);
        }
        if let Some(retry) = self.retry {
            status.message(3, |any| {
                any.bytes(1, RETRY_INFO);
                any.message(2, |info| {
                    info.message(1, |delay| {
                        delay.varint(1, retry.as_secs());
                        delay.varint(2, u64::from(retry.subsec_nanos()));
                    });
                });
            });
        }
        status.into_bytes()
    }

    /// Reads one. Details other than `RetryInfo` are passed over; a delay below zero is none.
    ///
    /// # Errors
    /// It is no such message.
    pub fn decode(message: &[u8]) -> Result<Self, Malformed> {
        let mut status = Self::new(Code::Ok, "");
        for field in Fields::new(message) {
            let field = field?;
            match field.number {
                1 => status.code = Code::of(field.varint()?),
                2 => status.message = String::from_utf8_lossy(field.bytes()?).into_owned(),
                3 => status.retry = retry(field.bytes()?)?.or(status.retry),
                _ => {}
            }
        }
        Ok(status)
    }
}

/// The delay in an `Any`, where it holds one.
fn retry(any: &[u8]) -> Result<Option<Duration>, Malformed> {
    let (mut name, mut value): (&[u8], &[u8]) = (&[], &[]);
    for field in Fields::new(any) {
        let field = field?;
        match field.number {
            1 => name = field.bytes()?,
            2 => value = field.bytes()?,
            _ => {}
        }
    }
    // The part before the slash is anybody's.
    if !name.ends_with(b"/google.rpc.RetryInfo") {
        return Ok(None);
    }
    for field in Fields::new(value) {
        let field = field?;
        if field.number == 1 {
            return delay(field.bytes()?);
        }
    }
    // An empty one: at once.
    Ok(Some(Duration::ZERO))
}

fn delay(message: &[u8]) -> Result<Option<Duration>, Malformed> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in Fields::new(message) {
        let field = field?;
        match field.number {
            1 => seconds = field.varint()?,
            2 => nanos = field.varint()?,
            _ => {}
        }
    }
    // Numbers below zero are those with the highest bit.
    let valid = i64::try_from(seconds).is_ok() && nanos < 1_000_000_000;
    Ok(valid.then(|| Duration::new(seconds, u32::try_from(nanos).unwrap_or_default())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_code_has_its_number_and_an_answer_over_http() {
        for (number, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(code.number()), number);
            assert_eq!(Code::of(number as u64), code);
        }
        assert_eq!(Code::of(17), Code::Unknown);
        assert_eq!(Code::of(u64::MAX), Code::Unknown);
    }

    #[test]
    fn what_may_be_sent_again_over_grpc_may_be_over_http() {
        use Code::{Aborted, Cancelled, DataLoss, DeadlineExceeded, OutOfRange, Unavailable};
        for code in Code::ALL {
            let again = [Cancelled, DeadlineExceeded, Aborted, OutOfRange, Unavailable, DataLoss].contains(&code);
            assert_eq!(again, [502, 503, 504].contains(&code.http()), "{code:?}");
        }
    }

    #[test]
    fn a_status_is_what_others_write_as_one() {
        let known = Status::new(Code::Unavailable, "later").after(Duration::from_millis(1500));
        let mut expected = vec![8, 14, 18, 5];
        expected.extend(b"later");
        assert_eq!(known.encode().get(..expected.len()), Some(expected.as_slice()));
        // Shortest lengths, fields in order: as the official libraries write it.
        let mut others = expected;
        others.extend([26, 54, 10, 40]);
        others.extend(RETRY_INFO);
        others.extend([18, 10, 10, 8, 8, 1, 16, 0x80, 0xca, 0xb5, 0xee, 1]);
        assert_eq!(Status::decode(&others), Ok(known));
    }

    #[test]
    fn details_of_others_are_passed_over() {
        let mut status = Writer::new();
        status.varint(1, 8);
        status.message(3, |any| {
            any.string(1, "type.googleapis.com/google.rpc.DebugInfo");
            any.string(2, "anything");
        });
        status.message(3, |any| any.string(1, "example.org/google.rpc.RetryInfo"));
        let expected = Status::new(Code::ResourceExhausted, "").after(Duration::ZERO);
        assert_eq!(Status::decode(&status.into_bytes()), Ok(expected));
        let mut below = Writer::new();
        below.varint(1, u64::MAX);
        assert_eq!(delay(&below.into_bytes()), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            code in 0_u64..17,
            message in ".{0,40}",
            retry in proptest::option::of((0..i64::MAX as u64, 0_u32..1_000_000_000)),
        ) {
            let retry = retry.map(|(seconds, nanos)| Duration::new(seconds, nanos));
            let status = Status { code: Code::of(code), message, retry };
            prop_assert_eq!(Status::decode(&status.encode()), Ok(status));
        }

        #[test]
        fn bytes_of_no_form_break_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _read = Status::decode(&bytes);
        }
    }
}
