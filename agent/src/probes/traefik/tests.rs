use std::{fs, path::Path};

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traefik").join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Everything one of the two said in one of the two settings.
fn recorded(version: &str, setting: &str) -> Answers {
    let page = |kind: &str| fixture(&format!("{version}/{setting}-{kind}.json"));
    let routers = Protocol::ALL
        .iter()
        .flat_map(|protocol| routers(*protocol, &page(&format!("{}-routers", protocol.word()))).unwrap());
    Answers { routers: routers.collect(), middlewares: Some(middlewares(&page("http-middlewares")).unwrap()) }
}

/// The containers there were, as their `docker inspect` tells them.
fn containers(document: &Value) -> Vec<Backend<'_>> {
    fn one(container: &Value) -> Backend<'_> {
        let labels: Vec<(&str, &str)> = container["labels"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str().unwrap()))
            .collect();
        let label = |key: &str| labels.iter().find(|(known, _)| *known == key).map_or("", |(_, value)| *value);
        let own = container["networks"].as_object().unwrap().iter();
        Backend {
            project: label("com.docker.compose.project"),
            service: label("com.docker.compose.service"),
            name: container["name"].as_str().unwrap(),
            running: container["running"].as_bool().unwrap(),
            health: match container["health"].as_str() {
                Some("unhealthy") => Some(Health::Unhealthy),
                Some("starting") => Some(Health::Starting),
                Some(_) => Some(Health::Healthy),
                None => None,
            },
            networks: match container["mode"].as_str() {
                Some("host") => Networks::Host,
                _ => Networks::Own(own.map(|(name, address)| (name.as_str(), address.as_bool().unwrap())).collect()),
            },
            exposed: container["exposed"].as_u64().and_then(|ports| usize::try_from(ports).ok()),
            labels: labels.clone(),
        }
    }
    document.as_array().unwrap().iter().map(one).collect()
}

fn missing(report: &Report) -> Vec<String> {
    report.missing.iter().map(|missing| format!("{} {}", missing.place.router, missing.reason.word())).collect()
}

fn findings(report: &Report) -> Vec<String> {
    report.findings.iter().map(|(finding, place)| format!("{} {}", place.router, finding.word())).collect()
}

/// What both versions miss of the containers recorded, and why; the log of each said the same.
const MISSING: [&str; 15] = [
    "badlabel unknown",
    "badrule disabled",
    "clash conflict",
    "constr unknown",
    "created not_running",
    "noep disabled",
    "nomw disabled",
    "nonet no_address",
    "noport no_port",
    "nosvc disabled",
    "sick unhealthy",
    "stopped not_running",
    "twosvc ambiguous_service",
    "young starting",
    "norule no_rule",
];

#[test]
fn the_real_ones_miss_what_their_logs_say_they_dropped() {
    let document: Value = serde_json::from_slice(&fixture("containers.json")).unwrap();
    for (version, setting, differs) in [
        // 3 has no route for a paused container, 2 none for one that is a URL and has no address.
        ("2.11.53", "plain", "url no_address"),
        ("2.11.53", "models", "url no_address"),
        ("3.6.12", "plain", "paused not_running"),
        ("3.6.12", "models", "paused not_running"),
    ] {
        let report = compare(&Options::default(), &containers(&document), &recorded(version, setting));
        let mut wanted: Vec<_> = MISSING.into_iter().chain([differs]).collect();
        let mut got = missing(&report);
        wanted.sort_unstable();
        got.sort_unstable();
        assert_eq!(got, wanted, "{version} {setting}");
        assert_eq!((report.expected, report.found), (36, 20), "{version} {setting}");
        assert!(report.complete_ratio().is_some_and(|ratio| (ratio - 20.0 / 36.0).abs() < 1e-9));
        let errors = |router: &str| report.missing.iter().find(|m| m.place.router == router).unwrap().errors.join("; ");
        assert_eq!(errors("nomw"), "middleware \"ghost@docker\" does not exist");
        assert!(errors("badrule").contains("unsupported function: Hoost"), "{}", errors("badrule"));
        assert_eq!(errors("sick"), "");
    }
}

