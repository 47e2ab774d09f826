//! From one picture to the next: which pieces are other, which are gone, which lists have another order.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Write,
};

use bytes::Bytes;
use serde::Serialize;

use crate::http::page::{self, Fragment};

/// The newest picture, as it was told.
#[derive(Debug, Default)]
pub(super) struct Picture {
    fragments: Vec<Fragment>,
    hashes: HashMap<String, u64>,
    digest: u64,
}

#[derive(Serialize)]
struct Patch<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<&'static str>,
    html: &'a str,
}

#[derive(Serialize)]
struct Order<'a> {
    parent: &'a str,
    ids: &'a [&'a str],
}

#[derive(Serialize)]
struct Gone<'a> {
    id: &'a str,
}

impl Picture {
    /// Takes over a new picture. What is other, as events; `None` when nothing is.
    pub(super) fn follow(&mut self, fragments: Vec<Fragment>) -> Option<Bytes> {
        let before = std::mem::replace(&mut self.fragments, fragments);
        let hashed = self.fragments.iter().map(|fragment| (fragment.id.to_string(), page::hash(&fragment.html)));
        let hashes: HashMap<_, _> = hashed.collect();
        let mut told = String::new();
        for fragment in &before {
            if !hashes.contains_key(&*fragment.id) {
                event(&mut told, "gone", &Gone { id: &fragment.id });
            }
        }
        let mut sent = HashSet::new();
        for fragment in &self.fragments {
            // Of two pieces with one id, which cannot be, the last is in the table; a piece is told once.
            if self.hashes.get(&*fragment.id) != hashes.get(&*fragment.id) && sent.insert(&*fragment.id) {
                patch(&mut told, fragment);
            }
        }
        let (old, new) = (lists(&before), lists(&self.fragments));
        for (parent, ids) in &new {
            if old.get(parent) != Some(ids) {
                event(&mut told, "order", &Order { parent, ids });
            }
        }
        self.digest = page::digest(
            self.fragments
                .iter()
                .map(|fragment| (&*fragment.id, hashes.get(&*fragment.id).copied().unwrap_or_default())),
        );
        self.hashes = hashes;
        (!told.is_empty()).then(|| told.into())
    }

    /// Names what is to be seen.
    pub(super) const fn digest(&self) -> u64 {
        self.digest
    }

    /// All of it, as events.
    pub(super) fn whole(&self) -> Bytes {
        let mut told = String::new();
        self.fragments.iter().for_each(|fragment| patch(&mut told, fragment));
        let filled = lists(&self.fragments);
        for (parent, ids) in &filled {
            event(&mut told, "order", &Order { parent, ids });
        }
        told.into()
    }
}

fn patch(told: &mut String, fragment: &Fragment) {
    event(told, "patch", &Patch { id: &fragment.id, parent: fragment.parent, html: &fragment.html });
}

/// Lists and what is in them, in order; those with nothing in them, too: somebody may still show what was.
fn lists(fragments: &[Fragment]) -> BTreeMap<&str, Vec<&str>> {
    let mut lists = BTreeMap::<&str, Vec<&str>>::new();
    for fragment in fragments {
        match fragment.parent {
            Some(parent) => lists.entry(parent).or_default().push(&fragment.id),
            None => {
                lists.extend(page::list_of(&fragment.html).map(|list| (list, Vec::new())));
            }
        }
    }
    lists
}

