use proptest::prelude::*;
use serde_json::json;

use super::*;

const TIME: &str = "2026-11-21T09:29:56.123456789Z";
const NANOSECONDS: i64 = 1_795_253_396_123_456_789;

/// Texts with `|` for a line end, and corrupt bytes.
fn decode(bytes: &[u8]) -> (Vec<String>, usize) {
    let mut decoder = Decoder::default();
    let (mut rest, mut texts, mut corrupt) = (bytes, Vec::new(), 0);
    loop {
        let used = match decoder.step(rest) {
            Step::Record { record, used } => {
                let mut text = String::from_utf8(record.text.to_vec()).unwrap();
                text.extend(record.ended.then_some('|'));
                texts.push(text);
                used
            }
            Step::Corrupt(used) | Step::Oversized(used) => {
                corrupt += used;
                used
            }
            Step::More => return (texts, corrupt),
        };
        rest = &rest[used..];
    }
}

fn record(text: &str) -> String {
    format!("{{\"log\":{},\"stream\":\"stdout\",\"time\":\"{TIME}\"}}\n", json!(text))
}

#[test]
fn every_form_of_a_record() {
    let (out, err) = (LogStream::Stdout, LogStream::Stderr);
    let record = |log: &str, rest: &str| format!("{{\"log\":\"{log}\",{rest}}}\n");
    for (bytes, stream, text, ended) in [
        (record("a\\n", &format!("\"stream\":\"stdout\",\"time\":\"{TIME}\"")), out, "a", true),
        (record("a", &format!("\"stream\":\"stderr\",\"time\":\"{TIME}\"")), err, "a", false),
        (
            record(
                "a\\n",
                &format!("\"stream\":\"stderr\",\"attrs\":{{\"log\":\"}}\\\"\",\"b\":[1,{{}}]}},\"time\":\"{TIME}\""),
            ),
            err,
            "a",
            true,
        ),
        (record("\\u003ca\\n", &format!(" \"time\" : \"{TIME}\" , \"stream\":\"stderr\" ")), err, "<a", true),
        (format!("{{\"stream\":\"stderr\",\"time\":\"{TIME}\",\"log\":\"a\\n\"}}\r\n"), err, "a", true),
        (format!("{{\"time\":\"{TIME}\",\"partial\":true}}\n"), out, "", false),
    ] {
        let mut decoder = Decoder::default();
        let wanted = Record { stream, time: NANOSECONDS, text: text.as_bytes(), ended };
        assert_eq!(decoder.step(bytes.as_bytes()), Step::Record { record: wanted, used: bytes.len() }, "{bytes}");
    }
}

#[test]
fn a_record_without_its_end_waits() {
    let whole = record("hello \u{1f600} \"you\"\n");
    for end in 0..whole.len() {
        assert_eq!(Decoder::default().step(&whole.as_bytes()[..end]), Step::More, "{end}");
    }
}

#[test]
fn records_behind_trouble_are_found() {
    let (a, b) = (record("a\n"), record("b\n"));
    for trouble in [
        "\0",
        &"\0".repeat(5000),
        "garbage\n",
        "garbage",
        "{}\n",
        "{\"log\":1}\n",
        "{\"log\":\"x\\n\",\"stream\":\"stdout\"}\n",
        "{\"log\":\"x\\n\",\"stream\":\"stdin\",\"time\":\"2026-11-21T09:29:56Z\"}\n",
        "\n",
        "{\"log\":\"half",
        "{\"log\":\"half\0\0\0",
        "{\"log\":\"half\n",
    ] {
        let text = format!("{a}{trouble}{b}");
        assert_eq!(decode(text.as_bytes()), (vec!["a|".to_owned(), "b|".into()], trouble.len()), "{trouble:?}");
    }
}

#[test]
fn every_cut_of_a_record_before_the_next_one_costs_only_itself() {
    let (a, b) = (record("a \\ \"{\" \u{1f600}\n"), record("b\n"));
    let a = a.as_bytes();
    for end in 1..a.len() - 1 {
        for between in ["", "\0\0", "\n"] {
            let text = [&a[..end], between.as_bytes(), b.as_bytes()].concat();
            assert_eq!(decode(&text), (vec!["b|".to_owned()], end + between.len()), "{end} {between:?}");
        }
    }
}

#[test]
fn a_hole_inside_a_record_makes_no_line_of_two_halves() {
    let text =
        format!("{{\"log\":\"front\0\0\0behind\\n\",\"stream\":\"stdout\",\"time\":\"{TIME}\"}}\n{}", record("b\n"));
    assert_eq!(decode(text.as_bytes()).0, ["b|"]);
}

#[test]
fn a_record_beyond_the_bound_is_passed_over() {
    let text = format!("{}{}{}", record("a\n"), record(&"x".repeat(MAX_RECORD)), record("b\n"));
    assert!(decode(text.as_bytes()).0 == ["a|", "b|"]);
    let mut decoder = Decoder::default();
    assert!(matches!(decoder.step(&text.as_bytes()[record("a\n").len()..]), Step::Oversized(_)));
    let garbage = [&vec![0xff; 3 * MAX_RECORD][..], record("b\n").as_bytes()].concat();
    assert_eq!(decode(&garbage), (vec!["b|".to_owned()], 3 * MAX_RECORD));
    // Shown as it grows, too.
    let long = record(&"x".repeat(MAX_RECORD));
    assert!(matches!(decoder.step(&long.as_bytes()[..MAX_RECORD]), Step::Oversized(_)));
}

#[test]
fn a_line_of_beginnings_takes_no_quadratic_time() {
    let mut text = "{\"log\":\"".repeat(MAX_RECORD / 8 - 100);
    text.push('\n');
    text.push_str(&record("b\n"));
    assert_eq!(decode(text.as_bytes()).0, ["b|"]);
}

proptest! {
    #[test]
    fn every_text_comes_back(texts in proptest::collection::vec("(\\PC|[\\\\\"\t\u{1}<]){0,40}", 0..8), cut in any::<bool>()) {
        let bytes: String = texts.iter().map(|text| record(&format!("{text}{}", if cut { "" } else { "\n" }))).collect();
        let wanted: Vec<_> = texts.iter().map(|text| format!("{text}{}", if cut { "" } else { "|" })).collect();
        prop_assert_eq!(decode(bytes.as_bytes()), (wanted, 0));
    }

    #[test]
    fn no_bytes_bring_it_down(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz::json_file(&bytes);
    }

    #[test]
    fn damage_costs_no_other_record(
        at in 0usize..3,
        place in any::<prop::sample::Index>(),
        damage in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 1..20),
    ) {
        // Bytes overwritten inside one of three records; a quote less may take the next one's beginning, never its neighbours beyond.
        let records = [record("first\n"), record("second\n"), record("third\n")];
        let mut bytes = records.concat().into_bytes();
        let start: usize = records[..at].iter().map(String::len).sum();
        let from = start + place.index(records[at].len() - 21);
        bytes[from..from + damage.len()].copy_from_slice(&damage);
        let (texts, _) = decode(&bytes);
        for (number, word) in ["first|", "second|", "third|"].into_iter().enumerate() {
            prop_assert!(number == at || texts.iter().any(|text| text == word), "{word} lost");
        }
    }
}
