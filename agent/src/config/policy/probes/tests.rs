//! What the sections come to, and every mistake with its place.

use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    config::policy::read_file,
    policy::{
        Policy,
        probe::{Aim, Backend, Credentials, Family, Kind, Status},
    },
};

fn read(text: &str) -> (Policy, Vec<String>) {
    let mut mistakes = Vec::new();
    let policy = read_file(&Arc::from(Path::new("policy.yml")), text, &mut mistakes);
    (policy, mistakes.iter().map(ToString::to_string).collect())
}

const GOOD: &str = r#"
tiers: { critical: { severity: critical } }
projects:
  shop:
    services:
      api:
        probes:
          short: "http:8000/health"
          auto: http:8000
          none: off
          orders:
            http: 8000/orders?limit=1
            interval: 5s
            timeout: 800ms
            max_duration: 250ms
            status: [200, 4xx]
            body: '"ok"'
            not_body: error
            method: HEAD
            headers: { Host: shop.example, Accept: application/json }
            basic_auth: { username: probe, password_file: probe_password }
            unauthorized: [401, 403]
          secure: { https: 443/, server_name: shop.example, names: [www.shop.example, 192.0.2.1], ca_file: /etc/ca.pem, bearer_file: token }
          cache: { redis: 6379, info: true, over_tls: true, ca_file: ca.pem, basic_auth: { password_file: redis } }
          db: { postgres: 5432, statistics: true, database: shop, basic_auth: { username: probe } }
          routes: { traefik: 8080 }
    profiles:
      development: { services: { api: { probes: { short: "http:9000/health" } } } }
probes:
  home: https://shop.example
  site:
    url: https://shop.example/health
    connect: proxy/traefik:443
    ip_protocol: ip6
    tier: critical
  mail: { tls: mail.example:993, names: [imap.mail.example] }
  six: { tcp: "[2001:db8::1]:22" }
  store: redis://cache.example
"#;

#[test]
fn good_ones() {
    let (policy, mistakes) = read(GOOD);
    assert_eq!(mistakes, [] as [&str; 0]);
    let shop = policy.project("shop").unwrap();
    let probes = &shop.base.services[0].probes;
    assert_eq!(probes["none"], None);
    assert_eq!(probes["auto"].as_ref().unwrap().aim, Aim { kind: Kind::Http, port: 8000, path: None });
    let orders = probes["orders"].as_ref().unwrap();
    assert_eq!(orders.aim.to_string(), "http:8000/orders?limit=1");
    assert_eq!((orders.interval, orders.timeout), (Some(Duration::from_secs(5)), Some(Duration::from_millis(800))));
    assert_eq!(orders.unauthorized, [Status::parse("401").unwrap(), Status::parse("403").unwrap()]);
    let password = Some("probe_password".into());
    assert_eq!(orders.credentials, Credentials::Basic { user: "probe".into(), password });
    assert_eq!(orders.headers.len(), 2);
    let secure = probes["secure"].as_ref().unwrap();
    assert_eq!((secure.tls.names.len(), &secure.credentials), (2, &Credentials::Bearer("token".into())));
    assert!(probes["cache"].as_ref().unwrap().figures && probes["db"].as_ref().unwrap().figures);
    assert_eq!(shop.profiles[0].layer.services[0].probes.len(), 1);
    let [home, site, mail, six, store] = policy.probes.as_slice() else { panic!("{:?}", policy.probes) };
    assert_eq!((&*home.host, home.probe.aim.to_string()), ("shop.example", "https:443/".to_owned()));
    let connect = Backend { project: "proxy".into(), service: "traefik".into(), port: 443 };
    assert_eq!(
        (&site.connect, site.family, site.tier.as_deref()),
        (&Some(connect), Some(Family::V6), Some("critical"))
    );
    assert_eq!((&*mail.host, mail.probe.aim.port), ("mail.example", 993));
    assert_eq!((&*six.host, six.probe.aim.port), ("2001:db8::1", 22));
    assert_eq!((&*store.name, store.probe.aim.port), ("store", 6379));
}

