//! What labels may say, and that they only tighten.

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::new(pairs.iter().map(|(key, value)| (format!("spyhop.logs.{key}").into(), (*value).into())))
}

fn policy(pairs: &[(&str, &str)], settings: &Settings) -> Policy {
    Policy::of(&labels(pairs), settings)
}

#[test]
fn labels_are_read() {
    let declared = policy(
        &[
            ("redact", "vin, email"),
            ("drop", "text=/healthz"),
            ("drop.2", "regex=^GET"),
            ("sample", "1/10"),
            ("rate", "100/s, 64KiB/s"),
            ("level", "WARN"),
            ("multiline", "start=^\\d{4}-"),
            ("format", "json"),
            ("enable", "off"),
        ],
        &Settings::default(),
    );
    assert!(declared.mistakes.is_empty() && !declared.enabled, "{declared:?}");
    assert_eq!(declared.redact, Names::NONE.with(Builtin::Vin).with(Builtin::Email));
    assert_eq!(declared.rules.drop.len(), 2);
    assert_eq!(declared.rules.sample.len(), 1);
    assert_eq!(declared.rules.rate, Rate { lines: Some(100), bytes: Some(65_536) });
    assert_eq!(declared.rules.min_level, Some(LogLevel::Warn));
    assert!(matches!(declared.multiline, Multiline::Start(_)));
    assert_eq!(declared.format, LineFormat::Json);
    let none = Policy::of(&Labels::new([("spyhop.logsX".into(), "x".into())]), &Settings::default());
    assert!(none.enabled && none.mistakes.is_empty() && none.rules == Rules::default());
}

#[test]
fn labels_only_tighten() {
    let settings = Settings {
        rules: Rules {
            min_level: Some(LogLevel::Warn),
            rate: Rate { lines: Some(10), bytes: None },
            sample: vec![Sample::parse("1/100").unwrap()],
            drop: vec![Matcher::parse("text=a").unwrap()],
        },
        ..Settings::default()
    };
    let loose = policy(&[("level", "trace"), ("rate", "1000/s"), ("sample", "1/2"), ("drop", "text=b")], &settings);
    assert!(loose.mistakes.is_empty());
    assert_eq!(loose.rules.min_level, Some(LogLevel::Warn));
    assert_eq!(loose.rules.rate, settings.rules.rate);
    assert_eq!(loose.rules.sample.first(), settings.rules.sample.first());
    assert_eq!(loose.rules.drop.len(), 2);
    let strict = policy(&[("level", "error"), ("rate", "5/s,1kB/s")], &settings);
    assert_eq!(strict.rules.min_level, Some(LogLevel::Error));
    assert_eq!(strict.rules.rate, Rate { lines: Some(5), bytes: Some(1000) });
}

#[test]
fn a_mistake_costs_its_own_label() {
    let long = "x".repeat(600);
    for (label, value) in [
        ("enable", "maybe"),
        ("redact", "none"),
        ("redact", "-cards"),
        ("drop", "healthz"),
        ("drop", "regex=("),
        ("drop", &long),
        ("drop.9", "text=a"),
        ("drop.01", "text=a"),
        ("level.2", "info"),
        ("sample", "1/1"),
        ("rate", "0/s"),
        ("rate", "5"),
        ("rate", "99999999999999999999/s"),
        ("level", "loud"),
        ("multiline", "start="),
        ("multiline", "start=("),
        ("format", "xml"),
        ("levle", "info"),
    ] {
        let alone = policy(&[(label, value)], &Settings::default());
        assert_eq!(alone.mistakes.len(), 1, "{label}={value}: {alone:?}");
        assert_eq!(
            (alone.rules, alone.redact, alone.enabled),
            (Rules::default(), Names::NONE, true),
            "{label}={value}"
        );
        assert_eq!((alone.multiline, alone.format), (Multiline::Auto, LineFormat::Auto), "{label}={value}");
    }
    let many: Vec<_> = (0..100).map(|i| (format!("spyhop.logs.x{i}").into(), "".into())).collect();
    assert_eq!(Policy::of(&Labels::new(many), &Settings::default()).mistakes.len(), MAX_MISTAKES);
}
