//! `compose/agent-split.yml` on the real engine: the broker with the engine's socket in one container, the agent without it in another.
//!
//! Promised: the agent sees every container through the broker, has no way to the engine of its own, and neither has a capability; the helper has
//! two.

#![expect(
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "an assumption that breaks fails the test, as it should"
)]

mod support;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::MetadataExt as _,
};

use serde_json::Value;
use support::{
    compose::{Composed, free_port},
    docker::{Docker, Turn},
    page::Page,
    wait::{eventually, holds, patience},
    wire,
};

#[test]
fn the_agent_sees_all_and_holds_nothing() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let image = std::env::var("SPYHOP_TEST_IMAGE").unwrap_or_else(|_| "spyhop:test".into());
    let Some(mut split) = Composed::or_skip(&docker, "split", &["agent-split.yml"], &[&image]) else { return };
    let group = fs::metadata(docker.socket()).expect("the socket").gid().to_string();
    let port = free_port();
    let network = split.project.clone();
    split.set("SPYHOP_IMAGE", &image).set("DOCKER_GID", &group).set("SPYHOP_NETWORK", &network);
    split.set("SPYHOP_PORT", &port.to_string());
    split.set("COMPOSE_PROFILES", "active").set("SPYHOP_HELPER", "/run/spyhop/netns.sock");
    // Compose waits for nobody who is without a health check: what is waited for is said below.
    split.start();
    let bird = docker.container("split").compose("split-bird", "bird", 1).start();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    eventually("the container is on the page, and the self-test is done", || {
        let accept = [("Accept", "text/plain;version=0.0.4")];
        let answer = wire::get(address, "/metrics", &accept, patience()).map_err(|error| error.to_string())?;
        let page = Page::text(answer.text())?;
        page.require("container_last_seen", &[("name", &bird.name)])?;
        for measure in ["socket_parted", "no_capabilities", "no_new_privileges", "not_dumpable"] {
            page.expect("spyhop_sandbox_state", &[("process", "agent"), ("measure", measure)], 1.0)?;
        }
        page.absent("spyhop_sandbox_state", &[("process", "broker")])
    });
    eventually("every part says that it is well", || {
        let health = |part: &str| split.inspect(part)["State"]["Health"]["Status"].as_str().map(str::to_owned);
        let said = ["broker", "netns", "spyhop"].map(health);
        holds(said.iter().all(|status| status.as_deref() == Some("healthy")), || format!("{said:?}"))
    });
    let agent = split.inspect("spyhop");
    let mounts = agent["Mounts"].to_string();
    assert!(!mounts.contains("docker.sock"), "{mounts}");
    assert_eq!(agent["HostConfig"]["GroupAdd"], serde_json::json!(["65534"]), "no group of the engine's");
    let (broker, helper) = (split.inspect("broker"), split.inspect("netns"));
    for container in [&broker, &helper] {
        assert_eq!(container["HostConfig"]["NetworkMode"], "none");
    }
    // CAP_SYS_PTRACE and CAP_SYS_ADMIN.
    eventually("the helper has dropped all but two", || {
        let status = status(&helper);
        holds(status.contains("CapEff:\t0000000000280000\n"), || status.clone())
    });
    for container in [&agent, &broker] {
        assert_eq!(container["HostConfig"]["ReadonlyRootfs"], true);
        let status = status(container);
        let field =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim).unwrap_or_default();
        assert!(field("Uid:").starts_with("65534"), "{status}");
        for set in ["CapPrm:", "CapEff:", "CapBnd:", "CapAmb:"] {
            assert_eq!(field(set), "0000000000000000", "{set}");
        }
        assert_eq!((field("NoNewPrivs:"), field("Seccomp:")), ("1", "2"));
    }
}

/// What the kernel says of the process of a container.
fn status(container: &Value) -> String {
    let pid = container["State"]["Pid"].as_u64().expect("it runs");
    fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs")
}
