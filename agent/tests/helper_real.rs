//! The agent and its helper as two containers: an internal network that neither is on, and what the agent gets to see of it.
//!
//! Promised: an agent without a capability, on no network of a container, fetches its metrics and probes it through the helper, and without
//! the helper does neither; what listens on loopback alone stays out of reach; the helper itself has no network at all.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "an assumption that breaks fails the test, as it should"
)]

mod support;

use std::{net::SocketAddr, os::unix::fs::MetadataExt};

use serde_json::Value;
use support::{
    container::{Role, Running},
    docker::{Docker, Turn, skip},
    page::Page,
    scene::{and, binary, replica},
    wait::{eventually, holds, patience},
    wire::{self, Answer},
};

/// The program of `compose/demo`, which has metrics and answers `/health` on 8080.
const DEMO: &str = "spyhop-demo:test";

/// An internal network with a service on it, and room for an agent elsewhere.
struct Yard {
    docker: Docker,
    project: String,
    network: String,
    volume: String,
    image: String,
}

impl Yard {
    fn or_skip() -> Option<Self> {
        let docker = Docker::or_skip(Turn::Shared)?;
        let image = std::env::var("SPYHOP_TEST_IMAGE").unwrap_or_else(|_| "spyhop:test".into());
        for image in [image.as_str(), DEMO] {
            if docker.cli(&["image", "inspect", image]).is_err() {
                return skip("image", &format!("{image} is not built: `make test` does that"));
            }
        }
        let [project, network, volume] = ["yard", "inner", "run"].map(|stem| docker.unique(stem));
        docker.run(&["network", "create", "--internal", &network]);
        docker.run(&["volume", "create", &volume]);
        Some(Self { docker, project, network, volume, image })
    }

    /// The binary under test in an image that has what it needs around it.
    fn of_image(&self, stem: &str, user: &str) -> support::container::Recipe {
        let program = format!("{}:/spyhop:ro", binary());
        let room = format!("{}:/run/spyhop", self.volume);
        self.docker
            .container(stem)
            .options(&["--user", user, "--read-only", "--cap-drop", "ALL", "--pid", "host"])
            .options(&["--security-opt", "no-new-privileges:true", "--volume", &program, "--volume", &room])
            .of_image(&self.image)
    }

    /// As docs/security.md has it: no network, two capabilities.
    fn helper(&self) -> Running {
        let helper = self
            .of_image("netns", "0:0")
            .options(&["--network", "none", "--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE"])
            .role(Role::Arguments(
                ["helper", "netns", "--listen", "/run/spyhop/netns.sock", "--allow-uid", "65534"]
                    .map(Into::into)
                    .into(),
            ))
            .start();
        eventually("the helper listens", || {
            let log = self.docker.cli(&["logs", &helper.id]).unwrap_or_default();
            let state = helper.inspect()["State"]["Status"].clone();
            // Its log is on standard error, which the command line passes on.
            holds(state == "running" && self.listens(&helper), || format!("{state}: {log}"))
        });
        helper
    }

    fn listens(&self, helper: &Running) -> bool {
        let sockets = std::fs::read_to_string(format!("/proc/{}/net/unix", helper.pid())).unwrap_or_default();
        sockets.contains("/run/spyhop/netns.sock")
    }

    /// As compose/agent.yml has it, on the default bridge.
    fn agent(&self, more: &[&str]) -> Sidecar {
        let group = std::fs::metadata(self.docker.socket()).expect("the socket").gid().to_string();
        let socket = format!("{}:/var/run/docker.sock:ro", self.docker.socket().display());
        let container = self
            .of_image("agent", "65534:0")
            .options(&["--group-add", &group, "--cgroupns", "host", "--volume", &socket])
            .options(&["--volume", "/sys/fs/cgroup:/sys/fs/cgroup:ro", "--volume", "/var/lib/spyhop"])
            .options(&["--env", &format!("SPYHOP__CONTAINERS__INCLUDE=project={}", self.project)])
            .options(more)
            .start();
        let inspect = container.inspect();
        let ip = inspect["NetworkSettings"]["Networks"]["bridge"]["IPAddress"].as_str().expect("an address").to_owned();
        let address = SocketAddr::new(ip.parse().expect("an IP address"), 9477);
        let sidecar = Sidecar { _container: container, address };
        eventually("the agent is ready", || {
            let answer = sidecar.try_get("/health/ready").map_err(|error| error.to_string())?;
            holds(answer.status == 200, || answer.text().to_owned())
        });
        sidecar
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        // Containers are gone by now; what is left over is not in anybody's way.
        self.docker.cli(&["network", "rm", &self.network]).ok();
        self.docker.cli(&["volume", "rm", "--force", &self.volume]).ok();
    }
}

