//! Messages of the protocol, version 3.0: those which we send, and what of the server's we understand. Pure.
//!
//! From the server: a byte for the kind, a length of four bytes which counts itself, and a body.

use std::fmt;

use super::Who;

/// Longest message that is read, in bytes; the length says so before it comes. A row of ours has a few hundred.
pub(super) const MAX_MESSAGE: usize = 64 * 1024;
/// Most columns of a row that are read. The widest of ours has 12.
pub(super) const MAX_COLUMNS: usize = 32;
/// Longest quote of somebody else's words, in bytes.
const QUOTED: usize = 200;
/// Version 3.0 in a start-up message.
const VERSION: u32 = 3 << 16;
/// What stands in place of a version in a request for TLS.
const SSL_REQUEST: u32 = 80_877_103;

/// A message of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// What it wants before it lets anybody in.
    Authentication(Authentication),
    /// Why it does not do something.
    Error(Refusal),
    /// A setting, told at the start.
    Parameter(String, String),
    /// Values of a row as text; `None` is NULL.
    Row(Vec<Option<String>>),
    /// It waits for the next query.
    Ready,
    /// Any other: notices, descriptions of rows, ends of commands, and kinds unknown.
    Other,
}

/// What it wants before it lets anybody in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Authentication {
    /// Nothing more.
    Ok,
    /// The password.
    ClearText,
    /// A hash of it.
    Md5,
    /// SASL, by one of these mechanisms.
    Sasl(Vec<String>),
    /// SASL goes on.
    SaslContinue(Vec<u8>),
    /// SASL's last word.
    SaslFinal(Vec<u8>),
    /// Kerberos, SSPI and whatever comes.
    Unknown,
}

/// An error as the server words it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// Five letters and digits, `57P03` for one; the part of an error which has no language.
    pub sqlstate: String,
    /// What it says to people, in its language, cut short.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.sqlstate)
    }
}

/// Bytes which are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// A length which cannot be, or a body which does not keep to its form.
    NotAMessage,
    /// Longer than [`MAX_MESSAGE`] by its own account.
    TooLong,
}

/// One message as it stands among the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// Its kind.
    pub(super) tag: u8,
    /// What belongs to it.
    pub(super) body: &'a [u8],
    /// Bytes it took in all.
    pub(super) used: usize,
}

/// Takes one message off the front; `None` until more have come.
///
/// # Errors
///
/// As soon as the length shows it.
pub(super) fn frame(bytes: &[u8]) -> Result<Option<Frame<'_>>, Malformed> {
    let Some((tag, rest)) = bytes.split_first() else { return Ok(None) };
    let Some(length) = rest.first_chunk().map(|length| u32::from_be_bytes(*length)) else { return Ok(None) };
    let length = usize::try_from(length).map_err(|_| Malformed::TooLong)?;
    if length < 4 {
        return Err(Malformed::NotAMessage);
    }
    if length > MAX_MESSAGE {
        return Err(Malformed::TooLong);
    }
    Ok(rest.get(4..length).map(|body| Frame { tag: *tag, body, used: length + 1 }))
}

impl Message {
    /// Reads the body of a message.
    ///
    /// # Errors
    ///
    /// Where a kind that is known does not keep to its form.
    pub(super) fn parse(frame: Frame<'_>) -> Result<Self, Malformed> {
        let mut fields = Fields(frame.body);
        Ok(match frame.tag {
            b'R' => Self::Authentication(Authentication::parse(&mut fields)?),
            b'E' => Self::Error(Refusal::parse(&mut fields)?),
            b'S' => Self::Parameter(fields.text()?, fields.text()?),
            b'D' => Self::Row(row(&mut fields)?),
            b'Z' => Self::Ready,
            _ => Self::Other,
        })
    }
}

impl Authentication {
    fn parse(fields: &mut Fields<'_>) -> Result<Self, Malformed> {
        Ok(match fields.number()? {
            0 => Self::Ok,
            3 => Self::ClearText,
            5 => Self::Md5,
            10 => {
                let mut mechanisms = Vec::new();
                loop {
                    match fields.text()? {
                        end if end.is_empty() => break Self::Sasl(mechanisms),
                        mechanism => mechanisms.push(mechanism),
                    }
                }
            }
            11 => Self::SaslContinue(fields.0.to_vec()),
            12 => Self::SaslFinal(fields.0.to_vec()),
            _ => Self::Unknown,
        })
    }
}

