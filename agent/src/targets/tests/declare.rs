use proptest::prelude::*;

use super::*;

fn read(pairs: &[(&str, &str)]) -> Vec<(u16, Result<Declaration, Mistake>)> {
    declared(&Labels::new(pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())))).declarations
}

fn one(pairs: &[(&str, &str)]) -> Result<Declaration, Mistake> {
    let mut all = read(pairs);
    assert_eq!(all.len(), 1, "{pairs:?}");
    all.remove(0).1
}

#[test]
fn a_port_is_enough() {
    let found = one(&[("spyhop.metrics.port", "8080"), ("other", "x")]).unwrap();
    assert_eq!((found.port, found.path.as_str(), found.scheme), (8080, "/metrics", Scheme::Http));
    assert_eq!((found.interval, found.by), (None, Spelling::Spyhop));
}

#[test]
fn numbers_make_several() {
    let found = read(&[
        ("spyhop.metrics.port", "1"),
        ("spyhop.metrics.1.port", "9"),
        ("spyhop.metrics.1.path", "/one"),
        ("spyhop.metrics.16.port", "3"),
        ("spyhop.metrics.2.port", "2"),
        ("spyhop.metrics.2.scheme", "HTTPS"),
        ("spyhop.metrics.2.interval", "5m"),
    ]);
    let ports: Vec<_> = found.iter().map(|(n, d)| (*n, d.as_ref().unwrap().port)).collect();
    assert_eq!(ports, [(1, 1), (2, 2), (16, 3)], "the unnumbered spelling is number 1 and wins");
    assert_eq!(found[0].1.as_ref().unwrap().path.as_str(), "/one");
    let second = found[1].1.as_ref().unwrap();
    assert_eq!((second.scheme, second.interval), (Scheme::Https, Some(Duration::from_secs(300))));
}

#[test]
fn a_server_name_is_a_name_or_an_address() {
    let name = |name: &str| one(&[("spyhop.metrics.port", "443"), ("spyhop.metrics.server_name", name)]);
    for text in ["web", "metrics.example", "a_b", " web ", "10.0.0.1", "fd00::1"] {
        assert_eq!(name(text).unwrap().server_name.as_deref(), Some(text.trim()), "{text:?}");
    }
    let long = ["x".repeat(60).as_str(); 5].join(".");
    for text in ["", "a b", "a:443", "https://a", "-a", "a..b", "ä", "a\r\nb", "[::1]", &long] {
        assert_eq!(name(text), Err(Mistake::ServerName), "{text:?}");
    }
    assert_eq!(one(&[("spyhop.metrics.port", "443")]).unwrap().server_name, None);
}

#[test]
fn what_is_numbered_oddly_is_left_out_and_counted() {
    for number in ["0", "17", "01", "+1", "-1", "x", "", "99999999999"] {
        let key = format!("spyhop.metrics.{number}.port");
        let found = declared(&Labels::new([(key.into(), "80".into())]));
        assert_eq!((found.declarations.len(), found.refused), (0, 1), "{number:?}");
    }
    assert_eq!(declared(&Labels::new([("spyhop.metrics.2.colour".into(), "x".into())])), Declared::default());
}

#[test]
fn the_habitual_labels_are_read_in_both_spellings() {
    for dot in ["/", "."] {
        let key = |word: &str| format!("prometheus.io{dot}{word}");
        let (scrape, port, path) = (key("scrape"), key("port"), key("path"));
        let found = one(&[(&scrape, "true"), (&port, "9100"), (&path, "/stats")]).unwrap();
        assert_eq!((found.port, found.path.as_str(), found.by), (9100, "/stats", Spelling::Prometheus));
        assert_eq!(one(&[(&scrape, "True")]), Err(Mistake::Port), "wanted and not told where");
        assert_eq!(read(&[(&port, "9100")]), [], "a port alone is not a wish");
        assert_eq!(read(&[(&scrape, "false"), (&port, "9100")]), []);
    }
    let both = one(&[("spyhop.metrics.port", "1"), ("prometheus.io/scrape", "true"), ("prometheus.io/port", "2")]);
    assert_eq!(both.unwrap().port, 1);
}

#[test]
fn labels_cannot_name_a_host() {
    let port = |port: &str| one(&[("spyhop.metrics.port", port)]);
    for text in ["", "0", "65536", "-1", "+80", "80@10.0.0.1", "10.0.0.1:80", "http", "8 0", "８０", "80\r\nx"] {
        assert_eq!(port(text), Err(Mistake::Port), "{text:?}");
    }
    let path = |path: &str| one(&[("spyhop.metrics.port", "80"), ("spyhop.metrics.path", path)]);
    let long = format!("/{}", "x".repeat(MAX_PATH));
    for text in [
        "",
        "metrics",
        "http://10.0.0.1/metrics",
        "@10.0.0.1/",
        "/a b",
        "/a\r\nHost: x",
        "/a#b",
        "/a%2f",
        "/ä",
        "/a\\b",
        "/a?b=1&b=2",
        "/a?b-c=1",
        "/a?=1",
        &long,
    ] {
        assert_eq!(path(text), Err(Mistake::Path), "{text:?}");
    }
    // An odd path is still a path: the address comes from elsewhere.
    assert_eq!(path("//10.0.0.1/x").unwrap().path.as_str(), "//10.0.0.1/x");
    for scheme in ["", "ftp", "file", "unix"] {
        let found = one(&[("spyhop.metrics.port", "80"), ("spyhop.metrics.scheme", scheme)]);
        assert_eq!(found, Err(Mistake::Scheme), "{scheme:?}");
    }
}

#[test]
fn a_query_is_split_into_parameters() {
    let labels = [("spyhop.metrics.port", "80"), ("spyhop.metrics.path", "/v1/metrics?format=prometheus&all")];
    let path = one(&labels).unwrap().path;
    assert_eq!(path.path(), "/v1/metrics");
    assert_eq!(path.parameters().collect::<Vec<_>>(), [("format", "prometheus"), ("all", "")]);
}

#[test]
fn intervals_are_bounded() {
    for (text, seconds) in [("1s", 1), ("15s", 15), ("2m", 120), ("1h", 3600)] {
        assert_eq!(interval(text), Some(Duration::from_secs(seconds)), "{text}");
    }
    for text in ["", "s", "0s", "2h", "1.5s", "100ms", "15", "1d", "-1s", "4294967295h", "1\u{00b5}s"] {
        assert_eq!(interval(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn any_labels_are_read(pairs in prop::collection::vec(("(spyhop\\.metrics\\.|prometheus\\.io/)?\\PC{0,12}", "\\PC{0,20}"), 0..20)) {
        let labels = Labels::new(pairs.into_iter().map(|(k, v)| (k.into(), v.into())));
        prop_assert!(declared(&labels).declarations.len() <= usize::from(MAX_PER_CONTAINER));
    }

    #[test]
    fn whatever_path_is_taken_fits_a_request_line(text in "/[ -~]{0,40}") {
        if let Some(path) = Path::read(&text) {
            prop_assert!(text.parse::<http::uri::PathAndQuery>().is_ok_and(|read| read.as_str() == text));
            prop_assert_eq!(path.as_str(), text);
        }
    }
}