#[test]
fn what_is_there_and_wrong_is_found() {
    let document: Value = serde_json::from_slice(&fixture("containers.json")).unwrap();
    let options = Options {
        traefik_networks: Some(vec!["lab-front".to_owned()]),
        require_tls: true,
        require_auth: true,
        allowed_providers: Some(Vec::new()),
        ..Options::default()
    };
    for version in ["2.11.53", "3.6.12"] {
        let report = compare(&options, &containers(&document), &recorded(version, "plain"));
        let found = findings(&report);
        for one in [
            "both network_by_chance",
            "backonly no_shared_network",
            "wrongnet no_shared_network",
            "wrongnet network_not_attached",
            "two port_guessed",
            "halfep warning",
            "web-shop no_tls",
            "web-shop no_auth",
            // At `web` it takes requests without TLS, and it asks who they are.
            "api no_tls",
            "db no_tls",
        ] {
            assert!(found.iter().any(|found| found == one), "{version}: {one} is not in {found:?}");
        }
        for none in [
            "api no_auth",
            "chained no_auth",
            "tlsr no_tls",
            "dbtls no_tls",
            "dns no_tls",
            "db no_auth",
            "rep network_by_chance",
        ] {
            assert!(!found.iter().any(|found| found == none), "{version}: {none}");
        }
        let by_kind = |kind: &str| found.iter().filter(|found| found.ends_with(kind)).count();
        assert_eq!((by_kind(" unexpected"), by_kind(" foreign_provider")), (0, 0), "{version}: {found:?}");
    }
}

#[test]
fn entry_points_with_settings_rename_routers_and_redirect_them() {
    let document: Value = serde_json::from_slice(&fixture("containers.json")).unwrap();
    let options =
        Options { require_tls: true, allowed_providers: Some(vec!["consul".to_owned()]), ..Options::default() };
    for version in ["2.11.53", "3.6.12"] {
        let answers = recorded(version, "models");
        assert!(answers.routers.iter().all(|router| router.name != "api@docker"), "{version} renames");
        let found = findings(&compare(&options, &containers(&document), &answers));
        // Everything at `web` is redirected; the one router of a file has two names.
        assert!(!found.iter().any(|found| found == "api no_tls"), "{version}: {found:?}");
        assert!(found.iter().any(|found| found == "db no_tls"), "{version}: {found:?}");
        let foreign = found.iter().filter(|found| found.ends_with("foreign_provider"));
        assert_eq!(
            foreign.collect::<Vec<_>>(),
            ["web-byfile@file foreign_provider", "websecure-byfile@file foreign_provider"]
        );
        let allowed = Options { allowed_providers: Some(vec!["file".to_owned()]), ..options.clone() };
        let found = findings(&compare(&allowed, &containers(&document), &answers));
        assert!(!found.iter().any(|found| found.ends_with("foreign_provider")), "{version}: {found:?}");
        // Without the list of middlewares a redirect looks like any other router.
        let blind = Answers { middlewares: None, ..answers };
        let found =
            findings(&compare(&Options { require_auth: true, ..options.clone() }, &containers(&document), &blind));
        assert!(
            found.iter().any(|found| found == "api no_tls") && !found.iter().any(|found| found.ends_with("no_auth"))
        );
    }
}

fn backend<'a>(name: &'a str, labels: &[(&'a str, &'a str)]) -> Backend<'a> {
    Backend {
        project: "shop",
        service: name,
        name,
        labels: labels.iter().copied().chain([("traefik.enable", "true")]).collect(),
        running: true,
        health: None,
        networks: Networks::Own(vec![("front", true)]),
        exposed: Some(1),
    }
}

fn expected(options: &Options, backend: Backend<'_>) -> Vec<String> {
    let report = compare(options, &[backend], &Answers::default());
    let name = |missing: &Missing| format!("{} {}", missing.place.protocol.word(), missing.place.router);
    report.missing.iter().map(name).collect()
}

/// Labels, and kinds and names of the routers which they ask for.
type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

#[test]
fn labels_say_which_routers_there_should_be() {
    let by_default = Options { exposed_by_default: true, ..Options::default() };
    let off = Options::default();
    let table: &[Case] = &[
        (&[], &["http one"]),
        (&[("traefik.http.routers.a.rule", "x"), ("traefik.http.routers.b.rule", "x")], &["http a", "http b"]),
        (&[("traefik.http.services.s.loadbalancer.server.port", "80")], &["http one"]),
        // Two services and no router: none is made.
        (&[("traefik.http.services.s.x", "1"), ("traefik.http.services.t.x", "1")], &[]),
        // TCP or UDP alone is no HTTP; beside HTTP it is.
        (&[("traefik.tcp.routers.d.rule", "x")], &["tcp d"]),
        (&[("traefik.udp.routers.d.entrypoints", "x")], &["udp d"]),
        (&[("traefik.tcp.services.d.loadbalancer.server.port", "1")], &[]),
        (&[("traefik.tcp.routers.d.rule", "x"), ("traefik.http.middlewares.m.x", "1")], &["http one", "tcp d"]),
        (&[("traefik.HTTP.Routers.Name.Rule", "x"), ("traefik.http.routers.name.tls", "true")], &["http Name"]),
        (&[("com.docker.compose.service", "my_web"), ("com.docker.compose.project", "a.b")], &["http my-web-a-b"]),
        (&[("traefik.http.routers.a", "x"), ("traefik.http", "x"), ("traefik", "x"), ("traefik.", "x")], &["http a"]),
    ];
    for (labels, wanted) in table {
        assert_eq!(expected(&off, backend("one", labels)), *wanted, "{labels:?}");
        let unsaid = Backend { labels: labels.to_vec(), ..backend("one", &[]) };
        assert_eq!(expected(&off, unsaid.clone()), [""; 0], "{labels:?}");
        assert_eq!(expected(&by_default, unsaid), *wanted, "{labels:?}");
    }
    for (word, there) in [("1", true), ("TRUE", true), ("f", false), ("False", false), ("yes", false)] {
        let labels = vec![("traefik.enable", word)];
        assert_eq!(expected(&off, Backend { labels, ..backend("one", &[]) }).len(), usize::from(there), "{word}");
    }
}

