//! Labels and selectors as Loki's parser takes them.

use std::collections::BTreeMap;

/// A matcher of a selector: name, operator, value.
pub type Matcher = (String, &'static str, String);

/// `{name op "value", ...}` from the beginning of `text`; what follows comes back. The error is what Loki's parser says.
pub fn selector(text: &str) -> Result<(Vec<Matcher>, &str), String> {
    let mut rest = text.trim_start().strip_prefix('{').ok_or_else(|| fail(text, text, "unexpected end of input"))?;
    let mut matchers = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((matchers, after));
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            let what = match rest.chars().next() {
                None => "unexpected end of input inside braces".to_owned(),
                Some(c) => format!("unexpected character inside braces: '{c}'"),
            };
            return Err(fail(text, rest, &what));
        }
        let after = after.trim_start();
        let operators = ["=~", "!~", "!=", "="];
        let Some(operator) = operators.into_iter().find(|operator| after.starts_with(operator)) else {
            let what = match after.chars().next() {
                None => "unexpected end of input inside braces".to_owned(),
                Some(c) => format!("unexpected character inside braces: '{c}'"),
            };
            return Err(fail(text, after, &what));
        };
        let after = after[operator.len()..].trim_start();
        let (value, after) = quoted(after).map_err(|what| fail(text, after, &what))?;
        matchers.push((name.to_owned(), operator, value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None if rest.starts_with('}') => {}
            None if rest.is_empty() => return Err(fail(text, rest, "unexpected end of input inside braces")),
            None => return Err(fail(text, rest, "unexpected string in label set")),
        }
    }
}

/// Labels by name, and the name which stands twice in them.
pub type Labels = (Vec<(String, String)>, Option<String>);

/// Labels of a stream. Empty values count as absent, and `service_name` is added as Loki does.
pub fn labels(text: &str) -> Result<Labels, String> {
    let matchers = match text {
        "" => Vec::new(),
        text => selector(text)?.0,
    };
    let mut labels: Vec<(String, String)> = Vec::new();
    for (name, operator, value) in matchers {
        if operator != "=" {
            return Err(fail(text, "", "unexpected operator in label set, expected \"=\""));
        }
        labels.push((name, value));
    }
    labels.retain(|(_, value)| !value.is_empty());
    if !labels.iter().any(|(name, _)| name == "service_name") {
        let service = SERVICE_NAMES.iter().find_map(|wanted| labels.iter().find(|(name, _)| name == wanted));
        let service = service.map_or("unknown_service", |(_, value)| value).to_owned();
        labels.push(("service_name".to_owned(), service));
    }
    labels.sort_by(|one, other| one.0.cmp(&other.0));
    let twice = labels.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0.clone());
    Ok((labels, twice))
}

/// `discover_service_name`.
const SERVICE_NAMES: &[&str] = &[
    "service",
    "app",
    "application",
    "app_name",
    "name",
    "app_kubernetes_io_name",
    "container",
    "container_name",
    "k8s_container_name",
    "component",
    "workload",
    "job",
    "k8s_job_name",
];

/// The spelling of a stream's name.
pub fn spell<'a>(labels: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let labels: Vec<String> = labels.into_iter().map(|(name, value)| format!("{name}={}", go_quoted(value))).collect();
    format!("{{{}}}", labels.join(", "))
}

/// Whether labels fit all matchers; an absent label is an empty one.
pub fn fits(labels: &BTreeMap<String, String>, matchers: &[Matcher]) -> bool {
    matchers.iter().all(|(name, operator, value)| {
        let found = labels.get(name).map_or("", String::as_str);
        let matches =
            |pattern: &str| regex::Regex::new(&format!("^(?:{pattern})$")).expect("a pattern").is_match(found);
        match *operator {
            "=" => found == value,
            "!=" => found != value,
            "=~" => matches(value),
            _ => !matches(value),
        }
    })
}

/// A string in double quotes (with Go's escapes) or backticks from the beginning of `text`.
pub fn quoted(text: &str) -> Result<(String, &str), String> {
    if let Some(raw) = text.strip_prefix('`') {
        let (value, rest) = raw.split_once('`').ok_or("unterminated raw string")?;
        return Ok((value.to_owned(), rest));
    }
    let Some(inside) = text.strip_prefix('"') else {
        return Err(match text.chars().next() {
            None => "unexpected end of input in label set, expected string".to_owned(),
            Some(c) if c.is_ascii_alphabetic() => {
                let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
                format!("unexpected identifier \"{}\" in label set, expected string", &text[..end])
            }
            Some(c) => format!("unexpected \"{c}\" in label set, expected string"),
        });
    };
    let mut value = String::new();
    let mut rest = inside.char_indices();
    while let Some((at, c)) = rest.next() {
        match c {
            '"' => return Ok((value, &inside[at + 1..])),
            '\n' => break,
            '\\' => value.push(escape(&mut rest).ok_or("unknown escape sequence")?),
            c => value.push(c),
        }
        // As it came, or after it was escaped.
        if value.ends_with(char::REPLACEMENT_CHARACTER) {
            return Err("invalid UTF-8 rune".to_owned());
        }
    }
    Err("unterminated quoted string".to_owned())
}

fn escape(rest: &mut std::str::CharIndices<'_>) -> Option<char> {
    Some(match rest.next()?.1 {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        c @ ('"' | '\\' | '\'') => c,
        kind @ ('x' | 'u' | 'U') => {
            let length = match kind {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let digits: String = rest.by_ref().take(length).map(|(_, c)| c).collect();
            char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?
        }
        _ => return None,
    })
}

fn go_quoted(value: &str) -> String {
    let mut text = String::from('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\x07' => text.push_str("\\a"),
            '\x08' => text.push_str("\\b"),
            '\x0b' => text.push_str("\\v"),
            '\x0c' => text.push_str("\\f"),
            c if c.is_ascii_control() => text.push_str(&format!("\\x{:02x}", u32::from(c))),
            c if c.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// Line and column from 1, as the parser counts.
fn fail(text: &str, rest: &str, what: &str) -> String {
    let column = text.len() - rest.len() + 1;
    format!("1:{column}: parse error: {what}")
}
