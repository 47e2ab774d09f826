//! What is planted, and what must be found of it. Each function plants a number of things at once, waits for each, repairs all and waits
//! until they are gone.

use super::{
    lab::{Hole, HostService, Lab, Outside},
    support::{compose::free_port, container::Role, wait::eventually},
};

/// Waits for each finding from its tier, says how long that took, and gives their number.
fn all(lab: &Lab, expected: &[((&str, &str, &str), &str)]) -> usize {
    for ((class, service, subject), tier) in expected {
        let took = lab.finds((class, service, subject), tier);
        println!("{class} {service} {subject} ({tier}): {} ms", took.as_millis());
    }
    expected.len()
}

fn repaired(lab: &Lab) {
    println!("repaired: {} ms", lab.recovers().as_millis());
}

/// What is seen in the engine alone.
pub(crate) fn containers(lab: &Lab) -> usize {
    let docker = &lab.system.docker;
    let [frontend, database, platform] = ["frontend", "database", "platform"].map(|name| lab.network(name));
    let redis = lab.system.composed.container("admin-redis");
    let minio = lab.system.composed.container("admin-minio");
    docker.run(&["network", "connect", &platform, &minio]);
    docker.run(&["network", "disconnect", &database, &redis]);
    let stranger = docker.container("stranger").options(&["--network", &database]).start();
    let on_host = lab.impostor("admin-minio", &["--network", "host"]).start();
    let neighbour = format!("container:{minio}");
    let shared = lab.impostor("platform-redis", &["--network", &neighbour]).start();
    let seeing = lab.impostor("platform-redis", &["--network", &platform, "--pid", "host"]).start();
    let (wide, narrow) = (free_port(), free_port());
    let open =
        lab.impostor("admin-frontend", &["--network", &frontend, "--publish", &format!("0.0.0.0:{wide}:3000")]).start();
    let v6 =
        lab.impostor("admin-frontend", &["--network", &frontend, "--publish", &format!("[::1]:{narrow}:3000")]).start();
    let socket = format!("{}:/tmp/engine.sock:ro", docker.socket().display());
    let holder = lab.impostor("mvp-platform-landing", &["--network", &frontend, "--volume", &socket]).start();
    let parent =
        lab.impostor("mvp-platform-landing", &["--network", &frontend, "--volume", "/run:/host/run:ro"]).start();
    let found = all(
        lab,
        &[
            (("placement", "admin-minio", "platform"), "static"),
            (("placement", "admin-redis", "database"), "static"),
            (("placement", &stranger.name, "database"), "static"),
            (("namespace", "admin-minio", "network"), "static"),
            (("namespace", "platform-redis", "network"), "static"),
            (("namespace", "platform-redis", "pid"), "static"),
            (("exposure", "admin-frontend", &format!("{wide}/tcp on 0.0.0.0")), "static"),
            (("exposure", "admin-frontend", &format!("{narrow}/tcp on ::1")), "static"),
            (("exposure", "mvp-platform-landing", &docker.socket().display().to_string()), "static"),
            (("exposure", "mvp-platform-landing", "/run"), "static"),
        ],
    );
    drop((stranger, on_host, shared, seeing, open, v6, holder, parent));
    docker.run(&["network", "disconnect", &platform, &minio]);
    docker.run(&["network", "connect", "--alias", "admin-redis", &database, &redis]);
    repaired(lab);
    found
}

