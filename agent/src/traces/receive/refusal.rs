//! What the receiver itself says no to, in the words of both transports.

use std::time::Duration;

use http::StatusCode;

use super::{counts::Reason, room::Full};
use crate::otlp::{Code, Status};

/// What a client is told to wait when there is no room: requests under way are over by then, or come to their deadlines.
pub(super) const COME_AGAIN: Duration = Duration::from_secs(1);

/// A request that goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// What it is counted under; `None` where the code of the answer is all there is to say.
    pub(super) reason: Option<Reason>,
    /// Over gRPC, and in the body over HTTP.
    pub(super) status: Status,
    /// Over HTTP.
    pub(super) http: StatusCode,
}

impl Refusal {
    /// With the status of HTTP that the code stands for.
    pub(super) fn new(reason: Option<Reason>, status: Status) -> Self {
        let http = StatusCode::from_u16(status.code.http()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { reason, status, http }
    }

    fn of(reason: Reason, code: Code, message: impl Into<String>) -> Self {
        Self::new(Some(reason), Status::new(code, message))
    }

    const fn over_http(mut self, http: StatusCode) -> Self {
        self.http = http;
        self
    }

    /// Longer than allowed: never sent again, so there is no delay with it.
    pub(super) fn too_long(limit: usize) -> Self {
        let message = format!("the request is larger than {limit} bytes, which is the most that is taken");
        Self::of(Reason::TooLong, Code::ResourceExhausted, message).over_http(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// No room beside others, or none at all.
    pub(super) fn no_room(full: Full) -> Self {
        match full {
            Full::Ever => {
                let message = "the request needs more room than there is for all requests together";
                Self::of(Reason::TooLong, Code::ResourceExhausted, message).over_http(StatusCode::PAYLOAD_TOO_LARGE)
            }
            Full::Now => {
                let status = Status::new(Code::Unavailable, "there is no room at present").after(COME_AGAIN);
                Self::new(Some(Reason::NoRoom), status)
            }
        }
    }

    /// It did not come on in time. What holds a client up may pass: it may send the request again.
    pub(super) fn slow() -> Self {
        Self::of(Reason::Slow, Code::DeadlineExceeded, "the request did not come in time")
    }

    /// What the client itself gave it is over.
    pub(super) fn late() -> Self {
        Self::new(None, Status::new(Code::DeadlineExceeded, "the request's own deadline has passed"))
    }

    /// The client broke off; nobody will read this.
    pub(super) fn broken() -> Self {
        Self::new(None, Status::new(Code::Cancelled, "the request was broken off"))
    }

    /// It says gzip. gRPC calls this internal, OTLP over HTTP calls it bad data; neither sends it again.
    pub(super) fn gzip() -> Self {
        Self::of(Reason::Gzip, Code::Internal, "the request is not the gzip it says to be")
            .over_http(StatusCode::BAD_REQUEST)
    }

    /// It says JSON.
    pub(super) fn json(mistake: impl std::fmt::Display) -> Self {
        Self::of(Reason::Json, Code::InvalidArgument, format!("the request is not valid: {mistake}"))
    }

    /// Compressed by something else. `accepted` stands in a header of the answer.
    pub(super) fn encoding(name: &str) -> Self {
        let message = format!("encoding {name:?} is not supported, but gzip and identity are");
        Self::of(Reason::Encoding, Code::Unimplemented, message).over_http(StatusCode::UNSUPPORTED_MEDIA_TYPE)
    }

    /// Neither protobuf nor JSON.
    pub(super) fn content_type() -> Self {
        let message = "supported are application/x-protobuf, application/json, and application/grpc over HTTP/2";
        Self::of(Reason::ContentType, Code::InvalidArgument, message).over_http(StatusCode::UNSUPPORTED_MEDIA_TYPE)
    }

    /// A content type of gRPC with messages in another form.
    pub(super) fn subtype() -> Self {
        Self::of(Reason::ContentType, Code::Unimplemented, "messages of gRPC are taken as protobuf alone")
    }

    /// Nobody is there.
    pub(super) fn path() -> Self {
        Self::of(Reason::Path, Code::Unimplemented, "there is no such path or method here")
    }

    /// Somebody is there, but for POST.
    pub(super) fn method() -> Self {
        Self::of(Reason::Path, Code::Unimplemented, "requests are sent by POST")
            .over_http(StatusCode::METHOD_NOT_ALLOWED)
    }

    /// gRPC over HTTP/1.1.
    pub(super) fn version() -> Self {
        Self::of(Reason::ContentType, Code::Internal, "gRPC needs HTTP/2")
            .over_http(StatusCode::HTTP_VERSION_NOT_SUPPORTED)
    }

    /// Frames of gRPC that make no sense.
    pub(super) fn frames(message: &'static str) -> Self {
        Self::of(Reason::Frames, Code::Internal, message)
    }

    /// Not exactly one message.
    pub(super) fn cardinality(message: &'static str) -> Self {
        Self::of(Reason::Frames, Code::Unimplemented, message)
    }
}
