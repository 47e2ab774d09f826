//! SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it. Pure but for the random number.
//!
//! Neither side shows the password, and **each proves to the other that it knows it**: a server that does not is not believed. Without
//! channel binding, which PostgreSQL offers beside it: over TLS the certificate is checked.
//!
//! Passwords go in as they are. The standard would first fold compatible forms of letters together (SASLprep), which changes no ASCII
//! password, nor any other that is written in composed form.

use std::num::NonZeroU32;

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::{digest, hmac, pbkdf2, rand};

/// The mechanism's name.
pub const MECHANISM: &str = "SCRAM-SHA-256";
/// Most rounds of hashing done for a server: it names the number, and we do the work. PostgreSQL's is 4096 (`scram_iterations`); as many
/// as this take some 20 milliseconds.
pub const MAX_ITERATIONS: u32 = 100_000;
/// Random bytes of our half of the nonce, as many as libpq's.
const NONCE_BYTES: usize = 18;

/// Why the two do not come together. Nothing here quotes a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScramError {
    /// The system gives no random numbers.
    #[error("no random numbers to be had")]
    Random,
    /// A message without what it must have, or with an extension that must be understood.
    #[error("a malformed message of SCRAM")]
    Malformed,
    /// Its nonce does not begin with ours: an answer to somebody else.
    #[error("a nonce that is not ours")]
    Nonce,
    /// More than [`MAX_ITERATIONS`].
    #[error("it wants {0} rounds of hashing, {MAX_ITERATIONS} at most are done")]
    Iterations(u32),
    /// Its proof is wrong, or it lets us in without one.
    #[error("it does not prove that it knows the password")]
    NotProven,
}

/// Our side before the server's first word.
#[derive(Debug)]
pub struct Client {
    first_bare: String,
    nonce: String,
}

/// Our side after it: what its last word must prove.
#[derive(Debug)]
pub struct Proof {
    server_key: hmac::Key,
    exchange: String,
}

impl Client {
    /// A new exchange. Its user's name is empty: PostgreSQL takes that of the start-up message.
    ///
    /// # Errors
    ///
    /// [`ScramError::Random`].
    pub fn new() -> Result<Self, ScramError> {
        let mut bytes = [0; NONCE_BYTES];
        rand::SecureRandom::fill(&rand::SystemRandom::new(), &mut bytes).map_err(|_| ScramError::Random)?;
        Ok(Self::with("", &BASE64_STANDARD.encode(bytes)))
    }

    /// An exchange with a nonce that is known, for RFC 7677's example and other tests.
    pub(super) fn with(user: &str, nonce: &str) -> Self {
        Self { first_bare: format!("n={user},r={nonce}"), nonce: nonce.to_owned() }
    }

    /// Our first word: no channel binding, no other identity.
    pub fn first(&self) -> String {
        format!("n,,{}", self.first_bare)
    }

    /// Our last word in answer to the server's first, and what its own last word must prove. Hashes up to [`MAX_ITERATIONS`] times.
    ///
    /// # Errors
    ///
    /// Where its word is malformed, not meant for us, or wants too much.
    pub fn last(self, server_first: &[u8], password: &str) -> Result<(String, Proof), ScramError> {
        let challenge = Challenge::parse(server_first, &self.nonce)?;
        let mut salted = [0; digest::SHA256_OUTPUT_LEN];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            challenge.iterations,
            &challenge.salt,
            password.as_bytes(),
            &mut salted,
        );
        let salted = hmac::Key::new(hmac::HMAC_SHA256, &salted);
        let client_key = hmac::sign(&salted, b"Client Key");
        let stored_key = digest::digest(&digest::SHA256, client_key.as_ref());
        // `biws` is `n,,` in base64: the channel binding that we said we have not.
        let last = format!("c=biws,r={}", challenge.nonce);
        let exchange = format!("{},{},{last}", self.first_bare, challenge.text);
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, stored_key.as_ref()), exchange.as_bytes());
        let proof: Vec<u8> = client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, sign)| key ^ sign).collect();
        let server_key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&salted, b"Server Key").as_ref());
        Ok((format!("{last},p={}", BASE64_STANDARD.encode(proof)), Proof { server_key, exchange }))
    }
}

impl Proof {
    /// Whether the server's last word proves that it knows the password.
    ///
    /// # Errors
    ///
    /// [`ScramError::NotProven`], and [`ScramError::Malformed`] where it says something else.
    pub fn verify(&self, server_last: &[u8]) -> Result<(), ScramError> {
        let text = std::str::from_utf8(server_last).map_err(|_| ScramError::Malformed)?;
        let value = text.split(',').next().and_then(|part| part.strip_prefix("v=")).ok_or(ScramError::Malformed)?;
        let signature = BASE64_STANDARD.decode(value).map_err(|_| ScramError::Malformed)?;
        // Compares in constant time.
        hmac::verify(&self.server_key, self.exchange.as_bytes(), &signature).map_err(|_| ScramError::NotProven)
    }
}

/// The server's first word.
struct Challenge<'a> {
    text: &'a str,
    nonce: &'a str,
    salt: Vec<u8>,
    iterations: NonZeroU32,
}

impl<'a> Challenge<'a> {
    /// `r=<nonce>,s=<salt>,i=<rounds>` in this order; extensions behind it say nothing to us, one in front must be understood.
    fn parse(bytes: &'a [u8], ours: &str) -> Result<Self, ScramError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ScramError::Malformed)?;
        let mut parts = text.split(',');
        let mut part = |name: &str| parts.next().and_then(|part| part.strip_prefix(name)).ok_or(ScramError::Malformed);
        let (nonce, salt, iterations) = (part("r=")?, part("s=")?, part("i=")?);
        if nonce.len() <= ours.len() || !nonce.starts_with(ours) {
            return Err(ScramError::Nonce);
        }
        let salt = BASE64_STANDARD.decode(salt).map_err(|_| ScramError::Malformed)?;
        let iterations: NonZeroU32 = iterations.parse().map_err(|_| ScramError::Malformed)?;
        if salt.is_empty() {
            return Err(ScramError::Malformed);
        }
        if iterations.get() > MAX_ITERATIONS {
            return Err(ScramError::Iterations(iterations.get()));
        }
        Ok(Self { text, nonce, salt, iterations })
    }
}

/// Any bytes as a server's words: parsed, never hashed for.
#[cfg(any(test, fuzzing))]
pub(super) fn fuzz(bytes: &[u8]) {
    if let Ok(challenge) = Challenge::parse(bytes, "r") {
        assert!(challenge.iterations.get() <= MAX_ITERATIONS && !challenge.salt.is_empty());
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"key");
    assert!(Proof { server_key: key, exchange: "exchange".to_owned() }.verify(bytes).is_err(), "forged");
}
