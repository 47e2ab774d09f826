//! Bearer tokens: one a line, several while one replaces another.

use subtle::{Choice, ConstantTimeEq};

use super::{AccessError, Named};

/// Shortest token: 16 characters of 64 kinds cannot be guessed over a network.
const SHORTEST: usize = 16;
/// Longest: fits into the head of a request four times over.
const LONGEST: usize = 4096;
/// Tokens in use at once.
const MOST: usize = 32;

/// Digest of a token under the gate's key.
pub(super) type Digest = [u8; 32];

/// Tokens in use, as digests only.
#[derive(Default)]
pub(super) struct Tokens(Vec<Digest>);

/// How many, and nothing of them.
impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}

impl Tokens {
    /// Reads a file. Empty lines and those which begin with `#` are not looked at.
    pub(super) fn parse(file: &Named, digest: impl Fn(&[u8]) -> Digest) -> Result<Self, AccessError> {
        let wrong = |line: Option<usize>, what| AccessError::Line { file: file.name.clone(), line, what };
        let mut tokens = Vec::new();
        for (number, line) in (1..).zip(file.bytes.split(|byte| *byte == b'\n')) {
            let token = line.trim_ascii();
            if token.is_empty() || token.starts_with(b"#") {
                continue;
            }
            if !token.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte)) {
                return Err(wrong(Some(number), "a token has letters, digits and -._~+/= only"));
            }
            if token.len() < SHORTEST {
                return Err(wrong(
                    Some(number),
                    "a token has at least 16 characters; `openssl rand -hex 32` makes a good one",
                ));
            }
            if token.len() > LONGEST {
                return Err(wrong(Some(number), "a token has at most 4096 characters"));
            }
            if tokens.len() == MOST {
                return Err(wrong(Some(number), "at most 32 tokens are in use at once"));
            }
            tokens.push(digest(token));
        }
        if tokens.is_empty() { Err(wrong(None, "no token in it")) } else { Ok(Self(tokens)) }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them has this digest, in the same time whichever it is.
    pub(super) fn hold(&self, digest: &Digest) -> bool {
        self.0.iter().fold(Choice::from(0), |found, token| found | token.ct_eq(digest)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Tokens, String> {
        let file = Named { name: "tokens".into(), bytes: text.into() };
        // The first bytes stand for the digest.
        Tokens::parse(&file, digest).map_err(|error| error.to_string())
    }

    fn digest(token: &[u8]) -> Digest {
        std::array::from_fn(|at| token.get(at).copied().unwrap_or_default())
    }

    #[test]
    fn one_a_line() {
        let tokens = parse("# the old one\naaaaaaaaaaaaaaaa\r\n\n  bbbbbbbbbbbbbbbb==\n").unwrap();
        assert!(tokens.hold(&digest(b"aaaaaaaaaaaaaaaa")) && tokens.hold(&digest(b"bbbbbbbbbbbbbbbb==")));
        for other in [&b"aaaaaaaaaaaaaaa"[..], b"aaaaaaaaaaaaaaaab", b"bbbbbbbbbbbbbbbb", b"# the old one", b""] {
            assert!(!tokens.hold(&digest(other)), "{other:?}");
        }
        assert_eq!(format!("{tokens:?}"), "2 tokens");
    }

    #[test]
    fn what_is_wrong_is_said_without_saying_it() {
        for (text, expected) in [
            ("", "tokens: no token in it"),
            ("# nothing\n", "tokens: no token in it"),
            ("\nhunter2\n", "tokens, line 2: a token has at least 16"),
            ("hunter2 hunter2 hunter2", "tokens, line 1: a token has letters"),
            ("hunter2hunter2hunt\u{e9}r2", "tokens, line 1: a token has letters"),
            (&"hunter2hunter2hunter2\n".repeat(33), "tokens, line 33: at most 32"),
            (&"hunter2".repeat(1000), "tokens, line 1: a token has at most"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(expected) && !error.contains("hunter2"), "{error}");
        }
    }
}
