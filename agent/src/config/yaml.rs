//! YAML text -> a tree which knows line and column of everything in it.
//!
//! Only what a configuration needs: sections, lists and text. What a value means is decided by the key it stands under, so `off`,
//! `5` and `"5"` are all just text here, and YAML's guesses at types cannot surprise anybody. Anchors, aliases, tags and further
//! documents are refused: an alias can blow up a small file, and none of them makes a configuration easier to read.
//!
//! After a syntax error the part before it is still returned, so that its mistakes are reported in the same run.

use std::{borrow::Cow, collections::HashMap};

use serde_saphyr::granit_parser::{Event, Marker, Parser, ScalarStyle, options};

use super::report::{Position, Wrong, quoted};

/// Deepest nesting that is read; the table of keys needs three.
const MAX_DEPTH: usize = 16;

/// A value and where it begins.
#[derive(Debug, PartialEq)]
pub(super) struct Node {
    pub(super) at: Position,
    pub(super) value: Value,
}

/// What stands there.
#[derive(Debug, PartialEq)]
pub(super) enum Value {
    /// Nothing, `~` or `null`.
    Empty,
    /// Any single value, escapes resolved.
    Text(String),
    /// `- a` or `[a, b]`.
    List(Vec<Node>),
    /// `key: value` lines, keys unique, in the order of the file.
    Section(Vec<Entry>),
    /// Something refused, with the reason already among the mistakes.
    Refused,
}

/// One `key: value`.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Position,
    pub(super) value: Node,
}

/// Reads one document. The tree holds whatever could be understood, the list everything that could not.
pub(super) fn read(text: &str) -> (Option<Node>, Vec<(Position, Wrong)>) {
    let options = options! { emit_comments: false, flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    let mut builder = Builder::default();
    let mut documents = 0;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, at) = match event {
            Ok((event, span)) => {
                if let Some(tag) = span.tag_start() {
                    builder
                        .refuse(position(tag), Wrong::new("tags (`!name`) are not supported").hint("remove the tag"));
                }
                (event, position(span.start))
            }
            Err(error) => {
                // The reason may quote the character it stumbled over, whatever that does to a terminal.
                let reason = error.kind().to_string().replace(char::is_control, "?");
                builder.refuse(position(*error.marker()), Wrong::new(format!("not valid YAML: {reason}")));
                break;
            }
        };
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
            if documents > 1 {
                builder.refuse(at, Wrong::new("a second document begins here").hint("keep one document in the file"));
                break;
            }
        }
        builder.event(event, at);
    }
    builder.finish()
}

fn position(marker: Marker) -> Position {
    // The parser counts lines from 1 and columns from 0; an empty input is at line 0.
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}

/// A collection that is still open.
enum Frame {
    List { at: Position, items: Vec<Node> },
    Section { at: Position, entries: Vec<Entry>, lines: HashMap<String, usize>, key: Key },
}

/// What a section waits for.
enum Key {
    /// A key.
    Wanted,
    /// The value of this key.
    Of(String, Position),
    /// The value of a key which was refused.
    OfRefused,
}

#[derive(Default)]
struct Builder {
    open: Vec<Frame>,
    root: Option<Node>,
    wrong: Vec<(Position, Wrong)>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, at: Position) {
        match event {
            Event::Scalar(text, style, ..) => self.complete(Node { at, value: scalar(text, style) }),
            Event::SequenceStart(..) => self.open.push(Frame::List { at, items: Vec::new() }),
            Event::MappingStart(..) => {
                let section = Frame::Section { at, entries: Vec::new(), lines: HashMap::new(), key: Key::Wanted };
                self.open.push(section);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.refuse(at, Wrong::new("aliases (`*name`) are not supported").hint("write the value out"));
                self.complete(Node { at, value: Value::Refused });
            }
            _ => {}
        }
    }

    fn refuse(&mut self, at: Position, wrong: Wrong) {
        self.wrong.push((at, wrong));
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Frame::List { at, items }) => self.complete(Node { at, value: Value::List(items) }),
            Some(Frame::Section { at, entries, .. }) => self.complete(Node { at, value: Value::Section(entries) }),
            None => {}
        }
    }

    /// Hands a finished node to the collection around it.
    fn complete(&mut self, node: Node) {
        let wrong = match self.open.last_mut() {
            None => {
                self.root = Some(node);
                None
            }
            Some(Frame::List { items, .. }) => {
                items.push(node);
                None
            }
            Some(Frame::Section { entries, lines, key, .. }) => match std::mem::replace(key, Key::Wanted) {
                Key::Wanted => {
                    let (next, wrong) = as_key(node, lines);
                    *key = next;
                    wrong
                }
                Key::Of(name, at) => {
                    entries.push(Entry { key: name, at, value: node });
                    None
                }
                Key::OfRefused => None,
            },
        };
        self.wrong.extend(wrong);
    }

    /// Closes what a syntax error left open.
    fn finish(mut self) -> (Option<Node>, Vec<(Position, Wrong)>) {
        while !self.open.is_empty() {
            self.close();
        }
        (self.root, self.wrong)
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Value {
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" if style == ScalarStyle::Plain => Value::Empty,
        _ => Value::Text(text.into_owned()),
    }
}

