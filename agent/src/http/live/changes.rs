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
    parent: &'static str,
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

/// Lists and what is in them, in order.
fn lists(fragments: &[Fragment]) -> BTreeMap<&'static str, Vec<&str>> {
    let mut lists = BTreeMap::<_, Vec<_>>::new();
    for fragment in fragments {
        if let Some(parent) = fragment.parent {
            lists.entry(parent).or_default().push(&*fragment.id);
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