impl Refusal {
    /// Fields, each a letter and a text; the letter 0 ends them.
    fn parse(fields: &mut Fields<'_>) -> Result<Self, Malformed> {
        let mut refusal = Self::default();
        while let Some((kind, rest)) = fields.0.split_first() {
            fields.0 = rest;
            match kind {
                0 => break,
                b'C' => refusal.sqlstate = quoted(fields.bytes()?).chars().take(5).collect(),
                b'M' => refusal.message = quoted(fields.bytes()?),
                _ => drop(fields.bytes()?),
            }
        }
        Ok(refusal)
    }
}

/// The values of a row: a count, then for each a length, -1 for NULL, and so many bytes.
fn row(fields: &mut Fields<'_>) -> Result<Vec<Option<String>>, Malformed> {
    let count = usize::from(u16::from_be_bytes(*fields.take()?));
    if count > MAX_COLUMNS {
        return Err(Malformed::NotAMessage);
    }
    let value = |fields: &mut Fields<'_>| match fields.number()?.cast_signed() {
        -1 => Ok(None),
        length => {
            let length = usize::try_from(length).map_err(|_| Malformed::NotAMessage)?;
            let (value, rest) = fields.0.split_at_checked(length).ok_or(Malformed::NotAMessage)?;
            fields.0 = rest;
            Ok(Some(String::from_utf8_lossy(value).into_owned()))
        }
    };
    (0..count).map(|_| value(fields)).collect()
}

/// What is left of a body.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take<const N: usize>(&mut self) -> Result<&'a [u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed::NotAMessage)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, Malformed> {
        self.take().map(|bytes| u32::from_be_bytes(*bytes))
    }

    /// Bytes up to a zero, which is passed over.
    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(Malformed::NotAMessage)?;
        let (text, rest) = self.0.split_at_checked(end).ok_or(Malformed::NotAMessage)?;
        self.0 = rest.get(1..).unwrap_or_default();
        Ok(text)
    }

    fn text(&mut self) -> Result<String, Malformed> {
        self.bytes().map(|text| String::from_utf8_lossy(text).into_owned())
    }
}

/// Says who wants in. The two settings beside it are those which a pooler in between (PgBouncer) lets through.
pub(super) fn startup(who: Who<'_>) -> Vec<u8> {
    let mut body = VERSION.to_be_bytes().to_vec();
    let settings =
        [("user", who.user), ("database", who.database), ("application_name", "spyhop"), ("client_encoding", "UTF8")];
    for (name, value) in settings {
        body.extend_from_slice(&text(name));
        body.extend_from_slice(&text(value));
    }
    body.push(0);
    counted(&body)
}

/// Asks for TLS.
pub(super) fn ssl_request() -> Vec<u8> {
    counted(&SSL_REQUEST.to_be_bytes())
}

/// A query whose answer comes as text.
pub(super) fn query(sql: &str) -> Vec<u8> {
    tagged(b'Q', &text(sql))
}

/// The password itself.
pub(super) fn password(password: &str) -> Vec<u8> {
    tagged(b'p', &text(password))
}

/// SASL's first word, by the mechanism of this name.
pub(super) fn sasl_first(mechanism: &str, data: &str) -> Vec<u8> {
    tagged(b'p', &[text(mechanism), counted_data(data)].concat())
}

/// SASL's next word.
pub(super) fn sasl_next(data: &str) -> Vec<u8> {
    tagged(b'p', data.as_bytes())
}

/// Goodbye.
pub(super) fn terminate() -> Vec<u8> {
    tagged(b'X', &[])
}

/// A text that ends with a zero, and so has none inside: it would end there, and the rest be read as something else.
fn text(text: &str) -> Vec<u8> {
    text.bytes().filter(|byte| *byte != 0).chain([0]).collect()
}

/// Data behind its length, which here does not count itself.
fn counted_data(data: &str) -> Vec<u8> {
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), data.as_bytes()].concat()
}

/// A body behind its length, which counts itself. Ours are names, passwords and queries: far from the end of 32 bits.
fn counted(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len().saturating_add(4)).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), body].concat()
}

fn tagged(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag], counted(body).as_slice()].concat()
}

/// The beginning of what somebody else wrote, fit for a log line.
pub(super) fn quoted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes.get(..QUOTED.min(bytes.len())).unwrap_or_default());
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
