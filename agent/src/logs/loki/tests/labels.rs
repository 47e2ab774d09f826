use proptest::prelude::*;

use super::*;

#[test]
fn labels_are_spelt_as_loki_spells_them() {
    for (pairs, expected) in [
        (&[("stream", "stdout"), ("host", "a")][..], r#"{host="a", stream="stdout"}"#),
        (&[], "{}"),
        (&[("a", ""), ("b", "x")], r#"{b="x"}"#),
        (&[("a", "first"), ("a", "second")], r#"{a="first"}"#),
        (&[("a", r#"say "hi" \o/"#)], r#"{a="say \"hi\" \\o/"}"#),
        (&[("a", "1\n2\r3\t4\0\x1b[0m\x7f")], r#"{a="1\n2\r3\t4\x00\x1b[0m\x7f"}"#),
        (&[("a", "\x07\x08\x0b\x0c\u{85}")], r#"{a="\a\b\v\f\u0085"}"#),
        (&[("a", "Größe 🐳 }{,=")], r#"{a="Größe 🐳 }{,="}"#),
        // Loki's parser takes this character for broken UTF-8, and does so again after it was escaped.
        (&[("a", "b\u{fffd}d")], r#"{a="b?d"}"#),
        (&[("com.docker/x-y", "1"), ("9a", "2"), ("", "3")], r#"{_="3", _9a="2", com_docker_x_y="1"}"#),
        (&[("größe", "1")], r#"{gr__e="1"}"#),
    ] {
        assert_eq!(labels(pairs.iter().copied()), expected);
    }
}

#[test]
fn limits_are_kept() {
    let long = "ä".repeat(2000);
    let text = labels([("a", long.as_str())]);
    let value = text.strip_prefix("{a=\"").and_then(|rest| rest.strip_suffix("\"}")).unwrap();
    assert!(value.len() <= MAX_VALUE && value.len() > MAX_VALUE - 4, "{}", value.len());
    let names: Vec<String> = (0..20).map(|n| format!("n{n:02}")).collect();
    let many = labels(names.iter().map(|name| (name.as_str(), "x")));
    assert_eq!((many.matches('=').count(), many.ends_with(r#", n14="x"}"#)), (MAX_LABELS, true));
    let name = "n".repeat(3000);
    assert_eq!(labels([(name.as_str(), "x")]).len(), MAX_NAME + r#"{="x"}"#.len());
}

/// Undoes Go's quoting; `None` for what Loki would refuse.
fn unquote(text: &str) -> Option<String> {
    let mut value = String::new();
    let mut rest = text.strip_prefix('"')?.strip_suffix('"')?.chars();
    while let Some(c) = rest.next() {
        let taken = match c {
            '\n' | '"' | char::REPLACEMENT_CHARACTER => return None,
            '\\' => match rest.next()? {
                'a' => '\x07',
                'b' => '\x08',
                'f' => '\x0c',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'v' => '\x0b',
                c @ ('"' | '\\') => c,
                c @ ('x' | 'u') => {
                    let digits: String = rest.by_ref().take(if c == 'x' { 2 } else { 4 }).collect();
                    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
                }
                _ => return None,
            },
            c => c,
        };
        value.push(taken);
    }
    Some(value)
}

proptest! {
    #[test]
    fn any_value_comes_through(value in any::<String>(), control in "[\\x00-\\x1f\\x7f-\\u{a0}\"\\\\\u{fffd}]{0,20}") {
        let value = value + &control;
        prop_assume!(!value.is_empty() && value.len() <= MAX_VALUE);
        let text = labels([("a", value.as_str())]);
        let quoted = text.strip_prefix("{a=").and_then(|rest| rest.strip_suffix('}')).unwrap();
        let value = value.replace('\u{fffd}', "?");
        prop_assert_eq!(unquote(quoted), Some(value.clone()));
        prop_assert_eq!(pairs(&text), [("a", value)]);
    }

    #[test]
    fn any_name_can_be_one(name in any::<String>()) {
        let text = labels([(name.as_str(), "x")]);
        let bent = text.strip_prefix('{').and_then(|rest| rest.strip_suffix("=\"x\"}")).unwrap();
        let mut letters = bent.chars();
        prop_assert!(letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_'), "{}", bent);
        prop_assert!(letters.all(|c| c.is_ascii_alphanumeric() || c == '_'), "{}", bent);
    }
}
