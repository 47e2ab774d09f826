//! What a key says of its value.

use super::super::bytes::{at, part, run_end, run_start, word};

/// Longest key that is looked at; secrets have shorter names.
const MAX_KEY: usize = 64;

/// What kind of secret a key names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A password: whatever follows is one, an ordinary word too.
    Password,
    /// A token or a key: in prose its name is used for other things as well.
    Secret,
    /// A header of authorization: the scheme before the secret stays.
    Authorization,
    /// Cookies, several on a line.
    Cookie,
    /// A signature in a URL.
    Signature,
}

/// A key in a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Where it begins.
    pub(super) start: usize,
    /// Where it ends.
    pub(super) end: usize,
    /// What it names; `None` for no secret.
    pub(super) class: Option<Class>,
}

impl Key {
    /// The key around a place; `password` if it may be one of a password.
    pub(super) fn around(bytes: &[u8], place: usize, password: bool) -> Self {
        let part_of = |byte: u8| word(byte) || matches!(byte, b'-' | b'.');
        let mut start = run_start(bytes, place, MAX_KEY, part_of);
        start += super::super::bytes::escape_at(bytes, start).min(place - start);
        let ahead = part(bytes, place, place + MAX_KEY + 1);
        let end = place + run_end(ahead, 0, part_of);
        let class = if end - place > MAX_KEY { None } else { judge(part(bytes, start, end), password) };
        Self { start, end, class }
    }

    /// Whether it was written as a flag of a command.
    pub(super) fn is_flag(&self, bytes: &[u8]) -> bool {
        part(bytes, self.start, self.start + 2) == b"--" && !word(at(bytes, self.start.wrapping_sub(1)))
    }
}

/// Ends of keys, without separators and in lower case, with what they name.
const ENDS: [(&[u8], Class); 24] = [
    (b"pwd", Class::Password),
    (b"secret", Class::Secret),
    (b"secretid", Class::Secret),
    (b"secretvalue", Class::Secret),
    (b"token", Class::Secret),
    (b"apikey", Class::Secret),
    (b"accesskey", Class::Secret),
    (b"secretkey", Class::Secret),
    (b"privatekey", Class::Secret),
    (b"encryptionkey", Class::Secret),
    (b"signingkey", Class::Secret),
    (b"accountkey", Class::Secret),
    (b"masterkey", Class::Secret),
    (b"authkey", Class::Secret),
    (b"licensekey", Class::Secret),
    (b"secretkeybase", Class::Secret),
    (b"credential", Class::Secret),
    (b"credentials", Class::Secret),
    (b"authorization", Class::Authorization),
    (b"setcookie", Class::Cookie),
    (b"cookie", Class::Cookie),
    (b"signature", Class::Signature),
    (b"sig", Class::Signature),
    (b"tokenvalue", Class::Secret),
];
/// What makes a password of any key it stands in.
const INSIDE: [&[u8]; 3] = [b"password", b"passwd", b"passphrase"];
/// Ends of keys which speak about a password and do not hold one.
const ABOUT: [&[u8]; 24] = [
    b"length",
    b"policy",
    b"count",
    b"changed",
    b"expires",
    b"expiry",
    b"required",
    b"valid",
    b"age",
    b"enabled",
    b"attempts",
    b"at",
    b"file",
    b"path",
    b"strength",
    b"reset",
    b"type",
    b"method",
    b"set",
    b"ok",
    b"failed",
    b"changes",
    b"error",
    b"status",
];

fn judge(key: &[u8], password: bool) -> Option<Class> {
    let mut plain = [0; MAX_KEY * 2 + 1];
    let mut length = 0;
    for (byte, into) in key.iter().filter(|byte| !matches!(byte, b'_' | b'-' | b'.')).zip(&mut plain) {
        *into = byte.to_ascii_lowercase();
        length += 1;
    }
    let plain = part(&plain, 0, length);
    if !password {
        // The working directory of a process.
        if matches!(key, b"PWD" | b"OLDPWD") {
            return None;
        }
        // Most keys that get here end in other letters: comparing the last one first is most of the work saved.
        let last = plain.last();
        let found = ENDS.iter().find(|(end, _)| end.last() == last && plain.ends_with(end));
        return found.map(|(_, class)| *class);
    }
    if INSIDE.iter().any(|word| plain.windows(word.len()).any(|part| part == *word)) {
        return (!ABOUT.iter().any(|end| plain.ends_with(end))).then_some(Class::Password);
    }
    // `bypass` and `compass` are none: the word must stand apart.
    let start = key.len().checked_sub(4)?;
    let camel = at(key, start) == b'P' && at(key, start + 1) == b'a';
    let apart = start == 0 || !at(key, start - 1).is_ascii_alphanumeric() || camel;
    (plain.ends_with(b"pass") && apart).then_some(Class::Password)
}
