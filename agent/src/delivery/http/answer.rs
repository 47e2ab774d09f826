//! What a server answered, as far as it is looked at.

use std::{borrow::Cow, time::Duration};

use http::{HeaderMap, HeaderValue, header::RETRY_AFTER};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use jiff::{Timestamp, fmt::rfc2822};

/// Longest body that is read, in bytes: an answer to a push is a sentence, or a few of them.
pub const MAX_BODY: usize = 16 << 10;

/// Longest wait that a server may ask for. A mistake in its clock or its settings must not stop deliveries for hours.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status, 200 to 999; a redirect is an answer like any other.
    pub status: u16,
    /// How long the server asks to be left alone, at most [`MAX_RETRY_AFTER`].
    pub retry_after: Option<Duration>,
    /// At most [`MAX_BODY`] bytes of the body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text; what is not UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

/// What a body has given so far.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// Its end came.
    pub(super) whole: bool,
}

impl Body {
    /// Reads until the end, or until there is no more room. Can be broken off anywhere: what was read stays.
    pub(super) async fn read(&mut self, mut body: Incoming) -> hyper::Result<()> {
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            let room = MAX_BODY.saturating_sub(self.bytes.len());
            self.bytes.extend_from_slice(data.get(..room).unwrap_or(&data));
            if data.len() > room {
                return Ok(());
            }
        }
        self.whole = body.is_end_stream();
        Ok(())
    }
}

/// `Retry-After`: seconds, or a date (RFC 9110, 10.2.3). What is neither counts as not said.
pub(super) fn retry_after(headers: &HeaderMap<HeaderValue>, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a long time.
        return Some(text.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs).min(MAX_RETRY_AFTER));
    }
    let until = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    // A date that is over asks for no wait.
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default().min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(value: &str) -> Option<u64> {
        let now = "1994-11-06T08:49:00Z".parse().unwrap();
        let headers = [(RETRY_AFTER, HeaderValue::from_str(value).unwrap())].into_iter().collect();
        retry_after(&headers, now).map(|wait| wait.as_secs())
    }

    #[test]
    fn seconds_and_dates_are_understood_and_capped() {
        for (value, seconds) in [
            ("0", Some(0)),
            ("17", Some(17)),
            (" 17 ", Some(17)),
            ("301", Some(300)),
            ("99999999999999999999999999", Some(300)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sun, 06 Nov 1994 07:49:37 GMT", Some(0)),
            ("Mon, 07 Nov 1994 08:49:37 GMT", Some(300)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(wait(value), seconds, "{value:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::UNIX_EPOCH), None);
    }
}
