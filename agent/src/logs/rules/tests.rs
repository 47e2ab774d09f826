//! Rules in tables, and that decisions depend on nothing but what they should.

use proptest::prelude::*;

use super::*;

const NOW: i64 = 1_700_000_000_000_000_000;

fn rules() -> Rules {
    Rules {
        min_level: Some(LogLevel::Info),
        drop: vec![Matcher::parse("text=/healthz").unwrap(), Matcher::parse("regex=^GET /ping\\b").unwrap()],
        sample: vec![Sample::parse("1/10 text=noise").unwrap(), Sample::parse("1/1000000").unwrap()],
        rate: Rate::default(),
    }
}

#[test]
fn lines_are_judged_by_level_then_rules_then_samples() {
    for (line, level, expected) in [
        ("a", Some(LogLevel::Debug), Err(Reason::Level)),
        ("GET /healthz", None, Err(Reason::Rule)),
        ("GET /ping 200", Some(LogLevel::Error), Err(Reason::Rule)),
        ("GET /pings 200", Some(LogLevel::Error), Ok(())),
        ("GET /x", Some(LogLevel::Info), Err(Reason::Sampled)),
        ("GET /x", None, Err(Reason::Sampled)),
        ("failed", Some(LogLevel::Fatal), Ok(())),
    ] {
        assert_eq!(rules().judge(line, NOW, level), expected, "{line}");
    }
    let kept = (0..10_000).filter(|i| rules().judge("noise", NOW + i, Some(LogLevel::Error)).is_ok()).count();
    assert!((850..1150).contains(&kept), "{kept} of 10000");
}

#[test]
fn rules_are_shown_as_they_are_read() {
    for rule in ["text=a b=c", "regex=^a{2,3}$"] {
        assert_eq!(Matcher::parse(rule).unwrap().to_string(), rule);
    }
    for rule in ["1/2", "1/100 text=a", "1/7 regex=x|y"] {
        assert_eq!(Sample::parse(rule).unwrap().to_string(), rule);
    }
    for rule in ["", "a", "text=", "regex=", "regex=(", "TEXT=a"] {
        assert!(Matcher::parse(rule).is_err(), "{rule}");
    }
    for rule in ["", "1/1", "1/0", "1/+5", "2/5", "1/1000001", "1/5 a", "1/5text=a"] {
        assert!(Sample::parse(rule).is_err(), "{rule}");
    }
}

/// The decisions of other versions of the program must be the same. The figures are a second implementation's.
#[test]
fn the_hash_does_not_change() {
    assert_eq!([hash(b"", 0), hash(b"abc", 1), hash(b"a longer line", 2)], HASHES);
}

const HASHES: [u64; 3] = [0x0339_e4fa_79a0_0fa3, 0xa972_8235_c070_f1b2, 0x25c2_b900_4fc6_042c];

#[test]
fn a_rate_lets_ten_seconds_worth_through_and_then_its_share() {
    let rate = Rate { lines: Some(10), bytes: None };
    let mut allowance = Allowance::default();
    let passed = (0..1000).filter(|_| allowance.take(rate, "x", NOW).is_ok()).count();
    assert_eq!(passed, 100);
    // An hour of backlog has an hour's allowance, however fast it is read.
    let second = |i: i64| NOW + i * 1_000_000_000;
    let passed = (1..=3600).flat_map(|i| [i; 20]).filter(|i| allowance.take(rate, "x", second(*i)).is_ok()).count();
    assert_eq!(passed, 36_000);
    // A clock that was set back does not stop a container for as long.
    let passed =
        (0..100).filter(|i| allowance.take(rate, "x", NOW - 7_200_000_000_000 + i * 1_000_000_000).is_ok()).count();
    assert!(passed >= 99, "{passed}");
}

#[test]
fn a_rate_of_bytes_never_bars_a_long_line_for_good() {
    let rate = Rate { lines: None, bytes: Some(100) };
    let mut allowance = Allowance::default();
    assert_eq!(allowance.take(rate, &"x".repeat(5000), NOW), Ok(()));
    assert_eq!(allowance.take(rate, "x", NOW), Err(Reason::RateSize));
    assert_eq!(allowance.take(rate, &"x".repeat(5000), NOW + 9_000_000_000), Err(Reason::RateSize));
    assert_eq!(allowance.take(rate, &"x".repeat(5000), NOW + 10_000_000_000), Ok(()));
}

proptest! {
    #[test]
    fn a_rate_is_kept_over_any_time(steps in proptest::collection::vec(0_i64..3_000_000_000, 1..200), lines in 1_u64..50) {
        let rate = Rate { lines: Some(lines), bytes: None };
        let mut allowance = Allowance::default();
        let mut time = NOW;
        let mut passed = 0_i64;
        for step in &steps {
            time += step;
            passed += i64::from(allowance.take(rate, "x", time).is_ok());
        }
        let most = i64::try_from(lines).unwrap() * (10_000_000_000 + (time - NOW)) / 1_000_000_000;
        prop_assert!(passed <= most + 1, "{} of {}", passed, most);
    }

    #[test]
    fn no_lines_and_times_overflow(times in proptest::collection::vec(any::<i64>(), 0..50), lines in 1_u64.., bytes in 1_u64..) {
        let mut allowance = Allowance::default();
        for time in times {
            std::hint::black_box(allowance.take(Rate { lines: Some(lines), bytes: Some(bytes) }, "abc", time).is_ok());
        }
    }
}
