//! A host on which something of everything happens: the stand-in of the first reference system (tiers, four networks, databases, a front door)
//! and the demo's shop (healthy, sick, crashing, starved, throttled, done), with traffic, lines and spans; and who watches.

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::{ask::interval, exporters, traffic::Traffic};
use crate::{
    loki::Receiver,
    otlp_backend::{Backend, Speaks},
    support::{
        agent::{Agent, Home},
        compose::{Composed, free_port},
        container::Running,
        docker::skip,
        motovault::System,
        netns_helper::{NetnsHelper, is_root_or_skip},
        prometheus::{Prometheus, Release},
        scene::binary,
        wait::{STEP, patience},
    },
};

/// Every duration in the rules is multiplied with it: what waits for five minutes waits for half of one. Smaller, and evaluating rules would be
/// most of what this machine does.
const SCALE: &str = "0.1";
const DEMO: &str = "spyhop-demo:test";
/// Redis of Debian, as it is packaged.
const SERVICES: &str = "spyhop-lab/services:1";

/// One Prometheus.
pub(crate) struct Server {
    pub(crate) version: String,
    pub(crate) prometheus: Prometheus,
}

/// Everything; taken down when dropped, those who look first.
pub(crate) struct Workload {
    pub(crate) servers: Vec<Server>,
    _traffic: Traffic,
    _agent: Agent,
    _home: Home,
    _helper: NetnsHelper,
    pub(crate) loki: Receiver,
    pub(crate) tempo: Backend,
    _exporters: Running,
    shop: Composed,
    _system: System,
}

impl Workload {
    /// All of it under way; `None`, after telling why, where something is missing.
    pub(crate) fn or_skip() -> Option<Self> {
        if !is_root_or_skip() {
            return None;
        }
        let releases = Release::both();
        if releases.is_empty() {
            return skip("Prometheus", "neither line is here");
        }
        let mut system = System::or_skip("boards", &["compose.yml"])?;
        let mut shop = Composed::or_skip(&system.docker, "boards-shop", &["demo.yml"], &[DEMO, SERVICES])?;
        let (door, otlp) = (free_port(), free_port());
        shop.set("DEMO_IMAGE", DEMO).set("DEMO_PORT", &door.to_string());
        shop.set("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://host.docker.internal:{otlp}"));
        shop.overlay(&overlay());
        let policy = policy(&system, &shop);
        system.composed.start();
        shop.start();
        let exporters = exporters::start(&system.docker, &shop.project, otlp);

        let (loki, tempo) = (Receiver::usual(), Backend::start(Speaks::Grpc));
        let helper = NetnsHelper::start(&[]);
        let path = system.write_policy(&policy);
        let more = format!(
            "host:\n  rootfs: /\n\
             containers:\n  include: [\"project={}\", \"project={}\"]\n\
             policy:\n  file: {}\n\
             loki:\n  url: {}\n\
             logs:\n  batch_wait: 500ms\n\
             otlp:\n  endpoint: {}\n\
             traces:\n  grpc: off\n  http: \"[::]:{otlp}\"\n  ratio: 0.5\n  keep_errors: 1s\n\
             isolation:\n  interval: 10s\n  active: true\n  helper: {}\n",
            system.composed.project,
            shop.project,
            path.display(),
            loki.url(),
            tempo.url(),
            helper.path().display()
        );
        let home = Home::with(&binary(), system.docker.socket(), &more).environment("SECRETS_DIR", &system.secrets);
        let agent = home.start();
        let rules = rules(system.composed.folder.path(), &path);
        let start = |release: Release| {
            let prometheus = release.start_with(&configuration(&agent, &rules, &release.version));
            Server { version: release.version, prometheus }
        };
        let servers = releases.into_iter().map(start).collect();
        let traffic = Traffic::start(door);
        Some(Self {
            servers,
            _traffic: traffic,
            _agent: agent,
            _home: home,
            _helper: helper,
            loki,
            tempo,
            _exporters: exporters,
            shop,
            _system: system,
        })
    }

    /// Waits until everything that takes its time has happened and was scraped; what has not come in time is told, not waited for.
    pub(crate) fn ripen(&self) -> Vec<String> {
        let until = Instant::now() + patience() * 4;
        // A deploy, once it has been known for a step of the annotation what is deployed: it compares what was there at two of them.
        let known = ("the shop is known", "count(spyhop_container_created_timestamp_seconds offset 16s) > 15");
        let mut missing = self.wait(until, &[known]);
        self.shop.run(&["up", "--detach", "--no-deps", "--force-recreate", "catalogue"]);
        missing.extend(self.wait(until, &RIPE));
        missing
    }

    fn wait(&self, until: Instant, wanted: &[(&str, &str)]) -> Vec<String> {
        let missing = |server: &Server| {
            let lacks = |(_, expression): &&(&str, &str)| {
                !server.prometheus.query(expression).is_ok_and(|found| !found.elements.is_empty())
            };
            let missing: Vec<_> = wanted.iter().filter(lacks).map(|(what, _)| *what).collect();
            let target = last_scrape(server);
            (!missing.is_empty())
                .then(|| format!("Prometheus {}: not so: {}; {target}", server.version, missing.join(", ")))
        };
        loop {
            let found: Vec<String> = self.servers.iter().filter_map(missing).collect();
            if found.is_empty() || Instant::now() > until {
                return found;
            }
            thread::sleep(STEP * 25);
        }
    }

    /// Nobody had a reason to complain of what he got.
    pub(crate) fn is_content(&self) {
        self.tempo.is_content();
        assert_eq!(self.loki.all_discarded(), 0, "Loki refused lines");
        for server in &self.servers {
            let complaints = server.prometheus.complaints();
            assert!(complaints.is_empty(), "Prometheus {}: {complaints:#?}", server.version);
        }
    }
}

