//! Kinds of values for Loki.

use super::{Kind, Raw, Wrong, not_one_of, one, quoted};
use crate::logs::SourceChoice;

/// The word for nowhere.
const OFF: &str = "off";

/// Longest tenant, user or URL.
const MAX_TEXT: usize = 1024;

/// Where Loki is, or `off`.
pub(in crate::config) const LOKI_URL: Kind<Option<String>> = Kind {
    name: "a URL or off",
    range: || "http://host:3100, https://host/prefix".into(),
    list: false,
    read: |raw| one(raw, |text| if text == OFF { Ok(None) } else { read_url(text, &LOKI).map(Some) }),
    show: |url| Raw::One(url.clone().unwrap_or_else(|| OFF.to_owned())),
};

/// A tenant, or `off`.
pub(in crate::config) const TENANT: Kind<Option<String>> = Kind {
    name: "a tenant or off",
    range: || "letters, digits and !-_.*'()".into(),
    list: false,
    read: |raw| one(raw, |text| if text == OFF { Ok(None) } else { read_tenant(text).map(Some) }),
    show: |tenant| Raw::One(tenant.clone().unwrap_or_else(|| OFF.to_owned())),
};

/// A user of basic authentication, or `off`.
pub(in crate::config) const USERNAME: Kind<Option<String>> = Kind {
    name: "a user or off",
    range: || "no colon".into(),
    list: false,
    read: |raw| one(raw, |text| if text == OFF { Ok(None) } else { read_username(text).map(Some) }),
    show: |user| Raw::One(user.clone().unwrap_or_else(|| OFF.to_owned())),
};

/// Where lines are read.
pub(in crate::config) const LOG_SOURCE: Kind<SourceChoice> = Kind {
    name: "a choice",
    range: || SourceChoice::ALL.map(SourceChoice::as_str).join(", "),
    list: false,
    read: |raw| {
        one(raw, |text| {
            let found = SourceChoice::ALL.into_iter().find(|choice| choice.as_str() == text);
            found.ok_or_else(|| not_one_of(text, "a choice", &SourceChoice::ALL.map(SourceChoice::as_str)))
        })
    },
    show: |choice| Raw::One(choice.as_str().to_owned()),
};

/// A kind of server, for what is said of a URL that is none of it.
pub(super) struct Server {
    pub(super) wrong: &'static str,
    pub(super) hint: &'static str,
    /// Paths of its own, which people paste with the rest.
    pub(super) paths: &'static [&'static str],
}

const LOKI: Server = Server {
    wrong: "is not a URL of Loki",
    hint: "write http://loki:3100 or https://logs.example/prefix",
    paths: &["/loki/api/v1/push"],
};

/// URLs are not quoted back: one with a password in it may have been given by mistake.
pub(super) fn read_url(text: &str, server: &Server) -> Result<String, Wrong> {
    let hint = server.hint;
    let wrong = || Err(Wrong::new(server.wrong).hint(hint));
    let Ok(uri) = text.parse::<http::Uri>() else { return wrong() };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return wrong() };
    if text.len() > MAX_TEXT || !matches!(scheme, "http" | "https") || authority.host().is_empty() {
        return wrong();
    }
    if authority.as_str().contains('@') {
        return Err(Wrong::new("holds credentials").hint("use `username` and `password_file` beside it"));
    }
    if uri.query().is_some() || text.contains('#') {
        return Err(Wrong::new("has a query or a fragment").hint(hint));
    }
    // People paste what they know from elsewhere.
    let path = uri.path().trim_end_matches('/');
    let path = server.paths.iter().find_map(|own| path.strip_suffix(own)).unwrap_or(path);
    Ok(format!("{scheme}://{authority}{path}"))
}

/// Loki's own rule for tenants.
fn read_tenant(text: &str) -> Result<String, Wrong> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "!-_.*'()".contains(c);
    if (1..=150).contains(&text.len()) && text.chars().all(plain) && text != "." && text != ".." {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(format!("{} is no tenant", quoted(text))).hint("letters, digits and !-_.*'(), 150 at most"))
}

fn read_username(text: &str) -> Result<String, Wrong> {
    if (1..=MAX_TEXT).contains(&text.len()) && !text.contains(|c: char| c == ':' || c.is_control()) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new("is no user of basic authentication")
        .hint("a user has no colon; the password has a file of its own"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_in_the_forms_people_have_them() {
        let read = |text: &str| (LOKI_URL.read)(&Raw::One(text.to_owned())).ok();
        let table = [
            ("http://loki:3100", Some(Some("http://loki:3100"))),
            ("http://loki:3100/", Some(Some("http://loki:3100"))),
            ("https://logs.example/prefix/", Some(Some("https://logs.example/prefix"))),
            ("http://loki:3100/loki/api/v1/push", Some(Some("http://loki:3100"))),
            ("http://[::1]:3100", Some(Some("http://[::1]:3100"))),
            ("off", Some(None)),
            ("loki:3100", None),
            ("ftp://loki", None),
            ("http://me:hunter2@loki:3100", None),
            ("http://loki:3100/?a=b", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(read(text), expected.map(|url| url.map(str::to_owned)), "{text}");
        }
    }

    #[test]
    fn a_password_in_a_url_is_not_told_again() {
        let wrong = (LOKI_URL.read)(&Raw::One("http://me:hunter2@loki:3100".into())).unwrap_err();
        assert!(!format!("{wrong:?}").contains("hunter2"), "{wrong:?}");
    }

    #[test]
    fn tenants_are_those_loki_takes() {
        let read = |text: &str| (TENANT.read)(&Raw::One(text.to_owned())).is_ok();
        assert!(read("team-a_1.b") && read("off"));
        assert!(!read("") && !read("a b") && !read("..") && !read(&"a".repeat(151)) && !read("a|b"));
    }
}
