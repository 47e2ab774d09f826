use proptest::prelude::*;

use super::*;

fn items(format: Format, page: &str, piece: usize) -> Result<Vec<String>, ParseError> {
    let mut parser = Parser::new(format, Limits::default());
    let mut found = Vec::new();
    let mut each = |item: Item<'_>| found.push(format!("{item:?}"));
    for piece in page.as_bytes().chunks(piece) {
        parser.push(piece, &mut each)?;
    }
    parser.finish(&mut each)?;
    Ok(found)
}

fn one(format: Format, line: &str) -> Result<String, &'static str> {
    let page = if format == Format::OpenMetrics { format!("{line}\n# EOF\n") } else { format!("{line}\n") };
    match items(format, &page, 1000) {
        Ok(found) => Ok(found.concat()),
        Err(ParseError::Syntax { what, .. }) => Err(what),
        Err(error) => panic!("{error}"),
    }
}

fn sample<'a>(name: &'a str, labels: &[(&'a str, &'a str)], value: f64) -> String {
    let labels = labels.iter().map(|(name, value)| Label { name, value }).collect();
    format!("{:?}", Item::Sample { name, labels, value })
}

#[test]
fn samples_of_the_classic_format() {
    for (line, expected) in [
        ("up 1", sample("up", &[], 1.0)),
        ("  up\t 1.5e3 1395066363000", sample("up", &[], 1500.0)),
        ("a:b{} -Inf", sample("a:b", &[], f64::NEG_INFINITY)),
        ("a {b=\"c\"} NaN", sample("a", &[("b", "c")], f64::NAN)),
        ("a{b=\"c\",} 0", sample("a", &[("b", "c")], 0.0)),
        ("a{ b = \"c\" , d=\"\" }+Inf", sample("a", &[("b", "c"), ("d", "")], f64::INFINITY)),
        (r#"a{b="\"\\\n\x}"} 2"#, sample("a", &[("b", r#"\"\\\n\x}"#)], 2.0)),
        ("a{b=\"ä # }\"} 2\r", sample("a", &[("b", "ä # }")], 2.0)),
        ("", String::new()),
        ("# a comment", String::new()),
        ("#HELP a b", String::new()),
        ("# UNIT a b", String::new()),
        ("# HELP a b  c ", format!("{:?}", Item::Help("a", "b  c "))),
        ("# HELP a", format!("{:?}", Item::Help("a", ""))),
        ("#\tTYPE a untyped", format!("{:?}", Item::Type("a", Kind::Unknown))),
    ] {
        assert_eq!(one(Format::Text, line).as_deref(), Ok(expected.as_str()), "{line:?}");
    }
}

#[test]
fn what_is_no_classic_line_is_refused() {
    for (line, what) in [
        ("up", "has no value"),
        ("1up 1", "has no metric name"),
        ("{a=\"b\"} 1", "has no metric name"),
        ("{\"utf8.name\"} 1", "has no metric name"),
        ("up x", "has no valid value"),
        ("up 0x10", "has no valid value"),
        ("up 1_0", "has no valid value"),
        ("up 1 2.5", "has no valid timestamp"),
        ("up 1 2 3", "goes on too long"),
        ("up 1 # {a=\"b\"} 1", "goes on too long"),
        ("up{a=\"b} 1", "has a label value without quotes"),
        ("up{a=b} 1", "has a label value without quotes"),
        ("up{a} 1", "has a label without a value"),
        ("up{a=\"b\" c=\"d\"} 1", "has labels without a comma between them"),
        ("up{,} 1", "has an invalid label name"),
        ("up{a=\"b\",,} 1", "has an invalid label name"),
        ("up{a-b=\"c\"} 1", "has a label without a value"),
        ("up{a=\"b\",a=\"c\"} 1", "has one label twice"),
        ("up{__name__=\"x\"} 1", "has a reserved label name"),
        ("# TYPE a unknown", "has an unknown type"),
        ("# TYPE a", "has an unknown type"),
        ("# TYPE", "has no metric name"),
        ("# HELP a-b c", "has no metric name"),
        ("<html>", "has no metric name"),
    ] {
        assert_eq!(one(Format::Text, line).unwrap_err(), what, "{line:?}");
    }
}

#[test]
fn openmetrics_has_words_of_its_own() {
    for (line, expected) in [
        ("a_total 1 1520879607.789", sample("a_total", &[], 1.0)),
        ("a_bucket{le=\"1\"} 3 # {trace_id=\"x # y\"} 0.5 1.5", sample("a_bucket", &[("le", "1")], 3.0)),
        ("# TYPE a stateset", format!("{:?}", Item::Type("a", Kind::StateSet))),
        ("# UNIT a_seconds seconds", format!("{:?}", Item::Unit("a_seconds", "seconds"))),
    ] {
        assert_eq!(one(Format::OpenMetrics, line).as_deref(), Ok(expected.as_str()), "{line:?}");
    }
    assert_eq!(one(Format::OpenMetrics, ""), Err("is blank"));
    assert_eq!(one(Format::OpenMetrics, "# TYPE a untyped"), Err("has an unknown type"));
    assert_eq!(one(Format::OpenMetrics, "a 1 NaN"), Err("has no valid timestamp"));
    assert_eq!(check(Format::OpenMetrics, b"a 1\n", Limits::default()), Err(ParseError::NoEof));
    assert_eq!(check(Format::OpenMetrics, b"a 1\n# EOF", Limits::default()), Ok(1));
    let behind = ParseError::Syntax { line: 2, what: "stands behind # EOF" };
    assert_eq!(check(Format::OpenMetrics, b"# EOF\na 1\n", Limits::default()), Err(behind));
}

#[test]
fn everything_has_a_ceiling() {
    let limits = Limits { line: 20, labels: 2, samples: 2, bytes: 60 };
    let check = |page: &str| check(Format::Text, page.as_bytes(), limits);
    assert_eq!(check("a 1\nb 2\n"), Ok(2));
    assert_eq!(check("a 1\nb 2\nc 3\n"), Err(ParseError::TooManySamples(2)));
    assert_eq!(check(&format!("{} 1\n", "a".repeat(18))), Ok(1));
    assert_eq!(check(&format!("{} 1\n", "a".repeat(19))), Err(ParseError::LineTooLong(1)));
    assert_eq!(check(&format!("\n{}", "a".repeat(21))), Err(ParseError::LineTooLong(2)));
    assert_eq!(check(&"#\n".repeat(31)), Err(ParseError::TooLarge(60)));
    let labels = ParseError::Syntax { line: 1, what: "has too many labels" };
    assert_eq!(check("a{b=\"\",c=\"\",d=\"\"} 1"), Err(labels));
    let utf8 = ParseError::Syntax { line: 1, what: "is not UTF-8" };
    assert_eq!(super::check(Format::Text, b"a{b=\"\xff\"} 1\n", limits), Err(utf8));
    // A line without end is refused before it is kept.
    let mut parser = Parser::new(Format::Text, Limits { bytes: u64::MAX, ..limits });
    parser.push(&[b'a'; 20], &mut |_| {}).unwrap();
    assert_eq!(parser.push(b"a", &mut |_| {}), Err(ParseError::LineTooLong(1)));
}

#[test]
fn the_agents_own_page_is_read() {
    for (format, page) in [
        (Format::Text, &include_bytes!("../../../tests/golden/metrics.txt")[..]),
        (Format::OpenMetrics, &include_bytes!("../../../tests/golden/metrics.om")[..]),
    ] {
        let samples = page.split(|b| *b == b'\n').filter(|line| line.first().is_some_and(|b| *b != b'#')).count();
        assert_eq!(check(format, page, Limits::default()), Ok(samples as u64));
    }
}

proptest! {
    #[test]
    fn pieces_do_not_matter(page in "((# (HELP|TYPE|EOF) )?[a-c_{}=\", 0-9\n\\\\]{0,30}\n?){0,6}", piece in 1_usize..20) {
        for format in [Format::Text, Format::OpenMetrics] {
            prop_assert_eq!(items(format, &page, piece), items(format, &page, usize::MAX));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(page in prop::collection::vec(any::<u8>(), 0..400)) {
        for format in [Format::Text, Format::OpenMetrics] {
            let read = check(format, &page, Limits::default());
            prop_assert!(read.is_ok_and(|samples| samples <= 400) || read.is_err());
        }
    }

    #[test]
    fn what_our_writer_writes_is_read(name in "[a-z_:][a-z0-9_:]{0,9}", label in "[a-z][a-z0-9_]{0,5}", value in ".*", number in any::<f64>()) {
        let labels = super::super::LabelSet::new([(label.as_str(), value.as_str())]);
        let line = format!("{name}{{{}}} {number}\n", labels.as_str());
        prop_assert_eq!(check(Format::Text, line.as_bytes(), Limits::default()), Ok(1), "{}", line);
    }
}