/// One event. JSON has no line breaks, so that it is one line of data.
pub(super) fn event(told: &mut String, name: &str, data: &impl Serialize) {
    match serde_json::to_string(data) {
        // Writing into a `String` cannot fail.
        Ok(data) => write!(told, "event: {name}\ndata: {data}\n\n").unwrap_or_default(),
        Err(error) => tracing::error!(%error, name, "write an event of the page"),
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// What a browser shows that does what it is told.
    #[derive(Debug, Default, PartialEq)]
    struct Browser {
        pieces: BTreeMap<String, String>,
        lists: BTreeMap<String, Vec<String>>,
    }

    impl Browser {
        fn hears(&mut self, told: &Bytes) {
            for block in std::str::from_utf8(told).unwrap().split_terminator("\n\n") {
                let (name, data) = block.split_once('\n').unwrap();
                let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
                let text = |key: &str| data[key].as_str().map(str::to_owned);
                match name {
                    "event: patch" => {
                        let known = self.pieces.insert(text("id").unwrap(), text("html").unwrap());
                        if let (Some(parent), None) = (text("parent"), known) {
                            self.lists.entry(parent).or_default().push(text("id").unwrap());
                        }
                    }
                    "event: gone" => {
                        self.pieces.remove(&text("id").unwrap());
                        self.lists.values_mut().for_each(|list| list.retain(|id| Some(id) != text("id").as_ref()));
                    }
                    "event: order" => {
                        let ids = data["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap().to_owned());
                        let ids: Vec<_> = ids.collect();
                        let list = self.lists.entry(text("parent").unwrap()).or_default();
                        let (mut before, mut after) = (list.clone(), ids.clone());
                        before.sort();
                        after.sort();
                        assert_eq!(before, after, "an order is of what is there");
                        *list = ids;
                    }
                    other => panic!("{other}"),
                }
            }
        }

        fn of(fragments: &[Fragment]) -> Self {
            let mut browser = Self::default();
            for fragment in fragments {
                browser.pieces.insert(fragment.id.to_string(), fragment.html.clone());
                if fragment.id == "piece" {
                    browser.lists.insert("list".to_owned(), Vec::new());
                }
                if let Some(parent) = fragment.parent {
                    browser.lists.entry(parent.to_owned()).or_default().push(fragment.id.to_string());
                }
            }
            browser
        }
    }

    /// A piece and its rows, each once, in any order, some of them changed, some away.
    fn picture() -> impl Strategy<Value = Vec<Fragment>> {
        let rows = prop::sample::subsequence((0..8).collect::<Vec<u8>>(), 0..=8).prop_shuffle();
        (rows, prop::collection::vec(0..3_u8, 9)).prop_map(|(rows, texts)| {
            let fragment = |id: String, parent, text: u8| {
                let html = format!("<i id=\"{id}\">\n{text}</i>");
                Fragment { id: Cow::Owned(id), parent, html }
            };
            let mut all = vec![fragment("piece".to_owned(), None, texts[8])];
            all[0].html.push_str("<ul id=\"list\" data-list></ul>");
            all.extend(rows.into_iter().map(|row| fragment(format!("r{row}"), Some("list"), texts[usize::from(row)])));
            all
        })
    }

    proptest! {
        #[test]
        fn who_hears_every_change_sees_the_newest_picture(pictures in prop::collection::vec(picture(), 1..6)) {
            let (mut told, mut browser) = (Picture::default(), Browser::default());
            for fragments in pictures {
                let expected = Browser::of(&fragments);
                let same = browser == expected;
                let changes = told.follow(fragments);
                prop_assert_eq!(changes.is_none(), same, "told of what has changed, and of nothing else");
                changes.iter().for_each(|changes| browser.hears(changes));
                prop_assert_eq!(&browser, &expected);
                let mut newcomer = Browser::default();
                newcomer.hears(&told.whole());
                prop_assert_eq!(newcomer, expected);
            }
        }
    }

    #[test]
    fn an_age_alone_is_not_told_and_makes_no_other_picture() {
        let aged = |age: &str| {
            vec![Fragment {
                id: "a".into(),
                parent: None,
                html: format!("<p id=\"a\"><time datetime=\"2026-03-01T12:00:00Z\">{age}</time></p>"),
            }]
        };
        let mut told = Picture::default();
        assert!(told.follow(aged("1 s")).is_some());
        let digest = told.digest();
        assert!(told.follow(aged("2 min")).is_none());
        assert_eq!(told.digest(), digest);
        // Whoever comes new gets the newest age all the same.
        assert!(std::str::from_utf8(&told.whole()).unwrap().contains("2 min"));
    }
}
