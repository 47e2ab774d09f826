//! The rules of both formats, strictly: what may be refused is refused, with the line.
//!
//! Prometheus text 0.0.4: HELP and TYPE once and before the samples of their family, all samples of a family together, no series
//! twice, no timestamp (ours carry none), escapes `\\` `\"` `\n` only, a line feed at the end.
//! OpenMetrics 1.0 on top: counters end in `_total`, info in `_info` and is 1, units end the name, no blank line, `# EOF` is last.

use std::collections::{BTreeMap, BTreeSet};

use super::page::{Header, Labels, Sample};

type Parsed = (BTreeMap<String, Header>, Vec<Sample>);

/// Reads the Prometheus text format 0.0.4.
pub fn text(body: &str) -> Result<Parsed, String> {
    let body = body.strip_suffix('\n').ok_or("the last line has no line feed")?;
    Reader::new(false).read(body.split('\n'))
}

/// Reads OpenMetrics 1.0.
pub fn openmetrics(body: &str) -> Result<Parsed, String> {
    let body = body.strip_suffix("# EOF\n").ok_or("the page does not end in `# EOF` and a line feed")?;
    let lines = body.strip_suffix('\n').ok_or("`# EOF` is not a line of its own")?;
    Reader::new(true).read(lines.split('\n'))
}

struct Reader {
    openmetrics: bool,
    families: BTreeMap<String, Header>,
    current: Option<String>,
    current_has_samples: bool,
    seen: BTreeSet<(String, Vec<(String, String)>)>,
    samples: Vec<Sample>,
}

impl Reader {
    fn new(openmetrics: bool) -> Self {
        Self {
            openmetrics,
            families: BTreeMap::new(),
            current: None,
            current_has_samples: false,
            seen: BTreeSet::new(),
            samples: Vec::new(),
        }
    }

    fn read<'a>(mut self, lines: impl Iterator<Item = &'a str>) -> Result<Parsed, String> {
        for (number, line) in lines.enumerate() {
            self.line(line).map_err(|reason| format!("line {}: {reason}: {line}", number + 1))?;
        }
        self.close_family()?;
        Ok((self.families, self.samples))
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(rest) = line.strip_prefix("# ") {
            let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            return match word {
                "HELP" | "TYPE" | "UNIT" => self.header(word, rest),
                "EOF" => Err("EOF before the end".into()),
                _ if self.openmetrics => Err("comments are not allowed".into()),
                _ => Ok(()),
            };
        }
        if line.starts_with('#') || line.is_empty() || line.starts_with(' ') {
            return Err("neither header nor sample".into());
        }
        self.sample(line)
    }

    fn header(&mut self, word: &str, rest: &str) -> Result<(), String> {
        let (name, value) = rest.split_once(' ').ok_or("header without a value")?;
        if !is_name(name, true) {
            return Err(format!("{name} is no metric name"));
        }
        if self.current.as_deref() != Some(name) {
            self.close_family()?;
            if self.families.contains_key(name) {
                return Err(format!("family {name} comes twice"));
            }
            self.families.insert(name.to_owned(), Header::default());
            self.current = Some(name.to_owned());
            self.current_has_samples = false;
        } else if self.current_has_samples {
            return Err("header after samples of its family".into());
        }
        let openmetrics = self.openmetrics;
        let header = self.families.get_mut(name).ok_or("unreachable: just inserted")?;
        match word {
            "HELP" if header.help.is_empty() => header.help = unescape(value, openmetrics)?,
            "TYPE" if header.kind.is_empty() => header.kind = known_kind(value, openmetrics)?,
            "UNIT" if openmetrics && header.unit.is_none() && name.ends_with(&format!("_{value}")) => {
                header.unit = Some(value.to_owned());
            }
            _ => return Err(format!("{word} twice, empty, or not allowed here")),
        }
        Ok(())
    }

    fn close_family(&self) -> Result<(), String> {
        let Some(name) = &self.current else { return Ok(()) };
        let header = self.families.get(name).ok_or("unreachable: current is known")?;
        match () {
            () if header.kind.is_empty() => Err(format!("family {name} has no TYPE")),
            () if header.help.is_empty() => Err(format!("family {name} has no HELP")),
            () if !self.current_has_samples => Err(format!("family {name} has no sample")),
            () => Ok(()),
        }
    }

    fn sample(&mut self, line: &str) -> Result<(), String> {
        let name_end = line.find(['{', ' ']).ok_or("no value")?;
        let (name, rest) = line.split_at(name_end);
        let (labels, rest) = if rest.starts_with('{') { parse_labels(rest)? } else { (Labels::new(), rest) };
        let raw = rest.strip_prefix(' ').ok_or("no single space before the value")?;
        let value = number(raw)?;
        let family = self.current.clone().ok_or("sample before any header")?;
        let kind = self.families.get(&family).map(|h| h.kind.clone()).unwrap_or_default();
        self.belongs(&family, &kind, name, &labels, value)?;
        let key = (name.to_owned(), labels.iter().map(|(k, v)| (k.clone(), v.clone())).collect());
        if !self.seen.insert(key) {
            return Err("series comes twice".into());
        }
        self.current_has_samples = true;
        self.samples.push(Sample { name: name.to_owned(), labels, raw: raw.to_owned(), value });
        Ok(())
    }

    fn belongs(&self, family: &str, kind: &str, name: &str, labels: &Labels, value: f64) -> Result<(), String> {
        let suffix = name.strip_prefix(family).ok_or_else(|| format!("not a sample of {family}"))?;
        let allowed: &[&str] = match (kind, self.openmetrics) {
            ("histogram", _) => &["_bucket", "_sum", "_count"],
            ("summary", _) => &["", "_sum", "_count"],
            ("counter", true) => &["_total"],
            ("info", true) => &["_info"],
            _ => &[""],
        };
        if !allowed.contains(&suffix) {
            return Err(format!("a {kind} has no sample {family}{suffix}"));
        }
        let counts = kind == "counter" || (kind == "histogram" && suffix != "_sum");
        if counts && (value.is_nan() || value < 0.0) {
            return Err(format!("a {kind} cannot be {value}"));
        }
        if kind == "info" && value != 1.0 {
            return Err("an info metric is 1".into());
        }
        if (suffix == "_bucket") != labels.contains_key("le") && kind == "histogram" {
            return Err("buckets, and nothing else, carry `le`".into());
        }
        Ok(())
    }
}

