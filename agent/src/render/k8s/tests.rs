//! What is rendered, held against the rules of `networking.k8s.io/v1` and against the file that people see.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use serde_json::Value;

use super::{POD_LABEL, k8s};
use crate::{
    policy::{EgressTarget, Flow, Layer, NetworkRule, Policy, Project, Publish, ServiceRule, Sharing, With},
    render::Rendered,
};

fn rule(name: &str, change: impl FnOnce(&mut ServiceRule)) -> ServiceRule {
    let mut rule = ServiceRule { name: name.into(), ..ServiceRule::default() };
    change(&mut rule);
    rule
}

fn ports(texts: &[&str]) -> Option<Vec<Publish>> {
    Some(texts.iter().map(|text| Publish::parse(text).unwrap()).collect())
}

fn targets(texts: &[&str]) -> Option<Vec<EgressTarget>> {
    Some(texts.iter().map(|text| EgressTarget::parse(text).unwrap()).collect())
}

fn policy() -> Policy {
    let services = vec![
        rule("gateway", |rule| {
            rule.publish = ports(&["443", "8000-8010/udp", "127.0.0.1:9000"]);
            rule.egress =
                targets(&["*:443", "10.0.0.0/8:25", "[2001:db8::1]:53/udp", "203.0.113.9:*", "api.example.com:443"]);
        }),
        rule("api", |_| {}),
        rule("my_db.1", |rule| rule.egress = Some(vec![])),
        rule("exporter", |rule| rule.namespace = Sharing { network: Some(With::Host), ..Sharing::default() }),
        rule("*-worker", |_| {}),
        rule("mail-worker", |_| {}),
    ];
    let flows = [
        "gateway -> api:8080!",
        "gateway -> api:8443",
        "api -> my_db.1:5432",
        "*-worker -> api:8080",
        "api -> dns:53/udp",
        "api -> Data_Store/store:9000",
        "monitoring/prometheus -> api:9100",
    ];
    let base = Layer {
        services,
        networks: [("edge".into(), NetworkRule::default())].into(),
        flows: Some(flows.iter().map(|line| Flow::parse(line).unwrap()).collect()),
        host_reach: ports(&["53/udp"]),
    };
    let silent = Layer { services: vec![rule("lone", |rule| rule.egress = Some(vec![]))], ..Layer::default() };
    let projects =
        [("shop", base), ("", silent), ("unsaid", Layer { services: vec![rule("x", |_| {})], ..Layer::default() })];
    let projects = projects.map(|(name, base)| Arc::new(Project { name: name.into(), base, ..Project::default() }));
    Policy { projects: projects.into(), ..Policy::default() }
}

fn documents(file: &Rendered) -> Vec<Value> {
    file.text.split("---\n").map(|text| serde_saphyr::from_str(text).expect(text)).collect()
}

/// A map with these keys: those in front must be there, the others may.
fn keys(value: &Value, must: &[&str], may: &[&str], place: &str) {
    let map = value.as_object().unwrap_or_else(|| panic!("{place} is no map: {value}"));
    assert!(must.iter().all(|key| map.contains_key(*key)), "{place} lacks one of {must:?}: {value}");
    let known: BTreeSet<_> = must.iter().chain(may).collect();
    assert!(map.keys().all(|key| known.contains(&key.as_str())), "{place} has more than {known:?}: {value}");
}

fn items<'a>(value: &'a Value, place: &str) -> &'a [Value] {
    let items = value.as_array().unwrap_or_else(|| panic!("{place} is no list: {value}"));
    // An empty list of peers or rules would mean something else than none.
    assert!(!items.is_empty(), "{place} is empty");
    items
}

fn is_name(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text.chars().all(|c| inside(c) || c == '-')
        && text.starts_with(inside)
        && text.ends_with(inside)
}

fn selector(value: &Value, place: &str) {
    keys(value, &[], &["matchLabels"], place);
    for (key, value) in value["matchLabels"].as_object().into_iter().flatten() {
        let value = value.as_str().expect("labels are text");
        let edge = |c: char| c.is_ascii_alphanumeric();
        assert!(
            value.is_empty() || (value.starts_with(edge) && value.ends_with(edge) && value.len() <= 63),
            "{place}: {key}: {value}"
        );
        assert!(value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)), "{place}: {value}");
    }
}

