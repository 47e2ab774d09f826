//! The broker, as a child of the agent and as a server of its own, on the real engine.
//!
//! Promised: what is not on the list is refused, whatever it looks like; no value of an environment leaves the broker or the agent, by any
//! way out; an agent without any right to the engine's socket works through a broker; parent and child do not outlive each other.

#![expect(clippy::expect_used, reason = "an assumption that breaks fails the test, as it should")]

mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::Shutdown,
    os::unix::{fs::MetadataExt as _, net::UnixStream, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use support::{
    agent::{Agent, Home},
    container::{Role, Running},
    docker::{Docker, Turn},
    process,
    scene::binary,
    wait::{eventually, holds, patience, promptly},
};
use tempfile::TempDir;

/// Values that nobody but their own container may see.
const CANARIES: [&str; 4] =
    ["canary-of-container-51f0", "canary-of-image-9b2e", "canary-of-command-77aa", "canary-of-check-c3d4"];

/// A broker on a socket of its own; killed when dropped.
struct Broker {
    child: Child,
    socket: PathBuf,
    folder: TempDir,
}

impl Broker {
    fn start(docker: &Docker, mode: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
        let socket = folder.path().join("engine.sock");
        let log = fs::File::create(folder.path().join("log")).expect("a file");
        let child = Command::new(binary())
            .args(["broker", "--mode", mode, "--log-format", "json", "--listen"])
            .arg(&socket)
            .args(["--engine", &format!("unix://{}", docker.socket().display())])
            .env_remove("DOCKER_HOST")
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        let broker = Self { child, socket, folder };
        eventually("the broker listens", || {
            holds(broker.ask("GET /_ping HTTP/1.1\r\nHost: a\r\n\r\n").contains(" 200 "), || broker.log())
        });
        broker
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Bytes in, everything that comes back within a time.
    fn ask(&self, request: &str) -> String {
        ask(&self.socket, request.as_bytes(), patience()).unwrap_or_default()
    }

    fn get(&self, target: &str) -> String {
        self.ask(&format!("GET {target} HTTP/1.1\r\nHost: engine\r\n\r\n"))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn ask(socket: &Path, request: &[u8], patience: Duration) -> std::io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    // Half of it may be refused already: what was said is read all the same.
    stream.write_all(request).ok();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut piece) {
        answer.extend_from_slice(piece.get(..read).unwrap_or_default());
    }
    stream.shutdown(Shutdown::Both).ok();
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A container with a canary wherever an environment or a command can be.
fn planted(docker: &Docker, image: &str) -> Running {
    let [container, _, command, check] = CANARIES;
    docker
        .container("canary")
        .compose("canaries", "bird", 1)
        .options(&["--env", &format!("DB_PASSWORD={container}"), "--env", &format!("PLAIN={container}")])
        .options(&["--health-cmd", &format!("true {check}"), "--health-interval", "1s"])
        .of_image(image)
        .role(Role::Arguments(vec!["sh".into(), "-c".into(), format!("sleep 100000; : {command}")]))
        .start()
}

/// An image with a canary in its environment, made from the one of the tests; removed when dropped.
struct Image<'d>(&'d Docker, String);

impl<'d> Image<'d> {
    fn planted(docker: &'d Docker) -> Self {
        let tag = format!("{}:1", docker.unique("canary-image"));
        let made = docker.container("canary-maker").create();
        docker.run(&["commit", "--change", &format!("ENV TOKEN={}", CANARIES[1]), &made.id, &tag]);
        Self(docker, tag)
    }
}

impl Drop for Image<'_> {
    fn drop(&mut self) {
        self.0.cli(&["image", "rm", "--force", &self.1]).ok();
    }
}

#[track_caller]
fn holds_no_canary(what: &str, text: &str) {
    for canary in CANARIES {
        assert!(!text.contains(canary), "{what}: {canary} in {text}");
    }
}

#[test]
fn no_value_of_an_environment_leaves_by_any_question() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let image = Image::planted(&docker);
    let bird = planted(&docker, &image.1);
    let broker = Broker::start(&docker, "0600");
    let id = bird.id.clone();
    let image_id = docker.run(&["image", "inspect", "--format", "{{.Id}}", &image.1]);
    let raw = ask(
        docker.socket(),
        format!("GET /containers/{id}/json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes(),
        patience(),
    );
    let raw = raw.expect("the engine answers");
    assert!(CANARIES.iter().all(|canary| raw.contains(canary)), "the engine itself tells all of them: {raw}");
    let network = docker.run(&["network", "inspect", "--format", "{{.Id}}", "bridge"]);
    bird.exec(&format!("true {}", CANARIES[2]));
    let since = jiff::Timestamp::now().as_second() - 60;
    let until = jiff::Timestamp::now().as_second() + 1;
    for version in ["", "/v1.41", "/v1.24"] {
        for target in [
            "/_ping".to_owned(),
            "/version".into(),
            "/info".into(),
            "/containers/json?all=1&size=1".into(),
            format!("/containers/{id}/json"),
            format!("/containers/{id}/json?size=1"),
            format!("/containers/{}/json", bird.name),
            format!("/containers/{id}/stats?stream=false"),
            format!("/containers/{id}/logs?stdout=1&stderr=1&timestamps=1"),
            "/networks".into(),
            format!("/networks/{network}"),
            format!("/images/{image_id}/json"),
            format!("/images/{}/json", image.1),
            format!("/events?since={since}&until={until}"),
        ] {
            let answer = broker.get(&format!("{version}{target}"));
            assert!(answer.starts_with("HTTP/1.1 200 "), "{version}{target}: {answer}");
            holds_no_canary(&target, &answer);
            let named = target.contains(&id) && target.ends_with("json");
            assert!(!named || answer.contains("DB_PASSWORD="), "names stay: {answer}");
            assert!(!target.contains("events") || answer.contains("exec_create\""), "the command was run: {answer}");
        }
    }
    // What came out of an environment by another way than its own is refused: the process itself, its files, its log's attributes.
    for target in [
        format!("/containers/{id}/top"),
        format!("/containers/{id}/archive?path=/proc/1/environ"),
        format!("/containers/{id}/export"),
        format!("/containers/{id}/changes"),
        format!("/containers/{id}/attach/ws"),
        format!("/containers/{id}/logs?stdout=1&details=1"),
        format!("/images/{image_id}/history"),
        "/images/json".into(),
        "/exec/0/json".into(),
        "/plugins".into(),
        "/system/df".into(),
    ] {
        let answer = broker.get(&target);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{target}: {answer}");
        holds_no_canary(&target, &answer);
    }
}

#[test]
fn nothing_but_the_list_gets_through_whatever_it_looks_like() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let broker = Broker::start(&docker, "0600");
    let name = docker.unique("must-not-exist");
    let create = format!("{{\"Image\":\"{}\",\"Cmd\":[\"true\"]}}", docker.image());
    let post =
        |head: &str| format!("POST /containers/create?name={name} HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n{create}");
    let length = format!("Content-Type: application/json\r\nContent-Length: {}", create.len());
    for request in [
        post(&length),
        format!("GET /info HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n{}", post(&length)),
        format!("GET /info HTTP/1.1\r\nHost: a\r\n\r\n{}", post(&length)),
        format!("GET /info HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{}", post(&length)),
        format!("HEAD /_ping HTTP/1.1\r\nHost: a\r\n\r\n{}", post(&length)),
        format!("GET /info HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n{}", post(&length)),
        format!(
            "GET /info HTTP/1.1\r\nHost: a\r\nX: b\n\nPOST /containers/create?name={name} HTTP/1.1\nHost: a\n{length}\n\n{create}"
        ),
        format!("GET /info%20HTTP/1.1%0d%0a%0d%0aPOST%20/containers/create?name={name} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("POST http://engine/containers/create?name={name} HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n{create}"),
    ] {
        let answer = broker.ask(&request);
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "one connection, one answer: {answer}");
    }
    let found = docker.run(&["ps", "--all", "--quiet", "--filter", &format!("name={name}")]);
    assert_eq!(found, "", "a container was made");
    let log = broker.log();
    assert!(log.contains("request refused") && log.contains("\"refused\":"), "{log}");
}

