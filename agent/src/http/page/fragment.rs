//! The page in pieces: what the live stream can replace one by one.

use std::{
    borrow::Cow,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

/// One piece of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Fragment {
    /// `id` of its outermost element.
    pub(in crate::http) id: Cow<'static, str>,
    /// `id` of the list whose ordered child it is; `None` of a piece with a place of its own in the page.
    pub(in crate::http) parent: Option<&'static str>,
    /// The element.
    pub(in crate::http) html: String,
}

/// Where the rows of a piece go: an empty list, marked for the script, which leaves its children alone when the piece changes.
const LIST: &str = " data-list>";

/// Pieces in the order of the page, rows behind the piece which has their list.
#[derive(Debug, Default)]
pub(super) struct Sheet(Vec<Fragment>);

impl Sheet {
    /// A piece with a place of its own, written by `write` as an element with this `id`.
    pub(super) fn piece(&mut self, id: &'static str, write: impl FnOnce(&mut String) -> fmt::Result) {
        self.put(Cow::Borrowed(id), None, write);
    }

    /// The next row of a list.
    pub(super) fn row(&mut self, parent: &'static str, id: String, write: impl FnOnce(&mut String) -> fmt::Result) {
        self.put(Cow::Owned(id), Some(parent), write);
    }

    fn put(
        &mut self,
        id: Cow<'static, str>,
        parent: Option<&'static str>,
        write: impl FnOnce(&mut String) -> fmt::Result,
    ) {
        let mut html = String::new();
        // Writing into a `String` cannot fail; a failure could only come from a `Display` of ours and would cut the piece short.
        if write(&mut html).is_err() {
            tracing::error!(%id, "write a piece of the page");
        }
        self.0.push(Fragment { id, parent, html });
    }

    pub(super) fn into_fragments(self) -> Vec<Fragment> {
        self.0
    }
}

/// Puts the pieces together, rows into their lists.
pub(super) fn join(page: &mut String, fragments: &[Fragment]) {
    let mut tail: &str = "";
    for fragment in fragments {
        if fragment.parent.is_some() {
            page.push_str(&fragment.html);
            continue;
        }
        page.push_str(tail);
        // Text from outside has no `>`: this is the list itself.
        let (head, rest) = match fragment.html.split_once(LIST) {
            Some((head, rest)) => (head, rest),
            None => (fragment.html.as_str(), ""),
        };
        page.push_str(head);
        if head.len() < fragment.html.len() {
            page.push_str(LIST);
        }
        tail = rest;
    }
    page.push_str(tail);
}

/// `id` of the list that a piece has.
pub(in crate::http) fn list_of(html: &str) -> Option<&str> {
    let (before, _) = html.split_once(LIST)?;
    let (_, id) = before.strip_suffix('"')?.rsplit_once('"')?;
    Some(id)
}

/// Same for the same piece: ages ([`super::html::Away`]) do not count, which the script keeps.
pub(in crate::http) fn hash(html: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    let (timed, rest) = html.rsplit_once("</time>").map_or((None, html), |(timed, rest)| (Some(timed), rest));
    for part in timed.into_iter().flat_map(|timed| timed.split("</time>")) {
        // The opening tag counts, what stands in it does not.
        let told = part.rsplit_once('>').map_or(part, |(told, _)| told);
        told.hash(&mut hasher);
    }
    rest.hash(&mut hasher);
    hasher.finish()
}

/// Same for the same picture.
pub(in crate::http) fn digest<'a>(pieces: impl Iterator<Item = (&'a str, u64)>) -> u64 {
    let mut hasher = DefaultHasher::new();
    pieces.for_each(|piece| piece.hash(&mut hasher));
    hasher.finish()
}

/// An `id` for what has a name of any length and letters.
pub(super) fn id(kind: char, name: impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    format!("{kind}-{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    #[test]
    fn rows_stand_in_their_list_and_pieces_behind_each_other() {
        let mut sheet = Sheet::default();
        let put = |text: &'static str| move |page: &mut String| page.write_str(text);
        sheet.piece("one", put("<p id=one></p>"));
        sheet.piece("two", put("<div id=two><ul id=list data-list></ul>end</div>"));
        sheet.row("list", "a".into(), put("<li>a"));
        sheet.row("list", "b".into(), put("<li>b"));
        sheet.piece("three", put("<p id=three></p>"));
        assert_eq!(list_of("<div id=\"two\"><ul id=\"list\" data-list></ul>"), Some("list"));
        assert_eq!(list_of("<p id=\"three\"></p>"), None);
        let mut page = String::new();
        join(&mut page, &sheet.into_fragments());
        assert_eq!(page, "<p id=one></p><div id=two><ul id=list data-list><li>a<li>b</ul>end</div><p id=three></p>");
    }

    #[test]
    fn an_age_is_no_change_and_a_time_is() {
        let at = |datetime: &str, age: &str| hash(&format!("<b>x</b><time datetime=\"{datetime}\">{age}</time> ago"));
        assert_eq!(at("2026-03-01T12:00:00Z", "9 s"), at("2026-03-01T12:00:00Z", "2 d"));
        assert_ne!(at("2026-03-01T12:00:00Z", "9 s"), at("2026-03-01T12:00:01Z", "9 s"));
        assert_ne!(hash("<b>x</b>"), hash("<b>y</b>"));
        assert_ne!(hash("a</time>b"), hash("a</time>c"));
    }

    #[test]
    fn names_have_ids_of_one_shape() {
        let one = id('s', ("shop", "web"));
        assert_eq!((one.len(), one.starts_with("s-")), (18, true));
        assert_eq!(one, id('s', ("shop", "web")));
        assert_ne!(one, id('s', ("sho", "pweb")));
    }
}
