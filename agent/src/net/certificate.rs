//! What a certificate says of itself: the few fields of X.509 that people ask for, found by walking to them.
//!
//! ```text
//! Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version OPTIONAL, serial, signature, issuer, validity, subject, key,
//!                            [1] [2] OPTIONAL, [3] extensions OPTIONAL } ... }
//! validity    ::= SEQUENCE { notBefore Time, notAfter Time }           (RFC 5280, 4.1)
//! ```
//!
//! Nothing is verified here: whom to believe is the library's to say.

use std::net::IpAddr;

use jiff::{civil, tz::TimeZone};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BOOLEAN: u8 = 0x01;
const OCTETS: u8 = 0x04;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `subjectAltName`, 2.5.29.17.
const OTHER_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// Most names that are kept of one certificate, and bytes of a text of one.
const MAX_NAMES: usize = 64;
const MAX_TEXT: usize = 512;

/// What it says. Texts are what its maker wrote, bounded: control characters and all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// When it begins and when it ends, in Unix seconds.
    pub validity: (i64, i64),
    /// Whose it is, as `CN=shop.example,O=Shop`; empty when only its further names say so.
    pub subject: String,
    /// Who made it.
    pub issuer: String,
    /// Its number, hexadecimal.
    pub serial: String,
    /// Names and addresses it is for.
    pub names: Vec<String>,
    /// SHA-256 of all of it, hexadecimal.
    pub fingerprint: String,
}

impl Certificate {
    /// Reads it; `None` when it is none, or says something in a way that is not allowed.
    pub fn read(der: &[u8]) -> Option<Self> {
        let parts = Parts::of(der)?;
        let hash = ring::digest::digest(&ring::digest::SHA256, der);
        Some(Self {
            validity: parts.validity()?,
            subject: name(parts.subject),
            issuer: name(parts.issuer),
            serial: hexadecimal(parts.serial),
            names: parts.other_names().unwrap_or_default(),
            fingerprint: hexadecimal(hash.as_ref()),
        })
    }
}

/// When it ends, in Unix seconds; `None` when the certificate is not one, or says it in a way that is not allowed.
pub fn ends(der: &[u8]) -> Option<i64> {
    Some(Parts::of(der)?.validity()?.1)
}

/// The signed part, taken apart.
struct Parts<'d> {
    serial: &'d [u8],
    issuer: &'d [u8],
    validity: &'d [u8],
    subject: &'d [u8],
    /// What follows the key.
    rest: &'d [u8],
}

impl<'d> Parts<'d> {
    fn of(der: &'d [u8]) -> Option<Self> {
        let (whole, _) = tagged(der, SEQUENCE)?;
        let (signed, _) = tagged(whole, SEQUENCE)?;
        let rest = tagged(signed, VERSION).map_or(signed, |(_, rest)| rest);
        let (serial, rest) = tagged(rest, INTEGER)?;
        let (_signature, rest) = tagged(rest, SEQUENCE)?;
        let (issuer, rest) = tagged(rest, SEQUENCE)?;
        let (validity, rest) = tagged(rest, SEQUENCE)?;
        let (subject, rest) = tagged(rest, SEQUENCE).unwrap_or_default();
        let (_key, rest) = tagged(rest, SEQUENCE).unwrap_or_default();
        Some(Self { serial, issuer, validity, subject, rest })
    }

    fn validity(&self) -> Option<(i64, i64)> {
        let (first, begins, rest) = element(self.validity)?;
        let (second, ends, _) = element(rest)?;
        Some((moment(first, begins)?, moment(second, ends)?))
    }

    fn other_names(&self) -> Option<Vec<String>> {
        let mut rest = self.rest;
        let extensions = loop {
            let (tag, inside, after) = element(rest)?;
            if tag == EXTENSIONS {
                break tagged(inside, SEQUENCE)?.0;
            }
            rest = after;
        };
        let mut rest = extensions;
        while let Some((extension, after)) = tagged(rest, SEQUENCE) {
            let (_, id, value) = element(extension)?;
            if id == OTHER_NAMES {
                let value = tagged(value, BOOLEAN).map_or(value, |(_, value)| value);
                return Some(general_names(tagged(tagged(value, OCTETS)?.0, SEQUENCE)?.0));
            }
            rest = after;
        }
        None
    }
}

/// Of the kinds of names there are, those that are looked at: of hosts `[2]`, and addresses `[7]`.
fn general_names(mut rest: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    while let Some((tag, name, after)) = element(rest).filter(|_| names.len() < MAX_NAMES) {
        let address = || {
            let four = <[u8; 4]>::try_from(name).ok().map(IpAddr::from);
            four.or_else(|| <[u8; 16]>::try_from(name).ok().map(IpAddr::from)).map(|address| address.to_string())
        };
        names.extend(match tag {
            0x82 => Some(text(name)),
            0x87 => address(),
            _ => None,
        });
        rest = after;
    }
    names
}