#[test]
fn the_reason_is_that_of_the_container_which_came_nearest() {
    let label = [("traefik.http.routers.r.rule", "x")];
    let down = Backend { running: false, ..backend("a", &label) };
    let sick = Backend { health: Some(Health::Unhealthy), ..backend("a", &label) };
    let young = Backend { health: Some(Health::Starting), ..backend("a", &label) };
    let bare = Backend { networks: Networks::Own(vec![("front", false)]), ..backend("a", &label) };
    let portless = Backend { exposed: Some(0), ..backend("a", &label) };
    let reason = |backends: &[&Backend<'_>]| {
        let backends: Vec<_> = backends.iter().map(|one| (*one).clone()).collect();
        missing(&compare(&Options::default(), &backends, &Answers::default())).join(", ")
    };
    assert_eq!(reason(&[&down, &sick]), "r unhealthy");
    assert_eq!(reason(&[&down, &bare]), "r no_address");
    assert_eq!(reason(&[&sick, &young, &down]), "r starting");
    assert_eq!(reason(&[&down, &portless]), "r no_port");
    assert_eq!(reason(&[&down, &backend("a", &label)]), "r unknown");
    // Where ports are not known, they are not blamed.
    assert_eq!(reason(&[&Backend { exposed: None, ..portless.clone() }]), "r unknown");
    for networks in [Networks::Host, Networks::Shared, Networks::Unknown] {
        assert_eq!(reason(&[&Backend { networks, ..backend("a", &label) }]), "r unknown");
    }
    // Replicas agree; another service with the same router has another service behind it.
    let other = [("com.docker.compose.service", "b"), ("com.docker.compose.project", "shop"), label[0]];
    assert_eq!(reason(&[&backend("a", &label), &backend("b", &other)]), "r conflict");
    // One that is passed over has no part in a conflict.
    assert_eq!(reason(&[&backend("a", &label), &Backend { running: false, ..backend("b", &other) }]), "r unknown");
    let any_state = [label[0], ("traefik.docker.allowNonRunning", "true")];
    assert_eq!(reason(&[&Backend { running: false, ..backend("a", &any_state) }]), "r unknown");
}

