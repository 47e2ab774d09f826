//! Nothing is configured but where Loki is, and lines of programs which everybody runs come out useful: whose they are, how serious, of which
//! of the four logs, and when. The programs are real ones (`compose/lab/services.sh` makes their image), and made to complain.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "support/loki/mod.rs"]
mod loki;
mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use loki::{Entry, Receiver, Stored};
use rustix::process::Signal;
use support::{
    agent::{Agent, Home},
    container::{Recipe, Role, Running},
    docker::{Docker, Turn, skip},
    log_writer::now,
    process,
    scene::binary,
    wait::{eventually, holds},
};

/// Redis, PostgreSQL and nginx as Debian has them.
const SERVICES: &str = "spyhop-lab/services:1";
/// Our own service.
const DEMO: &str = "spyhop-demo:test";

/// What nginx is told beside Debian's defaults: an upstream that nobody listens at, and a page that fails.
const SITE: &str = "server {
  listen 80;
  root /var/www;
  location = /ready { return 200 'yes'; }
  location = /broken { return 500; }
  location /up { proxy_pass http://127.0.0.1:9; }
}
";

/// The engine, an agent that was told an address and nothing else, and the receiver there.
struct Host {
    agent: Agent,
    home: Home,
    docker: Docker,
    loki: Receiver,
    name: String,
    project: String,
    began: i64,
}

impl Host {
    fn or_skip() -> Option<Self> {
        let docker = Docker::or_skip(Turn::Shared)?;
        for image in [SERVICES, DEMO] {
            if docker.cli(&["image", "inspect", image]).is_err() {
                return skip("image", &format!("{image} is not there: `make test` makes it"));
            }
        }
        let loki = Receiver::usual();
        let home = Home::new(&binary(), docker.socket()).environment("SPYHOP_LOKI_URL", &loki.url());
        let (name, project) = (docker.run(&["info", "--format", "{{.Name}}"]), docker.unique("everyday"));
        Some(Self { agent: home.start(), home, docker, loki, name, project, began: now() })
    }

    fn container(&self, service: &str, image: &str) -> Recipe {
        self.docker.container(service).of_image(image).options(&["--network", "none", "--no-healthcheck"])
    }

    /// Streams of a service of this test's, or of one that is the host's.
    fn streams(&self, project: &str, service: &str) -> Vec<Stored> {
        let of = |labels: &BTreeMap<String, String>| {
            let label = |name: &str| labels.get(name).map_or("", String::as_str);
            label("project") == project && label("service") == service
        };
        self.loki.streams().into_iter().filter(|stream| of(&stream.labels)).collect()
    }

    /// Waits for a line with these words, and fails unless it is as serious and of the log as said, and has the labels of a service.
    #[track_caller]
    fn says(&self, (project, service): (&str, &str), output: &str, lines: &[(&str, &str)]) {
        for (words, wanted) in lines {
            let (labels, entry) = eventually(words, || {
                let streams = self.streams(project, service);
                let all = streams.iter().flat_map(|stream| stream.entries.iter().map(|entry| (&stream.labels, entry)));
                let found = all.clone().find(|(_, entry)| entry.line.contains(words));
                let said = || all.map(|(_, entry)| entry.line.as_str()).collect::<Vec<_>>().join("\n");
                found.map(|(labels, entry)| (labels.clone(), entry.clone())).ok_or_else(said)
            });
            let level = about(&entry, "detected_level").unwrap_or("-");
            let kind = about(&entry, "log_kind").unwrap_or("-");
            assert_eq!(format!("{level} {kind}"), *wanted, "{}", entry.line);
            assert_eq!(labels, self.labels(project, service, output), "{}", entry.line);
            assert!((self.began..=now()).contains(&entry.time), "{} at {}", entry.line, entry.time);
        }
    }

    /// The labels of a stream: these five, and of them none that is empty.
    fn labels(&self, project: &str, service: &str, stream: &str) -> BTreeMap<String, String> {
        let labels = [
            ("host", self.name.as_str()),
            ("project", project),
            ("service", service),
            ("service_name", service),
            ("stream", stream),
        ];
        labels.into_iter().filter(|label| !label.1.is_empty()).map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
    }

