//! Names as Kubernetes takes them.

use std::collections::BTreeSet;

/// Longest label of a name, and of a value of a label.
const MAX: usize = 63;

/// Names of one kind that have to differ.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// A name for something; another one when a like name was given out before.
    pub(super) fn of(&mut self, text: &str) -> String {
        let plain = dns(text);
        let numbered = (2..).map(|number| {
            let tail = format!("-{number}");
            let head: String = plain.chars().take(MAX.saturating_sub(tail.len())).collect();
            head + &tail
        });
        let free = [plain.clone()].into_iter().chain(numbered).find(|name| !self.0.contains(name)).unwrap_or(plain);
        self.0.insert(free.clone());
        free
    }
}

/// The namespace of a project; what is in no project is in `default`.
pub(super) fn namespace(project: &str) -> String {
    if project.is_empty() { "default".to_owned() } else { dns(project) }
}

/// RFC 1123: small letters, digits and `-`, an alphanumeric at both ends, at most [`MAX`].
fn dns(text: &str) -> String {
    let mapped = text.chars().map(|c| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() => c,
        _ => '-',
    });
    let short: String = mapped.collect::<String>().trim_matches('-').chars().take(MAX).collect();
    match short.trim_end_matches('-') {
        "" => "default".to_owned(),
        name => name.to_owned(),
    }
}

/// A value of a label: letters, digits, `-`, `_` and `.`, an alphanumeric at both ends, at most [`MAX`].
pub(super) fn label(text: &str) -> String {
    let mapped = text.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' });
    let edge = |c: char| !c.is_ascii_alphanumeric();
    let short: String = mapped.collect::<String>().trim_matches(edge).chars().take(MAX).collect();
    short.trim_end_matches(edge).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_made_fit_and_kept_apart() {
        let mut names = Names::default();
        let all =
            ["api", "API", "my_api", "my.api", "-", "", &"a".repeat(80), &"a".repeat(81)].map(|text| names.of(text));
        let long = ["a".repeat(63), "a".repeat(61) + "-2"];
        assert_eq!(all, ["api", "api-2", "my-api", "my-api-2", "default", "default-2", &long[0], &long[1]]);
        assert_eq!((label("my_api.v2"), label("_x!"), label("")), ("my_api.v2".into(), "x".into(), "".into()));
        assert_eq!((namespace(""), namespace("Shop")), ("default".into(), "shop".into()));
    }

    proptest! {
        #[test]
        fn any_text_becomes_a_name(text in any::<String>()) {
            let (name, label) = (dns(&text), label(&text));
            let ends = |text: &str| text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.ends_with(|c: char| c.is_ascii_alphanumeric());
            prop_assert!(ends(&name) && name.len() <= 63 && name.chars().all(|c| c == '-' || c.is_ascii_lowercase() || c.is_ascii_digit()));
            prop_assert!(label.is_empty() || (ends(&label) && label.len() <= 63));
        }
    }
}
