//! Label sets, rendered and escaped once and then copied into every sample which carries them.

use std::borrow::Cow;

use crate::model::shorten;

/// Longest label name in bytes. Prometheus itself has no limit by default; a key longer than this is a mistake or an attack.
pub const MAX_LABEL_NAME: usize = 200;

/// Longest label value in bytes before escaping; image references and container names are far below.
pub const MAX_LABEL_VALUE: usize = 1024;

/// Labels as they stand between the braces of a sample: `a="b",c="d"`, escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSet(String);

impl LabelSet {
    /// No labels.
    pub const EMPTY: Self = Self(String::new());

    /// Renders pairs in the order given. Names must be valid label names (see [`label_name`]) and unique; values may be
    /// anything: they are escaped, and shortened to [`MAX_LABEL_VALUE`].
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut set = Self::EMPTY;
        set.extend(pairs);
        set.0.shrink_to_fit();
        set
    }

    /// Appends one pair.
    pub fn push(&mut self, name: &str, value: &str) {
        debug_assert!(is_label_name(name), "{name:?} is no label name");
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(name);
        self.0.push_str("=\"");
        self.0.push_str(&escape(&shorten(value, MAX_LABEL_VALUE)));
        self.0.push('"');
    }

    /// The rendered text, without braces.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> Extend<(&'a str, &'a str)> for LabelSet {
    fn extend<I: IntoIterator<Item = (&'a str, &'a str)>>(&mut self, pairs: I) {
        for (name, value) in pairs {
            self.push(name, value);
        }
    }
}

/// The label name for a foreign key: `prefix` and the key with everything but ASCII letters, digits and `_` replaced by `_`
/// (one for each character, as cAdvisor does). Different keys may give one name: the caller says which wins.
/// `None` when the key is empty or the name longer than [`MAX_LABEL_NAME`].
pub fn label_name(prefix: &str, key: &str) -> Option<String> {
    if key.is_empty() || prefix.len() + key.len() > MAX_LABEL_NAME {
        return None;
    }
    let mut name = String::with_capacity(prefix.len() + key.len());
    name.push_str(prefix);
    name.extend(key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }));
    is_label_name(&name).then_some(name)
}

/// Whether Prometheus takes it as a label name; `__` is kept for Prometheus itself.
fn is_label_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.starts_with("__")
}

/// Whether a label value can be copied as it is.
#[inline]
pub(super) fn is_plain(value: &str) -> bool {
    memchr::memchr3(b'\\', b'"', b'\n', value.as_bytes()).is_none()
}

/// Escapes a label value: backslash, double quote and newline, as both formats ask. Other control characters may stand as
/// they are (tried with Prometheus 2.42: NUL, carriage return, DEL, U+0085).
pub(super) fn escape(value: &str) -> Cow<'_, str> {
    if is_plain(value) {
        return Cow::Borrowed(value);
    }
    let mut escaped = String::with_capacity(value.len() + 8);
    for c in value.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn renders_in_order_and_escapes() {
        let set = LabelSet::new([("a", "b"), ("c", "say \"hi\"\nC:\\temp\0end")]);
        assert_eq!(set.as_str(), "a=\"b\",c=\"say \\\"hi\\\"\\nC:\\\\temp\0end\"");
        assert!(LabelSet::new([]).is_empty());
    }

    #[test]
    fn names_are_sanitised() {
        let cases = [
            ("com.docker.compose.project", Some("container_label_com_docker_compose_project")),
            ("org.label-schema.group", Some("container_label_org_label_schema_group")),
            ("9to5", Some("container_label_9to5")),
            ("größe", Some("container_label_gr__e")),
            ("a\u{0}b\"c\n", Some("container_label_a_b_c_")),
            ("", None),
        ];
        for (key, expected) in cases {
            assert_eq!(label_name("container_label_", key).as_deref(), expected, "{key:?}");
        }
        assert_eq!(label_name("container_label_", &"x".repeat(MAX_LABEL_NAME)), None);
        assert_eq!(label_name("", "9to5"), None);
        assert_eq!(label_name("", "__name__"), None);
    }

    #[test]
    fn long_values_are_shortened_and_stay_apart() {
        let [one, two] = ["1", "2"].map(|end| LabelSet::new([("a", ("€".repeat(MAX_LABEL_VALUE) + end).as_str())]));
        assert!(one.as_str().len() <= MAX_LABEL_VALUE + "a=\"\"".len());
        assert_ne!(one, two);
    }

    proptest! {
        #[test]
        fn any_key_gives_a_valid_name_or_none(key in "\\PC{0,300}|[\\x00-\\x7f]{0,40}") {
            if let Some(name) = label_name("container_label_", &key) {
                prop_assert!(is_label_name(&name));
                prop_assert!(name.len() <= MAX_LABEL_NAME);
            }
        }
    }
}