struct Sidecar {
    _container: Running,
    address: SocketAddr,
}

impl Sidecar {
    fn try_get(&self, path: &str) -> std::io::Result<Answer> {
        wire::get(self.address, path, &[("Accept", "text/plain;version=0.0.4")], patience())
    }

    fn get(&self, path: &str) -> Answer {
        self.try_get(path).expect("the agent answers")
    }

    fn scrape(&self) -> Page {
        Page::text(self.get("/metrics").text()).unwrap_or_else(|reason| panic!("{reason}"))
    }

    fn group(&self, service: &str) -> Option<Value> {
        let groups: Vec<Value> = serde_json::from_str(self.get("/sd").text()).expect("a list");
        groups.into_iter().find(|group| group["labels"]["service"] == service)
    }
}

#[test]
fn an_internal_network_is_in_reach_through_the_helper_alone() {
    let Some(yard) = Yard::or_skip() else { return };
    let inner = ["--network", yard.network.as_str()];
    let service = |name: &str| {
        let recipe = yard.docker.container(name).compose(&yard.project, name, 1).options(&inner);
        recipe.label("spyhop.metrics.port", "8080").label("spyhop.probe.health", "http:8080")
    };
    let open = service("open").of_image(DEMO).start();
    let shy = service("shy").role(Role::Script("exec httpd -f -p 127.0.0.1:8080".into())).start();
    let of = |service| replica(&yard.project, service, "1");

    let alone = yard.agent(&[]);
    let page = alone.scrape();
    assert_eq!(page.expect("spyhop_target_reachable", &and(&of("open"), "reason", "no_shared_network"), 0.0), Ok(()));
    assert!(alone.group("open").is_none(), "what cannot be fetched is not handed out");
    let path = format!("/proxy/{}/open/1", yard.project);
    assert_eq!(alone.get(&path).status, 502);
    eventually("the probe is not made", || alone.scrape().expect("spyhop_probe_reachable", &of("open"), 0.0));
    drop(alone);

    let helper = yard.helper();
    let agent = yard.agent(&["--env", "SPYHOP__ISOLATION__HELPER=/run/spyhop/netns.sock"]);
    assert_eq!(agent.scrape().expect("spyhop_target_reachable", &of("open"), 1.0), Ok(()));
    let fetched = agent.get(&path);
    assert_eq!(fetched.status, 200, "{}", fetched.text());
    assert!(fetched.text().contains("demo_log_lines_total"), "{}", fetched.text());
    let labels = agent.group("open").expect("it can be fetched")["labels"].clone();
    assert_eq!(labels["__meta_spyhop_vantage"], "namespace");
    assert_eq!(labels["__meta_spyhop_network"], yard.network.as_str());
    eventually("a good probe", || agent.scrape().expect("spyhop_probe_success", &of("open"), 1.0));

    let shy_path = format!("/proxy/{}/shy/1", yard.project);
    let refused = agent.get(&shy_path);
    assert_eq!(refused.status, 502, "what listens on loopback alone is not reached: {}", refused.text());
    eventually("a probe that is refused", || {
        let page = agent.scrape();
        let failure = page.one("spyhop_probe_failure", &of("shy")).ok_or("none yet")?;
        holds(failure.label("reason") == "refused", || failure.label("reason").to_owned())
    });

    let interfaces = std::fs::read_to_string(format!("/proc/{}/net/dev", helper.pid())).expect("it runs");
    assert!(interfaces.lines().skip(2).all(|line| line.trim().starts_with("lo:")), "{interfaces}");

    // Made anew, it has another process and another address; nobody is taken for it.
    open.remove();
    let again = service("open").of_image(DEMO).start();
    eventually("the next container of that name", || {
        let answer = agent.get(&path);
        holds(answer.status == 200, || answer.text().to_owned())
    });
    helper.act(&["kill"]);
    eventually("nothing, without the helper", || {
        let answer = agent.get(&path);
        holds(answer.status == 502 && answer.text().contains("reach the helper"), || answer.text().to_owned())
    });
    assert_eq!(agent.get("/health/ready").status, 200, "the agent is whole without it");
    drop((agent, again, shy, helper));
}
