//! What is replaced and what is not, in tables; that no secret survives in any surroundings, in properties.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::model::ExpressionError;

fn all() -> Redactor {
    let own =
        vec![OwnPattern::parse("ticket=(?i)tick-(\\d+)").unwrap(), OwnPattern::parse("plate=P:[A-Z]{2}\\d+").unwrap()];
    let names = Builtin::ALL.into_iter().filter(|pattern| *pattern != Builtin::VinAny).collect();
    Redactor::new(&Settings { names, own })
}

fn redacted(redactor: &Redactor, line: &str) -> String {
    let mut text = line.to_owned();
    redactor.apply(&mut redactor.state(Names::NONE), &mut text, &mut Scratch::default());
    text
}

/// `<c>` and its like stand for marks.
fn marks(text: &str) -> String {
    let short =
        [("c", "credentials"), ("t", "tokens"), ("k", "private_keys"), ("n", "cards"), ("m", "email"), ("v", "vin")];
    short
        .iter()
        .fold(text.to_owned(), |text, (short, name)| text.replace(&format!("<{short}>"), &format!("[redacted:{name}]")))
}

#[test]
fn what_is_replaced() {
    let redactor = all();
    for (line, expected) in [
        ("user=bob password=hunter2 ok", "user=bob password=<c> ok"),
        (r#"{"user":"bob","password":"hun\"ter2","n":1}"#, r#"{"user":"bob","password":"<c>","n":1}"#),
        (r#"{"msg":"login \"password\":\"abc\" x","y":2}"#, r#"{"msg":"login \"password\":\"<c>\" x","y":2}"#),
        (r#"{"msg":"{\"password\":\"a\\\"b\",\"z\":1}","y":2}"#, r#"{"msg":"{\"password\":\"<c>\",\"z\":1}","y":2}"#),
        (r#"{"password":12345,"token":null,"tokens":5}"#, r#"{"password":"<c>","token":null,"tokens":5}"#),
        ("GET /x?access_token=abc123&user=2 200", "GET /x?access_token=<c>&user=2 200"),
        ("GET /x?a=1&password%3Dabc%26x=1", "GET /x?a=1&password%3D<c>%26x=1"),
        ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer <c>"),
        ("Authorization: Basic dXNlcjpwYXNz extra", "Authorization: Basic <c> extra"),
        (r#"Authorization: Digest username="bob", response="abc""#, "Authorization: Digest <c>"),
        (
            r#"{"h":{"Authorization":["Bearer abc"],"Cookie":["a=b; c=d","e=f"]},"x":1}"#,
            r#"{"h":{"Authorization":["Bearer <c>"],"Cookie":["<c>","<c>"]},"x":1}"#,
        ),
        ("map[Authorization:[Bearer abc] Accept:[x]]", "map[Authorization:[Bearer <c>] Accept:[x]]"),
        ("postgres://user:p@ss,w@db:5432/x failed", "postgres://user:<c>@db:5432/x failed"),
        ("token: abc123def456", "token: <c>"),
        ("mysql --password hunter2 -u root", "mysql --password <c> -u root"),
        ("ALTER ROLE bob PASSWORD 's3cret' VALID", "ALTER ROLE bob PASSWORD '<c>' VALID"),
        ("CREATE USER x IDENTIFIED BY 'abc' x", "CREATE USER x IDENTIFIED BY '<c>' x"),
        (r#"{"msg":"Cookie: session=abc; t=dark","b":"c"}"#, r#"{"msg":"Cookie: <c>","b":"c"}"#),
        ("{'password': 'abc', 'x': None}", "{'password': '<c>', 'x': None}"),
        ("dbPass=abc DB_PASS=abc SECRET_KEY=a,b x", "dbPass=<c> DB_PASS=<c> SECRET_KEY=<c> x"),
        ("4111 1111 1111 1111 or 3782-822463-10005", "<n> or <n>"),
        ("2026-01-02 4111111111111111, 12 5555 5555 5555 4444", "2026-01-02 <n>, 12 <n>"),
        (r#"{"card":4111111111111111,"x":[4111111111111111]}"#, r#"{"card":"<n>","x":["<n>"]}"#),
        (r#"{"m":"foo\nbob@example.com\n4111111111111111"}"#, r#"{"m":"foo\n<m>\n<n>"}"#),
        ("vin 1HGCM82633A004352 in", "vin <v> in"),
        ("AKIAIOSFODNN7EXAMPLE wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "<t> <t>"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def done", "jwt <t> done"),
        (r#"{"k":"-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIB\n-----END RSA PRIVATE KEY-----\n"}"#, r#"{"k":"<k>\n"}"#),
        ("see TICK-1234 and P:AB12", "see TICK-[redacted:ticket] and [redacted:plate]"),
    ] {
        assert_eq!(redacted(&redactor, line), marks(expected), "of {line}");
    }
}

#[test]
fn what_is_left_alone() {
    let redactor = all();
    for line in [
        "",
        "unexpected token: foo at line 3",
        "password_file=/run/secrets/x password_length=5 max_tokens=99 foreign_key=7 bypass=1",
        "password=[redacted:credentials] token=\"[redacted:tokens]\" pwd=****",
        "84111111111111111 4111111111111111a 0.4111111111111111 4111111111111112 1700000000000000000",
        "trace 4bf92f3577b34da6a3ce929d0e0e4736 550e8400-e29b-41d4-a716-446655440000",
        "bob@host task-1234567890123456789012 disk-a1 risk-management-is-a-long-word-here",
        "WVWZZZ1JZ3W386752 12345678901234567",
        "https://example.com:8443/a@b ssh://git@example/x",
        "PWD=/app OLDPWD=/ author=x tokenizer=fast secretary=bob compass: north",
    ] {
        assert_eq!(redacted(&redactor, line), line);
    }
}

#[test]
fn european_vehicles_are_asked_for_by_name() {
    let any = Redactor::new(&Settings { names: Names::NONE, own: vec![] });
    let mut line = "WVWZZZ1JZ3W386752".to_owned();
    let mut state = any.state(Names::NONE.with(Builtin::VinAny));
    let redacted = any.apply(&mut state, &mut line, &mut Scratch::default());
    assert_eq!((line.as_str(), redacted.total()), ("[redacted:vin_any]", 1));
    assert_eq!(redacted.counts[Builtin::VinAny.index()], 1);
}

#[test]
fn a_key_over_many_lines_is_replaced_to_its_end() {
    let redactor = all();
    let (mut state, mut scratch) = (redactor.state(Names::NONE), Scratch::default());
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";
    for (line, expected) in [
        ("key: -----BEGIN PRIVATE KEY-----", "key: <k>"),
        (body, "<k>"),
        ("INFO another thread: started", "INFO another thread: started"),
        ("abc=", "<k>"),
        ("-----END PRIVATE KEY----- tail", "<k> tail"),
        ("abc", "abc"),
        ("must begin with -----BEGIN PRIVATE KEY----- but does not", "must begin with <k> but does not"),
        ("abc", "abc"),
        ("-----BEGIN PRIVATE KEY-----", "<k>"),
        ("a, b", "a, b"),
        ("c, d", "c, d"),
        ("e, f", "e, f"),
        ("g, h", "g, h"),
        ("plain", "plain"),
    ] {
        let mut text = line.to_owned();
        redactor.apply(&mut state, &mut text, &mut scratch);
        assert_eq!(text, marks(expected), "of {line}");
    }
    // After a restart in the midst of a key nobody knows of its beginning.
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7MIIEvQIBADAN";
    assert_eq!(redacted(&redactor, line), marks("<k>"));
}

#[test]
fn a_line_of_too_many_findings_is_cut_off_and_not_passed_on() {
    let redactor = all();
    let mut line = "pwd=a ".repeat(40_000);
    let before = line.len();
    let done = redactor.apply(&mut redactor.state(Names::NONE), &mut line, &mut Scratch::default());
    assert!(done.cut && line.ends_with(REST) && !line.contains("pwd=a"), "{done:?}");
    assert!(line.len() <= before + MAX_GROWTH + REST.len());
}

/// Quadratic work on these took seconds in a release build; the bound leaves room for builds without optimisation on busy machines.
#[test]
fn no_line_takes_long() {
    let redactor = all();
    for unit in [
        "password=",
        "pwd",
        "token: ",
        "eyJ",
        "eyJ.",
        "eyJaaaaaaaaa.",
        "4111 ",
        "411111111111111",
        "://",
        "://a:b",
        "://u:p@",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "a@",
        "a@b.",
        "password=\"",
        "{\"password\":",
        "sk-",
        "Authorization: Bearer ",
        "cookie: ",
        "ghp_",
        "Bearer ",
        "pwd=,",
        "\\\"pwd\\\":\\\"",
        "{\"pwd\":[",
        "{\"pwd\":\"\\",
        "A",
        "\\",
        "1-",
        ":AA",
        "xox",
        "SG.",
        "_key",
        "%3A%2F%2F",
        "[",
        "{\"a\":4111111111111111,",
        "tick-",
    ] {
        let mut line = unit.repeat((256 << 10) / unit.len());
        let start = Instant::now();
        redactor.apply(&mut redactor.state(Names::NONE), &mut line, &mut Scratch::default());
        let took = start.elapsed();
        assert!(took < Duration::from_secs(3), "{unit:?} took {took:?}");
    }
}

#[test]
fn own_patterns_are_checked() {
    for (text, expected) in [
        ("x", PatternError::Form),
        ("A=x", PatternError::Name),
        ("vin=x", PatternError::Name),
        ("x=a*", PatternError::Empty),
        ("x=(a{1000}){1000}", PatternError::Expression(ExpressionError::Size)),
    ] {
        assert_eq!(OwnPattern::parse(text), Err(expected), "{text}");
    }
    assert!(
        matches!(OwnPattern::parse("x=("), Err(PatternError::Expression(ExpressionError::Syntax(why))) if !why.contains('\n'))
    );
    assert_eq!(
        OwnPattern::parse(&format!("x={}", "a".repeat(513))),
        Err(PatternError::Expression(ExpressionError::Length))
    );
    // A finding on either side of the pieces which expressions are shown is found.
    let redactor = all();
    for at in (3_000..4_200).step_by(7) {
        let line = format!("{}tick-4711{}", " ".repeat(at), " ".repeat(4_000));
        assert!(redacted(&redactor, &line).contains("[redacted:ticket]"), "at {at}");
    }
}

/// A secret as it stands in a line: what is before it, the secret, what is behind it.
fn planted() -> impl Strategy<Value = (&'static str, String, &'static str)> {
    let of = |before: &'static str, secret: &'static str, after: &'static str| {
        secret.prop_map(move |secret| (before, secret, after)).boxed()
    };
    prop_oneof![
        of("password=", "[A-Za-z0-9!$%*+/]{9,40}", ""),
        of("\"db_password\": \"", "[A-Za-z0-9 ,;:!@#$%^&*()]{9,40}", "\""),
        of("client_secret='", "[A-Za-z0-9 ,;:]{9,40}", "'"),
        of("\\\"apiKey\\\":\\\"", "[A-Za-z0-9 ,;:]{9,40}", "\\\""),
        of("Authorization: Bearer ", "[A-Za-z0-9._-]{12,60}", ""),
        of("amqp://guest:", "[A-Za-z0-9,;:]{9,40}", "@mq:5672/"),
        of("", "ghp_[A-Za-z0-9]{36}", ""),
        of("", "glpat-[A-Za-z0-9_-]{20}", ""),
        of("", "eyJ[A-Za-z0-9]{20}\\.eyJ[A-Za-z0-9]{20}\\.[A-Za-z0-9_-]{43}", ""),
        of("", "xoxb-[0-9]{12}-[A-Za-z0-9]{24}", ""),
        of("", "AIza[A-Za-z0-9_-]{35}", ""),
        of("", "[a-z]{9,20}\\.[a-z]{2,9}@[a-z]{3,12}\\.(com|de)", ""),
        Just(("", "4111 1111 1111 1111".to_owned(), "")),
        Just(("", "5555555555554444".to_owned(), "")),
        Just(("", "1HGCM82633A004352".to_owned(), "")),
    ]
}

/// Words between which a secret stands.
fn words() -> impl Strategy<Value = String> {
    "([bcdf\u{e9}]{1,9}(=[0-9]{1,4})?[ ,;|] ?){0,6}"
}

proptest! {
    #[test]
    fn no_secret_survives_and_nothing_else_changes(left in words(), plant in planted(), right in words()) {
        let (before, secret, after) = plant;
        let out = redacted(&all(), &format!("{left} {before}{secret}{after} {right}"));
        prop_assert!(!out.contains(&secret), "{}", out);
        prop_assert!(out.starts_with(&format!("{left} {before}")) && out.ends_with(&format!("{after} {right}")), "{}", out);
        prop_assert!(out.len() <= left.len() + before.len() + after.len() + right.len() + 2 + 26, "{}", out);
    }

    #[test]
    fn json_stays_json(
        texts in proptest::collection::vec("([a-z\"\\\\\n\u{e9}\u{1}:=,{}@. ]|password|4111111111111111|tick-1|a@b\\.cc){0,12}", 1..5),
        key in "password|token|x|cookie",
        number in prop_oneof![Just(4111111111111111_u64), any::<u64>()],
    ) {
        let json = serde_json::json!({ key: texts.as_slice(), "n": number, "t": texts.concat(), "s": serde_json::json!(texts).to_string() });
        let out = redacted(&all(), &json.to_string());
        let read = serde_json::from_str::<serde_json::Value>(&out);
        prop_assert!(read.is_ok(), "{} became {}", json, out);
    }

    #[test]
    fn replacing_again_changes_nothing(
        parts in proptest::collection::vec(prop_oneof![
            planted().prop_map(|(before, secret, after)| format!("{before}{secret}{after}")),
            words(),
            "[ -~]{0,9}",
            "[\\[\\]{}\"'\\\\=:, ]{1,3}",
            Just("-----BEGIN PRIVATE KEY-----".to_owned()),
        ], 0..7),
    ) {
        let redactor = all();
        let once = redacted(&redactor, &parts.concat());
        let twice = redacted(&redactor, &once);
        prop_assert_eq!(&once, &twice, "of {}", parts.concat());
    }

    #[test]
    fn no_cut_parts_a_secret(left in 0_usize..400, plant in planted(), limit in 300_usize..460, ahead in any::<bool>()) {
        let (before, secret, after) = plant;
        let redactor = all();
        let filler = "lorem ipsum, dolor ".repeat(60);
        let (start, end) = filler.split_at(left);
        let text = format!("{start} {before}{secret}{after} {end}");
        let names = redactor.names;
        // Without what comes behind it, a reader knows one byte more than fits.
        let known = if ahead { text.as_str() } else { text.get(..limit + 1).unwrap() };
        let cut = redactor.safe_cut(names, known, limit, &mut Scratch::default());
        prop_assert!(cut <= limit && cut + 4 > limit / 2);
        let halves = [redacted(&redactor, text.get(..cut).unwrap()), redacted(&redactor, text.get(cut..).unwrap())];
        // The rest is shipped only where it was known when the cut was made.
        for half in halves.iter().take(if ahead { 2 } else { 1 }) {
            for piece in secret.as_bytes().windows(9).map(|piece| std::str::from_utf8(piece).unwrap()) {
                prop_assert!(!half.contains(piece), "{:?} of {} in {}", piece, secret, half);
            }
        }
    }
}