/// How long the agent took, and what went wrong.
fn last_scrape(server: &Server) -> String {
    let targets = server.prometheus.targets("spyhop", "job");
    let target = targets.map(|mut targets| targets.remove("spyhop").unwrap_or_default());
    target.map_or_else(|error| error, |target| format!("{} {}", target["lastScrapeDuration"], target["lastError"]))
}

/// What has to be there before anybody is asked; the slowest last.
const RIPE: [(&str, &str); 20] = [
    ("applications are scraped", "count(up{job=\"applications\"} == 1) >= 5"),
    ("applications count", "sum(rate(http_requests_total[30s])) > 0"),
    ("the front door counts", "count(traefik_entrypoint_requests_total) > 0"),
    ("Redis and PostgreSQL say how they are", "count(spyhop_redis_up == 1) > 1 and count(spyhop_postgres_up == 1) > 1"),
    ("certificates are seen", "count(spyhop_probe_certificate_not_after_timestamp_seconds) >= 3"),
    ("lines are sent", "sum(rate(spyhop_logs_sent_lines_total[30s])) > 0"),
    ("calls are counted", "sum(rate(traces_spanmetrics_calls_total[30s])) > 0"),
    ("ways are seen", "count(spyhop_isolation_edges > 0) > 0 and count(spyhop_isolation_coverage_ratio) > 0"),
    (
        "objectives are recorded",
        "count(spyhop:slo_budget_remaining:ratio) > 5 and count(spyhop:slo_errors:ratio1h) > 5",
    ),
    ("somebody restarts", "sum(increase(spyhop_service_restarts_total[1m])) > 0"),
    ("somebody is killed for want of memory", "sum(increase(spyhop_service_oom_kills_total[1m])) > 0"),
    ("somebody got healthy", "sum(spyhop_service_startup_duration_seconds_count) > 0"),
    ("calls between services are counted", "sum(rate(traces_service_graph_request_total[30s])) > 0"),
    ("a service shows a certificate", "count(spyhop_probe_certificate_not_after_timestamp_seconds{project!=\"\"}) > 0"),
    (
        "Redis has keys and a limit, and finds some",
        "count(spyhop_redis_keys) > 0 and count(spyhop_redis_max_memory_bytes) > 0 and sum(rate(spyhop_redis_keyspace_hits_total[12s])) > 0",
    ),
    ("somebody was denied", "count(spyhop_isolation_denied_attempts_total) > 0"),
    ("statements are counted", "sum(rate(traces_spanmetrics_latency_count{span_name=~\"SELECT.*\"}[30s])) > 0"),
    ("traces wait for a decision", "count(spyhop_otlp_waiting_bytes) > 0"),
    (
        "a deploy is seen",
        "count(changes(max by (host, project, service) (spyhop_container_created_timestamp_seconds)[2m:15s]) > 0) > 0",
    ),
    ("alerts fire", "count(ALERTS{alertstate=\"firing\",alertname!=\"SpyhopWatchdog\"}) > 0"),
];

