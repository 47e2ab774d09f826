//! What those are told who are not let in.

use http::{
    HeaderValue, StatusCode,
    header::{CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE},
};

use super::{
    access::{Gate, Refusal},
    answer::Answer,
    handlers::CLOSE,
};
use crate::telemetry::HttpRefusal;

/// What somebody who is refused is told: how to ask, and nothing of what there is.
pub(super) fn answer(refusal: Refusal, gate: &Gate) -> Answer {
    let reason = match refusal {
        Refusal::BadHost => return Answer::text(StatusCode::BAD_REQUEST, "one Host is needed").with(CONNECTION, CLOSE),
        Refusal::Counted(reason) => reason,
    };
    match reason {
        HttpRefusal::Host => Answer::text(
            StatusCode::MISDIRECTED_REQUEST,
            "the agent does not answer to this host name; http.allowed_hosts makes it",
        ),
        HttpRefusal::Origin => Answer::text(StatusCode::FORBIDDEN, "not for pages of other sites"),
        // The same to whoever has none and to whoever has wrong ones.
        HttpRefusal::Unauthenticated | HttpRefusal::Credentials => {
            let answer = Answer::text(StatusCode::UNAUTHORIZED, "credentials are needed");
            gate.challenges().into_iter().fold(answer, |answer, challenge| answer.and(WWW_AUTHENTICATE, challenge))
        }
        HttpRefusal::Guessing => Answer::text(StatusCode::TOO_MANY_REQUESTS, "too many wrong credentials")
            .with(RETRY_AFTER, HeaderValue::from_static("2")),
        HttpRefusal::Verification => Answer::busy("too many passwords wait to be verified"),
        HttpRefusal::Certificate => Answer::text(StatusCode::FORBIDDEN, "a client certificate is needed"),
        HttpRefusal::Outdated | HttpRefusal::Handshake => {
            Answer::text(StatusCode::MISDIRECTED_REQUEST, "connect again").with(CONNECTION, CLOSE)
        }
    }
}
