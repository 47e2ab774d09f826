//! Rule files -> YAML, the same bytes each time.
//!
//! A writer of its own rather than a serialiser: comments stand where they belong, expressions are blocks that can be read, and no
//! text can be taken for anything but text.

use super::{
    rule::{File, Group, Kind, Rule},
    span::show,
};

/// The text of a file.
pub(super) fn write(file: &File) -> String {
    let mut out = Out::default();
    for line in &file.about {
        out.line(0, &format!("# {line}"));
    }
    out.line(0, "groups:");
    for group in &file.groups {
        write_group(&mut out, group);
    }
    out.0
}

fn write_group(out: &mut Out, group: &Group) {
    out.line(2, &format!("- name: {}", scalar(&group.name)));
    out.line(4, &format!("interval: {}", show(group.interval)));
    out.line(4, "rules:");
    for rule in &group.rules {
        write_rule(out, rule);
    }
}

fn write_rule(out: &mut Out, rule: &Rule) {
    for line in rule.note.iter().flat_map(|note| note.lines()) {
        out.line(6, &format!("# {line}"));
    }
    let head = match &rule.kind {
        Kind::Record(_) => "record",
        Kind::Alert { .. } => "alert",
    };
    out.line(6, &format!("- {head}: {}", scalar(rule.name())));
    out.text(8, "expr", &rule.expr);
    if let Kind::Alert { wait, keep, .. } = &rule.kind {
        for (key, duration) in [("for", wait), ("keep_firing_for", keep)] {
            if !duration.is_zero() {
                out.line(8, &format!("{key}: {}", show(*duration)));
            }
        }
    }
    out.map(8, "labels", rule.labels.iter());
    if let Kind::Alert { annotations, .. } = &rule.kind {
        out.map(8, "annotations", annotations.iter());
    }
}

#[derive(Default)]
struct Out(String);

impl Out {
    fn line(&mut self, indent: usize, text: &str) {
        let text = text.trim_end();
        self.0.push_str(&" ".repeat(indent));
        self.0.push_str(text);
        self.0.push('\n');
    }

    /// A text of one line beside its key, of several as a block below it.
    fn text(&mut self, indent: usize, key: &str, text: &str) {
        let block =
            text.contains('\n') && !text.starts_with([' ', '\n']) && text.chars().all(|c| c == '\n' || !c.is_control());
        if !block {
            return self.line(indent, &format!("{key}: {}", scalar(text)));
        }
        self.line(indent, &format!("{key}: |-"));
        for line in text.lines() {
            match line.trim_end() {
                "" => self.0.push('\n'),
                line => self.line(indent + 2, line),
            }
        }
    }

    fn map<'a>(
        &mut self,
        indent: usize,
        key: &str,
        entries: impl ExactSizeIterator<Item = &'a (&'static str, String)>,
    ) {
        if entries.len() > 0 {
            self.line(indent, &format!("{key}:"));
        }
        for (key, value) in entries {
            self.line(indent + 2, &format!("{key}: {}", scalar(value)));
        }
    }
}

/// A text on one line: as it is where YAML cannot take it for anything else, otherwise in double quotes.
pub(super) fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() || c == '\u{feff}' || ('\u{2028}'..='\u{2029}').contains(&c) => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether it begins like a word or an expression, and has nothing in it that means something to YAML.
fn is_plain(text: &str) -> bool {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '(' || c == '/');
    let inside = text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    let means = [": ", " #", "{{", "}}"].iter().any(|mark| text.contains(mark));
    first && inside && !means && !text.ends_with([':', ' ']) && !is_word_of_yaml(text)
}

/// YAML 1.1 has many words for two values and for none, in several spellings.
fn is_word_of_yaml(text: &str) -> bool {
    ["true", "false", "yes", "no", "on", "off", "null", "y", "n"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[test]
    fn texts_are_quoted_where_they_could_be_taken_for_something_else() {
        for (text, written) in [
            ("up == 0", "up == 0"),
            ("a: b", "\"a: b\""),
            ("On", "\"On\""),
            ("3", "\"3\""),
            ("", "\"\""),
            ("a #b", "\"a #b\""),
            ("{{ $value }}", "\"{{ $value }}\""),
            ("a\nb", "\"a\\nb\""),
            ("tr\u{fc}b", "\"tr\u{fc}b\""),
            ("ends:", "\"ends:\""),
        ] {
            assert_eq!(scalar(text), written);
        }
    }

    #[test]
    fn a_file_reads_as_somebody_would_write_it() {
        let annotations = vec![("summary", "It is so.".to_owned())];
        let alert = Kind::Alert { name: "A".into(), wait: Duration::from_secs(60), keep: Duration::ZERO, annotations };
        let labels = vec![("severity", "info".to_owned())];
        let rules = vec![
            Rule::record("a:b:c", "sum(b)", Vec::new()),
            Rule { note: Some("Why.".into()), kind: alert, expr: "a\n> 0".into(), labels },
        ];
        let groups = vec![Group { name: "g".into(), interval: Duration::from_secs(30), rules }];
        let file = File { name: "g.yml".into(), about: vec!["What it is.".into()], groups };
        let expected = "\
# What it is.
groups:
  - name: g
    interval: 30s
    rules:
      - record: a:b:c
        expr: sum(b)
      # Why.
      - alert: A
        expr: |-
          a
          > 0
        for: 1m
        labels:
          severity: info
        annotations:
          summary: It is so.
";
        assert_eq!(write(&file), expected);
    }

    #[derive(Deserialize)]
    struct Read {
        groups: Vec<ReadGroup>,
    }
    #[derive(Deserialize)]
    struct ReadGroup {
        rules: Vec<ReadRule>,
    }
    #[derive(Deserialize)]
    struct ReadRule {
        record: String,
        expr: String,
    }

    proptest! {
        #[test]
        fn every_text_comes_back_as_it_was(name in any::<String>(), expr in "([a-z:#{}\"'|>-]| |\n){0,40}") {
            let rules = vec![Rule::record(name.clone(), expr.clone(), Vec::new())];
            let group = Group { name: "g".into(), interval: Duration::from_secs(1), rules };
            let text = write(&File { name: String::new(), about: Vec::new(), groups: vec![group] });
            let read: Read = serde_saphyr::from_str(&text).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
            prop_assert_eq!(&read.groups[0].rules[0].record, &name, "{}", text);
            let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned();
            prop_assert_eq!(trimmed(&read.groups[0].rules[0].expr), trimmed(&expr), "{}", text);
        }
    }
}