/// What is not as a policy wants it that was changed.
pub(crate) fn policy(lab: &Lab) -> usize {
    let sound = &lab.system.policy;
    let mut other = sound.clone();
    let mut replace = |from: &str, to: &str| {
        assert!(other.contains(from), "{from}");
        other = other.replace(from, to);
    };
    replace("      frontend: {}\n", "      frontend: { icc: false }\n");
    replace("      backend: { internal: true }\n", "      backend: { internal: true, gateway: isolated }\n");
    replace(
        "admin-frontend: { tier: \"2\", networks: [frontend],",
        "admin-frontend: { tier: \"2\", networks: [frontend], egress: [],",
    );
    // Nobody listens there.
    replace(
        "      - traefik -> admin-frontend:3000\n",
        "      - traefik -> admin-frontend:3000\n      - traefik -> admin-frontend:3001!\n      - admin-backend -> admin-postgres:5433!\n",
    );
    // The demo services call these all the time.
    replace("      - mvp-platform-vehicles-api -> mvp-platform-vehicles-redis:6379\n", "");
    replace("      - mvp-platform-tenants -> platform-redis:6379\n", "");
    // Nobody calls these.
    replace("      - traefik -> mvp-platform-tenants:8000\n", "");
    replace("      - traefik -> mvp-platform-vehicles-api:8000\n", "");
    lab.policy(&other);
    let found = all(
        lab,
        &[
            (("internal_flag", "", "frontend"), "static"),
            (("internal_flag", "", "backend"), "static"),
            (("egress", "admin-frontend", "frontend"), "static"),
            (("missing_flow", "traefik", "admin-frontend:3001/tcp"), "passive"),
            (("missing_flow", "admin-backend", "admin-postgres:5433/tcp"), "passive"),
            (("unexpected_flow", "mvp-platform-vehicles-api", "mvp-platform-vehicles-redis:6379/tcp"), "passive"),
            (("unexpected_flow", "mvp-platform-tenants", "platform-redis:6379/tcp"), "passive"),
            (("excess_reachability", "traefik", "mvp-platform-tenants"), "passive"),
            (("excess_reachability", "traefik", "mvp-platform-vehicles-api"), "passive"),
        ],
    );
    lab.policy(sound);
    repaired(lab);
    found
}

/// What only the kernel and connections show.
pub(crate) fn traffic(lab: &Lab) -> usize {
    let [frontend, platform] = ["frontend", "platform"].map(|name| lab.network(name));
    let outside = Outside::make();
    let host = HostService::on(0);
    let probed = HostService::on(lab.host_port);
    let (_, gateway) = lab.subnet("platform");
    let again =
        |to: &str, port: u16| Role::Script(format!("while :; do timeout 1 nc {to} {port} </dev/null; sleep 0.2; done"));
    let leaving =
        lab.impostor("admin-frontend", &["--network", &frontend]).role(again(Outside::ADDRESS, Outside::PORT)).start();
    let leaving_too = lab
        .impostor("mvp-platform-landing", &["--network", &frontend])
        .role(again(Outside::ADDRESS, Outside::PORT))
        .start();
    let knocking = lab.impostor("platform-redis", &["--network", &platform]).role(again(&gateway, host.port)).start();
    let holes = [("frontend", "platform"), ("frontend", "database")]
        .map(|(from, to)| Hole::between(&lab.subnet(from).0, &lab.subnet(to).0));
    // What is not let through is counted as such, once its second packet has come to nothing as well.
    let unanswered =
        format!("while :; do nc -w 5 {} 3001 </dev/null; done", lab.address_on("admin-backend", "backend"));
    let refused =
        lab.impostor("mvp-platform-landing", &["--network", &frontend]).role(Role::Script(unanswered)).start();
    let host_port = format!("{}/tcp", probed.port);
    let found = all(
        lab,
        &[
            (("egress", "admin-frontend", &format!("{}:{}/tcp", Outside::ADDRESS, Outside::PORT)), "passive"),
            (("egress", "mvp-platform-landing", &format!("{}:{}/tcp", Outside::ADDRESS, Outside::PORT)), "passive"),
            (("host_reach", "platform-redis", &format!("{}/tcp", host.port)), "passive"),
            (("host_reach", "admin-redis", &host_port), "active"),
            (("unexpected_reachability", "admin-frontend", "platform-redis:6379/tcp"), "active"),
            (("unexpected_reachability", "mvp-platform-landing", "admin-postgres:5432/tcp"), "active"),
        ],
    );
    let project = lab.system.composed.project.as_str();
    eventually("attempts are counted", || {
        let page = lab.agent.scrape_path("/metrics?collect[]=isolation");
        let labels = [("project", project), ("src", "mvp-platform-landing")];
        match page.value("spyhop_isolation_denied_attempts_total", &labels) {
            Some(count) if count > 0.0 => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    drop((leaving, leaving_too, knocking, refused, holes, host, probed, outside));
    repaired(lab);
    found
}
