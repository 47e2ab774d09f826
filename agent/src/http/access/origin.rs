//! Pages of other sites: what their browsers say about them, and nothing for them here.

use http::{HeaderMap, HeaderValue, header::ORIGIN};

use super::hosts::Host;

/// Whether a request comes from the agent's own page, from no page, or is somebody who follows a link.
pub(super) fn same(headers: &HeaderMap, host: Option<&Host>) -> bool {
    headers.get_all(ORIGIN).into_iter().all(|origin| is_own(origin, host)) && !is_foreign_fetch(headers)
}

/// `Origin: scheme://host[:port]`, of the host that was asked. A proxy may have changed the scheme; `null` is nobody.
fn is_own(origin: &HeaderValue, host: Option<&Host>) -> bool {
    let parse = || {
        let (scheme, authority) = origin.to_str().ok()?.split_once("://")?;
        let default = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return None,
        };
        Some((Host::parse(authority)?, default))
    };
    let (Some((origin, default)), Some(host)) = (parse(), host) else { return false };
    origin.name == host.name && origin.port.unwrap_or(default) == host.port.unwrap_or(default)
}

/// What newer browsers say by themselves: a picture, script or fetch of another site. To follow a link is no such thing.
fn is_foreign_fetch(headers: &HeaderMap) -> bool {
    let says = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let foreign = says("sec-fetch-site").is_some_and(|site| !matches!(site, b"same-origin" | b"none"));
    let link = says("sec-fetch-mode") == Some(b"navigate")
        && says("sec-fetch-dest").is_none_or(|destination| destination == b"document");
    foreign && !link
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn judged(host: Option<&str>, fields: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        same(&headers, host.map(|host| Host::parse(host).unwrap()).as_ref())
    }

    #[test]
    fn origins() {
        for (host, origin, expected) in [
            ("localhost:9477", "http://localhost:9477", true),
            ("LOCALHOST:9477", "http://localhost:9477", true),
            ("spyhop.example", "https://spyhop.example", true),
            ("spyhop.example:443", "https://spyhop.example", true),
            ("[::1]:9477", "http://[::1]:9477", true),
            ("localhost:9477", "http://localhost:9478", false),
            ("localhost:9477", "http://localhost", false),
            ("localhost:9477", "http://evil.example", false),
            ("localhost:9477", "http://localhost:9477.evil.example", false),
            ("localhost:9477", "http://localhost:9477/", false),
            ("localhost:9477", "null", false),
            ("localhost:9477", "", false),
            ("localhost:9477", "file://", false),
            ("localhost:9477", "chrome-extension://abc", false),
        ] {
            assert_eq!(judged(Some(host), &[("origin", origin)]), expected, "{host} {origin}");
        }
        assert!(!judged(None, &[("origin", "http://a")]), "nothing to compare with");
        let two = [("origin", "http://a"), ("origin", "http://evil.example")];
        assert!(!judged(Some("a"), &two), "each of them counts");
        assert!(judged(Some("a"), &[]));
    }

    #[test]
    fn what_browsers_say_of_a_fetch() {
        for (site, mode, destination, expected) in [
            ("same-origin", "no-cors", "style", true),
            ("none", "navigate", "document", true),
            ("cross-site", "navigate", "document", true),
            ("cross-site", "navigate", "iframe", false),
            ("cross-site", "no-cors", "image", false),
            ("cross-site", "cors", "empty", false),
            ("same-site", "no-cors", "script", false),
            ("unheard-of", "no-cors", "script", false),
        ] {
            let fields = [("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", destination)];
            assert_eq!(judged(Some("a"), &fields), expected, "{fields:?}");
        }
    }
}
