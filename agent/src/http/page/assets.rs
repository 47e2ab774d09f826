//! The files beside the page, compiled in: style sheet, script, icon.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::LazyLock,
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_ENCODING, ETAG, IF_NONE_MATCH, VARY},
};

use crate::http::{answer::Answer, encoding};

/// One file, as it is and packed. Packed once, when somebody first asks.
#[derive(Debug)]
pub(in crate::http) struct Asset {
    content_type: &'static str,
    text: &'static str,
    packed: Bytes,
    /// Of what it holds: another one with every change of it.
    tag: HeaderValue,
}

/// The style sheet. A file of its own, so that the content policy needs no exception for inline styles.
pub(in crate::http) static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("text/css; charset=utf-8", include_str!("style.css")));
/// The script.
pub(in crate::http) static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("text/javascript; charset=utf-8", include_str!("app.js")));
/// The icon.
pub(in crate::http) static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("image/svg+xml", include_str!("icon.svg")));

/// Names what the page is shown with: where it changes, an open page is loaded anew.
pub(in crate::http) fn both() -> u64 {
    let mut hasher = DefaultHasher::new();
    (STYLE.text, SCRIPT.text).hash(&mut hasher);
    hasher.finish()
}

impl Asset {
    fn new(content_type: &'static str, text: &'static str) -> Self {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        // Hexadecimal digits between quotes: always a header's value.
        let tag = HeaderValue::try_from(format!("\"{:016x}\"", hasher.finish()));
        let tag = tag.unwrap_or(HeaderValue::from_static("\"\""));
        Self { content_type, text, packed: encoding::gzip(text.as_bytes()).into(), tag }
    }

    /// The file, or word that the client has it already.
    pub(in crate::http) fn answer(&self, headers: &HeaderMap) -> Answer {
        let known = headers.get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
        let tag = self.tag.to_str().unwrap_or_default();
        // Compared weakly, as for GET it is: a proxy that packs by itself says so by `W/`.
        let has = known.flat_map(|value| value.split(',')).any(|known| known.trim().trim_start_matches("W/") == tag);
        let answer = if has {
            Answer::new(StatusCode::NOT_MODIFIED, self.content_type, Bytes::new())
        } else if encoding::takes_gzip(headers) {
            let answer = Answer::new(StatusCode::OK, self.content_type, self.packed.clone());
            answer.with(CONTENT_ENCODING, HeaderValue::from_static("gzip"))
        } else {
            Answer::new(StatusCode::OK, self.content_type, self.text)
        };
        answer.kept().with(ETAG, self.tag.clone()).with(VARY, HeaderValue::from_static("Accept-Encoding"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the issue promises of everything that is loaded beside the page, uncompressed.
    const BUDGET: usize = 100 << 10;

    #[test]
    fn all_files_together_are_small() {
        let all: usize = [&STYLE, &SCRIPT, &ICON].iter().map(|asset| asset.text.len()).sum();
        assert!(all < BUDGET, "{all} bytes");
        assert!(STYLE.packed.len() < STYLE.text.len() / 2 && SCRIPT.packed.len() < SCRIPT.text.len() / 2);
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere_nor_made_from_text() {
        for asset in [&STYLE, &SCRIPT, &ICON] {
            let addresses =
                asset.text.matches("://").count() - asset.text.matches("http://www.w3.org/2000/svg").count();
            assert_eq!(addresses, 0, "{}", asset.content_type);
            assert!(!asset.text.contains("@import") && !asset.text.contains("url("));
        }
        for word in ["eval(", "new Function", "document.write", "insertAdjacentHTML", "outerHTML"] {
            assert!(!SCRIPT.text.contains(word), "{word}");
        }
    }
}