/// A distinguished name, its parts in the order of RFC 4514: the last one first.
fn name(mut rest: &[u8]) -> String {
    let mut parts = Vec::new();
    while let Some((inside, after)) = tagged(rest, SET).filter(|_| parts.len() < MAX_NAMES) {
        rest = after;
        let part = tagged(inside, SEQUENCE).and_then(|(pair, _)| {
            let (_, id, value) = element(pair)?;
            let (_, value, _) = element(value)?;
            let key = match id {
                [0x55, 0x04, 0x03] => "CN",
                [0x55, 0x04, 0x06] => "C",
                [0x55, 0x04, 0x07] => "L",
                [0x55, 0x04, 0x08] => "ST",
                [0x55, 0x04, 0x0a] => "O",
                [0x55, 0x04, 0x0b] => "OU",
                _ => return None,
            };
            Some(format!("{key}={}", text(value)))
        });
        parts.extend(part);
    }
    parts.reverse();
    cut(parts.join(","))
}

fn text(bytes: &[u8]) -> String {
    cut(String::from_utf8_lossy(bytes).into_owned())
}

fn cut(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
    text
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().take(MAX_NAMES).map(|byte| format!("{byte:02x}")).collect()
}

/// What is in the first element, which must have this tag, and what comes after it.
fn tagged(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(der).filter(|(found, ..)| *found == tag).map(|(_, inside, after)| (inside, after))
}

/// The first element of some DER: its tag, what is in it, what comes after it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
        rest = after;
        // 0x80 is a length DER does not know; four bytes are more than any certificate.
        if digits.is_empty() || digits.len() > 4 {
            return None;
        }
        digits.iter().try_fold(0_usize, |length, byte| length.checked_mul(256)?.checked_add(usize::from(*byte)))?
    };
    let (inside, after) = rest.split_at_checked(length)?;
    Some((tag, inside, after))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`.
fn moment(kind: u8, text: &[u8]) -> Option<i64> {
    let digits = str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match kind {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let pair = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    let when = civil::DateTime::new(year, pair(0)?, pair(2)?, pair(4)?, pair(6)?, pair(8)?, 0).ok()?;
    Some(when.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_found() {
        for (year, expected) in
            [(2031, 1_924_992_000), (2049, 2_493_072_000), (2050, 2_524_608_000), (2999, 32_472_144_000)]
        {
            let mut parameters = rcgen::CertificateParams::new(["agent.test".to_owned()]).unwrap();
            parameters.not_after = rcgen::date_time_ymd(year, 1, 1);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = parameters.self_signed(&key).unwrap();
            assert_eq!(ends(certificate.der()), Some(expected), "{year}");
        }
    }

    #[test]
    fn what_it_says_of_itself() {
        let names = ["shop.example".to_owned(), "*.shop.example".to_owned(), "192.0.2.1".to_owned(), "::1".to_owned()];
        let mut parameters = rcgen::CertificateParams::new(names.clone()).unwrap();
        parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(2031, 1, 1);
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(rcgen::DnType::OrganizationName, "The Shop");
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "shop.example");
        parameters.serial_number = Some(rcgen::SerialNumber::from(0x0102_03ff_u64));
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let read = Certificate::read(certificate.der()).unwrap();
        assert_eq!(read.validity, (1_577_836_800, 1_924_992_000));
        assert_eq!(read.subject, "CN=shop.example,O=The Shop");
        assert_eq!((&read.issuer, read.names), (&read.subject, names.to_vec()));
        assert!(read.serial.ends_with("010203ff"), "{}", read.serial);
        assert_eq!(read.fingerprint.len(), 64);
    }

    #[test]
    fn times_that_are_none() {
        for (kind, text) in [
            (UTC_TIME, "310101000000"),
            (UTC_TIME, "3101010000Z"),
            (UTC_TIME, "311301000000Z"),
            (UTC_TIME, "310132000000Z"),
            (UTC_TIME, "310101000000+0100"),
            (UTC_TIME, "+10101000000Z"),
            (GENERALIZED_TIME, "310101000000Z"),
            (0x04, "310101000000Z"),
            (UTC_TIME, "\u{e9}10101000000Z"),
        ] {
            assert_eq!(moment(kind, text.as_bytes()), None, "{text}");
        }
        assert_eq!(moment(UTC_TIME, b"700101000000Z"), Some(0));
        assert_eq!(moment(UTC_TIME, b"\xff0101000000Z"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics_the_walk(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _read = Certificate::read(&bytes);
        }

        #[test]
        fn a_certificate_cut_or_changed_panics_nothing(at in 0_usize..600, byte in any::<u8>()) {
            let whole = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap().cert.der().to_vec();
            let at = at % whole.len();
            let mut changed = whole.clone();
            changed[at] = byte;
            let _read = (Certificate::read(&changed), Certificate::read(&whole[..at]));
        }
    }
}