    /// Fails unless every entry of the service is the container's, and stands where the engine has a line of this time and text.
    #[track_caller]
    fn is_as_the_engine_has_it(&self, (project, service): (&str, &str), container: &Running, replica: &str) {
        let host = format!("unix://{}", self.docker.socket().display());
        let printed =
            Command::new("docker").args(["--host", &host, "logs", "--timestamps", &container.id]).output().unwrap();
        let text =
            [printed.stdout, printed.stderr].map(|output| String::from_utf8_lossy(&output).into_owned()).concat();
        let told: BTreeSet<(i64, &str)> = text.lines().filter_map(|line| line.split_once(' ')).map(stamped).collect();
        let entries: Vec<_> = self.streams(project, service).into_iter().flat_map(|stream| stream.entries).collect();
        for entry in &entries {
            // The lines of a trace have become one, with the time of the first.
            let first = entry.line.lines().next().unwrap_or_default();
            assert!(told.contains(&(entry.time, first)), "{} {:?} is not the engine's", entry.time, entry.line);
            let whose = ["container_id", "container_name", "replica"].map(|name| about(entry, name).unwrap_or("-"));
            assert_eq!(whose, [short(container), &container.name, replica], "{}", entry.line);
        }
        println!("{service}: {} entries, {} lines of the engine", entries.len(), told.len());
    }
}

/// A value of a line's metadata.
fn about<'a>(entry: &'a Entry, name: &str) -> Option<&'a str> {
    entry.metadata.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// A container's id as people write it.
fn short(container: &Running) -> &str {
    container.id.get(..12).expect("an id has 64 digits")
}

fn stamped<'a>((time, text): (&str, &'a str)) -> (i64, &'a str) {
    let time: jiff::Timestamp = time.parse().expect("the engine writes times");
    (time.as_nanosecond().try_into().expect("a time before 2262"), text)
}

/// Waits until a command inside of a container succeeds.
#[track_caller]
fn answers(container: &Running, docker: &Docker, script: &str) {
    eventually(script, || docker.cli(&["exec", &container.id, "sh", "-c", script]));
}

#[test]
fn redis_is_understood() {
    let Some(host) = Host::or_skip() else { return };
    // Made by hand, without any label: a service of its own name.
    let redis = host.container("redis", SERVICES).role(Role::Script("exec redis-server".to_owned())).start();
    answers(&redis, &host.docker, "redis-cli ping | grep PONG");
    let service = ("", redis.name.as_str());
    host.says(
        service,
        "stdout",
        &[
            ("# Warning: no config file specified", "warn application"),
            ("* Ready to accept connections", "info application"),
        ],
    );
    redis.act(&["stop"]);
    host.says(
        service,
        "stdout",
        &[("signal-handler", "- application"), ("# Redis is now ready to exit, bye bye...", "warn application")],
    );
    host.is_as_the_engine_has_it(service, &redis, "1");
}

