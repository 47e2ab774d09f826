//! Users and the hashes of their passwords, as `htpasswd -B` writes them.

use std::collections::HashMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{AccessError, Named};

/// Users in use at once.
const MOST: usize = 1000;
/// Bytes of a name.
const LONGEST_NAME: usize = 255;
/// Work factors taken: 4 is bcrypt's least, 14 is more than a second of CPU for each attempt.
const COSTS: std::ops::RangeInclusive<u8> = 4..=14;

/// Salt and sum which somebody is verified against who does not exist, at the cost of those who do: all zero, which is the sum
/// of no password anybody has found.
const NOBODY: &str = ".....................................................";

/// Users with their hashes.
#[derive(Default)]
pub(super) struct Users {
    hashes: HashMap<Box<str>, Box<str>>,
    nobody: String,
}

/// How many, and nothing of them.
impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} users", self.hashes.len())
    }
}

/// Name and password of one request.
pub(super) struct Login {
    pub(super) name: String,
    pub(super) password: Vec<u8>,
}

impl Login {
    /// Decodes what follows `Basic` (RFC 7617).
    pub(super) fn decode(encoded: &[u8]) -> Option<Self> {
        let mut decoded = STANDARD.decode(encoded).ok()?;
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        let password = decoded.split_off(colon + 1);
        decoded.truncate(colon);
        // bcrypt ends a password at a zero byte: one with it inside would be as good as its beginning.
        if password.contains(&0) {
            return None;
        }
        Some(Self { name: String::from_utf8(decoded).ok()?, password })
    }
}

impl Users {
    /// Reads the file, and takes users given elsewhere. A name stands once.
    pub(super) fn parse(file: Option<&Named>, elsewhere: &[(String, String)]) -> Result<Self, AccessError> {
        let mut users = Self::default();
        if let Some(file) = file {
            users.read(file)?;
        }
        for (number, (name, hash)) in (1..).zip(elsewhere) {
            users.add(name, hash).map_err(|what| AccessError::User { number, what })?;
        }
        let cost = users.hashes.values().filter_map(|hash| cost_of(hash)).max().unwrap_or(10);
        users.nobody = format!("$2b${cost:02}${NOBODY}");
        Ok(users)
    }

    fn read(&mut self, file: &Named) -> Result<(), AccessError> {
        let wrong = |line, what| AccessError::Line { file: file.name.clone(), line, what };
        let text = str::from_utf8(&file.bytes).map_err(|_| wrong(None, "not UTF-8 text"))?;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = |what| wrong(Some(number), what);
            let (name, hash) = line.split_once(':').ok_or_else(|| at("write name:hash, as htpasswd -B does"))?;
            self.add(name, hash).map_err(at)?;
        }
        if self.hashes.is_empty() { Err(wrong(None, "no user in it")) } else { Ok(()) }
    }

    fn add(&mut self, name: &str, hash: &str) -> Result<(), &'static str> {
        if name.is_empty() || name.len() > LONGEST_NAME || name.contains(':') || name.contains(char::is_control) {
            return Err("a name has 1 to 255 bytes and no colon");
        }
        let cost = cost_of(hash).ok_or("the hash is not bcrypt's; `htpasswd -B` makes one")?;
        if !COSTS.contains(&cost) {
            return Err("the cost of the hash is not 4 to 14; `htpasswd -B -C 10` makes a good one");
        }
        if self.hashes.len() == MOST {
            return Err("at most 1000 users are taken");
        }
        match self.hashes.insert(name.into(), hash.into()) {
            None => Ok(()),
            Some(_) => Err("this name stands here for the second time"),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The hash of a user, or one that fits no password; and whether there is such a user.
    pub(super) fn hash_of(&self, name: &str) -> (&str, bool) {
        self.hashes.get(name).map_or((self.nobody.as_str(), false), |hash| (hash, true))
    }
}

