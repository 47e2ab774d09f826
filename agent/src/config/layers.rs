//! The sources laid on top of each other: defaults, then the file, then the environment, then the flags.
//!
//! Every value of every source is checked, also one which a later source overrides: a mistake that waits for somebody to remove
//! a flag is still a mistake.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::{
    keys::{self, AnyKey, Key},
    kinds::Raw,
    policy,
    report::{Mistake, Origin, Position, Wrong},
    source::{ENGINE_VARIABLE, Environment, Flag, KEY_PREFIX, NotText, SHORT},
    suggest::nearest,
    yaml::{Entry, Node, Value},
};
use crate::model::InOrder as _;

/// The word for an empty list where only one text can be given.
const EMPTY_LIST: &str = "none";

/// A key's value in use, and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) key: &'static dyn AnyKey,
    /// The value, written the one way it is always written.
    pub(super) value: Raw,
    pub(super) origin: Origin,
}

impl std::fmt::Debug for dyn AnyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.facts().path)
    }
}

/// What one source says about one key.
struct Given {
    raw: Raw,
    origin: Origin,
    /// Where each item of a list stands, for lists from the file.
    items: Vec<Position>,
}

/// Values of all sources, in order of precedence, and what is wrong with them.
#[derive(Default)]
pub(super) struct Values {
    given: BTreeMap<&'static str, Vec<Given>>,
    settings: Vec<Setting>,
    /// Sections of the policy which stood in the file.
    policy: Option<(Arc<Path>, Vec<Entry>)>,
    has_policy: bool,
    pub(super) mistakes: Vec<Mistake>,
}

impl Values {
    /// Keeps the sections of the policy that stand among those of settings, and gives the tree back without them.
    pub(super) fn set_policy_aside(&mut self, path: &Arc<Path>, root: Node) -> Node {
        let Node { at, value: Value::Section(entries) } = root else { return root };
        let of_policy = |entry: &Entry| policy::SECTIONS.contains(&entry.key.as_str());
        let (policy, settings): (Vec<_>, Vec<_>) = entries.into_iter().partition(of_policy);
        self.has_policy = !policy.is_empty();
        self.policy = self.has_policy.then(|| (Arc::clone(path), policy));
        Node { at, value: Value::Section(settings) }
    }

    /// Whether sections of the policy stood in the file.
    pub(super) const fn policy_inline(&self) -> bool {
        self.has_policy
    }

    /// What was set aside.
    pub(super) fn take_policy(&mut self) -> Option<(Arc<Path>, Vec<Entry>)> {
        self.policy.take()
    }

    /// Adds the tree of a file.
    pub(super) fn add_file(&mut self, path: &Arc<Path>, root: Node) {
        FileWalk { values: self, path }.root(root);
    }

    /// Adds the environment. Call it after the file and before the flags.
    pub(super) fn add_environment(&mut self, environment: &Environment) {
        for (name, path) in SHORT {
            if let (Some(key), Some(value)) = (keys::find(path), environment.get(name)) {
                self.add_text(key, value, Origin::Environment(name.to_owned()));
            }
        }
        for (name, value) in environment.of_keys() {
            let origin = Origin::Environment(name.to_owned());
            match keys::ALL.iter().find(|key| key.facts().variable() == name) {
                Some(key) => self.add_text(*key, value, origin),
                None => {
                    let path = name.strip_prefix(KEY_PREFIX).unwrap_or(name).to_lowercase().replace("__", ".");
                    let near = nearest(&path, paths()).and_then(keys::find).map(|key| key.facts().variable());
                    self.unknown(origin, None, near);
                }
            }
        }
    }

    /// Adds the flags, in the order they were given: the last of one key wins.
    pub(super) fn add_flags(&mut self, flags: &[Flag]) {
        for flag in flags {
            let origin = Origin::Flag(flag.name.clone());
            match keys::find(&flag.key) {
                Some(key) => self.add_text(key, Ok(&flag.value), origin),
                None => self.unknown(origin, Some(flag.key.clone()), nearest(&flag.key, paths()).map(str::to_owned)),
            }
        }
    }