/// Takes a node as the next key; `lines` says where each key of the section stands first.
fn as_key(node: Node, lines: &mut HashMap<String, usize>) -> (Key, Option<(Position, Wrong)>) {
    match node.value {
        Value::Text(name) => match lines.get(&name) {
            None => {
                lines.insert(name.clone(), node.at.line);
                (Key::Of(name, node.at), None)
            }
            Some(line) => {
                let wrong = Wrong::new(format!("{} stands here for the second time", quoted(&name)))
                    .hint(format!("the first is in line {line}; keep one"));
                (Key::OfRefused, Some((node.at, wrong)))
            }
        },
        Value::Refused => (Key::OfRefused, None),
        _ => (Key::OfRefused, Some((node.at, Wrong::new("a key must be a plain word")))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wrongs(text: &str) -> Vec<(usize, usize, String)> {
        read(text).1.into_iter().map(|(at, wrong)| (at.line, at.column, wrong.what)).collect()
    }

    #[test]
    fn a_tree_knows_its_places() {
        let (root, wrong) = read("a:\n  b: x\n  c: [1, \"~\"]\nd:\n");
        assert_eq!(wrong, vec![]);
        let Value::Section(entries) = root.unwrap().value else { panic!("not a section") };
        assert_eq!((entries[0].key.as_str(), entries[0].at.line, entries[0].at.column), ("a", 1, 1));
        let Value::Section(inner) = &entries[0].value.value else { panic!("not a section") };
        assert_eq!(inner[0].value, Node { at: Position { line: 2, column: 6 }, value: Value::Text("x".into()) });
        let Value::List(items) = &inner[1].value.value else { panic!("not a list") };
        assert_eq!(items[1], Node { at: Position { line: 3, column: 10 }, value: Value::Text("~".into()) });
        assert_eq!(entries[1].value.value, Value::Empty);
    }

    #[test]
    fn empty_files_have_no_tree_or_an_empty_one() {
        for text in ["", "\n\n", "# only a comment\n", "---\n", "~", "\u{feff}"] {
            let (root, wrong) = read(text);
            assert_eq!(wrong, vec![], "{text:?}");
            assert!(root.is_none_or(|node| node.value == Value::Empty), "{text:?}");
        }
    }

    #[test]
    fn what_is_refused_is_named_with_its_place() {
        let table = [
            ("a: 1\na: 2\n", 2, 1, "\"a\" stands here for the second time"),
            ("a: &x 1\nb: *x\n", 2, 4, "aliases (`*name`) are not supported"),
            ("a: !secret x\n", 1, 4, "tags (`!name`) are not supported"),
            ("a: 1\n---\nb: 2\n", 2, 1, "a second document begins here"),
            ("[a]: 1\n", 1, 1, "a key must be a plain word"),
            ("? ~\n: 1\n", 1, 3, "a key must be a plain word"),
        ];
        for (text, line, column, what) in table {
            assert_eq!(wrongs(text), [(line, column, what.to_owned())], "{text:?}");
        }
    }

    #[test]
    fn the_part_before_a_syntax_error_is_kept() {
        let (root, wrong) = read("http:\n  listen: here\n  password: [hunter2\nlog: {\n");
        assert_eq!(wrong.len(), 1);
        assert!(wrong[0].1.what.starts_with("not valid YAML: "), "{wrong:?}");
        assert!(!wrong[0].1.what.contains("hunter2"), "{wrong:?}");
        let Value::Section(entries) = root.unwrap().value else { panic!("not a section") };
        let Value::Section(http) = &entries[0].value.value else { panic!("not a section") };
        assert_eq!(http[0].value.value, Value::Text("here".into()));
    }

    #[test]
    fn depth_has_a_ceiling() {
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(wrongs(&deep)[0].2.starts_with("not valid YAML: "), "{:?}", wrongs(&deep));
        let block: String = (0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert_eq!(wrongs(&block).len(), 1);
    }

    #[test]
    fn an_alias_bomb_stays_small() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert_eq!(wrongs(&text).len(), 11 * 10);
    }

    proptest! {
        #[test]
        fn no_text_panics_the_reader(text in any::<String>()) {
            let _tree = read(&text);
        }

        #[test]
        fn no_yaml_like_text_panics_the_reader(text in "([a-c]|[:,\\-?&*!|>'\"%@`#{}\\[\\]~\t ]|\n){0,200}") {
            let _tree = read(&text);
        }
    }
}
