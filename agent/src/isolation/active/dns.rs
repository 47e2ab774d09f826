//! One question for a name, as DNS has it (RFC 1035), and as much of an answer as tells whether somebody outside was asked.

use std::{fmt, str::FromStr};

/// Longest name as text.
const MAX_NAME: usize = 253;

/// Longest part of one.
const MAX_LABEL: usize = 63;

/// Length of the head of a message.
const HEAD: usize = 12;

/// A name that no container has: it has a dot in it, and no more than names of hosts may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let is_label = |label: &str| (1..=MAX_LABEL).contains(&label.len()) && label.bytes().all(plain);
        let good = text.len() <= MAX_NAME && text.contains('.') && text.split('.').all(is_label);
        if good { Ok(Self(text.to_ascii_lowercase())) } else { Err("write a whole name, such as example.com") }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A question for the IPv4 addresses of a name, which whoever is asked may ask others for.
pub(super) fn question(id: u16, name: &Name) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    // Recursion is desired; one question.
    let mut message = vec![high, low, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.0.split('.') {
        // Labels are checked where a name is made: 63 at most.
        message.push(u8::try_from(label.len()).unwrap_or_default());
        message.extend_from_slice(label.as_bytes());
    }
    // The end of the name, type A, class IN.
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// Whether an answer comes from outside; `None` where it is none to that question. The engine's resolver says SERVFAIL where it may not
/// ask anybody; "there is no such name" (NXDOMAIN) was said by somebody who was asked.
pub(super) fn went_out(question: &[u8], answer: &[u8]) -> Option<bool> {
    let same_id = question.get(..2)? == answer.get(..2)?;
    let [third, fourth] = answer.get(2..4)? else { return None };
    let asked = question.get(HEAD..)?;
    let repeated = answer.get(HEAD..HEAD + asked.len()).is_some_and(|found| found.eq_ignore_ascii_case(asked));
    let is_answer = third & 0x80 != 0;
    (same_id && is_answer && repeated).then_some(matches!(fourth & 0x0f, 0 | 3))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_question_is_as_the_standard_has_it() {
        let name: Name = "Leak.Example.".parse().unwrap();
        assert_eq!(question(0x0102, &name), *b"\x01\x02\x01\0\0\x01\0\0\0\0\0\0\x04leak\x07example\0\0\x01\0\x01");
        for wrong in ["", "db", ".", "a..b", "a b.c", "ä.example", &format!("{}.x", "a".repeat(64)), &"a.".repeat(130)]
        {
            assert!(wrong.parse::<Name>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn who_was_asked_is_told_by_the_answer() {
        let name: Name = "leak.example".parse().unwrap();
        let asked = question(7, &name);
        let with = |third: u8, fourth: u8| {
            let mut answer = asked.clone();
            (answer[2], answer[3]) = (third, fourth);
            went_out(&asked, &answer)
        };
        assert_eq!(with(0x81, 0x80), Some(true), "an address, or none");
        assert_eq!(with(0x81, 0x83), Some(true), "no such name");
        assert_eq!(with(0x81, 0x82), Some(false), "SERVFAIL");
        assert_eq!(with(0x81, 0x85), Some(false), "REFUSED");
        assert_eq!(with(0x01, 0x80), None, "a question");
        let other = question(8, &name);
        assert_eq!(went_out(&asked, &other), None, "of another question");
    }

    proptest! {
        #[test]
        fn bytes_of_no_form_say_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let name: Name = "leak.example".parse().unwrap();
            let asked = question(7, &name);
            let said = went_out(&asked, &bytes);
            prop_assert!(said.is_none() || bytes.starts_with(&asked[..2]));
        }
    }
}