fn peer(value: &Value, place: &str) {
    keys(value, &[], &["podSelector", "namespaceSelector", "ipBlock"], place);
    let block = value.get("ipBlock");
    assert!(block.is_none() || value.as_object().unwrap().len() == 1, "{place}: a block stands alone: {value}");
    if let Some(block) = block {
        keys(block, &["cidr"], &["except"], place);
        let (address, bits) = block["cidr"].as_str().unwrap().split_once('/').unwrap();
        let address: std::net::IpAddr = address.parse().unwrap();
        assert!(bits.parse::<u8>().unwrap() <= if address.is_ipv4() { 32 } else { 128 });
    }
    for name in ["podSelector", "namespaceSelector"] {
        value.get(name).into_iter().for_each(|value| selector(value, place));
    }
}

fn rules(spec: &Value, name: &str, side: &str) {
    let Some(all) = spec.get(name) else { return };
    for rule in items(all, name) {
        keys(rule, &[], &[side, "ports"], name);
        if let Some(peers) = rule.get(side) {
            items(peers, name).iter().for_each(|value| peer(value, name));
        }
        for port in rule.get("ports").map(|ports| items(ports, name)).unwrap_or_default() {
            keys(port, &["protocol"], &["port", "endPort"], name);
            assert!(["TCP", "UDP", "SCTP"].contains(&port["protocol"].as_str().unwrap()));
            let number =
                |key: &str| port.get(key).map(|port| port.as_u64().filter(|port| (1..=65535).contains(port)).unwrap());
            if let Some(end) = number("endPort") {
                assert!(number("port").is_some_and(|port| port <= end), "{port}");
            }
        }
    }
}

#[test]
fn every_document_is_a_network_policy() {
    let files = k8s(&policy(), POD_LABEL);
    let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(
        names,
        ["networkpolicy-default.yml", "networkpolicy-shop.yml"],
        "who says nothing of isolation has none"
    );
    for file in &files {
        let mut known = BTreeSet::new();
        for document in documents(file) {
            keys(&document, &["apiVersion", "kind", "metadata", "spec"], &[], "document");
            assert_eq!(
                (&document["apiVersion"], &document["kind"]),
                (&"networking.k8s.io/v1".into(), &"NetworkPolicy".into())
            );
            keys(&document["metadata"], &["name", "namespace"], &[], "metadata");
            let [name, namespace] =
                ["name", "namespace"].map(|key| document["metadata"][key].as_str().unwrap().to_owned());
            assert!(is_name(&name) && is_name(&namespace) && known.insert(name));
            let spec = &document["spec"];
            keys(spec, &["podSelector", "policyTypes"], &["ingress", "egress"], "spec");
            selector(&spec["podSelector"], "podSelector");
            assert_eq!(spec["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
            rules(spec, "ingress", "from");
            rules(spec, "egress", "to");
        }
    }
}

#[test]
fn what_is_not_listed_is_denied() {
    let files = k8s(&policy(), POD_LABEL);
    let shop = documents(&files[1]);
    assert_eq!(shop[0]["spec"], serde_json::json!({ "podSelector": {}, "policyTypes": ["Ingress", "Egress"] }));
    let of = |name: &str| shop.iter().find(|document| document["metadata"]["name"] == name).unwrap();
    let database = of("my-db-1");
    assert_eq!(database["spec"]["ingress"].as_array().map(Vec::len), Some(1));
    assert_eq!(database["spec"].get("egress"), None, "it begins nothing, and asks for no names");
    assert_eq!(of("exporter")["spec"].get("ingress"), None);
}

/// What people get, to be read in the diff.
#[test]
fn the_file_is_as_it_was() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/render/networkpolicy-shop.yml");
    let text = k8s(&policy(), POD_LABEL).remove(1).text;
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{} is out of step: run again with UPDATE_GOLDEN=1", path.display());
}
