//! The routers: read from a file, found by entry point, host and path.

use serde::Deserialize;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// In any order; the longest rule that fits is taken, as Traefik does where no priority is given.
    pub routers: Vec<Router>,
}

/// One router and the service behind it. Names are as labels have them, without the provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Router {
    /// Of the router, and of the service.
    pub name: String,
    /// ``Host(`name`)``, ``PathPrefix(`/path`)``, or both joined by `&&`.
    pub rule: Rule,
    /// Where it listens.
    pub entry_points: Vec<String>,
    /// Whether it speaks TLS.
    #[serde(default)]
    pub tls: bool,
    /// Host and port of the service.
    pub server: String,
}

/// What a request must be like.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Rule {
    /// As it was written.
    pub text: String,
    host: Option<String>,
    prefix: Option<String>,
}

impl TryFrom<String> for Rule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (mut host, mut prefix) = (None, None);
        for part in text.split("&&").map(str::trim) {
            let of = |name: &str| {
                let value = part.strip_prefix(name)?.strip_prefix("(`")?.strip_suffix("`)")?;
                (!value.contains('`')).then(|| value.to_owned())
            };
            match (of("Host"), of("PathPrefix")) {
                (Some(name), _) => host = Some(name.to_ascii_lowercase()),
                (_, Some(path)) => prefix = Some(path),
                _ => return Err(format!("rule `{part}`: not Host(`..`) or PathPrefix(`..`)")),
            }
        }
        Ok(Self { text, host, prefix })
    }
}

impl Rule {
    fn fits(&self, host: &str, path: &str) -> bool {
        let host_fits = self.host.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(host));
        host_fits && self.prefix.as_deref().is_none_or(|prefix| path.starts_with(prefix))
    }
}

impl Table {
    /// Who takes a request. A port behind the host's name is no part of it.
    pub fn find(&self, entry_point: &str, host: &str, path: &str) -> Option<&Router> {
        let host = host.split(':').next().unwrap_or_default();
        let here = |router: &&Router| router.entry_points.iter().any(|name| name == entry_point);
        let fit = self.routers.iter().filter(here).filter(|router| router.rule.fits(host, path));
        fit.max_by_key(|router| router.rule.text.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        serde_json::from_str(
            r#"{"routers": [
                {"name": "site", "rule": "Host(`shop.example`)", "entryPoints": ["websecure"], "tls": true, "server": "site:3000"},
                {"name": "api", "rule": "Host(`shop.example`) && PathPrefix(`/api`)", "entryPoints": ["websecure"], "server": "api:8000"}
            ]}"#,
        )
        .unwrap()
    }

    #[test]
    fn the_longest_rule_that_fits_takes_it() {
        let table = table();
        let who =
            |entry: &str, host: &str, path: &str| table.find(entry, host, path).map(|router| router.name.as_str());
        assert_eq!(who("websecure", "shop.example", "/"), Some("site"));
        assert_eq!(who("websecure", "SHOP.example:8443", "/api/v1"), Some("api"));
        assert_eq!(who("websecure", "bank.example", "/"), None);
        assert_eq!(who("web", "shop.example", "/"), None);
    }

    #[test]
    fn a_rule_it_cannot_play_is_refused() {
        for rule in ["", "HostRegexp(`.*`)", "Host(shop)", "Host(`a`) || Host(`b`)"] {
            assert!(Rule::try_from(rule.to_owned()).is_err(), "{rule}");
        }
    }
}
