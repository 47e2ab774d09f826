//! The part of LogQL that dashboards use, and what may be named in it: the labels and metadata which the agent sends.
//!
//! ```text
//!  metric = aggregation [by (..)] ( metric ) | function ( log [duration] ) | metric operator metric | ( metric ) | number
//!  log    = { matchers } stage*
//!  stage  = |= != |~ !~ text | json | logfmt | decolorize | | filter | | unwrap label | | line_format text | | label_format a=b | | drop, keep
//! ```

/// Labels of streams: docs/logs.md, and `agent/src/logs/loki`.
pub(crate) const LABELS: [&str; 5] = ["host", "project", "service", "stream", "service_name"];
/// Structured metadata. Loki adds `detected_level` itself where it is missing.
pub(crate) const METADATA: [&str; 11] = [
    "container_id",
    "container_name",
    "replica",
    "detected_level",
    "log_kind",
    "trace_id",
    "span_id",
    "request_id",
    "original_timestamp",
    "cut_bytes",
    "redaction",
];

/// What a query consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// Stream selectors as they stand there.
    pub(crate) selectors: Vec<Vec<(String, String, String)>>,
    /// Names in filters, groupings and unwraps.
    pub(crate) names: Vec<String>,
    /// Durations of ranges.
    pub(crate) ranges: Vec<String>,
    /// It gives numbers, not lines.
    pub(crate) metric: bool,
    /// A stage takes names out of lines.
    pub(crate) extracts: bool,
}

const AGGREGATIONS: [&str; 8] = ["sum", "avg", "min", "max", "count", "topk", "bottomk", "sort_desc"];
const FUNCTIONS: [&str; 11] = [
    "count_over_time",
    "rate",
    "bytes_rate",
    "bytes_over_time",
    "absent_over_time",
    "sum_over_time",
    "avg_over_time",
    "max_over_time",
    "min_over_time",
    "quantile_over_time",
    "last_over_time",
];

/// Reads a query; an error says what does not fit, or is not in this part of the language.
pub(crate) fn parse(text: &str) -> Result<Query, String> {
    let mut parser = Parser { rest: text, query: Query::default() };
    parser.skip();
    if parser.rest.starts_with('{') {
        parser.log()?;
    } else {
        parser.query.metric = true;
        parser.metric()?;
    }
    parser.skip();
    if !parser.rest.is_empty() {
        return Err(format!("unexpected `{}`", parser.rest));
    }
    let empty = |matchers: &Vec<(String, String, String)>| {
        let selects = |(_, operator, value): &(String, String, String)| match operator.as_str() {
            "=" => !value.is_empty(),
            "=~" => !value.split('|').any(|branch| ["", ".*", "(.*)"].contains(&branch)),
            _ => false,
        };
        !matchers.iter().any(selects)
    };
    if let Some(matchers) = parser.query.selectors.iter().find(|matchers| empty(matchers)) {
        return Err(format!("Loki wants one matcher that does not fit the empty text: {matchers:?}"));
    }
    Ok(parser.query)
}

struct Parser<'a> {
    rest: &'a str,
    query: Query,
}