/// The cost in a bcrypt hash (`$2y$10$` and 53 characters of salt and sum); `None` when it is none.
fn cost_of(hash: &str) -> Option<u8> {
    let rest = ["$2y$", "$2b$", "$2a$"].iter().find_map(|version| hash.strip_prefix(version))?;
    let (cost, sum) = rest.split_once('$')?;
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    let digits = cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit());
    // The last characters of salt and sum have bits to spare, which are zero: the verifier refuses others without any work.
    let whole = hash.parse::<bcrypt::HashParts>().is_ok();
    (digits && whole && sum.len() == 53 && sum.bytes().all(base64)).then(|| cost.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `hunter2` at cost 4.
    fn hash() -> String {
        bcrypt::hash("hunter2", 4).unwrap()
    }

    fn parse(text: &str) -> Result<Users, String> {
        let file = Named { name: "users".into(), bytes: text.into() };
        Users::parse(Some(&file), &[]).map_err(|error| error.to_string())
    }

    #[test]
    fn htpasswd_files_are_read() {
        let hash = hash().replacen("$2b$", "$2y$", 1);
        let users = parse(&format!("# people\nann:{hash}\n\n  bob:{hash}  \r\n")).unwrap();
        assert_eq!((users.hash_of("ann"), users.hash_of("bob").1), ((hash.as_str(), true), true));
        let (nobody, known) = users.hash_of("eve");
        assert!(!known && nobody.starts_with("$2b$04$"), "as much work as for those who exist: {nobody}");
        assert_eq!(cost_of(nobody), Some(4), "a hash like any other");
        assert_eq!(format!("{users:?}"), "2 users");
    }

    #[test]
    fn a_stranger_has_no_password_and_costs_what_others_cost() {
        let users = parse(&format!("ann:{}\n", hash())).unwrap();
        for password in ["", "hunter2", "nobody"] {
            assert!(!bcrypt::verify(password, users.hash_of("eve").0).unwrap(), "{password}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_without_saying_it() {
        let hash = hash();
        // Bit 0 of the salt's last character is spare.
        let unclean = format!("$2b$04${}/{}", ".".repeat(21), ".".repeat(31));
        let costly = hash.replacen("$04$", "$15$", 1);
        for (text, expected) in [
            (String::new(), "users: no user in it"),
            ("hunter2".into(), "users, line 1: write name:hash"),
            (format!("#\n:{hash}"), "users, line 2: a name"),
            (format!("ann:{hash}\nann:{hash}"), "users, line 2: this name stands here for the second time"),
            ("ann:hunter2".into(), "users, line 1: the hash is not bcrypt's"),
            ("ann:$apr1$hunter2$x".into(), "users, line 1: the hash is not bcrypt's"),
            ("ann:{SHA}hunter2".into(), "users, line 1: the hash is not bcrypt's"),
            (format!("ann:{hash}x"), "users, line 1: the hash is not bcrypt's"),
            (format!("ann:{}", unclean), "users, line 1: the hash is not bcrypt's"),
            (format!("ann:{costly}"), "users, line 1: the cost"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.starts_with(expected) && !error.contains("hunter2") && !error.contains(&hash), "{error}");
        }
    }

    #[test]
    fn logins_are_decoded() {
        let login = |encoded: &str| {
            Login::decode(encoded.as_bytes()).map(|login| (login.name, String::from_utf8(login.password).unwrap()))
        };
        let pair = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(login("YW5uOmh1bnRlcjI="), pair("ann", "hunter2"));
        assert_eq!(login("YTpiOmM="), pair("a", "b:c"));
        assert_eq!(login("Og=="), pair("", ""));
        for wrong in ["", "YW5u", "YW5uOmh1bnRlcjI", "YW5u Omh1", "!!!!", "YTpiAGM=", "/zph"] {
            assert_eq!(login(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_the_readers(text in "([a-z]{0,3}:?\\$?2?[by]?\\$?[0-9]{0,2}\\$?[a-z]{0,60}\n?){0,3}|.*") {
            let _users = parse(&text);
            let _login = Login::decode(text.as_bytes());
        }
    }
}
