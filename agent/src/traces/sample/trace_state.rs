//! OpenTelemetry's own entry in a W3C `tracestate`, among those of other vendors.
//!
//! Sources: W3C Trace Context, section "tracestate Header"; "TraceState" of the OpenTelemetry specification. What is not ours is passed on
//! as it is, in its order; what is changed goes to the front.

use super::threshold::{Randomness, Threshold};

/// Entries in a list at most (W3C).
const MAX_MEMBERS: usize = 32;

/// Bytes of `ot`'s value at most (OpenTelemetry).
const MAX_VALUE: usize = 256;

/// Bytes which everybody passes on (W3C): a list is made no longer than this, or than it came.
const MAX_LENGTH: usize = 512;

/// Entries longer than this go first when a list is too long (W3C).
const LONG_MEMBER: usize = 128;

/// What `ot` says; `None` for what is not there or not valid.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// `th`: how it was sampled before.
    pub(super) threshold: Option<Threshold>,
    /// `rv`: randomness in place of the trace id's.
    pub(super) randomness: Option<Randomness>,
}

/// Reads the entry `ot`; of several the first.
pub(super) fn read(state: &[u8]) -> Said {
    let mut said = Said::default();
    for (key, value) in ot(state).map(parts).into_iter().flatten() {
        match key {
            b"th" => said.threshold = Threshold::parse(value),
            b"rv" => said.randomness = Randomness::parse(value),
            _ => {}
        }
    }
    said
}

/// The list with this `th` in the entry `ot`, which comes first; its other parts and everybody else's entries stay.
pub(super) fn with_threshold(state: &[u8], threshold: Threshold) -> Vec<u8> {
    let mut ours = format!("ot=th:{}", threshold.text()).into_bytes();
    for (key, value) in ot(state).map(parts).into_iter().flatten().filter(|(key, _)| *key != b"th") {
        // `ot=` is not part of the value; `;` and `:` are.
        if ours.len() + key.len() + value.len() + 2 <= MAX_VALUE + 3 {
            ours.push(b';');
            ours.extend_from_slice(key);
            ours.push(b':');
            ours.extend_from_slice(value);
        }
    }
    let mut others: Vec<&[u8]> = members(state).filter(|member| key(member) != b"ot").take(MAX_MEMBERS - 1).collect();
    shorten(&mut others, MAX_LENGTH.max(state.len()).saturating_sub(ours.len()));
    for other in others {
        ours.push(b',');
        ours.extend_from_slice(other);
    }
    ours
}

/// Leaves out entries until the others fit into `room`, each with the comma before it: long ones first, then the oldest, which are last.
fn shorten(members: &mut Vec<&[u8]>, room: usize) {
    let length = |members: &[&[u8]]| members.iter().map(|member| member.len() + 1).sum::<usize>();
    while length(members) > room {
        match members.iter().rposition(|member| member.len() > LONG_MEMBER) {
            Some(at) => drop(members.remove(at)),
            None => drop(members.pop()),
        }
    }
}

fn members(state: &[u8]) -> impl Iterator<Item = &[u8]> {
    state.split(|byte| *byte == b',').map(trim).filter(|member| !member.is_empty())
}

fn ot(state: &[u8]) -> Option<&[u8]> {
    if state.is_empty() {
        return None;
    }
    members(state).find_map(|member| member.strip_prefix(b"ot="))
}

fn key(member: &[u8]) -> &[u8] {
    member.split(|byte| *byte == b'=').next().unwrap_or_default()
}

/// Parts of a value of `ot`: `key:value` between semicolons.
fn parts(value: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    value.split(|byte| *byte == b';').filter_map(|part| {
        let colon = part.iter().position(|byte| *byte == b':')?;
        let (key, value) = part.split_at_checked(colon)?;
        (!key.is_empty()).then_some((key, value.get(1..)?))
    })
}

