//! What fuzzers feed: lines of one output.

use std::sync::LazyLock;

use super::{Builtin, Names, OwnPattern, Redactor, Scratch, Settings};

static ALL: LazyLock<Redactor> = LazyLock::new(|| {
    let own = OwnPattern::parse("ticket=(?i)tick-(\\d+)").into_iter().collect();
    Redactor::new(&Settings { names: Builtin::ALL.into_iter().collect(), own })
});

/// Lines of one output: replacing ends, does not grow a line without bound, keeps JSON what it is, and changes nothing twice. A cut
/// stands between characters.
pub fn redaction(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut scratch = Scratch::default();
    let mut state = ALL.state(Names::NONE);
    for whole in text.split('\n') {
        let mut line = whole.to_owned();
        let redacted = ALL.apply(&mut state, &mut line, &mut scratch);
        assert!(line.len() <= whole.len() + super::MAX_GROWTH + super::REST.len());
        if serde_json::from_str::<serde::de::IgnoredAny>(whole).is_ok() && whole.starts_with('{') && !redacted.cut {
            assert!(serde_json::from_str::<serde::de::IgnoredAny>(&line).is_ok(), "{whole:?} became {line:?}");
        }
        let mut again = line.clone();
        ALL.apply(&mut ALL.state(Names::NONE), &mut again, &mut scratch);
        assert!(line == again || redacted.cut, "{whole:?} became {line:?}, and then {again:?}");
        let cut = ALL.safe_cut(Names::default(), whole, whole.len() / 2, &mut scratch);
        assert!(whole.is_char_boundary(cut) && cut <= whole.len() / 2);
    }
}