const BAD: &str = r#"
projects:
  shop:
    services:
      api:
        probes:
          a.b: http:8000
          host: http://api:8000/
          list: [http:1]
          empty: { interval: 5s }
          two: { http: 8000, tcp: 8000 }
          odd:
            http: 8000/a/../b
            interval: 1ms
            timeout: 5m
            status: [20, 7xx]
            body: "("
            method: DELETE
            headers: { Authorization: x, "b c": y }
            bearer_file: ../token
            port: 3
          tcp: { tcp: 22, status: 200, names: [x] }
          late: { http: 8000, interval: 1s, timeout: 2s, max_duration: 3s }
          sided: { http: 8000, unauthorized: [401] }
          shown: { https: 8000/, bearer_file: t, insecure_skip_verify: true }
          both: { http: 8000/, bearer_file: t, basic_auth: { username: "a:b", password_file: p } }
          papers: { redis: 6379, ca_file: ca.pem }
          half: { http: 8000/, basic_auth: { username: a } }
probes:
  ftp: ftp://x/
  user: https://user:hunter2@shop.example/
  portless: { tcp: shop.example }
  path: { redis: "cache.example:1/0" }
  odd: { url: "https://shop.example/a b", connect: web, ip_protocol: v4, tier: gold, names: ["a b"] }
"#;

#[test]
fn every_mistake_is_told() {
    let (_, mistakes) = read(BAD);
    for part in [
        "probes.a.b: \"a.b\" is not the name of a probe; at most 63",
        "api.probes.host: \"http://api:8000/\" has no port from 1 to 65535; write http:8000/health",
        "probes.list: takes a single value, not a list",
        "probes.empty: does not say what is asked; write one of http",
        "probes.two.tcp: is asked by http already",
        "probes.odd.http: \"8000/a/../b\" has a path that is not absolute",
        "odd.interval: \"1ms\" is not from 1s to 1h",
        "odd.timeout: \"5m\" is not from 10ms to 1m",
        "odd.status: \"20\" is not a status; write 200, 2xx",
        "odd.status: \"7xx\" is not a status",
        "odd.body: is not a regular expression: unclosed group",
        "odd.method: \"DELETE\" is not a method that changes nothing",
        "odd.headers.Authorization: authorization cannot be set here; write bearer_file or basic_auth",
        "odd.headers.b c: \"b c\" is not the name of a header",
        "odd.bearer_file: \"../token\" is not the name of a file",
        "odd.port: no such key",
        "tcp.status: is nothing that a tcp probe has",
        "tcp.names: is nothing that a tcp probe has",
        "late.timeout: is longer than the interval",
        "late.max_duration: is longer than the timeout",
        "sided.unauthorized: is asked beside an answer to credentials, and there are none",
        "sided.unauthorized: needs a path",
        "shown.insecure_skip_verify: would show credentials to whoever answers",
        "both.basic_auth.username: is a user with a colon",
        "both.basic_auth: is given beside other credentials",
        "papers.over_tls: is not switched on, and a certificate is asked for",
        "half.basic_auth: does not say who, or by which password",
        "probes.ftp: \"ftp://x/\" is not an address",
        "probes.user: holds a user or a password; write basic_auth",
        "probes.portless.tcp: \"shop.example\" has no port",
        "probes.path.redis: \"cache.example:1/0\" has a path, which redis has not",
        "probes.odd.url: \"shop.example/a b\" has a path that cannot be asked for",
        "probes.odd.connect: \"web\" is not a port of a service",
        "probes.odd.ip_protocol: \"v4\" is not an internet protocol",
        "probes.odd.tier: there is no tier \"gold\"",
        "probes.odd.names: \"a b\" is not a name that a certificate can have",
    ] {
        assert!(mistakes.iter().any(|mistake| mistake.contains(part)), "{part}\nis not in\n{}", mistakes.join("\n"));
    }
    assert!(mistakes.iter().all(|mistake| mistake.starts_with("policy.yml:")));
    assert!(!mistakes.iter().any(|mistake| mistake.contains("hunter2")), "{}", mistakes.join("\n"));
}
