//! Texts for Prometheus: whether they can be put into an expression of ours without becoming another one.

use std::sync::Arc;

use super::super::report::{Wrong, quoted};
use crate::policy::objectives::Query;

/// Bytes of a query.
const MAX_QUERY: usize = 4_000;

/// A counter, or an expression with `$window` in it (Sloth's `{{.window}}` is read as that).
pub(super) fn query(text: &str) -> Result<Query, Wrong> {
    let text = balanced(text)?;
    let normal = text.replace("{{.window}}", "$window").replace("{{ .window }}", "$window");
    if normal.contains("$window") {
        return Ok(Query::Expression(normal.into()));
    }
    match is_selector(&text) {
        true => Ok(Query::Counter(text)),
        false => Err(Wrong::new(format!("{} is neither a counter nor an expression about a window", quoted(&text)))
            .hint("write http_requests_total{code=~\"5..\"}, or sum(rate(http_requests_total[$window]))")),
    }
}

/// A text on one line, whose brackets and quotes end where they began: nothing of it can reach out of the parentheses around it.
pub(super) fn balanced(text: &str) -> Result<Arc<str>, Wrong> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let wrong = |what: &str| Err(Wrong::new(format!("{} {what}", quoted(&line))).hint("try it in Prometheus first"));
    if line.is_empty() || line.len() > MAX_QUERY {
        return wrong("is no query of at most 4000 bytes");
    }
    // A comment would swallow the parenthesis behind it.
    let mut open = Vec::new();
    let mut quote = None;
    let mut escaped = false;
    for c in line.chars() {
        match (quote, c) {
            (Some(_), _) if escaped => escaped = false,
            (Some('"' | '\''), '\\') => escaped = true,
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, '#') => return wrong("has a comment"),
            (None, '(') => open.push(')'),
            (None, '[') => open.push(']'),
            (None, '{') => open.push('}'),
            (None, ')' | ']' | '}') if open.pop() != Some(c) => return wrong("has brackets that do not match"),
            (None, c) if c.is_control() => return wrong("has a control character"),
            (None, _) => {}
        }
    }
    match quote.is_some() || !open.is_empty() {
        true => wrong("has brackets or quotes that do not end"),
        false => Ok(line.into()),
    }
}

/// `name`, `name{...}` or `{...}`, and nothing behind it.
pub(super) fn is_selector(text: &str) -> bool {
    let (name, braces) = match text.split_once('{') {
        Some((name, rest)) => (name, Some(rest)),
        None => (text, None),
    };
    let named = name.trim_end().chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    let first = name.chars().next().is_none_or(|c| !c.is_ascii_digit());
    let closed = braces.is_none_or(|rest| rest.strip_suffix('}').is_some_and(|inside| !outside_of_quotes(inside, '}')));
    named && first && closed && (!name.is_empty() || braces.is_some())
}

fn outside_of_quotes(text: &str, wanted: char) -> bool {
    let mut quoted = false;
    text.chars().any(|c| {
        quoted ^= c == '"';
        c == wanted && !quoted
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counters_and_expressions_are_told_apart() {
        let counters = ["x_total", "x_total{code=~\"5..\"}", "{__name__=\"x\"}", "a:b:c", "x{a=\"}\"}"];
        for text in counters {
            assert_eq!(query(text), Ok(Query::Counter(text.into())));
        }
        for text in ["sum(rate(x[$window]))", "sum(rate(x[{{.window}}]))", "sum(rate(x[{{ .window }}]))"] {
            assert_eq!(query(text), Ok(Query::Expression("sum(rate(x[$window]))".into())));
        }
        assert_eq!(query("sum(\n  rate(x[$window])\n)"), Ok(Query::Expression("sum( rate(x[$window]) )".into())));
        for text in ["sum(x)", "x[5m]", "x offset 5m", "rate(x[5m])", "1x", "x} or y{", "x{a=\"b\"} or y{c=\"d\"}"] {
            assert!(query(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_reaches_out_of_its_parentheses() {
        for text in ["", " ", "x)", "(x", "x{a=\"b}", "x # y", "x]", "(x]", "x{", "'x", "x\"\\\"", &"x".repeat(4_001)] {
            assert!(balanced(text).is_err(), "{text}");
        }
        for text in ["x{a=\"#)\"}", "x{a='}'}", "x{a=\"\\\"\"}", "a / b > bool 0"] {
            assert_eq!(balanced(text).unwrap().as_ref(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_can_be_wrapped(text in "[a-z(){}\\[\\]\"'`\\\\# ]{0,30}") {
            if let Ok(taken) = balanced(&text) {
                let wrapped = format!("({taken})");
                prop_assert_eq!(balanced(&wrapped).map(|again| again.to_string()).ok(), Some(wrapped));
            }
        }
    }
}
