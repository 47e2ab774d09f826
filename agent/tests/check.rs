//! `spyhop check` and `spyhop init` on real containers: one planted violation of each class is named exactly once, a clean stack is clean,
//! and the running agent says the same.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test which cannot go on has failed")]

mod support;

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use serde_json::Value;
use support::{
    agent::Home,
    container::{Recipe, Role, Running},
    docker::{Docker, Turn},
    fake_engine::{FakeContainer, FakeEngine, Fault, Route, World},
    process,
    scene::binary,
    wait::{eventually, promptly},
};

/// Options that leave nothing to be found.
const SOUND: &[&str] = &[
    "--network",
    "none",
    "--memory",
    "64m",
    "--cpus",
    "0.5",
    "--restart",
    "unless-stopped",
    "--read-only",
    "--user",
    "1000",
];

/// [`SOUND`] without an option and its value.
fn without(option: &str) -> Vec<&'static str> {
    let (mut kept, mut skipping) = (Vec::new(), false);
    for word in SOUND {
        skipping = if word.starts_with("--") { *word == option } else { skipping };
        kept.extend((!skipping).then_some(*word));
    }
    kept
}

/// A project of this test's, a folder for its files, and how `check` was called.
struct Bench {
    docker: Docker,
    project: String,
    folder: tempfile::TempDir,
}

struct Outcome {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Bench {
    fn or_skip(stem: &str) -> Option<Self> {
        let docker = Docker::or_skip(Turn::Shared)?;
        let project = docker.unique(stem);
        Some(Self { docker, project, folder: tempfile::tempdir().unwrap() })
    }

    /// A container of a service, with nothing wrong but what `options` add.
    fn sound(&self, service: &str, options: &[&str]) -> Recipe {
        self.bare(service).health("1s").options(SOUND).options(options)
    }

    fn bare(&self, service: &str) -> Recipe {
        self.docker.container(service).compose(&self.project, service, 1)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text.replace("PROJECT", &self.project)).unwrap();
        path
    }

