//! Which requests are answered. Pure: the head of a request in, a question or a reason out.

use http::{HeaderMap, Method, Version, header, request::Parts};

use crate::engine::Route;

/// Longest query, and most parameters in it. The filters of a stream of events take some 300 bytes.
const MAX_QUERY: usize = 4 << 10;
const MAX_PARAMETERS: usize = 16;

/// Digits of each half of a version in the path.
const MAX_VERSION_DIGITS: usize = 3;

/// What is asked of the engine in place of the request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Question {
    pub(super) route: &'static Route,
    /// Version, path and query, as they are sent.
    pub(super) target: String,
    /// The answer's head is enough.
    pub(super) head: bool,
}

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("only GET is answered, and HEAD for /_ping")]
    Method,
    #[error("only HTTP/1.1 is spoken")]
    Protocol,
    #[error("the target must be a path, as in GET /info")]
    Target,
    #[error("the path is not on the list")]
    Path,
    #[error("the query has a parameter that is not known here, or one twice")]
    Parameter,
    #[error("the query is too long or not plainly written")]
    Query,
    #[error("a request must have no body")]
    Body,
    #[error("no other protocol is switched to")]
    Upgrade,
    #[error("a header of the request is not accepted")]
    Header,
}

/// Decides.
pub(super) fn permit(request: &Parts) -> Result<Question, Refusal> {
    let head = match request.method {
        Method::GET => false,
        Method::HEAD => true,
        _ => return Err(Refusal::Method),
    };
    if request.version != Version::HTTP_11 {
        return Err(Refusal::Protocol);
    }
    headers(&request.headers)?;
    let uri = &request.uri;
    if uri.scheme().is_some() || uri.authority().is_some() {
        return Err(Refusal::Target);
    }
    let (version, path) = version(uri.path());
    let route = Route::of(path).ok_or(Refusal::Path)?;
    if head && route.before != "/_ping" {
        return Err(Refusal::Method);
    }
    let mut target = format!("{version}{path}");
    if let Some(query) = uri.query() {
        check(query, route)?;
        target.push('?');
        target.push_str(query);
    }
    Ok(Question { route, target, head })
}

/// Nothing of them is passed on; these say that there is more to the request than its head.
fn headers(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(header::CONTENT_LENGTH) || headers.contains_key(header::TRANSFER_ENCODING) {
        return Err(Refusal::Body);
    }
    if headers.contains_key(header::UPGRADE) || headers.contains_key("http2-settings") {
        return Err(Refusal::Upgrade);
    }
    if headers.contains_key(header::EXPECT) || headers.contains_key(header::TRAILER) {
        return Err(Refusal::Header);
    }
    let one_host = headers.get_all(header::HOST).iter().count() <= 1;
    let plain = |value: &http::HeaderValue| {
        let value = value.as_bytes();
        value.eq_ignore_ascii_case(b"close") || value.eq_ignore_ascii_case(b"keep-alive")
    };
    match one_host && headers.get_all(header::CONNECTION).iter().all(plain) {
        true => Ok(()),
        false => Err(Refusal::Header),
    }
}

