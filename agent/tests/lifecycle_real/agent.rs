//! The agent itself, over OTLP, to a back end which refuses what the specification refuses.

use std::collections::HashSet;

use spyhop::otlp::Signal;

use crate::{
    healthy,
    observer::Told,
    otlp_backend::{Backend, Speaks},
    shop_of,
    support::{
        agent::Home,
        docker::{Docker, Turn},
        wait::{holds, patience, within},
    },
    trace::{Trace, traces},
};

/// The agent is quiet for ten seconds before it tells.
const QUIET: std::time::Duration = std::time::Duration::from_secs(10);

/// What the back end has of a project.
fn stored(backend: &Backend, project: &str) -> Vec<Trace> {
    let told = Told::default();
    let asked = backend.asked().into_iter().filter(|asked| asked.stored && asked.signal == Signal::Traces);
    told.lock().expect("nobody panicked").extend(asked.map(|asked| asked.body));
    traces(&told, project)
}

#[test]
fn the_agent_killed_in_the_middle_tells_it_once() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let backend = Backend::start(Speaks::Grpc);
    let otlp = format!("otlp:\n  endpoint: {}\ntraces:\n  grpc: off\n  http: off\n", backend.url());
    let home = Home::with(env!("CARGO_BIN_EXE_spyhop"), docker.socket(), &otlp);
    let agent = home.start();
    let project = docker.unique("agent");
    let (db, api) = shop_of(&docker, &project);
    // Killed while one is not healthy yet, and away until it is.
    agent.kill();
    healthy(&db);
    let agent = home.start();
    api.act(&["start"]);
    healthy(&api);
    agent.kill();
    let agent = home.start();
    let limit = patience() + 3 * QUIET;
    within(limit, "the start", || {
        let told = stored(&backend, &project).len();
        holds(told == 1, || format!("{told} traces"))
    });
    let start = stored(&backend, &project).remove(0);
    println!("{}", start.drawing());
    let names: Vec<_> = start.names(&format!("compose.up {project}"));
    assert_eq!(names, ["db", "api"].map(|service| format!("{project}/{service}-1 startup")));
    assert_eq!(start.names(names[1]), ["create", "wait for dependencies", "start", "become healthy"]);

    assert!(agent.terminate().success());
    let agent = home.start();
    api.act(&["kill"]);
    within(limit, "the stop", || {
        let told: Vec<_> = stored(&backend, &project).iter().map(|trace| trace.root().name.clone()).collect();
        holds(told.len() == 2 && told[1].starts_with("container.stop"), || format!("{told:?}"))
    });
    let stop = stored(&backend, &project).remove(1);
    assert_eq!(stop.root().links[0].span_id, start.span(names[1]).span_id, "across restarts it points at the start");
    assert!(agent.terminate().success());
    let all = stored(&backend, &project);
    let ids: Vec<_> = all.iter().flat_map(|trace| &trace.spans).map(|(_, span)| &span.span_id).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "no span came twice");
    backend.is_content();
}