    /// Runs a command of the program which sees this project alone.
    fn spyhop(&self, command: &[&str], policy: Option<&str>) -> Outcome {
        let config = format!(
            "engine:\n  address: unix://{}\ncontainers:\n  include: [project={}]\nhost:\n  rootfs: \"off\"\npolicy:\n  file: {}\n",
            self.docker.socket().display(),
            self.project,
            policy.map_or("\"off\"".to_owned(), |text| self.file("policy.yml", text).display().to_string()),
        );
        let config = self.file("spyhop.yml", &config);
        let output = Command::new(binary()).args(command).arg("--config").arg(config).env_clear().output().unwrap();
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Findings of a JSON answer as `service class subject`, with how often each is there.
fn findings(answer: &str) -> BTreeMap<String, usize> {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let mut found = BTreeMap::new();
    for finding in answer["findings"].as_array().unwrap() {
        let word = |key: &str| finding[key].as_str().unwrap_or("-").to_owned();
        *found.entry(format!("{} {} {}", word("service"), word("class"), word("subject"))).or_default() += 1;
    }
    found
}

const POLICY: &str = "
tiers:
  web: { severity: critical, limits: { memory: 64MiB, cpus: 0.5 } }
  kept: { limits: { memory: 64MiB, cpus: 0.5, memory_reservation: 32MiB } }
projects:
  PROJECT:
    services:
      sound: { tier: web }
      absent: { tier: web }
      twice: { tier: web, replicas: 2 }
      stopped: { tier: web }
      untiered: {}
      bare: { tier: web }
      large: { tier: web }
      unkept: { tier: kept }
      underkept: { tier: kept }
      blind: { tier: web }
      fragile: { tier: web }
      loose: { tier: web }
      telling: { tier: web }
      root: { tier: web }
      mighty: { tier: web }
      writing: { tier: web }
      open: { tier: web, publish: [45999] }
      stale: { tier: web }
checks:
  secrets_max_age: 90d
  overcommit: { memory: 0.000001, cpus: 0.0001 }
exceptions:
  - { finding: port_missing, project: PROJECT, service: open, reason: it is moved, until: 2020-01-01 }
";

#[test]
fn each_planted_violation_is_named_once() {
    let Some(bench) = Bench::or_skip("planted") else { return };
    let loose = format!("{}:latest", bench.docker.image().split(':').next().unwrap());
    bench.docker.run(&["tag", bench.docker.image(), &loose]);
    let secret = bench.file("secret", "hunter2");
    let mount = format!("{}:/run/secrets/db:ro", secret.display());
    let recipes = vec![
        bench.sound("sound", &[]),
        bench.sound("twice", &[]),
        bench.sound("untiered", &[]),
        bench.sound("unlisted", &["--label", "spyhop.tier=web"]),
        bench.sound("large", &["--memory", "128m"]),
        bench.sound("unkept", &[]),
        bench.sound("underkept", &["--memory-reservation", "16m"]),
        bench.bare("blind").options(SOUND),
        bench.sound("fragile", &["--restart", "no"]),
        bench.sound("telling", &["--env", "DB_PASSWORD=hunter2", "--env", "DB_PASSWORD_FILE=/run/secrets/db"]),
        bench.sound("root", &["--user", "0:0"]),
        bench.sound("mighty", &["--privileged"]),
        bench.bare("writing").health("1s").options(&without("--read-only")),
        bench.bare("open").health("1s").options(&without("--network")).options(&["--publish", "127.0.0.1:45998:80"]),
        bench.sound("stale", &["--volume", &mount]),
        bench.bare("bare").health("1s").options(&without("--memory")).options(&["--cpus", "0"]),
    ];
    let _running: Vec<Running> = recipes.into_iter().map(Recipe::start).collect();
    let stopped = bench.sound("stopped", &[]).start();
    stopped.act(&["stop", "--time", "1"]);
    let _loose = bench.sound("loose", &[]).of_image(&loose).role(Role::Idle).start();

    let run = bench.spyhop(&["check", "--format", "json", "--require"], Some(POLICY));
    assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);
    assert!(!run.stdout.contains("hunter2"), "values of variables are nobody's business");
    let expected = [
        "- exception_expired port_missing PROJECT/open",
        "- overcommit cpus",
        "- overcommit memory",
        "absent service_missing -",
        "bare limit_missing cpus",
        "bare limit_missing memory",
        "blind health_check_missing -",
        "fragile restart_policy_missing -",
        "large limit_wrong memory",
        "loose image_unpinned -",
        "mighty privileged -",
        "open port_missing 45999",
        "open port_unlisted 45998/tcp",
        "root root_user -",
        "stopped replicas_missing -",
        "telling secret_in_environment DB_PASSWORD",
        "twice replicas_missing -",
        "underkept reservation_wrong memory_reservation",
        "unkept reservation_missing memory_reservation",
        "unlisted unlisted_service -",
        "untiered no_tier -",
        "writing writable_root -",
    ];
    let expected: BTreeMap<String, usize> =
        expected.into_iter().map(|line| (line.replace("PROJECT", &bench.project), 1)).collect();
    assert_eq!(findings(&run.stdout), expected);
    // Without the host's files nobody can say how old a secret is.
    let answer: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(answer["not_checked"][0]["service"], "stale", "{}", run.stdout);
    for format in ["text", "junit", "sarif"] {
        let run = bench.spyhop(&["check", "--format", format], Some(POLICY));
        assert_eq!(run.code, Some(1), "{format}");
        assert!(
            run.stdout.contains("port 45998/tcp is published on 127.0.0.1 and not listed"),
            "{format}: {}",
            run.stdout
        );
    }
}

#[test]
fn a_clean_stack_is_clean_and_a_half_seen_one_is_not_certain() {
    let Some(bench) = Bench::or_skip("clean") else { return };
    let secret = bench.file("secret", "hunter2");
    let mount = format!("{}:/run/secrets/db:ro", secret.display());
    let _web = bench.sound("web", &["--volume", &mount]).start();
    let policy = "tiers: { t: { limits: { memory: 64MiB, cpus: any } } }\nprojects: { PROJECT: { services: { web: { tier: t } } } }\n";
    for require in [&["check"][..], &["check", "--require"]] {
        let run = bench.spyhop(require, Some(policy));
        assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    }
    // No policy at all: what every host should have.
    assert_eq!(bench.spyhop(&["check"], None).code, Some(0));
    let aged = format!("{policy}checks: {{ secrets_max_age: 1d }}\n");
    assert_eq!(bench.spyhop(&["check"], Some(&aged)).code, Some(0));
    let run = bench.spyhop(&["check", "--require"], Some(&aged));
    assert_eq!(run.code, Some(2), "{}", run.stdout);
    assert!(run.stdout.contains("secret db: the host's files are not mounted"), "{}", run.stdout);
}

#[test]
fn mistakes_and_silence_end_with_3() {
    let Some(bench) = Bench::or_skip("mistakes") else { return };
    let run =
        bench.spyhop(&["check"], Some("tiers: { t: { limits: { memory: lots } } }\nchecks: { off: [nothing] }\n"));
    assert_eq!((run.code, run.stdout.as_str()), (Some(3), ""));
    assert!(run.stderr.contains("policy.yml:1:") && run.stderr.contains("policy.yml:2:"), "{}", run.stderr);
    assert!(run.stderr.contains("2 mistakes in the configuration"), "{}", run.stderr);
    let nowhere = bench.folder.path().join("no.sock");
    let output = Command::new(binary())
        .args(["check", "--engine", &format!("unix://{}", nowhere.display())])
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ask the engine"), "{output:?}");
}

/// A socket proxy that lists containers and refuses to describe them: nothing is clean, nobody is missing.
#[test]
fn what_the_engine_refuses_to_describe_is_not_clean() {
    let fake = FakeEngine::start(World::new().with(FakeContainer::new("web").running(7)));
    fake.fault(Route::Inspect, Fault::Status(403, "not by this proxy".to_owned()));
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yml");
    fs::write(&policy, "projects: { shop: { services: { web: {} } } }\n").unwrap();
    let check = |more: &[&str]| {
        let mut command = Command::new(binary());
        command.args(["check", "--engine", &fake.address(), "--set", &format!("policy.file={}", policy.display())]);
        command.args(more).env_clear().output().unwrap()
    };
    let (lenient, strict) = (check(&[]), check(&["--require"]));
    assert_eq!((lenient.status.code(), strict.status.code()), (Some(0), Some(2)), "{strict:?}");
    let text = String::from_utf8(strict.stdout).unwrap();
    assert!(text.contains("the engine does not describe container") && !text.contains("has no container"), "{text}");
}

#[test]
fn what_init_writes_is_clean() {
    let Some(bench) = Bench::or_skip("learnt") else { return };
    let _web = bench.sound("web", &[]).start();
    let _open = bench.bare("open").options(&["--publish", "127.0.0.1:45997:80", "--env", "API_TOKEN=x"]).start();
    let learnt = bench.spyhop(&["init"], None);
    assert_eq!(learnt.code, Some(0), "{}", learnt.stderr);
    assert!(learnt.stdout.contains("publish: [\"127.0.0.1:45997\"]"), "{}", learnt.stdout);
    let run = bench.spyhop(&["check"], Some(&learnt.stdout));
    assert_eq!(run.code, Some(0), "{}\n{}{}", learnt.stdout, run.stdout, run.stderr);
    // The file that is written may be the one that the configuration names.
    let out = bench.folder.path().join("learnt.yml").display().to_string();
    assert_eq!(bench.spyhop(&["init", "--out", &out], None).code, Some(0));
    let again = bench.spyhop(&["init", "--out", &out], None);
    assert_eq!(again.code, Some(3), "a file that is there is left alone");
}

/// Whoever was seen talking is written as a flow, and is none that nobody planned.
#[test]
fn what_was_observed_is_written_and_is_no_finding() {
    let Some(bench) = Bench::or_skip("observed") else { return };
    // It stays open: a first look blames nobody for what ended before it.
    let serve = "exec nc -ll -p 7000 -e sleep 100000";
    let server = bench.bare("server").role(Role::Script(serve.into())).start();
    let address = server.inspect()["NetworkSettings"]["IPAddress"].as_str().unwrap().to_owned();
    let ask = format!("sleep 100000 | until nc {address} 7000; do sleep 0.2; done");
    let _client = bench.bare("client").role(Role::Script(ask)).start();
    let learnt = bench.spyhop(&["init", "--observe", "6s"], None);
    assert_eq!(learnt.code, Some(0), "{}", learnt.stderr);
    assert!(learnt.stdout.contains("- \"client -> server:7000\"\n"), "{}", learnt.stdout);
    assert!(learnt.stderr.contains("ways seen so far"), "{}", learnt.stderr);
    let run = bench.spyhop(&["check", "--isolation"], Some(&learnt.stdout));
    assert_eq!(run.code, Some(0), "{}\n{}{}", learnt.stdout, run.stdout, run.stderr);
    let narrowed = learnt.stdout.replace("- \"client -> server:7000\"\n", "- \"client -> server:7001\"\n");
    let run = bench.spyhop(&["check", "--isolation"], Some(&narrowed));
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    assert!(run.stdout.contains("unexpected_flow"), "{}", run.stdout);
}

/// The running agent: a service of the policy without a container is expected, its findings are series, and both follow the policy at SIGHUP.
#[test]
fn the_running_agent_holds_the_policy_against_what_it_sees() {
    let Some(bench) = Bench::or_skip("running") else { return };
    let policy = "tiers: { t: { severity: critical } }\nprojects: { PROJECT: { services: { web: { tier: t }, gone: { tier: t } } } }\n";
    let path = bench.file("policy.yml", policy);
    let more = format!("policy:\n  file: {}\n", path.display());
    let home = Home::with(&binary(), bench.docker.socket(), &more);
    let agent = home.start();
    let _web = bench.sound("web", &["--user", "0"]).start();
    let gone = [("project", bench.project.as_str()), ("service", "gone")];
    let web = [("project", bench.project.as_str()), ("service", "web")];
    promptly("the findings", || {
        let page = agent.scrape();
        page.expect("spyhop_service_replicas_expected", &gone, 1.0)?;
        page.expect("spyhop_service_replicas", &[&gone[..], &[("state", "running")]].concat(), 0.0)?;
        page.expect(
            "spyhop_finding",
            &[&gone[..], &[("class", "service_missing"), ("severity", "critical")]].concat(),
            1.0,
        )?;
        page.expect("spyhop_finding", &[&web[..], &[("class", "root_user")]].concat(), 1.0)?;
        page.expect("spyhop_service_tier_info", &[&web[..], &[("tier", "t"), ("severity", "critical")]].concat(), 1.0)
    });
    let answer = agent.get(&format!("/api/v1/findings?project={}&service=gone", bench.project), &[]).unwrap();
    assert_eq!(findings(answer.text()), BTreeMap::from([("gone service_missing -".to_owned(), 1)]));
    let page = agent.get("/", &[]).unwrap();
    assert!(page.text().contains("does not run; it has no container"), "{}", page.text());
    // Nobody is missing any more when the policy does not name it.
    bench.file("policy.yml", "tiers: { t: {} }\nprojects: { PROJECT: { services: { web: { tier: t } } } }\n");
    assert!(process::signal(agent.pid(), rustix::process::Signal::HUP));
    promptly("another policy", || {
        let page = agent.scrape();
        page.absent("spyhop_finding", &[&gone[..], &[("class", "service_missing")]].concat())?;
        page.expect("spyhop_service_tier_info", &[&web[..], &[("severity", "warning")]].concat(), 1.0)
    });
    eventually("nobody expects it", || agent.scrape().absent("spyhop_service_replicas_expected", &gone));
}