/// The shop with a way to the agent on this host, and a cache with a limit in which its own health check looks for what is and what is not.
fn overlay() -> String {
    let way = "{ extra_hosts: [\"host.docker.internal:host-gateway\"] }";
    let cache = format!(
        "\n    image: {SERVICES}\n    pull_policy: never\n    networks: [back]\n    tmpfs: [/tmp]\n\
         \x20   command: [redis-server, --save, '', --dir, /tmp, --protected-mode, 'no', --maxmemory, 16mb]\n\
         \x20   healthcheck: {{ interval: 2s, test: [CMD-SHELL, 'redis-cli set known 1 && redis-cli get known && redis-cli get unknown'] }}"
    );
    format!(
        "services:\n  shop: {way}\n  catalogue: {way}\n  payments: {way}\n  cache: {cache}\n\
         networks:\n  # An internal network has no way out, not even to this host.\n  back: {{ internal: false }}\n"
    )
}

/// That of the system, with databases that say more, and the shop beside it: some of it as it should not be.
fn policy(system: &System, shop: &Composed) -> String {
    let more = system.policy.replace("redis: 6379,", "redis: 6379, info: true, interval: 5s,");
    let more = more.replace("postgres: 5432,", "postgres: 5432, statistics: true, interval: 5s,");
    // The front door by itself, too: what stands at the top of a policy is of no project, and no project's name chooses it.
    let more = more.replace(
        "          ping: http:8080/ping\n",
        "          ping: http:8080/ping\n          door: { tls: 443, server_name: motovaultpro.com, ca_file: authority.pem, interval: 5s }\n",
    );
    assert!(more.contains("door: { tls: 443"), "the front door of the policy is elsewhere");
    let (before, after) = more.split_once("\n# Through the front door").expect("the policy of the system");
    let shop = format!(
        "  {}:
    services:
      shop: {{ tier: \"2\", publish: [\"127.0.0.1:1\"], probes: {{ health: {{ http: 8080/health, interval: 2s }} }} }}
      catalogue: {{ tier: \"3\", replicas: 3 }}
      cache: {{ tier: \"2\", probes: {{ ping: {{ redis: 6379, info: true, interval: 2s }} }} }}
      payments: {{ tier: \"1\", probes: {{ health: {{ http: 8080/health, interval: 2s }} }} }}
      \"*\": {{ tier: \"3\" }}
    flows:
      - shop -> catalogue:8080
",
        shop.project
    );
    format!("{before}{shop}\n# Through the front door{after}")
}

/// The rules as `spyhop render alerts` writes them.
fn rules(folder: &Path, policy: &Path) -> std::path::PathBuf {
    let rules = folder.join("rules");
    let file = format!("policy.file={}", policy.display());
    let mut command = Command::new(binary());
    command.args(["render", "alerts", "--time-scale", SCALE, "--set", &file, "--out"]).arg(&rules);
    let output = command.output().expect("the agent runs");
    assert!(output.status.success(), "{output:?}");
    assert!(fs::exists(rules.join("objectives.yml")).unwrap(), "the policy has objectives");
    rules
}

/// By its external label each has a moment of its own in the interval: otherwise both would always come at once.
fn configuration(agent: &Agent, rules: &Path, version: &str) -> String {
    format!(
        "global: {{ external_labels: {{ line: '{version}' }}, scrape_interval: {every}s, scrape_timeout: {every}s, evaluation_interval: 5s }}
rule_files: ['{}/*.yml']
scrape_configs:
  - {{ job_name: spyhop, static_configs: [{{ targets: ['{address}'] }}] }}
  - {{ job_name: applications, http_sd_configs: [{{ url: 'http://{address}/sd', refresh_interval: 2s }}] }}
",
        rules.display(),
        every = interval(),
        address = agent.address
    )
}

/// Time between two requests of somebody who uses the shop.
pub(crate) const PACE: Duration = Duration::from_millis(500);