/// `/v1.41` and what follows it; all of the path where no version stands before it.
fn version(path: &str) -> (&str, &str) {
    let split = || {
        let end = path.get(1..)?.find('/')? + 1;
        let (version, rest) = path.split_at_checked(end)?;
        let (major, minor) = version.strip_prefix("/v")?.split_once('.')?;
        let number = |text: &str| {
            (1..=MAX_VERSION_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        (number(major) && number(minor)).then_some((version, rest))
    };
    split().unwrap_or(("", path))
}

/// Known parameters, each once, with values in which every sign stands for itself or is properly escaped.
fn check(query: &str, route: &Route) -> Result<(), Refusal> {
    if query.len() > MAX_QUERY || query.split('&').count() > MAX_PARAMETERS {
        return Err(Refusal::Query);
    }
    let mut seen: Vec<&str> = Vec::new();
    for parameter in query.split('&') {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if !route.parameters.contains(&key) || seen.contains(&key) {
            return Err(Refusal::Parameter);
        }
        seen.push(key);
        if !is_plain(value) {
            return Err(Refusal::Query);
        }
    }
    Ok(())
}

fn is_plain(value: &str) -> bool {
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => {
                let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
                // No control characters: nobody means them, and readers differ about them.
                matches!((digit(), digit()), (Some(high), Some(low)) if (0x20..0x7f).contains(&(high * 16 + low)) || high >= 8)
            }
            _ => byte.is_ascii_alphanumeric() || b"-_.~:,+".contains(&byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;
    use crate::{broker::fuzz::may_leave, engine::ROUTES};

    fn asked(method: &str, target: &str, headers: &[(&str, &str)]) -> Result<String, Refusal> {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        permit(&parts).map(|question| question.target)
    }

    #[test]
    fn what_is_on_the_list_is_asked_as_it_was() {
        for target in [
            "/_ping",
            "/v1.41/_ping",
            "/version",
            "/v1.55/info",
            "/info",
            "/containers/json?all=true",
            "/v1.41/containers/json?all=1&filters=%7B%22label%22%3A%5B%22a%22%5D%7D",
            "/containers/0123abcd/json",
            "/containers/web-1/json?size=1",
            "/containers/0123abcd/logs?stdout=1&stderr=1&timestamps=1&follow=1&since=17.000000005",
            "/containers/0123abcd/stats?stream=false&one-shot=true",
            "/networks",
            "/networks/0123?",
            "/images/sha256:ab/json",
            "/events?since=1.5",
        ] {
            let expected = match target {
                // An empty query has no parameter, and its only name is not known.
                "/networks/0123?" => Err(Refusal::Parameter),
                target => Ok(target.to_owned()),
            };
            assert_eq!(asked("GET", target, &[("host", "engine")]), expected, "{target}");
        }
        assert_eq!(asked("HEAD", "/_ping", &[]), Ok("/_ping".into()));
    }

    #[test]
    fn everything_else_is_refused_with_its_reason() {
        for (target, reason) in [
            ("/", Refusal::Path),
            ("/containers/0/archive", Refusal::Path),
            ("/containers/0/export", Refusal::Path),
            ("/containers/0/top", Refusal::Path),
            ("/containers/0/attach/ws", Refusal::Path),
            ("/containers/0/json/", Refusal::Path),
            ("/containers/../containers/0/archive", Refusal::Path),
            ("/containers/../json", Refusal::Path),
            ("/containers/%2e%2e/json", Refusal::Path),
            ("/containers/0%2Farchive%3f/json", Refusal::Path),
            ("/containers/json%00", Refusal::Path),
            ("/Containers/json", Refusal::Path),
            ("//containers/json", Refusal::Path),
            ("/containers//json", Refusal::Path),
            ("/v1.41//containers/json", Refusal::Path),
            ("/v1.41/v1.41/containers/json", Refusal::Path),
            ("/v1.41", Refusal::Path),
            ("/v1/info", Refusal::Path),
            ("/v1.4x/info", Refusal::Path),
            ("/v1.4111/info", Refusal::Path),
            ("/V1.41/info", Refusal::Path),
            ("/v.41/info", Refusal::Path),
            ("/exec/0/json", Refusal::Path),
            ("/secrets", Refusal::Path),
            ("/swarm/unlockkey", Refusal::Path),
            ("/images/json", Refusal::Path),
            ("/images/get?names=a", Refusal::Path),
            ("/debug/pprof/heap", Refusal::Path),
            ("/containers/json;x", Refusal::Path),
            ("*", Refusal::Path),
            ("http://engine/info", Refusal::Target),
            ("http://user:pw@engine/info", Refusal::Target),
            ("engine:80", Refusal::Target),
            ("/info?a=1", Refusal::Parameter),
            ("/containers/json?all=1&all=0", Refusal::Parameter),
            ("/containers/json?all=1&", Refusal::Parameter),
            ("/containers/json?ALL=1", Refusal::Parameter),
            ("/containers/json?%61ll=1", Refusal::Parameter),
            ("/containers/0/logs?details=1", Refusal::Parameter),
            ("/containers/json?all=1;limit=2", Refusal::Query),
            ("/containers/json?all=1%", Refusal::Query),
            ("/containers/json?all=%4", Refusal::Query),
            ("/containers/json?all=%zz", Refusal::Query),
            ("/containers/json?all=%0d%0a", Refusal::Query),
            ("/containers/json?all=%00", Refusal::Query),
            ("/containers/json?all=%7f", Refusal::Query),
            ("/containers/json?all=a=b", Refusal::Query),
        ] {
            assert_eq!(asked("GET", target, &[]), Err(reason), "{target}");
        }
        let long = format!("/containers/json?filters={}", "a".repeat(MAX_QUERY));
        assert_eq!(asked("GET", &long, &[]), Err(Refusal::Query));
        let many = format!("/containers/json?{}", vec!["all=1"; 17].join("&"));
        assert_eq!(asked("GET", &many, &[]), Err(Refusal::Query));
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "GETX"] {
            assert_eq!(asked(method, "/info", &[]), Err(Refusal::Method), "{method}");
        }
        for target in ["/info", "/containers/json", "/v1.41/events"] {
            assert_eq!(asked("HEAD", target, &[]), Err(Refusal::Method), "{target}");
        }
        for (headers, reason) in [
            (&[("content-length", "0")][..], Refusal::Body),
            (&[("content-length", "5"), ("content-length", "6")], Refusal::Body),
            (&[("transfer-encoding", "chunked")], Refusal::Body),
            (&[("transfer-encoding", "identity")], Refusal::Body),
            (&[("upgrade", "tcp"), ("connection", "Upgrade")], Refusal::Upgrade),
            (&[("upgrade", "h2c")], Refusal::Upgrade),
            (&[("connection", "upgrade")], Refusal::Header),
            (&[("connection", "keep-alive, upgrade")], Refusal::Header),
            (&[("connection", "x-registry-auth")], Refusal::Header),
            (&[("expect", "100-continue")], Refusal::Header),
            (&[("host", "a"), ("host", "b")], Refusal::Header),
        ] {
            assert_eq!(asked("GET", "/info", headers), Err(reason), "{headers:?}");
        }
    }

    #[test]
    fn older_protocols_are_not_spoken() {
        for version in [Version::HTTP_09, Version::HTTP_10, Version::HTTP_2] {
            let request = Request::builder().uri("/info").version(version).body(()).unwrap();
            assert_eq!(permit(&request.into_parts().0), Err(Refusal::Protocol), "{version:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_asked_only_the_list_leaves(
            method in prop::sample::select(vec!["GET", "HEAD", "POST", "DELETE"]),
            parts in prop::collection::vec(prop::sample::select(vec![
                "/", "//", "..", ".", "%2e", "%2f", "%00", "?", "&", "=", ";", "#", "v1.41", "/v1.41", "/containers", "/json", "/logs",
                "containers", "json", "abc", "/images", "/info", "/events", "/networks", "/archive", "/exec", "all=1", "filters=%7B%7D",
                "details=1", "follow", "/_ping", "/version", "é", "@", ":80",
            ]), 0..10),
        ) {
            let target = format!("/{}", parts.concat());
            let Ok(request) = Request::builder().method(method).uri(&target).body(()) else { return Ok(()) };
            if let Ok(question) = permit(&request.into_parts().0) {
                prop_assert!(may_leave(&question.target), "{target} became {}", question.target);
                prop_assert!(question.target.bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(method == "GET" || (method == "HEAD" && question.head));
            }
        }

        #[test]
        fn any_bytes_in_a_target_are_refused_or_on_the_list(target in "[ -~]{0,80}") {
            let Ok(request) = Request::builder().uri(&target).body(()) else { return Ok(()) };
            if let Ok(question) = permit(&request.into_parts().0) {
                prop_assert!(may_leave(&question.target), "{target} became {}", question.target);
            }
        }
    }

    #[test]
    fn every_route_of_the_list_can_be_asked() {
        for route in &ROUTES {
            let path = format!("{}{}", route.before, route.after.map_or(String::new(), |after| format!("abc{after}")));
            assert_eq!(asked("GET", &path, &[]), Ok(path.clone()));
        }
    }
}