fn known_kind(word: &str, openmetrics: bool) -> Result<String, String> {
    let known: &[&str] = if openmetrics {
        &["gauge", "counter", "stateset", "info", "histogram", "gaugehistogram", "summary", "unknown"]
    } else {
        &["gauge", "counter", "histogram", "summary", "untyped"]
    };
    if known.contains(&word) { Ok(word.to_owned()) } else { Err(format!("{word} is no type")) }
}

fn is_name(name: &str, colon: bool) -> bool {
    let mut chars = name.chars();
    let start = |c: char| c.is_ascii_alphabetic() || c == '_' || (colon && c == ':');
    chars.next().is_some_and(start) && chars.all(|c| start(c) || c.is_ascii_digit())
}

/// Reads `{a="b",c="d"}` at the start of `text`; gives what follows it.
fn parse_labels(text: &str) -> Result<(Labels, &str), String> {
    let mut labels = Labels::new();
    let mut rest = text.strip_prefix('{').ok_or("no brace")?;
    if rest.starts_with('}') {
        return Err("empty braces".into());
    }
    loop {
        let (name, after) = rest.split_once("=\"").ok_or("label without `=\"`")?;
        if !is_name(name, false) {
            return Err(format!("{name} is no label name"));
        }
        let end = closing_quote(after).ok_or("label value without its closing quote")?;
        let (value, after) = after.split_at(end);
        if labels.insert(name.to_owned(), unescape(value, true)?).is_some() {
            return Err(format!("label {name} comes twice"));
        }
        rest = after.strip_prefix('"').ok_or("unreachable: a quote was found")?;
        match rest.split_at_checked(1) {
            Some((",", more)) => rest = more,
            Some(("}", more)) => return Ok((labels, more)),
            _ => return Err("neither `,` nor `}` after a label".into()),
        }
    }
}

fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let closes = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        closes.then_some(at)
    })
}

fn unescape(text: &str, quotes: bool) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('\\')) => out.push('\\'),
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('"')) if quotes => out.push('"'),
            ('\\', other) => return Err(format!("unknown escape \\{}", other.unwrap_or(' '))),
            (plain, _) => out.push(plain),
        }
    }
    Ok(out)
}

fn number(text: &str) -> Result<f64, String> {
    match text {
        "NaN" => Ok(f64::NAN),
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        _ if text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) => {
            text.parse().map_err(|_| format!("{text} is no number"))
        }
        _ => Err(format!("{text} is no number (timestamps are not allowed)")),
    }
}
