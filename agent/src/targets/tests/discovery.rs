use serde_json::{Value, json};

use super::{
    super::{
        Standpoint,
        tests::{container, id, network, snapshot},
    },
    *,
};

fn list(entries: Vec<crate::inventory::Entry>) -> List {
    let root = tempfile::tempdir().unwrap();
    let mountinfo = format!("1 2 8:1 /containers/{}/hosts /etc/hosts rw - ext4 x rw\n", id("spyhop"));
    std::fs::create_dir(root.path().join("self")).unwrap();
    std::fs::write(root.path().join("self/mountinfo"), mountinfo).unwrap();
    let own = container("spyhop", &[("spyhop.metrics.port", "9477")], &[("monitoring", "172.20.0.9")]);
    let entries = [own].into_iter().chain(entries).collect();
    let networks = vec![network("monitoring", "bridge", "172.20.0.0/16")];
    let standpoint = Standpoint::with_roots(true, root.path(), root.path()).listening_on(9477);
    List::new(&snapshot(entries, networks), &standpoint, false)
}

fn document(list: &List, mode: Mode, agent: &Agent) -> Value {
    serde_json::to_value(groups(list, mode, agent, |_| true)).unwrap()
}

fn agent(host: &str) -> Agent {
    Agent::from_host(host, Scheme::Http).unwrap()
}

#[test]
fn through_the_proxy_every_target_is_at_the_agent() {
    let labels =
        [("spyhop.metrics.port", "8080"), ("spyhop.metrics.path", "/m?all=1"), ("spyhop.metrics.interval", "5s")];
    let list = list(vec![
        container("web", &labels, &[("monitoring", "172.20.0.2")]),
        container("far", &labels, &[("other", "172.30.0.2")]),
    ]);
    let found = document(&list, Mode::Proxy, &agent("spyhop:9477"));
    let groups = found.as_array().unwrap();
    assert_eq!(groups.len(), 2, "what is out of reach is not called down");
    assert_eq!(groups[0]["labels"]["__metrics_path__"], "/metrics", "the agent does not fetch itself");
    assert_eq!(
        groups[1],
        json!({
            "targets": ["spyhop:9477"],
            "labels": {
                "__scheme__": "http",
                "__metrics_path__": "/proxy/-/web/1",
                "__scrape_interval__": "5s",
                "__scrape_timeout__": "5s",
                "host": "whale",
                "project": "",
                "service": "web",
                "replica": "1",
                "instance": "web:8080",
                "__meta_spyhop_address": "172.20.0.2:8080",
                "__meta_spyhop_container_id": id("web"),
                "__meta_spyhop_container_name": "web",
                "__meta_spyhop_declared_by": "spyhop.metrics",
                "__meta_spyhop_image": "image:1",
                "__meta_spyhop_network": "monitoring",
                "__meta_spyhop_path": "/m?all=1",
                "__meta_spyhop_port": "8080",
                "__meta_spyhop_target": "1",
                "__meta_spyhop_unreachable_reason": "",
                "__meta_spyhop_vantage": "shared_network",
            }
        })
    );
    let behind = Agent::from_url("https://mon.example/spyhop/").unwrap();
    let found = document(&list, Mode::Proxy, &behind);
    assert_eq!(found[1]["targets"][0], "mon.example");
    assert_eq!(found[1]["labels"]["__scheme__"], "https");
    assert_eq!(found[1]["labels"]["__metrics_path__"], "/spyhop/proxy/-/web/1");
}

#[test]
fn direct_targets_are_at_the_containers() {
    let labels = [
        ("spyhop.metrics.port", "8443"),
        ("spyhop.metrics.scheme", "https"),
        ("spyhop.metrics.path", "/m?format=a%20b+c%zz"),
        ("spyhop.metrics.2.port", "8443"),
    ];
    let list = list(vec![
        container("far", &labels, &[("other", "fd00::2 172.30.0.2")]),
        container("wrong", &[("spyhop.metrics.port", "no")], &[("monitoring", "172.20.0.3")]),
        container("nowhere", &labels, &[]),
    ]);
    let found = document(&list, Mode::Direct, &agent("spyhop:9477"));
    let targets: Vec<_> = found.as_array().unwrap().iter().map(|group| &group["targets"][0]).collect();
    assert_eq!(targets, ["172.20.0.9:9477", "172.30.0.2:8443", "172.30.0.2:8443"]);
    let labels = &found[1]["labels"];
    assert_eq!((&labels["__scheme__"], &labels["__metrics_path__"]), (&json!("https"), &json!("/m")));
    assert_eq!(labels["__param_format"], "a b c%zz");
    assert_eq!(labels["__meta_spyhop_vantage"], "none");
    assert_eq!(labels["__meta_spyhop_unreachable_reason"], "no_shared_network");
    assert_eq!(
        (&labels["instance"], &found[2]["labels"]["instance"]),
        (&json!("far:8443"), &json!("far:8443/metrics"))
    );
}

#[test]
fn no_target_is_an_empty_list() {
    let found = groups(&List::default(), Mode::Proxy, &agent("a"), |_| true);
    assert_eq!(serde_json::to_string(&found).unwrap(), "[]");
    let list = list(Vec::new());
    assert_eq!(groups(&list, Mode::Proxy, &agent("a"), |_| false), []);
}

#[test]
fn the_agents_address_is_a_name_and_a_port() {
    for host in ["spyhop", "spyhop:9477", "10.0.0.1:9477", "[::1]", "[fd00::1]:9477", "a.b-c_d:1"] {
        assert_eq!(Agent::from_host(host, Scheme::Http).unwrap().authority, host);
    }
    for host in ["", ":9477", "a:b", "a:99999", "user@host", "a/b", "a b", "[x]:1", "::1", "[::1", "a\"b", "ä", "a:1:2"]
    {
        assert_eq!(Agent::from_host(host, Scheme::Http), None, "{host:?}");
    }
    for url in ["http://a:9477", "https://a/b", "http://[::1]:1/x/y"] {
        assert!(Agent::from_url(url).is_some(), "{url}");
    }
    for url in
        ["a:9477", "ftp://a", "http://u:p@a", "http://a/b?c", "http://a/#b", "http://", "http:///x", "http://a/b%20"]
    {
        assert_eq!(Agent::from_url(url), None, "{url}");
    }
}
