//! What goes wrong with a request.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;

/// One request's fate. Unless it says so, nothing is stored.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This answer.
    Refuse(Refusal),
    /// Stored but for so many records, which is told in a partial success with this message.
    Partial(i64, String),
    /// Stored, and the connection cut instead of an answer.
    Lost,
    /// The connection cut.
    Cut,
    /// No answer for as long as the client waits.
    Silence,
    /// Stored and acknowledged, after this long.
    Slow(Duration),
    /// Stored and acknowledged over a connection that is told to end (GOAWAY over HTTP/2, `Connection: close` over HTTP/1.1).
    GoAway,
    /// Stored, and an answer that ends before it says how it went.
    Torn,
    /// A proxy's answer.
    Foreign {
        /// Status.
        status: u16,
        /// Its content type.
        kind: &'static str,
        /// Its body.
        body: &'static str,
    },
    /// Stored and acknowledged in a message of so many bytes.
    Long(usize),
}

/// A refusal, as both transports say it.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// gRPC's code.
    pub code: u32,
    /// Status over HTTP.
    pub status: u16,
    /// Words.
    pub words: String,
    /// When to come again.
    pub retry: Option<Duration>,
}

impl Fault {
    /// Nothing is taken at present.
    pub fn unavailable() -> Self {
        Self::Refuse(Refusal::new(14, 503, "not now"))
    }

    /// Too much: RESOURCE_EXHAUSTED with RetryInfo, 429 with Retry-After.
    pub fn throttled(retry: Duration) -> Self {
        Self::Refuse(Refusal { retry: Some(retry), ..Refusal::new(8, 429, "slow down") })
    }

    /// It is no data.
    pub fn bad_data() -> Self {
        Self::Refuse(Refusal::new(3, 400, "bad data"))
    }

    /// Who are you?
    pub fn unauthenticated() -> Self {
        Self::Refuse(Refusal::new(16, 401, "who are you?"))
    }
}

impl Refusal {
    /// One without a delay.
    pub fn new(code: u32, status: u16, words: &str) -> Self {
        Self { code, status, words: words.to_owned(), retry: None }
    }

    /// Whether the same request may come again.
    pub fn is_retryable(&self, grpc: bool) -> bool {
        if grpc {
            matches!(self.code, 1 | 4 | 10 | 11 | 14 | 15) || (self.code == 8 && self.retry.is_some())
        } else {
            matches!(self.status, 429 | 502 | 503 | 504)
        }
    }

    /// `google.rpc.Status` with `RetryInfo` where there is a delay.
    pub fn details(&self) -> Bytes {
        let details = self.retry.map(|delay| {
            let delay = Span { seconds: delay.as_secs() as i64, nanos: delay.subsec_nanos() as i32 };
            let value = RetryInfo { delay: Some(delay) }.encode_to_vec();
            Any { type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(), value }
        });
        Status { code: self.code as i32, message: self.words.clone(), details: details.into_iter().collect() }
            .encode_to_vec()
            .into()
    }
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<Span>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}
