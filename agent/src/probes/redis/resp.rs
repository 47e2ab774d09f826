//! The protocol, version 2: how a command is written and a reply is read. Pure.

/// A reply of the kinds that our questions can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// `+text`.
    Simple(String),
    /// `-WORD text`.
    Error(String),
    /// `:number`.
    Number(i64),
    /// `$length`, then bytes.
    Bulk(Vec<u8>),
    /// `$-1`, and `*-1`.
    Nothing,
}

impl Reply {
    /// Something to show to a person.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Simple(text) => format!("+{text}"),
            Self::Error(text) => format!("-{text}"),
            Self::Number(number) => format!(":{number}"),
            Self::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Nothing => "nothing".to_owned(),
        }
    }
}

/// Bytes which are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// Another protocol, or a kind of reply no question of ours has (arrays).
    NotResp,
    /// Longer than allowed, by its own account or by what has come.
    TooLong,
}

/// A command: an array of counted strings, in which no byte of an argument has a meaning.
pub(super) fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// Reads one reply from the front: it and how many bytes it took, or `None` until more have come.
///
/// # Errors
///
/// [`Malformed`], as soon as the bytes show it: a reply which announces more than `limit` bytes is not waited for.
pub(super) fn reply(bytes: &[u8], limit: usize) -> Result<Option<(Reply, usize)>, Malformed> {
    let Some((kind, rest)) = bytes.split_first() else { return Ok(None) };
    if !b"+-:$*".contains(kind) {
        return Err(Malformed::NotResp);
    }
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
        return if rest.len() > limit { Err(Malformed::TooLong) } else { Ok(None) };
    };
    let line = rest.get(..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(Malformed::NotResp)?;
    if line.len() > limit {
        return Err(Malformed::TooLong);
    }
    // The kind, the line and its end.
    let used = end + 2;
    let text = || String::from_utf8_lossy(line).into_owned();
    let number = || std::str::from_utf8(line).ok().and_then(|text| text.parse::<i64>().ok()).ok_or(Malformed::NotResp);
    let reply = match kind {
        b'+' => Reply::Simple(text()),
        b'-' => Reply::Error(text()),
        b':' => Reply::Number(number()?),
        b'$' => match number()? {
            -1 => Reply::Nothing,
            length => return bulk(bytes, used, usize::try_from(length).map_err(|_| Malformed::NotResp)?, limit),
        },
        _ if number()? == -1 => Reply::Nothing,
        _ => return Err(Malformed::NotResp),
    };
    Ok(Some((reply, used)))
}

/// The bytes of a counted string which begin at `start`, and the end of line behind them.
fn bulk(bytes: &[u8], start: usize, length: usize, limit: usize) -> Result<Option<(Reply, usize)>, Malformed> {
    if length > limit {
        return Err(Malformed::TooLong);
    }
    let end = start + length;
    match (bytes.get(start..end), bytes.get(end..end + 2)) {
        (Some(text), Some(b"\r\n")) => Ok(Some((Reply::Bulk(text.to_vec()), end + 2))),
        (Some(_), Some(_)) => Err(Malformed::NotResp),
        _ => Ok(None),
    }
}
