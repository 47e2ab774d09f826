//! What the entry point `traefik` answers: the API of Traefik v3 as far as it tells of routers and services, its ping and its metrics.
//!
//! Shapes are those which the real one gives for the docker provider; what nobody reads is left out.

use std::{collections::BTreeMap, fmt::Write, net::SocketAddr};

use http::StatusCode;
use serde_json::{Value, json};

use super::table::{Router, Table};

/// Requests by entry point, router and status.
pub type Counted = BTreeMap<(String, String, u16), u64>;

/// Status, content type and body.
pub type Page = (StatusCode, &'static str, String);

/// Answers a path. `addresses` are those which the routers' servers have now.
pub fn answer(path: &str, table: &Table, addresses: &BTreeMap<String, SocketAddr>, counted: &Counted) -> Page {
    let listed = |list: Vec<Value>| (StatusCode::OK, "application/json", Value::from(list).to_string());
    match path {
        "/ping" => (StatusCode::OK, "text/plain", "OK".to_owned()),
        "/metrics" => (StatusCode::OK, "text/plain; version=0.0.4", metrics(table, counted)),
        "/api/version" => one(json!({ "Version": "3.0.0", "Codename": "spyhop-demo" })),
        "/api/http/routers" => listed(table.routers.iter().map(router).chain(internal()).collect()),
        "/api/http/services" => listed(table.routers.iter().map(|router| service(router, addresses)).collect()),
        "/api/overview" => one(overview(table)),
        _ => match path.strip_prefix("/api/http/routers/").and_then(|name| name.strip_suffix("@docker")) {
            Some(name) => match table.routers.iter().find(|router| router.name == name) {
                Some(found) => one(router(found)),
                None => (
                    StatusCode::NOT_FOUND,
                    "application/json",
                    json!({ "message": format!("router not found: {name}@docker") }).to_string(),
                ),
            },
            None => (StatusCode::NOT_FOUND, "text/plain", "404 page not found\n".to_owned()),
        },
    }
}

fn one(value: Value) -> Page {
    (StatusCode::OK, "application/json", value.to_string())
}

fn router(router: &Router) -> Value {
    let mut value = json!({
        "entryPoints": router.entry_points,
        "service": router.name,
        "rule": router.rule.text,
        "priority": router.rule.text.len(),
        "status": "enabled",
        "using": router.entry_points,
        "name": format!("{}@docker", router.name),
        "provider": "docker",
    });
    if router.tls
        && let Some(fields) = value.as_object_mut()
    {
        fields.insert("tls".to_owned(), json!({ "options": "default" }));
    }
    value
}

/// The router of this API, which the real one lists among the others.
fn internal() -> Option<Value> {
    Some(json!({
        "entryPoints": ["traefik"],
        "service": "api@internal",
        "rule": "PathPrefix(`/api`)",
        "priority": i64::from(i32::MAX) - 1,
        "status": "enabled",
        "using": ["traefik"],
        "name": "api@internal",
        "provider": "internal",
    }))
}

/// A container that is gone is no server any more; the real one then drops router and service, this one keeps what its file says.
fn service(router: &Router, addresses: &BTreeMap<String, SocketAddr>) -> Value {
    let url = addresses.get(&router.server).map(|address| format!("http://{address}"));
    let servers: Vec<Value> = url.iter().map(|url| json!({ "url": url })).collect();
    let status: BTreeMap<&String, &str> = url.iter().map(|url| (url, "UP")).collect();
    json!({
        "loadBalancer": { "servers": servers, "passHostHeader": true },
        "status": "enabled",
        "usedBy": [format!("{}@docker", router.name)],
        "serverStatus": status,
        "name": format!("{}@docker", router.name),
        "provider": "docker",
        "type": "loadbalancer",
    })
}

fn overview(table: &Table) -> Value {
    let count = json!({ "total": table.routers.len(), "warnings": 0, "errors": 0 });
    json!({ "http": { "routers": count, "services": count }, "providers": ["Docker"] })
}

fn metrics(table: &Table, counted: &Counted) -> String {
    let mut page = String::from(
        "# HELP traefik_router_requests_total Requests by router.\n# TYPE traefik_router_requests_total counter\n",
    );
    for ((_, name, code), count) in counted {
        let service =
            table.routers.iter().find(|router| router.name == *name).map_or("", |router| router.name.as_str());
        // A string cannot refuse what is written to it.
        let _written: Result<(), _> = writeln!(
            page,
            "traefik_router_requests_total{{code=\"{code}\",method=\"GET\",protocol=\"http\",router=\"{name}@docker\",service=\"{service}@docker\"}} {count}"
        );
    }
    page += "# HELP traefik_entrypoint_requests_total Requests by entry point.\n# TYPE traefik_entrypoint_requests_total counter\n";
    let mut by_entry: BTreeMap<(&str, u16), u64> = BTreeMap::new();
    for ((entry, _, code), count) in counted {
        *by_entry.entry((entry, *code)).or_default() += count;
    }
    for ((entry, code), count) in by_entry {
        let _written: Result<(), _> = writeln!(
            page,
            "traefik_entrypoint_requests_total{{code=\"{code}\",entrypoint=\"{entry}\",method=\"GET\",protocol=\"http\"}} {count}"
        );
    }
    page
}