#[test]
fn postgresql_is_understood() {
    let Some(host) = Host::or_skip() else { return };
    let postgres = host
        .container("db", SERVICES)
        .compose(&host.project, "db", 2)
        .options(&["--user", "postgres"])
        .role(Role::Script("exec postgres -D /var/lib/postgresql/data -k /tmp".to_owned()))
        .start();
    answers(&postgres, &host.docker, "psql --command 'select 1'");
    postgres.exec("psql --command 'select whale from nowhere' || true");
    postgres.exec("psql --username nobody || true");
    postgres.exec(r#"psql --command "do 'begin raise warning ''the tide turns''; end'""#);
    let service = (host.project.as_str(), "db");
    host.says(
        service,
        "stderr",
        &[
            ("LOG:  database system is ready to accept connections", "info application"),
            ("ERROR:  relation \"nowhere\" does not exist at character 19", "error error"),
            // What belongs to a message is as serious.
            ("STATEMENT:  select whale from nowhere", "error error"),
            ("FATAL:  role \"nobody\" does not exist", "fatal error"),
            ("WARNING:  the tide turns", "warn application"),
        ],
    );
    host.is_as_the_engine_has_it(service, &postgres, "2");
}

#[test]
fn nginx_is_understood() {
    let Some(host) = Host::or_skip() else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("site.conf"), SITE).unwrap();
    let full = format!("{}_web", host.project);
    let nginx = host
        .container("web", SERVICES)
        .label("com.docker.stack.namespace", &host.project)
        .label("com.docker.swarm.service.name", &full)
        .label("com.docker.swarm.task.name", &format!("{full}.3.q7x1"))
        .options(&["--volume", &format!("{}:/etc/nginx/conf.d:ro", folder.path().display())])
        .role(Role::Script("exec nginx -g 'daemon off;'".to_owned()))
        .start();
    answers(&nginx, &host.docker, "wget -q -O- http://127.0.0.1/ready");
    for page in ["missing", "broken", "up/stream"] {
        nginx.exec(&format!("wget -q -O- http://127.0.0.1/{page} || true"));
    }
    let service = (host.project.as_str(), "web");
    host.says(
        service,
        "stdout",
        &[
            ("\"GET /ready HTTP/1.1\" 200", "info access"),
            ("\"GET /missing HTTP/1.1\" 404", "warn access"),
            ("\"GET /broken HTTP/1.1\" 500", "error access"),
            ("\"GET /up/stream HTTP/1.1\" 502", "error access"),
        ],
    );
    host.says(
        service,
        "stderr",
        &[
            ("open() \"/var/www/missing\" failed (2: No such file or directory)", "error error"),
            ("connect() failed (111: Connection refused) while connecting to upstream", "error error"),
        ],
    );
    host.is_as_the_engine_has_it(service, &nginx, "3");
}

#[test]
fn our_own_service_is_understood() {
    let Some(host) = Host::or_skip() else { return };
    for (format, log) in [("json", r#""level":""#), ("plain", " ")] {
        let environment = [
            format!("DEMO_LOG_FORMAT={format}"),
            "DEMO_LOG_LEVELS=debug=1,info=1,warn=1,error=1".to_owned(),
            "DEMO_LOG_RATE=40".to_owned(),
            "DEMO_LOG_TRACES=1".to_owned(),
        ];
        let options: Vec<_> = environment.iter().flat_map(|variable| ["--env", variable.as_str()]).collect();
        let demo = host.container(format, DEMO).compose(&host.project, format, 1).options(&options).start();
        let service = (host.project.as_str(), format);
        let line = |level: &str| {
            if format == "json" { format!("{log}{level}\"") } else { format!("{log}{:<5} demo ", level.to_uppercase()) }
        };
        for (level, wanted) in [
            ("debug", "debug application"),
            ("info", "info application"),
            ("warn", "warn application"),
            ("error", "error error"),
        ] {
            host.says(service, "stdout", &[(&line(level), wanted)]);
        }
        host.docker.run(&["exec", &demo.id, "/spyhop-demo", "healthcheck", "http://127.0.0.1:8080/"]);
        let served = if format == "json" { r#""message":"request served""# } else { "demo request served" };
        host.says(service, "stdout", &[(served, if format == "json" { "info access" } else { "info application" })]);
        eventually("a trace is one entry", || {
            let entries = host.streams(service.0, service.1).into_iter().flat_map(|stream| stream.entries);
            let trace =
                entries.into_iter().find(|entry| entry.line.contains("    at ") || entry.line.contains("\"stack\""));
            let trace = trace.ok_or_else(|| "no trace yet".to_owned())?;
            holds(about(&trace, "detected_level") == Some("error") && about(&trace, "request_id").is_some(), || {
                format!("{trace:?}")
            })
        });
        host.is_as_the_engine_has_it(service, &demo, "1");
    }
}

#[test]
fn the_agent_and_the_engine_are_heard_too() {
    let Some(host) = Host::or_skip() else { return };
    let started = host.docker.container("started").start();
    let event = format!(r#""action":"start","container_id":"{}""#, short(&started));
    host.says(("", "docker-events"), "stderr", &[(&event, "info application")]);
    // Reading a changed configuration again, it says what it cannot change while it runs.
    let config = fs::read_to_string(host.home.config()).unwrap().replace("127.0.0.1:0", "127.0.0.1:9");
    fs::write(host.home.config(), config).unwrap();
    assert!(process::signal(host.agent.pid(), Signal::HUP));
    host.says(("", "spyhop"), "stderr", &[("these changes wait for a restart", "warn application")]);
}
