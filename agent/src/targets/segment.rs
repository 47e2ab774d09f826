//! How names stand in `/proxy/<project>/<service>/<n>`.
//!
//! Letters, digits, `_`, `-`, `.` and `:` stand for themselves, every other byte is `~` and two hexadecimal digits. Not the
//! percent sign: Prometheus takes `__metrics_path__` as plain text and would escape it a second time. No project is `-`; a
//! name which would be read as something else on the way (`-`, `.`, `..`, nothing) begins with an escape.

/// What stands for no project.
pub const NO_PROJECT: &str = "-";

/// Longest name that is put into a path, in bytes. Compose and Swarm names are far below.
pub(super) const MAX_NAME: usize = 255;

/// A project, the empty one included; `None` when it is too long.
pub(super) fn project(name: &str) -> Option<String> {
    if name.is_empty() { Some(NO_PROJECT.to_owned()) } else { segment(name) }
}

/// Any other name; `None` when it is empty or too long.
pub(super) fn segment(name: &str) -> Option<String> {
    if name.is_empty() || name.len() > MAX_NAME {
        return None;
    }
    let odd = matches!(name, NO_PROJECT | "." | "..");
    let mut out = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        if (byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte)) && !(odd && at == 0) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("~{byte:02X}"));
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usual_names_stand_for_themselves() {
        for name in ["shop", "shop-web_1", "stack.web", "k3yt0z", "1:2"] {
            assert_eq!(segment(name).as_deref(), Some(name));
            assert_eq!(project(name).as_deref(), Some(name));
        }
    }

    #[test]
    fn odd_names_are_escaped() {
        for (name, expected) in [
            ("-", Some("~2D")),
            (".", Some("~2E")),
            ("..", Some("~2E.")),
            ("a/b", Some("a~2Fb")),
            ("~", Some("~7E")),
            ("ä", Some("~C3~A4")),
            ("a b?c#d%", Some("a~20b~3Fc~23d~25")),
            ("", None),
        ] {
            assert_eq!(segment(name).as_deref(), expected, "{name:?}");
        }
        assert_eq!(project("").as_deref(), Some("-"));
        assert_eq!(project("-").as_deref(), Some("~2D"));
        assert_eq!(segment(&"x".repeat(MAX_NAME + 1)), None);
    }

    proptest! {
        #[test]
        fn different_names_stay_different(names in prop::collection::hash_set(".{0,6}|[-./~]{0,3}", 2..20)) {
            let mut seen = HashMap::new();
            for name in names {
                let Some(spelt) = project(&name) else { continue };
                prop_assert!(spelt.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:~".contains(&b)));
                prop_assert!(!matches!(spelt.as_str(), "" | "." | ".."));
                let other = seen.insert(spelt.clone(), name.clone());
                prop_assert!(other.is_none(), "{:?} and {:?} are both {:?}", other, name, spelt);
            }
        }
    }
}