#[test]
fn the_docker_command_reads_through_it_and_changes_nothing() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let bird = planted(&docker, docker.image());
    let broker = Broker::start(&docker, "0600");
    let run = |arguments: &[&str]| {
        let socket = format!("unix://{}", broker.socket.display());
        let output = Command::new("docker").args(["--host", &socket]).args(arguments).output().expect("docker runs");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    assert!(run(&["ps", "--no-trunc"]).contains(&bird.id));
    let inspected = run(&["inspect", &bird.id]);
    assert!(inspected.contains("\"DB_PASSWORD=\""), "{inspected}");
    holds_no_canary("inspect", &inspected);
    for verb in [
        &["stop", &bird.id][..],
        &["exec", &bird.id, "env"],
        &["rm", "-f", &bird.id],
        &["cp", &format!("{}:/etc", bird.id), "-"],
    ] {
        let said = run(verb);
        // A client which still writes its body when the connection is closed may not hear the reason.
        let reasons = ["only GET is answered", "not on the list", "broken pipe", "EOF"];
        assert!(reasons.iter().any(|reason| said.contains(reason)), "{verb:?}: {said}");
        holds_no_canary("a refusal", &said);
    }
    assert!(bird.pid() > 0, "it still runs");
}

/// All that the agent says, in one text.
fn everything(agent: &Agent, home: &Home) -> String {
    let mut all = agent.log();
    for path in [
        "/",
        "/metrics",
        "/health",
        "/sd",
        "/api/v1/containers",
        "/api/v1/services",
        "/api/v1/findings",
        "/api/v1/logs",
        "/api/v1/probes",
        "/api/v1/version",
    ] {
        all += agent.get(path, &[]).expect("an answer").text();
    }
    for command in [&["status"][..], &["status", "--json"], &["check"], &["check", "--format", "json"], &["init"]] {
        let output = Command::new(binary())
            .args(command)
            .arg("--config")
            .arg(home.config())
            .arg("--set")
            .arg(format!("http.listen={}", agent.address))
            .env_remove("DOCKER_HOST")
            .output()
            .expect("it runs");
        all += &String::from_utf8_lossy(&[output.stdout, output.stderr].concat());
    }
    for file in home.state_files() {
        all += &String::from_utf8_lossy(&fs::read(file).unwrap_or_default());
    }
    all
}

