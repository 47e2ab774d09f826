//! Files with several documents, and looking into a tree by name.

use std::sync::Arc;

use super::{Entry, Fields, KINDS, Node, Position, Value, Wrong, quoted};
use crate::config::yaml;

/// Documents of one file.
const MAX_DOCUMENTS: usize = 200;

/// One document: its kind, its name, and the tree.
pub(super) struct Document {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) at: Position,
    entries: Vec<Entry>,
}

impl Document {
    /// The tree below `spec`; an empty one without.
    pub(super) fn spec(&self) -> Tree<'_> {
        Tree::Entries(&self.entries, self.at).get("spec").unwrap_or(Tree::Entries(&[], self.at))
    }

    /// A label of its metadata, or nothing.
    pub(super) fn label(&self, name: &str) -> Arc<str> {
        let root = Tree::Entries(&self.entries, self.at);
        let label = root.get("metadata").and_then(|metadata| metadata.get("labels")?.get(name)?.text());
        label.unwrap_or_default().into()
    }
}

/// Something to look into.
#[derive(Clone, Copy)]
pub(super) enum Tree<'a> {
    Node(&'a Node),
    Entries(&'a [Entry], Position),
}

impl<'a> Tree<'a> {
    pub(super) const fn at(self) -> Position {
        match self {
            Self::Node(node) => node.at,
            Self::Entries(_, at) => at,
        }
    }

    /// What stands under a key.
    pub(super) fn get(self, key: &str) -> Option<Self> {
        let entries: &[Entry] = match self {
            Self::Node(Node { value: Value::Section(entries), .. }) => entries,
            Self::Entries(entries, _) => entries,
            Self::Node(_) => return None,
        };
        entries.iter().find(|entry| entry.key == key).map(|entry| Self::Node(&entry.value))
    }

    pub(super) fn text(self) -> Option<&'a str> {
        match self {
            Self::Node(Node { value: Value::Text(text), .. }) => Some(text),
            _ => None,
        }
    }

    pub(super) fn items(self) -> Vec<Self> {
        match self {
            Self::Node(Node { value: Value::List(nodes), .. }) => nodes.iter().map(Self::Node).collect(),
            _ => Vec::new(),
        }
    }
}

/// The documents of a file that are OpenSLO v1; everything else is a mistake.
pub(super) fn documents(fields: &mut Fields<'_>, text: &str) -> Vec<Document> {
    let mut all = Vec::new();
    let parts = split(text);
    if parts.len() > MAX_DOCUMENTS {
        let what = format!("has {} documents, at most {MAX_DOCUMENTS} are read", parts.len());
        fields.wrong(Position { line: 1, column: 1 }, "", Wrong::new(what));
        return all;
    }
    for part in parts {
        let (root, wrongs) = yaml::read(&part);
        for (at, wrong) in wrongs {
            fields.wrong(at, "", wrong);
        }
        match root {
            Some(Node { at, value: Value::Section(entries) }) => all.extend(document(fields, at, entries)),
            Some(Node { at, value: Value::Text(_) | Value::List(_) }) => {
                let wrong = Wrong::new("is not an object of OpenSLO").hint("begin with apiVersion: openslo/v1");
                fields.wrong(at, "", wrong);
            }
            _ => {}
        }
    }
    all
}

fn document(fields: &mut Fields<'_>, at: Position, entries: Vec<Entry>) -> Option<Document> {
    let root = Tree::Entries(&entries, at);
    let text = |key: &str| root.get(key).and_then(Tree::text).unwrap_or_default();
    if text("apiVersion") != "openslo/v1" {
        let at = root.get("apiVersion").map_or(at, Tree::at);
        let wrong = Wrong::new(format!("{} is not openslo/v1", quoted(text("apiVersion"))));
        fields.wrong(at, "apiVersion", wrong.hint("earlier versions have other fields"));
        return None;
    }
    let kind = text("kind").to_owned();
    if !KINDS.contains(&kind.as_str()) {
        let at = root.get("kind").map_or(at, Tree::at);
        let wrong = Wrong::new(format!("{} is not a kind of OpenSLO", quoted(&kind)));
        fields.wrong(at, "kind", wrong.hint(format!("known are {}", KINDS.join(", "))));
        return None;
    }
    let name = root.get("metadata").and_then(|metadata| metadata.get("name")?.text()).unwrap_or_default().to_owned();
    let sound = !name.is_empty() && name.len() <= 63 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !sound {
        let wrong =
            Wrong::new(format!("{} is not a name", quoted(&name))).hint("at most 63 letters, digits and dashes");
        fields.wrong(at, "metadata.name", wrong);
        return None;
    }
    Some(Document { kind, name, at, entries })
}

/// One text a document. Lines before it are kept empty, so that places are those of the file.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut before = String::new();
    for line in text.lines() {
        let ends = line == "---" || line.starts_with("--- ");
        before.push('\n');
        if ends && parts.len() > MAX_DOCUMENTS {
            break;
        }
        if ends {
            parts.push(before.clone());
        } else if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    parts
}