    /// Adds `DOCKER_HOST`, which counts only where nothing meant for spyhop says it. Call it last.
    pub(super) fn add_docker_host(&mut self, environment: &Environment) {
        let key = &keys::ENGINE_ADDRESS;
        // A context named for spyhop says where the engine is, too; `auto` says nothing.
        let says = |path| {
            let last = self.given.get(path).and_then(|given| given.last());
            last.is_some_and(|given| given.raw != Raw::One("auto".to_owned()))
        };
        let named = says(key.facts.path) || says(keys::engine::CONTEXT.facts.path);
        if let (false, Some(value)) = (named, environment.get(ENGINE_VARIABLE)) {
            self.add_text(key, value, Origin::Environment(ENGINE_VARIABLE.to_owned()));
        }
    }

    /// Reads a key: the value of the last source, or the default where there is none or it is wrong.
    pub(super) fn take<T>(&mut self, key: &'static Key<T>) -> T {
        let mut value = (key.default)();
        let mut origin = Origin::Default;
        for given in self.given.remove(key.facts.path).unwrap_or_default() {
            match (key.kind.read)(&given.raw) {
                Ok(read) => (value, origin) = (read, given.origin),
                Err(wrongs) => wrongs.into_iter().for_each(|wrong| self.wrong_value(key.facts.path, &given, wrong)),
            }
        }
        self.settings.push(Setting { key, value: (key.kind.show)(&value), origin });
        value
    }

    /// Says that a key which was taken does not go together with another one.
    pub(super) fn conflict(&mut self, path: &'static str, wrong: Wrong) {
        let setting = self.settings.iter().find(|setting| setting.key.facts().path == path);
        let origin = setting.map_or(Origin::Default, |setting| setting.origin.clone());
        self.mistake(origin, Some(path.to_owned()), wrong);
    }

    /// What [`Self::take`] found, in the order of the table.
    pub(super) fn settings(&mut self) -> Vec<Setting> {
        let mut settings = std::mem::take(&mut self.settings);
        settings.order_by_key(|setting| paths().position(|path| path == setting.key.facts().path));
        settings
    }

    fn add_text(&mut self, key: &'static dyn AnyKey, value: Result<&str, NotText>, origin: Origin) {
        let path = key.facts().path;
        let Ok(text) = value else {
            return self.mistake(origin, Some(path.to_owned()), Wrong::new("is not UTF-8 text"));
        };
        let raw = match key.is_list() {
            false => Raw::One(text.to_owned()),
            true if text.trim() == EMPTY_LIST => Raw::Many(Vec::new()),
            // Regular expressions have commas in them: a text of several lines is an item a line.
            true if text.contains('\n') => {
                let items = text.lines().map(str::trim).filter(|item| !item.is_empty());
                Raw::Many(items.map(str::to_owned).collect())
            }
            true => Raw::Many(text.split(',').map(|item| item.trim().to_owned()).collect()),
        };
        self.add(key, Given { raw, origin, items: Vec::new() });
    }

    fn add(&mut self, key: &'static dyn AnyKey, given: Given) {
        self.given.entry(key.facts().path).or_default().push(given);
    }

    fn wrong_value(&mut self, path: &str, given: &Given, wrong: Wrong) {
        let item = wrong.item.and_then(|item| given.items.get(item));
        let origin = match (&given.origin, item) {
            (Origin::File(file, _), Some(at)) => Origin::File(Arc::clone(file), Some(*at)),
            (origin, _) => origin.clone(),
        };
        self.mistake(origin, Some(path.to_owned()), wrong);
    }

    fn unknown(&mut self, origin: Origin, key: Option<String>, near: Option<String>) {
        let wrong = Wrong::new("no such key");
        let wrong = match near {
            Some(near) => wrong.hint(format!("did you mean {near}?")),
            None => wrong,
        };
        self.mistake(origin, key, wrong);
    }

    pub(super) fn mistake(&mut self, origin: Origin, key: Option<String>, wrong: Wrong) {
        self.mistakes.push(Mistake { origin, key, what: wrong.what, hint: wrong.hint });
    }
}