#[test]
fn one_good_replica_is_a_route() {
    let label = [("traefik.http.routers.r.rule", "x")];
    let body =
        br#"[{"name":"r@docker","status":"enabled","entryPoints":["web"]},{"name":"r@file","status":"enabled"}]"#;
    let answers = Answers { routers: routers(Protocol::Http, body).unwrap(), middlewares: None };
    let sick = Backend { health: Some(Health::Unhealthy), ..backend("a", &label) };
    let report = compare(&Options::default(), &[sick, backend("a", &label)], &answers);
    assert_eq!((report.expected, report.found, report.missing.len()), (1, 1, 0));
    assert_eq!(compare(&Options::default(), &[], &answers).complete_ratio(), None);
    assert_eq!(findings(&compare(&Options::default(), &[], &answers)), ["r@docker unexpected"]);
    // The same name with another protocol or provider is another router.
    let tcp = routers(Protocol::Tcp, br#"[{"name":"r@docker","status":"enabled"}]"#).unwrap();
    let report = compare(&Options::default(), &[backend("a", &label)], &Answers { routers: tcp, middlewares: None });
    assert_eq!(missing(&report), ["r unknown"]);
}

#[test]
fn every_word_is_in_the_documentation() {
    let document = include_str!("../../../../docs/probes.md");
    let words = Reason::ALL.map(Reason::word).into_iter().chain(Finding::ALL.map(Finding::word));
    for word in words {
        assert!(document.contains(&format!("\n| `{word}` | ")), "docs/probes.md lacks {word}");
    }
}

#[test]
fn pages_end_where_traefik_begins_again() {
    for (page, header, next) in [
        (1, Some("2"), Some(2)),
        (1, Some("1"), None),
        (3, Some("1"), None),
        (2, Some(" 3 "), Some(3)),
        (2, Some("2"), None),
        (1, None, None),
        (1, Some("x"), None),
        (1, Some("4000000000"), None),
        (5, Some("6"), None),
    ] {
        assert_eq!(next_page(page, header), next, "{page} {header:?}");
    }
    assert_eq!(Protocol::Tcp.routers_path(2), "/api/tcp/routers?per_page=1000&page=2");
}

#[test]
fn answers_of_others_are_none() {
    for body in ["", "{}", "null", "[1]", "[{}]", "{\"message\":\"invalid request\"}", "<html>", "[{\"name\":1}]"] {
        assert!(routers(Protocol::Http, body.as_bytes()).is_err(), "{body}");
    }
    let odd = br#"[{"name":"x","status":"new","error":null,"tls":{"options":"default"},"more":[[[]]]}]"#;
    let read = routers(Protocol::Http, odd).unwrap().remove(0);
    assert_eq!((read.short_name(), read.provider(), read.status, read.tls), ("x", "", answer::Status::Unknown, true));
}

#[test]
fn bounds_hold_and_say_what_they_left_out() {
    let keys: Vec<String> = (0..100).map(|n| format!("traefik.http.routers.r{n}.rule")).collect();
    let labels: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "x")).collect();
    let backends: Vec<Backend<'_>> = (0..5).map(|_| backend("a", &labels)).collect();
    let report = compare(&Options::default(), &backends, &Answers::default());
    assert_eq!((report.expected, report.left_out), (MAX_ROUTERS, 5 * 36));
    let body =
        format!("[{}]", (0..500).map(|n| format!("{{\"name\":\"r{n}\\n@docker\"}}")).collect::<Vec<_>>().join(","));
    let routers = routers(Protocol::Http, body.as_bytes()).unwrap();
    let report = compare(&Options::default(), &[], &Answers { routers, middlewares: None });
    assert_eq!((report.findings.len(), report.left_out), (MAX_TOLD, 300));
    assert!(report.findings.iter().all(|(_, place)| !place.router.contains('\n')));
    // No page is longer than what was asked for.
    let longer = |entries: usize| format!("[{}]", vec![r#"{"name":""}"#; entries].join(","));
    assert_eq!(super::routers(Protocol::Http, longer(1000).as_bytes()).unwrap().len(), 1000);
    assert!(super::routers(Protocol::Http, longer(1001).as_bytes()).is_err());
    assert!(middlewares(longer(1001).as_bytes()).is_err());
    // A chain that leads to itself ends.
    let circle = br#"[{"name":"c@docker","type":"chain","chain":{"middlewares":["c@docker"]}}]"#;
    let body = br#"[{"name":"r@docker","entryPoints":["web"],"middlewares":["c@docker"]}]"#;
    let answers = Answers {
        routers: super::routers(Protocol::Http, body).unwrap(),
        middlewares: Some(middlewares(circle).unwrap()),
    };
    let options = Options { require_auth: true, ..Options::default() };
    let report = compare(&options, &[backend("a", &[("traefik.http.routers.r.rule", "x")])], &answers);
    assert_eq!(findings(&report), ["r no_auth"]);
    let options = Options { auth_middlewares: vec!["c@docker".to_owned()], ..options };
    let report = compare(&options, &[backend("a", &[("traefik.http.routers.r.rule", "x")])], &answers);
    assert_eq!(findings(&report), [""; 0]);
}

proptest! {
    #[test]
    fn no_bytes_break_it(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        super::fuzz::traefik(&bytes);
    }

    #[test]
    fn every_router_is_found_or_missing(
        asked in proptest::collection::btree_set("[a-c]{1,2}", 1..6),
        there in proptest::collection::btree_set("(web-)?[a-c]{1,2}", 0..8),
        running in any::<bool>(),
    ) {
        let keys: Vec<String> = asked.iter().map(|name| format!("traefik.http.routers.{name}.rule")).collect();
        let labels: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "x")).collect();
        let entry = |name: &String| format!(r#"{{"name":"{name}@docker","status":"enabled","entryPoints":["web"]}}"#);
        let body = format!("[{}]", there.iter().map(entry).collect::<Vec<_>>().join(","));
        let answers = Answers { routers: routers(Protocol::Http, body.as_bytes()).unwrap(), middlewares: None };
        let report = compare(&Options::default(), &[Backend { running, ..backend("a", &labels) }], &answers);
        let found = asked.iter().filter(|name| there.contains(*name) || there.contains(&format!("web-{name}"))).count();
        prop_assert_eq!((report.expected, report.found, report.missing.len()), (asked.len(), found, asked.len() - found));
        let stray = there.iter().filter(|name| !asked.contains(name.trim_start_matches("web-")) && !asked.contains(*name));
        let unexpected = report.findings.iter().filter(|(finding, _)| *finding == Finding::Unexpected).count();
        prop_assert_eq!(unexpected, stray.count());
    }
}
