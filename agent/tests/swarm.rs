//! Swarm services as the real engine labels them.
//!
//! Promised: `project` is the stack, `service` the service without the stack's name, `replica` the slot; a task that is replaced
//! is a restart of the same replica. One node, in a private engine: a swarm is a setting of a whole engine.

mod support;

use std::io::Write as _;

use support::{
    agent::Home,
    docker::{Docker, Turn},
    private_engine::PrivateEngine,
    scene::{and, binary, service},
    wait::{eventually, holds, promptly},
};

const STACK: &str = r#"
version: "3.8"
services:
  web:
    image: IMAGE
    command: [sh, -c, "trap 'exit 0' TERM; sleep 100000 & wait"]
    networks: [host]
    deploy: {replicas: 2, restart_policy: {delay: 0s}}
  agent:
    image: IMAGE
    command: [sh, -c, "trap 'exit 0' TERM; sleep 100000 & wait"]
    networks: [host]
    deploy: {mode: global}
networks:
  host: {external: true, name: host}
"#;

#[test]
fn services_of_a_stack_have_their_names_and_slots() {
    let Some(first) = Docker::or_skip(Turn::Shared) else { return };
    let Some(engine) = PrivateEngine::or_skip(false) else { return };
    let docker = engine.docker(&first);
    let home = Home::new(&binary(), &engine.socket());
    let agent = home.start();
    docker.run(&["swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377"]);
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(STACK.replace("IMAGE", docker.image()).as_bytes()).expect("it can be written");
    let path = file.path().display().to_string();
    docker.run(&["stack", "deploy", "--resolve-image", "never", "--compose-file", &path, "shop"]);

    let (web, global) = (service("shop", "web"), service("shop", "agent"));
    eventually("both services run", || {
        let page = agent.scrape();
        page.expect("spyhop_service_replicas", &and(&web, "state", "running"), 2.0)?;
        page.expect("spyhop_service_replicas", &and(&global, "state", "running"), 1.0)
    });
    let page = agent.scrape();
    for slot in ["1", "2"] {
        page.expect("spyhop_container_state", &and(&and(&web, "replica", slot), "state", "running"), 1.0)
            .expect("a slot is a replica");
    }
    let named = page.label_values("container_last_seen", "container_label_com_docker_swarm_service_name");
    assert!(named.contains("shop_web") && named.contains("shop_agent"), "{named:?}");

    // A task that ends is replaced by another container in the same slot.
    let task = docker.run(&["ps", "--quiet", "--no-trunc", "--filter", "name=shop_web.1."]);
    docker.run(&["kill", &task]);
    eventually("the slot is filled again", || {
        let page = agent.scrape();
        page.expect("spyhop_service_replicas", &and(&web, "state", "running"), 2.0)?;
        page.expect("spyhop_service_starts_total", &web, 3.0)?;
        let new = docker.run(&["ps", "--quiet", "--no-trunc", "--filter", "name=shop_web.1."]);
        page.expect("spyhop_container_info", &and(&and(&web, "replica", "1"), "id", &new), 1.0)?;
        holds(new != task, || "still the old one".to_owned())
    });
    docker.run(&["stack", "rm", "shop"]);
    eventually("the stack has gone", || {
        agent.scrape().expect("spyhop_service_replicas", &and(&web, "state", "running"), 0.0)
    });
    promptly("and is remembered", || agent.scrape().expect("spyhop_service_starts_total", &global, 1.0));
}
