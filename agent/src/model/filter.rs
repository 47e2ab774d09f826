//! Which containers are watched: patterns on project and name.

use std::fmt;

/// `*` stands for any run of characters, also an empty one; everything else for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// Takes any text as a pattern.
    pub fn new(pattern: impl Into<String>) -> Self {
        Self(pattern.into())
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole text matches. Linear in the text for one star, and never worse than pattern times text.
    pub fn matches(&self, text: &str) -> bool {
        Self::matches_pattern(&self.0, text)
    }

    /// [`Self::matches`] for a pattern that is not kept.
    pub fn matches_pattern(pattern: &str, text: &str) -> bool {
        let mut parts = pattern.split('*');
        let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        // What stands between two stars may match as early as it can: a later match leaves less for the rest.
        for part in parts {
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

/// What of a container a pattern looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Its Compose project or Swarm stack; empty for a container with neither.
    Project,
    /// Its name.
    Name,
}

/// One pattern of `containers.include` or `containers.exclude`: `project=shop-*` or `name=tmp*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What it looks at.
    pub subject: Subject,
    /// What that must look like.
    pub glob: Glob,
}

impl Pattern {
    /// Reads `project=...` or `name=...`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (subject, glob) = text.split_once('=')?;
        let subject = match subject {
            "project" => Subject::Project,
            "name" => Subject::Name,
            _ => return None,
        };
        Some(Self { subject, glob: Glob::new(glob) })
    }

    fn matches(&self, project: &str, name: &str) -> bool {
        self.glob.matches(match self.subject {
            Subject::Project => project,
            Subject::Name => name,
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = match self.subject {
            Subject::Project => "project",
            Subject::Name => "name",
        };
        write!(f, "{subject}={}", self.glob.as_str())
    }
}

/// Watched is what an include pattern matches and no exclude pattern does. The default watches everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerFilter {
    /// At least one of these must match.
    pub include: Vec<Pattern>,
    /// None of these may match.
    pub exclude: Vec<Pattern>,
}

impl Default for ContainerFilter {
    fn default() -> Self {
        Self { include: vec![Pattern { subject: Subject::Name, glob: Glob::new("*") }], exclude: Vec::new() }
    }
}

impl ContainerFilter {
    /// Whether a container of this project may be watched, whatever its name is.
    pub fn may_admit(&self, project: &str) -> bool {
        let of_project = |pattern: &&Pattern| pattern.subject == Subject::Project && pattern.glob.matches(project);
        let by_name = self.include.iter().any(|pattern| pattern.subject == Subject::Name);
        (by_name || self.include.iter().any(|pattern| of_project(&pattern)))
            && !self.exclude.iter().any(|pattern| of_project(&pattern))
    }

    /// Whether a container is watched.
    pub fn admits(&self, project: &str, name: &str) -> bool {
        let matches = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(project, name));
        matches(&self.include) && !matches(&self.exclude)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn globs() {
        let table = [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "anything", true),
            ("web", "web", true),
            ("web", "web-1", false),
            ("web*", "web-1", true),
            ("*-1", "web-1", true),
            ("*-1", "web-2", false),
            ("w*b*1", "web-1", true),
            ("w*1*", "web", false),
            ("a*a", "a", false),
            ("**", "x", true),
            ("*ab*ab*", "xabxabx", true),
            ("*ab*ab*", "xabx", false),
            ("[a]", "a", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(Glob::new(pattern).matches(text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn exclude_wins_over_include() {
        assert!(ContainerFilter::default().admits("", "any"));
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::parse(text).unwrap()).collect();
        let filter = ContainerFilter {
            include: patterns(&["project=shop*", "name=lone"]),
            exclude: patterns(&["project=*-ci", "name=*tmp*"]),
        };
        let table = [
            ("shop", "shop-web-1", true),
            ("", "lone", true),
            ("", "other", false),
            ("shop-ci", "shop-ci-web-1", false),
            ("shop", "shop-tmp-1", false),
        ];
        for (project, name, expected) in table {
            assert_eq!(filter.admits(project, name), expected, "{project}/{name}");
        }
    }

    /// The obvious definition, exponential: what the fast one must agree with.
    fn matches_slowly(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| matches_slowly(rest, &text[skip..])),
            Some((c, rest)) => text.first() == Some(c) && matches_slowly(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn globs_agree_with_their_definition(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            let slow = matches_slowly(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
            prop_assert_eq!(Glob::new(pattern).matches(&text), slow);
        }
    }
}
