//! References of images: `registry.example/team/app:1.2@sha256:..`.

/// A reference, taken apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reference<'a> {
    /// Repository without tag and digest; `None` where the container was made from a bare digest.
    pub(super) name: Option<&'a str>,
    /// The last part of the repository.
    pub(super) base: Option<&'a str>,
    /// The tag. Where none is written there is none here: `latest` is what the engine took then, and may be another one by now.
    pub(super) tag: Option<&'a str>,
    /// Repository and digest, where one is written.
    pub(super) repo_digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Takes one apart, as the grammar of `distribution/reference` has it.
    pub(super) fn parse(text: &'a str) -> Self {
        let (rest, digest) = text.split_once('@').map_or((text, None), |(rest, digest)| (rest, Some(digest)));
        let last = rest.rsplit('/').next().unwrap_or(rest);
        // A colon before the last slash belongs to the registry's port.
        let tag = last.split_once(':').map(|(_, tag)| tag).filter(|tag| !tag.is_empty());
        let name = tag.and_then(|tag| rest.strip_suffix(tag)?.strip_suffix(':')).unwrap_or(rest);
        if is_id(rest) {
            return Self::default();
        }
        let base = name.rsplit('/').next().filter(|base| !base.is_empty());
        Self {
            name: Some(name).filter(|name| !name.is_empty()),
            base,
            tag,
            // With a tag in between it is no digest of a repository.
            repo_digest: digest.filter(|_| tag.is_none()).map(|_| text),
        }
    }
}

/// `sha256:..`, or the digits alone: at least as many as the engine shows.
fn is_id(text: &str) -> bool {
    let digits = text.strip_prefix("sha256:");
    let enough = |digits: &str, least| digits.len() >= least && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    digits.map_or_else(|| enough(text, 12), |digits| enough(digits, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
        let of = |name, base, tag, repo_digest| Reference { name: Some(name), base: Some(base), tag, repo_digest };
        let digest = "app@sha256:abc";
        for (text, expected) in [
            ("nginx", of("nginx", "nginx", None, None)),
            ("nginx:1.27", of("nginx", "nginx", Some("1.27"), None)),
            ("reg.example:5000/team/app", of("reg.example:5000/team/app", "app", None, None)),
            ("reg.example:5000/team/app:2", of("reg.example:5000/team/app", "app", Some("2"), None)),
            (digest, of("app", "app", None, Some(digest))),
            ("app:3@sha256:abc", of("app", "app", Some("3"), None)),
            ("1234:1234", of("1234", "1234", Some("1234"), None)),
            ("sha256:0123abcd", Reference::default()),
            ("0123456789ab", Reference::default()),
            ("", Reference::default()),
        ] {
            assert_eq!(Reference::parse(text), expected, "{text}");
        }
    }
}
