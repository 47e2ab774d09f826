//! Which names a setting means: label keys to show, interfaces to leave out.

use std::collections::BTreeSet;

use crate::model::IDENTITY_LABELS;

/// Whole names, and beginnings of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamePatterns {
    names: BTreeSet<String>,
    beginnings: Vec<String>,
}

impl NamePatterns {
    /// From patterns: a whole name, or its beginning followed by `*`. None means no name, `*` means all.
    pub fn new(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut all = Self::default();
        for pattern in patterns {
            match pattern.as_ref().strip_suffix('*') {
                Some(beginning) => all.beginnings.push(beginning.to_owned()),
                None => drop(all.names.insert(pattern.as_ref().to_owned())),
            }
        }
        all
    }

    /// The labels which identify a container to Compose and Swarm.
    pub fn identity() -> Self {
        Self::new(IDENTITY_LABELS)
    }

    /// Whether a name is meant.
    pub fn contain(&self, name: &str) -> bool {
        self.names.contains(name) || self.beginnings.iter().any(|beginning| name.starts_with(beginning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_and_beginnings() {
        let some = NamePatterns::new(["lo", "veth*"]);
        for (name, meant) in
            [("lo", true), ("lo1", false), ("veth", true), ("veth1a", true), ("eth0", false), ("", false)]
        {
            assert_eq!(some.contain(name), meant, "{name}");
        }
        assert!(NamePatterns::new(["*"]).contain("") && !NamePatterns::default().contain(""));
    }
}
