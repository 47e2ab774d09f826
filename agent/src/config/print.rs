//! `config print`: the configuration in use as a file that could be loaded again, with where each value came from.

use std::fmt::Write as _;

use super::{
    Config,
    keys::{Facts, SECTIONS},
    kinds::Raw,
    layers::Setting,
};

/// Columns a comment may fill.
const COMMENT_WIDTH: usize = 110;

impl Config {
    /// The configuration in use as YAML with comments. Values of secrets are never in it: they show themselves as `[redacted]`.
    pub fn to_yaml(&self) -> String {
        let mut text = String::new();
        for (index, (section, about)) in SECTIONS.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            push(&mut text, format_args!("{gap}# {about}\n{section}:\n"));
            let mut group = None;
            for setting in self.settings.iter().filter(|setting| section_of(setting.key.facts()) == *section) {
                let of = group_of(setting.key.facts());
                if let Some(of) = of.filter(|_| of != group) {
                    push(&mut text, format_args!("  {of}:\n"));
                }
                group = of;
                push_setting(&mut text, setting, if of.is_some() { "    " } else { "  " });
            }
        }
        if self.policy_inline {
            text.push_str("\n# The policy in this configuration (tiers, projects, checks, exceptions) is another language and is not shown.\n");
        }
        text
    }
}

fn section_of(facts: &Facts) -> &str {
    facts.path.split_once('.').map_or(facts.path, |(section, _)| section)
}

/// The section inside the section: `tls` of `http.tls.cert_file`. Keys of one stand together in the table.
fn group_of(facts: &Facts) -> Option<&str> {
    let (_, rest) = facts.path.split_once('.')?;
    rest.rsplit_once('.').map(|(group, _)| group)
}

fn push_setting(text: &mut String, setting: &Setting, indent: &str) {
    let facts = setting.key.facts();
    let name = facts.path.rsplit_once('.').map_or(facts.path, |(_, name)| name);
    for line in wrap(facts.help) {
        push(text, format_args!("{indent}# {line}\n"));
    }
    match &setting.value {
        Raw::One(value) => push(text, format_args!("{indent}{name}: {} # {}\n", scalar(value), setting.origin)),
        Raw::Many(items) if items.is_empty() => push(text, format_args!("{indent}{name}: [] # {}\n", setting.origin)),
        Raw::Many(items) => {
            push(text, format_args!("{indent}{name}: # {}\n", setting.origin));
            for item in items {
                push(text, format_args!("{indent}  - {}\n", scalar(item)));
            }
        }
    }
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    text.write_fmt(arguments).unwrap_or_default();
}

fn wrap(help: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in help.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= COMMENT_WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A value as a YAML scalar: plain where that cannot be misread, else in double quotes.
fn scalar(value: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "/._-:=".contains(c);
    let plain = value.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/')
        && value.chars().all(harmless)
        && !value.ends_with(':')
        && !value.eq_ignore_ascii_case("null");
    if plain {
        return value.to_owned();
    }
    let mut quoted = String::from('"');
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            // Beyond ASCII, what YAML calls printable is not worth a table: an escape is always right.
            ' '..='~' => quoted.push(c),
            c => push(&mut quoted, format_args!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::yaml::{self, Value},
        *,
    };

    #[test]
    fn scalars_are_quoted_where_they_must_be() {
        for (value, expected) in [
            ("127.0.0.1:9477", "127.0.0.1:9477"),
            ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
            ("*", "\"*\""),
            ("[::1]:9477", "\"[::1]:9477\""),
            ("null", "\"null\""),
            ("~", "\"~\""),
            ("a b", "\"a b\""),
            ("a:", "\"a:\""),
            ("q\"\\", "\"q\\\"\\\\\""),
            ("h\u{e9}", "\"h\\U000000e9\""),
        ] {
            assert_eq!(scalar(value), expected);
        }
    }

    proptest! {
        #[test]
        fn scalars_read_back(value in any::<String>()) {
            let (root, wrong) = yaml::read(&format!("key: {} # comment\n", scalar(&value)));
            prop_assert_eq!(wrong, vec![]);
            let Some(Value::Section(entries)) = root.map(|root| root.value) else { panic!("no section") };
            prop_assert_eq!(&entries[0].value.value, &Value::Text(value));
        }
    }
}
