//! `docker compose up` of a reference system (`compose/systems/motovault-k8s`): the waterfall is what its compose file says, whoever started it.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::Value;

use crate::{
    observer::{Observer, Told, quiet},
    support::{
        motovault::System,
        wait::{holds, patience, within},
    },
    trace::{Trace, attribute, traces},
};

/// One service of the file: whom it waits for, and whether it has a health check.
struct Service {
    waits_for: BTreeSet<String>,
    checked: bool,
}

fn services(system: &System) -> BTreeMap<String, Service> {
    let config = system.composed.run(&["config", "--format", "json"]);
    let config: Value = serde_json::from_str(&config).expect("a configuration");
    let services = config.get("services").and_then(serde_json::Value::as_object).expect("services");
    let service = |definition: &Value| Service {
        waits_for: definition["depends_on"].as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default(),
        checked: definition["healthcheck"].is_object(),
    };
    services.iter().map(|(name, definition)| (name.clone(), service(definition))).collect()
}

#[test]
fn the_start_of_a_reference_system_is_the_waterfall_of_its_file() {
    let Some(mut system) = System::or_skip("waterfall", &["compose.yml"]) else { return };
    let services = services(&system);
    assert_eq!(services.len(), 13);
    assert!(services.values().filter(|service| !service.waits_for.is_empty()).count() >= 3);
    let (told, folder) = (Told::default(), tempfile::tempdir().expect("a folder"));
    let _observer = Observer::new(&system.docker, folder.path(), &told);
    system.composed.up();
    let project = system.composed.project.clone();
    let all = within(patience() + 3 * quiet(), "the start is told", || {
        let all = traces(&told, &project);
        if all.is_empty() { Err("nothing is told".to_owned()) } else { Ok(all) }
    })
    .0;
    let [trace] = all.as_slice() else { panic!("{} traces of one start", all.len()) };
    println!("{}", trace.drawing());

    let root = trace.root();
    assert_eq!((root.name.as_str(), root.status.is_none()), (&*format!("compose.up {project}"), true));
    let title = |service: &str| format!("{project}/{service}-1 startup");
    let members: BTreeSet<&str> = trace.names(&root.name).into_iter().collect();
    assert_eq!(
        members,
        services.keys().map(|name| title(name)).collect::<Vec<_>>().iter().map(String::as_str).collect()
    );
    for (name, service) in &services {
        let span = trace.span(&title(name));
        check_member(trace, span, service);
        let linked: BTreeSet<_> = span.links.iter().map(|link| &link.span_id).collect();
        let expected: BTreeSet<_> = service.waits_for.iter().map(|other| &trace.span(&title(other)).span_id).collect();
        assert_eq!(linked, expected, "{name} points at whom it waits for");
        for other in &service.waits_for {
            let started = child(trace, trace.span(&title(other)), "start").start_time_unix_nano;
            let waited = child(trace, span, "wait for dependencies").end_time_unix_nano;
            assert!(waited >= started, "{name} waited for {other}:\n{}", trace.drawing());
        }
    }

    // Taken down, each member that ends is a short trace that points at its start.
    system.composed.run(&["stop", "--timeout", "10", "mvp-platform-landing"]);
    let stop = within(patience() + 3 * quiet(), "the stop is told", || {
        let stopped = |trace: &Trace| trace.root().name == format!("container.stop {project}/mvp-platform-landing-1");
        let found = traces(&told, &project).into_iter().find(stopped);
        holds(found.is_some(), || "no stop".to_owned()).map(|()| found)
    })
    .0
    .expect("a stop");
    assert_eq!(stop.root().links[0].span_id, trace.span(&title("mvp-platform-landing")).span_id);
}

fn child<'a>(trace: &'a Trace, parent: &Span, name: &str) -> &'a Span {
    let all = trace.spans.iter().map(|(_, span)| span);
    let mut of_parent = all.filter(|span| span.parent_span_id == parent.span_id && span.name == name);
    of_parent.next().unwrap_or_else(|| panic!("no {name} below {} in\n{}", parent.name, trace.drawing()))
}

/// Made, waited where the file says so, started, became healthy where it is checked: each within the whole, one after the other.
fn check_member(trace: &Trace, span: &Span, service: &Service) {
    assert_eq!(attribute(span, "spyhop.outcome").as_deref(), Some("ready"), "{}", span.name);
    assert!(span.status.is_none(), "{}", span.name);
    let steps = [
        ("create", true),
        ("wait for dependencies", !service.waits_for.is_empty()),
        ("start", true),
        ("become healthy", service.checked),
    ];
    let expected: Vec<_> = steps.into_iter().filter_map(|(step, there)| there.then_some(step)).collect();
    assert_eq!(trace.names(&span.name), expected, "{}\n{}", span.name, trace.drawing());
    for step in trace.under(span) {
        let whole = span.start_time_unix_nano..=span.end_time_unix_nano;
        assert!(
            whole.contains(&step.start_time_unix_nano) && whole.contains(&step.end_time_unix_nano),
            "{}",
            span.name
        );
    }
    if service.checked {
        let checks = trace.under(child(trace, span, "become healthy"));
        assert!(
            checks.last().is_some_and(|check| check.name.ends_with("(exit 0)")),
            "{}\n{}",
            span.name,
            trace.drawing()
        );
    }
}
