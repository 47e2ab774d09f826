//! Five microservices of three each.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::common::v1::any_value::Value;

use super::{
    finds,
    guarded::Guarded,
    is_clean, once,
    otlp_backend::{Backend, Request, Speaks},
    support::{
        compose::free_port,
        system::System,
        wait::{eventually, holds},
    },
    watched::Watched,
};

const SERVICES: [&str; 5] = ["user", "product", "inventory", "order", "supplier"];

/// A number of an application's own page, fetched through the agent.
fn of_application(watched: &Watched, project: &str, service: &str, replica: u32, beginning: &str) -> f64 {
    let answer = watched.agent.get(&format!("/proxy/{project}/{service}/{replica}"), &[]).expect("the agent answers");
    let lines = answer.text().lines().filter(|line| line.starts_with(beginning)).map(str::to_owned);
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Services of the project in each trace that was sent on.
fn traces(backend: &Backend, project: &str) -> BTreeMap<Vec<u8>, BTreeSet<String>> {
    let mut found: BTreeMap<Vec<u8>, BTreeSet<String>> = BTreeMap::new();
    for request in backend.kept() {
        let Request::Traces(request) = request else { continue };
        for group in request.resource_spans {
            let attributes = group.resource.map(|resource| resource.attributes).unwrap_or_default();
            let text = |key: &str| {
                let value = attributes.iter().find(|pair| pair.key == key)?.value.clone()?.value?;
                if let Value::StringValue(text) = value { Some(text) } else { None }
            };
            if text("service.namespace").as_deref() != Some(project) {
                continue;
            }
            for span in group.scope_spans.iter().flat_map(|scope| &scope.spans) {
                found.entry(span.trace_id.clone()).or_default().extend(text("service.name"));
            }
        }
    }
    found
}

#[test]
fn it_is_what_its_policy_says() {
    let Some(mut system) = System::of("cloud-native", "shop", &["compose.yml"]) else { return };
    let port = free_port();
    let endpoint = format!("http://host.docker.internal:{port}");
    system.composed.set("SHOP_EVERY", "200ms").set("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint);
    system.policy = system.policy.replace("reach: [4317, 4318]", &format!("reach: [{port}]"));
    system.composed.up();
    assert_eq!(system.composed.run(&["ps", "--quiet"]).lines().count(), 19);
    is_clean(&system, &[]);
    let backend = Backend::start(Speaks::Grpc);
    // On every address of the host, of which `host.docker.internal` is one.
    let more = format!("otlp:\n  endpoint: {}\ntraces:\n  grpc: off\n  http: \"[::]:{port}\"\n", backend.url());
    let watched = Watched::start_with(&system, &more);
    // Three of each service, the gateway and two stores.
    watched.all_is_well(SERVICES.len() * 3 + 3);
    let guarded = Guarded::start(&system, &watched);
    let project = &system.composed.project;
    // RED and business: what customers do is counted by the services, and read through the agent.
    for (service, event) in [
        ("order", "order_placed"),
        ("product", "product_viewed"),
        ("user", "user_active"),
        ("inventory", "stock_reserved"),
    ] {
        let service = format!("{service}-service");
        eventually("customers are served", || {
            let sum = |beginning: &str| {
                (1..=3).map(|replica| of_application(&watched, project, &service, replica, beginning)).sum::<f64>()
            };
            let good = sum(r#"http_requests_total{method="GET",route="/api",status_code="200"}"#);
            let timed =
                sum(r#"http_request_duration_seconds_bucket{le="0.5",method="GET",route="/api",status_code="200"}"#);
            let events = sum(&format!("demo_events_total{{event=\"{event}\"}}"));
            holds(good > 0.0 && timed > 0.0 && events > 0.0, || format!("{service}: {good} {timed} {events}"))
        });
    }
    eventually("an order is one trace through all that it asks", || {
        let traces = traces(&backend, project);
        let wanted =
            ["customers", "order-service", "user-service", "product-service", "inventory-service", "supplier-service"];
        let whole = traces.values().any(|services| wanted.iter().all(|service| services.contains(*service)));
        holds(whole, || format!("{} traces: {:?}", traces.len(), traces.values().collect::<BTreeSet<_>>()))
    });
    backend.is_content();
    if let Some(guarded) = guarded {
        guarded.has_a_quiet_minute();
        let served = guarded.number(&format!("sum(rate(http_requests_total{{project=\"{project}\"}}[30s]))"));
        assert!(served.as_ref().is_ok_and(|rate| *rate > 0.0), "RED of the applications is in Prometheus: {served:?}");
    }
    let stock = of_application(&watched, project, "inventory-service", 1, "demo_stock_items{");
    assert!((0.0..=500.0).contains(&stock), "{stock}");
}

#[test]
fn what_is_planted_is_named_once() {
    let files = ["compose.yml", "compose.violations.yml"];
    let Some(mut system) = System::of("cloud-native", "shop-planted", &files) else { return };
    system.composed.set("SHOP_EVERY", "200ms");
    system.composed.start();
    let expected = once([
        "order-service replicas_missing -",
        "supplier-service placement data",
        "supplier-service unexpected_flow redis:6379/tcp",
        "user-service restart_policy_missing -",
        "inventory-service exposure /var/run/docker.sock",
    ]);
    finds(&system, &system.policy, expected);
    let watched = Watched::start(&system);
    watched.shows(&[
        ("replicas_missing", "order-service"),
        ("placement", "supplier-service"),
        ("unexpected_flow", "supplier-service"),
        ("restart_policy_missing", "user-service"),
        ("exposure", "inventory-service"),
    ]);
    eventually("one answer in twenty is an error", || {
        let failed = r#"http_requests_total{method="GET",route="/api",status_code="500"}"#;
        let of = |replica| of_application(&watched, &system.composed.project, "product-service", replica, failed);
        let errors: f64 = (1..=3).map(of).sum();
        holds(errors > 0.0, || format!("{errors}"))
    });
    let Some(guarded) = Guarded::start(&system, &watched) else { return };
    // One error in twenty is fifty times what the objective allows.
    let errors = format!("{}-errors", system.composed.project);
    guarded.tells(&[
        ("SpyhopSloBurnFast", ("slo", &errors)),
        ("SpyhopReplicasMissing", ("service", "order-service")),
        ("SpyhopIsolationWarning", ("class", "placement")),
        ("SpyhopIsolationWarning", ("class", "unexpected_flow")),
        ("SpyhopIsolationViolation", ("service", "inventory-service")),
        ("SpyhopFindings", ("class", "restart_policy_missing")),
    ]);
    guarded.is_put_right(&mut system, &watched, &["compose.yml"]);
}
