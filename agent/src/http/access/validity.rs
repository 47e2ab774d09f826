//! When a certificate ends: the one field of X.509 that is needed here, found by walking to it.
//!
//! ```text
//! Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version OPTIONAL, serial, signature, issuer, validity, ... } ... }
//! validity    ::= SEQUENCE { notBefore Time, notAfter Time }           (RFC 5280, 4.1)
//! ```

use jiff::{civil, tz::TimeZone};

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When it ends, in Unix seconds; `None` when the certificate is not one, or says it in a way that is not allowed.
pub(super) fn ends(certificate: &[u8]) -> Option<i64> {
    let (SEQUENCE, whole, _) = element(certificate)? else { return None };
    let (SEQUENCE, signed, _) = element(whole)? else { return None };
    let mut rest = signed;
    if let (VERSION, _, after) = element(rest)? {
        rest = after;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        (_, _, rest) = element(rest)?;
    }
    let (SEQUENCE, validity, _) = element(rest)? else { return None };
    let (_, _, after) = element(validity)?;
    let (kind, time, _) = element(after)?;
    moment(kind, str::from_utf8(time).ok()?)
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
fn moment(kind: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z')?;
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
            assert_eq!(moment(kind, text), None, "{text}");
        }
        assert_eq!(moment(UTC_TIME, "700101000000Z"), Some(0));
    }

    proptest! {
        #[test]
        fn nothing_panics_the_walk(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ends = ends(&bytes);
        }

        #[test]
        fn a_certificate_cut_or_changed_panics_nothing(at in 0_usize..400, byte in any::<u8>()) {
            let whole = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap().cert.der().to_vec();
            let at = at % whole.len();
            let mut changed = whole.clone();
            changed[at] = byte;
            let _ends = (ends(&changed), ends(&whole[..at]));
        }
    }
}
