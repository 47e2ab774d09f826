//! What the head of a request asks for. Nothing of a body is looked at before all of it is known to be in order.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, Method, Version,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT},
    request::Parts,
};

use super::{counts::Transport, refusal::Refusal};
use crate::otlp::Signal;

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// In which form a client speaks, and is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    /// gRPC, under the content type that it uses itself.
    Grpc {
        /// `application/grpc+proto`.
        named: bool,
    },
    /// OTLP/HTTP in protobuf.
    Protobuf,
    /// OTLP/HTTP in JSON.
    Json,
    /// Neither: plain text is for whoever reads it.
    Text,
}

impl Voice {
    /// The content type of answers.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Grpc { named: false } => "application/grpc",
            Self::Grpc { named: true } => "application/grpc+proto",
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
            Self::Text => "text/plain; charset=utf-8",
        }
    }

    pub(super) const fn is_grpc(self) -> bool {
        matches!(self, Self::Grpc { .. })
    }

    pub(super) const fn transport(self) -> Transport {
        if self.is_grpc() { Transport::Grpc } else { Transport::Http }
    }
}

/// A request that may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) signal: Signal,
    pub(super) voice: Voice,
    /// Compressed; over gRPC each message says whether it is.
    pub(super) gzip: bool,
    /// Bytes of the body, where they are known before.
    pub(super) length: Option<usize>,
    /// How long the client itself waits.
    pub(super) timeout: Option<Duration>,
}

/// A request that may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Denied {
    pub(super) signal: Option<Signal>,
    pub(super) voice: Voice,
    pub(super) refusal: Refusal,
}

impl Head {
    /// Reads one.
    pub(super) fn read(parts: &Parts) -> Result<Self, Box<Denied>> {
        let (path, grpc) = (parts.uri.path(), is_grpc(&parts.headers));
        let signal = Signal::ALL.into_iter().find(|signal| match grpc {
            true => signal.grpc_path() == path,
            false => signal.http_path() == path,
        });
        let denied = |voice, refusal| Box::new(Denied { signal, voice, refusal });
        if grpc && parts.version < Version::HTTP_2 {
            return Err(denied(Voice::Text, Refusal::version()));
        }
        let voice = voice(&parts.headers);
        // A client whose words are not understood is answered in words that it may understand.
        let told = match &voice {
            Ok(voice) => *voice,
            Err(_) if grpc => Voice::Grpc { named: false },
            Err(_) => Voice::Text,
        };
        let signal = signal.ok_or_else(|| denied(told, Refusal::path()))?;
        if parts.method != Method::POST {
            return Err(denied(told, Refusal::method()));
        }
        let voice = voice.map_err(|refusal| denied(told, refusal))?;
        let gzip = encoding(&parts.headers, voice).map_err(|refusal| denied(voice, refusal))?;
        let timeout = voice.is_grpc().then(|| parts.headers.get(GRPC_TIMEOUT)).flatten();
        let timeout =
            timeout.map(|value| patience(value.as_bytes()).ok_or(Refusal::frames("grpc-timeout is not valid")));
        let timeout = timeout.transpose().map_err(|refusal| denied(voice, refusal))?;
        Ok(Self { signal, voice, gzip, length: length(&parts.headers), timeout })
    }
}

/// Whether the client waits for a word before it sends its body.
pub(super) fn expects_word(headers: &HeaderMap) -> bool {
    headers.get(EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The media type, without its parameters, in lower case.
fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn is_grpc(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|media| media == "application/grpc" || media.starts_with("application/grpc+"))
}

fn voice(headers: &HeaderMap) -> Result<Voice, Refusal> {
    match media_type(headers).as_deref() {
        Some("application/x-protobuf") => Ok(Voice::Protobuf),
        Some("application/json") => Ok(Voice::Json),
        Some("application/grpc") => Ok(Voice::Grpc { named: false }),
        Some("application/grpc+proto") => Ok(Voice::Grpc { named: true }),
        Some(media) if media.starts_with("application/grpc+") => Err(Refusal::subtype()),
        _ => Err(Refusal::content_type()),
    }
}

/// Whether the body, or a message of gRPC that says so, is gzip.
fn encoding(headers: &HeaderMap, voice: Voice) -> Result<bool, Refusal> {
    let name = if voice.is_grpc() { GRPC_ENCODING } else { CONTENT_ENCODING };
    let mut gzip = false;
    for value in headers.get_all(name) {
        let value = value.to_str().map_err(|_| Refusal::encoding("?"))?;
        for coding in value.split(',').map(str::trim) {
            match coding.to_ascii_lowercase().as_str() {
                "" | "identity" => {}
                "gzip" | "x-gzip" if !gzip => gzip = true,
                // Packed twice is packed in a way nobody means.
                _ => return Err(Refusal::encoding(&coding.chars().take(40).collect::<String>())),
            }
        }
    }
    Ok(gzip)
}

/// `grpc-timeout`: up to eight digits and a unit.
fn patience(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