#[test]
fn no_value_of_an_environment_is_in_anything_the_agent_says() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let image = Image::planted(&docker);
    let bird = planted(&docker, &image.1);
    let more = "log:\n  level: trace\n  format: json\nmetrics:\n  container_labels: [\"*\"]\n";
    let home = Home::with(&binary(), docker.socket(), "");
    // The section `log` stands in every home already: this one says more.
    let text = fs::read_to_string(home.config()).expect("a file").replace("log:\n  format: json\n", more);
    fs::write(home.config(), text).expect("a file");
    let agent = home.start();
    promptly("the container", || agent.scrape().require("container_last_seen", &[("name", &bird.name)]));
    eventually("the finding by the variable's name", || {
        let findings = agent.get("/api/v1/findings", &[]).map_err(|error| error.to_string())?;
        holds(findings.text().contains("DB_PASSWORD"), || findings.text().to_owned())
    });
    let all = everything(&agent, &home);
    assert!(all.contains(&bird.name));
    holds_no_canary("the agent", &all);
    assert!(agent.terminate().success());
}

#[test]
fn an_agent_without_a_right_to_the_socket_works_through_a_broker() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let bird = planted(&docker, docker.image());
    let mode = fs::metadata(docker.socket()).expect("the socket").mode();
    assert_eq!(mode & 0o007, 0, "the engine's socket is closed to others");
    let broker = Broker::start(&docker, "0666");
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).expect("ours");
    let file = |name: &str| folder.path().join(name);
    // A copy: whoever runs it may not be allowed into the folder where it was built.
    fs::copy(binary(), file("spyhop")).expect("a copy");
    let start = |engine: &Path, name: &str| {
        let log = fs::File::create(file(name)).expect("a file");
        let mut command = Command::new(file("spyhop"));
        command.args(["run", "--listen", "127.0.0.1:0", "--log-format", "json", "--set", "state.directory=off"]);
        command.args(["--engine", &format!("unix://{}", engine.display())]).current_dir("/").env_clear();
        command.stdin(Stdio::null()).stderr(log).uid(65534).gid(65534).spawn().map(Reaped).expect("it starts")
    };
    let log = |name: &str| fs::read_to_string(file(name)).unwrap_or_default();
    let agent = start(&broker.socket, "through.log");
    let address = eventually("it listens", || process::listening(agent.0.id()).ok_or_else(|| log("through.log")));
    eventually("the container is on its page", || {
        let page = support::wire::get(address, "/metrics", &[], patience()).map_err(|error| error.to_string())?;
        holds(page.text().contains(&bird.name), || log("through.log"))
    });
    let said = log("through.log");
    assert!(said.contains("\"socket_parted\":true") && !said.contains("command the engine"), "{said}");
    assert!(children(agent.0.id()).is_empty(), "what is filtered is not filtered twice");
    // Whatever others try there is known to the agent with its next question: another container makes it ask.
    for _ in 0..3 {
        assert!(broker.get("/images/json").contains(" 403 "), "it is not on the list");
    }
    let other = planted(&docker, docker.image());
    eventually("the agent tells what the broker has refused", || {
        let page = support::wire::get(address, "/metrics", &[], patience()).map_err(|error| error.to_string())?;
        let told = page.text().lines().find_map(|line| line.strip_prefix("spyhop_broker_refused_total "));
        let told = told.and_then(|count| count.parse::<u64>().ok());
        // The self-test of the agent is one.
        holds(page.text().contains(&other.name) && told == Some(4), || format!("{told:?}"))
    });

    let shut_out = start(docker.socket(), "shut-out.log");
    eventually("it says why", || {
        holds(log("shut-out.log").contains("Permission denied (os error 13)"), || log("shut-out.log"))
    });
    drop(shut_out);
}

struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Processes whose parent this one is.
fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let of_task = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
    tasks
        .map(of_task)
        .flat_map(|text| text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn status(pid: u32, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default().trim().to_owned()
}

fn gone(pid: u32) -> bool {
    matches!(status(pid, "State:").chars().next(), None | Some('Z'))
}

#[test]
fn parent_and_child_do_not_outlive_each_other() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let home = Home::new(&binary(), docker.socket());
    let agent = home.start();
    let broker = *children(agent.pid()).first().expect("a broker");
    assert_eq!(status(broker, "Name:"), "spyhop-broker");
    for pid in [agent.pid(), broker] {
        assert_eq!((status(pid, "Seccomp:"), status(pid, "NoNewPrivs:")), ("2".into(), "1".into()), "{pid}");
    }
    assert_eq!(status(broker, "Threads:"), "1");
    // Nobody else of that user reads the memory of either.
    for pid in [agent.pid(), broker] {
        assert_eq!(fs::metadata(format!("/proc/{pid}/mem")).expect("it runs").uid(), 0);
    }
    agent.kill();
    eventually("the child has gone with its parent", || holds(gone(broker), || status(broker, "State:")));

    // Told to end, the parent does so in order, and its child with it; a signal to all of a group does not end the child first.
    let agent = home.start();
    let broker = *children(agent.pid()).first().expect("a broker");
    assert!(process::signal(broker, Signal::TERM) && process::signal(broker, Signal::INT));
    eventually("it is still heard", || agent.scrape().expect("spyhop_engine_up", &[], 1.0));
    assert_eq!(agent.terminate().code(), Some(0));
    eventually("the child has gone", || holds(gone(broker), || status(broker, "State:")));
}

#[test]
fn an_agent_whose_broker_is_killed_ends_and_says_why() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let home = Home::new(&binary(), docker.socket());
    let agent = home.start();
    let (pid, broker) = (agent.pid(), *children(agent.pid()).first().expect("a broker"));
    assert!(process::signal(broker, Signal::KILL));
    eventually("the agent ends", || holds(gone(pid), || agent.log()));
    let log = agent.log();
    assert!(log.contains("the broker, which holds the engine's socket, has ended (signal: 9"), "{log}");
}

#[test]
fn the_broker_is_small_and_sleeps() {
    let Some(docker) = Docker::or_skip(Turn::Alone) else { return };
    let _some: Vec<Running> = (0..3).map(|number| docker.container(&format!("some-{number}")).start()).collect();
    let home = Home::new(&binary(), docker.socket());
    let agent = home.start();
    let broker = *children(agent.pid()).first().expect("a broker");
    let usage = process::Usage::of(broker).expect("it runs");
    println!("{} KiB allocated, {} KiB resident", usage.allocated >> 10, usage.rss >> 10);
    assert!(usage.allocated < 4 << 20, "{} bytes allocated", usage.allocated);
    assert_eq!(usage.threads, 1);
}

#[test]
fn without_a_broker_the_agent_says_what_it_could() {
    let Some(docker) = Docker::or_skip(Turn::Shared) else { return };
    let home = Home::new(&binary(), docker.socket()).environment("SPYHOP__ENGINE__BROKER", "off");
    let agent = home.start();
    assert!(children(agent.pid()).is_empty());
    eventually("it is said", || {
        let page = agent.scrape();
        page.expect("spyhop_sandbox_state", &[("process", "agent"), ("measure", "socket_parted")], 0.0)?;
        page.expect("spyhop_sandbox_state", &[("process", "agent"), ("measure", "seccomp")], 1.0)
    });
    assert!(agent.log().contains("command the engine by its socket"), "{}", agent.log());
}
