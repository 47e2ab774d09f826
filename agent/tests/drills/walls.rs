//! Faults of isolation: two services of a project with flows of its own, which nothing but the policy keeps apart.

use super::{
    drill::{Drill, Expect},
    services::in_background,
    stage::{Prop, Stage},
    support::container::Role,
};

/// Options that leave nothing to be found; the engine's own bridge joins the two.
const JOINED: &[&str] = &["--network", "bridge", "--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5"];

/// What the policy says of their project.
pub(crate) const POLICY: &str = "    services:
      caller: { tier: first }
      called: { tier: first }
    flows: [caller -> called:8080]
";

fn start(stage: &Stage, service: &str, script: &str) -> Prop {
    let recipe = stage.docker.container(service).compose(&stage.walls(), service, 1).options(JOINED);
    Prop::Container(recipe.role(Role::Script(script.to_owned())).start())
}

pub(crate) fn drills() -> Vec<Drill> {
    vec![Drill {
        name: "trespass",
        fault: "a service connects to a port of another that no flow of the policy names",
        prepare: |stage| {
            let called = start(stage, "called", "httpd -p 8080; exec nc -ll -p 9090 -e sleep 100000");
            vec![start(stage, "caller", "exec sleep 100000"), called]
        },
        inject: |stage, props| {
            let called = props[1].container().inspect();
            let address = called["NetworkSettings"]["IPAddress"].as_str().unwrap().to_owned();
            in_background(stage, props[0].container(), &format!("sleep 100000 | nc {address} 9090"));
        },
        repair: |_, props| drop(props[0].container().exec("killall nc")),
        expected: vec![Expect {
            alert: "SpyhopIsolationWarning",
            severity: "warning",
            labels: &[("project", "WALLS"), ("class", "unexpected_flow")],
            // A sweep, and as long again until the next where it began beside one.
            seconds_before: 20,
        }],
        then: Vec::new(),
        may: &[],
    }]
}