fn paths() -> impl Iterator<Item = &'static str> {
    keys::ALL.iter().map(|key| key.facts().path)
}

/// Walks the tree of a file along the table.
struct FileWalk<'a> {
    values: &'a mut Values,
    path: &'a Arc<Path>,
}

impl FileWalk<'_> {
    fn root(&mut self, root: Node) {
        match root.value {
            Value::Section(entries) => self.section("", entries),
            Value::Empty | Value::Refused => {}
            Value::Text(_) | Value::List(_) => {
                let wrong = Wrong::new("is not a configuration").hint("begin with a section such as `http:`");
                self.mistake(root.at, None, wrong);
            }
        }
    }

    fn section(&mut self, prefix: &str, entries: Vec<Entry>) {
        for Entry { key, at, value } in entries {
            let path = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
            if let Some(key) = keys::find(&path) {
                self.key(key, value);
            } else if paths().any(|known| known.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('.'))) {
                self.subsection(&path, value);
            } else {
                let shown: String = path.chars().take(80).flat_map(char::escape_debug).collect();
                let origin = self.origin(at);
                self.values.unknown(origin, Some(shown), near(&path));
            }
        }
    }

    fn subsection(&mut self, path: &str, value: Node) {
        match value.value {
            Value::Section(entries) => self.section(path, entries),
            // A section whose keys are all commented out.
            Value::Empty | Value::Refused => {}
            Value::Text(_) | Value::List(_) => {
                let wrong = Wrong::new("is a section, not a value").hint("write its keys below it, indented");
                self.mistake(value.at, Some(path), wrong);
            }
        }
    }

    fn key(&mut self, key: &'static dyn AnyKey, node: Node) {
        let path = key.facts().path;
        let name = key.kind().0;
        let (raw, items) = match node.value {
            Value::Refused => return,
            Value::Empty => {
                let wrong =
                    Wrong::new("has no value").hint(format!("write {name}, or remove the line for the default"));
                return self.mistake(node.at, Some(path), wrong);
            }
            Value::Section(_) => {
                return self.mistake(node.at, Some(path), Wrong::new(format!("takes {name}, not a section")));
            }
            Value::Text(_) if key.is_list() => {
                let wrong = Wrong::new(format!("takes {name}, not a single value")).hint("put it in brackets: [a, b]");
                return self.mistake(node.at, Some(path), wrong);
            }
            Value::List(_) if !key.is_list() => {
                return self.mistake(node.at, Some(path), Wrong::new(format!("takes {name}, not a list")));
            }
            Value::Text(text) => (Raw::One(text), Vec::new()),
            Value::List(nodes) => {
                let (texts, items) = self.items(path, nodes);
                (Raw::Many(texts), items)
            }
        };
        let origin = self.origin(node.at);
        self.values.add(key, Given { raw, origin, items });
    }

    /// The items of a list which are text, with their places. They are checked also when another item is a mistake.
    fn items(&mut self, path: &str, nodes: Vec<Node>) -> (Vec<String>, Vec<Position>) {
        let mut read = (Vec::with_capacity(nodes.len()), Vec::with_capacity(nodes.len()));
        for node in nodes {
            match node.value {
                Value::Text(text) => {
                    read.0.push(text);
                    read.1.push(node.at);
                }
                Value::Refused => {}
                Value::Empty => self.mistake(node.at, Some(path), Wrong::new("has an empty item")),
                Value::List(_) | Value::Section(_) => {
                    self.mistake(node.at, Some(path), Wrong::new("has an item which is not a single value"));
                }
            }
        }
        read
    }

    fn origin(&self, at: Position) -> Origin {
        Origin::File(Arc::clone(self.path), Some(at))
    }

    fn mistake(&mut self, at: Position, key: Option<&str>, wrong: Wrong) {
        let origin = self.origin(at);
        self.values.mistake(origin, key.map(str::to_owned), wrong);
    }
}

/// What an unknown path was meant to be: a key, or a section.
fn near(path: &str) -> Option<String> {
    let sections = keys::SECTIONS.iter().map(|(name, _)| *name);
    nearest(path, sections.chain(paths())).map(str::to_owned)
}
