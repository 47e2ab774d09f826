//! What fuzzers feed: the labels of a container, on their way to a request.

use super::{declared, segment};
use crate::model::Labels;

/// Lines of `key=value`: whatever they say, a declaration is a port and a path that stands in a request line as it is; and the
/// value as a name stands in a path of ours.
pub fn declarations(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    let labels = Labels::new(pairs.map(|(key, value)| (key.into(), value.into())));
    for (number, declaration) in declared(&labels).declarations {
        assert!((1..=super::MAX_PER_CONTAINER).contains(&number));
        let Ok(declaration) = declaration else { continue };
        let path = declaration.path.as_str();
        assert!(
            declaration.port > 0 && path.starts_with('/') && path.bytes().all(|b| b.is_ascii_graphic()),
            "{path:?}"
        );
        assert!(path.parse::<http::uri::PathAndQuery>().is_ok_and(|read| read.as_str() == path), "{path:?}");
        assert!(declaration.path.path().len() <= path.len() && !declaration.path.path().contains('?'));
    }
    for (_, value) in labels.iter() {
        let Some(spelt) = segment::project(value) else { continue };
        assert!(
            spelt.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:~".contains(&b)) && spelt != "." && spelt != ".."
        );
    }
}
