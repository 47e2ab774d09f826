use proptest::prelude::*;

use super::{super::fuzz::log_lines, *};

/// Pieces which formats are made of, so that strings of them come near to lines.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "{",
            "}",
            "\"",
            "\\",
            ":",
            ",",
            "[",
            "]",
            "level",
            "trace_id",
            "error",
            "ERROR",
            "info",
            "=",
            " ",
            "  ",
            "<3>",
            "LOG:  ",
            "DETAIL:  ",
            "2026-11-28 05:29:05.000 UTC [7] ",
            "7:M 28 Nov 2026 05:29:05.000 * ",
            "GET / HTTP/1.1",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "[28/Nov/2026:05:29:05 +0000] \"",
            "\" 500 1",
            "I0102 15:04:05.000 1 a.go:1] ",
            "2026/11/28 05:29:05 [error] 7#7: ",
            "request_id",
            "audit",
            "\n",
            "\t",
            "ä",
            "\u{1b}[31m",
            "[GIN] | 200 ",
        ])
        .prop_map(str::to_owned),
        "\\PC{0,6}",
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

#[test]
fn lines_made_to_cost_are_paid_by_their_length() {
    let cost = |line: &str| {
        let runs = (0..5).map(|_| {
            let start = std::time::Instant::now();
            std::hint::black_box(read(std::hint::black_box(line), &mut Hint::default()));
            start.elapsed()
        });
        runs.min().unwrap()
    };
    let units = [
        "(traceparent=",
        "(trace_id=",
        "[",
        "a=",
        ": error:",
        "{\"a\":",
        "{\"a\":[",
        "\"\\",
        "a=\"",
        "AB ",
        "GET / ",
        "LOG:  ",
    ];
    for unit in units {
        let line = unit.repeat((1 << 20) / unit.len());
        // Five milliseconds are the budget of a line, all steps together, in a build for speed: tests are tens of times slower.
        assert!(cost(&line).as_millis() < 100, "{unit:?}: {:?}", cost(&line));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn lines_of_no_form_break_nothing(line in "\\PC{0,80}") {
        log_lines(line.as_bytes());
    }

    #[test]
    fn pieces_of_formats_break_nothing(line in pieces()) {
        log_lines(line.as_bytes());
    }

    #[test]
    fn what_a_program_says_in_json_is_read_back(
        level in prop::sample::select(LogLevel::ALL.to_vec()),
        message in "[^\\x00-\\x1f\"\\\\]{0,40}",
        trace in "[0-9a-f]{31}[1-9a-f]",
        request in "r[!#-\\[\\]-~]{0,30}",
        depth in 0_usize..40,
    ) {
        let nested = format!("{}null{}", "{\"x\":[".repeat(depth), "]}".repeat(depth));
        let line = format!(
            r#"{{"msg":"{message}","extra":{nested},"level":"{}","trace_id":"{trace}","request_id":"{request}"}}"#,
            level.as_str()
        );
        let facts = read(&line, &mut Hint::default());
        prop_assert_eq!(
            (facts.format, facts.level, facts.trace_id, facts.request_id.as_deref()),
            (Format::Json, Some(level), Some(trace.as_str()), Some(request.as_str()))
        );
    }
}