impl<'a> Parser<'a> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn sign(&mut self, sign: &str) -> bool {
        self.skip();
        let after = self.rest.strip_prefix(sign);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.sign(sign) { Ok(()) } else { Err(format!("wanted `{sign}` before `{}`", self.rest)) }
    }

    fn word(&mut self) -> Option<&'a str> {
        self.skip();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, after) = self.rest.split_at(end);
        let is_name = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        self.rest = if is_name { after } else { self.rest };
        is_name.then_some(word)
    }

    /// Takes the word if it is next.
    fn keyword(&mut self, wanted: &str) -> bool {
        let before = self.rest;
        let found = self.word() == Some(wanted);
        self.rest = if found { self.rest } else { before };
        found
    }

    fn name(&mut self) -> Result<(), String> {
        let name = self.word().ok_or_else(|| format!("no name before `{}`", self.rest))?;
        self.query.names.push(name.to_owned());
        Ok(())
    }

    fn text(&mut self) -> Result<String, String> {
        self.skip();
        let quote = self
            .rest
            .chars()
            .next()
            .filter(|c| "\"`".contains(*c))
            .ok_or_else(|| format!("no text before `{}`", self.rest))?;
        let mut value = String::new();
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.rest = &self.rest[at + 1..];
                    return Ok(value);
                }
                '\\' if quote == '"' => value.extend(chars.next().map(|(_, c)| c)),
                c => value.push(c),
            }
        }
        Err("a text without an end".to_owned())
    }

    fn names(&mut self) -> Result<(), String> {
        self.expect("(")?;
        while !self.sign(")") {
            self.name()?;
            if !self.sign(",") {
                return self.expect(")");
            }
        }
        Ok(())
    }

    fn grouping(&mut self) -> Result<(), String> {
        if self.keyword("by") || self.keyword("without") { self.names() } else { Ok(()) }
    }

    fn metric(&mut self) -> Result<(), String> {
        self.operand()?;
        let operators = ["==", "!=", ">=", "<=", ">", "<", "+", "-", "*", "/", "%"];
        while operators.iter().any(|operator| self.sign(operator))
            || self.keyword("or")
            || self.keyword("and")
            || self.keyword("unless")
        {
            if self.keyword("on") || self.keyword("ignoring") {
                self.names()?;
                if self.keyword("group_left") || self.keyword("group_right") {
                    self.names()?;
                }
            }
            self.operand()?;
        }
        Ok(())
    }

    fn number(&mut self) -> bool {
        self.skip();
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(self.rest.len());
        self.rest = &self.rest[end..];
        end > 0
    }

    fn operand(&mut self) -> Result<(), String> {
        if self.sign("(") {
            self.metric()?;
            return self.expect(")");
        }
        if self.number() {
            return Ok(());
        }
        let word = self.word().ok_or_else(|| format!("no metric before `{}`", self.rest))?;
        if AGGREGATIONS.contains(&word) {
            self.grouping()?;
            self.expect("(")?;
            if word.ends_with('k') && !(self.number() && self.sign(",")) {
                return Err(format!("`{word}` wants a number first"));
            }
            self.metric()?;
            self.expect(")")?;
            return self.grouping();
        }
        if word == "vector" {
            self.expect("(")?;
            self.number();
            return self.expect(")");
        }
        if !FUNCTIONS.contains(&word) {
            return Err(format!("no such function: `{word}`"));
        }
        self.expect("(")?;
        if word == "quantile_over_time" && !(self.number() && self.sign(",")) {
            return Err("quantile_over_time wants a number first".to_owned());
        }
        self.skip();
        self.log()?;
        self.expect("[")?;
        let (range, after) = self.rest.split_once(']').ok_or("a range without an end")?;
        self.query.ranges.push(range.trim().to_owned());
        self.rest = after;
        self.expect(")")?;
        self.grouping()
    }

    fn log(&mut self) -> Result<(), String> {
        self.expect("{")?;
        let mut matchers = Vec::new();
        while !self.sign("}") {
            let label = self.word().ok_or_else(|| format!("no label before `{}`", self.rest))?;
            let operator =
                ["=~", "!~", "!=", "="].into_iter().find(|operator| self.sign(operator)).ok_or("no operator")?;
            matchers.push((label.to_owned(), operator.to_owned(), self.text()?));
            if !self.sign(",") {
                self.expect("}")?;
                break;
            }
        }
        self.query.selectors.push(matchers);
        loop {
            self.skip();
            if ["|=", "|~", "!~", "!="].into_iter().any(|filter| self.sign(filter)) {
                self.text()?;
            } else if self.sign("|") {
                self.stage()?;
            } else {
                return Ok(());
            }
        }
    }

    fn stage(&mut self) -> Result<(), String> {
        match () {
            () if self.keyword("json") || self.keyword("logfmt") => {
                self.query.extracts = true;
                Ok(())
            }
            () if self.keyword("decolorize") => Ok(()),
            () if self.keyword("unwrap") => {
                if self.keyword("duration") || self.keyword("bytes") {
                    return self.names();
                }
                self.name()
            }
            () if self.keyword("line_format") => self.text().map(drop),
            () if self.keyword("drop") || self.keyword("keep") => {
                self.name()?;
                while self.sign(",") {
                    self.name()?;
                }
                Ok(())
            }
            () if self.keyword("label_format") => {
                self.word().ok_or("no label")?;
                self.expect("=")?;
                self.text().map(drop).or_else(|_| self.name())
            }
            () => self.filter(),
        }
    }

    /// `a="b" and (c!=1 or d=~"e")`.
    fn filter(&mut self) -> Result<(), String> {
        loop {
            if self.sign("(") {
                self.filter()?;
                self.expect(")")?;
            } else {
                self.name()?;
                let operators = ["=~", "!~", "!=", "==", ">=", "<=", ">", "<", "="];
                operators.into_iter().find(|operator| self.sign(operator)).ok_or("no operator in a filter")?;
                if !self.number() {
                    self.text()?;
                }
            }
            if !(self.keyword("and") || self.keyword("or")) {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_of_dashboards_are_read() {
        let query = parse("sum by (service, detected_level) (count_over_time({host=~\"a|b\", project=~\".*\"} |= `x` | json | detected_level=~\"error|fatal\" and status >= 500 [$__auto]))").unwrap();
        assert_eq!(query.names, ["service", "detected_level", "detected_level", "status"]);
        assert_eq!(
            (query.ranges.as_slice(), query.metric, query.extracts),
            (["$__auto".to_owned()].as_slice(), true, true)
        );
        for text in [
            "{service=\"web\"}",
            "{service=\"web\"} != \"health\" |~ `err.*` | logfmt | line_format \"{{.msg}}\"",
            "topk(5, sum by (service) (rate({host=~\".+\"}[5m])))",
            "sum(rate({host=\"a\"} | detected_level=\"error\" [1m])) / sum(rate({host=\"a\"}[1m])) > 0.1",
            "quantile_over_time(0.95, {host=\"a\"} | json | unwrap duration(took) [5m]) by (service)",
            "{host=\"a\"} | (log_kind=\"access\" or log_kind=\"error\") | drop trace_id, span_id",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn what_loki_refuses_is_refused() {
        for text in [
            "",
            "{}",
            "{service=~\".*\"}",
            "{service=web}",
            "{service=\"web\"",
            "rate({host=\"a\"})",
            "sum(rate({host=\"a\"}[5m])",
            "nosuch({host=\"a\"}[5m])",
            "topk(sum(rate({host=\"a\"}[5m])))",
            "{host=\"a\"} |= x",
            "{host=\"a\"} | detected_level",
            "{host=\"a\"} up",
        ] {
            assert!(parse(text).is_err(), "{text}: {:?}", parse(text));
        }
    }
}