/// Without blanks and tabs around it, which the list allows.
fn trim(member: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let from = member.iter().position(|byte| !blank(byte)).unwrap_or(member.len());
    let to = member.iter().rposition(|byte| !blank(byte)).map_or(from, |at| at + 1);
    member.get(from..to).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with(state: &str, th: &str) -> String {
        let threshold = Threshold::parse(th.as_bytes()).unwrap();
        String::from_utf8(with_threshold(state.as_bytes(), threshold)).unwrap()
    }

    #[test]
    fn our_entry_is_read_among_others() {
        let (th, rv) = (Threshold::parse(b"c"), Randomness::parse(b"0123456789abcd"));
        let said = |threshold, randomness| Said { threshold, randomness };
        for (state, expected) in [
            ("", said(None, None)),
            ("ot=th:c", said(th, None)),
            ("congo=t61rcWkgMzE, ot=rv:0123456789abcd;th:c ,rojo=1", said(th, rv)),
            ("ot=th:c;rv:0123", said(th, None)),
            ("ot=th:C", said(None, None)),
            ("ot=p:8;th:c;x", said(th, None)),
            ("rot=th:c,xot=th:c,OT=th:c", said(None, None)),
            ("ot=,ot=th:c", said(None, None)),
            (",,;:=,", said(None, None)),
        ] {
            assert_eq!(read(state.as_bytes()), expected, "{state:?}");
        }
    }

    #[test]
    fn our_entry_goes_first_and_nothing_else_changes() {
        for (state, expected) in [
            ("", "ot=th:c"),
            ("ot=th:8", "ot=th:c"),
            ("congo=1,ot=rv:0123456789abcd;th:8;x:y,rojo=2", "ot=th:c;rv:0123456789abcd;x:y,congo=1,rojo=2"),
            ("congo=1 ,\trojo=a=b", "ot=th:c,congo=1,rojo=a=b"),
            ("ot=th:8,a=1,ot=th:9", "ot=th:c,a=1"),
            ("tenant@ot=1", "ot=th:c,tenant@ot=1"),
        ] {
            assert_eq!(with(state, "c"), expected);
        }
    }

    #[test]
    fn limits_are_kept_at_the_cost_of_the_oldest() {
        let many: Vec<String> = (0..32).map(|number| format!("v{number}=1")).collect();
        let written = with(&many.join(","), "c");
        assert_eq!(written.split(',').count(), MAX_MEMBERS);
        assert!(written.starts_with("ot=th:c,v0=1,") && written.ends_with(",v30=1"));
        // 31 of 32 had our entry already: nobody has to go.
        let full = [&many[..31], &["ot=th:8".to_owned()]].concat().join(",");
        assert_eq!(with(&full, "c").split(',').count(), MAX_MEMBERS);

        let long = format!("a={},b={},c={}", "x".repeat(150), "y".repeat(200), "z".repeat(100));
        let state = format!("{long},d={}", "w".repeat(50));
        let written = with(&state, "c");
        assert_eq!(written.len(), "ot=th:c,".len() + state.len() - 203, "the last of the long ones goes");
        assert!(!written.contains("b=") && written.contains("a=") && written.contains("d="));
        let longer = format!("{long},d={}", "w".repeat(100));
        assert!(with(&longer, "c").len() <= longer.len(), "what came longer than 512 need not become shorter");

        let ours = format!("ot=rv:0123456789abcd;big:{}", "x".repeat(240));
        assert_eq!(with(&ours, "c"), "ot=th:c;rv:0123456789abcd");
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(state in "[a-z=:;, \t0-9]{0,80}|\\PC{0,80}", number in 1..u64::MAX >> 8) {
            let threshold = Threshold::parse(format!("{number:014x}").as_bytes()).unwrap();
            let written = with_threshold(state.as_bytes(), threshold);
            let before = read(state.as_bytes());
            prop_assert_eq!(read(&written), Said { threshold: Some(threshold), ..before });
            prop_assert_eq!(&with_threshold(&written, threshold), &written);
            prop_assert!(written.len() <= MAX_LENGTH.max(state.len()));
        }
    }
}
